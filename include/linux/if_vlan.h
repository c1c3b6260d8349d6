/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* IEEE 802.1Q tags. The structures are the kernel's internal ones, which network programs copy. */
#ifndef SKEP_LINUX_IF_VLAN_H
#define SKEP_LINUX_IF_VLAN_H

#include <linux/if_ether.h>
#include <linux/types.h>

#define VLAN_HLEN 4
#define VLAN_ETH_HLEN 18
#define VLAN_PRIO_MASK 0xe000
#define VLAN_PRIO_SHIFT 13
#define VLAN_CFI_MASK 0x1000
#define VLAN_VID_MASK 0x0fff
#define VLAN_N_VID 4096

struct vlan_hdr {
	__be16 h_vlan_TCI;
	__be16 h_vlan_encapsulated_proto;
};

struct vlan_ethhdr {
	unsigned char h_dest[ETH_ALEN];
	unsigned char h_source[ETH_ALEN];
	__be16 h_vlan_proto;
	__be16 h_vlan_TCI;
	__be16 h_vlan_encapsulated_proto;
};

#endif
