//! `union bpf_attr` and [`Command`], both ways: the only place where slices become pointers and
//! pointers become slices.
//!
//! [`encode`] is what a kernel behind bpf(2) needs; `decode` is what a bpf(2) in front of a kernel
//! needs. `layout` holds the structs of the header.

mod encode;
mod encode_info;
mod encode_link;
mod layout;

pub use encode::encode;
