//! A kernel with the maps that every generated program may use.

use std::collections::BTreeMap;
use std::sync::Arc;

use skep_isa::Insn;
use skep_uapi::{Errno, Fd, Kernel, MapCreate, MapType, Name, ProgLoad, ProgType, TestRun, attr};

/// A map of every kernel, by its index in `fd_array`.
#[derive(Clone, Copy, Debug)]
pub struct MapShape {
    pub map_type: MapType,
    pub key_size: u32,
    pub value_size: u32,
    pub max_entries: u32,
}

/// An array, hash maps that can get full, and an array whose only value programs address.
pub const MAPS: [MapShape; 5] = [
    MapShape { map_type: MapType::ARRAY, key_size: 4, value_size: 48, max_entries: 4 },
    MapShape { map_type: MapType::HASH, key_size: 8, value_size: 32, max_entries: 6 },
    MapShape { map_type: MapType::ARRAY, key_size: 4, value_size: 128, max_entries: 1 },
    MapShape { map_type: MapType::PERCPU_ARRAY, key_size: 4, value_size: 24, max_entries: 3 },
    MapShape { map_type: MapType::PERCPU_HASH, key_size: 8, value_size: 16, max_entries: 5 },
];
pub const GLOBAL: usize = 2;

impl MapShape {
    fn is_hash(self) -> bool {
        matches!(self.map_type, MapType::HASH | MapType::PERCPU_HASH)
    }

    fn is_per_cpu(self) -> bool {
        matches!(self.map_type, MapType::PERCPU_ARRAY | MapType::PERCPU_HASH)
    }
}

/// Keys that a hash map begins with.
const HASH_KEYS: u64 = 3;

/// A kernel and its maps.
pub struct World {
    kernel: Arc<dyn Kernel>,
    maps: [Fd; MAPS.len()],
    cpus: u32,
}

/// All that a run leaves behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub retval: u32,
    pub frame: Vec<u8>,
    pub maps: Contents,
}

/// Keys and values by map.
pub type Contents = Vec<BTreeMap<Vec<u8>, Vec<u8>>>;

/// Why a kernel did not take a program: the last line of its log that says something.
#[derive(Clone, Debug)]
pub struct Refusal(pub String);

impl World {
    pub fn new(kernel: Arc<dyn Kernel>) -> Result<World, Errno> {
        let mut maps = [Fd(-1); MAPS.len()];
        for (fd, shape) in maps.iter_mut().zip(MAPS) {
            *fd = kernel.map_create(MapCreate {
                map_type: shape.map_type,
                key_size: shape.key_size,
                value_size: shape.value_size,
                max_entries: shape.max_entries,
                map_name: Name::cut("skep_fuzz"),
                ..MapCreate::default()
            })?;
        }
        let cpus = kernel.possible_cpus()?;
        Ok(World { kernel, maps, cpus })
    }

    pub fn maps(&self) -> &[Fd] {
        &self.maps
    }

    /// Gives every map the content that programs expect.
    pub fn reset(&self) -> Result<(), Errno> {
        for (index, (fd, shape)) in self.maps.iter().zip(MAPS).enumerate() {
            let mut key = vec![0; shape.key_size as usize];
            if shape.is_hash() {
                while self.kernel.map_next_key(*fd, None, &mut key)? {
                    self.kernel.map_delete(*fd, &key)?;
                }
            }
            let count = if shape.is_hash() { HASH_KEYS } else { shape.max_entries.into() };
            for number in 0..count {
                let value = match shape.is_per_cpu() {
                    // All CPUs but one keep their zeros, whichever that is.
                    true => vec![0; self.value_bytes(shape)],
                    false => value(index, number),
                };
                self.kernel.map_update(*fd, &number.to_le_bytes()[..key.len()], &value, 0)?;
            }
        }
        Ok(())
    }

    pub fn contents(&self) -> Result<Contents, Errno> {
        let entries = |(fd, shape): (&Fd, &MapShape)| {
            let mut entries = BTreeMap::new();
            let mut last: Option<Vec<u8>> = None;
            let mut key = vec![0; shape.key_size as usize];
            while self.kernel.map_next_key(*fd, last.as_deref(), &mut key)? {
                let mut value = vec![0; self.value_bytes(*shape)];
                self.kernel.map_lookup(*fd, &key, &mut value, 0)?;
                // The sum over all CPUs is the value of the one that ran.
                while value.len() > shape.value_size as usize {
                    let last = value.split_off(value.len() - shape.value_size as usize);
                    value.iter_mut().zip(last).for_each(|(sum, byte)| *sum |= byte);
                }
                entries.insert(key.clone(), value);
                last = Some(key.clone());
            }
            Ok(entries)
        };
        self.maps.iter().zip(&MAPS).map(entries).collect()
    }

    /// Bytes of a value as bpf(2) gives it out.
    fn value_bytes(&self, shape: MapShape) -> usize {
        attr::value_bytes(shape.map_type, shape.value_size, self.cpus)
    }

    /// Loads a program; closing its descriptor is the caller's. The log is written only for a
    /// program that is refused: that costs the others nothing.
    pub fn load(&self, prog_type: ProgType, slots: &[Insn]) -> Result<Fd, Refusal> {
        match self.try_load(prog_type, slots, &mut []) {
            Ok(fd) => Ok(fd),
            // It took long enough once.
            Err(Errno::E2BIG) => Err(Refusal("too large".to_owned())),
            Err(errno) => {
                let mut log = vec![0; 1 << 20];
                if let Ok(fd) = self.try_load(prog_type, slots, &mut log) {
                    self.close(fd);
                }
                let end = log.iter().position(|byte| *byte == 0).unwrap_or(log.len());
                let log = String::from_utf8_lossy(&log[..end]);
                let reason = log.lines().rfind(|line| !line.starts_with("processed"));
                Err(Refusal(reason.map_or(errno.to_string(), str::to_owned)))
            }
        }
    }

    fn try_load(
        &self,
        prog_type: ProgType,
        slots: &[Insn],
        log_buf: &mut [u8],
    ) -> Result<Fd, Errno> {
        let insns: Vec<u8> = slots.iter().flat_map(|insn| insn.to_le_bytes()).collect();
        self.kernel.prog_load(ProgLoad {
            prog_type,
            insns: &insns,
            license: "GPL",
            log_level: u32::from(!log_buf.is_empty()),
            log_buf,
            fd_array: &self.maps.map(|fd| fd.0),
            ..ProgLoad::default()
        })
    }

    pub fn close(&self, fd: Fd) {
        self.kernel.close(fd);
    }

    /// Runs a program once on maps as they are at the beginning.
    pub fn run(&self, prog_fd: Fd, frame: &[u8]) -> Result<Outcome, Errno> {
        self.reset()?;
        let mut data_out = vec![0; 4096];
        let run =
            TestRun { prog_fd, data_in: frame, data_out: &mut data_out, ..TestRun::default() };
        let run = self.kernel.prog_test_run(run)?;
        let (retval, len) = (run.retval, run.data_size_out as usize);
        data_out.truncate(len);
        Ok(Outcome { retval, frame: data_out, maps: self.contents()? })
    }
}

/// What a map holds at the beginning.
fn value(map: usize, number: u64) -> Vec<u8> {
    let word = |at: u64| match at % 4 {
        0 => at.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ number,
        1 => u64::MAX - at,
        2 => at + number,
        _ => 0x8000_0000_0000_0000 >> (at * 3),
    };
    (0..u64::from(MAPS[map].value_size) / 8).flat_map(|at| word(at).to_le_bytes()).collect()
}
