//! `BPF_MAP_GET_NEXT_KEY`.

use std::collections::BTreeSet;

use skep_tests::on_every_kernel;
use skep_uapi::{Errno, Fd, Kernel};

/// Every key, in the kernel's order.
fn keys(kernel: &dyn Kernel, map: Fd) -> Vec<[u8; 4]> {
    let (mut keys, mut next) = (Vec::new(), [0; 4]);
    while kernel.map_next_key(map, keys.last().map(|key: &[u8; 4]| &key[..]), &mut next) == Ok(true)
    {
        keys.push(next);
        assert!(keys.len() <= 1000, "the walk does not end");
    }
    keys
}

#[test]
fn indices_come_in_order() {
    on_every_kernel("map_get_next_key::indices_come_in_order", |kernel| {
        let map = kernel.array(8, 3);
        assert_eq!(keys(&**kernel, map), [[0, 0, 0, 0], [1, 0, 0, 0], [2, 0, 0, 0]]);
        let mut next = [0xff; 4];
        // From an index that is not there, the walk begins anew.
        assert_eq!(kernel.map_next_key(map, Some(&[9, 0, 0, 0]), &mut next), Ok(true));
        assert_eq!(next, [0; 4]);
    });
}

#[test]
fn each_key_of_a_hash_map_comes_once() {
    on_every_kernel("map_get_next_key::each_key_of_a_hash_map_comes_once", |kernel| {
        let map = kernel.hash(4, 100);
        assert_eq!(keys(&**kernel, map), [[0_u8; 4]; 0]);
        let stored: BTreeSet<[u8; 4]> = (0..100).map(|key| [key, 7, key, 1]).collect();
        for key in &stored {
            assert_eq!(kernel.map_update(map, key, &[0; 4], 0), Ok(()));
        }
        let found = keys(&**kernel, map);
        assert_eq!(found.len(), 100);
        assert_eq!(found.iter().copied().collect::<BTreeSet<_>>(), stored);
        let mut next = [0; 4];
        // From a key that is not there, the walk begins anew.
        assert_eq!(kernel.map_next_key(map, Some(&[0xff; 4]), &mut next), Ok(true));
        assert_eq!(next, found[0]);
    });
}

#[test]
fn keys_and_descriptor_are_checked() {
    on_every_kernel("map_get_next_key::keys_and_descriptor_are_checked", |kernel| {
        let map = kernel.array(8, 3);
        assert_eq!(kernel.map_next_key(map, Some(&[0; 3]), &mut [0; 4]), Err(Errno::EFAULT));
        assert_eq!(kernel.map_next_key(map, None, &mut [0; 3]), Err(Errno::EFAULT));
        assert_eq!(kernel.map_next_key(Fd(i32::MAX), None, &mut [0; 4]), Err(Errno::EBADF));
    });
}
