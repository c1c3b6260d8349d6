// SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0
// Parses Ethernet, up to two VLAN tags, IPv4 or IPv6, and TCP or UDP; counts packets and bytes by
// protocol in a hash map; drops what goes to a port that the user put into another.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_vlan.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct traffic {
	__u64 packets;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, struct traffic);
} by_protocol SEC(".maps");

/* Ports in host byte order; the value counts what was dropped. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u16);
	__type(value, __u64);
} blocked_ports SEC(".maps");

struct cursor {
	void *pos;
	void *end;
};

/* The next `size` bytes, or null at the end of the packet. */
static __always_inline void *take(struct cursor *cursor, unsigned long size)
{
	void *taken = cursor->pos;

	if (taken + size > cursor->end)
		return NULL;
	cursor->pos = taken + size;
	return taken;
}

/* The EtherType behind the tags, in network byte order; 0 if the packet is cut short. */
static __always_inline __be16 parse_ethernet(struct cursor *cursor)
{
	struct ethhdr *eth = take(cursor, sizeof(*eth));
	__be16 type;

	if (!eth)
		return 0;
	type = eth->h_proto;
	for (int tags = 0; tags < 2; tags++) {
		struct vlan_hdr *vlan;

		if (type != bpf_htons(ETH_P_8021Q) && type != bpf_htons(ETH_P_8021AD))
			break;
		vlan = take(cursor, sizeof(*vlan));
		if (!vlan)
			return 0;
		type = vlan->h_vlan_encapsulated_proto;
	}
	return type;
}

/* The transport protocol, or -1 if there is none to be found. */
static __always_inline int parse_ip(struct cursor *cursor, __be16 type)
{
	if (type == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = take(cursor, sizeof(*ip));

		if (!ip || ip->ihl < 5 || !take(cursor, (ip->ihl - 5) * 4))
			return -1;
		return ip->protocol;
	}
	if (type == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip = take(cursor, sizeof(*ip));

		return ip ? ip->nexthdr : -1;
	}
	return -1;
}

/* The destination port in host byte order, or 0. */
static __always_inline __u16 parse_port(struct cursor *cursor, int protocol)
{
	if (protocol == IPPROTO_TCP) {
		struct tcphdr *tcp = take(cursor, sizeof(*tcp));

		return tcp ? bpf_ntohs(tcp->dest) : 0;
	}
	if (protocol == IPPROTO_UDP) {
		struct udphdr *udp = take(cursor, sizeof(*udp));

		return udp ? bpf_ntohs(udp->dest) : 0;
	}
	return 0;
}

static __always_inline void count(int protocol, __u64 bytes)
{
	__u32 key = protocol;
	struct traffic first = { .packets = 1, .bytes = bytes };
	struct traffic *seen = bpf_map_lookup_elem(&by_protocol, &key);

	if (!seen) {
		bpf_map_update_elem(&by_protocol, &key, &first, BPF_NOEXIST);
		return;
	}
	__sync_fetch_and_add(&seen->packets, 1);
	__sync_fetch_and_add(&seen->bytes, bytes);
}

SEC("xdp")
int parse(struct xdp_md *ctx)
{
	struct cursor cursor = { (void *)(long)ctx->data, (void *)(long)ctx->data_end };
	__u64 bytes = cursor.end - cursor.pos;
	int protocol = parse_ip(&cursor, parse_ethernet(&cursor));
	__u64 *dropped;
	__u16 port;

	if (protocol < 0)
		return XDP_PASS;
	count(protocol, bytes);

	port = parse_port(&cursor, protocol);
	dropped = bpf_map_lookup_elem(&blocked_ports, &port);
	if (!dropped)
		return XDP_PASS;
	__sync_fetch_and_add(dropped, 1);
	return XDP_DROP;
}

char _license[] SEC("license") = "GPL";
