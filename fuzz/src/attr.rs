//! `union bpf_attr` from a caller who lies about everything.

use std::cell::RefCell;

use skep_uapi::attr::{Memory, Object, decode};
use skep_uapi::{Cmd, Errno, Fd, Info};

/// Where the caller's memory begins; all else is unmapped.
const BASE: u64 = 0x1000;
/// Bytes of the attr in an input, behind the command's number.
const ATTR_BYTES: usize = 168;

/// A caller's memory, from `BASE` on.
struct Mapped(RefCell<Vec<u8>>);

impl Mapped {
    fn range(&self, address: u64, bytes: usize) -> Result<std::ops::Range<usize>, Errno> {
        let start = address.checked_sub(BASE).ok_or(Errno::EFAULT)?;
        let start = usize::try_from(start).map_err(|_| Errno::EFAULT)?;
        let end = start.checked_add(bytes).ok_or(Errno::EFAULT)?;
        if end <= self.0.borrow().len() { Ok(start..end) } else { Err(Errno::EFAULT) }
    }
}

impl Memory for Mapped {
    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), Errno> {
        let range = self.range(address, into.len())?;
        into.copy_from_slice(&self.0.borrow()[range]);
        Ok(())
    }

    fn write(&self, address: u64, from: &[u8]) -> Result<(), Errno> {
        let range = self.range(address, from.len())?;
        self.0.borrow_mut()[range].copy_from_slice(from);
        Ok(())
    }
}

/// Every command with words that are addresses, and with words that are small numbers.
pub fn seeds() -> Vec<Vec<u8>> {
    let seed = |cmd: &Cmd, words: [u32; 2]| {
        let mut seed = vec![cmd.0 as u8];
        seed.extend(words.iter().cycle().take(42).flat_map(|word| word.to_ne_bytes()));
        seed.extend((0..600_u32).map(|byte| byte as u8));
        seed
    };
    let both = |cmd| [seed(cmd, [BASE as u32, 0]), seed(cmd, [4, 0]), seed(cmd, [0, 0])];
    Cmd::ALL.iter().flat_map(both).collect()
}

/// An attr is a command or an error; the attr and the memory around it stay as long as they were.
pub fn attr_decode(input: &[u8]) -> bool {
    let Some((cmd, rest)) = input.split_first() else { return false };
    let (attr, memory) = rest.split_at(rest.len().min(ATTR_BYTES));
    let (mut attr, memory) = (attr.to_vec(), Mapped(RefCell::new(memory.to_vec())));
    let mut answered = false;
    let _ = decode(u32::from(*cmd), &mut attr, &memory, &object, &mut |command| {
        answered = true;
        if let skep_uapi::Command::ObjGetInfoByFd { info: Info::Prog(prog), .. } = command {
            prog.map_ids.fill(7);
        }
        Ok(3)
    });
    answered
}

/// Every kind of object is behind some number.
fn object(fd: Fd) -> Result<Object, Errno> {
    Ok(match fd.0 & 7 {
        0 => Object::Map { key: 4, value: 8, place: 4 },
        1 => Object::Prog,
        2 => Object::Btf,
        3 => Object::Link,
        4 => Object::Map { key: 0, value: 1 << 20, place: 16 },
        5 => return Err(Errno::EBADF),
        _ => Object::Other,
    })
}
