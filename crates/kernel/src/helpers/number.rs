//! Numbers of the helpers that this kernel has (`enum bpf_func_id`).

/// One more than the largest number of Linux 6.18.
pub(crate) const COUNT: u32 = 212;

pub(crate) const MAP_LOOKUP_ELEM: u32 = 1;
pub(crate) const MAP_UPDATE_ELEM: u32 = 2;
pub(crate) const MAP_DELETE_ELEM: u32 = 3;
pub(crate) const KTIME_GET_NS: u32 = 5;
pub(crate) const TRACE_PRINTK: u32 = 6;
pub(crate) const GET_PRANDOM_U32: u32 = 7;
pub(crate) const GET_SMP_PROCESSOR_ID: u32 = 8;
pub(crate) const GET_CURRENT_PID_TGID: u32 = 14;
pub(crate) const GET_CURRENT_UID_GID: u32 = 15;
pub(crate) const GET_CURRENT_COMM: u32 = 16;
pub(crate) const REDIRECT: u32 = 23;
pub(crate) const SKB_LOAD_BYTES: u32 = 26;
pub(crate) const CSUM_DIFF: u32 = 28;
pub(crate) const GET_NUMA_NODE_ID: u32 = 42;
pub(crate) const XDP_ADJUST_HEAD: u32 = 44;
pub(crate) const XDP_ADJUST_META: u32 = 54;
pub(crate) const XDP_ADJUST_TAIL: u32 = 65;
pub(crate) const SKB_LOAD_BYTES_RELATIVE: u32 = 68;
pub(crate) const JIFFIES64: u32 = 118;
pub(crate) const KTIME_GET_BOOT_NS: u32 = 125;
pub(crate) const KTIME_GET_COARSE_NS: u32 = 160;
pub(crate) const XDP_GET_BUFF_LEN: u32 = 188;
pub(crate) const XDP_LOAD_BYTES: u32 = 189;
pub(crate) const XDP_STORE_BYTES: u32 = 190;
pub(crate) const MAP_LOOKUP_PERCPU_ELEM: u32 = 195;
pub(crate) const KTIME_GET_TAI_NS: u32 = 208;
