//! `BPF_BTF_LOAD`.

use skep_tests::{Subject, on_every_kernel, on_linux_alone};
use skep_uapi::{BtfInfo, Command, Errno, Fd};

/// A header of 24 bytes, `types`, and `strings`.
fn btf(types: &[u32], strings: &[u8]) -> Vec<u8> {
    let type_bytes = types.len() as u32 * 4;
    let mut bytes = vec![0x9f, 0xeb, 1, 0];
    for word in [24, 0, type_bytes, type_bytes, strings.len() as u32] {
        bytes.extend(u32::to_le_bytes(word));
    }
    bytes.extend(types.iter().flat_map(|word| word.to_le_bytes()));
    bytes.extend(strings);
    bytes
}

/// `int`: name, kind 1, size, and encoding 1 (signed) with its bits.
fn int(name: u32, size: u32, bits: u32) -> [u32; 4] {
    [name, 1 << 24, size, 1 << 24 | bits]
}

fn load(kernel: &Subject, btf: &[u8], log_buf: &mut [u8]) -> Result<Fd, Errno> {
    let log_level = u32::from(!log_buf.is_empty());
    let log_true_size = &mut 0;
    kernel.fd(&mut Command::BtfLoad {
        btf,
        log_level,
        log_buf,
        log_true_size,
        flags: 0,
        token_fd: None,
    })
}

#[test]
fn types_come_back() {
    on_every_kernel("btf_load::types_come_back", |kernel| {
        let bytes = btf(&int(1, 4, 32), b"\0int\0");
        let fd = load(kernel, &bytes, &mut []).unwrap();
        let (mut room, mut name) = (vec![0; bytes.len()], [0xff; 8]);
        let info = BtfInfo { btf: &mut room, name: &mut name, ..BtfInfo::default() };
        let info = kernel.btf_info(fd, info).unwrap();
        assert_eq!(info.btf_size as usize, bytes.len());
        assert!(!info.kernel_btf);
        assert_ne!(info.id, 0);
        let btf_id = info.id;
        assert_eq!(room, bytes);
        let again = kernel.fd(&mut Command::BtfGetFdById { btf_id, open_flags: 0 }).unwrap();
        assert_eq!(kernel.btf_info(again, BtfInfo::default()).unwrap().id, btf_id);
    });
}

#[test]
fn what_is_no_btf_is_refused() {
    on_every_kernel("btf_load::what_is_no_btf_is_refused", |kernel| {
        let good = btf(&int(1, 4, 32), b"\0int\0");
        let check = |what: &str, bytes: &[u8], errno| {
            assert_eq!(load(kernel, bytes, &mut []), Err(errno), "{what}");
        };
        check("nothing", &[], Errno::EINVAL);
        check("cut in the header", &good[..20], Errno::EINVAL);
        check("cut in the types", &good[..30], Errno::EINVAL);
        check("cut in the strings", &good[..good.len() - 1], Errno::EINVAL);
        let with = |at: usize, byte| {
            let mut bytes = good.clone();
            bytes[at] = byte;
            bytes
        };
        check("wrong magic", &with(0, 0), Errno::EINVAL);
        check("name beyond the strings", &with(24, 77), Errno::EINVAL);
        check("unknown kind", &with(31, 31), Errno::EINVAL);
        check("strings that do not end", &with(good.len() - 1, b'x'), Errno::EINVAL);
        check("strings that do not begin", &with(40, b'x'), Errno::EINVAL);
    });
}

#[test]
fn newer_formats_are_told_apart() {
    on_every_kernel("btf_load::newer_formats_are_told_apart", |kernel| {
        let good = btf(&int(1, 4, 32), b"\0int\0");
        let check = |what: &str, at: usize| {
            let mut bytes = good.clone();
            bytes[at] += 1;
            assert_eq!(load(kernel, &bytes, &mut []), Err(Errno::ENOTSUPP), "{what}");
        };
        check("version", 2);
        check("flags", 3);
    });
}

#[test]
fn integers_have_room_for_their_bits() {
    on_every_kernel("btf_load::integers_have_room_for_their_bits", |kernel| {
        let bits = |bits| load(kernel, &btf(&int(1, 4, bits), b"\0int\0"), &mut []).map(drop);
        assert_eq!(bits(32), Ok(()));
        assert_eq!(bits(33), Err(Errno::EINVAL));
    });
}

#[test]
fn a_refusal_is_told_in_the_log() {
    let reason = "its log has words of its own";
    on_linux_alone("btf_load::a_refusal_is_told_in_the_log", reason, |kernel| {
        let mut log = vec![0; 4096];
        let bytes = btf(&int(77, 4, 32), b"\0int\0");
        assert_eq!(load(kernel, &bytes, &mut log), Err(Errno::EINVAL));
        let log = String::from_utf8_lossy(&log);
        assert!(log.contains("Invalid name_offset:77"), "{log}");
    });
}
