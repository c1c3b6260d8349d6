//! Clients that do not keep to the rules.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;

use rustix::thread::set_thread_res_uid;
use skep_remote::wire::{Call, MAGIC, VERSION, Writer, write_call, write_command};
use skep_remote::{Client, Error};
use skep_uapi::{Command, Errno, Fd, Kernel, MapType};

use crate::commands::{COMMANDS, Draw, with_command};
use crate::harness::{Server, count_maps, eventually, map};

/// Bytes of a message with its length.
fn framed(kind: u8, write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut to = Writer::default();
    write(&mut to);
    let length = u32::try_from(to.bytes().len() + 1).unwrap();
    [&length.to_le_bytes(), &[kind][..], to.bytes()].concat()
}

fn call(call: &Call<'_>) -> Vec<u8> {
    framed(1, |to| write_call(call, to))
}

fn command(command: &mut Command<'_>) -> Vec<u8> {
    framed(0, |to| write_command(command, to))
}

/// The error number of the next answer, or nothing where the server has closed.
fn answer(stream: &mut UnixStream) -> Option<Errno> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).ok()?;
    let mut message = vec![0; u32::from_le_bytes(length) as usize];
    stream.read_exact(&mut message).ok()?;
    Some(Errno(i32::from_le_bytes(*message.first_chunk()?)))
}

/// A socket after the greeting.
fn greeted(server: &Server) -> UnixStream {
    let mut stream = server.raw();
    assert_eq!(answer(&mut stream), Some(Errno(0)));
    stream.write_all(&call(&Call::Hello { magic: MAGIC, version: VERSION })).unwrap();
    stream
}

fn ask(stream: &mut UnixStream, message: &[u8]) -> Option<Errno> {
    stream.write_all(message).ok()?;
    answer(stream)
}

/// A client that goes on undisturbed.
fn witness(server: &Server) -> (Client, Fd) {
    let client = server.client();
    let fd = map(&client, MapType::ARRAY, 1);
    client.map_update(fd, &[0; 4], &[5; 8], 0).unwrap();
    (client, fd)
}

fn is_undisturbed((client, fd): &(Client, Fd)) {
    let mut value = [0; 8];
    client.map_lookup(*fd, &[0; 4], &mut value, 0).unwrap();
    assert_eq!(value, [5; 8]);
}

#[test]
fn messages_without_sense_are_answered_with_that() {
    let server = Server::start(|_| {});
    let witness = witness(&server);
    let mut stream = greeted(&server);
    let framed = |bytes: &[u8]| framed(bytes[0], |to| to.extend(&bytes[1..]));
    let mut check = |message: &[u8], errno| {
        assert_eq!(ask(&mut stream, message), Some(errno), "{message:?}");
    };
    check(&0_u32.to_le_bytes(), Errno::EPROTO);
    check(&framed(&[9, 9, 9]), Errno::EPROTO);
    // No room, and a command or a call that no Linux and no server has.
    check(&framed(&[0, 0, 38]), Errno::EINVAL);
    check(&framed(&[0, 0, 255]), Errno::EINVAL);
    check(&framed(&[1, 200]), Errno::EPROTO);
    // Too short, too long, too much room.
    check(&framed(&[0, 0, 22, 1]), Errno::EPROTO);
    check(&framed(&[0, 0, 22, 1, 0, 0, 0, 0]), Errno::EPROTO);
    check(&framed(&[0, 1, 0, 255, 255, 255, 255, 0, 0, 0, 0, 22, 1, 0, 0, 0]), Errno::E2BIG);
    // Sense again.
    check(&call(&Call::PossibleCpus), Errno(0));
    is_undisturbed(&witness);
}

#[test]
fn a_message_longer_than_any_ends_the_connection() {
    let server = Server::start(|_| {});
    let witness = witness(&server);
    let mut stream = greeted(&server);
    assert_eq!(ask(&mut stream, &u32::MAX.to_le_bytes()), None);
    is_undisturbed(&witness);
}

#[test]
fn whoever_says_no_hello_is_not_listened_to() {
    let server = Server::start(|_| {});
    for bytes in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        &call(&Call::PossibleCpus),
        &call(&Call::Hello { magic: MAGIC, version: VERSION + 1 }),
        &call(&Call::Hello { magic: *b"somebody", version: VERSION }),
    ] {
        let mut stream = server.raw();
        assert_eq!(answer(&mut stream), Some(Errno(0)));
        assert_eq!(ask(&mut stream, bytes), None, "{bytes:?}");
    }
}

#[test]
fn random_messages_break_nothing() {
    let server = Server::start(|_| {});
    let witness = witness(&server);
    let mut draw = Draw(0x5eed_5eed);
    let mut stream = greeted(&server);
    for _ in 0..4000 {
        let mut message = Vec::new();
        with_command(draw.below(COMMANDS as usize) as u32, &mut draw, &mut |made| {
            message = command(made);
        });
        for _ in 0..draw.below(4) {
            let at = draw.below(message.len());
            message[at] = draw.u32() as u8;
        }
        if draw.below(3) > 0 {
            // The length stays true, so that the connection stays too.
            let length = u32::try_from(message.len() - 4).unwrap();
            message[..4].copy_from_slice(&length.to_le_bytes());
        } else {
            message.truncate(draw.below(message.len()));
            stream.write_all(&message).unwrap();
            stream = greeted(&server);
            continue;
        }
        if ask(&mut stream, &message).is_none() {
            stream = greeted(&server);
        }
    }
    is_undisturbed(&witness);
    drop(stream);
    eventually(|| count_maps(&*server.kernel) == 1);
}

#[test]
fn half_a_message_holds_up_nobody() {
    let mut server = Server::start(|_| {});
    let witness = witness(&server);
    let mut streams: Vec<UnixStream> = (0..8).map(|_| greeted(&server)).collect();
    let message = call(&Call::List { dir: "/sys/fs/bpf" });
    for (at, stream) in streams.iter_mut().enumerate() {
        stream.write_all(&message[..at]).unwrap();
    }
    is_undisturbed(&witness);
    // One that goes on after all is answered.
    streams[5].write_all(&message[5..]).unwrap();
    assert_eq!(answer(&mut streams[5]), Some(Errno(0)));
    server.stop();
}

#[test]
fn whoever_does_not_take_answers_holds_up_nobody() {
    let mut server = Server::start(|_| {});
    let witness = witness(&server);
    let mut stream = greeted(&server);
    stream.set_nonblocking(true).unwrap();
    // A file of some hundred kilobytes, until no more fits into the socket.
    let open =
        call(&Call::Open(skep_uapi::Open::File { path: "/sys/kernel/btf/vmlinux", write: false }));
    stream.write_all(&open).unwrap();
    let read = call(&Call::Read { fd: Fd(3), len: 1 << 20 });
    while stream.write_all(&read).is_ok() {}
    is_undisturbed(&witness);
    server.stop();
}

#[test]
fn descriptors_of_others_are_unknown() {
    let server = Server::start(|_| {});
    let (owner, fd) = witness(&server);
    let other = server.client();
    for number in 0..20 {
        let fd = Fd(number);
        assert_eq!(other.map_lookup(fd, &[0; 4], &mut [0; 8], 0), Err(Errno::EBADF));
        other.close(fd);
    }
    is_undisturbed(&(owner, fd));
}

#[test]
fn another_user_is_refused() {
    let server = Server::start(|_| {});
    // The permissions would keep him out already: only the check of who he is is left.
    let dir = server.path.parent().unwrap();
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(&server.path, fs::Permissions::from_mode(0o666)).unwrap();
    let path = server.path.clone();
    let connected = std::thread::spawn(move || {
        let nobody = rustix::process::Uid::from_raw(65534);
        // This thread alone becomes somebody else.
        set_thread_res_uid(nobody, nobody, nobody).ok()?;
        Some(Client::connect(&path))
    });
    match connected.join().unwrap() {
        None => println!("not run: another_user_is_refused: it takes root to become another user"),
        Some(Err(Error::Refused(errno))) => assert_eq!(errno, Errno::EACCES),
        Some(other) => panic!("{other:?}"),
    }
}

#[test]
fn a_server_takes_so_many_connections_and_no_more() {
    let server = Server::start(|options| options.connections_max = 2);
    let (first, _second) = (server.client(), server.client());
    assert!(matches!(Client::connect(&server.path), Err(Error::Refused(Errno::EAGAIN))));
    drop(first);
    eventually(|| Client::connect(&server.path).is_ok());
}

#[test]
fn a_connection_has_so_many_descriptors_and_no_more() {
    let server = Server::start(|options| options.descriptors_max = 2);
    let client = server.client();
    let first = map(&client, MapType::ARRAY, 1);
    map(&client, MapType::ARRAY, 1);
    let create = || {
        let fd = server.kernel.possible_cpus().map(|_| 1)?;
        client.open(skep_uapi::Open::Directory("/sys/fs/bpf")).map(|_| fd)
    };
    assert_eq!(create(), Err(Errno::EMFILE));
    client.close(first);
    assert_eq!(create(), Ok(1));
    assert_eq!(count_maps(&*server.kernel), 1);
}
