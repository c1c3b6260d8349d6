/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Packet sockets: what __sk_buff's pkt_type says, and the link-level address. */
#ifndef SKEP_LINUX_IF_PACKET_H
#define SKEP_LINUX_IF_PACKET_H

#include <linux/types.h>

#define PACKET_HOST 0      /* to us */
#define PACKET_BROADCAST 1 /* to all */
#define PACKET_MULTICAST 2 /* to a group */
#define PACKET_OTHERHOST 3 /* to somebody else */
#define PACKET_OUTGOING 4  /* from us */
#define PACKET_LOOPBACK 5  /* looped back */
#define PACKET_USER 6
#define PACKET_KERNEL 7

struct sockaddr_pkt {
	unsigned short spkt_family;
	unsigned char spkt_device[14];
	__be16 spkt_protocol;
};

struct sockaddr_ll {
	unsigned short sll_family;
	__be16 sll_protocol;
	int sll_ifindex;
	unsigned short sll_hatype;
	unsigned char sll_pkttype;
	unsigned char sll_halen;
	unsigned char sll_addr[8];
};

#endif
