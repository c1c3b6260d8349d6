//! Decides what may run.
//!
//! Placeholder doc; in reading order: `env` (what it is told), `verified` (what it says).

#![forbid(unsafe_code)]

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
    stack_depth::check_stack_depth(&cfg, &checked.stack_bytes, &env.limits)?;
    let insns = fixups::fix_up(program, env.context, &cfg, &checked.accesses)?;
    let subprogs = verified::subprogs(&cfg, &checked.stack_bytes);
    Ok(Verified { insns, subprogs, stats: *stats })
}
