//! Reading bodies in CBOR, which CloudWatch speaks.

use std::borrow::Cow;

use minicbor::{data::Type, decode::Decoder};

use super::{
    bodies::{Unreadable, without_namespace},
    shape::ShapeBuilder,
};

/// Maximum nesting. JSON has the limit of its library, and XML needs none.
const MAX_DEPTH: usize = 64;

/// Adds the members of a body in CBOR.
pub(super) fn cbor(body: &[u8], builder: &mut ShapeBuilder) -> Result<Option<String>, Unreadable> {
    let mut code = None;
    cbor_value(&mut Decoder::new(body), builder, &mut code, 0)?;
    Ok(code.map(|code| without_namespace(&code)))
}

fn cbor_value(
    decoder: &mut Decoder<'_>,
    builder: &mut ShapeBuilder,
    code: &mut Option<String>,
    depth: usize,
) -> Result<(), Unreadable> {
    if depth > MAX_DEPTH {
        return Err(Unreadable);
    }
    match decoder.datatype()? {
        Type::Bool => builder.add_boolean(decoder.bool()?),
        Type::U8 | Type::U16 | Type::U32 | Type::U64 | Type::I8 | Type::I16 | Type::I32 | Type::I64 | Type::Int => {
            builder.add_number(&decoder.int()?.to_string());
        }
        Type::F32 => builder.add_number(&decoder.f32()?.to_string()),
        Type::F64 => builder.add_number(&decoder.f64()?.to_string()),
        Type::String | Type::StringIndef => builder.add_text(&cbor_text(decoder)?),
        Type::Array | Type::ArrayIndef => {
            let mut items = Items::new(decoder.array()?);
            if items.are_none(decoder)? {
                builder.add("list");
            }
            builder.enter_item();
            while items.next(decoder)? {
                cbor_value(decoder, builder, code, depth + 1)?;
            }
            builder.leave();
        }
        Type::Map | Type::MapIndef => {
            let mut items = Items::new(decoder.map()?);
            if items.are_none(decoder)? {
                builder.add("object");
            }
            while items.next(decoder)? {
                let name = cbor_text(decoder)?;
                if depth == 0 && name == "__type" && decoder.datatype()? == Type::String {
                    *code = Some(decoder.probe().str()?.to_owned());
                }
                builder.enter_key(&name);
                cbor_value(decoder, builder, code, depth + 1)?;
                builder.leave();
            }
        }
        other => {
            decoder.skip()?;
            builder.add(match other {
                Type::Null | Type::Undefined => "null",
                Type::Bytes | Type::BytesIndef => "bytes",
                // A timestamp is a number with a tag.
                Type::Tag => "timestamp",
                _ => "other",
            });
        }
    }
    Ok(())
}

/// The items of a list, or the pairs of a map.
struct Items {
    /// The number that is left; `None` up to a break.
    left: Option<u64>,
}

impl Items {
    fn new(left: Option<u64>) -> Self {
        Self { left }
    }

    fn are_none(&self, decoder: &Decoder<'_>) -> Result<bool, Unreadable> {
        match self.left {
            Some(left) => Ok(left == 0),
            None => Ok(decoder.datatype()? == Type::Break),
        }
    }

    /// Returns whether another one begins here, after a break is read.
    fn next(&mut self, decoder: &mut Decoder<'_>) -> Result<bool, Unreadable> {
        if self.are_none(decoder)? {
            if self.left.is_none() {
                decoder.skip()?;
            }
            return Ok(false);
        }
        self.left = self.left.map(|left| left - 1);
        Ok(true)
    }
}

fn cbor_text<'b>(decoder: &mut Decoder<'b>) -> Result<Cow<'b, str>, Unreadable> {
    if decoder.datatype()? == Type::String {
        return Ok(decoder.str()?.into());
    }
    let mut text = String::new();
    for part in decoder.str_iter()? {
        text.push_str(part?);
    }
    Ok(text.into())
}

impl From<minicbor::decode::Error> for Unreadable {
    fn from(_: minicbor::decode::Error) -> Self {
        Self
    }
}
