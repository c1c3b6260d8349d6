//! The main path: an object becomes maps and programs of a kernel.

use std::sync::Arc;

use skep_btf::{FuncInfo, LineInfo};
use skep_isa::Insn;
use skep_obj::{Object, Program};
use skep_uapi::{AttachType, Command, Errno, Fd, Kernel, Name, ProgLoad, ProgType, flags};

use crate::pins::Pins;
use crate::{BtfObject, Error, Handle, Map, Prog, Rejection, create, rejection, relocate};

/// Loads objects: what to load, and how, is set beforehand.
///
/// Loading is all or nothing: on an error every descriptor is closed and every pin is removed.
pub struct Loader {
    kernel: Arc<dyn Kernel>,
    programs: Option<Vec<String>>,
    prog_type: Option<(ProgType, AttachType)>,
    log_level: u32,
    pin_root: String,
    pin_maps: Option<String>,
    pin_progs: Option<PinProgs>,
    reuse: Vec<(String, u32)>,
}

/// Where programs are pinned.
enum PinProgs {
    /// The one program at this path.
    At(String),
    /// Each under its name in this directory.
    In(String),
}

/// What was loaded. Dropping it closes everything that is not attached or pinned.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The programs, in the object's order.
    pub programs: Vec<LoadedProg>,
    /// The maps, in the object's order.
    pub maps: Vec<LoadedMap>,
    /// The type information, if the kernel took it.
    pub btf: Option<BtfObject>,
    /// What did not go as the object wants, but did not stop it.
    pub warnings: Vec<Warning>,
}

/// A loaded program.
#[derive(Debug)]
pub struct LoadedProg {
    /// Full name.
    pub name: String,
    /// Section it came from.
    pub section: String,
    /// The program.
    pub prog: Prog,
    /// The verifier's log, where a log level was set.
    pub log: String,
}

/// A map of a loaded object.
#[derive(Debug)]
pub struct LoadedMap {
    /// Full name; the kernel's is cut.
    pub name: String,
    /// The map.
    pub map: Map,
}

/// What did not go as the object wants, but did not stop the loading.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Warning {
    /// The kernel refused the type information: maps print as bytes, and programs that need types
    /// will be refused.
    #[error("continuing without BTF: the kernel refused it: {errno}{}", reason(.log))]
    BtfRefused {
        /// The kernel's answer.
        errno: Errno,
        /// The kernel's log.
        log: String,
    },
}

impl Loader {
    /// A loader for a kernel, with nothing set.
    pub fn new(kernel: &Arc<dyn Kernel>) -> Loader {
        Loader {
            kernel: Arc::clone(kernel),
            programs: None,
            prog_type: None,
            log_level: 0,
            pin_root: "/sys/fs/bpf".to_owned(),
            pin_maps: None,
            pin_progs: None,
            reuse: Vec::new(),
        }
    }

    /// Loads these programs only, also those whose section name says not to load them.
    #[must_use]
    pub fn with_programs(mut self, names: &[&str]) -> Loader {
        self.programs = Some(names.iter().map(|name| (*name).to_owned()).collect());
        self
    }

    /// Loads every program as one of this type, whatever its section name says.
    #[must_use]
    pub fn with_prog_type(mut self, prog_type: ProgType, attach_type: AttachType) -> Loader {
        self.prog_type = Some((prog_type, attach_type));
        self
    }

    /// Wants the verifier's log also of accepted programs.
    #[must_use]
    pub fn with_log_level(mut self, log_level: u32) -> Loader {
        self.log_level = log_level;
        self
    }

    /// Where maps that are shared by name have their pins; `/sys/fs/bpf` unless set.
    #[must_use]
    pub fn with_pin_root(mut self, dir: &str) -> Loader {
        dir.trim_end_matches('/').clone_into(&mut self.pin_root);
        self
    }

    /// Pins every map under its name in this directory, which is made if it is not there.
    #[must_use]
    pub fn with_pinned_maps(mut self, dir: &str) -> Loader {
        self.pin_maps = Some(dir.trim_end_matches('/').to_owned());
        self
    }

    /// Pins the first of the loaded programs at this path.
    #[must_use]
    pub fn with_pinned_program(mut self, path: &str) -> Loader {
        self.pin_progs = Some(PinProgs::At(path.to_owned()));
        self
    }

    /// Pins every program under its name in this directory, which is made if it is not there.
    #[must_use]
    pub fn with_pinned_programs(mut self, dir: &str) -> Loader {
        self.pin_progs = Some(PinProgs::In(dir.trim_end_matches('/').to_owned()));
        self
    }

    /// Uses the map with this id instead of creating the map of this name.
    #[must_use]
    pub fn with_map(mut self, name: &str, map_id: u32) -> Loader {
        self.reuse.push((name.to_owned(), map_id));
        self
    }

    /// Loads an object.
    pub fn load(&self, object: &Object) -> Result<Loaded, Error> {
        let chosen = self.choose(object)?;
        let mut loaded = Loaded::default();
        let mut pins = Pins::new(&self.kernel);

        self.load_btf(object, &mut loaded);
        self.create_maps(object, &mut loaded, &mut pins)?;
        let fds: Vec<Fd> = loaded.maps.iter().map(|map| map.map.handle().fd()).collect();
        for program in chosen {
            let insns = relocate::relocate(program, &fds)?;
            let (prog, log) = self.load_program(object, program, &insns, loaded.btf.as_ref())?;
            let (name, section) = (program.name.clone(), program.section.clone());
            loaded.programs.push(LoadedProg { name, section, prog, log });
        }
        self.pin_maps(&loaded, &mut pins)?;
        self.pin_programs(&loaded, &mut pins)?;
        pins.keep();
        Ok(loaded)
    }

    fn choose<'o>(&self, object: &'o Object) -> Result<Vec<&'o Program>, Error> {
        let Some(names) = &self.programs else {
            return Ok(object.programs.iter().filter(|program| program.autoload).collect());
        };
        let find = |name: &String| {
            let by_name = object.programs.iter().find(|program| program.name == *name);
            by_name.ok_or_else(|| Error::NoProgram {
                wanted: name.clone(),
                there: object.programs.iter().map(|program| program.name.clone()).collect(),
            })
        };
        names.iter().map(find).collect()
    }

    fn load_btf(&self, object: &Object, loaded: &mut Loaded) {
        let Some(btf) = &object.btf else { return };
        match BtfObject::load(&self.kernel, btf.bytes()) {
            Ok(btf) => loaded.btf = Some(btf),
            // The maps and programs that follow are refused for the same reason and say so.
            Err((Errno::EPERM | Errno::ENOSYS, _)) => {}
            Err((errno, log)) => loaded.warnings.push(Warning::BtfRefused { errno, log }),
        }
    }

    fn create_maps(
        &self,
        object: &Object,
        loaded: &mut Loaded,
        pins: &mut Pins,
    ) -> Result<(), Error> {
        if let Some((name, _)) =
            self.reuse.iter().find(|(name, _)| object.maps.iter().all(|def| def.name != *name))
        {
            let there = object.maps.iter().map(|def| def.name.clone()).collect();
            return Err(Error::NoMap { wanted: name.clone(), there });
        }
        let btf = loaded.btf.as_ref().map(|btf| btf.handle().fd());
        for def in &object.maps {
            let map = match self.reuse.iter().find(|(name, _)| def.name == *name) {
                Some((_, id)) => Map::from_id(&self.kernel, *id)?,
                None => create::create(&self.kernel, def, btf, &self.pin_root, pins)?,
            };
            loaded.maps.push(LoadedMap { name: def.name.clone(), map });
        }
        Ok(())
    }

    fn load_program(
        &self,
        object: &Object,
        program: &Program,
        insns: &[Insn],
        btf: Option<&BtfObject>,
    ) -> Result<(Prog, String), Error> {
        let (prog_type, attach_type) =
            self.prog_type.unwrap_or((program.prog_type, program.expected_attach_type));
        if prog_type == ProgType::UNSPEC {
            let (program, section) = (program.name.clone(), program.section.clone());
            return Err(Error::ProgType { program, section });
        }
        if let Some(relo) = program.core_relos.first() {
            return Err(Error::CoreRelo { program: program.name.clone(), insn: relo.insn });
        }
        let attempt = Attempt {
            kernel: &self.kernel,
            object,
            program,
            prog_type,
            attach_type,
            insns: insns.iter().flat_map(|insn| insn.to_le_bytes()).collect(),
            btf: btf.map(|btf| btf.handle().fd()),
            func_info: program.func_info.iter().flat_map(func_info_bytes).collect(),
            line_info: program.line_info.iter().flat_map(line_info_bytes).collect(),
        };
        attempt.load(self.log_level)
    }

    fn pin_maps(&self, loaded: &Loaded, pins: &mut Pins) -> Result<(), Error> {
        let Some(dir) = &self.pin_maps else { return Ok(()) };
        pins.directory(dir)?;
        for map in &loaded.maps {
            let path = format!("{dir}/{}", create::pin_name(&map.name));
            pins.pin(map.map.handle(), &path)?;
        }
        Ok(())
    }

    fn pin_programs(&self, loaded: &Loaded, pins: &mut Pins) -> Result<(), Error> {
        match &self.pin_progs {
            None => {}
            Some(PinProgs::At(path)) => {
                if let Some(first) = loaded.programs.first() {
                    pins.pin(first.prog.handle(), path)?;
                }
            }
            Some(PinProgs::In(dir)) => {
                pins.directory(dir)?;
                for program in &loaded.programs {
                    let path = format!("{dir}/{}", create::pin_name(&program.name));
                    pins.pin(program.prog.handle(), &path)?;
                }
            }
        }
        Ok(())
    }
}

impl Loaded {
    /// The program with this name.
    pub fn program(&self, name: &str) -> Result<&Prog, Error> {
        let found = self.programs.iter().find(|program| program.name == name);
        found.map(|program| &program.prog).ok_or_else(|| Error::NoProgram {
            wanted: name.to_owned(),
            there: self.programs.iter().map(|program| program.name.clone()).collect(),
        })
    }

    /// The map with this name.
    pub fn map(&self, name: &str) -> Result<&Map, Error> {
        let found = self.maps.iter().find(|map| map.name == name);
        found.map(|map| &map.map).ok_or_else(|| Error::NoMap {
            wanted: name.to_owned(),
            there: self.maps.iter().map(|map| map.name.clone()).collect(),
        })
    }
}

/// One program on its way into the kernel.
struct Attempt<'a> {
    kernel: &'a Arc<dyn Kernel>,
    object: &'a Object,
    program: &'a Program,
    prog_type: ProgType,
    attach_type: AttachType,
    insns: Vec<u8>,
    btf: Option<Fd>,
    func_info: Vec<u8>,
    line_info: Vec<u8>,
}

/// The first log buffer holds all but the longest logs.
const LOG_BYTES: usize = 64 << 10;
/// A log as long as this is of no use to anybody.
const MAX_LOG_BYTES: usize = 64 << 20;
/// A kernel that is interrupted in the verifier answers EAGAIN; so often it is asked again.
const AGAIN: usize = 5;

impl Attempt<'_> {
    /// Asks without a log first, since writing one takes longer than verifying.
    fn load(&self, log_level: u32) -> Result<(Prog, String), Error> {
        if log_level == 0 {
            match self.ask(0, &mut []) {
                Ok(prog) => return Ok((prog, String::new())),
                Err((errno @ (Errno::ENOSYS | Errno::E2BIG | Errno::ENOMEM), _)) => {
                    return Err(self.refused(errno));
                }
                Err(_) => {}
            }
        }
        self.load_with_log(log_level.max(1))
    }

    fn load_with_log(&self, log_level: u32) -> Result<(Prog, String), Error> {
        let mut log = vec![0; LOG_BYTES];
        loop {
            match self.ask(log_level, &mut log) {
                Ok(prog) => return Ok((prog, rejection::text(&log))),
                Err((Errno::ENOSPC, true_size)) if log.len() < MAX_LOG_BYTES => {
                    let wanted = (true_size as usize).max(log.len() * 4);
                    log = vec![0; wanted.min(MAX_LOG_BYTES)];
                }
                Err((errno, _)) => {
                    let log = rejection::text(&log);
                    // A refusal without a word comes from before the verifier: no verdict.
                    if log.trim().is_empty() {
                        return Err(self.refused(errno));
                    }
                    let program = self.program.name.clone();
                    return Err(Error::Rejected(Box::new(Rejection { program, errno, log })));
                }
            }
        }
    }

    /// One PROG_LOAD; a refusal comes with the size that the whole log has.
    fn ask(&self, log_level: u32, log_buf: &mut [u8]) -> Result<Prog, (Errno, u32)> {
        let typed = self.btf.is_some();
        let (func_info, line_info): (&[u8], &[u8]) =
            if typed { (&self.func_info, &self.line_info) } else { (&[], &[]) };
        let rec_size = |bytes: &[u8], size| if bytes.is_empty() { 0 } else { size };
        let mut command = Command::ProgLoad(ProgLoad {
            prog_type: self.prog_type,
            insns: &self.insns,
            license: self.object.license.as_deref().unwrap_or(""),
            log_level,
            log_buf,
            kern_version: self.object.kern_version.unwrap_or(0),
            prog_flags: self.flags(),
            prog_name: Name::cut(&self.program.name),
            expected_attach_type: self.attach_type,
            prog_btf_fd: self.btf,
            func_info,
            func_info_rec_size: rec_size(func_info, 8),
            line_info,
            line_info_rec_size: rec_size(line_info, 16),
            ..ProgLoad::default()
        });
        let mut answer = self.kernel.bpf(&mut command);
        for _ in 0..AGAIN {
            if answer != Err(Errno::EAGAIN) {
                break;
            }
            answer = self.kernel.bpf(&mut command);
        }
        let true_size = match &command {
            Command::ProgLoad(load) => load.log_true_size,
            _ => 0,
        };
        let fd = answer.map_err(|errno| (errno, true_size)).map(Fd::from_result)?;
        Ok(Prog::from_handle(Handle::new(self.kernel, fd)))
    }

    fn flags(&self) -> u32 {
        let when = |set: bool, flag: u32| if set { flag } else { 0 };
        when(self.program.sleepable, flags::prog::SLEEPABLE)
            | when(self.program.xdp_has_frags, flags::prog::XDP_HAS_FRAGS)
    }

    fn refused(&self, errno: Errno) -> Error {
        let doing = format!("load program {} ({})", self.program.name, self.prog_type);
        Error::Command { doing, errno }
    }
}

/// `struct bpf_func_info`.
fn func_info_bytes(info: &FuncInfo) -> impl Iterator<Item = u8> + use<> {
    [info.insn, info.type_id].into_iter().flat_map(u32::to_ne_bytes)
}

/// `struct bpf_line_info`.
fn line_info_bytes(info: &LineInfo) -> impl Iterator<Item = u8> + use<> {
    let words = [info.insn, info.file_name_off, info.line_off, info.line_col];
    words.into_iter().flat_map(u32::to_ne_bytes)
}

/// The last line of a log that says something, behind a colon.
fn reason(log: &str) -> String {
    let last = log.lines().rev().find(|line| !line.trim().is_empty());
    last.map(|line| format!(": {line}")).unwrap_or_default()
}
