//! What lives how long, and when a server ends.

use std::sync::Arc;
use std::time::Duration;

use skep_kernel::UserKernel;
use skep_remote::{Options, is_empty};
use skep_uapi::{Command, Errno, Fd, Kernel, Machine, MapType};

use crate::harness::{Server, count_maps, eventually, map};

fn pin(kernel: &dyn Kernel, pathname: &str, bpf_fd: Fd) -> Result<u32, Errno> {
    kernel.bpf(&mut Command::ObjPin { pathname, bpf_fd, path_fd: None, file_flags: 0 })
}

#[test]
fn descriptors_end_with_their_connection() {
    let server = Server::start(|_| {});
    let client = server.client();
    map(&client, MapType::HASH, 1);
    map(&client, MapType::ARRAY, 1);
    assert_eq!(count_maps(&*server.kernel), 2);
    drop(client);
    eventually(|| count_maps(&*server.kernel) == 0);
}

#[test]
fn a_pin_outlives_the_connection() {
    let server = Server::start(|_| {});
    let path = "/sys/fs/bpf/kept";
    let client = server.client();
    let kept = map(&client, MapType::ARRAY, 1);
    client.map_update(kept, &[0; 4], &[9; 8], 0).unwrap();
    assert_eq!(pin(&client, path, kept), Ok(0));
    drop(client);
    let client = server.client();
    let mut get = Command::ObjGet { pathname: path, path_fd: None, file_flags: 0 };
    let again = Fd::from_result(client.bpf(&mut get).unwrap());
    let mut value = [0; 8];
    client.map_lookup(again, &[0; 4], &mut value, 0).unwrap();
    assert_eq!(value, [9; 8]);
    client.remove(path).unwrap();
    client.close(again);
    assert_eq!(count_maps(&*server.kernel), 0);
}

#[test]
fn a_lost_connection_has_a_number_of_its_own() {
    let mut server = Server::start(|_| {});
    let client = server.client();
    let fd = map(&client, MapType::ARRAY, 1);
    server.stop();
    assert_eq!(client.map_lookup(fd, &[0; 4], &mut [0; 8], 0), Err(Errno::ENOTCONN));
    assert_eq!(client.possible_cpus(), Err(Errno::ENOTCONN));
    client.close(fd);
    assert_eq!(count_maps(&*server.kernel), 0, "the server has released what clients held");
}

/// A server over a kernel that nothing keeps but its objects.
fn idle_server(patience: Duration) -> Server {
    Server::start(|options: &mut Options| {
        let machine: Arc<dyn Machine> = options.machine.clone().unwrap();
        options.patience = patience;
        options.is_idle = Some(Box::new(move || machine.devices().len() == 1));
    })
}

#[test]
fn a_server_ends_when_nothing_is_left() {
    let mut server = idle_server(Duration::from_secs(600));
    let (first, second) = (server.client(), server.client());
    drop(first);
    second.possible_cpus().unwrap();
    drop(second);
    server.end();
}

#[test]
fn a_server_that_nobody_calls_ends() {
    idle_server(Duration::from_millis(10)).end();
}

#[test]
fn what_is_left_keeps_the_server() {
    let mut server = idle_server(Duration::from_secs(600));
    server.client().add_device("kept", 1500).unwrap();
    let client = server.client();
    assert_eq!(client.devices().len(), 2, "a device keeps the kernel that has it");
    drop(client);
    server.stop();
}

#[test]
fn an_empty_kernel_has_nothing_of_a_users() {
    let kernel = UserKernel::default();
    let check = |expect| assert_eq!(is_empty(&kernel, Some(&kernel)), expect);
    check(true);
    let fd = map(&kernel, MapType::HASH, 1);
    check(false);
    kernel.close(fd);
    check(true);
    kernel.add_device("veth0", 1500).unwrap();
    check(false);
}
