// SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0
// An access whose offset depends on the running kernel.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct task_struct {
	int pid;
} __attribute__((preserve_access_index));

SEC("tp/sched/sched_switch")
int read_pid(void *ctx)
{
	struct task_struct *task = (void *)(long)bpf_get_current_task();
	int pid = 0;

	(void)ctx;
	bpf_probe_read_kernel(&pid, sizeof(pid), &task->pid);
	return pid;
}

char _license[] SEC("license") = "GPL";
