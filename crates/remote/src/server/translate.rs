//! The connection's descriptors in a command become the kernel's, wherever they stand.
//!
//! A number that is none of the connection's becomes one that no kernel has: so the kernel itself
//! says what it says about unknown descriptors, in the order in which it makes its checks.

use std::sync::Arc;

use skep_uapi::flags::attach;
use skep_uapi::{
    Command, Errno, Fd, LinkDetail, MapType, Netlink, PerfRequest, ProgAttach, ProgType,
    SocketOption, Target,
};

use super::descriptors::{Descriptor, Descriptors, Kind};

/// Kernels count up from the lowest free number and end long before.
const NOBODY: Fd = Fd(i32::MAX);

/// Looks descriptors up, and keeps each open until the command is answered.
pub(super) struct Translation<'s> {
    descriptors: &'s Descriptors,
    held: Vec<Arc<Descriptor>>,
}

/// Slices of a command with descriptors in them, translated.
#[derive(Default)]
pub(super) struct Copies {
    insns: Option<Vec<u8>>,
    fd_array: Option<Vec<i32>>,
    key: Option<Vec<u8>>,
    values: Option<Vec<u8>>,
}

impl<'s> Translation<'s> {
    pub(super) fn new(descriptors: &'s Descriptors) -> Translation<'s> {
        Translation { descriptors, held: Vec::new() }
    }

    /// The kernel's number for one of the connection's.
    pub(super) fn fd(&mut self, fd: Fd) -> Fd {
        if fd.0 < 0 {
            return fd;
        }
        let Some(descriptor) = self.descriptors.get(fd) else { return NOBODY };
        let fd = descriptor.fd;
        self.held.push(descriptor);
        fd
    }

    /// What a descriptor of the connection's stands for.
    fn kind(&self, fd: Fd) -> Kind {
        self.descriptors.get(fd).map_or(Kind::Other, |descriptor| descriptor.kind())
    }

    fn put(&mut self, fd: &mut Fd) {
        *fd = self.fd(*fd);
    }

    fn put_all<'f>(&mut self, fds: impl IntoIterator<Item = &'f mut Fd>) {
        fds.into_iter().for_each(|fd| self.put(fd));
    }

    fn target(&mut self, target: &mut Target) {
        if let Target::Fd(fd) = target {
            self.put(fd);
        }
    }

    /// A place in a chain: a descriptor, unless it is an id or nothing at all.
    fn relative(&mut self, relative: &mut u32, flags: u32) {
        if flags & attach::ID == 0 && (*relative != 0 || flags & attach::LINK != 0) {
            *relative = self.number(*relative);
        }
    }

    fn number(&mut self, number: u32) -> u32 {
        self.fd(Fd(number.cast_signed())).0.cast_unsigned()
    }

    /// Translates what lies in slices. Refuses what cannot be translated.
    pub(super) fn copies(&mut self, command: &Command<'_>) -> Result<Copies, Errno> {
        let mut copies = Copies::default();
        match command {
            Command::ProgLoad(load) => {
                copies.insns = Some(self.insns(load.insns));
                let array = load.fd_array.iter().map(|fd| self.fd(Fd(*fd)).0);
                copies.fd_array = Some(array.collect());
            }
            Command::MapUpdateElem { map_fd, key, value, .. } => {
                copies.key = self.key(*map_fd, key);
                copies.values = self.values(*map_fd, value)?;
            }
            Command::MapUpdateBatch { map_fd, values, .. } => {
                copies.values = self.values(*map_fd, values)?;
            }
            Command::MapLookupElem { map_fd, key, .. }
            | Command::MapLookupAndDeleteElem { map_fd, key, .. }
            | Command::MapDeleteElem { map_fd, key } => copies.key = self.key(*map_fd, key),
            // A program of this type makes bpf(2) calls of its own, with any of the kernel's
            // descriptors.
            Command::ProgTestRun(run)
                if matches!(self.kind(run.prog_fd), Kind::Prog(ProgType::SYSCALL)) =>
            {
                return Err(Errno::EOPNOTSUPP);
            }
            // Which of these numbers is a descriptor depends on the kind of iterator, which the
            // command does not say.
            Command::LinkCreate(create) => match create.detail {
                LinkDetail::Iter { iter_info } if iter_info.iter().any(|byte| *byte != 0) => {
                    return Err(Errno::EOPNOTSUPP);
                }
                _ => {}
            },
            _ => {}
        }
        Ok(copies)
    }

    /// Translates everything else, and puts the translated slices in.
    pub(super) fn command<'c>(&mut self, command: &mut Command<'c>, copies: &'c Copies) {
        match command {
            Command::MapCreate(create) => {
                self.put_all(&mut create.inner_map_fd);
                self.put_all(&mut create.btf_fd);
                self.put_all(&mut create.value_type_btf_obj_fd);
                self.put_all(&mut create.map_token_fd);
            }
            Command::MapLookupElem { map_fd, key, .. }
            | Command::MapLookupAndDeleteElem { map_fd, key, .. }
            | Command::MapDeleteElem { map_fd, key } => {
                self.put(map_fd);
                replace(key, &copies.key);
            }
            Command::MapUpdateElem { map_fd, key, value, .. } => {
                self.put(map_fd);
                replace(key, &copies.key);
                replace(value, &copies.values);
            }
            Command::MapUpdateBatch { map_fd, values, .. } => {
                self.put(map_fd);
                replace(values, &copies.values);
            }
            Command::ProgLoad(load) => {
                self.put_all(&mut load.prog_btf_fd);
                self.put_all(&mut load.attach_fd);
                self.put_all(&mut load.prog_token_fd);
                replace(&mut load.insns, &copies.insns);
                replace(&mut load.fd_array, &copies.fd_array);
            }
            Command::ProgAttach(attach) | Command::ProgDetach(attach) => self.attach(attach),
            Command::LinkCreate(create) => {
                self.put(&mut create.fd);
                self.target(&mut create.target);
                if let LinkDetail::Relative { relative, .. } = &mut create.detail {
                    self.relative(relative, create.flags);
                }
            }
            _ => self.plain(command),
        }
    }

    /// The commands whose descriptors are fields, and nothing else.
    fn plain(&mut self, command: &mut Command<'_>) {
        match command {
            Command::ObjPin { bpf_fd, path_fd, .. } => {
                self.put(bpf_fd);
                self.put_all(path_fd);
            }
            Command::ObjGet { path_fd, .. } => self.put_all(path_fd),
            Command::ProgTestRun(run) => self.put(&mut run.prog_fd),
            Command::ProgQuery(query) => self.target(&mut query.target),
            Command::MapLookupBatch(batch) | Command::MapLookupAndDeleteBatch(batch) => {
                self.put(&mut batch.map_fd);
            }
            Command::BtfLoad { token_fd, .. } => self.put_all(token_fd),
            Command::LinkUpdate { link_fd, new_fd, old_fd, .. } => {
                self.put_all([link_fd, new_fd]);
                self.put_all(old_fd);
            }
            Command::ProgBindMap { prog_fd, map_fd, .. } => self.put_all([prog_fd, map_fd]),
            Command::ObjGetInfoByFd { bpf_fd: fd, .. }
            | Command::RawTracepointOpen { prog_fd: fd, .. }
            | Command::MapGetNextKey { map_fd: fd, .. }
            | Command::MapDeleteBatch { map_fd: fd, .. }
            | Command::MapFreeze { map_fd: fd }
            | Command::IterCreate { link_fd: fd, .. }
            | Command::LinkDetach { link_fd: fd }
            | Command::TokenCreate { bpffs_fd: fd, .. }
            | Command::ProgStreamReadByFd { prog_fd: fd, .. } => self.put(fd),
            // Ids, or the descriptor of a process that it names.
            Command::ProgGetNextId { .. }
            | Command::MapGetNextId { .. }
            | Command::BtfGetNextId { .. }
            | Command::LinkGetNextId { .. }
            | Command::ProgGetFdById { .. }
            | Command::MapGetFdById { .. }
            | Command::BtfGetFdById { .. }
            | Command::LinkGetFdById { .. }
            | Command::EnableStats { .. }
            | Command::TaskFdQuery { .. } => {}
            Command::MapCreate(_)
            | Command::MapLookupElem { .. }
            | Command::MapLookupAndDeleteElem { .. }
            | Command::MapDeleteElem { .. }
            | Command::MapUpdateElem { .. }
            | Command::MapUpdateBatch { .. }
            | Command::ProgLoad(_)
            | Command::ProgAttach(_)
            | Command::ProgDetach(_)
            | Command::LinkCreate(_) => unreachable!("`command` has translated these"),
        }
    }

    fn attach(&mut self, attach: &mut ProgAttach) {
        self.target(&mut attach.target);
        self.put_all(&mut attach.attach_bpf_fd);
        self.put_all(&mut attach.replace_bpf_fd);
        self.relative(&mut attach.relative, attach.attach_flags);
    }

    /// Maps and type information that instructions name.
    fn insns(&mut self, insns: &[u8]) -> Vec<u8> {
        let mut insns = insns.to_vec();
        let (slots, _) = insns.as_chunks_mut::<SLOT>();
        let mut at = 0;
        while at < slots.len() {
            if slots[at][0] != LD_IMM64 {
                at += 1;
                continue;
            }
            let place = match slots[at][1] >> 4 {
                PSEUDO_MAP_FD | PSEUDO_MAP_VALUE => Some(at),
                // Zero is the kernel's own type information and no descriptor.
                PSEUDO_BTF_ID => Some(at + 1).filter(|at| slots.get(*at).is_some_and(has_imm)),
                _ => None,
            };
            if let Some(place) = place {
                self.put_word(&mut slots[place][IMM..]);
            }
            at += 2;
        }
        insns
    }

    /// Keys of local storage are descriptors of what it belongs to.
    fn key(&mut self, map_fd: Fd, key: &[u8]) -> Option<Vec<u8>> {
        let is_descriptor = matches!(
            self.kind(map_fd),
            Kind::Map {
                map_type: MapType::SK_STORAGE
                    | MapType::INODE_STORAGE
                    | MapType::TASK_STORAGE
                    | MapType::CGRP_STORAGE,
                ..
            }
        );
        (is_descriptor && key.len() >= WORD).then(|| {
            let mut key = key.to_vec();
            self.put_word(&mut key);
            key
        })
    }

    /// Values of maps that hold other objects are descriptors of these.
    fn values(&mut self, map_fd: Fd, values: &[u8]) -> Result<Option<Vec<u8>>, Errno> {
        let Kind::Map { map_type, value_size } = self.kind(map_fd) else { return Ok(None) };
        let offset = match map_type {
            MapType::PROG_ARRAY
            | MapType::PERF_EVENT_ARRAY
            | MapType::CGROUP_ARRAY
            | MapType::ARRAY_OF_MAPS
            | MapType::HASH_OF_MAPS
            | MapType::XSKMAP
            | MapType::SOCKMAP
            | MapType::SOCKHASH
            | MapType::REUSEPORT_SOCKARRAY => 0,
            // A program, where there is one, comes behind the interface or the length of a queue.
            MapType::DEVMAP | MapType::DEVMAP_HASH | MapType::CPUMAP if value_size >= 2 * WORD => {
                WORD
            }
            // Where the programs stand in a value only the kernel's type information says.
            MapType::STRUCT_OPS => return Err(Errno::EOPNOTSUPP),
            _ => return Ok(None),
        };
        let mut values = values.to_vec();
        for value in values.chunks_mut(value_size.max(1)) {
            match value.get_mut(offset..) {
                Some(word) if word.len() >= WORD && (offset == 0 || has_word(word)) => {
                    self.put_word(word);
                }
                _ => {}
            }
        }
        Ok(Some(values))
    }

    /// Translates a descriptor in memory. Of 64 bits the low ones, which come first on the
    /// machines that this kernel runs on.
    fn put_word(&mut self, bytes: &mut [u8]) {
        if let Some(word) = bytes.first_chunk_mut::<WORD>() {
            *word = self.fd(Fd(i32::from_le_bytes(*word))).0.to_le_bytes();
        }
    }

    /// Translates a request to a perf event.
    pub(super) fn perf_request(&mut self, request: PerfRequest) -> PerfRequest {
        match request {
            PerfRequest::SetBpf(prog) => PerfRequest::SetBpf(self.fd(prog)),
            PerfRequest::Enable | PerfRequest::Disable => request,
        }
    }

    /// Translates a socket option.
    pub(super) fn socket_option<'o>(&mut self, option: SocketOption<'o>) -> SocketOption<'o> {
        match option {
            SocketOption::AttachBpf(prog) => SocketOption::AttachBpf(self.fd(prog)),
            SocketOption::AttachFilter(_) | SocketOption::DetachFilter => option,
        }
    }

    /// Translates a netlink request.
    pub(super) fn netlink<'n>(&mut self, request: Netlink<'n>) -> Netlink<'n> {
        match request {
            Netlink::XdpSet { ifindex, prog, expected, flags } => Netlink::XdpSet {
                ifindex,
                prog: prog.map(|fd| self.fd(fd)),
                expected: expected.map(|fd| self.fd(fd)),
                flags,
            },
            Netlink::Links | Netlink::LinkByName(_) => request,
        }
    }
}

/// Bytes of an instruction slot, and where in it the immediate is.
const SLOT: usize = 8;
const IMM: usize = 4;
/// `ld_imm64`, which takes two slots, and what its source register makes of the immediate.
const LD_IMM64: u8 = 0x18;
const PSEUDO_MAP_FD: u8 = 1;
const PSEUDO_MAP_VALUE: u8 = 2;
const PSEUDO_BTF_ID: u8 = 3;
/// Bytes of a descriptor in memory.
const WORD: usize = 4;

fn has_imm(slot: &[u8; SLOT]) -> bool {
    slot[IMM..] != [0; WORD]
}

/// Whether a number is there: zero is no program.
fn has_word(bytes: &[u8]) -> bool {
    bytes[..WORD] != [0; WORD]
}

fn replace<'c, T>(slice: &mut &'c [T], copy: &'c Option<Vec<T>>) {
    if let Some(copy) = copy {
        *slice = copy;
    }
}
