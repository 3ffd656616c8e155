//! Damage to a text: bytes and lines of any file, members and values of JSON, keys and values of TOML.

use serde_json::{Map, Value, json};

/// A random number generator that a seed determines: the algorithm `SplitMix64`.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`; 0 if the limit is 0.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % (limit.max(1) as u64)).unwrap_or(0)
    }

    /// Number of places to damage. One is the most frequent, since more of them rarely pass the parsers.
    fn places(&mut self) -> usize {
        [1, 1, 1, 1, 2, 2, 3, 4][self.below(8)]
    }

    fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.below(items.len()))
    }
}

/// Texts that readers of JSON and TOML may stumble over.
const TOKENS: &[&[u8]] = &[
    b"",
    b"null",
    b"true",
    b"-1",
    b"0",
    b"1e999",
    b"-0.0",
    b"0.1",
    b"4294967295",
    b"4294967296",
    b"2147483648",
    b"9223372036854775807",
    b"9223372036854775808",
    b"18446744073709551615",
    b"18446744073709551616",
    b"340282366920938463463374607431768211456",
    b"nan",
    b"inf",
    b"0x7fffffffffffffff",
    b"1979-05-27T07:32:00Z",
    b"\"\"",
    b"\"",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"\"\\ud834\\udd1e\"",
    b"[]",
    b"{}",
    b"[",
    b"]",
    b"{",
    b"}",
    b",",
    b":",
    b"=",
    b"#",
    b"\n",
    b"\r",
    b"\0",
    b"\xff",
    b"\xc3\x28",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"'''",
    b"\"\"\"",
    b"[[a]]",
    b"a.b.c = 1\n",
    b"\"a b\" = 1\n",
    b"{\"$ref\":\"net/main\",\"path\":\"id\"}",
    b"{\"$secret\":\"key\",\"version\":1}",
];

/// Depths around the limits of the readers, and far beyond them.
const DEPTHS: &[usize] = &[2, 16, 79, 80, 81, 126, 127, 128, 129, 1_000, 20_000];

/// Damages one of these texts in a few places. Parts of the others may get into it.
pub(crate) fn text(random: &mut Random, texts: &[Vec<u8>]) -> Vec<u8> {
    let mut text = random.pick(texts).cloned().unwrap_or_default();
    for _ in 0..random.places() {
        damage(random, &mut text, texts);
    }
    text
}

fn damage(random: &mut Random, text: &mut Vec<u8>, others: &[Vec<u8>]) {
    let at = random.below(text.len() + 1);
    let to = (at + 1 + random.below(40)).min(text.len());
    match random.below(12) {
        0 => text.truncate(at),
        1 => drop(text.drain(at.min(to)..to)),
        2 => {
            if let Some(byte) = text.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
        3 => {
            let part = text[at.min(to)..to].to_vec();
            text.splice(at..at, part);
        }
        4 => {
            let other = random.pick(others).cloned().unwrap_or_default();
            let from = random.below(other.len());
            let until = (from + random.below(400)).min(other.len());
            text.splice(at..at, other[from..until].iter().copied());
        }
        5 => {
            let token = random.pick(TOKENS).copied().unwrap_or_default();
            text.splice(at..at, token.iter().copied());
        }
        6 | 7 => replace_word(random, text, at),
        8 => lines(random, text),
        9 => {
            let (open, close) = *random
                .pick(&[("[", "]"), ("{\"a\":", "}"), ("{a=", "}"), ("a.", ""), ("[a.", "]")])
                .unwrap_or(&("[", "]"));
            let depth = *random.pick(DEPTHS).unwrap_or(&2);
            let closed = if random.below(2) == 0 { close.repeat(depth) } else { String::new() };
            let nest = open.repeat(depth) + "1" + &closed;
            text.splice(at..at, nest.into_bytes());
        }
        10 => {
            let long = vec![b"ax0\"\xc3"[random.below(5)]; 1 << random.below(15)];
            text.splice(at..at, long);
        }
        _ => {
            let other = random.pick(others).cloned().unwrap_or_default();
            text.truncate(at);
            text.extend_from_slice(&other[random.below(other.len())..]);
        }
    }
}

/// Replaces the number or word at or behind a position with another token.
fn replace_word(random: &mut Random, text: &mut Vec<u8>, at: usize) {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    let Some(start) = text[at..].iter().position(is_word).map(|offset| at + offset) else { return };
    let end = text[start..].iter().position(|byte| !is_word(byte)).map_or(text.len(), |offset| start + offset);
    let token = random.pick(TOKENS).copied().unwrap_or_default();
    text.splice(start..end, token.iter().copied());
}

/// Deletes, repeats or swaps lines: members of an object, entries of a journal, keys of a table.
fn lines(random: &mut Random, text: &mut Vec<u8>) {
    let mut lines: Vec<Vec<u8>> = text.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let (one, other) = (random.below(lines.len()), random.below(lines.len()));
    if lines.is_empty() {
        return;
    }
    match random.below(4) {
        0 => drop(lines.remove(one)),
        1 => lines.insert(other, lines[one].clone()),
        2 => lines.swap(one, other),
        _ => lines.truncate(one),
    }
    *text = lines.concat();
}

/// Damages one of these JSON values in a few places, as data: members that are missing, of other types, or of
/// other places.
pub(crate) fn value(random: &mut Random, values: &[Value]) -> Value {
    let seed = random.pick(values).cloned().unwrap_or_default();
    damaged(random, &seed, values)
}

/// Damages this value; parts of the others may get into it.
pub(crate) fn damaged(random: &mut Random, seed: &Value, others: &[Value]) -> Value {
    let mut value = seed.clone();
    for _ in 0..random.places() {
        let number = random.below(count(&value));
        let donor = random.pick(others).unwrap_or(seed);
        let donated = node(donor, random.below(count(donor))).cloned().unwrap_or_default();
        if let Some(place) = node_mut(&mut value, &mut { number }) {
            change(random, place, donated);
        }
    }
    value
}

fn change(random: &mut Random, place: &mut Value, donated: Value) {
    match (random.below(10), &mut *place) {
        (0 | 1, Value::Object(map)) => {
            let key = map.keys().nth(random.below(map.len())).cloned().unwrap_or_default();
            map.remove(&key);
        }
        (2, Value::Object(map)) => {
            let key = map.keys().nth(random.below(map.len())).cloned().unwrap_or_default();
            let moved = map.remove(&key).unwrap_or_default();
            map.insert(format!("{key}x"), moved);
        }
        (3, Value::Object(map)) => {
            let key = ["", "$ref", "path", "$secret", "after", "id"][random.below(6)];
            map.insert(key.to_owned(), donated);
        }
        (0 | 1, Value::Array(items)) => items.truncate(random.below(items.len())),
        (2, Value::Array(items)) => items.push(donated),
        (3, Value::Array(items)) => items.extend(items.clone()),
        (0..4, Value::String(text)) => match random.below(4) {
            0 => text.clear(),
            1 => text.push_str("\u{0}\u{202e}\n\u{1b}[2J"),
            2 => *text = text.repeat(1 + random.below(200)),
            _ => *text = text.chars().rev().collect(),
        },
        (0..4, Value::Number(_)) => {
            let numbers = [
                json!(0),
                json!(-1),
                json!(1),
                json!(u32::MAX),
                json!(1_u64 << 31),
                json!(u64::MAX),
                json!(i64::MIN),
                json!(1e300),
                json!(0.5),
            ];
            *place = numbers[random.below(numbers.len())].clone();
        }
        (4, _) => *place = Value::Null,
        (5, _) => *place = json!({}),
        (6, _) => *place = json!([]),
        (7, _) => {
            let depth = *random.pick(&[1, 3, 60, 120, 126, 200]).unwrap_or(&1);
            let list = random.below(2) == 0;
            let nested = std::mem::take(place);
            *place = (0..depth).fold(nested, |inner, _| {
                if list { Value::Array(vec![inner]) } else { Value::Object(Map::from_iter([("a".to_owned(), inner)])) }
            });
        }
        _ => *place = donated,
    }
}

/// Number of values in a value, itself included.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Object(map) => map.values().map(count).sum(),
        Value::Array(items) => items.iter().map(count).sum::<usize>(),
        _ => 0,
    }
}

fn node(value: &Value, number: usize) -> Option<&Value> {
    fn find<'a>(value: &'a Value, left: &mut usize) -> Option<&'a Value> {
        if *left == 0 {
            return Some(value);
        }
        *left -= 1;
        match value {
            Value::Object(map) => map.values().find_map(|inner| find(inner, left)),
            Value::Array(items) => items.iter().find_map(|inner| find(inner, left)),
            _ => None,
        }
    }
    find(value, &mut { number })
}

fn node_mut<'a>(value: &'a mut Value, left: &mut usize) -> Option<&'a mut Value> {
    if *left == 0 {
        return Some(value);
    }
    *left -= 1;
    match value {
        Value::Object(map) => map.values_mut().find_map(|inner| node_mut(inner, left)),
        Value::Array(items) => items.iter_mut().find_map(|inner| node_mut(inner, left)),
        _ => None,
    }
}
