//! A file that appears under its name only when it is whole.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use tempfile::NamedTempFile;

/// A file on its way. Dropped before [`NewFile::finish`], it leaves nothing behind.
pub(crate) struct NewFile {
    file: BufWriter<Target>,
    path: PathBuf,
}

/// Where the bytes go until the end.
enum Target {
    /// Beside the final place, so that the last step is a rename.
    Beside(NamedTempFile),
    /// What has the name already and is no file that could be half-made, such as `/dev/null` or
    /// a pipe: it is written to, never replaced.
    Device(File),
}

/// Writes a file, all of it or nothing.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let mut file = NewFile::create(path)?;
    file.write_all(bytes).with_context(|| format!("cannot write {}", path.display()))?;
    file.finish()
}

impl NewFile {
    /// Begins a file.
    pub(crate) fn create(path: &Path) -> anyhow::Result<NewFile> {
        let failed = || format!("cannot write {}", path.display());
        let there = fs::metadata(path);
        if there.as_ref().is_ok_and(fs::Metadata::is_dir) {
            bail!("cannot write {}: expected a file, found a directory", path.display());
        }
        let is_device = there.is_ok_and(|it| !it.is_file());
        let target = if is_device {
            Target::Device(File::options().write(true).open(path).with_context(failed)?)
        } else {
            Target::Beside(beside(path).with_context(failed)?)
        };
        Ok(NewFile { file: BufWriter::new(target), path: path.to_owned() })
    }

    /// Gives the file its name.
    pub(crate) fn finish(self) -> anyhow::Result<()> {
        let NewFile { file, path } = self;
        let failed = || format!("cannot write {}", path.display());
        let file = file.into_inner().map_err(io::IntoInnerError::into_error);
        if let Target::Beside(file) = file.with_context(failed)? {
            let _: File = file.persist(&path).map_err(|error| error.error).with_context(failed)?;
        }
        Ok(())
    }
}

fn beside(path: &Path) -> io::Result<NamedTempFile> {
    let dir = match path.parent() {
        Some(dir) if dir != Path::new("") => dir,
        _ => Path::new("."),
    };
    fs::metadata(dir)?;
    tempfile::Builder::new()
        .prefix(".skep-")
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .tempfile_in(dir)
        // The name of the temporary file, which the error holds, means nothing to anybody.
        .map_err(|error| io::Error::from(error.kind()))
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Target::Beside(file) => file.write(bytes),
            Target::Device(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Target::Beside(file) => file.flush(),
            Target::Device(file) => file.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{FileTypeExt as _, symlink};

    use super::*;

    #[test]
    fn a_file_is_there_once_it_is_whole() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("out");
        let mut file = NewFile::create(&path).expect("the directory is there");
        file.write_all(b"half").expect("there is room");
        assert!(!path.exists());
        drop(file);
        assert_eq!(fs::read_dir(dir.path()).expect("it is there").count(), 0);
        write(&path, b"whole").expect("there is room");
        assert_eq!(fs::read(&path).expect("it is there"), b"whole");
    }

    /// The device is behind a link, so that a mistake here replaces the link and no device.
    #[test]
    fn a_device_is_written_to_and_not_replaced() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("null");
        symlink("/dev/null", &path).expect("the directory is writable");
        write(&path, b"nothing").expect("it takes everything");
        let kind = path.metadata().expect("it is there").file_type();
        assert!(kind.is_char_device());
    }
}
