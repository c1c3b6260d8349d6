// SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0
// Of the other byte order.
// clang: -O2 -g -target bpfeb => big-endian.bpf.o
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int pass(struct xdp_md *ctx)
{
	return ctx->rx_queue_index ? XDP_DROP : XDP_PASS;
}

char _license[] SEC("license") = "GPL";
