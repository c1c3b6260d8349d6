//! Helper functions: what each takes and returns (for the verifier), and what it does.
//!
//! One file per family, each with its table of [`Helper`]s. Which program types have which
//! families stands with the types. What a helper does not get is a reference into memory that
//! programs share: it copies, through [`crate::memory::Span`].

#![expect(unsafe_code, reason = "pointers of programs are followed as the prototypes promise")]

pub(crate) mod cpu;
pub(crate) mod csum;
mod format;
pub(crate) mod map;
pub(crate) mod number;
pub(crate) mod random;
pub(crate) mod skb;
pub(crate) mod task;
pub(crate) mod time;
pub(crate) mod trace;
pub(crate) mod xdp;

use std::sync::Arc;

use skep_uapi::Errno;
use skep_verifier::{Arg, HelperFlags, NoHelper, Prototype, Returns};

use crate::maps::Map;
use crate::memory::Span;
use crate::prog::Run;
use crate::prog_types::Rules;

/// A helper.
#[derive(Clone, Copy)]
pub(crate) struct Helper {
    pub(crate) number: u32,
    pub(crate) prototype: Prototype,
    /// The verifier has checked the arguments against the prototype.
    pub(crate) call: fn(&mut Run<'_>, [u64; 5]) -> u64,
}

/// Every helper of this kernel.
pub(crate) const ALL: &[&[Helper]] = &[
    map::HELPERS,
    time::HELPERS,
    cpu::HELPERS,
    random::HELPERS,
    trace::HELPERS,
    task::HELPERS,
    csum::HELPERS,
    skb::HELPERS,
    xdp::HELPERS,
];

static BY_NUMBER: [Option<Helper>; number::COUNT as usize] = by_numbers();

const fn by_numbers() -> [Option<Helper>; number::COUNT as usize] {
    let mut table = [None; number::COUNT as usize];
    let mut family = 0;
    while family < ALL.len() {
        let mut at = 0;
        while at < ALL[family].len() {
            let found = ALL[family][at];
            table[found.number as usize] = Some(found);
            at += 1;
        }
        family += 1;
    }
    table
}

/// The helper with this number.
pub(crate) fn by_number(number: u32) -> Option<&'static Helper> {
    BY_NUMBER.get(number as usize)?.as_ref()
}

/// What the verifier is told about a helper, for programs of one type.
pub(crate) fn prototype(rules: &Rules, number: u32) -> Result<&'static Prototype, NoHelper> {
    let here = rules.helpers.iter().copied().flatten().find(|helper| helper.number == number);
    match here {
        Some(helper) => Ok(&helper.prototype),
        None if rules.linux_helpers.contains(&number) => Err(NoHelper::NotHere),
        None if number < number::COUNT => Err(NoHelper::NotForThisType),
        None => Err(NoHelper::Unknown),
    }
}

/// The row of a helper that takes nothing and gives a number.
const fn plain(number: u32, name: &'static str, call: fn(&mut Run<'_>, [u64; 5]) -> u64) -> Helper {
    row(number, name, &[], Returns::Scalar, HelperFlags::NONE, call)
}

/// A row of a table.
const fn row(
    number: u32,
    name: &'static str,
    given: &[Arg],
    returns: Returns,
    flags: HelperFlags,
    call: fn(&mut Run<'_>, [u64; 5]) -> u64,
) -> Helper {
    let mut args = [Arg::None; 5];
    let mut at = 0;
    while at < given.len() {
        args[at] = given[at];
        at += 1;
    }
    Helper { number, prototype: Prototype { name, args, returns, flags }, call }
}

/// What a program gets of a helper that succeeds with 0 or fails.
fn result(result: Result<(), Errno>) -> u64 {
    match result {
        Ok(()) => 0,
        Err(errno) => failure(errno),
    }
}

/// A negative error number, as programs see it.
fn failure(errno: Errno) -> u64 {
    i64::from(-errno.0).cast_unsigned()
}

/// The address that stands for a map in a program.
pub(crate) fn handle(map: &Arc<Map>) -> u64 {
    Arc::as_ptr(map).expose_provenance() as u64
}

/// The map behind a `ConstMapPtr` argument.
fn map_of<'a>(argument: u64) -> &'a Map {
    let map: *const Map = core::ptr::with_exposed_provenance(argument as usize);
    // SAFETY: the verifier lets nothing but a map's handle, unmodified, into a `ConstMapPtr`
    // argument; handles are of maps that the running program or its run keeps alive, and a map is
    // only ever shared.
    unsafe { &*map }
}

/// The memory behind a pointer argument.
fn span_of<'a>(address: u64, len: usize) -> Span<'a> {
    // SAFETY: the verifier has checked that the program may access `len` bytes there, by the
    // argument's place in the prototype: the key or value size of the map, or the size argument.
    unsafe { Span::from_program(address, len) }
}
