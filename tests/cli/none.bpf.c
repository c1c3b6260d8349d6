// No program at all.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

int counter SEC(".data") = 1;

char LICENSE[] SEC("license") = "GPL";
