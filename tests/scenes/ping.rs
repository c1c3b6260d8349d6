//! A flood of 100 pings to 127.0.0.1, counted by the XDP counter, then `map dump`.

use std::fs;
use std::process::Command;

use pcap_file::pcap::PcapReader;
use skep_loader::attach::xdp::{self, Mode};
use skep_loader::{Loader, Map};
use skep_obj::Object;
use skep_tests::{Subject, not_run, on_every_kernel_with_device, root, skep};
use skep_uapi::Destination;

const PINGS: u64 = 100;
const OLD: &str = "examples/xdp-counter/xdp-simple.bpf.o";
const NEW: &str = "examples/xdp-counter/xdp-counter.bpf.o";
const CAPTURE: &str = "examples/xdp-counter/ping.pcap";

#[test]
fn a_ping_flood_is_counted_and_dumped() {
    let name = "ping::a_ping_flood_is_counted_and_dumped";
    on_every_kernel_with_device(name, |subject, _| match subject.name {
        "linux" => on_linux(name, subject),
        // The scene is the command's, which is given no server.
        "remote linux" => {}
        _ => in_user_space(subject),
    });
}

/// The lecture's commands, one after another, on the loopback device of a namespace of our own.
fn on_linux(name: &str, subject: &Subject) {
    if Command::new("ping").arg("-V").output().is_err() {
        return not_run(&format!("{name} on linux"), "ping is not installed");
    }
    run("ip", &["link", "set", "lo", "up"]);
    for object in [OLD, NEW] {
        let bpffs = subject.bpffs();
        let (prog, maps) = (bpffs.path("counter"), bpffs.path("maps"));
        on_kernel("linux", &["prog", "load", object, &prog, "pinmaps", &maps]);
        on_kernel("linux", &["net", "attach", "xdpgeneric", "pinned", &prog, "dev", "lo"]);
        let shown = run("ip", &["link", "show", "dev", "lo"]);
        assert!(shown.contains("xdpgeneric"), "{shown}");
        assert!(shown.contains("prog/xdp id"), "{shown}");

        let pings = PINGS.to_string();
        let ping = run("ping", &["-q", "-f", "-c", &pings, "127.0.0.1"]);
        assert!(ping.contains("100 packets transmitted, 100 received"), "{ping}");
        on_kernel("linux", &["net", "detach", "xdpgeneric", "dev", "lo"]);
        let shown = run("ip", &["link", "show", "dev", "lo"]);
        assert!(!shown.contains("xdp"), "{shown}");

        let map = format!("{maps}/my_map");
        let typed = object == NEW;
        // The loopback device receives what was sent: each request, and each reply.
        assert_dump(&on_kernel("linux", &["map", "dump", "pinned", &map]), typed, 2 * PINGS);
    }
}

/// The same flood from a capture: through the command, and through a device.
fn in_user_space(subject: &Subject) {
    for object in [OLD, NEW] {
        let report = on_kernel("user", &["run", object, "--pcap", CAPTURE]);
        let (_, dump) = report.split_once("map my_map (array of 8):\n").expect("a map is dumped");
        assert_dump(dump, object == NEW, 2 * PINGS);

        let elf = fs::read(root().join(object)).expect("the example is committed");
        let object = Object::from_elf("counter", &elf).expect("the example is an object");
        let loaded = Loader::new(&subject.kernel).load(&object).expect("it loads");
        let lo = xdp::interface(&subject.kernel, "lo").expect("there is a loopback device").ifindex;
        let link = xdp::link(&loaded.programs[0].prog, lo, Mode::Generic).expect("lo is free");
        let machine = subject.machine.as_ref().expect("a simulated machine");
        let frames = frames();
        for frame in &frames {
            let received = machine.receive(lo, frame).expect("lo takes a frame");
            assert_eq!((received.xdp, received.to), (Some(2), Destination::Stack));
            assert_eq!(received.frame.as_ref(), Some(frame));
        }
        drop(link);
        machine.receive(lo, &frames[0]).expect("lo takes a frame");
        let map = &loaded.maps[0].map;
        let counts = map.keys().map(|key| count(map, &key.expect("an array's keys can be walked")));
        assert_eq!(counts.sum::<u64>(), 2 * PINGS, "what came after the link was not counted");
    }
}

fn count(map: &Map, key: &[u8]) -> u64 {
    let value = map.lookup(key).expect("an array can be read").expect("it has all its keys");
    u64::from_ne_bytes(value.try_into().expect("a value has eight bytes"))
}

/// Eight elements that add up, as bytes or by their types.
fn assert_dump(dump: &str, typed: bool, total: u64) {
    let counts: Vec<u64> = if typed {
        let value = |line: &str| line.trim().strip_prefix("\"value\": ")?.parse().ok();
        dump.lines().filter_map(value).collect()
    } else {
        assert!(dump.starts_with("key: 00 00 00 00  value: "), "{dump}");
        assert!(dump.trim_end().ends_with("Found 8 elements"), "{dump}");
        dump.lines().filter_map(plain_value).collect()
    };
    assert_eq!(counts.len(), 8, "{dump}");
    assert_eq!(counts.iter().sum::<u64>(), total, "{dump}");
}

/// The number in `key: 00 00 00 00  value: 73 24 00 00 00 00 00 00`.
fn plain_value(line: &str) -> Option<u64> {
    let (_, value) = line.split_once("value: ")?;
    let bytes: Vec<u8> =
        value.split_whitespace().filter_map(|byte| u8::from_str_radix(byte, 16).ok()).collect();
    Some(u64::from_le_bytes(bytes.try_into().ok()?))
}

fn frames() -> Vec<Vec<u8>> {
    let bytes = fs::read(root().join(CAPTURE)).expect("the capture is committed");
    let mut reader = PcapReader::new(&bytes[..]).expect("the capture is a pcap");
    let mut frames = Vec::new();
    while let Some(packet) = reader.next_packet() {
        frames.push(packet.expect("the capture is whole").data.into_owned());
    }
    assert_eq!(frames.len() as u64, 2 * PINGS);
    frames
}

fn on_kernel(kernel: &str, words: &[&str]) -> String {
    let skep = skep();
    run(skep.to_str().expect("a path of text"), &[&["--kernel", kernel], words].concat())
}

fn run(program: &str, words: &[&str]) -> String {
    let output = Command::new(program).args(words).current_dir(root()).output();
    let output = output.expect("the program can be started");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {words:?}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
