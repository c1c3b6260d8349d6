//! `skep dev`: the virtual network devices of the user-space kernel.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use skep_btf::Value;
use skep_uapi::{Destination, Device, Errno, Machine};

use crate::context::Context;
use crate::words::Words;
use crate::{packets, verdicts};

/// What may stand behind the noun.
pub(crate) const USAGE: &str = "\
skep dev { show | list }
       skep dev add NAME [mtu BYTES]
       skep dev feed NAME FILE

       The packets of FILE (pcap, Ethernet) arrive at the device, one after another, and pass the
       program that is attached there; see `skep net attach`.
       Only the user-space kernel has such devices.
";

/// As a new Ethernet device has it.
const USUAL_MTU: u32 = 1500;

pub(crate) fn run(context: &Context<'_>, mut words: Words) -> anyhow::Result<()> {
    if words.peek().is_none() {
        return list(context, &words);
    }
    match words.one_of(&["show", "list", "add", "feed", "help"])? {
        "show" | "list" => list(context, &words),
        "add" => add(context, words),
        "feed" => feed(context, words),
        _ => context.output.usage(USAGE),
    }
}

fn list(context: &Context<'_>, words: &Words) -> anyhow::Result<()> {
    words.end()?;
    let devices = context.machine("dev list")?.devices();
    if context.output.is_json() {
        return context.output.json(Value::Array(devices.iter().map(json).collect()));
    }
    let line = |it: &Device| format!("{}: {}  mtu {}\n", it.ifindex, it.name, it.mtu);
    context.output.text(&devices.iter().map(line).collect::<String>())
}

fn json(device: &Device) -> Value {
    Value::object([
        ("devname", device.name.as_str().into()),
        ("ifindex", device.ifindex.into()),
        ("mtu", device.mtu.into()),
    ])
}

fn add(context: &Context<'_>, mut words: Words) -> anyhow::Result<()> {
    let machine = context.machine("dev add")?;
    let name = words.next("a name")?;
    let mtu = if words.take("mtu") { words.number_u32("bytes")? } else { USUAL_MTU };
    words.end()?;
    let ifindex = machine.add_device(&name, mtu).map_err(|errno| {
        let why = match errno {
            Errno::EEXIST => "; there is one of this name: see `dev list`",
            Errno::EINVAL => {
                "; a name has 1 to 15 characters, none of them a blank, `/` or `:`; the MTU is at \
                 least 68"
            }
            _ => "",
        };
        anyhow::anyhow!("cannot add device {name} with an MTU of {mtu} bytes: {errno}{why}")
    })?;
    if context.output.is_json() {
        return context.output.json(json(&Device { ifindex, name, mtu }));
    }
    Ok(())
}

fn feed(context: &Context<'_>, mut words: Words) -> anyhow::Result<()> {
    let machine = context.machine("dev feed")?;
    let name = words.next("a device's name")?;
    let file = words.next("a pcap file")?;
    words.end()?;
    let devices = machine.devices();
    let device = devices.iter().find(|device| device.name == name);
    let device = device.with_context(|| format!("no device {name}; see `dev list`"))?;
    let capture = packets::read(Path::new(&file))?;
    let mut fed = Fed { device, verdicts: BTreeMap::new(), to: BTreeMap::new(), packets: 0 };
    for (index, packet) in capture.packets.iter().enumerate() {
        let arrived = fed.packet(&**machine, &packet.data);
        arrived.with_context(|| {
            format!("{file}: packet {} ({} bytes)", index + 1, packet.data.len())
        })?;
    }
    if context.output.is_json() {
        return context.output.json(fed.json(&devices));
    }
    context.output.text(&fed.plain(&devices))
}

/// What became of packets that arrived at a device.
struct Fed<'a> {
    device: &'a Device,
    packets: u64,
    /// None: there was no program to ask.
    verdicts: BTreeMap<Option<u32>, u64>,
    /// By where they went; none is nowhere, 0 the network stack, else the device's index.
    to: BTreeMap<Option<u32>, u64>,
}

impl Fed<'_> {
    fn packet(&mut self, machine: &dyn Machine, packet: &[u8]) -> Result<(), Errno> {
        let received = machine.receive(self.device.ifindex, packet)?;
        let to = match received.to {
            Destination::Dropped => None,
            Destination::Stack => Some(0),
            Destination::Device(ifindex) => {
                // Nobody is at the other end of the wire, so what left is taken off it.
                machine.transmitted(ifindex)?;
                Some(ifindex)
            }
        };
        self.packets += 1;
        *self.verdicts.entry(received.xdp).or_default() += 1;
        *self.to.entry(to).or_default() += 1;
        Ok(())
    }

    fn plain(&self, devices: &[Device]) -> String {
        let verdicts: Vec<(String, u64)> = self.verdicts().collect();
        let mut text = format!("{}: {} packets\n", self.device.name, self.packets);
        text.push_str(&verdicts::histogram(&verdicts));
        for (to, count) in &self.to {
            let way = match to {
                None => "dropped".to_owned(),
                Some(0) => "to the network stack".to_owned(),
                Some(ifindex) => format!("out through {}", name(devices, *ifindex)),
            };
            text.push_str(&format!("{way}: {count}\n"));
        }
        text
    }

    fn json(&self, devices: &[Device]) -> Value {
        let count = |to| Value::from(self.to.get(&to).copied().unwrap_or(0));
        let out = self.to.iter().filter_map(|(to, count)| match to {
            Some(ifindex @ 1..) => Some((name(devices, *ifindex).to_owned(), (*count).into())),
            _ => None,
        });
        Value::object([
            ("devname", self.device.name.as_str().into()),
            ("ifindex", self.device.ifindex.into()),
            ("packets", self.packets.into()),
            ("verdicts", Value::Object(self.verdicts().map(|(it, n)| (it, n.into())).collect())),
            ("dropped", count(None)),
            ("stack", count(Some(0))),
            ("transmitted", Value::Object(out.collect())),
        ])
    }

    fn verdicts(&self) -> impl Iterator<Item = (String, u64)> {
        let name = |verdict: &Option<u32>| match verdict {
            Some(verdict) => verdicts::xdp(*verdict),
            None => "no program".to_owned(),
        };
        self.verdicts.iter().map(move |(verdict, count)| (name(verdict), *count))
    }
}

fn name(devices: &[Device], ifindex: u32) -> &str {
    let found = devices.iter().find(|device| device.ifindex == ifindex);
    found.map_or("a new device", |device| device.name.as_str())
}
