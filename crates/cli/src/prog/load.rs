//! `skep prog load` and `loadall`: from an object to pins.

use std::path::Path;

use anyhow::{Context as _, bail};
use skep_loader::Loader;
use skep_obj::{Object, Section};

use crate::context::Context;
use crate::kernel;
use crate::rejection::Shown;
use crate::words::{Usage, Words};
use crate::{compile, select};

/// Loads the first program of an object and pins it.
pub(crate) fn first(context: &Context<'_>, mut words: Words) -> anyhow::Result<()> {
    let request = Request::read(context, &mut words)?;
    let Some(program) = request.object.programs.first() else {
        bail!("{}: expected a program, found none", request.file);
    };
    let loader = Loader::new(context.kernel()?)
        .with_programs(&[&program.name])
        .with_pinned_program(&request.path);
    request.load(context, loader)
}

/// Loads every program of an object and pins each under its name in a directory.
pub(crate) fn all(context: &Context<'_>, mut words: Words) -> anyhow::Result<()> {
    let request = Request::read(context, &mut words)?;
    if request.object.programs.is_empty() {
        bail!("{}: expected a program, found none", request.file);
    }
    let loader = Loader::new(context.kernel()?).with_pinned_programs(&request.path);
    request.load(context, loader)
}

/// `OBJ PATH [type TYPE] [map { idx IDX | name NAME } MAP]... [pinmaps DIR]`.
struct Request {
    file: String,
    object: Object,
    path: String,
    section: Option<Section>,
    /// Names of the object's maps, and the ids of those to use in their place.
    maps: Vec<(String, u32)>,
    pin_maps: Option<String>,
}

impl Request {
    /// Reads all words before anything is made.
    fn read(context: &Context<'_>, words: &mut Words) -> anyhow::Result<Request> {
        let kernel = context.kernel()?;
        let (file, path) = (words.next("an object")?, words.next("a path for the pin")?);
        let object = compile::object(Path::new(&file))?;
        let (section, maps, pin_maps) = (None, Vec::new(), None);
        let mut request = Request { file, object, path, section, maps, pin_maps };
        while words.peek().is_some() {
            match words.one_of(&["type", "map", "pinmaps"])? {
                "type" => request.section = Some(section_of(&words.next("a type")?)?),
                "map" => {
                    let name = request.map_name(words)?;
                    let map = select::map(kernel, words)?;
                    request.maps.push((name, map.info().id));
                }
                _ => request.pin_maps = Some(words.next("a directory")?),
            }
        }
        Ok(request)
    }

    fn map_name(&self, words: &mut Words) -> anyhow::Result<String> {
        if words.one_of(&["idx", "name"])? == "name" {
            return Ok(words.next("the name of a map of the object")?);
        }
        let index = words.number_u32("an index")?;
        let map = self.object.maps.get(index as usize);
        let map = map.with_context(|| {
            let count = self.object.maps.len();
            format!("{}: no map number {index}; the object has {count}", self.file)
        })?;
        Ok(map.name.clone())
    }

    fn load(&self, context: &Context<'_>, mut loader: Loader) -> anyhow::Result<()> {
        if let Some(section) = &self.section {
            loader = loader.with_prog_type(section.prog_type, section.expected_attach_type);
        }
        if let Some(dir) = &self.pin_maps {
            loader = loader.with_pinned_maps(dir);
        }
        for (name, id) in &self.maps {
            loader = loader.with_map(name, *id);
        }
        let which = context.which()?;
        let loaded = loader
            .load(&self.object)
            .map_err(|error| Shown::from_error(error, &self.object, which.title()))?;
        for warning in &loaded.warnings {
            kernel::say(&format!("{}: {warning}", self.file));
        }
        context.output.done()
    }
}

/// A type is named by what a section name would begin with.
fn section_of(word: &str) -> Result<Section, Usage> {
    Section::parse(word).ok_or_else(|| {
        let near = Section::near(word);
        let near = if near.is_empty() { vec!["xdp", "socket", "tc"] } else { near };
        Usage(format!("expected a type such as {}, found `{word}`", near.join(", ")))
    })
}
