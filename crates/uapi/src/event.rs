//! Perf events and socket options, as far as BPF needs them.

use crate::Fd;

/// An event for perf_event_open(2).
#[derive(Clone, Copy, Debug, Default)]
#[expect(missing_docs, reason = "fields are those of struct perf_event_attr")]
pub struct PerfEvent<'a> {
    /// `PERF_TYPE_*`, or the number of a dynamic unit (`kprobe`, `uprobe`).
    pub kind: u32,
    pub config: u64,
    /// `sample_period`, or `sample_freq` with [`PerfEvent::by_frequency`].
    pub sample: u64,
    pub by_frequency: bool,
    pub sample_type: u64,
    pub wakeup_events: u32,
    /// `config1`, as the text that it points to (a function or a path).
    pub name: Option<&'a str>,
    /// `config2`: an offset or an address.
    pub offset: u64,
    /// A process, or every one.
    pub pid: Option<u32>,
    /// A CPU, or every one.
    pub cpu: Option<u32>,
}

/// A request to a perf event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PerfRequest {
    /// `PERF_EVENT_IOC_ENABLE`.
    Enable,
    /// `PERF_EVENT_IOC_DISABLE`.
    Disable,
    /// `PERF_EVENT_IOC_SET_BPF`.
    SetBpf(Fd),
}

/// A socket option that concerns BPF.
#[derive(Clone, Copy, Debug)]
pub enum SocketOption<'a> {
    /// `SO_ATTACH_BPF`.
    AttachBpf(Fd),
    /// `SO_ATTACH_FILTER`: classic instructions, eight bytes each.
    AttachFilter(&'a [u8]),
    /// `SO_DETACH_FILTER`.
    DetachFilter,
}
