//! `skep asm`: assembly to an ELF object.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;

use crate::compile;
use crate::context::Context;
use crate::new_file::NewFile;

/// Assemble a file
#[derive(clap::Args, Debug)]
#[command(after_help = DIRECTIVES)]
pub(crate) struct Args {
    /// Assembly, in the form that `skep disasm` and Linux print
    file: PathBuf,
    /// The object to write; FILE with `.o` unless given
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
}

/// What stands in a file beside instructions; `skep_obj::Object::from_asm` says more.
const DIRECTIVES: &str = "\
Directives, each alone on its line:
  .section \"xdp\"   what follows is in this section, whose name says the program type;
                   its first label names the program
  .global NAME     a program begins at this label, too
  .license \"GPL\"
  .map NAME TYPE KEY_SIZE VALUE_SIZE MAX_ENTRIES [FLAGS]
                   a map, which `r1 = map[NAME] ll` refers to";

pub(crate) fn run(_: &Context<'_>, args: &Args) -> anyhow::Result<()> {
    let name = args.file.display();
    let object = compile::assemble(&args.file)?;
    let elf = object.to_elf().with_context(|| name.to_string())?;
    let path = args.output.clone().unwrap_or_else(|| args.file.with_extension("o"));
    let mut file = NewFile::create(&path)?;
    file.write_all(&elf).with_context(|| format!("cannot write {}", path.display()))?;
    file.finish()
}
