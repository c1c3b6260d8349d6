//! Every bpf(2) command: its inputs and room one way, its outputs the other.

use skep_uapi::{
    Command, LinkCreate, LinkDetail, LookupBatch, MapCreate, ProgAttach, ProgLoad, ProgQuery,
    Target, TestRun,
};

use super::part::{Part, Visit, choices, parts, read};
use super::primitive::{Reader, Writer};
use super::room::{Lender, Rooms};
use crate::Error;

/// Writes what a kernel needs to answer the command.
pub fn write_command(command: &mut Command<'_>, to: &mut Writer) {
    let count_at = to.bytes().len();
    to.u8(0);
    let mut count = 0;
    let written = command.rooms(&mut |room| {
        count += 1;
        room.write(to);
        Ok(())
    });
    written.expect("writing refuses nothing");
    to.patch(count_at, [count]);
    command.write(to);
}

/// Makes the command that a message holds, and has `answer` answer it, which writes to `to` what
/// it has to say, [`write_outputs`] last. What is in the command's room then comes behind it.
pub fn read_command(
    mut message: Reader<'_>,
    to: &mut Writer,
    answer: impl FnOnce(Command<'_>, &mut Writer),
) -> Result<(), Error> {
    let mut rooms = Rooms::read(&mut message)?;
    let mut lender = rooms.lend();
    // A reader of its own: it borrows for as long as the command, which is shorter than the room.
    let mut fields = message;
    let command = Command::read(&mut fields, &mut lender)?;
    lender.end()?;
    fields.end()?;
    answer(command, to);
    rooms.write(to);
    Ok(())
}

/// Writes the outputs of a command that are not in room.
pub fn write_outputs(command: &Command<'_>, to: &mut Writer) {
    command.write_out(to);
}

/// Takes the outputs of a command that was answered.
pub fn read_outputs(command: &mut Command<'_>, from: &mut Reader<'_>) -> Result<(), Error> {
    command.read_out(from)?;
    command.rooms(&mut |mut room| room.read(from))?;
    from.end()
}

choices!(Command as Command<'a>, "command" {
    0 => MapCreate { 0: create },
    1 => MapLookupElem { map_fd, key, value, flags },
    2 => MapUpdateElem { map_fd, key, value, flags },
    3 => MapDeleteElem { map_fd, key },
    4 => MapGetNextKey { map_fd, key, next_key },
    5 => ProgLoad { 0: load },
    6 => ObjPin { pathname, bpf_fd, path_fd, file_flags },
    7 => ObjGet { pathname, path_fd, file_flags },
    8 => ProgAttach { 0: attach },
    9 => ProgDetach { 0: attach },
    10 => ProgTestRun { 0: run },
    11 => ProgGetNextId { start_id, next_id },
    12 => MapGetNextId { start_id, next_id },
    13 => ProgGetFdById { prog_id, open_flags },
    14 => MapGetFdById { map_id, open_flags },
    15 => ObjGetInfoByFd { bpf_fd, info },
    16 => ProgQuery { 0: query },
    17 => RawTracepointOpen { name, prog_fd, cookie },
    18 => BtfLoad { btf, log_level, log_buf, log_true_size, flags, token_fd },
    19 => BtfGetFdById { btf_id, open_flags },
    20 => TaskFdQuery { pid, fd, flags, out },
    21 => MapLookupAndDeleteElem { map_fd, key, value, flags },
    22 => MapFreeze { map_fd },
    23 => BtfGetNextId { start_id, next_id },
    24 => MapLookupBatch { 0: batch },
    25 => MapLookupAndDeleteBatch { 0: batch },
    26 => MapUpdateBatch { map_fd, keys, values, count, elem_flags, flags },
    27 => MapDeleteBatch { map_fd, keys, count, elem_flags, flags },
    28 => LinkCreate { 0: create },
    29 => LinkUpdate { link_fd, new_fd, flags, old_fd },
    30 => LinkGetFdById { link_id },
    31 => LinkGetNextId { start_id, next_id },
    32 => EnableStats { kind },
    33 => IterCreate { link_fd, flags },
    34 => LinkDetach { link_fd },
    35 => ProgBindMap { prog_fd, map_fd, flags },
    36 => TokenCreate { flags, bpffs_fd },
    37 => ProgStreamReadByFd { prog_fd, stream_id, stream_buf },
});

parts!(MapCreate as MapCreate<'a> {
    in {
        map_type, key_size, value_size, max_entries, map_flags, inner_map_fd, numa_node, map_name,
        map_ifindex, btf_fd, btf_key_type_id, btf_value_type_id, btf_vmlinux_value_type_id,
        map_extra, value_type_btf_obj_fd, map_token_fd, excl_prog_hash,
    }
    both {}
});

parts!(ProgLoad as ProgLoad<'a> {
    in {
        prog_type, insns, license, log_level, log_buf, kern_version, prog_flags, prog_name,
        prog_ifindex, expected_attach_type, prog_btf_fd, func_info, func_info_rec_size, line_info,
        line_info_rec_size, attach_btf_id, attach_fd, core_relos, core_relo_rec_size, fd_array,
        fd_array_cnt, prog_token_fd, signature, keyring_id,
    }
    both { log_true_size }
});

parts!(ProgAttach as ProgAttach {
    in {
        target, attach_bpf_fd, attach_type, attach_flags, replace_bpf_fd, relative,
        expected_revision,
    }
    both {}
});

choices!(Target as Target, "kind of target" {
    0 => None {},
    1 => Fd { 0: fd },
    2 => Ifindex { 0: ifindex },
});

parts!(TestRun as TestRun<'a> {
    in { prog_fd, data_in, data_out, ctx_in, ctx_out, repeat, flags, cpu, batch_size }
    both { retval, data_size_out, ctx_size_out, duration }
});

parts!(ProgQuery as ProgQuery<'a> {
    in {
        target, attach_type, query_flags, prog_ids, prog_attach_flags, link_ids, link_attach_flags,
    }
    both { attach_flags, count, revision }
});

parts!(LookupBatch as LookupBatch<'a> {
    in { map_fd, in_batch, out_batch, keys, values, count, elem_flags, flags } both {}
});

parts!(LinkCreate as LinkCreate<'a> {
    in { fd, target, attach_type, flags, detail } both {}
});

choices!(LinkDetail as LinkDetail<'a>, "kind of link" {
    0 => None {},
    1 => TargetBtfId { 0: id },
    2 => Iter { iter_info },
    3 => PerfEvent { bpf_cookie },
    4 => KprobeMulti { flags, syms, addrs, cookies },
    5 => Tracing { target_btf_id, cookie },
    6 => Netfilter { pf, hooknum, priority, flags },
    7 => Relative { relative, expected_revision },
    8 => UprobeMulti { path, offsets, ref_ctr_offsets, cookies, flags, pid },
});
