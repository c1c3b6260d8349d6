//! Maps and programs on the running Linux.

mod harness;

use harness::{asm, linux};
use skep_uapi::{
    Command, Errno, Fd, Kernel, MapCreate, MapType, Name, ProgInfo, ProgLoad, ProgType, TestRun,
};

fn array(kernel: &dyn Kernel) -> Fd {
    map(kernel, MapType::ARRAY, 8, 4)
}

fn map(kernel: &dyn Kernel, map_type: MapType, value_size: u32, max_entries: u32) -> Fd {
    let map_name = Name::cut("skep_test");
    let map = MapCreate {
        map_type,
        key_size: 4,
        value_size,
        max_entries,
        map_name,
        ..MapCreate::default()
    };
    kernel.map_create(map).expect("a small map")
}

/// `r0 = verdict; exit`.
fn returning(kernel: &dyn Kernel, prog_type: ProgType, verdict: i32) -> Fd {
    let insns = asm(&[[0xb7, 0, 0, verdict], [0x95, 0, 0, 0]]);
    let prog_name = Name::cut("skep_test");
    let prog =
        ProgLoad { prog_type, insns: &insns, license: "GPL", prog_name, ..ProgLoad::default() };
    kernel.prog_load(prog).expect("two instructions")
}

#[test]
fn values_come_back() {
    let Some(kernel) = linux("values_come_back") else { return };
    let fd = array(&kernel);
    let mut value = [0; 8];
    kernel.map_update(fd, &[1, 0, 0, 0], &[7; 8], 0).expect("an element of the array");
    kernel.map_lookup(fd, &[1, 0, 0, 0], &mut value, 0).expect("an element of the array");
    assert_eq!(value, [7; 8]);
    assert_eq!(kernel.map_lookup(fd, &[4, 0, 0, 0], &mut value, 0), Err(Errno::ENOENT));
    let mut next = [0; 4];
    assert_eq!(kernel.map_next_key(fd, Some(&[3, 0, 0, 0]), &mut next), Ok(false));
    assert_eq!(kernel.map_next_key(fd, None, &mut next), Ok(true));
    kernel.close(fd);
    assert_eq!(kernel.map_lookup(fd, &[1, 0, 0, 0], &mut value, 0), Err(Errno::EBADF));
}

/// Linux would write behind the end of each of these.
#[test]
fn short_slices_are_refused() {
    let Some(kernel) = linux("short_slices_are_refused") else { return };
    let plain = array(&kernel);
    let per_cpu = map(&kernel, MapType::PERCPU_ARRAY, 4, 1);
    let cpus = kernel.possible_cpus().expect("sysfs") as usize;
    let key = [0; 4];
    assert_eq!(kernel.map_lookup(plain, &key, &mut [0; 7], 0), Err(Errno::EFAULT));
    assert_eq!(kernel.map_lookup(plain, &key[..3], &mut [0; 8], 0), Err(Errno::EFAULT));
    assert_eq!(kernel.map_update(plain, &key, &[0; 7], 0), Err(Errno::EFAULT));
    assert_eq!(kernel.map_next_key(plain, None, &mut [0; 3]), Err(Errno::EFAULT));
    assert_eq!(kernel.map_lookup(per_cpu, &key, &mut vec![0; cpus * 8 - 1], 0), Err(Errno::EFAULT));
    assert_eq!(kernel.map_lookup(per_cpu, &key, &mut vec![0; cpus * 8], 0), Ok(()));
    kernel.close(plain);
    kernel.close(per_cpu);
}

/// Room for the wrong struct would have Linux take lengths for addresses.
#[test]
fn info_of_another_kind_is_refused() {
    let Some(kernel) = linux("info_of_another_kind_is_refused") else { return };
    let map = array(&kernel);
    assert_eq!(kernel.prog_info(map, ProgInfo::default()).map(drop), Err(Errno::EINVAL));
    assert_eq!(kernel.link_info(map).map(drop), Err(Errno::EINVAL));
    let info = kernel.map_info(map).expect("it is a map");
    assert_eq!((info.map_type, info.value_size), (MapType::ARRAY, 8));
    assert_eq!(info.name.to_string(), "skep_test");
    kernel.close(map);
}

#[test]
fn an_xdp_program_runs() {
    let Some(kernel) = linux("an_xdp_program_runs") else { return };
    let prog_fd = returning(&kernel, ProgType::XDP, 2);
    let mut data_out = [0; 128];
    let run = TestRun {
        prog_fd,
        data_in: &[1; 64],
        data_out: &mut data_out,
        repeat: 1,
        ..TestRun::default()
    };
    let run = kernel.prog_test_run(run).expect("a packet of 64 bytes");
    assert_eq!((run.retval, run.data_size_out), (2, 64));
    assert_eq!(data_out[..64], [1; 64]);
    kernel.close(prog_fd);
}

#[test]
fn a_packet_that_does_not_fit_says_its_size() {
    let Some(kernel) = linux("a_packet_that_does_not_fit_says_its_size") else { return };
    let prog_fd = returning(&kernel, ProgType::XDP, 2);
    let mut data_out = [0; 20];
    let run = TestRun {
        prog_fd,
        data_in: &[1; 64],
        data_out: &mut data_out,
        repeat: 1,
        ..TestRun::default()
    };
    let mut command = Command::ProgTestRun(run);
    assert_eq!(kernel.bpf(&mut command), Err(Errno::ENOSPC));
    let Command::ProgTestRun(run) = command else { unreachable!() };
    assert_eq!((run.retval, run.data_size_out), (2, 64));
    assert_eq!(data_out, [1; 20]);
    kernel.close(prog_fd);
}

#[test]
fn a_program_is_described() {
    let Some(kernel) = linux("a_program_is_described") else { return };
    let prog_fd = returning(&kernel, ProgType::XDP, 1);
    let mut xlated = [0; 64];
    let room = ProgInfo { xlated_prog_insns: &mut xlated, ..ProgInfo::default() };
    let info = kernel.prog_info(prog_fd, room).expect("a program");
    assert_eq!((info.prog_type, info.xlated_prog_len), (ProgType::XDP, 16));
    assert_eq!(info.name.to_string(), "skep_test");
    assert!(info.gpl_compatible);
    let prog_id = info.id;
    assert_eq!(xlated[..2], [0xb7, 0]);

    let again = kernel.bpf(&mut Command::ProgGetFdById { prog_id, open_flags: 0 });
    let again = Fd::from_result(again.expect("the program is open"));
    let info = kernel.prog_info(again, ProgInfo::default()).expect("a program");
    assert_eq!(info.id, prog_id);
    kernel.close(prog_fd);
    kernel.close(again);
}

#[test]
fn a_rejection_leaves_its_log() {
    let Some(kernel) = linux("a_rejection_leaves_its_log") else { return };
    let insns = asm(&[[0x95, 0, 0, 0]]);
    let mut log_buf = vec![0; 4096];
    let prog = ProgLoad {
        prog_type: ProgType::XDP,
        insns: &insns,
        license: "GPL",
        log_level: 1,
        log_buf: &mut log_buf,
        ..ProgLoad::default()
    };
    let mut command = Command::ProgLoad(prog);
    assert_eq!(kernel.bpf(&mut command), Err(Errno::EACCES));
    let Command::ProgLoad(prog) = command else { unreachable!() };
    let log_true_size = prog.log_true_size as usize;
    let log = String::from_utf8_lossy(&log_buf[..log_true_size - 1]);
    assert!(log.contains("R0 !read_ok"), "{log}");
}
