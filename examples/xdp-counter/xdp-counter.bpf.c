// SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0
// Counts packets per CPU, as it is written today: the map's key and value have types, which dumps
// show by name.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u64);
} my_map SEC(".maps");

SEC("xdp")
int count_packets(struct xdp_md *ctx)
{
	__u32 cpu = bpf_get_smp_processor_id();
	__u64 *val = bpf_map_lookup_elem(&my_map, &cpu);

	(void)ctx;
	if (!val)
		return XDP_ABORTED;
	*val += 1;
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
