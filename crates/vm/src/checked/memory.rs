//! The memory of a machine: regions that come and go.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ptr::NonNull;
use std::sync::atomic::{Ordering, fence};

use skep_isa::{AtomicOp, Size};

use super::fault::{AccessKind, BadAccess, Problem};
use super::region::{Access, Bytes, Content, Region};
use super::value::{RegionId, Value};

/// Everything that a program's pointers can lead to.
///
/// The machine adds and removes the regions of stack frames; all others are the host's. A region
/// can be added or revoked whenever the host is asked for something: a helper that moves the
/// packet revokes its region and adds a new one, and old pointers fault from then on.
#[derive(Debug, Default)]
pub struct Memory {
    regions: BTreeMap<RegionId, Region>,
    last: u64,
    by_chance: Cell<bool>,
}

impl Memory {
    /// Memory without regions.
    pub fn new() -> Memory {
        Memory::default()
    }

    /// Adds a copy of `bytes`.
    pub fn add_bytes(&mut self, name: &str, bytes: &[u8], access: Access) -> RegionId {
        self.add(name, access, Content::Bytes(Bytes::from_slice(bytes)))
    }

    /// Adds memory of the host's, such as a map value, as it is now and will be.
    ///
    /// # Safety
    /// The `len` bytes at `start` are readable and writable until the region is revoked or this
    /// is dropped, and whatever else uses them in that time bears with plain and atomic accesses.
    pub unsafe fn add_live(
        &mut self,
        name: &str,
        start: NonNull<u8>,
        len: usize,
        access: Access,
    ) -> RegionId {
        // SAFETY: the caller's promise.
        let bytes = unsafe { Bytes::live(start, len) };
        self.add(name, access, Content::Bytes(bytes))
    }

    /// Adds a context of `len` bytes: its fields are loaded and stored by
    /// [`Host::load_ctx`](super::Host::load_ctx) and [`Host::store_ctx`](super::Host::store_ctx).
    pub fn add_context(&mut self, name: &str, len: usize) -> RegionId {
        self.add(name, Access::ReadWrite, Content::Context { len })
    }

    /// Adds a handle: pointers to it stand for an object such as a map, and only helpers make
    /// something of them.
    pub fn add_handle(&mut self, name: &str) -> RegionId {
        self.add(name, Access::ReadWrite, Content::Handle)
    }

    /// Whether the run used something that another machine would answer differently: an address
    /// as a number, stack that nobody wrote, or what the host says is so.
    pub fn is_by_chance(&self) -> bool {
        self.by_chance.get()
    }

    /// Says that from here on the run rests on chance: a helper was given an address for a number.
    pub fn set_by_chance(&self) {
        self.by_chance.set(true);
    }

    /// Takes a region away; pointers to it fault from now on. False if it is gone already.
    pub fn revoke(&mut self, region: RegionId) -> bool {
        self.regions.remove(&region).is_some()
    }

    /// The name of a region, while it exists.
    pub fn name(&self, region: RegionId) -> Option<&str> {
        self.regions.get(&region).map(|region| region.name.as_str())
    }

    /// A copy of a region's bytes, while it exists and if it has some, whatever it allows.
    pub fn bytes(&self, region: RegionId) -> Option<Vec<u8>> {
        let Content::Bytes(bytes) = &self.regions.get(&region)?.content else { return None };
        let mut copy = vec![0; bytes.len()];
        bytes.read(0, &mut copy);
        Some(copy)
    }

    /// Reads memory for a helper, under the rules for the program. No bytes can be read from
    /// anywhere, null too.
    pub fn read(&self, at: Value, into: &mut [u8]) -> Result<(), Box<BadAccess>> {
        if into.is_empty() {
            return Ok(());
        }
        let (bytes, offset) = self.bytes_at(at, into.len(), AccessKind::Load)?;
        if (offset..offset + into.len()).any(|at| bytes.is_open(at, Size::B)) {
            self.set_by_chance();
        }
        bytes.read(offset, into);
        Ok(())
    }

    /// Writes memory for a helper, under the rules for the program. No bytes can be written
    /// anywhere, to null too.
    pub fn write(&mut self, at: Value, from: &[u8]) -> Result<(), Box<BadAccess>> {
        if from.is_empty() {
            return Ok(());
        }
        let (bytes, offset) = self.bytes_at_mut(at, from.len(), AccessKind::Store)?;
        bytes.write(offset, from);
        Ok(())
    }

    /// Adds the frame of a function.
    pub(super) fn add_frame(&mut self, depth: usize, len: usize) -> RegionId {
        let name = format!("stack of frame {depth}");
        self.add(&name, Access::ReadWrite, Content::Bytes(Bytes::frame(len)))
    }

    /// Where the context is, if `at` points to `size` bytes in one.
    pub(super) fn context_at(
        &self,
        at: Value,
        size: usize,
        kind: AccessKind,
    ) -> Result<Option<u32>, Box<BadAccess>> {
        let region = at.region().and_then(|id| self.regions.get(&id));
        if !region.is_some_and(|region| matches!(region.content, Content::Context { .. })) {
            return Ok(None);
        }
        let (_, offset) = self.region_at(at, size, kind)?;
        Ok(u32::try_from(offset).ok())
    }

    /// A load by the program, with the origin of the value if it is a pointer.
    pub(super) fn load(&self, at: Value, size: Size) -> Result<Value, Box<BadAccess>> {
        let (bytes, offset) = self.bytes_at(at, size.bytes(), AccessKind::Load)?;
        if bytes.is_open(offset, size) {
            self.set_by_chance();
        }
        let (bits, origin) = bytes.load(offset, size);
        Ok(Value::with_origin(bits, origin))
    }

    /// A store by the program.
    pub(super) fn store(
        &mut self,
        at: Value,
        size: Size,
        value: Value,
    ) -> Result<(), Box<BadAccess>> {
        let (bytes, offset) = self.bytes_at_mut(at, size.bytes(), AccessKind::Store)?;
        let kept = size == Size::Dw && offset.is_multiple_of(8) && bytes.keeps_origins();
        let has_address = value.region().is_some() || bytes.has_origin(offset, size);
        bytes.store(offset, size, value.bits(), value.region());
        if has_address && !kept {
            self.set_by_chance();
        }
        Ok(())
    }

    /// A load that later accesses do not overtake.
    pub(super) fn load_acquire(&self, at: Value, size: Size) -> Result<Value, Box<BadAccess>> {
        self.check_aligned(at, size, AccessKind::Load)?;
        let value = self.load(at, size)?;
        fence(Ordering::Acquire);
        Ok(value)
    }

    /// A store that does not overtake earlier accesses.
    pub(super) fn store_release(
        &mut self,
        at: Value,
        size: Size,
        value: Value,
    ) -> Result<(), Box<BadAccess>> {
        self.check_aligned(at, size, AccessKind::Store)?;
        fence(Ordering::Release);
        self.store(at, size, value)
    }

    /// A read-modify-write; the old value.
    pub(super) fn atomic(
        &mut self,
        at: Value,
        size: Size,
        op: AtomicOp,
        operand: Value,
        expected: Value,
    ) -> Result<Value, Box<BadAccess>> {
        self.check_aligned(at, size, AccessKind::Atomic)?;
        let (bytes, offset) = self.bytes_at_mut(at, size.bytes(), AccessKind::Atomic)?;
        let open = bytes.is_open(offset, size) || bytes.has_origin(offset, size);
        // What is fetched may be a pointer; what is stored is none any more.
        let (_, origin) = bytes.load(offset, size);
        let old = bytes.atomic(offset, size, op, operand.bits(), expected.bits());
        if open || operand.region().is_some() || expected.region().is_some() {
            self.set_by_chance();
        }
        Ok(Value::with_origin(old, origin))
    }

    fn add(&mut self, name: &str, access: Access, content: Content) -> RegionId {
        self.last += 1;
        let id = RegionId(self.last);
        self.regions.insert(id, Region { name: name.to_owned(), access, content });
        id
    }

    fn check_aligned(&self, at: Value, size: Size, kind: AccessKind) -> Result<(), Box<BadAccess>> {
        let (bytes, offset) = self.bytes_at(at, size.bytes(), kind)?;
        if bytes.is_aligned(offset, size) {
            return Ok(());
        }
        let region = at.region().and_then(|id| self.name(id)).unwrap_or_default().to_owned();
        let problem = Problem::Unaligned { region, offset: offset as i64 };
        Err(BadAccess::new(kind, size.bytes(), at, problem))
    }

    fn bytes_at(
        &self,
        at: Value,
        size: usize,
        kind: AccessKind,
    ) -> Result<(&Bytes, usize), Box<BadAccess>> {
        let (region, offset) = self.region_at(at, size, kind)?;
        match &region.content {
            Content::Bytes(bytes) => Ok((bytes, offset)),
            Content::Context { .. } | Content::Handle => {
                Err(BadAccess::new(kind, size, at, Problem::Handle { region: region.name.clone() }))
            }
        }
    }

    fn bytes_at_mut(
        &mut self,
        at: Value,
        size: usize,
        kind: AccessKind,
    ) -> Result<(&mut Bytes, usize), Box<BadAccess>> {
        let (_, offset) = self.bytes_at(at, size, kind)?;
        let region = at.region().and_then(|id| self.regions.get_mut(&id));
        match region.map(|region| &mut region.content) {
            Some(Content::Bytes(bytes)) => Ok((bytes, offset)),
            _ => unreachable!("bytes_at found bytes"),
        }
    }

    /// The region that `size` bytes at `at` lie in, and where, if it allows the access.
    fn region_at(
        &self,
        at: Value,
        size: usize,
        kind: AccessKind,
    ) -> Result<(&Region, usize), Box<BadAccess>> {
        self.find(at, size, kind).map_err(|problem| BadAccess::new(kind, size, at, problem))
    }

    fn find(&self, at: Value, size: usize, kind: AccessKind) -> Result<(&Region, usize), Problem> {
        let (id, offset) = match at.target() {
            Some(target) => target,
            None if at.bits() == 0 => return Err(Problem::Null),
            None => return Err(Problem::Number),
        };
        let region = self.regions.get(&id).ok_or(Problem::Gone(id))?;
        let name = || region.name.clone();
        let len = match &region.content {
            Content::Bytes(bytes) => bytes.len(),
            Content::Context { len } => *len,
            Content::Handle => return Err(Problem::Handle { region: name() }),
        };
        let allowed = match region.access {
            Access::Read => kind == AccessKind::Load,
            Access::Write => kind == AccessKind::Store,
            Access::ReadWrite => true,
        };
        if !allowed {
            return Err(Problem::Permission { region: name(), kind });
        }
        let inside = |start: &usize| start.checked_add(size).is_some_and(|end| end <= len);
        match usize::try_from(offset).ok().filter(inside) {
            Some(start) => Ok((region, start)),
            None => Err(Problem::Bounds { region: name(), len, offset, size }),
        }
    }
}
