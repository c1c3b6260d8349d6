// SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0
// A function of the kernel, which a loader must find in the running one.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

extern void bpf_rcu_read_lock(void) __attribute__((section(".ksyms")));

SEC("socket")
int lock(struct __sk_buff *skb)
{
	(void)skb;
	bpf_rcu_read_lock();
	return 0;
}

char _license[] SEC("license") = "GPL";
