// SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0
// Counts packets per CPU, as it was written in the days before BTF: the map is a plain structure,
// the section names the program.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct bpf_map_def SEC("maps") my_map = {
	.type = BPF_MAP_TYPE_ARRAY,
	.key_size = sizeof(__u32),
	.value_size = sizeof(__u64),
	.max_entries = 8,
};

SEC("xdp/simple")
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
