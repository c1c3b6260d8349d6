// SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0
// A socket filter that lets ICMP through, at most 64 bytes of each packet, and counts the bytes of
// every IP protocol that it saw.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, __u64);
} bytes_by_protocol SEC(".maps");

SEC("socket")
int icmp_only(struct __sk_buff *skb)
{
	__u8 protocol;
	__u32 key;
	__u64 *bytes;

	if (skb->protocol != bpf_htons(ETH_P_IP))
		return 0;
	/* Sockets differ in whether they see the link header: count from the network header. */
	if (bpf_skb_load_bytes_relative(skb, offsetof(struct iphdr, protocol), &protocol, 1,
					BPF_HDR_START_NET) < 0)
		return 0;

	key = protocol;
	bytes = bpf_map_lookup_elem(&bytes_by_protocol, &key);
	if (bytes)
		__sync_fetch_and_add(bytes, skb->len);
	return protocol == IPPROTO_ICMP ? 64 : 0;
}

char _license[] SEC("license") = "GPL";
