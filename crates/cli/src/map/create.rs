//! `skep map create`: a map of no object.

use skep_loader::Map;
use skep_uapi::{MapCreate, MapType, Name};

use crate::context::Context;
use crate::select;
use crate::words::{Usage, Words};

/// Creates a map and pins it. Without the pin it ends with the command.
pub(crate) fn run(context: &Context<'_>, mut words: Words) -> anyhow::Result<()> {
    let kernel = context.kernel()?;
    let path = words.next("a path for the pin")?;
    let mut create = MapCreate::default();
    // Held until the map is there, which takes from it what the maps in it look like.
    let mut inner = None;
    let mut given: Vec<&str> = Vec::new();
    let keywords = ["type", "key", "value", "entries", "name", "flags", "inner_map"];
    while words.peek().is_some() {
        let keyword = words.one_of(&keywords)?;
        if given.contains(&keyword) {
            return Err(Usage(format!("expected {keyword} once, found it twice")).into());
        }
        given.push(keyword);
        match keyword {
            "type" => create.map_type = map_type(&words.next("a map type")?)?,
            "key" => create.key_size = words.number_u32("the size of a key")?,
            "value" => create.value_size = words.number_u32("the size of a value")?,
            "entries" => create.max_entries = words.number_u32("a number of entries")?,
            "name" => create.map_name = Name::cut(&words.next("a name")?),
            "flags" => create.map_flags = words.number_u32("flags")?,
            _ => inner = Some(select::map(kernel, &mut words)?),
        }
    }
    if create.map_type == MapType::UNSPEC {
        return Err(Usage("expected `type TYPE`, found the end".to_owned()).into());
    }
    create.inner_map_fd = inner.as_ref().map(|inner| inner.handle().fd());
    let map = Map::create(kernel, create)?;
    map.pin(&path)?;
    context.output.done()
}

fn map_type(word: &str) -> Result<MapType, Usage> {
    let found = MapType::from_label(word).filter(|found| *found != MapType::UNSPEC);
    found.ok_or_else(|| {
        let known = MapType::ALL.iter().filter_map(|known| known.label());
        let known = known.filter(|label| *label != "unspec").collect::<Vec<_>>().join(", ");
        Usage(format!("expected a map type, found `{word}`; there are {known}"))
    })
}
