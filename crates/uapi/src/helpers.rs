//! Helper functions: numbers, names and C signatures as of Linux 6.18.
//!
//! A helper's arguments are known here as C text only; what the verifier has to know of them is
//! each kernel's business. Names and signatures are those that bpf-helpers(7) documents.

use core::fmt;

/// A helper function, by its number (`enum bpf_func_id`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Helper(pub u32);

/// A helper's C signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Type of the result, such as `void *`.
    pub returns: &'static str,
    /// Name, such as `bpf_map_lookup_elem`.
    pub name: &'static str,
    /// Parameters, separated by commas, or `void`.
    pub parameters: &'static str,
}

impl Helper {
    /// The helper with this number, if Linux 6.18 has one.
    pub fn from_number(number: u32) -> Option<Helper> {
        Helper(number).row().map(|_| Helper(number))
    }

    /// The helper with this name, with or without `bpf_` before it.
    pub fn from_name(name: &str) -> Option<Helper> {
        let name = name.strip_prefix(PREFIX).unwrap_or(name);
        let known = |helper: &&Helper| helper.name().is_some_and(|known| known == name);
        Helper::ALL.iter().find(known).copied()
    }

    /// The name without `bpf_`, if the number is known.
    pub fn name(self) -> Option<&'static str> {
        Some(self.signature()?.name.strip_prefix(PREFIX).expect("the table puts it there"))
    }

    /// The C signature, if the number is known.
    pub fn signature(self) -> Option<&'static Signature> {
        self.row()
    }

    fn row(self) -> Option<&'static Signature> {
        SIGNATURES.get(usize::try_from(self.0).ok()?.checked_sub(1)?)
    }
}

const PREFIX: &str = "bpf_";

impl fmt::Display for Helper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.signature() {
            Some(signature) => f.pad(signature.name),
            None => write!(f, "helper {}", self.0),
        }
    }
}

impl fmt::Debug for Helper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The declaration, as C has it: `void *bpf_map_lookup_elem(struct bpf_map *map, const void *key)`.
impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let space = if self.returns.ends_with('*') { "" } else { " " };
        write!(f, "{}{space}{}({})", self.returns, self.name, self.parameters)
    }
}

macro_rules! helpers {
    ($($name:ident = $number:literal, $word:literal, $returns:literal, $parameters:literal;)*) => {
        impl Helper {
            $(#[doc = concat!("`bpf_", $word, "`.")] pub const $name: Helper = Helper($number);)*

            /// Every helper of Linux 6.18, in the order of its number.
            pub const ALL: &'static [Helper] = &[$(Helper($number)),*];
        }

        static SIGNATURES: &[Signature] = &[$(Signature {
            returns: $returns,
            name: concat!("bpf_", $word),
            parameters: $parameters,
        }),*];
    };
}

helpers! {
    MAP_LOOKUP_ELEM = 1, "map_lookup_elem", "void *", "struct bpf_map *map, const void *key";
    MAP_UPDATE_ELEM = 2, "map_update_elem", "long",
        "struct bpf_map *map, const void *key, const void *value, u64 flags";
    MAP_DELETE_ELEM = 3, "map_delete_elem", "long", "struct bpf_map *map, const void *key";
    PROBE_READ = 4, "probe_read", "long", "void *dst, u32 size, const void *unsafe_ptr";
    KTIME_GET_NS = 5, "ktime_get_ns", "u64", "void";
    TRACE_PRINTK = 6, "trace_printk", "long", "const char *fmt, u32 fmt_size, ...";
    GET_PRANDOM_U32 = 7, "get_prandom_u32", "u32", "void";
    GET_SMP_PROCESSOR_ID = 8, "get_smp_processor_id", "u32", "void";
    SKB_STORE_BYTES = 9, "skb_store_bytes", "long",
        "struct sk_buff *skb, u32 offset, const void *from, u32 len, u64 flags";
    L3_CSUM_REPLACE = 10, "l3_csum_replace", "long",
        "struct sk_buff *skb, u32 offset, u64 from, u64 to, u64 size";
    L4_CSUM_REPLACE = 11, "l4_csum_replace", "long",
        "struct sk_buff *skb, u32 offset, u64 from, u64 to, u64 flags";
    TAIL_CALL = 12, "tail_call", "long", "void *ctx, struct bpf_map *prog_array_map, u32 index";
    CLONE_REDIRECT = 13, "clone_redirect", "long",
        "struct sk_buff *skb, u32 ifindex, u64 flags";
    GET_CURRENT_PID_TGID = 14, "get_current_pid_tgid", "u64", "void";
    GET_CURRENT_UID_GID = 15, "get_current_uid_gid", "u64", "void";
    GET_CURRENT_COMM = 16, "get_current_comm", "long", "void *buf, u32 size_of_buf";
    GET_CGROUP_CLASSID = 17, "get_cgroup_classid", "u32", "struct sk_buff *skb";
    SKB_VLAN_PUSH = 18, "skb_vlan_push", "long",
        "struct sk_buff *skb, __be16 vlan_proto, u16 vlan_tci";
    SKB_VLAN_POP = 19, "skb_vlan_pop", "long", "struct sk_buff *skb";
    SKB_GET_TUNNEL_KEY = 20, "skb_get_tunnel_key", "long",
        "struct sk_buff *skb, struct bpf_tunnel_key *key, u32 size, u64 flags";
    SKB_SET_TUNNEL_KEY = 21, "skb_set_tunnel_key", "long",
        "struct sk_buff *skb, struct bpf_tunnel_key *key, u32 size, u64 flags";
    PERF_EVENT_READ = 22, "perf_event_read", "u64", "struct bpf_map *map, u64 flags";
    REDIRECT = 23, "redirect", "long", "u32 ifindex, u64 flags";
    GET_ROUTE_REALM = 24, "get_route_realm", "u32", "struct sk_buff *skb";
    PERF_EVENT_OUTPUT = 25, "perf_event_output", "long",
        "void *ctx, struct bpf_map *map, u64 flags, void *data, u64 size";
    SKB_LOAD_BYTES = 26, "skb_load_bytes", "long",
        "const void *skb, u32 offset, void *to, u32 len";
    GET_STACKID = 27, "get_stackid", "long", "void *ctx, struct bpf_map *map, u64 flags";
    CSUM_DIFF = 28, "csum_diff", "s64",
        "__be32 *from, u32 from_size, __be32 *to, u32 to_size, __wsum seed";
    SKB_GET_TUNNEL_OPT = 29, "skb_get_tunnel_opt", "long",
        "struct sk_buff *skb, void *opt, u32 size";
    SKB_SET_TUNNEL_OPT = 30, "skb_set_tunnel_opt", "long",
        "struct sk_buff *skb, void *opt, u32 size";
    SKB_CHANGE_PROTO = 31, "skb_change_proto", "long",
        "struct sk_buff *skb, __be16 proto, u64 flags";
    SKB_CHANGE_TYPE = 32, "skb_change_type", "long", "struct sk_buff *skb, u32 type";
    SKB_UNDER_CGROUP = 33, "skb_under_cgroup", "long",
        "struct sk_buff *skb, struct bpf_map *map, u32 index";
    GET_HASH_RECALC = 34, "get_hash_recalc", "u32", "struct sk_buff *skb";
    GET_CURRENT_TASK = 35, "get_current_task", "u64", "void";
    PROBE_WRITE_USER = 36, "probe_write_user", "long", "void *dst, const void *src, u32 len";
    CURRENT_TASK_UNDER_CGROUP = 37, "current_task_under_cgroup", "long",
        "struct bpf_map *map, u32 index";
    SKB_CHANGE_TAIL = 38, "skb_change_tail", "long", "struct sk_buff *skb, u32 len, u64 flags";
    SKB_PULL_DATA = 39, "skb_pull_data", "long", "struct sk_buff *skb, u32 len";
    CSUM_UPDATE = 40, "csum_update", "s64", "struct sk_buff *skb, __wsum csum";
    SET_HASH_INVALID = 41, "set_hash_invalid", "void", "struct sk_buff *skb";
    GET_NUMA_NODE_ID = 42, "get_numa_node_id", "long", "void";
    SKB_CHANGE_HEAD = 43, "skb_change_head", "long", "struct sk_buff *skb, u32 len, u64 flags";
    XDP_ADJUST_HEAD = 44, "xdp_adjust_head", "long", "struct xdp_buff *xdp_md, int delta";
    PROBE_READ_STR = 45, "probe_read_str", "long",
        "void *dst, u32 size, const void *unsafe_ptr";
    GET_SOCKET_COOKIE = 46, "get_socket_cookie", "u64", "struct sock *sk";
    GET_SOCKET_UID = 47, "get_socket_uid", "u32", "struct sk_buff *skb";
    SET_HASH = 48, "set_hash", "long", "struct sk_buff *skb, u32 hash";
    SETSOCKOPT = 49, "setsockopt", "long",
        "void *bpf_socket, int level, int optname, void *optval, int optlen";
    SKB_ADJUST_ROOM = 50, "skb_adjust_room", "long",
        "struct sk_buff *skb, s32 len_diff, u32 mode, u64 flags";
    REDIRECT_MAP = 51, "redirect_map", "long", "struct bpf_map *map, u32 key, u64 flags";
    SK_REDIRECT_MAP = 52, "sk_redirect_map", "long",
        "struct sk_buff *skb, struct bpf_map *map, u32 key, u64 flags";
    SOCK_MAP_UPDATE = 53, "sock_map_update", "long",
        "struct bpf_sock_ops *skops, struct bpf_map *map, void *key, u64 flags";
    XDP_ADJUST_META = 54, "xdp_adjust_meta", "long", "struct xdp_buff *xdp_md, int delta";
    PERF_EVENT_READ_VALUE = 55, "perf_event_read_value", "long",
        "struct bpf_map *map, u64 flags, struct bpf_perf_event_value *buf, u32 buf_size";
    PERF_PROG_READ_VALUE = 56, "perf_prog_read_value", "long",
        "struct bpf_perf_event_data *ctx, struct bpf_perf_event_value *buf, u32 buf_size";
    GETSOCKOPT = 57, "getsockopt", "long",
        "void *bpf_socket, int level, int optname, void *optval, int optlen";
    OVERRIDE_RETURN = 58, "override_return", "long", "struct pt_regs *regs, u64 rc";
    SOCK_OPS_CB_FLAGS_SET = 59, "sock_ops_cb_flags_set", "long",
        "struct bpf_sock_ops *bpf_sock, int argval";
    MSG_REDIRECT_MAP = 60, "msg_redirect_map", "long",
        "struct sk_msg_buff *msg, struct bpf_map *map, u32 key, u64 flags";
    MSG_APPLY_BYTES = 61, "msg_apply_bytes", "long", "struct sk_msg_buff *msg, u32 bytes";
    MSG_CORK_BYTES = 62, "msg_cork_bytes", "long", "struct sk_msg_buff *msg, u32 bytes";
    MSG_PULL_DATA = 63, "msg_pull_data", "long",
        "struct sk_msg_buff *msg, u32 start, u32 end, u64 flags";
    BIND = 64, "bind", "long", "struct bpf_sock_addr *ctx, struct sockaddr *addr, int addr_len";
    XDP_ADJUST_TAIL = 65, "xdp_adjust_tail", "long", "struct xdp_buff *xdp_md, int delta";
    SKB_GET_XFRM_STATE = 66, "skb_get_xfrm_state", "long",
        "struct sk_buff *skb, u32 index, struct bpf_xfrm_state *xfrm_state, u32 size, u64 flags";
    GET_STACK = 67, "get_stack", "long", "void *ctx, void *buf, u32 size, u64 flags";
    SKB_LOAD_BYTES_RELATIVE = 68, "skb_load_bytes_relative", "long",
        "const void *skb, u32 offset, void *to, u32 len, u32 start_header";
    FIB_LOOKUP = 69, "fib_lookup", "long",
        "void *ctx, struct bpf_fib_lookup *params, int plen, u32 flags";
    SOCK_HASH_UPDATE = 70, "sock_hash_update", "long",
        "struct bpf_sock_ops *skops, struct bpf_map *map, void *key, u64 flags";
    MSG_REDIRECT_HASH = 71, "msg_redirect_hash", "long",
        "struct sk_msg_buff *msg, struct bpf_map *map, void *key, u64 flags";
    SK_REDIRECT_HASH = 72, "sk_redirect_hash", "long",
        "struct sk_buff *skb, struct bpf_map *map, void *key, u64 flags";
    LWT_PUSH_ENCAP = 73, "lwt_push_encap", "long",
        "struct sk_buff *skb, u32 type, void *hdr, u32 len";
    LWT_SEG6_STORE_BYTES = 74, "lwt_seg6_store_bytes", "long",
        "struct sk_buff *skb, u32 offset, const void *from, u32 len";
    LWT_SEG6_ADJUST_SRH = 75, "lwt_seg6_adjust_srh", "long",
        "struct sk_buff *skb, u32 offset, s32 delta";
    LWT_SEG6_ACTION = 76, "lwt_seg6_action", "long",
        "struct sk_buff *skb, u32 action, void *param, u32 param_len";
    RC_REPEAT = 77, "rc_repeat", "long", "void *ctx";
    RC_KEYDOWN = 78, "rc_keydown", "long", "void *ctx, u32 protocol, u64 scancode, u32 toggle";
    SKB_CGROUP_ID = 79, "skb_cgroup_id", "u64", "struct sk_buff *skb";
    GET_CURRENT_CGROUP_ID = 80, "get_current_cgroup_id", "u64", "void";
    GET_LOCAL_STORAGE = 81, "get_local_storage", "void *", "void *map, u64 flags";
    SK_SELECT_REUSEPORT = 82, "sk_select_reuseport", "long",
        "struct sk_reuseport_md *reuse, struct bpf_map *map, void *key, u64 flags";
    SKB_ANCESTOR_CGROUP_ID = 83, "skb_ancestor_cgroup_id", "u64",
        "struct sk_buff *skb, int ancestor_level";
    SK_LOOKUP_TCP = 84, "sk_lookup_tcp", "struct bpf_sock *",
        "void *ctx, struct bpf_sock_tuple *tuple, u32 tuple_size, u64 netns, u64 flags";
    SK_LOOKUP_UDP = 85, "sk_lookup_udp", "struct bpf_sock *",
        "void *ctx, struct bpf_sock_tuple *tuple, u32 tuple_size, u64 netns, u64 flags";
    SK_RELEASE = 86, "sk_release", "long", "void *sock";
    MAP_PUSH_ELEM = 87, "map_push_elem", "long",
        "struct bpf_map *map, const void *value, u64 flags";
    MAP_POP_ELEM = 88, "map_pop_elem", "long", "struct bpf_map *map, void *value";
    MAP_PEEK_ELEM = 89, "map_peek_elem", "long", "struct bpf_map *map, void *value";
    MSG_PUSH_DATA = 90, "msg_push_data", "long",
        "struct sk_msg_buff *msg, u32 start, u32 len, u64 flags";
    MSG_POP_DATA = 91, "msg_pop_data", "long",
        "struct sk_msg_buff *msg, u32 start, u32 len, u64 flags";
    RC_POINTER_REL = 92, "rc_pointer_rel", "long", "void *ctx, s32 rel_x, s32 rel_y";
    SPIN_LOCK = 93, "spin_lock", "long", "struct bpf_spin_lock *lock";
    SPIN_UNLOCK = 94, "spin_unlock", "long", "struct bpf_spin_lock *lock";
    SK_FULLSOCK = 95, "sk_fullsock", "struct bpf_sock *", "struct bpf_sock *sk";
    TCP_SOCK = 96, "tcp_sock", "struct bpf_tcp_sock *", "struct bpf_sock *sk";
    SKB_ECN_SET_CE = 97, "skb_ecn_set_ce", "long", "struct sk_buff *skb";
    GET_LISTENER_SOCK = 98, "get_listener_sock", "struct bpf_sock *", "struct bpf_sock *sk";
    SKC_LOOKUP_TCP = 99, "skc_lookup_tcp", "struct bpf_sock *",
        "void *ctx, struct bpf_sock_tuple *tuple, u32 tuple_size, u64 netns, u64 flags";
    TCP_CHECK_SYNCOOKIE = 100, "tcp_check_syncookie", "long",
        "void *sk, void *iph, u32 iph_len, struct tcphdr *th, u32 th_len";
    SYSCTL_GET_NAME = 101, "sysctl_get_name", "long",
        "struct bpf_sysctl *ctx, char *buf, size_t buf_len, u64 flags";
    SYSCTL_GET_CURRENT_VALUE = 102, "sysctl_get_current_value", "long",
        "struct bpf_sysctl *ctx, char *buf, size_t buf_len";
    SYSCTL_GET_NEW_VALUE = 103, "sysctl_get_new_value", "long",
        "struct bpf_sysctl *ctx, char *buf, size_t buf_len";
    SYSCTL_SET_NEW_VALUE = 104, "sysctl_set_new_value", "long",
        "struct bpf_sysctl *ctx, const char *buf, size_t buf_len";
    STRTOL = 105, "strtol", "long", "const char *buf, size_t buf_len, u64 flags, long *res";
    STRTOUL = 106, "strtoul", "long",
        "const char *buf, size_t buf_len, u64 flags, unsigned long *res";
    SK_STORAGE_GET = 107, "sk_storage_get", "void *",
        "struct bpf_map *map, void *sk, void *value, u64 flags";
    SK_STORAGE_DELETE = 108, "sk_storage_delete", "long", "struct bpf_map *map, void *sk";
    SEND_SIGNAL = 109, "send_signal", "long", "u32 sig";
    TCP_GEN_SYNCOOKIE = 110, "tcp_gen_syncookie", "s64",
        "void *sk, void *iph, u32 iph_len, struct tcphdr *th, u32 th_len";
    SKB_OUTPUT = 111, "skb_output", "long",
        "void *ctx, struct bpf_map *map, u64 flags, void *data, u64 size";
    PROBE_READ_USER = 112, "probe_read_user", "long",
        "void *dst, u32 size, const void *unsafe_ptr";
    PROBE_READ_KERNEL = 113, "probe_read_kernel", "long",
        "void *dst, u32 size, const void *unsafe_ptr";
    PROBE_READ_USER_STR = 114, "probe_read_user_str", "long",
        "void *dst, u32 size, const void *unsafe_ptr";
    PROBE_READ_KERNEL_STR = 115, "probe_read_kernel_str", "long",
        "void *dst, u32 size, const void *unsafe_ptr";
    TCP_SEND_ACK = 116, "tcp_send_ack", "long", "void *tp, u32 rcv_nxt";
    SEND_SIGNAL_THREAD = 117, "send_signal_thread", "long", "u32 sig";
    JIFFIES64 = 118, "jiffies64", "u64", "void";
    READ_BRANCH_RECORDS = 119, "read_branch_records", "long",
        "struct bpf_perf_event_data *ctx, void *buf, u32 size, u64 flags";
    GET_NS_CURRENT_PID_TGID = 120, "get_ns_current_pid_tgid", "long",
        "u64 dev, u64 ino, struct bpf_pidns_info *nsdata, u32 size";
    XDP_OUTPUT = 121, "xdp_output", "long",
        "void *ctx, struct bpf_map *map, u64 flags, void *data, u64 size";
    GET_NETNS_COOKIE = 122, "get_netns_cookie", "u64", "void *ctx";
    GET_CURRENT_ANCESTOR_CGROUP_ID = 123, "get_current_ancestor_cgroup_id", "u64",
        "int ancestor_level";
    SK_ASSIGN = 124, "sk_assign", "long",
        "struct bpf_sk_lookup *ctx, struct bpf_sock *sk, u64 flags";
    KTIME_GET_BOOT_NS = 125, "ktime_get_boot_ns", "u64", "void";
    SEQ_PRINTF = 126, "seq_printf", "long",
        "struct seq_file *m, const char *fmt, u32 fmt_size, const void *data, u32 data_len";
    SEQ_WRITE = 127, "seq_write", "long", "struct seq_file *m, const void *data, u32 len";
    SK_CGROUP_ID = 128, "sk_cgroup_id", "u64", "void *sk";
    SK_ANCESTOR_CGROUP_ID = 129, "sk_ancestor_cgroup_id", "u64", "void *sk, int ancestor_level";
    RINGBUF_OUTPUT = 130, "ringbuf_output", "long",
        "void *ringbuf, void *data, u64 size, u64 flags";
    RINGBUF_RESERVE = 131, "ringbuf_reserve", "void *", "void *ringbuf, u64 size, u64 flags";
    RINGBUF_SUBMIT = 132, "ringbuf_submit", "void", "void *data, u64 flags";
    RINGBUF_DISCARD = 133, "ringbuf_discard", "void", "void *data, u64 flags";
    RINGBUF_QUERY = 134, "ringbuf_query", "u64", "void *ringbuf, u64 flags";
    CSUM_LEVEL = 135, "csum_level", "long", "struct sk_buff *skb, u64 level";
    SKC_TO_TCP6_SOCK = 136, "skc_to_tcp6_sock", "struct tcp6_sock *", "void *sk";
    SKC_TO_TCP_SOCK = 137, "skc_to_tcp_sock", "struct tcp_sock *", "void *sk";
    SKC_TO_TCP_TIMEWAIT_SOCK = 138, "skc_to_tcp_timewait_sock", "struct tcp_timewait_sock *",
        "void *sk";
    SKC_TO_TCP_REQUEST_SOCK = 139, "skc_to_tcp_request_sock", "struct tcp_request_sock *",
        "void *sk";
    SKC_TO_UDP6_SOCK = 140, "skc_to_udp6_sock", "struct udp6_sock *", "void *sk";
    GET_TASK_STACK = 141, "get_task_stack", "long",
        "struct task_struct *task, void *buf, u32 size, u64 flags";
    LOAD_HDR_OPT = 142, "load_hdr_opt", "long",
        "struct bpf_sock_ops *skops, void *searchby_res, u32 len, u64 flags";
    STORE_HDR_OPT = 143, "store_hdr_opt", "long",
        "struct bpf_sock_ops *skops, const void *from, u32 len, u64 flags";
    RESERVE_HDR_OPT = 144, "reserve_hdr_opt", "long",
        "struct bpf_sock_ops *skops, u32 len, u64 flags";
    INODE_STORAGE_GET = 145, "inode_storage_get", "void *",
        "struct bpf_map *map, void *inode, void *value, u64 flags";
    INODE_STORAGE_DELETE = 146, "inode_storage_delete", "int",
        "struct bpf_map *map, void *inode";
    D_PATH = 147, "d_path", "long", "struct path *path, char *buf, u32 sz";
    COPY_FROM_USER = 148, "copy_from_user", "long", "void *dst, u32 size, const void *user_ptr";
    SNPRINTF_BTF = 149, "snprintf_btf", "long",
        "char *str, u32 str_size, struct btf_ptr *ptr, u32 btf_ptr_size, u64 flags";
    SEQ_PRINTF_BTF = 150, "seq_printf_btf", "long",
        "struct seq_file *m, struct btf_ptr *ptr, u32 ptr_size, u64 flags";
    SKB_CGROUP_CLASSID = 151, "skb_cgroup_classid", "u64", "struct sk_buff *skb";
    REDIRECT_NEIGH = 152, "redirect_neigh", "long",
        "u32 ifindex, struct bpf_redir_neigh *params, int plen, u64 flags";
    PER_CPU_PTR = 153, "per_cpu_ptr", "void *", "const void *percpu_ptr, u32 cpu";
    THIS_CPU_PTR = 154, "this_cpu_ptr", "void *", "const void *percpu_ptr";
    REDIRECT_PEER = 155, "redirect_peer", "long", "u32 ifindex, u64 flags";
    TASK_STORAGE_GET = 156, "task_storage_get", "void *",
        "struct bpf_map *map, struct task_struct *task, void *value, u64 flags";
    TASK_STORAGE_DELETE = 157, "task_storage_delete", "long",
        "struct bpf_map *map, struct task_struct *task";
    GET_CURRENT_TASK_BTF = 158, "get_current_task_btf", "struct task_struct *", "void";
    BPRM_OPTS_SET = 159, "bprm_opts_set", "long", "struct linux_binprm *bprm, u64 flags";
    KTIME_GET_COARSE_NS = 160, "ktime_get_coarse_ns", "u64", "void";
    IMA_INODE_HASH = 161, "ima_inode_hash", "long", "struct inode *inode, void *dst, u32 size";
    SOCK_FROM_FILE = 162, "sock_from_file", "struct socket *", "struct file *file";
    CHECK_MTU = 163, "check_mtu", "long",
        "void *ctx, u32 ifindex, u32 *mtu_len, s32 len_diff, u64 flags";
    FOR_EACH_MAP_ELEM = 164, "for_each_map_elem", "long",
        "struct bpf_map *map, void *callback_fn, void *callback_ctx, u64 flags";
    SNPRINTF = 165, "snprintf", "long",
        "char *str, u32 str_size, const char *fmt, u64 *data, u32 data_len";
    SYS_BPF = 166, "sys_bpf", "long", "u32 cmd, void *attr, u32 attr_size";
    BTF_FIND_BY_NAME_KIND = 167, "btf_find_by_name_kind", "long",
        "char *name, int name_sz, u32 kind, int flags";
    SYS_CLOSE = 168, "sys_close", "long", "u32 fd";
    TIMER_INIT = 169, "timer_init", "long",
        "struct bpf_timer *timer, struct bpf_map *map, u64 flags";
    TIMER_SET_CALLBACK = 170, "timer_set_callback", "long",
        "struct bpf_timer *timer, void *callback_fn";
    TIMER_START = 171, "timer_start", "long", "struct bpf_timer *timer, u64 nsecs, u64 flags";
    TIMER_CANCEL = 172, "timer_cancel", "long", "struct bpf_timer *timer";
    GET_FUNC_IP = 173, "get_func_ip", "u64", "void *ctx";
    GET_ATTACH_COOKIE = 174, "get_attach_cookie", "u64", "void *ctx";
    TASK_PT_REGS = 175, "task_pt_regs", "long", "struct task_struct *task";
    GET_BRANCH_SNAPSHOT = 176, "get_branch_snapshot", "long",
        "void *entries, u32 size, u64 flags";
    TRACE_VPRINTK = 177, "trace_vprintk", "long",
        "const char *fmt, u32 fmt_size, const void *data, u32 data_len";
    SKC_TO_UNIX_SOCK = 178, "skc_to_unix_sock", "struct unix_sock *", "void *sk";
    KALLSYMS_LOOKUP_NAME = 179, "kallsyms_lookup_name", "long",
        "const char *name, int name_sz, int flags, u64 *res";
    FIND_VMA = 180, "find_vma", "long",
        "struct task_struct *task, u64 addr, void *callback_fn, void *callback_ctx, u64 flags";
    LOOP = 181, "loop", "long",
        "u32 nr_loops, void *callback_fn, void *callback_ctx, u64 flags";
    STRNCMP = 182, "strncmp", "long", "const char *s1, u32 s1_sz, const char *s2";
    GET_FUNC_ARG = 183, "get_func_arg", "long", "void *ctx, u32 n, u64 *value";
    GET_FUNC_RET = 184, "get_func_ret", "long", "void *ctx, u64 *value";
    GET_FUNC_ARG_CNT = 185, "get_func_arg_cnt", "long", "void *ctx";
    GET_RETVAL = 186, "get_retval", "int", "void";
    SET_RETVAL = 187, "set_retval", "int", "int retval";
    XDP_GET_BUFF_LEN = 188, "xdp_get_buff_len", "u64", "struct xdp_buff *xdp_md";
    XDP_LOAD_BYTES = 189, "xdp_load_bytes", "long",
        "struct xdp_buff *xdp_md, u32 offset, void *buf, u32 len";
    XDP_STORE_BYTES = 190, "xdp_store_bytes", "long",
        "struct xdp_buff *xdp_md, u32 offset, void *buf, u32 len";
    COPY_FROM_USER_TASK = 191, "copy_from_user_task", "long",
        "void *dst, u32 size, const void *user_ptr, struct task_struct *tsk, u64 flags";
    SKB_SET_TSTAMP = 192, "skb_set_tstamp", "long",
        "struct sk_buff *skb, u64 tstamp, u32 tstamp_type";
    IMA_FILE_HASH = 193, "ima_file_hash", "long", "struct file *file, void *dst, u32 size";
    KPTR_XCHG = 194, "kptr_xchg", "void *", "void *dst, void *ptr";
    MAP_LOOKUP_PERCPU_ELEM = 195, "map_lookup_percpu_elem", "void *",
        "struct bpf_map *map, const void *key, u32 cpu";
    SKC_TO_MPTCP_SOCK = 196, "skc_to_mptcp_sock", "struct mptcp_sock *", "void *sk";
    DYNPTR_FROM_MEM = 197, "dynptr_from_mem", "long",
        "void *data, u32 size, u64 flags, struct bpf_dynptr *ptr";
    RINGBUF_RESERVE_DYNPTR = 198, "ringbuf_reserve_dynptr", "long",
        "void *ringbuf, u32 size, u64 flags, struct bpf_dynptr *ptr";
    RINGBUF_SUBMIT_DYNPTR = 199, "ringbuf_submit_dynptr", "void",
        "struct bpf_dynptr *ptr, u64 flags";
    RINGBUF_DISCARD_DYNPTR = 200, "ringbuf_discard_dynptr", "void",
        "struct bpf_dynptr *ptr, u64 flags";
    DYNPTR_READ = 201, "dynptr_read", "long",
        "void *dst, u32 len, struct bpf_dynptr *src, u32 offset, u64 flags";
    DYNPTR_WRITE = 202, "dynptr_write", "long",
        "struct bpf_dynptr *dst, u32 offset, void *src, u32 len, u64 flags";
    DYNPTR_DATA = 203, "dynptr_data", "void *", "struct bpf_dynptr *ptr, u32 offset, u32 len";
    TCP_RAW_GEN_SYNCOOKIE_IPV4 = 204, "tcp_raw_gen_syncookie_ipv4", "s64",
        "struct iphdr *iph, struct tcphdr *th, u32 th_len";
    TCP_RAW_GEN_SYNCOOKIE_IPV6 = 205, "tcp_raw_gen_syncookie_ipv6", "s64",
        "struct ipv6hdr *iph, struct tcphdr *th, u32 th_len";
    TCP_RAW_CHECK_SYNCOOKIE_IPV4 = 206, "tcp_raw_check_syncookie_ipv4", "long",
        "struct iphdr *iph, struct tcphdr *th";
    TCP_RAW_CHECK_SYNCOOKIE_IPV6 = 207, "tcp_raw_check_syncookie_ipv6", "long",
        "struct ipv6hdr *iph, struct tcphdr *th";
    KTIME_GET_TAI_NS = 208, "ktime_get_tai_ns", "u64", "void";
    USER_RINGBUF_DRAIN = 209, "user_ringbuf_drain", "long",
        "struct bpf_map *map, void *callback_fn, void *ctx, u64 flags";
    CGRP_STORAGE_GET = 210, "cgrp_storage_get", "void *",
        "struct bpf_map *map, struct cgroup *cgroup, void *value, u64 flags";
    CGRP_STORAGE_DELETE = 211, "cgrp_storage_delete", "long",
        "struct bpf_map *map, struct cgroup *cgroup";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rows() {
        assert_eq!((Helper::ALL.len(), SIGNATURES.len()), (211, 211));
        for (row, helper) in (1..).zip(Helper::ALL) {
            assert_eq!(helper.0, row);
            let name = helper.name().expect("a known helper");
            assert_eq!(Helper::from_name(name), Some(*helper));
            assert_eq!(Helper::from_name(&format!("bpf_{name}")), Some(*helper));
        }
        assert_eq!(Helper::from_number(0), None);
        assert_eq!(Helper::from_number(212), None);
        assert_eq!(Helper::from_name("map_lookup"), None);
    }

    #[test]
    fn signatures_are_c() {
        let check = |helper: Helper, text| {
            assert_eq!(helper.signature().map(Signature::to_string).as_deref(), Some(text));
        };
        check(
            Helper::MAP_LOOKUP_ELEM,
            "void *bpf_map_lookup_elem(struct bpf_map *map, const void *key)",
        );
        check(Helper::KTIME_GET_NS, "u64 bpf_ktime_get_ns(void)");
        check(Helper::TRACE_PRINTK, "long bpf_trace_printk(const char *fmt, u32 fmt_size, ...)");
    }
}
