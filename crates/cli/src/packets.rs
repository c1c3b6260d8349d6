//! Packets from a pcap file and to one.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use pcap_file::pcap::{PcapHeader, PcapPacket, PcapReader, PcapWriter};
use pcap_file::{DataLink, PcapError};

use crate::new_file::NewFile;

/// A packet and when it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    /// Since 1970.
    pub(crate) at: Duration,
    pub(crate) data: Vec<u8>,
}

/// The file header of pcap, and of each packet in it.
const HEADER_BYTES: usize = 24;
const RECORD_BYTES: usize = 16;
/// The longest packet that a file may hold; tools refuse longer ones.
const SNAPLEN: u32 = 262_144;

/// The packets of a file, and how it was written.
#[derive(Debug)]
pub(crate) struct Capture {
    pub(crate) packets: Vec<Packet>,
    header: PcapHeader,
}

/// Reads every packet of a file.
pub(crate) fn read(path: &Path) -> anyhow::Result<Capture> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    parse(&bytes).with_context(|| path.display().to_string())
}

/// Packets on their way into a file, which appears under its name only when all are written.
pub(crate) struct Writer {
    pcap: PcapWriter<NewFile>,
    path: PathBuf,
}

impl Writer {
    /// Begins a file that is written as `like` was: what passes unchanged comes out the same.
    pub(crate) fn create(path: &Path, like: &Capture) -> anyhow::Result<Writer> {
        let header = PcapHeader { snaplen: like.header.snaplen.max(SNAPLEN), ..like.header };
        let pcap = PcapWriter::with_header(NewFile::create(path)?, header);
        let pcap = pcap.with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Writer { pcap, path: path.to_owned() })
    }

    /// Adds a packet.
    pub(crate) fn write(&mut self, at: Duration, data: &[u8]) -> anyhow::Result<()> {
        let len = u32::try_from(data.len()).context("a packet is longer than pcap can say")?;
        match self.pcap.write_packet(&PcapPacket::new(at, len, data)) {
            Ok(_) => Ok(()),
            // The library speaks of reading here, which would mislead.
            Err(PcapError::IoError(error)) => Err(error).with_context(|| self.failed()),
            Err(error) => Err(error).with_context(|| self.failed()),
        }
    }

    /// Gives the file its name.
    pub(crate) fn finish(self) -> anyhow::Result<()> {
        self.pcap.into_writer().finish()
    }

    fn failed(&self) -> String {
        format!("cannot write {}", self.path.display())
    }
}

/// Reads every packet of a file's bytes.
pub(crate) fn parse(bytes: &[u8]) -> anyhow::Result<Capture> {
    check_header(bytes)?;
    check_records(bytes)?;
    let mut reader = PcapReader::new(bytes).context("not a pcap file")?;
    let header = reader.header();
    if header.datalink != DataLink::ETHERNET {
        bail!(
            "expected Ethernet frames (link type 1), found link type {}; convert the file, for \
             example with editcap -T ether",
            u32::from(header.datalink)
        );
    }
    let mut packets = Vec::new();
    while let Some(packet) = reader.next_packet() {
        let packet = packet.with_context(|| format!("packet {}", packets.len() + 1))?;
        packets.push(Packet { at: packet.timestamp, data: packet.data.into_owned() });
    }
    Ok(Capture { packets, header })
}

/// The first bytes say whether it is pcap at all.
fn check_header(bytes: &[u8]) -> anyhow::Result<()> {
    let Some(magic) = bytes.first_chunk::<4>() else {
        bail!("not a pcap file: expected {HEADER_BYTES} bytes of header, found {}", bytes.len());
    };
    if *magic == [0x0a, 0x0d, 0x0d, 0x0a] {
        bail!(
            "a pcapng file, expected pcap: magic 0a 0d 0d 0a at offset 0; convert it, for example \
             with editcap -F pcap IN OUT"
        );
    }
    if byte_order(*magic).is_none() {
        bail!(
            "not a pcap file: expected magic d4 c3 b2 a1 at offset 0 (or its other byte order, or \
             4d 3c b2 a1), found {}",
            hex(magic)
        );
    }
    if bytes.len() < HEADER_BYTES {
        bail!(
            "cut short at offset {}: expected {HEADER_BYTES} bytes of header, found {}",
            bytes.len(),
            bytes.len()
        );
    }
    Ok(())
}

/// Every packet is whole. The reader would say that bytes are missing, but not where.
fn check_records(bytes: &[u8]) -> anyhow::Result<()> {
    let magic = bytes.first_chunk().copied().unwrap_or_default();
    let Some(number) = byte_order(magic) else { return Ok(()) };
    let (mut at, mut index) = (HEADER_BYTES, 1);
    while at < bytes.len() {
        let left = bytes.len() - at;
        if left < RECORD_BYTES {
            bail!(
                "cut short at offset {at}: expected {RECORD_BYTES} bytes of header of packet \
                 {index}, found {left}"
            );
        }
        let len = bytes[at + 8..].first_chunk().copied().map_or(0, number) as usize;
        let left = left - RECORD_BYTES;
        if left < len {
            let at = at + RECORD_BYTES;
            bail!("cut short at offset {at}: expected {len} bytes of packet {index}, found {left}");
        }
        at += RECORD_BYTES + len;
        index += 1;
    }
    Ok(())
}

/// How numbers are written in a file with this magic, if it is a pcap file.
fn byte_order(magic: [u8; 4]) -> Option<fn([u8; 4]) -> u32> {
    match magic {
        [0xd4, 0xc3, 0xb2, 0xa1] | [0x4d, 0x3c, 0xb2, 0xa1] => Some(u32::from_le_bytes),
        [0xa1, 0xb2, 0xc3, 0xd4] | [0xa1, 0xb2, 0x3c, 0x4d] => Some(u32::from_be_bytes),
        _ => None,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_packets() -> Vec<u8> {
        let mut bytes = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0];
        bytes.extend([0; 8]);
        bytes.extend([0, 0, 1, 0, 1, 0, 0, 0]);
        for (second, data) in [(1_u8, &b"abcd"[..]), (2, b"ef")] {
            bytes.extend([second, 0, 0, 0, 0, 0, 0, 0]);
            bytes.extend([data.len() as u8, 0, 0, 0, data.len() as u8, 0, 0, 0]);
            bytes.extend(data);
        }
        bytes
    }

    #[test]
    fn packets_come_out() {
        let packets = parse(&two_packets()).expect("the file is good").packets;
        let expect = [(1, &b"abcd"[..]), (2, b"ef")]
            .map(|(second, data)| Packet { at: Duration::from_secs(second), data: data.to_vec() });
        assert_eq!(packets, expect);
    }

    #[test]
    fn bad_files_are_named_at_their_offset() {
        let check = |bytes: &[u8], expect: &str| {
            let error = parse(bytes).expect_err(expect);
            assert_eq!(format!("{error:#}"), expect);
        };
        let good = two_packets();
        check(b"", "not a pcap file: expected 24 bytes of header, found 0");
        check(
            b"\x7fELF\x02",
            "not a pcap file: expected magic d4 c3 b2 a1 at offset 0 (or its other byte order, or \
             4d 3c b2 a1), found 7f 45 4c 46",
        );
        check(
            b"\x0a\x0d\x0d\x0a\x00",
            "a pcapng file, expected pcap: magic 0a 0d 0d 0a at offset 0; convert it, for example \
             with editcap -F pcap IN OUT",
        );
        check(&good[..10], "cut short at offset 10: expected 24 bytes of header, found 10");
        check(
            &good[..30],
            "cut short at offset 24: expected 16 bytes of header of packet 1, found 6",
        );
        check(
            &good[..good.len() - 1],
            "cut short at offset 60: expected 2 bytes of packet 2, found 1",
        );
    }

    #[test]
    fn every_cut_is_found_or_ends_between_packets() {
        let good = two_packets();
        for len in 0..good.len() {
            let whole = parse(&good[..len]);
            assert_eq!(whole.is_ok(), len == HEADER_BYTES || len == 44, "cut at {len}");
        }
    }

    #[test]
    fn a_file_appears_only_when_it_is_whole() {
        let dir = tempfile::tempdir().expect("a temporary directory can be made");
        let path = dir.path().join("out.pcap");
        let like = parse(&two_packets()).expect("the file is good");
        let mut writer = Writer::create(&path, &like).expect("the directory can be written");
        for packet in &like.packets {
            writer.write(packet.at, &packet.data).expect("a packet fits");
        }
        assert!(!path.exists());
        writer.finish().expect("the name is free");
        let read = read(&path).expect("the file is good");
        assert_eq!(read.packets, like.packets);
        drop(Writer::create(&path, &like).expect("the directory can be written"));
        assert_eq!(fs::read_dir(dir.path()).expect("it is there").count(), 1);
    }

    /// Damaged files are refused or read, but nothing panics, hangs, or takes memory for a length
    /// that is not there.
    #[test]
    fn damaged_files_are_survived() {
        let good = two_packets();
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as usize
        };
        let mut read = 0;
        for _ in 0..20_000 {
            let mut bytes = good.clone();
            for _ in 0..=next() % 3 {
                let at = next() % bytes.len();
                bytes[at] ^= 1 << (next() % 8);
            }
            bytes.truncate(bytes.len() - next() % 4 * (next() % 20));
            read += usize::from(parse(&bytes).is_ok());
        }
        assert!(read > 2_000, "{read} were read: some damage is to times and data only");
    }
}
