/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The TCP header. */
#ifndef SKEP_LINUX_TCP_H
#define SKEP_LINUX_TCP_H

#include <linux/types.h>

struct tcphdr {
	__be16 source;
	__be16 dest;
	__be32 seq;
	__be32 ack_seq;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	__u16 ae : 1, res1 : 3, doff : 4;
	__u16 fin : 1, syn : 1, rst : 1, psh : 1, ack : 1, urg : 1, ece : 1, cwr : 1;
#else
	__u16 doff : 4, res1 : 3, ae : 1;
	__u16 cwr : 1, ece : 1, urg : 1, ack : 1, psh : 1, rst : 1, syn : 1, fin : 1;
#endif
	__be16 window;
	__sum16 check;
	__be16 urg_ptr;
};

/* The fourth word of the header, as it lies in memory. */
union tcp_word_hdr {
	struct tcphdr hdr;
	__be32 words[5];
};
#define tcp_flag_word(tp) (((union tcp_word_hdr *)(tp))->words[3])

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define SKEP_TCP_WORD(x) __builtin_bswap32(x)
#else
#define SKEP_TCP_WORD(x) (x)
#endif
enum {
	TCP_FLAG_AE = SKEP_TCP_WORD(0x01000000),
	TCP_FLAG_CWR = SKEP_TCP_WORD(0x00800000),
	TCP_FLAG_ECE = SKEP_TCP_WORD(0x00400000),
	TCP_FLAG_URG = SKEP_TCP_WORD(0x00200000),
	TCP_FLAG_ACK = SKEP_TCP_WORD(0x00100000),
	TCP_FLAG_PSH = SKEP_TCP_WORD(0x00080000),
	TCP_FLAG_RST = SKEP_TCP_WORD(0x00040000),
	TCP_FLAG_SYN = SKEP_TCP_WORD(0x00020000),
	TCP_FLAG_FIN = SKEP_TCP_WORD(0x00010000),
};

#endif
