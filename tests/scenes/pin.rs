//! `mount -t bpf none DIR`, then `prog load ./test.o DIR/test`: one PROG_LOAD of the program and
//! one OBJ_PIN for it. `ls DIR` shows it, and `rm DIR/test` unpins it.

use std::sync::Arc;
use std::{fs, io};

use skep_loader::{Loader, Prog};
use skep_obj::Object;
use skep_tests::{Subject, on_every_kernel, root};
use skep_uapi::{Errno, Kernel, Traced};

use crate::commands::Written;

#[test]
fn one_load_and_one_pin() {
    on_every_kernel("pin::one_load_and_one_pin", |subject| {
        let file = root().join("examples/xdp-counter/xdp-counter.bpf.o");
        let elf = fs::read(file).expect("the example is committed");
        let object = Object::from_elf("xdp-counter", &elf).expect("the example is an object");
        let bpffs = subject.bpffs();
        let (dir, test) = (bpffs.path(""), bpffs.path("test"));

        let written = Written::default();
        let traced = Traced::new(Arc::clone(&subject.kernel), Box::new(written.clone()));
        let kernel: Arc<dyn Kernel> = Arc::new(traced);
        let loaded = Loader::new(&kernel).with_pinned_program(&test).load(&object);
        let id =
            loaded.expect("every kernel takes it").programs[0].prog.facts().map(|facts| facts.id);
        let id = id.expect("a program has facts");
        let trace = written.text();
        let lines = |command: &str| trace.lines().filter(|line| line.contains(command)).count();
        assert_eq!((lines("bpf(BPF_PROG_LOAD,"), lines("bpf(BPF_OBJ_PIN,")), (1, 1), "{trace}");
        assert!(trace.contains(&format!("pathname=\"{test}\"")), "{trace}");

        assert!(ls(subject, &dir).expect("it is there").contains(&"test".to_owned()));
        let pinned = Prog::from_pin(&subject.kernel, &test).expect("the pin keeps it");
        assert_eq!(pinned.facts().expect("a program has facts").id, id);
        drop(pinned);

        rm(subject, &test).expect("it is ours");
        assert!(!ls(subject, &dir).expect("it is there").contains(&"test".to_owned()));
        let error = Prog::from_pin(&subject.kernel, &test).expect_err("it is removed");
        assert_eq!(error.errno(), Some(Errno::ENOENT));
        let error = Prog::from_id(&subject.kernel, id).expect_err("nothing keeps it");
        assert_eq!(error.errno(), Some(Errno::ENOENT));
    });
}

/// What ls(1) shows. It does not see the file system of a kernel without files.
fn ls(subject: &Subject, dir: &str) -> io::Result<Vec<String>> {
    if subject.name == "user" {
        let entries = subject.list(dir).map_err(|errno| io::Error::from_raw_os_error(errno.0))?;
        return Ok(entries.iter().map(|entry| entry.name.to_string_lossy().into_owned()).collect());
    }
    fs::read_dir(dir)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

/// What rm(1) does.
fn rm(subject: &Subject, path: &str) -> io::Result<()> {
    if subject.name == "user" {
        return subject.remove(path).map_err(|errno| io::Error::from_raw_os_error(errno.0));
    }
    fs::remove_file(path)
}
