//! What maps of maps ask of the maps in them.

use skep_uapi::flags::map as flag;
use skep_uapi::{Errno, MapType};
use skep_verifier::Map as View;

use super::{Map, Spec};

/// The shape that all maps in a map have: what the map was that it was created over. That one is
/// not kept, only what it was like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Template(Spec);

impl Template {
    /// The shape of a map. A map of maps cannot be in another.
    pub(crate) fn of(map: &Map) -> Result<Template, Errno> {
        match map.spec.is_of_maps() {
            true => Err(Errno::EINVAL),
            false => Ok(Template(shape(map.spec))),
        }
    }

    /// Whether a map has this shape, by the rule of Linux 6.18.
    pub(crate) fn check(&self, map: &Map) -> Result<(), Errno> {
        let (wanted, found) = (self.0, shape(map.spec));
        let same = wanted.map_type == found.map_type
            && wanted.key_size == found.key_size
            && wanted.value_size == found.value_size
            && wanted.flags == found.flags
            && (!self.fixes_entries() || wanted.max_entries == found.max_entries);
        if same { Ok(()) } else { Err(Errno::EINVAL) }
    }

    /// Arrays have one number of entries, which the verifier may count on, unless they were made
    /// with `BPF_F_INNER_MAP`.
    fn fixes_entries(&self) -> bool {
        self.0.map_type == MapType::ARRAY && self.0.flags & flag::INNER_MAP == 0
    }

    /// As the verifier sees what a program finds: which of the maps it is, it cannot know.
    pub(crate) fn view(&self) -> View {
        View {
            name: String::new(),
            map_type: self.0.map_type,
            key_size: self.0.key_size,
            value_size: self.0.value_size,
            max_entries: self.0.max_entries,
            access: self.0.access(),
            direct_value: false,
            dense: self.fixes_entries(),
            constant: None,
            inner: None,
        }
    }
}

/// How user space may use a descriptor is no property of the map.
fn shape(spec: Spec) -> Spec {
    Spec { flags: spec.flags & !(flag::RDONLY | flag::WRONLY), ..spec }
}
