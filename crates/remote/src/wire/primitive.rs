//! Numbers and slices as bytes, both ways: little-endian, lengths as 32 bits.

use crate::Error;

/// Builds a message.
#[derive(Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// What was written so far.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Writes bytes as they are.
    pub fn extend(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
    }

    pub(crate) fn truncate(&mut self, bytes: usize) {
        self.bytes.truncate(bytes);
    }

    /// Gives memory back after a large message.
    pub(crate) fn shrink(&mut self, bytes: usize) {
        if self.bytes.capacity() > bytes {
            self.bytes = Vec::new();
        }
    }

    pub(crate) fn array<const N: usize>(&mut self, array: [u8; N]) {
        self.bytes.extend_from_slice(&array);
    }

    pub(crate) fn u8(&mut self, value: u8) {
        self.array([value]);
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.array(value.to_le_bytes());
    }

    /// A length. One that 32 bits cannot hold makes the message longer than any may be, which
    /// is refused where it is sent.
    pub(crate) fn len(&mut self, len: usize) {
        self.u32(u32::try_from(len).unwrap_or(u32::MAX));
    }

    /// A length, and so many bytes.
    pub(crate) fn slice(&mut self, bytes: &[u8]) {
        self.len(bytes.len());
        self.bytes.extend_from_slice(bytes);
    }

    /// Writes `value` over what stands at `at`.
    pub(crate) fn patch<const N: usize>(&mut self, at: usize, value: [u8; N]) {
        self.bytes[at..at + N].copy_from_slice(&value);
    }
}

/// Takes a message apart. Nothing in it is believed.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A message.
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    /// That nothing is left.
    pub fn end(&self) -> Result<(), Error> {
        match self.rest.len() {
            0 => Ok(()),
            left => Err(Error::Long { left }),
        }
    }

    /// How many bytes are left.
    pub(crate) fn left(&self) -> usize {
        self.rest.len()
    }

    pub(crate) fn take(&mut self, bytes: usize) -> Result<&'a [u8], Error> {
        let left = self.rest.len();
        let (taken, rest) =
            self.rest.split_at_checked(bytes).ok_or(Error::Short { wanted: bytes, left })?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let left = self.rest.len();
        let (taken, rest) =
            self.rest.split_first_chunk().ok_or(Error::Short { wanted: N, left })?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Error> {
        Ok(self.array::<1>()?[0])
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Error> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn len(&mut self) -> Result<usize, Error> {
        Ok(self.u32()? as usize)
    }

    /// The number of elements of `bytes` bytes each that follow: never more than there are.
    pub(crate) fn count(&mut self, bytes: usize) -> Result<usize, Error> {
        let count = self.len()?;
        let wanted = count.saturating_mul(bytes);
        if wanted > self.left() {
            return Err(Error::Short { wanted, left: self.left() });
        }
        Ok(count)
    }

    /// A length, and so many bytes.
    pub(crate) fn slice(&mut self) -> Result<&'a [u8], Error> {
        let len = self.len()?;
        self.take(len)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, Error> {
        str::from_utf8(self.slice()?).map_err(|_| Error::NotText)
    }
}
