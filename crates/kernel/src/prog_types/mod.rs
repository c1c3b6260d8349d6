//! Program types: what a program of each type is given, may call and may return.

pub(crate) mod socket_filter;
pub(crate) mod xdp;

use skep_uapi::{Errno, ProgType, TestRun};
use skep_verifier::{Access, Context, Range};

use crate::UserKernel;
use crate::helpers::Helper;
use crate::prog::Prog;

/// The rules for programs of one type.
pub(crate) struct Rules {
    pub(crate) context: Context,
    /// What the main program may return; none: anything.
    pub(crate) returns: Option<Range>,
    /// What may be done with packet bytes through pointers.
    pub(crate) packet: Option<Access>,
    /// Whether the legacy packet loads are there.
    pub(crate) legacy_packet_loads: bool,
    /// The helpers that this kernel has for the type.
    pub(crate) helpers: &'static [&'static [Helper]],
    /// Numbers of the helpers that Linux 6.18 has for the type: seen by trying them all.
    pub(crate) linux_helpers: &'static [u32],
    /// `BPF_PROG_TEST_RUN`.
    pub(crate) test_run: fn(&UserKernel, &Prog, &mut TestRun<'_>) -> Result<(), Errno>,
}

/// A structure of this kernel, for its BTF: members with offset and size in bytes.
pub(crate) struct Structure {
    pub(crate) name: &'static str,
    pub(crate) bytes: usize,
    pub(crate) members: &'static [(&'static str, usize, usize)],
}

/// The rules for a type, if this kernel has it.
pub(crate) fn rules(prog_type: ProgType) -> Option<&'static Rules> {
    match prog_type {
        ProgType::SOCKET_FILTER => Some(&socket_filter::RULES),
        ProgType::XDP => Some(&xdp::RULES),
        _ => None,
    }
}

/// The bytes of a test run's outputs: as much as there is room for. `ENOSPC` if that is not all.
fn put(bytes: &[u8], room: &mut [u8]) -> Result<(), Errno> {
    let n = bytes.len().min(room.len());
    room[..n].copy_from_slice(&bytes[..n]);
    if n < bytes.len() { Err(Errno::ENOSPC) } else { Ok(()) }
}

/// A test run's context, as wide as the structure: what the caller left out is zero, what is
/// beyond must be zero (`beyond` is the refusal). None: neither input nor output was asked for.
fn context_in<const N: usize>(test: &TestRun<'_>, beyond: Errno) -> Result<Option<[u8; N]>, Errno> {
    if test.ctx_in.is_empty() && test.ctx_out.is_empty() {
        return Ok(None);
    }
    if test.ctx_in.iter().skip(N).any(|b| *b != 0) {
        return Err(beyond);
    }
    let mut context = [0; N];
    let n = test.ctx_in.len().min(N);
    context[..n].copy_from_slice(&test.ctx_in[..n]);
    Ok(Some(context))
}

/// The 32-bit word at a multiple of four.
fn word(bytes: &[u8], offset: usize) -> u32 {
    u32::from_ne_bytes(bytes[offset..offset + 4].try_into().expect("four bytes"))
}

/// Stores the 32-bit word at a multiple of four.
fn put_word(bytes: &mut [u8], offset: usize, word: u32) {
    bytes[offset..offset + 4].copy_from_slice(&word.to_ne_bytes());
}
