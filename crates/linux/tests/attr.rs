//! `skep_uapi::attr::decode` takes sizes as the running Linux takes them.

mod harness;

use std::ffi::c_long;
use std::os::fd::{FromRawFd, OwnedFd};

use harness::linux;
use skep_uapi::attr::{Memory, Object, decode};
use skep_uapi::{Cmd, Errno, Fd};

/// Memory that has nothing anywhere.
struct Nowhere;

impl Memory for Nowhere {
    fn read(&self, _: u64, _: &mut [u8]) -> Result<(), Errno> {
        Err(Errno::EFAULT)
    }
    fn write(&self, _: u64, _: &[u8]) -> Result<(), Errno> {
        Err(Errno::EFAULT)
    }
}

/// What bpf(2) says to an attr without a good pointer or descriptor in it.
fn raw(cmd: Cmd, attr: &mut [u8]) -> Result<(), Errno> {
    // SAFETY: the attr's pointers are null or within the page that is never mapped.
    let result =
        unsafe { libc::syscall(libc::SYS_bpf, c_long::from(cmd.0), attr.as_mut_ptr(), attr.len()) };
    if result < 0 {
        return Err(Errno::from_io(&std::io::Error::last_os_error()));
    }
    // The only command that makes a descriptor out of zeros.
    if cmd == Cmd::ENABLE_STATS {
        // SAFETY: just returned, and nobody else knows it.
        drop(unsafe { OwnedFd::from_raw_fd(result as i32) });
    }
    Ok(())
}

fn ours(cmd: Cmd, attr: &mut [u8]) -> Result<(), Errno> {
    let objects = |_| Ok(Object::Map { key: 4, value: 4, place: 4 });
    decode(cmd.0, attr, &Nowhere, &objects, &mut |_| Ok(0)).map(drop)
}

/// An attr of zeros, but for a descriptor that is none and one more word.
fn attr(word: usize) -> [u8; 168] {
    let mut attr = [0; 168];
    attr[word * 4] = 1;
    attr
}

/// Where Linux tells an unused word from an unused attr, so do we.
#[test]
fn unused_words_must_be_zero() {
    let Some(_) = linux("unused_words_must_be_zero") else { return };
    let mut told_apart = 0;
    for cmd in Cmd::ALL {
        let zeros = raw(*cmd, &mut [0; 168]);
        for word in 1..42 {
            let theirs = raw(*cmd, &mut attr(word));
            if theirs == Err(Errno::EINVAL) && zeros == Err(Errno::EINVAL) {
                continue;
            }
            told_apart += 1;
            // A field that Linux refuses for what it says is the kernel's to refuse, not ours.
            if theirs != Err(Errno::EINVAL) {
                assert_ne!(ours(*cmd, &mut attr(word)), Err(Errno::EINVAL), "{cmd} word {word}");
            }
        }
        let behind =
            (1..42).rev().take_while(|word| ours(*cmd, &mut attr(*word)) == Err(Errno::EINVAL));
        for word in behind {
            assert_eq!(raw(*cmd, &mut attr(word)), Err(Errno::EINVAL), "{cmd} word {word}");
        }
    }
    assert!(told_apart > 300, "only {told_apart} words say anything");
}

#[test]
fn longer_attrs_must_be_zero() {
    let Some(_) = linux("longer_attrs_must_be_zero") else { return };
    let check = |bytes: usize, last: u8, expected| {
        let mut attr = vec![0; bytes];
        *attr.last_mut().unwrap() = last;
        assert_eq!(raw(Cmd::MAP_GET_FD_BY_ID, &mut attr.clone()), expected, "{bytes} {last}");
        let objects = |_: Fd| Ok(Object::Other);
        let ours = decode(Cmd::MAP_GET_FD_BY_ID.0, &mut attr, &Nowhere, &objects, &mut |_| {
            Err(Errno::ENOENT)
        });
        assert_eq!(ours.map(drop), expected, "{bytes} {last}");
    };
    check(4, 0, Err(Errno::ENOENT));
    check(168, 0, Err(Errno::ENOENT));
    check(168, 1, Err(Errno::EINVAL));
    check(169, 0, Err(Errno::ENOENT));
    check(169, 1, Err(Errno::E2BIG));
    check(4096, 0, Err(Errno::ENOENT));
    check(4096, 1, Err(Errno::E2BIG));
    check(4097, 0, Err(Errno::E2BIG));
}
