//! `skep run`: packets in; verdicts, maps and packets out.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::value_parser;
use skep_btf::Value;
use skep_loader::attach::xdp;
use skep_loader::{Link, Loaded, Loader, Prog, TestInput};
use skep_obj::{Object, Program};
use skep_uapi::{Destination, Machine, ProgType, XdpAction};

use crate::compile;
use crate::context::Context;
use crate::dump::{self, Types};
use crate::kernel::{Chosen, Which};
use crate::output::Form;
use crate::packets::{self, Packet, Writer};
use crate::rejection::Shown;
use crate::trace_pipe;
use crate::verdicts;

/// Run a program on the packets of a file
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// An object (.bpf.o), C to be compiled (.bpf.c), or assembly (.s)
    file: PathBuf,
    /// The packets
    #[arg(long, value_name = "IN")]
    pcap: PathBuf,
    /// Write the packets that the program lets through, as they leave it
    #[arg(long, value_name = "OUT")]
    out: Option<PathBuf>,
    /// Run over all packets so many times
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u32).range(1..))]
    repeat: u32,
    /// Which program, where the object has several
    #[arg(long, value_name = "NAME")]
    prog: Option<String>,
    /// Name of the device that the packets arrive at
    #[arg(long, value_name = "NAME", default_value = "eth0")]
    dev: String,
    #[command(flatten)]
    pub(crate) form: Form,
}

pub(crate) fn run(context: &Context<'_>, args: &Args) -> anyhow::Result<()> {
    let object = compile::object(&args.file)?;
    let program =
        choose(&object, args.prog.as_deref()).with_context(|| args.file.display().to_string())?;
    let capture = packets::read(&args.pcap)?;
    let packets = &capture.packets;
    let create = |path| Writer::create(path, &capture);
    let mut out = args.out.as_deref().map(create).transpose()?;
    let chosen = context.private_kernel()?;
    let loaded = load(&chosen, &object, program)?;
    let receiver = Receiver::new(&chosen, &loaded, program, packets, &args.dev)?;

    let run = feed(&receiver, packets, args.repeat, out.as_mut())?;

    let printed = printed(&chosen)?;
    let report =
        Report { args, program, chosen: &chosen, loaded: &loaded, run: &run, printed: &printed };
    if context.output.is_json() {
        context.output.json(report.json()?)?;
    } else {
        context.output.text(&report.plain()?)?;
    }
    // The file gets its name last: whatever fails before leaves nothing behind.
    out.map_or(Ok(()), Writer::finish)
}

/// The program that was named, or the only one that takes packets.
fn choose<'o>(object: &'o Object, name: Option<&str>) -> anyhow::Result<&'o Program> {
    let names = |programs: &mut dyn Iterator<Item = &Program>| {
        let names: Vec<&str> = programs.map(|program| program.name.as_str()).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    };
    let takes_packets =
        |program: &&Program| matches!(program.prog_type, ProgType::XDP | ProgType::SOCKET_FILTER);
    if let Some(name) = name {
        let Some(program) = object.programs.iter().find(|program| program.name == name) else {
            bail!("no program {name}; the object has {}", names(&mut object.programs.iter()));
        };
        if !takes_packets(&program) {
            bail!(
                "program {name} is of type {} (section {}), expected xdp or socket_filter",
                program.prog_type,
                program.section
            );
        }
        return Ok(program);
    }
    let mut fitting = object.programs.iter().filter(takes_packets);
    match (fitting.next(), fitting.next()) {
        (Some(program), None) => Ok(program),
        (None, _) => bail!(
            "no program that takes packets (sections `xdp`, `socket`); the object has {}",
            names(&mut object.programs.iter())
        ),
        (Some(_), Some(_)) => bail!(
            "several programs take packets, choose one with --prog: {}",
            names(&mut object.programs.iter().filter(takes_packets))
        ),
    }
}

fn load(chosen: &Chosen, object: &Object, program: &Program) -> anyhow::Result<Loaded> {
    let loader = Loader::new(&chosen.kernel).with_programs(&[&program.name]);
    let loaded = loader.load(object);
    loaded.map_err(|error| Shown::from_error(error, object, chosen.which.title()))
}

/// What a packet meets.
enum Receiver<'a> {
    /// A device of a simulated machine, with the XDP program attached.
    Device { machine: &'a Arc<dyn Machine>, ifindex: u32, _link: Link },
    /// A test run: on Linux, and for programs that sit on a socket.
    TestRun { prog: &'a Prog, prog_type: ProgType },
}

/// What became of a packet.
struct Outcome {
    verdict: u32,
    /// The frame as it left, if it did.
    frame: Option<Vec<u8>>,
}

impl<'a> Receiver<'a> {
    fn new(
        chosen: &'a Chosen,
        loaded: &'a Loaded,
        program: &Program,
        packets: &[Packet],
        device: &str,
    ) -> anyhow::Result<Receiver<'a>> {
        let prog = loaded.program(&program.name)?;
        let prog_type = program.prog_type;
        let Some(machine) = chosen.machine.as_ref().filter(|_| prog_type == ProgType::XDP) else {
            return Ok(Receiver::TestRun { prog, prog_type });
        };
        let longest = packets.iter().map(|packet| packet.data.len()).max().unwrap_or(0);
        let mtu = u32::try_from(longest).context("a packet is too long")?.max(1500);
        let ifindex = machine
            .add_device(device, mtu)
            .with_context(|| format!("cannot add a device named {device}"))?;
        let link = xdp::link(prog, ifindex, xdp::Mode::Best)?;
        Ok(Receiver::Device { machine, ifindex, _link: link })
    }

    fn receive(&self, packet: &[u8]) -> anyhow::Result<Outcome> {
        match self {
            Receiver::Device { machine, ifindex, .. } => {
                let received = machine.receive(*ifindex, packet)?;
                let verdict = received.xdp.context("no program is attached to the device")?;
                let left = received.to != Destination::Dropped;
                Ok(Outcome { verdict, frame: received.frame.filter(|_| left) })
            }
            Receiver::TestRun { prog, prog_type } => {
                let ran = prog.test_run(TestInput { data: packet, ..TestInput::default() })?;
                let (verdict, mut frame) = (ran.retval, ran.data);
                let left = if *prog_type == ProgType::XDP {
                    matches!(XdpAction(verdict), XdpAction::PASS | XdpAction::TX)
                } else {
                    // A socket filter says how many bytes the socket shall see.
                    frame = packet[..packet.len().min(verdict as usize)].to_vec();
                    verdict != 0
                };
                Ok(Outcome { verdict, frame: left.then_some(frame) })
            }
        }
    }
}

/// What came of all packets.
struct Run {
    packets: u64,
    time: Duration,
    verdicts: BTreeMap<u32, u64>,
}

fn feed(
    receiver: &Receiver<'_>,
    packets: &[Packet],
    repeat: u32,
    mut out: Option<&mut Writer>,
) -> anyhow::Result<Run> {
    let mut run = Run { packets: 0, time: Duration::ZERO, verdicts: BTreeMap::new() };
    let begin = Instant::now();
    for _ in 0..repeat {
        for (index, packet) in packets.iter().enumerate() {
            let outcome = receiver
                .receive(&packet.data)
                .with_context(|| packet_title(index, &packet.data))?;
            *run.verdicts.entry(outcome.verdict).or_default() += 1;
            run.packets += 1;
            if let (Some(out), Some(frame)) = (&mut out, outcome.frame) {
                out.write(packet.at, &frame)?;
            }
        }
    }
    run.time = begin.elapsed();
    Ok(run)
}

/// Which packet it was that could not be run, and why if its size says so.
fn packet_title(index: usize, data: &[u8]) -> String {
    let title = format!("packet {} ({} bytes)", index + 1, data.len());
    if data.len() >= ETHERNET_BYTES {
        return title;
    }
    format!("{title}: expected a frame of at least {ETHERNET_BYTES} bytes, the Ethernet header")
}

/// What the program printed. Linux shows it to everybody at once, in `skep prog tracelog`.
fn printed(chosen: &Chosen) -> anyhow::Result<Vec<String>> {
    match chosen.which {
        Which::User => trace_pipe::printed(&*chosen.kernel),
        Which::Linux => Ok(Vec::new()),
    }
}

/// What is told at the end.
struct Report<'a> {
    args: &'a Args,
    program: &'a Program,
    chosen: &'a Chosen,
    loaded: &'a Loaded,
    run: &'a Run,
    printed: &'a [String],
}

/// Two addresses and a type.
const ETHERNET_BYTES: usize = 14;
/// Maps of at most so many elements are shown in full, and so many lines that were printed.
const SHORT: usize = 16;

impl Report<'_> {
    fn plain(&self) -> anyhow::Result<String> {
        let (run, program) = (self.run, self.program);
        let mut text = String::new();
        writeln!(
            text,
            "{} ({}): {} packets in {:.3} ms, {} packets/s, on {}",
            program.name,
            program.prog_type,
            run.packets,
            run.time.as_secs_f64() * 1e3,
            run.packets_per_second(),
            self.chosen.which.title()
        )?;
        for warning in &self.loaded.warnings {
            writeln!(text, "warning: {warning}")?;
        }
        text.push_str(&verdicts::histogram(&self.verdicts().collect::<Vec<_>>()));
        if !self.printed.is_empty() {
            writeln!(text, "printed ({} lines):", self.printed.len())?;
        }
        for line in self.printed.iter().take(SHORT) {
            writeln!(text, "  {line}")?;
        }
        if self.printed.len() > SHORT {
            writeln!(text, "{} more are shown with --json", self.printed.len() - SHORT)?;
        }
        for map in self.maps() {
            let info = map.map.info();
            let (kind, entries) = (info.map_type, info.max_entries);
            let mut elements = dump::elements(&map.map)?;
            writeln!(text, "map {} ({kind} of {entries}):", map.name)?;
            let zeros = if elements.len() > SHORT { without_zeros(&mut elements) } else { 0 };
            let types = Types::of(&map.map)?;
            text.push_str(&dump::plain(&map.map, types.as_ref(), &elements)?);
            if zeros > 0 {
                writeln!(text, "{zeros} elements of zeros are not shown")?;
            }
        }
        Ok(text)
    }

    fn json(&self) -> anyhow::Result<Value> {
        let run = self.run;
        let verdicts = self.verdicts().map(|(name, count)| (name, count.into())).collect();
        let warnings = self.loaded.warnings.iter().map(|it| Value::str(it.to_string())).collect();
        let mut maps = Vec::new();
        for map in self.maps() {
            let types = Types::of(&map.map)?;
            let elements = dump::json(&map.map, types.as_ref(), &dump::elements(&map.map)?)?;
            maps.push(Value::object([
                ("name", map.name.as_str().into()),
                ("type", Value::str(map.map.info().map_type.to_string())),
                ("elements", elements),
            ]));
        }
        Ok(Value::object([
            ("file", Value::str(self.args.file.display().to_string())),
            ("program", self.program.name.as_str().into()),
            ("type", Value::str(self.program.prog_type.to_string())),
            ("kernel", self.chosen.which.word().into()),
            ("packets", run.packets.into()),
            ("time_ns", u64::try_from(run.time.as_nanos())?.into()),
            ("packets_per_second", run.packets_per_second().into()),
            ("verdicts", Value::Object(verdicts)),
            ("printed", Value::Array(self.printed.iter().map(|it| it.as_str().into()).collect())),
            ("maps", Value::Array(maps)),
            ("warnings", Value::Array(warnings)),
        ]))
    }

    /// The maps that a run may have changed and that can be listed.
    fn maps(&self) -> impl Iterator<Item = &skep_loader::LoadedMap> {
        let changing = |map: &&skep_loader::LoadedMap| !map.name.contains(".rodata");
        self.loaded.maps.iter().filter(changing).filter(|map| map.map.is_listable())
    }

    /// How often which verdict was given, by name.
    fn verdicts(&self) -> impl Iterator<Item = (String, u64)> {
        let is_xdp = self.program.prog_type == ProgType::XDP;
        self.run.verdicts.iter().map(move |(verdict, count)| {
            let name = match *verdict {
                verdict if is_xdp => verdicts::xdp(verdict),
                0 => "drop".to_owned(),
                u32::MAX => "keep all".to_owned(),
                bytes => format!("keep {bytes} bytes"),
            };
            (name, *count)
        })
    }
}

/// Takes out the elements that are all zero: of a long array most are. How many there were.
fn without_zeros(elements: &mut Vec<dump::Element>) -> usize {
    let all = elements.len();
    elements.retain(|(_, value)| value.iter().any(|byte| *byte != 0));
    all - elements.len()
}

impl Run {
    fn packets_per_second(&self) -> u64 {
        let seconds = self.time.as_secs_f64();
        if seconds > 0.0 { (self.packets as f64 / seconds) as u64 } else { 0 }
    }
}
