//! What a command borrows besides bytes of the message: room for outputs, and arrays of numbers.
//!
//! A message begins with these, so that the server can make all of them before it makes the
//! command that borrows them. Room is sent as its length and what is in it up to its last element
//! that is not zero, both ways: so what the kernel has not written stays as the caller had it,
//! and a large empty buffer costs nothing.

use std::vec::IntoIter;

use skep_uapi::TaskFd;

use super::part::Part;
use super::primitive::{Reader, Writer};
use crate::Error;

/// How many bytes of room one message may ask for.
pub const ROOM_BYTES_MAX: usize = 64 << 20;
/// How many pieces of room one message may ask for; the description of a program has eight.
const ROOMS_MAX: usize = 16;

/// A piece of room as a command lends it.
#[derive(Debug)]
pub(crate) enum Lent<'r> {
    /// To be written.
    Bytes(&'r mut [u8]),
    Words(&'r mut [u32]),
    Longs(&'r mut [u64]),
    Tags(&'r mut [[u8; 8]]),
    Task(&'r mut TaskFd),
    /// To be read.
    Ints(&'r [i32]),
    Numbers(&'r [u64]),
    Texts(&'r [&'r str]),
}

/// A piece of room as the server owns it, for a command to borrow.
#[derive(Debug)]
enum Room<'f> {
    Bytes(Vec<u8>),
    Words(Vec<u32>),
    Longs(Vec<u64>),
    Tags(Vec<[u8; 8]>),
    Task(TaskFd),
    Ints(Vec<i32>),
    Numbers(Vec<u64>),
    Texts(Vec<&'f str>),
}

/// All room of one command.
#[derive(Debug)]
pub(super) struct Rooms<'f>(Vec<Room<'f>>);

/// Hands out room, in the order in which it was sent.
#[derive(Debug)]
pub(crate) struct Lender<'a>(IntoIter<Lent<'a>>);

impl<'f> Rooms<'f> {
    /// Makes the room that a message asks for.
    pub(crate) fn read(from: &mut Reader<'f>) -> Result<Rooms<'f>, Error> {
        let count = usize::from(from.u8()?);
        if count > ROOMS_MAX {
            return Err(Error::TooLarge { what: "pieces of room", size: count, most: ROOMS_MAX });
        }
        let mut budget = ROOM_BYTES_MAX;
        let rooms = (0..count).map(|_| Room::read(from, &mut budget)).collect::<Result<_, _>>()?;
        Ok(Rooms(rooms))
    }

    /// Writes what is in the room after the command.
    pub(crate) fn write(&self, to: &mut Writer) {
        self.0.iter().for_each(|room| room.write(to));
    }

    pub(crate) fn lend(&mut self) -> Lender<'_> {
        Lender(self.0.iter_mut().map(Room::lend).collect::<Vec<_>>().into_iter())
    }
}

macro_rules! lend {
    ($($name:ident, $piece:ident, $type:ty;)*) => {
        impl<'a> Lender<'a> {
            $(pub(crate) fn $name(&mut self) -> Result<$type, Error> {
                match self.0.next() {
                    Some(Lent::$piece(room)) => Ok(room),
                    _ => Err(Error::OtherRoom { wanted: stringify!($name) }),
                }
            })*
        }
    };
}
lend! {
    bytes, Bytes, &'a mut [u8];
    words, Words, &'a mut [u32];
    longs, Longs, &'a mut [u64];
    tags, Tags, &'a mut [[u8; 8]];
    task, Task, &'a mut TaskFd;
    ints, Ints, &'a [i32];
    numbers, Numbers, &'a [u64];
    texts, Texts, &'a [&'a str];
}

impl Lender<'_> {
    /// Of a message that has no room.
    pub(crate) fn none() -> Self {
        Lender(Vec::new().into_iter())
    }

    /// That all room was borrowed.
    pub(crate) fn end(mut self) -> Result<(), Error> {
        match self.0.next() {
            None => Ok(()),
            Some(_) => Err(Error::OtherRoom { wanted: "none" }),
        }
    }
}

impl Lent<'_> {
    /// Asks for this piece of room.
    pub(crate) fn write(&self, to: &mut Writer) {
        match self {
            Lent::Bytes(room) => ask(0, room, to),
            Lent::Words(room) => ask(1, room, to),
            Lent::Longs(room) => ask(2, room, to),
            Lent::Tags(room) => ask(3, room, to),
            Lent::Task(_) => to.u8(4),
            Lent::Ints(array) => ask(5, array, to),
            Lent::Numbers(array) => ask(6, array, to),
            Lent::Texts(texts) => {
                to.u8(7);
                to.len(texts.len());
                texts.iter().for_each(|text| to.slice(text.as_bytes()));
            }
        }
    }

    /// Takes what the kernel has written.
    pub(crate) fn read(&mut self, from: &mut Reader<'_>) -> Result<(), Error> {
        match self {
            Lent::Bytes(room) => fill(room, from),
            Lent::Words(room) => fill(room, from),
            Lent::Longs(room) => fill(room, from),
            Lent::Tags(room) => fill(room, from),
            Lent::Task(task) => {
                **task = TaskFd::read(from, &mut Lender::none())?;
                Ok(())
            }
            Lent::Ints(_) | Lent::Numbers(_) | Lent::Texts(_) => Ok(()),
        }
    }
}

impl<'f> Room<'f> {
    fn read(from: &mut Reader<'f>, budget: &mut usize) -> Result<Room<'f>, Error> {
        Ok(match from.u8()? {
            0 => Room::Bytes(make(from, budget)?),
            1 => Room::Words(make(from, budget)?),
            2 => Room::Longs(make(from, budget)?),
            3 => Room::Tags(make(from, budget)?),
            4 => Room::Task(TaskFd::default()),
            5 => Room::Ints(make(from, budget)?),
            6 => Room::Numbers(make(from, budget)?),
            7 => {
                let count = from.count(size_of::<u32>())?;
                Room::Texts((0..count).map(|_| from.text()).collect::<Result<_, _>>()?)
            }
            number => return Err(Error::Unknown { what: "kind of room", number }),
        })
    }

    fn lend(&mut self) -> Lent<'_> {
        match self {
            Room::Bytes(room) => Lent::Bytes(room),
            Room::Words(room) => Lent::Words(room),
            Room::Longs(room) => Lent::Longs(room),
            Room::Tags(room) => Lent::Tags(room),
            Room::Task(room) => Lent::Task(room),
            Room::Ints(array) => Lent::Ints(array),
            Room::Numbers(array) => Lent::Numbers(array),
            Room::Texts(array) => Lent::Texts(array),
        }
    }

    fn write(&self, to: &mut Writer) {
        match self {
            Room::Bytes(room) => give(room, to),
            Room::Words(room) => give(room, to),
            Room::Longs(room) => give(room, to),
            Room::Tags(room) => give(room, to),
            Room::Task(task) => task.write(to),
            Room::Ints(_) | Room::Numbers(_) | Room::Texts(_) => {}
        }
    }
}

/// An element of an array that is sent up to its last one that is not zero.
trait Element: Copy + Default + PartialEq {
    fn write(self, to: &mut Writer);
    fn read(from: &mut Reader<'_>) -> Result<Self, Error>;

    fn write_all(elements: &[Self], to: &mut Writer) {
        elements.iter().for_each(|element| element.write(to));
    }

    fn read_all(elements: &mut [Self], from: &mut Reader<'_>) -> Result<(), Error> {
        for element in elements {
            *element = Self::read(from)?;
        }
        Ok(())
    }
}

macro_rules! elements {
    ($($type:ty),*) => {
        $(impl Element for $type {
            fn write(self, to: &mut Writer) {
                to.array(self.to_le_bytes());
            }
            fn read(from: &mut Reader<'_>) -> Result<$type, Error> {
                from.array().map(<$type>::from_le_bytes)
            }
        })*
    };
}
elements!(i32, u32, u64);

impl Element for u8 {
    fn write(self, to: &mut Writer) {
        to.u8(self);
    }
    fn read(from: &mut Reader<'_>) -> Result<u8, Error> {
        from.u8()
    }
    fn write_all(bytes: &[u8], to: &mut Writer) {
        to.extend(bytes);
    }
    fn read_all(bytes: &mut [u8], from: &mut Reader<'_>) -> Result<(), Error> {
        bytes.copy_from_slice(from.take(bytes.len())?);
        Ok(())
    }
}

impl Element for [u8; 8] {
    fn write(self, to: &mut Writer) {
        to.array(self);
    }
    fn read(from: &mut Reader<'_>) -> Result<[u8; 8], Error> {
        from.array()
    }
}

/// How many elements there are up to the last one that is not zero.
fn filled<T: Element>(elements: &[T]) -> usize {
    const STEP: usize = 512;
    let zeros = [T::default(); STEP];
    let mut end = elements.len();
    while end >= STEP && elements[end - STEP..end] == zeros {
        end -= STEP;
    }
    let last = elements[..end].iter().rposition(|element| *element != T::default());
    last.map_or(0, |last| last + 1)
}

fn ask<T: Element>(kind: u8, elements: &[T], to: &mut Writer) {
    to.u8(kind);
    to.len(elements.len());
    give(elements, to);
}

fn give<T: Element>(elements: &[T], to: &mut Writer) {
    let filled = filled(elements);
    to.len(filled);
    T::write_all(&elements[..filled], to);
}

fn make<T: Element>(from: &mut Reader<'_>, budget: &mut usize) -> Result<Vec<T>, Error> {
    let len = from.len()?;
    let bytes = len.saturating_mul(size_of::<T>());
    *budget = budget.checked_sub(bytes).ok_or(Error::TooLarge {
        what: "bytes of room",
        size: bytes,
        most: ROOM_BYTES_MAX,
    })?;
    let mut elements = vec![T::default(); len];
    fill(&mut elements, from)?;
    Ok(elements)
}

fn fill<T: Element>(elements: &mut [T], from: &mut Reader<'_>) -> Result<(), Error> {
    let count = from.count(size_of::<T>())?;
    let (size, most) = (count, elements.len());
    let (filled, rest) = elements.split_at_mut_checked(count).ok_or(Error::TooLarge {
        what: "elements in room",
        size,
        most,
    })?;
    T::read_all(filled, from)?;
    rest.fill(T::default());
    Ok(())
}
