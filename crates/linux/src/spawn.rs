//! A child process that is started, and stopped before it becomes another program.

#![expect(unsafe_code, reason = "forks, signals and waits")]

use std::ffi::CString;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::ptr;

use skep_uapi::{Child, Errno, Fd};

use crate::descriptors::{self, Object};
use crate::files;

/// Forks a child that stops itself, then becomes `child.argv`; its descriptor is a pidfd.
pub(crate) fn spawn(child: &Child<'_>) -> Result<Fd, Errno> {
    let argv: Vec<CString> = child
        .argv
        .iter()
        .map(|argument| CString::new(argument.as_bytes()).map_err(|_| Errno::EINVAL))
        .collect::<Result<_, _>>()?;
    let program = argv.first().ok_or(Errno::EINVAL)?;
    let mut pointers: Vec<_> = argv.iter().map(|argument| argument.as_ptr()).collect();
    pointers.push(ptr::null());

    // SAFETY: until it execs or exits, the child makes async-signal-safe calls only.
    let pid = unsafe { libc::fork() };
    if pid < 0 {
        return Err(files::last_errno());
    }
    if pid == 0 {
        stop_then_exec(program, &pointers);
    }
    let mut status = 0;
    // SAFETY: `status` is writable; the child is ours.
    let waited =
        files::uninterrupted(
            || unsafe { libc::waitpid(pid, &raw mut status, libc::WUNTRACED) } as isize
        );
    waited?;
    // SAFETY: takes two numbers. The child is not reaped before `wait`, so its number is its own.
    let result = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    let fd = i32::try_from(result).ok().filter(|fd| *fd >= 0).ok_or_else(files::last_errno)?;
    // SAFETY: the call has just returned this descriptor, and nobody else knows it.
    let file = unsafe { OwnedFd::from_raw_fd(fd) };
    Ok(descriptors::keep(file, Object::Child))
}

/// Runs in the child. Exit status 127 says, as in a shell, that there is no such program.
fn stop_then_exec(program: &CString, argv: &[*const libc::c_char]) -> ! {
    // SAFETY: takes a number; async-signal-safe.
    unsafe { libc::raise(libc::SIGSTOP) };
    // SAFETY: `program` and the null-terminated `argv` are the parent's, copied by the fork.
    unsafe { libc::execvp(program.as_ptr(), argv.as_ptr()) };
    // SAFETY: takes a number; async-signal-safe, unlike exit(3).
    unsafe { libc::_exit(127) }
}

/// Lets the child go on.
pub(crate) fn resume(child: &OwnedFd) -> Result<(), Errno> {
    let (fd, signal, info) = (child.as_raw_fd(), libc::SIGCONT, ptr::null::<libc::siginfo_t>());
    // SAFETY: takes numbers, and a null pointer where a siginfo is optional.
    let result = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, fd, signal, info, 0) };
    if result < 0 { Err(files::last_errno()) } else { Ok(()) }
}

/// Waits for the child's end, writes its exit status (128 and the signal's number, if a signal
/// ended it) as four bytes, and reaps it. A second read finds nothing more.
pub(crate) fn wait(child: &OwnedFd, into: &mut [u8]) -> Result<usize, Errno> {
    let room = into.get_mut(..4).ok_or(Errno::EINVAL)?;
    let fd = child.as_raw_fd().cast_unsigned();
    // SAFETY: all-zero is a valid siginfo_t.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let waited = files::uninterrupted(|| {
        // SAFETY: `info` is writable, and the caller keeps `child` open.
        let result = unsafe { libc::waitid(libc::P_PIDFD, fd, &raw mut info, libc::WEXITED) };
        result as isize
    });
    match waited {
        Err(Errno(libc::ECHILD)) => return Ok(0),
        Err(errno) => return Err(errno),
        Ok(_) => {}
    }
    // SAFETY: waitid has filled the fields of SIGCHLD.
    let code = unsafe { info.si_status() };
    let status = if info.si_code == libc::CLD_EXITED { code } else { 128 + code };
    room.copy_from_slice(&status.to_ne_bytes());
    Ok(4)
}
