//! The scenes of the lecture that skep implements, from end to end, each on every kernel.
//!
//! A file is a scene. What a scene only touches is tested to its end elsewhere: every instruction
//! in `conformance/`, every command in `bpf_cmds/`, every word of the command line in `cli/`.

mod apart;
mod bytecode;
mod commands;
mod counter;
mod home;
mod lifetime;
mod machine;
mod pin;
mod ping;
mod service;
mod soak;
