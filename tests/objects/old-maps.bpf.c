// SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0
// Map definitions from before BTF: shorter, longer and annotated structures, all in one section.
// clang: -O2 -g => old-maps.bpf.o
// clang: -O0 => old-maps-O0.bpf.o
// clang: -O1 -mcpu=v1 => old-maps-v1.bpf.o
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct short_def {
	__u32 type, key_size, value_size, max_entries;
};

struct long_def {
	__u32 type, key_size, value_size, max_entries, map_flags, inner_map_idx, numa_node;
};

struct pair {
	__u32 a, b;
};

struct short_def SEC("maps") counters = { BPF_MAP_TYPE_ARRAY, 4, 8, 16 };
struct long_def SEC("maps") flows = { BPF_MAP_TYPE_HASH, 4, 8, 64, 1, 0, 0 };
struct bpf_map_def SEC("maps") pairs = {
	.type = BPF_MAP_TYPE_HASH,
	.key_size = sizeof(__u32),
	.value_size = sizeof(struct pair),
	.max_entries = 4,
};
struct ____btf_map_pairs {
	__u32 key;
	struct pair value;
};
struct ____btf_map_pairs SEC(".maps.pairs") ____btf_map_pairs = {};

__u32 _version SEC("version") = 0x061200;

SEC("socket1")
int count(struct __sk_buff *skb)
{
	__u32 key = skb->protocol & 15;
	__u64 *counter = bpf_map_lookup_elem(&counters, &key);
	__u64 one = 1;
	struct pair *pair;

	if (counter)
		__sync_fetch_and_add(counter, 1);
	bpf_map_update_elem(&flows, &key, &one, BPF_ANY);
	pair = bpf_map_lookup_elem(&pairs, &key);
	return pair ? pair->b : 0;
}

char _license[] SEC("license") = "GPL";
