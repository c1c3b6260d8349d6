//! What a map holds, as bpftool prints it: bytes, or values by their types.

use std::fmt::Write as _;

use serde_json::{Value, json};
use skep_loader::Map;

/// An element: key and value, of a per-CPU map all slots of the value.
pub(crate) type Element = (Vec<u8>, Vec<u8>);

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

/// The elements as bytes in hexadecimal, and how many there are.
pub(crate) fn plain(map: &Map, elements: &[Element]) -> String {
    let mut text = String::new();
    for element in elements {
        text.push_str(&plain_element(map, element));
    }
    let plural = if elements.len() == 1 { "" } else { "s" };
    // Writing to a String cannot fail.
    let _ = writeln!(text, "Found {} element{plural}", elements.len());
    text
}

/// One element as bytes in hexadecimal.
pub(crate) fn plain_element(map: &Map, (key, value): &Element) -> String {
    let is_short = key.len() <= 16 && value.len() <= 16 && key.len() + value.len() <= 24;
    if map.is_per_cpu() {
        let mut text = format!("key:\n{}\n", hex(key));
        for (cpu, slot) in slots(map, value) {
            // Long values begin on a line of their own.
            let gap = if slot.len() > 16 { '\n' } else { ' ' };
            let _ = writeln!(text, "value (CPU {cpu:02}):{gap}{}", hex(slot));
        }
        text
    } else if is_short {
        format!("key: {}  value: {}\n", hex(key), hex(value))
    } else {
        format!("key:\n{}\nvalue:\n{}\n", hex(key), hex(value))
    }
}

/// Every element in JSON, as bytes.
pub(crate) fn json(map: &Map, elements: &[Element]) -> Value {
    elements.iter().map(|element| json_element(map, element)).collect()
}

/// One element in JSON, as bytes.
pub(crate) fn json_element(map: &Map, (key, value): &Element) -> Value {
    if !map.is_per_cpu() {
        return json!({ "key": json_bytes(key), "value": json_bytes(value) });
    }
    let slots = slots(map, value);
    let values = slots.map(|(cpu, slot)| json!({ "cpu": cpu, "value": json_bytes(slot) }));
    json!({ "key": json_bytes(key), "values": values.collect::<Value>() })
}

/// Each slot of a per-CPU value, without its padding.
fn slots<'a>(map: &Map, value: &'a [u8]) -> impl Iterator<Item = (usize, &'a [u8])> {
    let bytes = map.info().value_size as usize;
    value
        .chunks(map.slot_bytes().max(1))
        .map(move |slot| &slot[..bytes.min(slot.len())])
        .enumerate()
}

/// Bytes as bpftool's JSON has them.
pub(crate) fn json_bytes(bytes: &[u8]) -> Value {
    bytes.iter().map(|byte| format!("0x{byte:02x}")).collect::<Vec<_>>().into()
}

/// Sixteen bytes a line, in two groups of eight.
fn hex(bytes: &[u8]) -> String {
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
