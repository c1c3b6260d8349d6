// SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0
// What a typed map definition can say.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct statistics {
	__u64 packets, bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 32);
	__uint(key_size, 4);
	__uint(value_size, 8);
	__uint(map_flags, 1);
} per_cpu SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, int);
	__type(value, struct statistics);
} statistics SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u64);
	__uint(pinning, 1);
} shared SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(int));
	__uint(value_size, sizeof(int));
} events SEC(".maps");

SEC("xdp")
int use_maps(struct xdp_md *ctx)
{
	__u32 key = 1;
	__u64 *value = bpf_map_lookup_elem(&shared, &key);
	struct statistics *stats = bpf_map_lookup_elem(&statistics, &key);

	if (stats)
		stats->packets++;
	if (value)
		bpf_map_update_elem(&per_cpu, &key, value, BPF_ANY);
	return bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &key, sizeof(key)) ? 1 : 2;
}

char _license[] SEC("license") = "GPL";
