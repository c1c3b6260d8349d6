//! Ids of programs, maps, BTF objects and links: one table per kind, numbers never reused.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use skep_uapi::Errno;

/// The live objects of one kind by their id.
///
/// The table does not keep them alive: an object is gone from it when its last owner is.
#[derive(Debug)]
pub(crate) struct Ids<T> {
    table: Arc<Mutex<Table<T>>>,
}

/// The number of one object; dropping it, with the object, takes the object off the table.
#[derive(Debug)]
pub(crate) struct Id<T> {
    number: u32,
    table: Weak<Mutex<Table<T>>>,
}

#[derive(Debug)]
struct Table<T> {
    last: u32,
    live: BTreeMap<u32, Weak<T>>,
}

impl<T> Ids<T> {
    pub(crate) fn new() -> Ids<T> {
        Ids { table: Arc::new(Mutex::new(Table { last: 0, live: BTreeMap::new() })) }
    }

    /// Makes an object under the next number. It can be found only once it is complete.
    pub(crate) fn publish(&self, make: impl FnOnce(Id<T>) -> T) -> Arc<T> {
        let id = self.next();
        let number = id.number;
        let object = Arc::new(make(id));
        self.settle(number, &object);
        object
    }

    /// The next number, for an object that is not to be found yet.
    pub(crate) fn next(&self) -> Id<T> {
        let mut table = lock(&self.table);
        table.last += 1;
        Id { number: table.last, table: Arc::downgrade(&self.table) }
    }

    /// From now on an object is found by its number.
    pub(crate) fn settle(&self, number: u32, object: &Arc<T>) {
        lock(&self.table).live.insert(number, Arc::downgrade(object));
    }

    /// The object with this number, or `ENOENT`.
    pub(crate) fn get(&self, number: u32) -> Result<Arc<T>, Errno> {
        lock(&self.table).live.get(&number).and_then(Weak::upgrade).ok_or(Errno::ENOENT)
    }

    /// The smallest number above `start`: the `*_GET_NEXT_ID` commands. Linux takes no start of
    /// `i32::MAX` or more.
    pub(crate) fn next_after(&self, start: u32) -> Result<u32, Errno> {
        if start >= i32::MAX as u32 {
            return Err(Errno::EINVAL);
        }
        let table = lock(&self.table);
        let next = table.live.range(start + 1..).find(|(_, object)| object.strong_count() > 0);
        next.map(|(number, _)| *number).ok_or(Errno::ENOENT)
    }
}

impl<T> Id<T> {
    pub(crate) fn number(&self) -> u32 {
        self.number
    }
}

impl<T> Drop for Id<T> {
    fn drop(&mut self) {
        if let Some(table) = self.table.upgrade() {
            lock(&table).live.remove(&self.number);
        }
    }
}

/// A panic while the lock was held left no half-made entry: every change is one map operation.
fn lock<T>(table: &Mutex<Table<T>>) -> MutexGuard<'_, Table<T>> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Thing {
        id: Id<Thing>,
    }

    #[test]
    fn numbers_are_not_reused_and_end_with_the_object() {
        let ids = Ids::new();
        let first = ids.publish(|id| Thing { id });
        let second = ids.publish(|id| Thing { id });
        assert_eq!((first.id.number(), second.id.number()), (1, 2));
        assert_eq!(ids.next_after(0), Ok(1));
        drop(first);
        assert_eq!(ids.next_after(0), Ok(2));
        assert!(matches!(ids.get(1), Err(Errno::ENOENT)));
        assert_eq!(ids.publish(|id| Thing { id }).id.number(), 3);
        assert_eq!(ids.next_after(2), Err(Errno::ENOENT));
        assert_eq!(ids.next_after(0x7fff_ffff), Err(Errno::EINVAL));
    }

    #[test]
    fn what_is_not_settled_is_not_found() {
        let ids = Ids::new();
        let thing = Arc::new(Thing { id: ids.next() });
        assert!(matches!(ids.get(1), Err(Errno::ENOENT)));
        ids.settle(thing.id.number(), &thing);
        assert_eq!(ids.next_after(0), Ok(1));
        drop(Thing { id: ids.next() });
        assert_eq!(ids.publish(|id| Thing { id }).id.number(), 3, "a number is used once");
    }
}
