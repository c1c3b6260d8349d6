//! Descriptors and names of kernel objects.

use core::fmt;

/// A descriptor of a kernel: a small number that means something to that kernel alone.
///
/// It does not close itself; `skep-loader`'s handles do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fd(pub i32);

impl Fd {
    /// The descriptor that a successful command returned.
    pub fn from_result(result: u32) -> Fd {
        Fd(i32::try_from(result).expect("a kernel's descriptors are below 2^31"))
    }
}

impl Default for Fd {
    /// No valid descriptor.
    fn default() -> Fd {
        Fd(-1)
    }
}

impl fmt::Display for Fd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Fd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Bytes of an object's name, its final zero byte included (`BPF_OBJ_NAME_LEN`).
pub const NAME_BYTES: usize = 16;

/// The name of a program or map: at most 15 bytes and a zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Name(pub [u8; NAME_BYTES]);

impl Name {
    /// As much of `name` as fits; bytes that the kernel refuses (it takes letters, digits, `_`
    /// and `.`) become `_`.
    pub fn cut(name: &str) -> Name {
        let mut bytes = [0; NAME_BYTES];
        for (to, from) in bytes[..NAME_BYTES - 1].iter_mut().zip(name.bytes()) {
            let taken = from.is_ascii_alphanumeric() || matches!(from, b'_' | b'.');
            *to = if taken { from } else { b'_' };
        }
        Name(bytes)
    }

    /// The bytes before the first zero.
    pub fn as_bytes(&self) -> &[u8] {
        let end = self.0.iter().position(|b| *b == 0).unwrap_or(NAME_BYTES);
        &self.0[..end]
    }

    /// Whether there is no name.
    pub fn is_empty(&self) -> bool {
        self.0[0] == 0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&String::from_utf8_lossy(self.as_bytes()))
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(self.as_bytes()))
    }
}
