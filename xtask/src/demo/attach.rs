//! The counter on a real interface, in a network namespace of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use super::{Stage, heading};

const PINGS: &str = "100";
/// Device, link address and address of either end.
const HERE: [&str; 3] = ["veth0", "02:00:00:00:00:01", "10.77.0.1"];
const THERE: [&str; 3] = ["veth1", "02:00:00:00:00:02", "10.77.0.2"];

/// Attaches, pings, dumps and detaches, where that is allowed; else says why it is not.
pub(super) fn show(stage: &Stage, scratch: &Path) -> Result<()> {
    heading('d', "attached in generic mode, in a network namespace of its own");
    let bpffs = scratch.join("bpf");
    std::fs::create_dir(&bpffs)?;
    let place = match Place::make(bpffs) {
        Ok(place) => place,
        Err(reason) => {
            println!("  not shown: {reason:#}");
            return Ok(());
        }
    };
    let pin = place.bpffs.join("counter");
    let (pin, maps) = (pin.to_string_lossy(), place.bpffs.to_string_lossy());
    let object = stage.objects.path("xdp-counter");
    let netns = Some(place.netns.as_str());
    let skep = |words: &[&str]| stage.skep.on_linux(netns, words);

    skep(&["prog", "load", &object.to_string_lossy(), &pin, "pinmaps", &maps])?;
    skep(&["net", "attach", "xdpgeneric", "pinned", &pin, "dev", "veth0"])?;
    let attached = place.link_line()?;
    println!("  $ ip link show dev veth0\n  {attached}");
    ensure!(attached.contains("xdpgeneric"), "`ip link` does not show the program");

    let [_, _, there] = THERE;
    let ping = place.inside(&["ping", "-q", "-i", "0.002", "-c", PINGS, there])?;
    let summary = ping.lines().find(|line| line.contains("transmitted")).unwrap_or_default();
    println!("  $ ping -c {PINGS} {there}\n  {summary}");
    let map = format!("{maps}/my_map");
    let dump = skep(&["--json", "map", "dump", "pinned", &map])?;
    println!("  $ skep map dump pinned .../my_map: {} packets came in", total(&dump)?);

    skep(&["net", "detach", "xdpgeneric", "dev", "veth0"])?;
    let detached = place.link_line()?;
    ensure!(!detached.contains("xdp"), "`ip link` still shows a program: {detached}");
    println!("  detached; `ip link` shows no program any more");
    Ok(())
}

/// The sum of the counts of all CPUs.
fn total(dump: &str) -> Result<u64> {
    let elements: serde_json::Value = serde_json::from_str(dump)?;
    let elements = elements.as_array().context("expected a list of elements")?;
    let value = |element: &serde_json::Value| element["formatted"]["value"].as_u64();
    Ok(elements.iter().filter_map(value).sum())
}

/// A namespace with one end of a veth pair, the other end in a second one, and a BPF file system.
/// All of it goes away with this.
struct Place {
    netns: String,
    peer: String,
    bpffs: PathBuf,
}

impl Place {
    fn make(bpffs: PathBuf) -> Result<Place> {
        let netns = format!("skep-demo-{}", std::process::id());
        let place = Place { peer: format!("{netns}-peer"), netns, bpffs };
        let Place { netns, peer, bpffs } = &place;
        call("ip", &["netns", "add", netns])?;
        call("ip", &["netns", "add", peer])?;
        call("mount", &["-t", "bpf", "none", &bpffs.to_string_lossy()])?;
        call(
            "ip",
            &[
                "-n", netns, "link", "add", HERE[0], "type", "veth", "peer", "name", THERE[0],
                "netns", peer,
            ],
        )?;
        for (netns, [device, mac, address], [_, peer_mac, peer_address]) in
            [(netns, HERE, THERE), (peer, THERE, HERE)]
        {
            let ip = |words: &[&str]| call("ip", &[&["-n", netns], words].concat());
            // No addresses of its own making and no questions about ours: only pings travel.
            ip(&["link", "set", device, "address", mac, "addrgenmode", "none"])?;
            ip(&["addr", "add", &format!("{address}/24"), "dev", device])?;
            ip(&["link", "set", device, "up"])?;
            ip(&["neigh", "add", peer_address, "lladdr", peer_mac, "dev", device])?;
        }
        Ok(place)
    }

    fn inside(&self, words: &[&str]) -> Result<String> {
        call("ip", &[&["netns", "exec", &self.netns], words].concat())
    }

    /// What `ip link` says about the interface, from the mode on.
    fn link_line(&self) -> Result<String> {
        let lines = call("ip", &["-n", &self.netns, "link", "show", "dev", "veth0"])?;
        let shown: Vec<&str> = lines.lines().map(str::trim).collect();
        let program = shown.iter().find(|line| line.starts_with("prog/xdp"));
        let first = shown.first().copied().unwrap_or_default();
        Ok(program.map_or_else(|| first.to_owned(), |program| format!("{first}  {program}")))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What was not made cannot be removed; there is nobody to tell.
        let _ = call("umount", &[&self.bpffs.to_string_lossy()]);
        let _ = call("ip", &["netns", "del", &self.netns]);
        let _ = call("ip", &["netns", "del", &self.peer]);
    }
}

/// Runs a tool of the system, which stands in `sbin` on Debian.
fn call(program: &str, words: &[&str]) -> Result<String> {
    let path = std::env::var("PATH").unwrap_or_default();
    let output =
        Command::new(program).env("PATH", format!("{path}:/usr/sbin:/sbin")).args(words).output();
    let output = match output {
        Ok(output) => output,
        Err(error) => bail!("cannot start `{program}`: {error}"),
    };
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`{program} {}`: {}", words.join(" "), said.trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
