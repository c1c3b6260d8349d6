//! A file that appears under its name only when it is whole.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tempfile::NamedTempFile;

/// A file on its way. Dropped before [`NewFile::finish`], it leaves nothing behind.
pub(crate) struct NewFile {
    file: BufWriter<NamedTempFile>,
    path: PathBuf,
}

impl NewFile {
    /// Begins a file beside its final place, so that the last step is a rename.
    pub(crate) fn create(path: &Path) -> anyhow::Result<NewFile> {
        let dir = match path.parent() {
            Some(dir) if dir != Path::new("") => dir,
            _ => Path::new("."),
        };
        let failed = || format!("cannot write {}", path.display());
        fs::metadata(dir).with_context(failed)?;
        let file = tempfile::Builder::new()
            .prefix(".skep-")
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
            .tempfile_in(dir)
            // The name of the temporary file, which the error holds, means nothing to anybody.
            .map_err(|error| io::Error::from(error.kind()))
            .with_context(failed)?;
        Ok(NewFile { file: BufWriter::new(file), path: path.to_owned() })
    }

    /// Gives the file its name.
    pub(crate) fn finish(self) -> anyhow::Result<()> {
        let NewFile { file, path } = self;
        let failed = || format!("cannot write {}", path.display());
        let file = file.into_inner().map_err(io::IntoInnerError::into_error);
        let file = file.with_context(failed)?;
        let _: File = file.persist(&path).map_err(|error| error.error).with_context(failed)?;
        Ok(())
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
