//! `BPF_PROG_LOAD`: the checks around the verifier, in the order of Linux.

use std::sync::Arc;

use skep_isa::{INSN_BYTES, Insn};
use skep_uapi::flags::prog as flag;
use skep_uapi::{Errno, Fd, MapType, ProgLoad};
use skep_verifier::{Env, License, Limits, Log, Map as MapView, Program, Verified, verify};
use skep_vm::interp::{Code, Function};

use crate::UserKernel;
use crate::debug_info::{self, Source};
use crate::helpers;
use crate::maps::Map;
use crate::prog::{Parts, Prog, put_log};
use crate::prog_types::{self, Rules};
use crate::syscall::check_name;

/// Loads a program.
pub(crate) fn load(kernel: &UserKernel, load: &mut ProgLoad<'_>) -> Result<Arc<Prog>, Errno> {
    check_attributes(load)?;
    let rules = prog_types::rules(load.prog_type).ok_or(Errno::EINVAL)?;
    check_name(&load.prog_name)?;
    let mut log = Log { level: load.log_level, ..Log::default() };
    let parts = accept(kernel, rules, load, &mut log);
    // A log that does not fit is an error of its own, whatever the verdict.
    put_log(&log.text, load.log_level, load.log_buf, &mut load.log_true_size)?;
    Ok(Prog::publish(kernel, parts?))
}

/// What `bpf_log_attr` may hold (`BPF_LOG_MASK`).
const LOG_MASK: u32 = 0b1111;
/// The most instructions of a program of a privileged caller (`BPF_COMPLEXITY_LIMIT_INSNS`).
const INSNS_MAX: usize = 1_000_000;

fn check_attributes(load: &ProgLoad<'_>) -> Result<(), Errno> {
    const FLAGS: u32 = flag::STRICT_ALIGNMENT
        | flag::ANY_ALIGNMENT
        | flag::TEST_RND_HI32
        | flag::TEST_STATE_FREQ
        | flag::SLEEPABLE
        | flag::XDP_HAS_FRAGS
        | flag::XDP_DEV_BOUND_ONLY
        | flag::TEST_REG_INVARIANTS;
    if load.prog_flags & !FLAGS != 0 {
        return Err(Errno::EINVAL);
    }
    let slots = load.insns.len() / INSN_BYTES;
    if slots == 0 || slots > INSNS_MAX {
        return Err(Errno::E2BIG);
    }
    // Only tracing programs may sleep; nothing here runs on hardware; an attachment to BTF and
    // signatures are for types that this kernel does not have.
    let foreign = load.attach_btf_id != 0 || load.attach_fd.is_some() || load.prog_ifindex != 0;
    if load.prog_flags & flag::SLEEPABLE != 0 || foreign || !load.signature.is_empty() {
        return Err(Errno::EINVAL);
    }
    if load.log_level & !LOG_MASK != 0 || (load.log_level == 0 && !load.log_buf.is_empty()) {
        return Err(Errno::EINVAL);
    }
    Ok(())
}

/// Everything up to a program that may run; what is wrong goes to the log.
fn accept(
    kernel: &UserKernel,
    rules: &Rules,
    load: &ProgLoad<'_>,
    log: &mut Log,
) -> Result<Parts, Errno> {
    let given: Vec<Insn> =
        load.insns.as_chunks().0.iter().map(|b| Insn::from_le_bytes(*b)).collect();
    let source = debug_info::read(kernel, load, &given).map_err(|problem| fail(log, problem))?;
    let mut resolved = Resolved { insns: given.clone(), maps: Vec::new() };
    resolved.resolve(kernel, load.fd_array).map_err(|problem| fail(log, problem))?;
    let bound = bound_maps(kernel, load)?;
    let verified = verdict(rules, load, &resolved, &source, log)?;
    let (insns, xlated) = place(&verified, &resolved.maps);
    let functions: Vec<Function> = verified
        .subprogs()
        .iter()
        .map(|f| Function { start: f.start, end: f.end, stack_bytes: f.stack_bytes })
        .collect();
    let code = Code::new(&insns, &functions)
        .map_err(|error| fail(log, Problem { errno: Errno::EINVAL, message: error.to_string() }))?;
    Ok(Parts {
        name: load.prog_name,
        prog_type: load.prog_type,
        // Linux takes any number for these types, and compares it when something is attached.
        expected_attach_type: load.expected_attach_type,
        tag: tag(&given),
        gpl: is_gpl(load.license),
        xlated,
        verified_insns: u32::try_from(verified.stats().processed).unwrap_or(u32::MAX),
        debug: source.info,
        code,
        maps: resolved.maps,
        bound,
    })
}

/// What is wrong with a program before the verifier walks it.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) errno: Errno,
    /// Linux's words; empty where it has none.
    pub(crate) message: String,
}

impl Problem {
    pub(crate) fn new(errno: Errno, message: impl Into<String>) -> Problem {
        Problem { errno, message: message.into() }
    }
}

fn fail(log: &mut Log, problem: Problem) -> Errno {
    if log.level > 0 && !problem.message.is_empty() {
        log.text += &problem.message;
        log.text += "\nprocessed 0 insns (limit 1000000) max_states_per_insn 0 total_states 0 \
                     peak_states 0 mark_read 0\n";
    }
    problem.errno
}

fn verdict(
    rules: &Rules,
    load: &ProgLoad<'_>,
    resolved: &Resolved,
    source: &Source,
    log: &mut Log,
) -> Result<Verified, Errno> {
    let views = views(&resolved.maps);
    let program = Program {
        insns: &resolved.insns,
        maps: &views,
        license: if is_gpl(load.license) { License::Gpl } else { License::Other },
        lines: &source.lines,
        functions: &source.functions,
    };
    let env = Env {
        context: &rules.context,
        returns: rules.returns,
        packet: rules.packet,
        legacy_packet_loads: rules.legacy_packet_loads,
        helper: &|number| helpers::prototype(rules, number),
        helper_name: &|number| skep_uapi::Helper(number).name(),
        limits: Limits::default(),
    };
    verify(&program, &env, log).map_err(|rejection| rejection.errno)
}

/// The maps as the verifier sees them, and behind them what is in maps of maps.
fn views(maps: &[Arc<Map>]) -> Vec<MapView> {
    let mut views: Vec<MapView> = maps.iter().map(|map| view(map)).collect();
    for (at, map) in maps.iter().enumerate() {
        if let Some(template) = map.storage.template() {
            views[at].inner = u16::try_from(views.len()).ok();
            views.push(template.view());
        }
    }
    views
}

/// A map as the verifier sees it.
pub(crate) fn view(map: &Map) -> MapView {
    let spec = &map.spec;
    let direct = map.storage.direct().filter(|_| spec.max_entries == 1);
    let constant = direct.filter(|_| map.is_constant()).map(|memory| {
        let mut value = vec![0; spec.value_size as usize];
        memory.span(0, value.len()).load(&mut value);
        value
    });
    MapView {
        name: map.name.to_string(),
        map_type: spec.map_type,
        key_size: spec.key_size,
        value_size: spec.value_size,
        max_entries: spec.max_entries,
        access: spec.access(),
        direct_value: map.storage.direct().is_some(),
        dense: matches!(map.spec.map_type, MapType::ARRAY | MapType::PERCPU_ARRAY),
        constant,
        inner: None,
    }
}

/// A program whose references to maps are indices.
struct Resolved {
    insns: Vec<Insn>,
    maps: Vec<Arc<Map>>,
}

/// Kinds of `ld_imm64`, in its source register (`BPF_PSEUDO_*`).
const MAP_FD: u8 = 1;
const MAP_VALUE: u8 = 2;
const FUNC: u8 = 4;
const MAP_IDX: u8 = 5;
const MAP_IDX_VALUE: u8 = 6;
/// The most maps of a program (`MAX_USED_MAPS`).
const MAPS_MAX: usize = 64;

impl Resolved {
    fn resolve(&mut self, kernel: &UserKernel, fd_array: &[i32]) -> Result<(), Problem> {
        let mut at = 0;
        while at < self.insns.len() {
            if !self.insns[at].is_wide() {
                at += 1;
                continue;
            }
            let Some(second) = self.insns.get(at + 1).copied() else { break };
            self.resolve_one(kernel, fd_array, at, second)?;
            at += 2;
        }
        Ok(())
    }

    fn resolve_one(
        &mut self,
        kernel: &UserKernel,
        fd_array: &[i32],
        at: usize,
        second: Insn,
    ) -> Result<(), Problem> {
        let first = self.insns[at];
        let unrecognized = || Problem::new(Errno::EINVAL, "unrecognized bpf_ld_imm64 insn");
        let fd = match first.src {
            0 | FUNC => return Ok(()),
            // The upper half is an offset into the value only where there is a value.
            MAP_FD | MAP_IDX if second.imm != 0 => return Err(unrecognized()),
            MAP_FD | MAP_VALUE => first.imm,
            MAP_IDX | MAP_IDX_VALUE if fd_array.is_empty() => {
                return Err(Problem::new(Errno::EPROTO, "fd_idx without fd_array is invalid"));
            }
            MAP_IDX | MAP_IDX_VALUE => {
                let index = usize::try_from(first.imm).ok();
                *index
                    .and_then(|index| fd_array.get(index))
                    .ok_or_else(|| Problem::new(Errno::EFAULT, ""))?
            }
            _ => return Err(unrecognized()),
        };
        let (map, _) = kernel.fds.map(Fd(fd)).map_err(|errno| {
            Problem::new(errno, format!("fd {fd} is not pointing to valid bpf_map"))
        })?;
        let index = self.use_map(&map)?;
        let is_value = matches!(first.src, MAP_VALUE | MAP_IDX_VALUE);
        if is_value {
            check_direct_value(&map, second.imm.cast_unsigned())?;
        }
        self.insns[at].src = if is_value { MAP_IDX_VALUE } else { MAP_IDX };
        self.insns[at].imm = index;
        Ok(())
    }

    /// The map's index; a map used twice has one.
    fn use_map(&mut self, map: &Arc<Map>) -> Result<i32, Problem> {
        let known = self.maps.iter().position(|known| Arc::ptr_eq(known, map));
        let index = match known {
            Some(index) => index,
            None if self.maps.len() == MAPS_MAX => {
                let message = format!(
                    "The total number of maps per program has reached the limit of {MAPS_MAX}"
                );
                return Err(Problem::new(Errno::E2BIG, message));
            }
            None => {
                self.maps.push(map.clone());
                self.maps.len() - 1
            }
        };
        Ok(i32::try_from(index).expect("at most MAPS_MAX"))
    }
}

fn check_direct_value(map: &Map, offset: u32) -> Result<(), Problem> {
    if map.storage.direct().is_none() || map.spec.max_entries != 1 {
        let message = "no direct value access support for this map type";
        return Err(Problem::new(Errno::EINVAL, message));
    }
    let size = map.spec.value_size;
    if offset >= size {
        let message =
            format!("invalid access to map value pointer, value_size={size} off={offset}");
        return Err(Problem::new(Errno::EINVAL, message));
    }
    Ok(())
}

fn bound_maps(kernel: &UserKernel, load: &ProgLoad<'_>) -> Result<Vec<Arc<Map>>, Errno> {
    let count = (load.fd_array_cnt as usize).min(load.fd_array.len());
    load.fd_array[..count].iter().map(|fd| Ok(kernel.fds.map(Fd(*fd))?.0)).collect()
}

/// The instructions with addresses in place of indices, and with ids, for those who look.
fn place(verified: &Verified, maps: &[Arc<Map>]) -> (Vec<Insn>, Vec<u8>) {
    let mut run = verified.insns().to_vec();
    let mut shown = run.clone();
    for at in 0..run.len() {
        let insn = run[at];
        if !insn.is_wide() || !matches!(insn.src, MAP_IDX | MAP_IDX_VALUE) {
            continue;
        }
        let map = &maps[usize::try_from(insn.imm).expect("the verifier keeps map indices")];
        let address = match map.storage.direct() {
            Some(memory) if insn.src == MAP_IDX_VALUE => {
                memory.span(0, 0).address() + u64::from(run[at + 1].imm.cast_unsigned())
            }
            _ => helpers::handle(map),
        };
        shown[at].src = if insn.src == MAP_IDX_VALUE { MAP_VALUE } else { MAP_FD };
        shown[at].imm = map.id.number().cast_signed();
        run[at].src = 0;
        run[at].imm = (address as u32).cast_signed();
        run[at + 1].imm = ((address >> 32) as u32).cast_signed();
    }
    (run, shown.iter().flat_map(|insn| insn.to_le_bytes()).collect())
}

/// The first bytes of the SHA-256 of the instructions without descriptors of maps (6.18; older
/// kernels take SHA-1).
fn tag(insns: &[Insn]) -> [u8; 8] {
    use sha2::{Digest, Sha256};
    let mut hash = Sha256::new();
    let mut after_map = false;
    for insn in insns {
        let is_map = insn.is_wide() && (insn.src == MAP_FD || insn.src == MAP_VALUE);
        let imm = if is_map || after_map { 0 } else { insn.imm };
        hash.update(Insn { imm, ..*insn }.to_le_bytes());
        after_map = is_map;
    }
    let digest: [u8; 32] = hash.finalize().into();
    *digest.first_chunk().expect("32 bytes have a first eight")
}

/// The licenses that Linux takes for compatible with the GPL.
fn is_gpl(license: &str) -> bool {
    matches!(
        license,
        "GPL"
            | "GPL v2"
            | "GPL and additional rights"
            | "Dual BSD/GPL"
            | "Dual MIT/GPL"
            | "Dual MPL/GPL"
    )
}
