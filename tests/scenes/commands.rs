//! `int bpf(int cmd, union bpf_attr *attr, unsigned int size)`: the same commands get the same
//! answers from both kernels, as a trace of them shows.

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use skep_tests::{Subject, insns, not_run, on_every_kernel};
use skep_uapi::{
    Cmd, Command, Fd, Kernel, MapCreate, MapType, Name, ProgLoad, ProgType, TestRun, Traced, flags,
};

#[test]
fn both_kernels_answer_alike() {
    let name = "commands::both_kernels_answer_alike";
    let traces = Mutex::new(Vec::new());
    on_every_kernel(name, |kernel| {
        let trace = trace(kernel);
        assert!(trace.lines().count() > 20, "{trace}");
        traces.lock().expect("no test panics with it").push((kernel.name, trace));
    });
    let traces = traces.into_inner().expect("no test panics with it");
    let (first, others) = traces.split_first().expect("the user-space kernel is always there");
    if first.0 != "linux" {
        not_run(name, "there is no Linux to compare with");
    }
    for (kernel, trace) in others {
        assert_eq!(first.1, *trace, "{}, {kernel}", first.0);
    }
}

#[test]
fn every_command_of_linux_6_18_has_a_number_and_a_name() {
    let numbers: Vec<u32> = Cmd::ALL.iter().map(|cmd| cmd.0).collect();
    assert_eq!(numbers, (0..38).collect::<Vec<u32>>());
    assert!(Cmd::ALL.iter().all(|cmd| cmd.name().is_some_and(|name| name.starts_with("BPF_"))));
}

/// What the lecture's commands are asked and answer, with descriptors as letters.
fn trace(subject: &Subject) -> String {
    let written = Written::default();
    let kernel = Traced::new(Arc::clone(&subject.kernel), Box::new(written.clone()));
    let ask = |mut command: Command<'_>| kernel.bpf(&mut command).map(Fd::from_result);
    let mut opened = Vec::new();

    for (map_type, max_entries) in [(MapType::ARRAY, 2), (MapType::HASH, 2)] {
        let map = MapCreate {
            map_type,
            key_size: 4,
            value_size: 8,
            max_entries,
            map_name: Name::cut("scene"),
            ..MapCreate::default()
        };
        let map_fd = ask(Command::MapCreate(map)).expect("both maps are of every kernel");
        opened.push(map_fd);
        exercise(&ask, map_fd);
    }
    let _ = ask(Command::MapCreate(MapCreate { map_type: MapType(999), ..MapCreate::default() }));

    let text = format!(
        "*(u32 *)(r10 - 4) = 1
         r1 = map[fd:{}] ll
         r2 = r10
         r2 += -4
         call bpf_map_lookup_elem
         if r0 == 0 goto none
         r1 = *(u64 *)(r0 + 0)
         r1 += 1
         *(u64 *)(r0 + 0) = r1
         none:
         r0 = 2
         exit",
        opened[0]
    );
    for insns in [insns(&text), insns("r0 = *(u64 *)(r10 - 520)\nexit")] {
        let load = ProgLoad {
            prog_type: ProgType::XDP,
            insns: &insns,
            license: "GPL",
            prog_name: Name::cut("scene"),
            ..ProgLoad::default()
        };
        opened.extend(ask(Command::ProgLoad(load)));
    }
    let prog_fd = *opened.last().expect("the first program is good");
    for data_in in [&[0_u8; 64][..], &[0; 5]] {
        let mut data_out = [0; 64];
        let run = TestRun { prog_fd, data_in, data_out: &mut data_out, ..TestRun::default() };
        let _ = ask(Command::ProgTestRun(run));
    }
    let mut value = [0; 8];
    let (map_fd, key) = (opened[0], &1_u32.to_ne_bytes());
    let _ = ask(Command::MapLookupElem { map_fd, key, value: &mut value, flags: 0 });
    let _ = ask(Command::MapFreeze { map_fd });
    let _ = ask(Command::MapUpdateElem { map_fd, key, value: &[0; 8], flags: 0 });
    let _ = ask(Command::LinkDetach { link_fd: map_fd });
    let _ = ask(Command::MapDeleteElem { map_fd: prog_fd, key });
    for fd in opened.drain(..) {
        kernel.close(fd);
    }
    written.without_what_differs()
}

/// Every element command, with what succeeds and what fails.
fn exercise(ask: &impl Fn(Command<'_>) -> Result<Fd, skep_uapi::Errno>, map_fd: Fd) {
    let keys = [1_u32, 7, 9].map(u32::to_ne_bytes);
    for (key, flags) in [
        (&keys[0], flags::elem::ANY),
        (&keys[0], flags::elem::NOEXIST),
        (&keys[1], flags::elem::EXIST),
        (&keys[1], flags::elem::ANY),
        (&keys[2], flags::elem::ANY),
        (&keys[0], 99),
    ] {
        let _ = ask(Command::MapUpdateElem { map_fd, key, value: &[6; 8], flags });
    }
    let mut value = [0; 8];
    for key in &keys {
        let _ = ask(Command::MapLookupElem { map_fd, key, value: &mut value, flags: 0 });
    }
    let _ = ask(Command::MapDeleteElem { map_fd, key: &keys[1] });
    let _ = ask(Command::MapDeleteElem { map_fd, key: &keys[1] });
    let mut next_key = [0; 4];
    let _ = ask(Command::MapGetNextKey { map_fd, key: None, next_key: &mut next_key });
    let _ = ask(Command::MapGetNextKey { map_fd, key: Some(&keys[0]), next_key: &mut next_key });
}

/// What a trace writes to, kept by the test too.
#[derive(Clone, Default)]
pub(crate) struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no test panics with it").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Written {
    pub(crate) fn text(&self) -> String {
        let text = self.0.lock().expect("no test panics with it").clone();
        String::from_utf8(text).expect("a trace is text")
    }

    /// The trace with descriptors numbered by their order, and without what differs by nature:
    /// instructions that hold a descriptor, and times.
    fn without_what_differs(&self) -> String {
        let mut fds = HashMap::new();
        let mut numbered = |fd: &str| {
            let next = fds.len();
            format!("#{}", fds.entry(fd.to_owned()).or_insert(next))
        };
        let mut lines = String::new();
        for line in self.text().lines() {
            let line = replace(line, "insns=", |_| "...".to_owned());
            let line = replace(&line, "duration=", |_| "...".to_owned());
            let line = replace(&line, "fd=", &mut numbered);
            // A result that is not 0 is a descriptor.
            let line = replace(&line, ") = ", |result| match result {
                "0" | "-1" => result.to_owned(),
                fd => numbered(fd),
            });
            lines += &line;
            lines.push('\n');
        }
        lines
    }
}

/// Replaces what stands behind a marker, up to the next comma, brace or space.
fn replace(line: &str, marker: &str, mut by: impl FnMut(&str) -> String) -> String {
    let mut parts = line.split(marker);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find([',', '}', ' ']).unwrap_or(part.len());
        out += marker;
        out += &by(&part[..end]);
        out += part[end..].strip_prefix(" => ").map_or(&part[end..], |after| {
            after.find([',', '}', ' ']).map_or("", |end| &after[end..])
        });
    }
    out
}
