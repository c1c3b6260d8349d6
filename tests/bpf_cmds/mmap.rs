//! Memory of a map in the process that uses it. Through a client it is the same memory, mapped
//! by both sides.

use std::sync::atomic::Ordering::Relaxed;

use skep_tests::{Subject, four_byte_key, on_every_kernel};
use skep_uapi::{Access, Area, Command, Errno, Fd, MapCreate, MapType, flags};

fn mapped_array(kernel: &Subject) -> Fd {
    kernel.map(MapCreate {
        map_type: MapType::ARRAY,
        value_size: 8,
        max_entries: 600,
        map_flags: flags::map::MMAPABLE,
        ..four_byte_key()
    })
}

fn area(access: Access) -> Area {
    Area { offset: 0, len: 4096, access }
}

#[test]
fn values_are_seen_from_both_sides() {
    on_every_kernel("mmap::values_are_seen_from_both_sides", |kernel| {
        let map = mapped_array(kernel);
        let memory = kernel.mmap(map, area(Access::ReadWrite)).unwrap();
        assert_eq!(memory.len(), 4096);
        memory.store_u64(16, 7, Relaxed).unwrap();
        let mut value = [0; 8];
        kernel.map_lookup(map, &2_u32.to_ne_bytes(), &mut value, 0).unwrap();
        assert_eq!(u64::from_ne_bytes(value), 7);
        kernel.map_update(map, &3_u32.to_ne_bytes(), &9_u64.to_ne_bytes(), 0).unwrap();
        assert_eq!(memory.load_u64(24, Relaxed), Some(9));
        let rest = kernel.mmap(map, Area { offset: 4096, ..area(Access::Read) }).unwrap();
        kernel.map_update(map, &512_u32.to_ne_bytes(), &5_u64.to_ne_bytes(), 0).unwrap();
        assert_eq!(rest.load_u64(0, Relaxed), Some(5));
    });
}

#[test]
fn what_may_be_read_cannot_be_written() {
    on_every_kernel("mmap::what_may_be_read_cannot_be_written", |kernel| {
        let map = mapped_array(kernel);
        let memory = kernel.mmap(map, area(Access::Read)).unwrap();
        assert!(!memory.is_writable());
        assert_eq!(memory.store_u64(0, 1, Relaxed), None);
        let map_id = kernel.map_info(map).unwrap().id;
        let open_flags = flags::map::RDONLY;
        let read_only = kernel.fd(&mut Command::MapGetFdById { map_id, open_flags }).unwrap();
        let refusal = |access| kernel.mmap(read_only, area(access)).map(drop);
        assert_eq!(refusal(Access::Read), Err(Errno::EINVAL));
        assert_eq!(refusal(Access::ReadWrite), Err(Errno::EACCES));
    });
}

#[test]
fn a_mapping_that_writes_keeps_a_map_from_being_frozen() {
    on_every_kernel("mmap::a_mapping_that_writes_keeps_a_map_from_being_frozen", |kernel| {
        let map = mapped_array(kernel);
        let memory = kernel.mmap(map, area(Access::ReadWrite)).unwrap();
        assert_eq!(kernel.bpf(&mut Command::MapFreeze { map_fd: map }), Err(Errno::EBUSY));
        drop(memory);
        let other = mapped_array(kernel);
        let _memory = kernel.mmap(other, area(Access::Read)).unwrap();
        assert_eq!(kernel.bpf(&mut Command::MapFreeze { map_fd: other }), Ok(0));
        let refused = kernel.mmap(other, area(Access::ReadWrite)).map(drop);
        assert_eq!(refused, Err(Errno::EPERM));
    });
}

#[test]
fn other_maps_have_no_memory_to_map() {
    on_every_kernel("mmap::other_maps_have_no_memory_to_map", |kernel| {
        let map = kernel.array(8, 600);
        assert!(kernel.mmap(map, area(Access::Read)).is_err());
        assert_eq!(kernel.mmap(Fd(i32::MAX), area(Access::Read)).map(drop), Err(Errno::EBADF));
    });
}
