// SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0
// Variables of all sections: initialised, constant, zero, static, strings and custom names.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct settings {
	__u32 limit;
	char name[12];
	_Bool on;
};

int counter = 7;
struct settings settings = { .limit = 42, .name = "skep", .on = 1 };
const volatile int threshold = 9;
const volatile struct settings fixed = { .limit = 1, .name = "fixed" };
__u64 total;
static __u64 hits[4];
int custom SEC(".data.custom") = 5;

SEC("xdp")
int use_data(struct xdp_md *ctx)
{
	static __u32 last;
	__u32 queue = ctx->rx_queue_index;

	counter++;
	total += queue;
	hits[queue & 3] += 1;
	last = queue;
	custom += last;
	if (queue > (__u32)threshold || settings.on == 0 || fixed.limit == 0)
		return XDP_DROP;
	bpf_printk("queue %d of %d", queue, settings.limit);
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
