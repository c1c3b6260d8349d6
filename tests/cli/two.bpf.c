// Several programs: one that drops, one that answers strangely, one that takes no packets.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int drop_all(struct xdp_md *ctx)
{
	return XDP_DROP;
}

SEC("xdp")
int odd(struct xdp_md *ctx)
{
	return 17;
}

SEC("tracepoint/syscalls/sys_enter_open")
int trace(void *ctx)
{
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
