//! A command's fields as text, named and ordered as in `union bpf_attr`.

use crate::flags::{map, prog};
use crate::{
    AttachType, Command, Fd, Info, LinkCreate, LinkDetail, LookupBatch, MapCreate, ProgAttach,
    ProgLoad, ProgQuery, Target, TaskFd, TestRun,
};

/// A field: its name and its value's text.
pub(super) struct Field {
    name: &'static str,
    text: String,
    /// What stands here before the call says nothing.
    output: bool,
}

impl Field {
    /// The field before and after the call: `next_id=0 => 7` where the kernel has changed it.
    pub(super) fn and(&self, after: &Field, succeeded: bool) -> String {
        let Field { name, text, output } = self;
        match (output, succeeded) {
            (true, true) => format!("{name}={}", after.text),
            (true, false) => format!("{name}=..."),
            (false, _) if *text == after.text => format!("{name}={text}"),
            (false, _) => format!("{name}={text} => {}", after.text),
        }
    }
}

/// Collects fields.
#[derive(Default)]
struct Fields(Vec<Field>);

impl Fields {
    fn text(mut self, name: &'static str, text: impl ToString) -> Fields {
        self.0.push(Field { name, text: text.to_string(), output: false });
        self
    }

    fn optional(self, name: &'static str, fd: Option<Fd>) -> Fields {
        self.text(name, fd.map_or(0, |fd| fd.0))
    }

    fn input(self, name: &'static str, bytes: &[u8]) -> Fields {
        self.text(name, quoted(bytes))
    }

    fn output(mut self, name: &'static str, bytes: &[u8]) -> Fields {
        self.0.push(Field { name, text: quoted(bytes), output: true });
        self
    }

    fn result(mut self, name: &'static str, value: impl ToString) -> Fields {
        self.0.push(Field { name, text: value.to_string(), output: true });
        self
    }

    fn hex(self, name: &'static str, value: u64) -> Fields {
        if value == 0 { self.text(name, 0) } else { self.text(name, format!("{value:#x}")) }
    }
}

fn fields() -> Fields {
    Fields::default()
}

#[expect(clippy::too_many_lines, reason = "one flat arm per command")]
pub(super) fn describe(command: &Command<'_>) -> Vec<Field> {
    let fields = match command {
        Command::MapCreate(map) => map_create(map),
        Command::MapLookupElem { map_fd, key, value, flags }
        | Command::MapLookupAndDeleteElem { map_fd, key, value, flags } => fields()
            .text("map_fd", map_fd)
            .input("key", key)
            .output("value", value)
            .text("flags", elem_flags(*flags)),
        Command::MapUpdateElem { map_fd, key, value, flags } => fields()
            .text("map_fd", map_fd)
            .input("key", key)
            .input("value", value)
            .text("flags", elem_flags(*flags)),
        Command::MapDeleteElem { map_fd, key } => fields().text("map_fd", map_fd).input("key", key),
        Command::MapGetNextKey { map_fd, key, next_key } => {
            let key = key.map_or("NULL".to_string(), quoted);
            fields().text("map_fd", map_fd).text("key", key).output("next_key", next_key)
        }
        Command::ProgLoad(prog) => prog_load(prog),
        Command::ObjPin { pathname, bpf_fd, path_fd, file_flags } => fields()
            .input("pathname", pathname.as_bytes())
            .text("bpf_fd", bpf_fd)
            .hex("file_flags", u64::from(*file_flags))
            .optional("path_fd", *path_fd),
        Command::ObjGet { pathname, path_fd, file_flags } => fields()
            .input("pathname", pathname.as_bytes())
            .text("bpf_fd", 0)
            .hex("file_flags", u64::from(*file_flags))
            .optional("path_fd", *path_fd),
        Command::ProgAttach(attach) | Command::ProgDetach(attach) => prog_attach(attach),
        Command::ProgTestRun(run) => test_run(run),
        Command::ProgGetNextId { start_id, next_id }
        | Command::MapGetNextId { start_id, next_id }
        | Command::BtfGetNextId { start_id, next_id }
        | Command::LinkGetNextId { start_id, next_id } => {
            fields().text("start_id", start_id).result("next_id", **next_id)
        }
        Command::ProgGetFdById { prog_id, open_flags } => by_id("prog_id", *prog_id, *open_flags),
        Command::MapGetFdById { map_id, open_flags } => by_id("map_id", *map_id, *open_flags),
        Command::BtfGetFdById { btf_id, open_flags } => by_id("btf_id", *btf_id, *open_flags),
        Command::LinkGetFdById { link_id } => fields().text("link_id", link_id),
        Command::ObjGetInfoByFd { bpf_fd, info: room } => {
            fields().text("bpf_fd", bpf_fd).result("info", format!("{{{}}}", info(room)))
        }
        Command::ProgQuery(query) => prog_query(query),
        Command::RawTracepointOpen { name, prog_fd, cookie } => {
            let name = name.map_or("NULL".to_string(), |name| quoted(name.as_bytes()));
            fields().text("name", name).text("prog_fd", prog_fd).hex("cookie", *cookie)
        }
        Command::BtfLoad { btf, log_level, log_buf, log_true_size, flags, token_fd } => fields()
            .input("btf", btf)
            .output("btf_log_buf", until_zero(log_buf))
            .text("btf_size", btf.len())
            .text("btf_log_size", log_buf.len())
            .text("btf_log_level", log_level)
            .text("btf_log_true_size", **log_true_size)
            .hex("btf_flags", u64::from(*flags))
            .optional("btf_token_fd", *token_fd),
        Command::TaskFdQuery { pid, fd, flags, out } => task_fd(*pid, *fd, *flags, out),
        Command::MapFreeze { map_fd } => fields().text("map_fd", map_fd),
        Command::MapLookupBatch(batch) | Command::MapLookupAndDeleteBatch(batch) => {
            lookup_batch(batch)
        }
        Command::MapUpdateBatch { map_fd, keys, values, count, elem_flags: elem, flags } => {
            fields()
                .input("keys", keys)
                .input("values", values)
                .text("count", **count)
                .text("map_fd", map_fd)
                .text("elem_flags", elem_flags(*elem))
                .hex("flags", *flags)
        }
        Command::MapDeleteBatch { map_fd, keys, count, elem_flags: elem, flags } => fields()
            .input("keys", keys)
            .text("count", **count)
            .text("map_fd", map_fd)
            .text("elem_flags", elem_flags(*elem))
            .hex("flags", *flags),
        Command::LinkCreate(link) => link_create(link),
        Command::LinkUpdate { link_fd, new_fd, flags, old_fd } => fields()
            .text("link_fd", link_fd)
            .text("new_prog_fd", new_fd)
            .hex("flags", u64::from(*flags))
            .optional("old_prog_fd", *old_fd),
        Command::EnableStats { kind } => fields().text("type", kind),
        Command::IterCreate { link_fd, flags } => {
            fields().text("link_fd", link_fd).hex("flags", u64::from(*flags))
        }
        Command::LinkDetach { link_fd } => fields().text("link_fd", link_fd),
        Command::ProgBindMap { prog_fd, map_fd, flags } => {
            fields().text("prog_fd", prog_fd).text("map_fd", map_fd).hex("flags", u64::from(*flags))
        }
        Command::TokenCreate { flags, bpffs_fd } => {
            fields().hex("flags", u64::from(*flags)).text("bpffs_fd", bpffs_fd)
        }
        Command::ProgStreamReadByFd { prog_fd, stream_id, stream_buf } => fields()
            .output("stream_buf", stream_buf)
            .text("stream_buf_len", stream_buf.len())
            .text("stream_id", stream_id)
            .text("prog_fd", prog_fd),
    };
    fields.0
}

fn map_create(map: &MapCreate<'_>) -> Fields {
    fields()
        .text("map_type", known(map.map_type.name(), map.map_type.0))
        .text("key_size", map.key_size)
        .text("value_size", map.value_size)
        .text("max_entries", map.max_entries)
        .text("map_flags", flag_names(map.map_flags, MAP_FLAGS))
        .optional("inner_map_fd", map.inner_map_fd)
        .text("numa_node", map.numa_node)
        .input("map_name", map.map_name.as_bytes())
        .text("map_ifindex", map.map_ifindex)
        .optional("btf_fd", map.btf_fd)
        .text("btf_key_type_id", map.btf_key_type_id)
        .text("btf_value_type_id", map.btf_value_type_id)
        .text("btf_vmlinux_value_type_id", map.btf_vmlinux_value_type_id)
        .hex("map_extra", map.map_extra)
}

fn prog_load(prog: &ProgLoad<'_>) -> Fields {
    let version = prog.kern_version;
    let (major, minor, patch) = (version >> 16, version >> 8 & 0xff, version & 0xff);
    fields()
        .text("prog_type", known(prog.prog_type.name(), prog.prog_type.0))
        .text("insn_cnt", prog.insns.len() / 8)
        .input("insns", prog.insns)
        .input("license", prog.license.as_bytes())
        .text("log_level", prog.log_level)
        .text("log_size", prog.log_buf.len())
        .text("log_buf", if prog.log_buf.is_empty() { "NULL".into() } else { log(prog.log_buf) })
        .text("kern_version", format!("KERNEL_VERSION({major}, {minor}, {patch})"))
        .text("prog_flags", flag_names(prog.prog_flags, PROG_FLAGS))
        .input("prog_name", prog.prog_name.as_bytes())
        .text("prog_ifindex", prog.prog_ifindex)
        .text("expected_attach_type", attach_type(prog.expected_attach_type))
        .optional("prog_btf_fd", prog.prog_btf_fd)
        .text("func_info_rec_size", prog.func_info_rec_size)
        .text("func_info_cnt", records(prog.func_info, prog.func_info_rec_size))
        .text("line_info_rec_size", prog.line_info_rec_size)
        .text("line_info_cnt", records(prog.line_info, prog.line_info_rec_size))
        .text("attach_btf_id", prog.attach_btf_id)
        .optional("attach_prog_fd", prog.attach_fd)
        .text("core_relo_cnt", records(prog.core_relos, prog.core_relo_rec_size))
        .text("fd_array", format!("{:?}", prog.fd_array))
        .text("fd_array_cnt", prog.fd_array_cnt)
        .text("log_true_size", prog.log_true_size)
}

fn prog_attach(attach: &ProgAttach) -> Fields {
    target(fields(), attach.target)
        .optional("attach_bpf_fd", attach.attach_bpf_fd)
        .text("attach_type", attach_type(attach.attach_type))
        .hex("attach_flags", u64::from(attach.attach_flags))
        .optional("replace_bpf_fd", attach.replace_bpf_fd)
        .text("relative_fd", attach.relative)
        .text("expected_revision", attach.expected_revision)
}

fn test_run(run: &TestRun<'_>) -> Fields {
    fields()
        .text("prog_fd", run.prog_fd)
        .text("retval", run.retval)
        .text("data_size_in", run.data_in.len())
        .result("data_size_out", run.data_size_out)
        .input("data_in", run.data_in)
        .output("data_out", run.data_out)
        .text("repeat", run.repeat)
        .text("duration", run.duration)
        .text("ctx_size_in", run.ctx_in.len())
        .result("ctx_size_out", run.ctx_size_out)
        .input("ctx_in", run.ctx_in)
        .output("ctx_out", run.ctx_out)
        .hex("flags", u64::from(run.flags))
        .text("cpu", run.cpu)
        .text("batch_size", run.batch_size)
}

fn by_id(name: &'static str, id: u32, open_flags: u32) -> Fields {
    fields().text(name, id).text("next_id", 0).hex("open_flags", u64::from(open_flags))
}

fn prog_query(query: &ProgQuery<'_>) -> Fields {
    target(fields(), query.target)
        .text("attach_type", attach_type(query.attach_type))
        .hex("query_flags", u64::from(query.query_flags))
        .hex("attach_flags", u64::from(query.attach_flags))
        .result("prog_ids", format!("{:?}", query.prog_ids))
        .text("prog_cnt", query.count)
        .result("revision", query.revision)
}

fn task_fd(pid: u32, fd: u32, flags: u32, out: &TaskFd) -> Fields {
    fields()
        .text("pid", pid)
        .text("fd", fd)
        .hex("flags", u64::from(flags))
        .result("buf_len", out.buf.len())
        .output("buf", &out.buf)
        .result("prog_id", out.prog_id)
        .result("fd_type", out.fd_type)
        .result("probe_offset", format!("{:#x}", out.probe_offset))
        .result("probe_addr", format!("{:#x}", out.probe_addr))
}

fn lookup_batch(batch: &LookupBatch<'_>) -> Fields {
    fields()
        .text("in_batch", batch.in_batch.map_or("NULL".to_string(), quoted))
        .output("out_batch", batch.out_batch)
        .output("keys", batch.keys)
        .output("values", batch.values)
        .text("count", *batch.count)
        .text("map_fd", batch.map_fd)
        .text("elem_flags", elem_flags(batch.elem_flags))
        .hex("flags", batch.flags)
}

fn link_create(link: &LinkCreate<'_>) -> Fields {
    let fields = target(fields().text("prog_fd", link.fd), link.target)
        .text("attach_type", attach_type(link.attach_type))
        .hex("flags", u64::from(link.flags));
    match &link.detail {
        LinkDetail::None => fields,
        LinkDetail::TargetBtfId(id) => fields.text("target_btf_id", id),
        LinkDetail::Iter { iter_info } => {
            fields.input("iter_info", iter_info).text("iter_info_len", iter_info.len())
        }
        LinkDetail::PerfEvent { bpf_cookie } => {
            fields.text("perf_event", format!("{{bpf_cookie={bpf_cookie:#x}}}"))
        }
        LinkDetail::Tracing { target_btf_id, cookie } => fields
            .text("tracing", format!("{{target_btf_id={target_btf_id}, cookie={cookie:#x}}}")),
        LinkDetail::Netfilter { pf, hooknum, priority, flags } => fields.text(
            "netfilter",
            format!("{{pf={pf}, hooknum={hooknum}, priority={priority}, flags={flags:#x}}}"),
        ),
        LinkDetail::Relative { relative, expected_revision } => fields
            .text("relative_fd", relative)
            .text("expected_revision", expected_revision),
        LinkDetail::KprobeMulti { flags, syms, addrs, cookies } => fields.text(
            "kprobe_multi",
            format!("{{flags={flags:#x}, syms={syms:?}, addrs={addrs:#x?}, cookies={cookies:?}}}"),
        ),
        LinkDetail::UprobeMulti { path, offsets, cookies, flags, pid, .. } => fields.text(
            "uprobe_multi",
            format!(
                "{{path={path:?}, offsets={offsets:?}, cookies={cookies:?}, flags={flags:#x}, pid={pid}}}"
            ),
        ),
    }
}

fn info(info: &Info<'_>) -> String {
    match info {
        Info::Prog(prog) => format!(
            "type={}, id={}, name={}, xlated_prog_len={}, nr_map_ids={}, btf_id={}",
            known(prog.prog_type.name(), prog.prog_type.0),
            prog.id,
            quoted(prog.name.as_bytes()),
            prog.xlated_prog_len,
            prog.nr_map_ids,
            prog.btf_id,
        ),
        Info::Map(map) => format!(
            "type={}, id={}, key_size={}, value_size={}, max_entries={}, map_flags={}, name={}",
            known(map.map_type.name(), map.map_type.0),
            map.id,
            map.key_size,
            map.value_size,
            map.max_entries,
            flag_names(map.map_flags, MAP_FLAGS),
            quoted(map.name.as_bytes()),
        ),
        Info::Btf(btf) => format!("btf_size={}, id={}", btf.btf_size, btf.id),
        Info::Link(link) => format!(
            "type={}, id={}, prog_id={}",
            known(link.link_type.name(), link.link_type.0),
            link.id,
            link.prog_id,
        ),
    }
}

fn target(fields: Fields, target: Target) -> Fields {
    match target {
        Target::None => fields.text("target_fd", 0),
        Target::Fd(fd) => fields.text("target_fd", fd),
        Target::Ifindex(ifindex) => fields.text("target_ifindex", ifindex),
    }
}

fn attach_type(attach_type: AttachType) -> String {
    known(attach_type.name(), attach_type.0)
}

/// The kernel's name of a number, or the number.
fn known(name: Option<&str>, number: u32) -> String {
    name.map_or_else(|| format!("{number:#x}"), str::to_string)
}

fn records(slice: &[u8], bytes: u32) -> usize {
    slice.len().checked_div(bytes as usize).unwrap_or(0)
}

fn elem_flags(flags: u64) -> String {
    match flags {
        0 => "BPF_ANY".to_string(),
        1 => "BPF_NOEXIST".to_string(),
        2 => "BPF_EXIST".to_string(),
        4 => "BPF_F_LOCK".to_string(),
        _ => format!("{flags:#x}"),
    }
}

const MAP_FLAGS: &[(u32, &str)] = &[
    (map::NO_PREALLOC, "BPF_F_NO_PREALLOC"),
    (map::NO_COMMON_LRU, "BPF_F_NO_COMMON_LRU"),
    (map::NUMA_NODE, "BPF_F_NUMA_NODE"),
    (map::RDONLY, "BPF_F_RDONLY"),
    (map::WRONLY, "BPF_F_WRONLY"),
    (map::STACK_BUILD_ID, "BPF_F_STACK_BUILD_ID"),
    (map::ZERO_SEED, "BPF_F_ZERO_SEED"),
    (map::RDONLY_PROG, "BPF_F_RDONLY_PROG"),
    (map::WRONLY_PROG, "BPF_F_WRONLY_PROG"),
    (map::CLONE, "BPF_F_CLONE"),
    (map::MMAPABLE, "BPF_F_MMAPABLE"),
    (map::PRESERVE_ELEMS, "BPF_F_PRESERVE_ELEMS"),
    (map::INNER_MAP, "BPF_F_INNER_MAP"),
    (map::LINK, "BPF_F_LINK"),
    (map::PATH_FD, "BPF_F_PATH_FD"),
    (map::VTYPE_BTF_OBJ_FD, "BPF_F_VTYPE_BTF_OBJ_FD"),
    (map::TOKEN_FD, "BPF_F_TOKEN_FD"),
    (map::SEGV_ON_FAULT, "BPF_F_SEGV_ON_FAULT"),
    (map::NO_USER_CONV, "BPF_F_NO_USER_CONV"),
];

const PROG_FLAGS: &[(u32, &str)] = &[
    (prog::STRICT_ALIGNMENT, "BPF_F_STRICT_ALIGNMENT"),
    (prog::ANY_ALIGNMENT, "BPF_F_ANY_ALIGNMENT"),
    (prog::TEST_RND_HI32, "BPF_F_TEST_RND_HI32"),
    (prog::TEST_STATE_FREQ, "BPF_F_TEST_STATE_FREQ"),
    (prog::SLEEPABLE, "BPF_F_SLEEPABLE"),
    (prog::XDP_HAS_FRAGS, "BPF_F_XDP_HAS_FRAGS"),
    (prog::XDP_DEV_BOUND_ONLY, "BPF_F_XDP_DEV_BOUND_ONLY"),
    (prog::TEST_REG_INVARIANTS, "BPF_F_TEST_REG_INVARIANTS"),
];

fn flag_names(flags: u32, table: &[(u32, &str)]) -> String {
    let (mut names, mut rest) = (Vec::new(), flags);
    for (flag, name) in table.iter().filter(|(flag, _)| flags & flag != 0) {
        names.push((*name).to_string());
        rest &= !flag;
    }
    if rest != 0 || names.is_empty() {
        names.push(if rest == 0 { "0".to_string() } else { format!("{rest:#x}") });
    }
    names.join("|")
}

/// Bytes that strace shows of a string unless told otherwise.
const SHOWN_BYTES: usize = 32;

/// A string in C's notation, cut as strace cuts it.
fn quoted(bytes: &[u8]) -> String {
    let (shown, rest) = bytes.split_at(bytes.len().min(SHOWN_BYTES));
    let mut text = String::from("\"");
    for (at, byte) in shown.iter().enumerate() {
        match byte {
            b'"' | b'\\' => text.extend(['\\', char::from(*byte)]),
            b'\n' => text.push_str("\\n"),
            b'\t' => text.push_str("\\t"),
            b'\r' => text.push_str("\\r"),
            b' '..=b'~' => text.push(char::from(*byte)),
            // A digit behind a short octal number would be read as part of it.
            _ if shown.get(at + 1).is_some_and(u8::is_ascii_digit) => {
                text.push_str(&format!("\\{byte:03o}"));
            }
            _ => text.push_str(&format!("\\{byte:o}")),
        }
    }
    text.push('"');
    if !rest.is_empty() {
        text.push_str("...");
    }
    text
}

fn until_zero(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// A log is worth showing after a failure too, and whether it was there before does not matter.
fn log(buffer: &[u8]) -> String {
    quoted(until_zero(buffer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_quoted_as_in_c() {
        let check = |bytes: &[u8], text| assert_eq!(quoted(bytes), text);
        check(b"my_map", r#""my_map""#);
        check(&[1, 0, 0, 0], r#""\1\0\0\0""#);
        check(b"\x000\xff\n\"", r#""\0000\377\n\"""#);
        check(&[b'a'; 33], &format!("\"{}\"...", "a".repeat(32)));
    }

    #[test]
    fn flags_are_named() {
        let check = |flags, text| assert_eq!(flag_names(flags, MAP_FLAGS), text);
        check(0, "0");
        check(map::NO_PREALLOC | map::MMAPABLE, "BPF_F_NO_PREALLOC|BPF_F_MMAPABLE");
        check(map::CLONE | 1 << 31, "BPF_F_CLONE|0x80000000");
    }
}
