//! The simulated network: devices, and what is attached to them.

pub(crate) mod dev;
pub(crate) mod netlink;
mod receive;
pub(crate) mod xdp_attach;

pub(crate) use receive::receive;
