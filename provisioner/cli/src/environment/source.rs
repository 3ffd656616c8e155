//! A TOML text as plain data, and where in the text each part of it stands.

use std::{collections::BTreeMap, ops::Range};

use provisioner_model::Diagnostic;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{Placed, schema::Wrong, state};

type Path = Vec<String>;

/// A text that follows TOML's grammar.
#[derive(Debug)]
pub struct SpannedToml {
    /// The parsed value of the file.
    pub value: Value,
    keys: BTreeMap<Path, Range<usize>>,
    values: BTreeMap<Path, Range<usize>>,
}

impl SpannedToml {
    /// Reads a text, or lists every offence against the grammar.
    pub fn parse(text: &str) -> Result<Self, Vec<Placed>> {
        let (table, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            return Err(errors.iter().map(of_toml).collect());
        }
        let mut source = Self { value: Value::Null, keys: BTreeMap::new(), values: BTreeMap::new() };
        source.value = source.table(&mut vec![], table.get_ref());
        Ok(source)
    }

    fn table(&mut self, path: &mut Path, table: &DeTable<'_>) -> Value {
        let mut map = Map::new();
        for (key, value) in table {
            path.push(key.get_ref().to_string());
            self.keys.insert(path.clone(), key.span());
            let value = self.value(path, value);
            map.insert(key.get_ref().to_string(), value);
            path.pop();
        }
        Value::Object(map)
    }

    fn value(&mut self, path: &mut Path, value: &Spanned<DeValue<'_>>) -> Value {
        self.values.insert(path.clone(), value.span());
        match value.get_ref() {
            DeValue::String(text) => Value::String(text.to_string()),
            DeValue::Boolean(on) => Value::Bool(*on),
            DeValue::Integer(number) => {
                let (text, radix) = (number.as_str(), number.radix());
                let small = i64::from_str_radix(text, radix).map(Value::from);
                small.or_else(|_| u64::from_str_radix(text, radix).map(Value::from)).unwrap_or(Value::Null)
            }
            DeValue::Float(number) => number.as_str().parse::<f64>().map_or(Value::Null, Value::from),
            DeValue::Datetime(time) => Value::String(time.to_string()),
            DeValue::Array(items) => {
                let mut list = vec![];
                for (index, item) in items.iter().enumerate() {
                    path.push(index.to_string());
                    list.push(self.value(path, item));
                    path.pop();
                }
                Value::Array(list)
            }
            DeValue::Table(table) => self.table(path, table),
        }
    }

    /// The place of a mistake: of the key where the key is what is wrong, else of the value. A path that is not
    /// there has the place of the nearest one around it.
    pub fn place(&self, wrong: &Wrong) -> Placed {
        let path = &wrong.path;
        let exact = if wrong.unknown { self.keys.get(path) } else { self.values.get(path) };
        // The location of a table is its header, which contains its key.
        let around =
            || (0..=path.len()).rev().find_map(|n| self.keys.get(&path[..n]).or_else(|| self.values.get(&path[..n])));
        let span = exact.or_else(around).cloned().unwrap_or(0..0);
        let diagnostic = Diagnostic { hint: wrong.hint.clone(), ..Diagnostic::error(&wrong.what) };
        Placed { diagnostic, span }
    }
}

/// Reads the program's own settings: all but the table `[state]`.
pub fn read<E: DeserializeOwned>(text: &str) -> Result<E, toml::de::Error> {
    let mut table = DeTable::parse(text)?;
    table.get_mut().remove(state::KEY);
    E::deserialize(toml::Deserializer::from(table))
}

/// A mistake that the TOML reader found.
pub fn of_toml(error: &toml::de::Error) -> Placed {
    let what = error.message().trim().replace('\n', ", ");
    Placed { diagnostic: Diagnostic::error(what), span: error.span().unwrap_or(0..0) }
}
