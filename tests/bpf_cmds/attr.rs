//! bpf(2) as a C caller makes it, with `union bpf_attr`, in front of each kernel.

use skep_tests::{Subject, on_every_kernel};
use skep_uapi::attr::{OwnMemory, call};
use skep_uapi::{Cmd, Errno, Fd};

/// Bytes of an attr, word by word; an address takes two.
fn attr(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

fn address(slice: &[u8]) -> [u32; 2] {
    let address = slice.as_ptr().expose_provenance() as u64;
    [address as u32, (address >> 32) as u32]
}

fn bpf(kernel: &Subject, cmd: Cmd, attr: &mut [u8]) -> Result<u32, Errno> {
    // SAFETY: the tests below give addresses of slices that live as long as the call, of the
    // lengths that the maps have.
    let memory = unsafe { OwnMemory::new() };
    call(&**kernel, &memory, cmd.0, attr)
}

#[test]
fn a_map_is_used_through_addresses() {
    on_every_kernel("attr::a_map_is_used_through_addresses", |kernel| {
        // Type hash, key_size, value_size, max_entries.
        let map = bpf(kernel, Cmd::MAP_CREATE, &mut attr(&[1, 4, 8, 2])).unwrap();
        kernel.own(Fd::from_result(map));
        let key = [1, 2, 3, 4];
        let value = [5; 8];
        let ([key_low, key_high], [low, high]) = (address(&key), address(&value));
        let mut update = attr(&[map, 0, key_low, key_high, low, high, 0, 0]);
        assert_eq!(bpf(kernel, Cmd::MAP_UPDATE_ELEM, &mut update), Ok(0));

        let mut found = [0_u8; 8];
        let found_at = found.as_mut_ptr().expose_provenance() as u64;
        let (low, high) = (found_at as u32, (found_at >> 32) as u32);
        let mut lookup = attr(&[map, 0, key_low, key_high, low, high, 0, 0]);
        assert_eq!(bpf(kernel, Cmd::MAP_LOOKUP_ELEM, &mut lookup), Ok(0));
        assert_eq!(found, value);

        let mut nowhere = attr(&[map, 0, key_low, key_high, 0, 0, 0, 0]);
        assert_eq!(bpf(kernel, Cmd::MAP_LOOKUP_ELEM, &mut nowhere), Err(Errno::EFAULT));
        let mut longer = attr(&[map, 0, key_low, key_high, low, high, 0, 0, 1]);
        assert_eq!(bpf(kernel, Cmd::MAP_LOOKUP_ELEM, &mut longer), Err(Errno::EINVAL));
        let mut none = attr(&[0x7fff_ffff, 0, key_low, key_high, low, high, 0, 0]);
        assert_eq!(bpf(kernel, Cmd::MAP_LOOKUP_ELEM, &mut none), Err(Errno::EBADF));
    });
}

#[test]
fn a_key_may_be_replaced_by_the_next() {
    on_every_kernel("attr::a_key_may_be_replaced_by_the_next", |kernel| {
        let map = kernel.array(8, 3);
        let mut key = [0_u8; 4];
        let at = key.as_mut_ptr().expose_provenance() as u64;
        let (low, high) = (at as u32, (at >> 32) as u32);
        let mut next = attr(&[map.0 as u32, 0, low, high, low, high]);
        assert_eq!(bpf(kernel, Cmd::MAP_GET_NEXT_KEY, &mut next), Ok(0));
        assert_eq!(key, [1, 0, 0, 0]);
    });
}

#[test]
fn outputs_come_back_in_the_attr() {
    on_every_kernel("attr::outputs_come_back_in_the_attr", |kernel| {
        let map = kernel.array(8, 1);
        let id = kernel.map_info(map).unwrap().id;
        let mut next = attr(&[id - 1, 0]);
        assert_eq!(bpf(kernel, Cmd::MAP_GET_NEXT_ID, &mut next), Ok(0));
        assert_eq!(next, attr(&[id - 1, id]));
        let mut info = [0_u8; 32];
        let at = info.as_mut_ptr().expose_provenance() as u64;
        let (low, high) = (at as u32, (at >> 32) as u32);
        let mut by_fd = attr(&[map.0 as u32, 32, low, high]);
        assert_eq!(bpf(kernel, Cmd::OBJ_GET_INFO_BY_FD, &mut by_fd), Ok(0));
        assert_eq!(info[4..8], id.to_ne_bytes());
    });
}
