//! Programs.

use std::sync::Arc;

use skep_btf::{FuncInfo, LineInfo};
use skep_isa::{INSN_BYTES, Insn};
use skep_uapi::{Command, Errno, Kernel, Name, ProgInfo, ProgType, TestRun};

use crate::ids::{self, ById, Ids};
use crate::{Error, Handle, ObjectKind};

/// A program, open.
#[derive(Debug)]
pub struct Prog {
    handle: Handle,
}

/// What a kernel says about a program, without its code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "fields are those of struct bpf_prog_info")]
pub struct ProgFacts {
    pub prog_type: ProgType,
    pub id: u32,
    pub tag: [u8; 8],
    pub name: Name,
    /// Nanoseconds since boot.
    pub load_time: u64,
    pub created_by_uid: u32,
    pub gpl_compatible: bool,
    pub ifindex: u32,
    pub xlated_prog_len: u32,
    /// 0 where the program is interpreted.
    pub jited_prog_len: u32,
    pub map_ids: Vec<u32>,
    pub btf_id: u32,
    pub run_time_ns: u64,
    pub run_cnt: u64,
    pub recursion_misses: u64,
    pub verified_insns: u32,
    pub attach_btf_obj_id: u32,
    pub attach_btf_id: u32,
    pub nr_func_info: u32,
    pub nr_line_info: u32,
}

/// A function of a jited program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ksym {
    /// Address of its first instruction; 0 where the reader may not see addresses.
    pub addr: u64,
    /// Bytes of code.
    pub len: u32,
}

/// What to run a program on.
#[derive(Clone, Copy, Debug, Default)]
pub struct TestInput<'a> {
    /// The packet; empty for programs that take none.
    pub data: &'a [u8],
    /// The context, or its first bytes; empty for the kernel's own.
    pub ctx: &'a [u8],
    /// Bytes of context wanted back.
    pub ctx_room: usize,
    /// Bytes of packet wanted back; 0 means the whole packet, however the run changes it.
    pub data_room: usize,
    /// How often; 0 means once.
    pub repeat: u32,
    /// `BPF_F_TEST_RUN_ON_CPU`, `BPF_F_TEST_XDP_LIVE_FRAMES` and the like.
    pub flags: u32,
    /// With `BPF_F_TEST_RUN_ON_CPU`.
    pub cpu: u32,
    /// With `BPF_F_TEST_XDP_LIVE_FRAMES`.
    pub batch_size: u32,
}

/// What came of a test run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TestOutcome {
    /// What the program returned the last time.
    pub retval: u32,
    /// The packet after the last run.
    pub data: Vec<u8>,
    /// The context after the last run, as far as it was wanted.
    pub ctx: Vec<u8>,
    /// Mean time of a run.
    pub duration_ns: u32,
}

/// A packet may grow in the run: by a page at most, which is what a frame lies in.
const GROWTH_BYTES: usize = 4096;

impl Prog {
    /// Opens the program with this id.
    pub fn from_id(kernel: &Arc<dyn Kernel>, id: u32) -> Result<Prog, Error> {
        let mut command = Command::ProgGetFdById { prog_id: id, open_flags: 0 };
        let handle = Handle::from_command(kernel, &mut command);
        handle.map(Prog::from_handle).map_err(Error::failed(format!("open prog id {id}")))
    }

    /// Opens the program behind a pin.
    pub fn from_pin(kernel: &Arc<dyn Kernel>, path: &str) -> Result<Prog, Error> {
        Ok(Prog::from_handle(Handle::from_pin(kernel, path)?.expect(path, ObjectKind::Prog)?))
    }

    /// Takes over a descriptor of a program.
    pub fn from_handle(handle: Handle) -> Prog {
        Prog { handle }
    }

    /// Every program that the kernel holds.
    pub fn all(kernel: &Arc<dyn Kernel>) -> Ids<Prog> {
        Ids::new(kernel)
    }

    /// Every program with this tag.
    pub fn by_tag(kernel: &Arc<dyn Kernel>, tag: [u8; 8]) -> Result<Vec<Prog>, Error> {
        Prog::matching(kernel, |facts| facts.tag == tag)
    }

    /// Every program of this name, which is cut as the kernel's names are.
    pub fn by_name(kernel: &Arc<dyn Kernel>, name: &str) -> Result<Vec<Prog>, Error> {
        let name = Name::cut(name);
        Prog::matching(kernel, |facts| facts.name == name)
    }

    /// The descriptor.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Name and id, for messages.
    pub fn title(&self) -> String {
        match self.info(ProgInfo::default()) {
            Ok(info) if info.name.is_empty() => format!("id {}", info.id),
            Ok(info) => format!("{} (id {})", info.name, info.id),
            Err(_) => format!("with descriptor {}", self.handle.fd()),
        }
    }

    /// What the kernel says about it now: the run counters change.
    pub fn facts(&self) -> Result<ProgFacts, Error> {
        let room = self.info(ProgInfo::default())?.nr_map_ids;
        let mut map_ids = vec![0; room as usize];
        let info = self.info(ProgInfo { map_ids: &mut map_ids, ..ProgInfo::default() })?;
        let (count, facts) = (info.nr_map_ids as usize, ProgFacts::from_info(&info));
        map_ids.truncate(count);
        Ok(ProgFacts { map_ids, ..facts })
    }

    /// The instructions as the kernel rewrote them; empty where the reader may not see them.
    pub fn xlated(&self) -> Result<Vec<Insn>, Error> {
        let mut code = vec![0; self.info(ProgInfo::default())?.xlated_prog_len as usize];
        self.info(ProgInfo { xlated_prog_insns: &mut code, ..ProgInfo::default() })?;
        let slots = code.as_chunks::<INSN_BYTES>().0;
        Ok(slots.iter().map(|slot| Insn::from_le_bytes(*slot)).collect())
    }

    /// The machine code, all functions one after another; empty where there is none.
    pub fn jited(&self) -> Result<Vec<u8>, Error> {
        let mut code = vec![0; self.info(ProgInfo::default())?.jited_prog_len as usize];
        self.info(ProgInfo { jited_prog_insns: &mut code, ..ProgInfo::default() })?;
        Ok(code)
    }

    /// The functions of the machine code.
    pub fn ksyms(&self) -> Result<Vec<Ksym>, Error> {
        let info = self.info(ProgInfo::default())?;
        let mut addrs = vec![0; info.nr_jited_ksyms as usize];
        let mut lens = vec![0; info.nr_jited_func_lens as usize];
        self.info(ProgInfo {
            jited_ksyms: &mut addrs,
            jited_func_lens: &mut lens,
            ..ProgInfo::default()
        })?;
        let pairs = addrs.iter().zip(&lens);
        Ok(pairs.map(|(&addr, &len)| Ksym { addr, len }).collect())
    }

    /// Where the functions begin; slots of [`Prog::xlated`].
    pub fn func_info(&self) -> Result<Vec<FuncInfo>, Error> {
        let info = self.info(ProgInfo::default())?;
        let size = info.func_info_rec_size as usize;
        let mut bytes = vec![0; info.nr_func_info as usize * size];
        let func_info = &mut bytes;
        let (func_info_rec_size, nr_func_info) = (info.func_info_rec_size, info.nr_func_info);
        self.info(ProgInfo { func_info, func_info_rec_size, nr_func_info, ..ProgInfo::default() })?;
        let parse = |word: [u32; 2]| FuncInfo { insn: word[0], type_id: word[1] };
        Ok(records(&bytes, size).map(parse).collect())
    }

    /// Where the source lines begin; slots of [`Prog::xlated`].
    pub fn line_info(&self) -> Result<Vec<LineInfo>, Error> {
        let info = self.info(ProgInfo::default())?;
        let size = info.line_info_rec_size as usize;
        let mut bytes = vec![0; info.nr_line_info as usize * size];
        let line_info = &mut bytes;
        let (line_info_rec_size, nr_line_info) = (info.line_info_rec_size, info.nr_line_info);
        self.info(ProgInfo { line_info, line_info_rec_size, nr_line_info, ..ProgInfo::default() })?;
        let parse = |word: [u32; 4]| LineInfo {
            insn: word[0],
            file_name_off: word[1],
            line_off: word[2],
            line_col: word[3],
        };
        Ok(records(&bytes, size).map(parse).collect())
    }

    /// The type information that it was loaded with.
    pub fn btf(&self) -> Result<Option<skep_btf::Btf>, Error> {
        match self.info(ProgInfo::default())?.btf_id {
            0 => Ok(None),
            id => crate::BtfObject::from_id(self.handle.kernel(), id)?.types().map(Some),
        }
    }

    /// Runs it on test data.
    pub fn test_run(&self, input: TestInput<'_>) -> Result<TestOutcome, Error> {
        let room = match (input.data_room, input.data.len()) {
            // A kernel refuses an output from programs that have no packet.
            (0, 0) => 0,
            (0, len) => len + GROWTH_BYTES,
            (room, _) => room,
        };
        let mut data = vec![0; room];
        let mut ctx = vec![0; input.ctx_room];
        let mut command = Command::ProgTestRun(TestRun {
            prog_fd: self.handle.fd(),
            data_in: input.data,
            data_out: &mut data,
            ctx_in: input.ctx,
            ctx_out: &mut ctx,
            repeat: input.repeat,
            flags: input.flags,
            cpu: input.cpu,
            batch_size: input.batch_size,
            ..TestRun::default()
        });
        let done = self.handle.kernel().bpf(&mut command);
        let Command::ProgTestRun(run) = command else {
            unreachable!("the command is the one made above")
        };
        let (retval, duration_ns) = (run.retval, run.duration);
        let (data_len, ctx_len) = (run.data_size_out as usize, run.ctx_size_out as usize);
        done.map_err(|errno| Error::Command {
            doing: format!("run prog {} on test data", self.title()),
            errno,
        })?;
        data.truncate(data_len);
        ctx.truncate(ctx_len);
        Ok(TestOutcome { retval, data, ctx, duration_ns })
    }

    /// Gives it a name in a BPF file system.
    pub fn pin(&self, path: &str) -> Result<(), Error> {
        self.handle.pin(path)
    }

    fn info<'a>(&self, room: ProgInfo<'a>) -> Result<ProgInfo<'a>, Error> {
        let info = self.handle.kernel().prog_info(self.handle.fd(), room);
        info.map_err(Error::failed("describe the program"))
    }

    fn matching(
        kernel: &Arc<dyn Kernel>,
        wanted: impl Fn(&ProgFacts) -> bool,
    ) -> Result<Vec<Prog>, Error> {
        let mut found = Vec::new();
        for prog in Prog::all(kernel) {
            let prog = prog?;
            if wanted(&prog.facts()?) {
                found.push(prog);
            }
        }
        Ok(found)
    }
}

impl ById for Prog {
    const KIND: &'static str = "prog";

    fn next_id(kernel: &dyn Kernel, start_id: u32) -> Result<u32, Errno> {
        ids::next_id(kernel, |next_id| Command::ProgGetNextId { start_id, next_id })
    }

    fn open(kernel: &Arc<dyn Kernel>, id: u32) -> Result<Prog, Error> {
        Prog::from_id(kernel, id)
    }
}

impl ProgFacts {
    fn from_info(info: &ProgInfo<'_>) -> ProgFacts {
        ProgFacts {
            prog_type: info.prog_type,
            id: info.id,
            tag: info.tag,
            name: info.name,
            load_time: info.load_time,
            created_by_uid: info.created_by_uid,
            gpl_compatible: info.gpl_compatible,
            ifindex: info.ifindex,
            xlated_prog_len: info.xlated_prog_len,
            jited_prog_len: info.jited_prog_len,
            map_ids: Vec::new(),
            btf_id: info.btf_id,
            run_time_ns: info.run_time_ns,
            run_cnt: info.run_cnt,
            recursion_misses: info.recursion_misses,
            verified_insns: info.verified_insns,
            attach_btf_obj_id: info.attach_btf_obj_id,
            attach_btf_id: info.attach_btf_id,
            nr_func_info: info.nr_func_info,
            nr_line_info: info.nr_line_info,
        }
    }
}

/// The first `N` words of each record of `size` bytes; a newer kernel's records may be longer.
fn records<const N: usize>(bytes: &[u8], size: usize) -> impl Iterator<Item = [u32; N]> + '_ {
    bytes.chunks_exact(size.max(N * 4)).map(|record| {
        let words = record.as_chunks::<4>().0;
        std::array::from_fn(|i| u32::from_ne_bytes(words[i]))
    })
}

#[cfg(test)]
mod tests {
    use super::records;

    #[test]
    fn records_of_any_size_are_read() {
        let check = |size: usize, expect: &[[u32; 2]]| {
            let bytes: Vec<u8> = (1..=6_u32).flat_map(u32::to_ne_bytes).collect();
            assert_eq!(records::<2>(&bytes, size).collect::<Vec<_>>(), expect, "size {size}");
        };
        check(8, &[[1, 2], [3, 4], [5, 6]]);
        check(12, &[[1, 2], [4, 5]]);
        check(0, &[[1, 2], [3, 4], [5, 6]]);
        check(100, &[]);
    }
}
