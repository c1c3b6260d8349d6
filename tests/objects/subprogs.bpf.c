// SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0
// Functions that call each other: static ones in .text, shared by programs of several sections.
// clang: -O2 -g => subprogs.bpf.o
// clang: -O0 -g => subprogs-O0.bpf.o
// clang: -O2 -g -mcpu=v4 => subprogs-v4.bpf.o
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define NOINLINE __attribute__((noinline))

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} calls SEC(".maps");

static NOINLINE int count(__u32 key)
{
	__u64 *value = bpf_map_lookup_elem(&calls, &key);

	if (!value)
		return -1;
	return (*value)++;
}

static NOINLINE int twice(__u32 key)
{
	int first = count(key);

	return first + count(key + 1);
}

NOINLINE int global_sum(int a, int b)
{
	return a * 3 + b;
}

SEC("xdp")
int first(struct xdp_md *ctx)
{
	return global_sum(twice(0), ctx->rx_queue_index) > 0 ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int second(struct xdp_md *ctx)
{
	return count(ctx->rx_queue_index & 3) > 100 ? XDP_DROP : XDP_PASS;
}

SEC("?socket")
int optional(struct __sk_buff *skb)
{
	return global_sum(skb->len, count(1));
}

SEC("tc")
int classify(struct __sk_buff *skb)
{
	return skb->len > 100 ? 2 : 0;
}

char _license[] SEC("license") = "GPL";
