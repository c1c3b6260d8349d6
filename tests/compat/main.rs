//! `docs/compat.md` is printed from the table that the user-space kernel itself answers by.
//!
//! `SKEP_BLESS=1` writes the page.

use std::fmt::Write as _;

use skep_kernel::support::{
    Support, of_attach_type, of_command, of_helper, of_map_type, of_prog_type,
};
use skep_tests::root;
use skep_uapi::{AttachType, Cmd, Helper, MapType, ProgType};

const INTRODUCTION: &str = "\
# What the user-space kernel does

Beside Linux 6.18, and printed from the table by which it answers: what is not supported gets the
error that Linux gives to a kernel without it. Linux itself, `--kernel linux`, does all of it, as far
as the machine's version goes.
";

#[test]
fn the_page_says_what_the_kernel_does() {
    let path = root().join("docs/compat.md");
    let page = page();
    if std::env::var_os("SKEP_BLESS").is_some() {
        std::fs::write(&path, &page).expect("the page can be written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == page, "docs/compat.md is out of date: bless it with SKEP_BLESS=1");
}

fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    let name = |name: Option<&str>| name.unwrap_or_default().to_owned();
    let commands = Cmd::ALL.iter().map(|it| (name(it.name()), of_command(*it)));
    page += &table("Commands", commands);
    let known = |(name, _): &(String, Support)| !name.ends_with("_UNSPEC");
    let map_types = MapType::ALL.iter().map(|it| (name(it.name()), of_map_type(*it)));
    page += &table("Map types", map_types.filter(known));
    let prog_types = ProgType::ALL.iter().map(|it| (name(it.name()), of_prog_type(*it)));
    page += &table("Program types", prog_types.filter(known));
    let attach_types = AttachType::ALL.iter().map(|it| (name(it.name()), of_attach_type(*it)));
    page += &table("Attach types", attach_types);
    let helpers = Helper::ALL.iter().map(|it| (it.to_string(), of_helper(it.0)));
    page + &table("Helpers", helpers)
}

/// What is there, a row each; then the names of what is not.
fn table(title: &str, rows: impl Iterator<Item = (String, Support)>) -> String {
    let rows: Vec<(String, Support)> = rows.collect();
    let is_there = |support: &Support| !matches!(support, Support::Unsupported(_));
    let (there, missing): (Vec<_>, Vec<_>) =
        rows.iter().partition(|(_, support)| is_there(support));
    let mut text = format!("\n## {title}: {} of {}\n\n", there.len(), rows.len());
    text += "| name | |\n| --- | --- |\n";
    for (name, support) in there {
        let says = match support {
            Support::Partial(but) => but,
            _ => "",
        };
        writeln!(text, "| `{name}` | {says} |").expect("a String takes everything");
    }
    if !missing.is_empty() {
        let names: Vec<String> = missing.iter().map(|(name, _)| format!("`{name}`")).collect();
        writeln!(text, "\nNot there: {}.", names.join(", ")).expect("a String takes everything");
    }
    text
}
