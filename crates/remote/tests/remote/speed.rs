//! What calls through a client cost, and who waits for whom.

use std::time::{Duration, Instant};

use skep_remote::Client;
use skep_uapi::{Errno, Fd, Kernel, MapType, ProgLoad, ProgType};

use crate::harness::{Server, map};

/// Generous, since other tests and builds share the machine: it is the middle one of many that
/// says whether a call is one message each way. Unoptimized code is not measured.
const LOOKUP: Duration = Duration::from_micros(if cfg!(debug_assertions) { 500 } else { 40 });
/// How long one of many clients may wait while a large program is loaded.
const WAIT: Duration = Duration::from_millis(if cfg!(debug_assertions) { 2000 } else { 250 });

fn lookup(client: &Client, map: Fd) -> Duration {
    let begin = Instant::now();
    let mut value = [0; 8];
    client.map_lookup(map, &[1; 4], &mut value, 0).unwrap();
    assert_eq!(value, [7; 8]);
    begin.elapsed()
}

#[test]
fn a_lookup_is_one_message_each_way() {
    let server = Server::start(|_| {});
    let client = server.client();
    let map = map(&client, MapType::HASH, 16);
    client.map_update(map, &[1; 4], &[7; 8], 0).unwrap();
    let mut times: Vec<Duration> = (0..2000).map(|_| lookup(&client, map)).collect();
    times.sort();
    let median = times[times.len() / 2];
    println!("a look-up through the client: {median:?}");
    assert!(median < LOOKUP, "a look-up takes {median:?}");
}

#[test]
fn many_clients_do_not_wait_for_a_large_program() {
    let server = Server::start(|_| {});
    let loader = server.client();
    let worst = std::thread::scope(|scope| {
        let lookups: Vec<_> = (0..32)
            .map(|_| {
                let client = server.client();
                scope.spawn(move || {
                    let map = map(&client, MapType::HASH, 16);
                    client.map_update(map, &[1; 4], &[7; 8], 0).unwrap();
                    (0..100).map(|_| lookup(&client, map)).max().unwrap()
                })
            })
            .collect();
        load_large(&loader);
        lookups.into_iter().map(|thread| thread.join().unwrap()).max().unwrap()
    });
    println!("the longest of 3200 look-ups by 32 clients: {worst:?}");
    assert!(worst < WAIT, "a look-up took {worst:?}");
}

/// As many instructions as a program may have.
fn load_large(client: &Client) {
    const R0_PLUS_1: [u8; 8] = [0x07, 0, 0, 0, 1, 0, 0, 0];
    const R0_IS_0: [u8; 8] = [0xb7, 0, 0, 0, 0, 0, 0, 0];
    const EXIT: [u8; 8] = [0x95, 0, 0, 0, 0, 0, 0, 0];
    let mut insns = vec![R0_IS_0];
    insns.resize(100_000, R0_PLUS_1);
    insns.push(EXIT);
    let insns = insns.concat();
    let (prog_type, license) = (ProgType::SOCKET_FILTER, "GPL");
    let load = ProgLoad { prog_type, insns: &insns, license, ..ProgLoad::default() };
    let fd = client.prog_load(load).unwrap();
    client.close(fd);
}

#[test]
fn threads_share_a_client() {
    let server = Server::start(|_| {});
    let client = server.client();
    let map = map(&client, MapType::ARRAY, 64);
    std::thread::scope(|scope| {
        for thread in 0..64_u32 {
            let client = &client;
            scope.spawn(move || {
                for round in 0..50_u64 {
                    let (key, value) = (thread.to_ne_bytes(), round.to_ne_bytes());
                    client.map_update(map, &key, &value, 0).unwrap();
                    let mut found = [0; 8];
                    client.map_lookup(map, &key, &mut found, 0).unwrap();
                    assert_eq!(found, value);
                }
            });
        }
    });
}

#[test]
fn a_number_closed_in_mid_call_is_not_another_object() {
    let server = Server::start(|_| {});
    let client = server.client();
    std::thread::scope(|scope| {
        let (client, other) = (&client, server.client());
        scope.spawn(move || {
            for _ in 0..200 {
                // The numbers of the kernel behind go around between the two clients.
                let fd = map(&other, MapType::ARRAY, 1);
                let mut value = [0; 8];
                other.map_lookup(fd, &[0; 4], &mut value, 0).unwrap();
                assert_eq!(value, [0; 8]);
                other.close(fd);
            }
        });
        for _ in 0..200 {
            let fd = map(client, MapType::ARRAY, 1);
            scope.spawn(move || client.close(fd));
            match client.map_update(fd, &[0; 4], &[1; 8], 0) {
                Ok(()) | Err(Errno::EBADF) => {}
                other => panic!("{other:?}"),
            }
        }
    });
}
