//! Decides what may run: abstract interpretation of eBPF.
//!
//! What it is: one function, [`verify`]. It follows every path through a program with what is
//! known of each register and stack slot, and accepts the program only if no path can fault, run
//! forever or leave what the kernel promised it. What it accepts it returns as [`Verified`], the
//! only thing that a kernel runs at full speed; what it refuses it explains, in Linux's words
//! where Linux has some, with the log that Linux 6.18 would print.
//!
//! What it is not: a kernel. It knows no helper, map type or program type by name; all that is in
//! [`Env`], tables that the kernel hands in. It never looks at a running system, and the same
//! input gives the same verdict and log everywhere.
//!
//! What it does not know it refuses, saying "not supported yet": kernel functions, callbacks,
//! `may_goto`, address space casts, legacy packet loads in functions, reads of a map's own
//! structure. A pointer found to lie behind the packet's end is not remembered as that, as it is in
//! Linux.
//!
//! In reading order: `env` (what it is told), `verified` (what it says), `cfg` (the shape of the
//! program), `check` (the walk over all paths, with `alu`, `mem`, `stack`, `branch` and `call`
//! beside it), `state` (what is known at a point), `bounds`, `span` and `tnum` (what is known of a
//! number), `states`, `liveness` and `backtrack` (when a path need not be followed), `stack_depth`,
//! `fixups` (from what was verified to what runs), `log`.
//!
//! ```
//! use skep_isa::{Size, assemble};
//! use skep_verifier::{
//!     Context, Env, Field, FieldKind, License, Limits, Log, NoHelper, Place, Program, verify,
//! };
//!
//! static CONTEXT: Context = Context {
//!     name: "packet",
//!     size: 4,
//!     fields: &[Field {
//!         name: "len",
//!         offset: 0,
//!         size: Size::W,
//!         kind: FieldKind::Scalar,
//!         writable: false,
//!         narrow: true,
//!         real: Place { offset: 16, size: Size::W },
//!     }],
//! };
//! let env = Env {
//!     context: &CONTEXT,
//!     returns: None,
//!     packet: None,
//!     legacy_packet_loads: false,
//!     helper: &|_| Err(NoHelper::Unknown),
//!     helper_name: &|_| None,
//!     limits: Limits::default(),
//! };
//! let check = |text: &str| {
//!     let insns = assemble(text, &|_| None).unwrap().insns;
//!     let (maps, lines, functions) = (&[], &[], &[]);
//!     let program = Program { insns: &insns, maps, license: License::Gpl, lines, functions };
//!     verify(&program, &env, &mut Log::default())
//! };
//!
//! // The field is really somewhere else, and that is where the program will look.
//! let verified = check("r0 = *(u32 *)(r1 + 0)\n exit").unwrap();
//! assert_eq!(verified.insns()[0].off, 16);
//!
//! let rejection = check("r0 = *(u32 *)(r1 + 4)\n exit").unwrap_err();
//! assert_eq!(rejection.to_string(), "insn 0: invalid bpf_context access off=4 size=4");
//! ```

#![forbid(unsafe_code)]

mod backtrack;
mod bounds;
mod cfg;
mod check;
mod env;
mod fixups;
mod liveness;
mod log;
mod span;
mod stack_depth;
mod state;
mod states;
mod tnum;
mod verified;

pub use env::{
    Access, Arg, Context, Env, Field, FieldKind, HelperFlags, License, Limits, Line, Map, NoHelper,
    Place, Program, Prototype, Range, Returns,
};
pub use log::Log;
pub use verified::{Rejection, Stats, Subprog, Verified};

/// Verifies a program: accepts it with the instructions to run, or says what is wrong.
///
/// A rejection's message is also the end of the log, at any level but 0.
pub fn verify(program: &Program<'_>, env: &Env<'_>, log: &mut Log) -> Result<Verified, Rejection> {
    let mut stats = Stats::default();
    let result = passes(program, env, log, &mut stats);
    if let Err(rejection) = &result {
        log.line(&rejection.message);
    }
    log.line(stats);
    result
}

/// Every pass, in order. Those before the last only judge; the last only rewrites.
fn passes(
    program: &Program<'_>,
    env: &Env<'_>,
    log: &mut Log,
    stats: &mut Stats,
) -> Result<Verified, Rejection> {
    let cfg = cfg::Cfg::build(program, &env.limits)?;
    let live = liveness::live_registers(&cfg, env);
    log.shape(program, env, &cfg, &live);
    let checked = check::check(program, env, (&cfg, live), log, stats)?;
    log.stack(&checked.stack_bytes);
    stack_depth::check_stack_depth(&cfg, &checked.stack_bytes, &env.limits)?;
    let insns = fixups::fix_up(program, env.context, &cfg, &checked.accesses)?;
    let subprogs = verified::subprogs(&cfg, &checked.stack_bytes);
    Ok(Verified { insns, subprogs, stats: *stats })
}
