//! The memory of a run's frames.

/// Bytes of a frame, and the most that a function may use.
pub const FRAME_BYTES: usize = 512;

/// Nested functions there may be, the main program included.
pub const MAX_FRAMES: usize = 8;

/// The stack that a run borrows: always initialised, reused from run to run.
///
/// What a run left there stays readable to the next one, as on Linux: the verifier decides
/// whether a program may look at stack that it did not write.
#[derive(Clone, Debug)]
pub struct Stack {
    memory: Box<[u64; FRAME_BYTES / 8 * MAX_FRAMES]>,
    pub(super) frames: Box<[Frame; MAX_FRAMES]>,
}

/// What a call keeps for its caller.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Frame {
    /// Slot to return to.
    pub(super) ret: usize,
    /// r6 to r9.
    pub(super) saved: [u64; 4],
    /// r10.
    pub(super) fp: u64,
}

impl Stack {
    /// A stack of zeros.
    pub fn new() -> Stack {
        let memory = Box::new([0; FRAME_BYTES / 8 * MAX_FRAMES]);
        Stack { memory, frames: Box::default() }
    }

    /// The addresses of the frames, for a host that is asked to read what a program points to.
    pub fn addresses(&self) -> core::ops::Range<u64> {
        let frames = self.memory.as_ptr_range();
        frames.start.expose_provenance() as u64..frames.end.expose_provenance() as u64
    }

    /// The address behind the outermost frame: the first frame pointer.
    pub(super) fn top(&mut self) -> u64 {
        self.memory.as_mut_ptr_range().end.expose_provenance() as u64
    }
}

impl Default for Stack {
    fn default() -> Stack {
        Stack::new()
    }
}
