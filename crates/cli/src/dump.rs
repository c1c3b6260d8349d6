//! What a map holds, as bpftool prints it: bytes, or values by their types.

use std::fmt::Write as _;

use skep_btf::{Btf, Value};
use skep_loader::Map;

/// An element: key and value, of a per-CPU map all slots of the value.
pub(crate) type Element = (Vec<u8>, Vec<u8>);

/// The types of a map's keys and values.
pub(crate) struct Types {
    btf: Btf,
    /// 0 where keys are no more than an index into one value: global data.
    key: u32,
    value: u32,
}

impl Types {
    /// The types that the map was created with.
    pub(crate) fn of(map: &Map) -> anyhow::Result<Option<Types>> {
        let (key, value) = (map.info().btf_key_type_id, map.info().btf_value_type_id);
        if value == 0 {
            return Ok(None);
        }
        Ok(map.btf()?.map(|btf| Types { btf, key, value }))
    }
}

/// Reads every element. One that goes away meanwhile is left out.
pub(crate) fn elements(map: &Map) -> anyhow::Result<Vec<Element>> {
    let mut elements = Vec::new();
    for key in map.keys() {
        let key = key?;
        if let Some(value) = map.lookup(&key)? {
            elements.push((key, value));
        }
    }
    Ok(elements)
}

/// The elements by their types; without, as bytes in hexadecimal, and how many there are.
pub(crate) fn plain(
    map: &Map,
    types: Option<&Types>,
    elements: &[Element],
) -> anyhow::Result<String> {
    if let Some(types) = types {
        let typed: anyhow::Result<_> =
            elements.iter().map(|element| formatted(map, types, element)).collect();
        return Ok(format!("{}\n", Value::Array(typed?).plain()));
    }
    let mut text: String = elements.iter().map(|element| plain_bytes(map, element)).collect();
    let plural = if elements.len() == 1 { "" } else { "s" };
    writeln!(text, "Found {} element{plural}", elements.len())?;
    Ok(text)
}

/// Every element in JSON.
pub(crate) fn json(
    map: &Map,
    types: Option<&Types>,
    elements: &[Element],
) -> anyhow::Result<Value> {
    let elements = elements.iter().map(|element| json_element(map, types, element));
    elements.collect::<anyhow::Result<_>>().map(Value::Array)
}

/// One element in JSON: as bytes, and where there are types, by these.
pub(crate) fn json_element(
    map: &Map,
    types: Option<&Types>,
    element: &Element,
) -> anyhow::Result<Value> {
    let (key, value) = element;
    let mut members = vec![("key".to_owned(), json_bytes(key))];
    members.push(of_slots(map, value, |slot| Ok(json_bytes(slot)))?);
    if let Some(types) = types {
        members.push(("formatted".to_owned(), formatted(map, types, element)?));
    }
    Ok(Value::Object(members))
}

/// One element by its types.
pub(crate) fn formatted(map: &Map, types: &Types, (key, value): &Element) -> anyhow::Result<Value> {
    let mut members = Vec::new();
    if types.key != 0 {
        members.push(("key".to_owned(), types.btf.value(types.key, key)?));
    }
    members.push(of_slots(map, value, |slot| Ok(types.btf.value(types.value, slot)?))?);
    Ok(Value::Object(members))
}

/// One element as bytes in hexadecimal.
pub(crate) fn plain_bytes(map: &Map, (key, value): &Element) -> String {
    let is_short = key.len() <= 16 && value.len() <= 16 && key.len() + value.len() <= 24;
    if map.is_per_cpu() {
        let slot = |(cpu, slot): (usize, &[u8])| {
            // Long values begin on a line of their own.
            let gap = if slot.len() > 16 { '\n' } else { ' ' };
            format!("value (CPU {cpu:02}):{gap}{}\n", hex(slot))
        };
        format!("key:\n{}\n{}", hex(key), slots(map, value).map(slot).collect::<String>())
    } else if is_short {
        format!("key: {}  value: {}\n", hex(key), hex(value))
    } else {
        format!("key:\n{}\nvalue:\n{}\n", hex(key), hex(value))
    }
}

/// Bytes as bpftool's JSON has them.
pub(crate) fn json_bytes(bytes: &[u8]) -> Value {
    Value::Array(bytes.iter().map(|byte| Value::str(format!("0x{byte:02x}"))).collect())
}

/// The member `value`, or of a per-CPU map `values` with one for each CPU.
fn of_slots(
    map: &Map,
    value: &[u8],
    show: impl Fn(&[u8]) -> anyhow::Result<Value>,
) -> anyhow::Result<(String, Value)> {
    if !map.is_per_cpu() {
        return Ok(("value".to_owned(), show(value)?));
    }
    let slot = |(cpu, slot): (usize, &[u8])| {
        Ok(Value::object([("cpu", Value::Int(cpu as i128)), ("value", show(slot)?)]))
    };
    let values = slots(map, value).map(slot).collect::<anyhow::Result<_>>()?;
    Ok(("values".to_owned(), Value::Array(values)))
}

/// Each slot of a per-CPU value, without its padding.
fn slots<'a>(map: &Map, value: &'a [u8]) -> impl Iterator<Item = (usize, &'a [u8])> {
    let bytes = map.info().value_size as usize;
    let slots = value.chunks(map.slot_bytes().max(1));
    slots.map(move |slot| &slot[..bytes.min(slot.len())]).enumerate()
}

/// Sixteen bytes a line, in two groups of eight.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let group =
        |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
    let line = |bytes: &[u8]| bytes.chunks(8).map(group).collect::<Vec<_>>().join("  ");
    bytes.chunks(16).map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::hex;

    #[test]
    fn bytes_stand_in_groups_of_eight() {
        let check = |count: u8, expect: &str| {
            assert_eq!(hex(&(1..=count).collect::<Vec<u8>>()), expect);
        };
        check(0, "");
        check(4, "01 02 03 04");
        check(9, "01 02 03 04 05 06 07 08  09");
        check(17, "01 02 03 04 05 06 07 08  09 0a 0b 0c 0d 0e 0f 10\n11");
    }
}
