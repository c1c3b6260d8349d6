//! Messages to a server from somebody who means no good.

use std::cell::RefCell;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::thread;

use skep_kernel::UserKernel;
use skep_remote::wire::{
    Call, MAGIC, Reader, VERSION, Writer, read_call, read_command, read_outputs, write_call,
    write_command, write_outputs,
};
use skep_remote::{Client, Options, Stop, serve};
use skep_uapi::{
    Command, Errno, Fd, Info, Kernel, LinkCreate, LinkDetail, MapCreate, MapInfo, MapType, Netlink,
    Open, ProgInfo, ProgLoad, ProgType, Target,
};

/// Messages of many kinds, without their lengths. No program among them can be loaded, and none is
/// a batch: a test run may be asked to go on for as long as it likes, and to walk the buckets of a
/// huge map takes seconds, here as on Linux.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    let (fd, key, start_id) = (Fd(3), &[0; 4][..], 0);
    let (value, next_id) = (&mut [1; 8][..], &mut 0);
    let mut push = |command: Command<'_>| seeds.push(command_message(command));
    for map_type in [MapType::HASH, MapType::ARRAY, MapType::PERCPU_HASH] {
        let (key_size, value_size, max_entries) = (4, 8, 4);
        let create =
            MapCreate { map_type, key_size, value_size, max_entries, ..MapCreate::default() };
        push(Command::MapCreate(create));
    }
    push(Command::MapUpdateElem { map_fd: fd, key, value: &[2; 8], flags: 0 });
    push(Command::MapLookupElem { map_fd: fd, key, value: &mut *value, flags: 0 });
    push(Command::MapGetNextKey { map_fd: fd, key: Some(key), next_key: &mut [0; 4] });
    push(Command::MapDeleteElem { map_fd: fd, key });
    push(Command::MapGetNextId { start_id, next_id });
    push(Command::MapGetFdById { map_id: 1, open_flags: 0 });
    push(Command::MapFreeze { map_fd: fd });
    push(Command::ObjPin { pathname: "/sys/fs/bpf/x", bpf_fd: fd, path_fd: None, file_flags: 0 });
    push(Command::ObjGet { pathname: "/sys/fs/bpf/x", path_fd: Some(fd), file_flags: 0 });
    push(Command::ObjGetInfoByFd { bpf_fd: fd, info: Info::Map(MapInfo::default()) });
    let room = ProgInfo { map_ids: &mut [0; 4], ..ProgInfo::default() };
    push(Command::ObjGetInfoByFd { bpf_fd: fd, info: Info::Prog(Box::new(room)) });
    push(Command::ProgLoad(ProgLoad {
        prog_type: ProgType::XDP,
        insns: &[0x18, 0x11, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        license: "GPL",
        log_level: 1,
        log_buf: &mut [0; 256],
        fd_array: &[3, 4],
        ..ProgLoad::default()
    }));
    push(Command::LinkCreate(LinkCreate {
        fd,
        target: Target::Ifindex(1),
        detail: LinkDetail::KprobeMulti { flags: 0, syms: &["f"], addrs: &[1], cookies: &[2] },
        ..LinkCreate::default()
    }));
    let calls = [
        Call::Open(Open::Directory("/sys/fs/bpf")),
        Call::Read { fd, len: 100 },
        Call::Write { fd, from: b"1" },
        Call::List { dir: "/sys/fs/bpf" },
        Call::Mkdir { dir: "/sys/fs/bpf/d" },
        Call::Remove { path: "/sys/fs/bpf/d" },
        Call::Close { fd },
        Call::Netlink(Netlink::XdpSet { ifindex: 1, prog: Some(fd), expected: None, flags: 2 }),
        Call::Ready { fd },
        Call::Spawn { argv: vec!["true".into()] },
        Call::AddDevice { name: "d", mtu: 1500 },
        Call::Receive { ifindex: 1, frame: &[0; 64] },
        Call::Transmitted { ifindex: 1 },
        Call::Adopt,
        Call::Channel,
    ];
    seeds.extend(calls.iter().map(call_message));
    seeds
}

fn command_message(mut command: Command<'_>) -> Vec<u8> {
    let mut to = Writer::default();
    write_command(&mut command, &mut to);
    [&[0], to.bytes()].concat()
}

fn call_message(call: &Call<'_>) -> Vec<u8> {
    let mut to = Writer::default();
    write_call(call, &mut to);
    [&[1], to.bytes()].concat()
}

/// A message is a value or an error, and so is the same as an answer.
pub fn wire_decode(input: &[u8]) -> bool {
    let Some((_, rest)) = input.split_first() else { return false };
    let mut to = Writer::default();
    let is_command = read_command(Reader::new(rest), &mut to, |mut command, to| {
        let _ = read_outputs(&mut command, &mut Reader::new(rest));
        write_outputs(&command, to);
    });
    is_command.is_ok() | read_call(Reader::new(rest)).is_ok()
}

/// Every message is answered, and another client goes on undisturbed.
pub fn server_answers(input: &[u8]) -> bool {
    thread_local!(static ATTACK: RefCell<Option<Attack>> = const { RefCell::new(None) });
    ATTACK.with_borrow_mut(|attack| attack.get_or_insert_with(Attack::new).send(input))
}

/// A server, a client that means no good, and one that does.
struct Attack {
    stream: UnixStream,
    witness: Client,
    map: Fd,
    _dir: tempfile::TempDir,
}

impl Attack {
    fn new() -> Attack {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("kernel");
        let listener = UnixListener::bind(&path).expect("a socket");
        let kernel = Arc::new(UserKernel::default());
        let options = Options { machine: Some(kernel.clone()), ..Options::default() };
        let stop = Stop::new().expect("an event descriptor");
        thread::spawn(move || serve(&listener, kernel, options, &stop));
        let witness = Client::connect(&path).expect("the server listens");
        let (key_size, value_size, max_entries) = (4, 8, 1);
        let map_type = MapType::ARRAY;
        let map = MapCreate { map_type, key_size, value_size, max_entries, ..Default::default() };
        let map = witness.map_create(map).expect("an array");
        let mut stream = UnixStream::connect(&path).expect("the server listens");
        answer(&mut stream);
        let hello = call_message(&Call::Hello { magic: MAGIC, version: VERSION });
        stream.write_all(&framed(&hello)).expect("the server listens");
        Attack { stream, witness, map, _dir: dir }
    }

    fn send(&mut self, message: &[u8]) -> bool {
        self.stream.write_all(&framed(message)).expect("the server takes every message");
        let errno = answer(&mut self.stream);
        // The map itself is nobody's alone: whoever knows its id may write it.
        let looked_up = self.witness.map_lookup(self.map, &[0; 4], &mut [0; 8], 0);
        assert_eq!(looked_up, Ok(()), "another client is disturbed");
        errno == Errno(0)
    }
}

fn framed(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u32).to_le_bytes(), message].concat()
}

fn answer(stream: &mut UnixStream) -> Errno {
    let mut length = [0; 4];
    stream.read_exact(&mut length).expect("the server answers every message");
    let mut message = vec![0; u32::from_le_bytes(length) as usize];
    stream.read_exact(&mut message).expect("the server ends what it has begun");
    Errno(i32::from_le_bytes(*message.first_chunk().expect("an answer has a number")))
}
