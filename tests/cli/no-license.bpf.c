// Calls a helper that is for GPL programs only, and has no license.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int say(struct xdp_md *ctx)
{
	bpf_printk("packet");
	return XDP_PASS;
}
