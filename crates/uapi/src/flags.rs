//! Flag bits of `<linux/bpf.h>` that more than one crate reads.

#![expect(missing_docs, reason = "names are those of linux/bpf.h")]

/// Flags of `BPF_MAP_UPDATE_ELEM` and look-ups.
pub mod elem {
    pub const ANY: u64 = 0;
    pub const NOEXIST: u64 = 1;
    pub const EXIST: u64 = 2;
    pub const F_LOCK: u64 = 4;
}

/// Flags of `BPF_MAP_CREATE`.
pub mod map {
    pub const NO_PREALLOC: u32 = 1 << 0;
    pub const NO_COMMON_LRU: u32 = 1 << 1;
    pub const NUMA_NODE: u32 = 1 << 2;
    pub const RDONLY: u32 = 1 << 3;
    pub const WRONLY: u32 = 1 << 4;
    pub const STACK_BUILD_ID: u32 = 1 << 5;
    pub const ZERO_SEED: u32 = 1 << 6;
    pub const RDONLY_PROG: u32 = 1 << 7;
    pub const WRONLY_PROG: u32 = 1 << 8;
    pub const CLONE: u32 = 1 << 9;
    pub const MMAPABLE: u32 = 1 << 10;
    pub const PRESERVE_ELEMS: u32 = 1 << 11;
    pub const INNER_MAP: u32 = 1 << 12;
    pub const LINK: u32 = 1 << 13;
    pub const PATH_FD: u32 = 1 << 14;
    pub const VTYPE_BTF_OBJ_FD: u32 = 1 << 15;
    pub const TOKEN_FD: u32 = 1 << 16;
    pub const SEGV_ON_FAULT: u32 = 1 << 17;
    pub const NO_USER_CONV: u32 = 1 << 18;
}

/// Flags of `BPF_PROG_LOAD`.
pub mod prog {
    pub const STRICT_ALIGNMENT: u32 = 1 << 0;
    pub const ANY_ALIGNMENT: u32 = 1 << 1;
    pub const TEST_RND_HI32: u32 = 1 << 2;
    pub const TEST_STATE_FREQ: u32 = 1 << 3;
    pub const SLEEPABLE: u32 = 1 << 4;
    pub const XDP_HAS_FRAGS: u32 = 1 << 5;
    pub const XDP_DEV_BOUND_ONLY: u32 = 1 << 6;
    pub const TEST_REG_INVARIANTS: u32 = 1 << 7;
}

/// Flags of `BPF_PROG_ATTACH`, `BPF_LINK_CREATE` and `BPF_LINK_UPDATE`, and of `BPF_PROG_QUERY`.
pub mod attach {
    pub const ALLOW_OVERRIDE: u32 = 1 << 0;
    pub const ALLOW_MULTI: u32 = 1 << 1;
    pub const REPLACE: u32 = 1 << 2;
    pub const BEFORE: u32 = 1 << 3;
    pub const AFTER: u32 = 1 << 4;
    pub const ID: u32 = 1 << 5;
    pub const PREORDER: u32 = 1 << 6;
    pub const LINK: u32 = 1 << 13;
    pub const QUERY_EFFECTIVE: u32 = 1 << 0;
}

/// Flags of `BPF_PROG_TEST_RUN`.
pub mod test_run {
    pub const RUN_ON_CPU: u32 = 1 << 0;
    pub const XDP_LIVE_FRAMES: u32 = 1 << 1;
    pub const SKB_CHECKSUM_COMPLETE: u32 = 1 << 2;
}
