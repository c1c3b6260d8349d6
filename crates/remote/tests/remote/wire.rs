//! Messages: every command both ways, and bytes that are none.

use proptest::prelude::*;
use skep_remote::Error;
use skep_remote::wire::{
    Reader, Writer, read_call, read_command, read_outputs, write_command, write_outputs,
};
use skep_uapi::{Command, Fd};

use crate::commands::{COMMANDS, Draw, with_command};

fn message(cmd: u32, seed: u64) -> Vec<u8> {
    let mut to = Writer::default();
    with_command(cmd, &mut Draw(seed), &mut |command| write_command(command, &mut to));
    to.bytes().to_vec()
}

/// Has a command arrive, and sends it back as it is.
fn echo(message: &[u8]) -> Result<(String, Vec<u8>), Error> {
    let (mut text, mut to) = (String::new(), Writer::default());
    read_command(Reader::new(message), &mut to, |command, to| {
        text = format!("{command:?}");
        write_outputs(&command, to);
    })?;
    Ok((text, to.bytes().to_vec()))
}

/// The command that arrives is the one that was sent, and so is the one that comes back.
fn arrives(cmd: u32, command: &mut Command<'_>) -> Result<(), TestCaseError> {
    prop_assert_eq!(command.cmd().0, cmd);
    let sent = format!("{command:?}");
    let mut to = Writer::default();
    write_command(command, &mut to);
    let (came, answer) = echo(to.bytes()).unwrap();
    prop_assert_eq!(&came, &sent);
    read_outputs(command, &mut Reader::new(&answer)).unwrap();
    prop_assert_eq!(format!("{command:?}"), sent);
    Ok(())
}

proptest! {
    #[test]
    fn commands_arrive_as_they_were_sent(cmd in 0..COMMANDS, seed in 1_u64..) {
        let mut arrived = Ok(());
        with_command(cmd, &mut Draw(seed), &mut |command| arrived = arrives(cmd, command));
        arrived?;
    }

    /// What comes back replaces what was there, to the last byte.
    #[test]
    fn outputs_come_back(cmd in 0..COMMANDS, asked in 1_u64.., seed in 1_u64..) {
        let answer = echo(&message(cmd, asked)).unwrap().1;
        with_command(cmd, &mut Draw(seed), &mut |command| {
            // The room is of other lengths: a value or an error, and nothing outside of it.
            let _ = read_outputs(command, &mut Reader::new(&answer));
        });
    }

    #[test]
    fn damaged_commands_are_values_or_errors(
        cmd in 0..COMMANDS, seed in 1_u64.., flips in prop::collection::vec(any::<(u16, u8)>(), 0..4),
        end in any::<u16>(),
    ) {
        let mut bytes = message(cmd, seed);
        for (at, to) in flips {
            let at = usize::from(at) % bytes.len();
            bytes[at] = to;
        }
        bytes.truncate(usize::from(end).max(1) % (bytes.len() + 1));
        let _ = echo(&bytes);
        let _ = read_call(Reader::new(&bytes));
    }

    #[test]
    fn any_bytes_are_values_or_errors(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = echo(&bytes);
        let _ = read_call(Reader::new(&bytes));
        with_command(u32::from(bytes.len() as u8) % COMMANDS, &mut Draw(1), &mut |command| {
            let _ = read_outputs(command, &mut Reader::new(&bytes));
        });
    }
}

#[test]
fn a_shorter_message_is_an_error() {
    for cmd in 0..COMMANDS {
        let bytes = message(cmd, 0x1234_5678_9abc_def1);
        for end in 0..bytes.len() {
            assert!(echo(&bytes[..end]).is_err(), "command {cmd}, {end} of {} bytes", bytes.len());
        }
        assert!(matches!(echo(&[&bytes[..], &[0]].concat()), Err(Error::Long { left: 1 })));
    }
}

#[test]
fn room_costs_what_is_in_it() {
    let mut log = vec![0; 16 << 20];
    log[0] = 1;
    let mut to = Writer::default();
    let (map_fd, key) = (Fd(3), &[1; 4][..]);
    write_command(&mut Command::MapLookupElem { map_fd, key, value: &mut log, flags: 0 }, &mut to);
    assert!(to.bytes().len() < 64, "{} bytes", to.bytes().len());
}

#[test]
fn more_room_than_there_is_memory_for_is_refused() {
    let bytes = |len: u32| {
        // One piece of room for bytes, of which none is filled.
        let mut bytes = vec![1, 0];
        bytes.extend(len.to_le_bytes());
        bytes.extend(0_u32.to_le_bytes());
        bytes
    };
    assert!(matches!(echo(&bytes(u32::MAX)), Err(Error::TooLarge { .. })));
    assert!(matches!(echo(&bytes(8)), Err(Error::Short { .. })));
}
