/*
 * Sizes, offsets and bit fields of every structure that our headers share with the system's.
 * Compiled once with each; the two assembler texts must be equal.
 */
#include <linux/types.h>
#include <linux/bpf.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <asm/byteorder.h>

#define SIZE(t) unsigned long size_of_##t = sizeof(struct t)
#define AT(t, name, member) unsigned long at_##t##_##name = __builtin_offsetof(struct t, member)
#define F(t, member) AT(t, member, member)

SIZE(ethhdr); F(ethhdr, h_dest); F(ethhdr, h_source); F(ethhdr, h_proto);

SIZE(iphdr); F(iphdr, tos); F(iphdr, tot_len); F(iphdr, id); F(iphdr, frag_off); F(iphdr, ttl);
F(iphdr, protocol); F(iphdr, check); F(iphdr, saddr); F(iphdr, daddr);
struct iphdr bits_of_iphdr = { .ihl = 5, .version = 4 };
SIZE(ip_auth_hdr); F(ip_auth_hdr, auth_data); SIZE(ip_esp_hdr); SIZE(ip_comp_hdr);

SIZE(ipv6hdr); F(ipv6hdr, flow_lbl); F(ipv6hdr, payload_len); F(ipv6hdr, nexthdr);
F(ipv6hdr, hop_limit); F(ipv6hdr, saddr); F(ipv6hdr, daddr);
struct ipv6hdr bits_of_ipv6hdr = { .version = 6, .priority = 1 };
SIZE(in6_addr); SIZE(sockaddr_in6); F(sockaddr_in6, sin6_addr); F(sockaddr_in6, sin6_scope_id);
SIZE(ipv6_opt_hdr); SIZE(ipv6_rt_hdr);
SIZE(in_addr); SIZE(sockaddr_in); F(sockaddr_in, sin_addr);

SIZE(tcphdr); F(tcphdr, source); F(tcphdr, dest); F(tcphdr, seq); F(tcphdr, ack_seq);
F(tcphdr, window); F(tcphdr, check); F(tcphdr, urg_ptr);
struct tcphdr bits_of_tcphdr = { .doff = 5, .syn = 1, .psh = 1, .cwr = 1 };
unsigned int flags_of_tcp[] = { TCP_FLAG_FIN, TCP_FLAG_SYN, TCP_FLAG_ACK, TCP_FLAG_CWR };
SIZE(udphdr); F(udphdr, source); F(udphdr, dest); F(udphdr, len); F(udphdr, check);
SIZE(icmphdr); F(icmphdr, type); F(icmphdr, code); F(icmphdr, checksum);
AT(icmphdr, sequence, un.echo.sequence); AT(icmphdr, mtu, un.frag.mtu);
SIZE(icmp6hdr); F(icmp6hdr, icmp6_cksum); AT(icmp6hdr, sequence, icmp6_sequence);
SIZE(sockaddr_ll); F(sockaddr_ll, sll_ifindex); F(sockaddr_ll, sll_pkttype);
F(sockaddr_ll, sll_addr); SIZE(sockaddr_pkt);

SIZE(bpf_insn); F(bpf_insn, off); F(bpf_insn, imm);
SIZE(xdp_md); F(xdp_md, data); F(xdp_md, data_end); F(xdp_md, data_meta);
F(xdp_md, ingress_ifindex); F(xdp_md, rx_queue_index); F(xdp_md, egress_ifindex);
SIZE(__sk_buff); F(__sk_buff, len); F(__sk_buff, pkt_type); F(__sk_buff, mark);
F(__sk_buff, queue_mapping); F(__sk_buff, protocol); F(__sk_buff, vlan_present);
F(__sk_buff, vlan_tci); F(__sk_buff, vlan_proto); F(__sk_buff, priority);
F(__sk_buff, ingress_ifindex); F(__sk_buff, ifindex); F(__sk_buff, tc_index); F(__sk_buff, cb);
F(__sk_buff, hash); F(__sk_buff, tc_classid); F(__sk_buff, data); F(__sk_buff, data_end);
F(__sk_buff, napi_id); F(__sk_buff, family); F(__sk_buff, remote_ip4); F(__sk_buff, local_ip4);
F(__sk_buff, remote_ip6); F(__sk_buff, local_ip6); F(__sk_buff, remote_port);
F(__sk_buff, local_port); F(__sk_buff, data_meta); F(__sk_buff, flow_keys); F(__sk_buff, tstamp);
F(__sk_buff, wire_len); F(__sk_buff, gso_segs); F(__sk_buff, sk); F(__sk_buff, gso_size);
F(__sk_buff, tstamp_type); F(__sk_buff, hwtstamp);
SIZE(bpf_sock); F(bpf_sock, src_ip6); F(bpf_sock, dst_port); F(bpf_sock, dst_ip4);
F(bpf_sock, rx_queue_mapping);
SIZE(bpf_tcp_sock); F(bpf_tcp_sock, bytes_received); F(bpf_tcp_sock, icsk_retransmits);
SIZE(bpf_sock_tuple); AT(bpf_sock_tuple, dport4, ipv4.dport); AT(bpf_sock_tuple, dport6, ipv6.dport);
SIZE(bpf_tunnel_key); F(bpf_tunnel_key, tunnel_label); F(bpf_tunnel_key, local_ipv6);
SIZE(bpf_xfrm_state); SIZE(bpf_devmap_val); SIZE(bpf_cpumap_val);
SIZE(sk_msg_md); F(sk_msg_md, data_end); F(sk_msg_md, size); F(sk_msg_md, sk);
SIZE(sk_reuseport_md); F(sk_reuseport_md, hash); F(sk_reuseport_md, migrating_sk);
SIZE(bpf_sock_addr); F(bpf_sock_addr, msg_src_ip6); F(bpf_sock_addr, sk);
F(bpf_sock_ops, sk_txhash); F(bpf_sock_ops, bytes_acked);
F(bpf_sock_ops, skb_data_end); F(bpf_sock_ops, skb_tcp_flags);
SIZE(bpf_sk_lookup); F(bpf_sk_lookup, remote_port); F(bpf_sk_lookup, local_ip4);
F(bpf_sk_lookup, ingress_ifindex);
SIZE(bpf_cgroup_dev_ctx); SIZE(bpf_sysctl); SIZE(bpf_sockopt); F(bpf_sockopt, retval);
SIZE(bpf_fib_lookup); F(bpf_fib_lookup, ifindex); F(bpf_fib_lookup, ipv4_src);
F(bpf_fib_lookup, ipv6_dst); F(bpf_fib_lookup, h_vlan_TCI); F(bpf_fib_lookup, dmac);
SIZE(bpf_redir_neigh); SIZE(bpf_flow_keys); F(bpf_flow_keys, ipv6_dst); F(bpf_flow_keys, flow_label);
SIZE(bpf_lpm_trie_key); F(bpf_lpm_trie_key, data);
SIZE(bpf_cgroup_storage_key); SIZE(bpf_stack_build_id); F(bpf_stack_build_id, offset);
SIZE(bpf_perf_event_value); SIZE(bpf_pidns_info); SIZE(btf_ptr);
SIZE(bpf_spin_lock); SIZE(bpf_timer); SIZE(bpf_dynptr);
