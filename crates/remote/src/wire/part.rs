//! A part of a message, both ways: what each type is as bytes.
//!
//! A command goes there with its inputs and its room ([`Part::write`], [`Part::read`]) and comes
//! back with its outputs ([`Part::write_out`], [`Part::read_out`]). The macros list each field
//! once, for all of these, and without `..`: a new field does not compile until it has a place.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use skep_uapi::{AttachType, Errno, Fd, LinkType, MapType, NAME_BYTES, Name, ProgType, TaskFd};

use super::primitive::{Reader, Writer};
use super::room::{Lender, Lent};
use crate::Error;

/// What is done with each piece of room.
pub(crate) type Visit<'v> = &'v mut dyn FnMut(Lent<'_>) -> Result<(), Error>;

/// What can be in a message. A part borrows from the message and from its room for `'a`.
pub(crate) trait Part<'a>: Sized {
    /// Writes the inputs.
    fn write(&self, to: &mut Writer);
    /// Makes the part from its inputs.
    fn read(from: &mut Reader<'a>, rooms: &mut Lender<'a>) -> Result<Self, Error>;
    /// Writes the outputs that are not in room.
    fn write_out(&self, _to: &mut Writer) {}
    /// Takes the outputs that are not in room.
    fn read_out(&mut self, _from: &mut Reader<'_>) -> Result<(), Error> {
        Ok(())
    }
    /// Visits the room.
    fn rooms(&mut self, _visit: Visit<'_>) -> Result<(), Error> {
        Ok(())
    }
}

/// A value with no room: what answers are made of.
pub(crate) fn read<'a, T: Part<'a>>(from: &mut Reader<'a>) -> Result<T, Error> {
    T::read(from, &mut Lender::none())
}

/// A struct: what is only asked, and fields that come back too.
macro_rules! parts {
    ($path:ident as $type:ty {
        in { $($in:ident),* $(,)? } both { $($both:ident),* $(,)? }
    }) => {
        impl<'a> Part<'a> for $type {
            fn write(&self, to: &mut Writer) {
                let $path { $($in,)* $($both,)* } = self;
                $(Part::write($in, to);)*
                $(Part::write($both, to);)*
            }
            fn read(from: &mut Reader<'a>, rooms: &mut Lender<'a>) -> Result<Self, Error> {
                Ok($path {
                    $($in: Part::read(from, rooms)?,)*
                    $($both: Part::read(from, rooms)?,)*
                })
            }
            fn write_out(&self, to: &mut Writer) {
                $(Part::write_out(&self.$in, to);)*
                $(Part::write(&self.$both, to);)*
            }
            fn read_out(&mut self, from: &mut Reader<'_>) -> Result<(), Error> {
                $(Part::read_out(&mut self.$in, from)?;)*
                $(self.$both = read(from)?;)*
                Ok(())
            }
            fn rooms(&mut self, visit: Visit<'_>) -> Result<(), Error> {
                $(Part::rooms(&mut self.$in, visit)?;)*
                let _ = visit;
                Ok(())
            }
        }
    };
}
pub(crate) use parts;

/// An enumeration: a number for each variant. Fields of tuples are named by their place.
macro_rules! choices {
    ($path:ident as $type:ty, $what:literal {
        $($tag:literal => $variant:ident { $($field:tt $(: $name:ident)?),* $(,)? },)*
    }) => {
        impl<'a> Part<'a> for $type {
            #[allow(unused_variables, reason = "some variants have no fields")]
            fn write(&self, to: &mut Writer) {
                match self {
                    $($path::$variant { $($field $(: $name)?),* } => {
                        to.u8($tag);
                        $(Part::write($crate::wire::part::bound!($field $($name)?), to);)*
                    })*
                }
            }
            fn read(from: &mut Reader<'a>, rooms: &mut Lender<'a>) -> Result<Self, Error> {
                let _ = &rooms;
                Ok(match from.u8()? {
                    $($tag => $path::$variant { $($field: Part::read(from, rooms)?),* },)*
                    number => return Err(Error::Unknown { what: $what, number }),
                })
            }
            #[allow(unused_variables, reason = "some variants have no fields")]
            fn write_out(&self, to: &mut Writer) {
                match self {
                    $($path::$variant { $($field $(: $name)?),* } => {
                        $(Part::write_out($crate::wire::part::bound!($field $($name)?), to);)*
                    })*
                }
            }
            #[allow(unused_variables, reason = "some variants have no fields")]
            fn read_out(&mut self, from: &mut Reader<'_>) -> Result<(), Error> {
                match self {
                    $($path::$variant { $($field $(: $name)?),* } => {
                        $(Part::read_out($crate::wire::part::bound!($field $($name)?), from)?;)*
                    })*
                }
                Ok(())
            }
            #[allow(unused_variables, reason = "some variants have no fields")]
            fn rooms(&mut self, visit: Visit<'_>) -> Result<(), Error> {
                match self {
                    $($path::$variant { $($field $(: $name)?),* } => {
                        $(Part::rooms($crate::wire::part::bound!($field $($name)?), visit)?;)*
                    })*
                }
                Ok(())
            }
        }
    };
}
pub(crate) use choices;

/// The name that a field is bound to.
macro_rules! bound {
    ($field:ident) => {
        $field
    };
    ($field:tt $name:ident) => {
        $name
    };
}
pub(crate) use bound;

macro_rules! numbers {
    ($($type:ty),*) => {
        $(impl<'a> Part<'a> for $type {
            fn write(&self, to: &mut Writer) {
                to.array(self.to_le_bytes());
            }
            fn read(from: &mut Reader<'a>, _: &mut Lender<'a>) -> Result<$type, Error> {
                from.array().map(<$type>::from_le_bytes)
            }
        })*
    };
}
numbers!(u8, u32, i32, u64);

/// Types that are one number or array with a name.
macro_rules! wrapped {
    ($($type:ident($inner:ty)),*) => {
        $(impl<'a> Part<'a> for $type {
            fn write(&self, to: &mut Writer) {
                Part::write(&self.0, to);
            }
            fn read(from: &mut Reader<'a>, _: &mut Lender<'a>) -> Result<$type, Error> {
                <$inner>::read(from, &mut Lender::none()).map($type)
            }
        })*
    };
}
wrapped!(
    Fd(i32),
    Errno(i32),
    MapType(u32),
    ProgType(u32),
    AttachType(u32),
    LinkType(u32),
    Name([u8; NAME_BYTES])
);

impl<'a, const N: usize> Part<'a> for [u8; N] {
    fn write(&self, to: &mut Writer) {
        to.array(*self);
    }
    fn read(from: &mut Reader<'a>, _: &mut Lender<'a>) -> Result<[u8; N], Error> {
        from.array()
    }
}

impl<'a> Part<'a> for usize {
    fn write(&self, to: &mut Writer) {
        (*self as u64).write(to);
    }
    fn read(from: &mut Reader<'a>, rooms: &mut Lender<'a>) -> Result<usize, Error> {
        let (what, most) = ("bytes", usize::MAX);
        usize::try_from(u64::read(from, rooms)?).map_err(|_| Error::TooLarge {
            what,
            size: most,
            most,
        })
    }
}

impl<'a> Part<'a> for bool {
    fn write(&self, to: &mut Writer) {
        to.u8(u8::from(*self));
    }
    fn read(from: &mut Reader<'a>, _: &mut Lender<'a>) -> Result<bool, Error> {
        match from.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            number => Err(Error::Unknown { what: "truth", number }),
        }
    }
}

impl<'a, T: Part<'a>> Part<'a> for Option<T> {
    fn write(&self, to: &mut Writer) {
        self.is_some().write(to);
        if let Some(inner) = self {
            inner.write(to);
        }
    }
    fn read(from: &mut Reader<'a>, rooms: &mut Lender<'a>) -> Result<Option<T>, Error> {
        let is_some = bool::read(from, rooms)?;
        is_some.then(|| T::read(from, rooms)).transpose()
    }
}

impl<'a, T: Part<'a>> Part<'a> for Box<T> {
    fn write(&self, to: &mut Writer) {
        (**self).write(to);
    }
    fn read(from: &mut Reader<'a>, rooms: &mut Lender<'a>) -> Result<Box<T>, Error> {
        T::read(from, rooms).map(Box::new)
    }
    fn write_out(&self, to: &mut Writer) {
        (**self).write_out(to);
    }
    fn read_out(&mut self, from: &mut Reader<'_>) -> Result<(), Error> {
        (**self).read_out(from)
    }
    fn rooms(&mut self, visit: Visit<'_>) -> Result<(), Error> {
        (**self).rooms(visit)
    }
}

impl<'a, T: Part<'a>> Part<'a> for Vec<T> {
    fn write(&self, to: &mut Writer) {
        to.len(self.len());
        self.iter().for_each(|element| element.write(to));
    }
    fn read(from: &mut Reader<'a>, rooms: &mut Lender<'a>) -> Result<Vec<T>, Error> {
        // Every element has a byte at least, so the count is not believed further than that.
        let count = from.count(1)?;
        (0..count).map(|_| T::read(from, rooms)).collect()
    }
}

impl<'a> Part<'a> for &'a [u8] {
    fn write(&self, to: &mut Writer) {
        to.slice(self);
    }
    fn read(from: &mut Reader<'a>, _: &mut Lender<'a>) -> Result<&'a [u8], Error> {
        from.slice()
    }
}

impl<'a> Part<'a> for &'a str {
    fn write(&self, to: &mut Writer) {
        to.slice(self.as_bytes());
    }
    fn read(from: &mut Reader<'a>, _: &mut Lender<'a>) -> Result<&'a str, Error> {
        from.text()
    }
}

impl<'a> Part<'a> for String {
    fn write(&self, to: &mut Writer) {
        to.slice(self.as_bytes());
    }
    fn read(from: &mut Reader<'a>, _: &mut Lender<'a>) -> Result<String, Error> {
        from.text().map(String::from)
    }
}

impl<'a> Part<'a> for OsString {
    fn write(&self, to: &mut Writer) {
        to.slice(self.as_bytes());
    }
    fn read(from: &mut Reader<'a>, _: &mut Lender<'a>) -> Result<OsString, Error> {
        Ok(OsStr::from_bytes(from.slice()?).to_owned())
    }
}

impl<'a> Part<'a> for Duration {
    fn write(&self, to: &mut Writer) {
        self.as_secs().write(to);
        to.u32(self.subsec_nanos());
    }
    fn read(from: &mut Reader<'a>, rooms: &mut Lender<'a>) -> Result<Duration, Error> {
        const NANOS: u32 = 1_000_000_000;
        let (seconds, nanos) = (u64::read(from, rooms)?, from.u32()?);
        let (what, size, most) = ("nanoseconds", nanos as usize, NANOS as usize - 1);
        if nanos < NANOS {
            Ok(Duration::new(seconds, nanos))
        } else {
            Err(Error::TooLarge { what, size, most })
        }
    }
}

/// References into room. A single number is room for one.
macro_rules! lent {
    ($($type:ty, $piece:ident, $name:ident;)*) => {
        $(impl<'a> Part<'a> for $type {
            fn write(&self, _to: &mut Writer) {}
            fn read(_: &mut Reader<'a>, rooms: &mut Lender<'a>) -> Result<$type, Error> {
                rooms.$name()
            }
            fn rooms(&mut self, visit: Visit<'_>) -> Result<(), Error> {
                visit(Lent::$piece(self))
            }
        })*
    };
}
lent! {
    &'a mut [u8], Bytes, bytes;
    &'a mut [u32], Words, words;
    &'a mut [u64], Longs, longs;
    &'a mut [[u8; 8]], Tags, tags;
    &'a mut TaskFd, Task, task;
    &'a [i32], Ints, ints;
    &'a [u64], Numbers, numbers;
    &'a [&'a str], Texts, texts;
}

impl<'a> Part<'a> for &'a mut u32 {
    fn write(&self, _to: &mut Writer) {}
    fn read(_: &mut Reader<'a>, rooms: &mut Lender<'a>) -> Result<&'a mut u32, Error> {
        match rooms.words()? {
            [word] => Ok(word),
            words => Err(Error::TooLarge { what: "numbers", size: words.len(), most: 1 }),
        }
    }
    fn rooms(&mut self, visit: Visit<'_>) -> Result<(), Error> {
        visit(Lent::Words(std::slice::from_mut(self)))
    }
}

parts!(TaskFd as TaskFd {
    in { buf, prog_id, fd_type, probe_offset, probe_addr } both {}
});
