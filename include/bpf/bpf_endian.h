/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Network byte order. Constants are swapped by the compiler, values by one instruction. */
#ifndef SKEP_BPF_ENDIAN_H
#define SKEP_BPF_ENDIAN_H

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define SKEP_BE16(x) ((unsigned short)__builtin_bswap16(x))
#define SKEP_BE32(x) ((unsigned int)__builtin_bswap32(x))
#define SKEP_BE64(x) ((unsigned long long)__builtin_bswap64(x))
#else
#define SKEP_BE16(x) ((unsigned short)(x))
#define SKEP_BE32(x) ((unsigned int)(x))
#define SKEP_BE64(x) ((unsigned long long)(x))
#endif

#define bpf_htons(x) SKEP_BE16(x)
#define bpf_ntohs(x) SKEP_BE16(x)
#define bpf_htonl(x) SKEP_BE32(x)
#define bpf_ntohl(x) SKEP_BE32(x)
#define bpf_cpu_to_be64(x) SKEP_BE64(x)
#define bpf_be64_to_cpu(x) SKEP_BE64(x)

#endif
