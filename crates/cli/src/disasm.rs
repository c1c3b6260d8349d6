//! `skep disasm`: what `llvm-objdump -d` prints.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use object::{Architecture, File, Object as _, ObjectSection as _, ObjectSymbol as _};
use object::{SectionIndex, SectionKind, SymbolKind};
use skep_isa::disasm::{ByteOrder, Immediates, Section, Symbol};

use crate::context::Context;

/// Disassemble an object as llvm-objdump -d does
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The object
    file: PathBuf,
    /// Only this section (may be repeated)
    #[arg(short = 'j', long = "section", value_name = "NAME")]
    sections: Vec<String>,
    /// Print immediates in decimal, as LLVM before 17
    #[arg(long)]
    no_print_imm_hex: bool,
}

pub(crate) fn run(context: &Context<'_>, args: &Args) -> anyhow::Result<()> {
    let name = args.file.display().to_string();
    let bytes = fs::read(&args.file).with_context(|| format!("cannot read {name}"))?;
    let text = listing(&args.file, &bytes, args).with_context(|| name)?;
    context.output.text(&text)
}

/// The heading, then every section that is marked as instructions, unless it is empty.
fn listing(file: &Path, bytes: &[u8], args: &Args) -> anyhow::Result<String> {
    let elf = open(bytes)?;
    let order = if elf.is_little_endian() { ByteOrder::Little } else { ByteOrder::Big };
    let immediates = if args.no_print_imm_hex { Immediates::Decimal } else { Immediates::Hex };
    let mut text = format!("\n{}:\tfile format elf64-bpf\n", file.display());
    let mut missing: Vec<&String> = args.sections.iter().collect();
    for section in elf.sections() {
        let name = section.name().context("a section's name lies outside the file")?;
        let is_wanted = args.sections.is_empty() || args.sections.iter().any(|it| it == name);
        missing.retain(|it| *it != name);
        if !is_wanted || section.kind() != SectionKind::Text || section.size() == 0 {
            continue;
        }
        let symbols = symbols(&elf, section.index())?;
        let bytes = section.data().with_context(|| format!("section {name}"))?;
        let section = Section { name, bytes, order, symbols: &symbols, immediates };
        write!(text, "\nDisassembly of section {name}:\n{section}")?;
    }
    if let Some(name) = missing.first() {
        let code = elf.sections().filter(|section| section.kind() == SectionKind::Text);
        let there: Vec<&str> = code.filter_map(|section| section.name().ok()).collect();
        bail!("no section {name}; sections with instructions are {}", there.join(", "));
    }
    Ok(text)
}

fn open(bytes: &[u8]) -> anyhow::Result<File<'_>> {
    if !bytes.starts_with(b"\x7fELF") {
        bail!(skep_obj::Error::NotElf { found: bytes.iter().take(4).copied().collect() });
    }
    let elf = File::parse(bytes).context("an ELF file that cannot be read")?;
    if elf.architecture() != Architecture::Bpf {
        bail!("expected an ELF file for eBPF, found one for {:?}", elf.architecture());
    }
    Ok(elf)
}

fn symbols<'e>(elf: &File<'e>, section: SectionIndex) -> anyhow::Result<Vec<Symbol<'e>>> {
    let mut symbols = Vec::new();
    for symbol in elf.symbols() {
        if symbol.section_index() == Some(section) && symbol.kind() != SymbolKind::Section {
            let name = symbol.name().context("a symbol's name lies outside the file")?;
            symbols.push(Symbol { offset: symbol.address(), name });
        }
    }
    Ok(symbols)
}
