//! A buffer of the test's own for what programs print.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

use crate::Subject;

/// Where what programs print can be read; given back when dropped.
pub struct TracePipe {
    path: String,
    /// On Linux, what it is in.
    instance: Option<Instance>,
}

/// A buffer beside Linux's own, so that no line is taken away from whoever reads that one. It gets
/// what every program of the machine prints.
struct Instance {
    dir: PathBuf,
    /// Where tracefs is mounted for it.
    mounted: TempDir,
}

impl Subject {
    /// Begins to gather what programs print, or says why the kernel does not let us.
    pub fn trace_pipe(&self) -> Result<TracePipe, String> {
        if !self.is_linux() {
            let path = "/sys/kernel/tracing/trace_pipe".to_owned();
            return Ok(TracePipe { path, instance: None });
        }
        let instance = Instance::new()?;
        let path = instance.dir.join("trace_pipe").display().to_string();
        Ok(TracePipe { path, instance: Some(instance) })
    }
}

impl TracePipe {
    /// Its path, as the kernel under test has it.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// On Linux, the directory of the buffer, which looks as tracefs itself does.
    pub fn tracefs(&self) -> Option<&Path> {
        self.instance.as_ref().map(|instance| &*instance.dir)
    }
}

impl Instance {
    fn new() -> Result<Instance, String> {
        // Tests of one process run side by side.
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let mounted = tempfile::tempdir().expect("a temporary directory");
        let output = Command::new("mount")
            .args(["-t", "tracefs", "tracefs"])
            .arg(mounted.path())
            .output()
            .map_err(|error| format!("mount: {error}"))?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
        }
        let name = format!("skep-test-{}-{number}", std::process::id());
        let instance = Instance { dir: mounted.path().join("instances").join(name), mounted };
        let failed = |what: &str| {
            let what = what.to_owned();
            move |error| format!("{what} of tracefs: {error}")
        };
        fs::create_dir(&instance.dir).map_err(failed("an instance"))?;
        let enable = instance.dir.join("events/bpf_trace/bpf_trace_printk/enable");
        fs::write(enable, "1").map_err(failed("the event bpf_trace_printk"))?;
        Ok(instance)
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // A test that has failed must not hide that by panicking here.
        let _ = fs::remove_dir(&self.dir);
        let _ = Command::new("umount").arg(self.mounted.path()).status();
    }
}
