//! `BPF_MAP_LOOKUP_BATCH`, `BPF_MAP_LOOKUP_AND_DELETE_BATCH`, `BPF_MAP_UPDATE_BATCH`,
//! `BPF_MAP_DELETE_BATCH`.

use skep_tests::{Subject, on_every_kernel};
use skep_uapi::{Command, Errno, Fd, LookupBatch};

fn update(
    kernel: &Subject,
    map_fd: Fd,
    keys: &[u8],
    values: &[u8],
    count: &mut u32,
) -> Result<u32, Errno> {
    kernel.bpf(&mut Command::MapUpdateBatch {
        map_fd,
        keys,
        values,
        count,
        elem_flags: 0,
        flags: 0,
    })
}

#[test]
fn many_elements_are_stored_read_and_deleted() {
    on_every_kernel("batch::many_elements_are_stored_read_and_deleted", |kernel| {
        let map_fd = kernel.hash(4, 8);
        let keys: Vec<u8> = (0..16).collect();
        let values: Vec<u8> = (16..32).collect();
        let count = &mut 4;
        assert_eq!(update(kernel, map_fd, &keys, &values, count), Ok(0));
        assert_eq!(*count, 4);

        let (mut found_keys, mut found_values) = ([0; 32], [0; 32]);
        let count = &mut 8;
        let result = kernel.bpf(&mut Command::MapLookupBatch(LookupBatch {
            map_fd,
            in_batch: None,
            out_batch: &mut [0; 4],
            keys: &mut found_keys,
            values: &mut found_values,
            count,
            elem_flags: 0,
            flags: 0,
        }));
        assert_eq!((result, *count), (Err(Errno::ENOENT), 4), "the end is an error");
        let mut found: Vec<_> = found_keys.chunks(4).zip(found_values.chunks(4)).take(4).collect();
        found.sort_unstable();
        assert_eq!(found, keys.chunks(4).zip(values.chunks(4)).collect::<Vec<_>>());

        let count = &mut 2;
        let keys = &keys[..8];
        let mut delete = Command::MapDeleteBatch { map_fd, keys, count, elem_flags: 0, flags: 0 };
        assert_eq!(kernel.bpf(&mut delete), Ok(0));
        assert_eq!(kernel.map_lookup(map_fd, &keys[..4], &mut [0; 4], 0), Err(Errno::ENOENT));
    });
}

#[test]
fn arrays_are_read_in_order() {
    on_every_kernel("batch::arrays_are_read_in_order", |kernel| {
        let map_fd = kernel.array(4, 3);
        let keys = [0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0];
        let values: Vec<u8> = (1..=12).collect();
        assert_eq!(update(kernel, map_fd, &keys, &values, &mut 3), Ok(0));
        let mut token = [0; 4];
        let (mut found_keys, mut found_values) = ([0; 8], [0; 8]);
        let mut count = 2;
        let mut read = |in_batch: Option<&[u8]>, out_batch: &mut [u8]| {
            count = 2;
            let batch = LookupBatch {
                map_fd,
                in_batch,
                out_batch,
                keys: &mut found_keys,
                values: &mut found_values,
                count: &mut count,
                elem_flags: 0,
                flags: 0,
            };
            let result = kernel.bpf(&mut Command::MapLookupBatch(batch));
            (result, count, found_values)
        };
        let (result, count, values) = read(None, &mut token);
        assert_eq!((result, count, values), (Ok(0), 2, [1, 2, 3, 4, 5, 6, 7, 8]));
        let (result, count, values) = read(Some(&token.clone()), &mut token);
        assert_eq!((result, count, &values[..4]), (Err(Errno::ENOENT), 1, &[9, 10, 11, 12][..]));
    });
}

#[test]
fn slices_that_are_too_short_are_bad_addresses() {
    on_every_kernel("batch::slices_that_are_too_short_are_bad_addresses", |kernel| {
        let map = kernel.hash(4, 8);
        assert_eq!(update(kernel, map, &[0; 15], &[0; 16], &mut 4), Err(Errno::EFAULT));
        assert_eq!(update(kernel, map, &[0; 16], &[0; 15], &mut 4), Err(Errno::EFAULT));
    });
}

#[test]
fn inputs_are_checked() {
    on_every_kernel("batch::inputs_are_checked", |kernel| {
        let map_fd = kernel.hash(4, 8);
        let (keys, values) = (&[0; 4], &[0; 4]);
        let update = |map_fd, elem_flags, flags| {
            let count = &mut 1;
            kernel.bpf(&mut Command::MapUpdateBatch {
                map_fd,
                keys,
                values,
                count,
                elem_flags,
                flags,
            })
        };
        assert_eq!(update(Fd(i32::MAX), 0, 0), Err(Errno::EBADF));
        assert_eq!(update(map_fd, 1, 0), Err(Errno::EINVAL));
        assert_eq!(update(map_fd, 1 << 40, 0), Err(Errno::EINVAL));
        assert_eq!(update(map_fd, 0, 1), Ok(0), "the batch's own flags are not looked at");
        assert_eq!(update(map_fd, 0, 0), Ok(0));
        let delete = |elem_flags, flags| {
            let count = &mut 1;
            kernel.bpf(&mut Command::MapDeleteBatch { map_fd, keys, count, elem_flags, flags })
        };
        assert_eq!(delete(1, 0), Err(Errno::EINVAL));
        assert_eq!(delete(0, 1), Ok(0), "the batch's own flags are not looked at");
        assert_eq!(delete(0, 0), Err(Errno::ENOENT));
    });
}
