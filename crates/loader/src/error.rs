//! Why something could not be loaded, attached or read.

use skep_uapi::{Errno, NetError};

use crate::Rejection;

/// Why something could not be loaded, attached or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The kernel refused a command.
    #[error("cannot {doing}: {errno}{}", advice(*errno))]
    Command {
        /// What was wanted, as a verb with its object.
        doing: String,
        /// The kernel's answer.
        errno: Errno,
    },
    /// The kernel refused to create a map.
    #[error("cannot create map {map} ({shape}): {errno}{}", map_advice(*errno))]
    CreateMap {
        /// Its name.
        map: String,
        /// Type, sizes and flags.
        shape: String,
        /// The kernel's answer.
        errno: Errno,
    },
    /// The kernel refused to give an object a name.
    #[error("cannot pin at {path}: {errno}{}", pin_advice(*errno))]
    Pin {
        /// Path of the pin.
        path: String,
        /// The kernel's answer.
        errno: Errno,
    },
    /// The kernel refused a directory for pins.
    #[error("cannot make directory {path}: {errno}{}", pin_advice(*errno))]
    Mkdir {
        /// Path of the directory.
        path: String,
        /// The kernel's answer.
        errno: Errno,
    },
    /// The kernel refused something about the elements of a map.
    #[error("cannot {doing} map {map}: {errno}{}", element_advice(*errno))]
    Element {
        /// What was wanted, as a verb.
        doing: String,
        /// The map.
        map: String,
        /// The kernel's answer.
        errno: Errno,
    },
    /// The kernel refused a netlink request.
    #[error("cannot {doing}: {answer}{}", advice(answer.errno))]
    Netlink {
        /// What was wanted, as a verb with its object.
        doing: String,
        /// The kernel's answer, with its own words where it has some.
        answer: NetError,
    },
    /// The verifier rejected a program.
    #[error(transparent)]
    Rejected(Box<Rejection>),
    /// A program whose instructions depend on the kernel's types.
    #[error(
        "program {program}: insn {insn} depends on the types of the running kernel (CO-RE), which \
         is not supported yet; compile without preserve_access_index"
    )]
    CoreRelo {
        /// Name of the program.
        program: String,
        /// Slot of the first such instruction.
        insn: u32,
    },
    /// A key has the wrong size.
    #[error("map {map}: expected a key of {expected} bytes, found {found}")]
    KeySize {
        /// The map.
        map: String,
        /// Bytes that its keys have.
        expected: usize,
        /// Bytes that were given.
        found: usize,
    },
    /// A value has the wrong size.
    #[error("map {map}: expected a value of {expected} bytes, found {found}")]
    ValueSize {
        /// The map.
        map: String,
        /// Bytes that its values have, all CPUs' slots together.
        expected: usize,
        /// Bytes that were given.
        found: usize,
    },
    /// A pin holds another kind of object.
    #[error("{path} holds a {found}, expected a {expected}")]
    Kind {
        /// Path of the pin.
        path: String,
        /// What was wanted.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// A map that is shared by its name is there, but is another map.
    #[error(
        "map {map} is pinned at {path} with {found}, expected {expected}; remove the pin or change \
         the definition"
    )]
    Shared {
        /// The map.
        map: String,
        /// Path of the pin.
        path: String,
        /// What the object defines.
        expected: String,
        /// What is pinned.
        found: String,
    },
    /// The object has no such program.
    #[error("no program {wanted}; the object has {}", listed(.there))]
    NoProgram {
        /// What was asked for.
        wanted: String,
        /// The programs that the object has.
        there: Vec<String>,
    },
    /// The object has no such map.
    #[error("no map {wanted}; the object has {}", listed(.there))]
    NoMap {
        /// What was asked for.
        wanted: String,
        /// The maps that the object has.
        there: Vec<String>,
    },
    /// A section name does not say what kind of program it holds.
    #[error(
        "program {program}: section {section} names no program type; rename the section (for \
         example `xdp`) or give the type"
    )]
    ProgType {
        /// The program.
        program: String,
        /// Its section.
        section: String,
    },
    /// An instruction names a map, or a place, that the object does not have.
    #[error("program {program}: insn {insn} refers to {what}, which the object does not have")]
    Reloc {
        /// The program.
        program: String,
        /// Slot.
        insn: u32,
        /// What is missing.
        what: String,
    },
    /// Type information that a kernel gave could not be read.
    #[error("cannot read the kernel's type information {id}")]
    Btf {
        /// Id of the BTF object.
        id: u32,
        /// What is wrong with it.
        source: skep_btf::Error,
    },
}

impl Error {
    /// The kernel's answer, if it was the kernel that refused.
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Error::Command { errno, .. }
            | Error::CreateMap { errno, .. }
            | Error::Pin { errno, .. }
            | Error::Mkdir { errno, .. }
            | Error::Element { errno, .. } => Some(*errno),
            Error::Netlink { answer, .. } => Some(answer.errno),
            Error::Rejected(rejection) => Some(rejection.errno),
            _ => None,
        }
    }

    /// Wraps the answer to a command: `.map_err(Error::failed("pin map x at /y"))`.
    pub(crate) fn failed(doing: impl Into<String>) -> impl FnOnce(Errno) -> Error {
        move |errno| Error::Command { doing: doing.into(), errno }
    }
}

/// What the user can change, where the number alone does not say it.
pub(crate) fn advice(errno: Errno) -> &'static str {
    match errno {
        Errno::EPERM => "; run as root, give CAP_BPF, or use --kernel user",
        Errno::ENOSYS => "; this kernel has no bpf(2): use --kernel user",
        Errno::EMFILE => "; raise the limit of open files (ulimit -n)",
        Errno::E2BIG => "; make it smaller",
        Errno::ESTALE => {
            "; another kernel has made this pin: use that one, or remove it if it is gone"
        }
        _ => "",
    }
}

fn map_advice(errno: Errno) -> &'static str {
    match errno {
        Errno::EINVAL => "; this kernel does not have the type, or refuses the sizes or the flags",
        Errno::E2BIG | Errno::ENOMEM => "; take fewer entries or smaller values",
        other => advice(other),
    }
}

/// What the user can change about a key, a value or flags.
fn element_advice(errno: Errno) -> &'static str {
    match errno {
        Errno::E2BIG => "; the map is full, or the key lies beyond its last index",
        Errno::EINVAL => "; maps of this type do not do that, or not with these flags",
        other => advice(other),
    }
}

/// What the user can change about a pin.
fn pin_advice(errno: Errno) -> &'static str {
    match errno {
        Errno::EPERM | Errno::EINVAL => {
            "; pins live in a BPF file system (/sys/fs/bpf, or another that \
             `mount -t bpf bpffs DIR` makes), and their names have no full stop"
        }
        Errno::ENOENT => "; make the directory first",
        Errno::EEXIST => "; remove the pin that is there, or choose another path",
        _ => "",
    }
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
