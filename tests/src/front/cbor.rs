//! CBOR, as far as CloudWatch's SDK speaks it, from and to JSON.

use serde_json::{Map, Number, Value};

/// Decodes CBOR; returns null for invalid bytes.
pub(crate) fn decoded(bytes: &[u8]) -> Value {
    Decoder { bytes, at: 0 }.value().unwrap_or_default()
}

/// A value in CBOR.
pub(crate) fn encoded(value: &Value) -> Vec<u8> {
    let mut out = vec![];
    encode("", value, &mut out);
    out
}

struct Decoder<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Decoder<'_> {
    fn take(&mut self, count: usize) -> Option<&[u8]> {
        let taken = self.bytes.get(self.at..self.at.checked_add(count)?)?;
        self.at += count;
        Some(taken)
    }

    fn big_endian(&mut self, count: usize) -> Option<u64> {
        Some(self.take(count)?.iter().fold(0, |all, byte| (all << 8) | u64::from(*byte)))
    }

    fn ends(&mut self) -> bool {
        let ends = self.bytes.get(self.at).is_none_or(|byte| *byte == 0xff);
        self.at += usize::from(ends);
        ends
    }

    fn value(&mut self) -> Option<Value> {
        let first = *self.take(1)?.first()?;
        let (major, minor) = (first >> 5, first & 31);
        let argument = match minor {
            24 => Some(self.big_endian(1)?),
            25 => Some(self.big_endian(2)?),
            26 => Some(self.big_endian(4)?),
            27 => Some(self.big_endian(8)?),
            31 => None,
            small => Some(u64::from(small)),
        };
        let mut left = argument.unwrap_or(u64::MAX);
        let mut more = |decoder: &mut Self| {
            let more = if argument.is_some() { left > 0 } else { !decoder.ends() };
            left = left.saturating_sub(1);
            more
        };
        Some(match major {
            0 => argument?.into(),
            1 => (-1 - i64::try_from(argument?).ok()?).into(),
            2 | 3 => {
                let length = usize::try_from(argument?).ok()?;
                String::from_utf8_lossy(self.take(length)?).into_owned().into()
            }
            4 => {
                let mut items = vec![];
                while more(self) {
                    items.push(self.value()?);
                }
                Value::Array(items)
            }
            5 => {
                let mut map = Map::new();
                while more(self) {
                    let key = self.value()?;
                    map.insert(key.as_str()?.to_owned(), self.value()?);
                }
                Value::Object(map)
            }
            6 => self.value()?,
            _ => match minor {
                20 => false.into(),
                21 => true.into(),
                26 => f64::from(f32::from_bits(u32::try_from(argument?).ok()?)).into(),
                27 => f64::from_bits(argument?).into(),
                _ => Value::Null,
            },
        })
    }
}

fn head(major: u8, argument: u64, out: &mut Vec<u8>) {
    out.push((major << 5) | 27);
    out.extend(argument.to_be_bytes());
}

fn double(value: f64, out: &mut Vec<u8>) {
    out.push(0xfb);
    out.extend(value.to_be_bytes());
}

fn encode(key: &str, value: &Value, out: &mut Vec<u8>) {
    match value {
        // A time is tagged as one.
        Value::Number(number) if key.ends_with("Timestamp") || key == "LastModified" => {
            out.push(0xc1);
            double(number.as_f64().unwrap_or_default(), out);
        }
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => head(0, number, out),
            (None, Some(number)) => head(1, (-1 - number).unsigned_abs(), out),
            (None, None) => double(Number::as_f64(number).unwrap_or_default(), out),
        },
        Value::String(text) => {
            head(3, text.len() as u64, out);
            out.extend(text.as_bytes());
        }
        Value::Array(items) => {
            head(4, items.len() as u64, out);
            items.iter().for_each(|item| encode("", item, out));
        }
        Value::Object(map) => {
            let there = || map.iter().filter(|(_, value)| !value.is_null());
            head(5, there().count() as u64, out);
            for (key, value) in there() {
                encode("", &Value::from(key.as_str()), out);
                encode(key, value, out);
            }
        }
        Value::Bool(value) => out.push(if *value { 0xf5 } else { 0xf4 }),
        Value::Null => out.push(0xf6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn encoding_round_trips() {
        let value = json!({"a": [1, -2, 1.5, true], "b": {"c": "ü"}});
        assert_eq!(decoded(&encoded(&value)), value);
        let open = [0xbf, 0x61, b'a', 0x9f, 0x01, 0xff, 0xff];
        assert_eq!(decoded(&open), json!({"a": [1]}));
    }
}
