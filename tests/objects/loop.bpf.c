// SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0
// A bounded loop over packet bytes.
// clang: -O2 -g => loop.bpf.o
// clang: -O1 -g -mcpu=v2 => loop-v2.bpf.o
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int sum(struct xdp_md *ctx)
{
	__u8 *data = (__u8 *)(long)ctx->data;
	__u8 *end = (__u8 *)(long)ctx->data_end;
	__u32 total = 0;

#pragma clang loop unroll(disable)
	for (int i = 0; i < 64; i++) {
		if (data + i + 1 > end)
			break;
		total += data[i];
	}
	return total & 1 ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "GPL";
