//! The fields of a struct, and what follows from their types.

use quote::ToTokens;
use syn::{
    Attribute, Data, DeriveInput, Error, Fields, GenericArgument, Ident, PathArguments, Result, Type, ext::IdentExt,
};

use crate::attributes::FieldAttributes;

/// A named field of the struct.
pub(crate) struct StructField {
    pub(crate) ident: Ident,
    /// As in JSON: without `r#`.
    pub(crate) name: String,
    pub(crate) ty: Type,
    pub(crate) docs: Vec<Attribute>,
    /// The struct's own `#[serde(…)]`, which replaces what the derive would say.
    pub(crate) serde: Vec<Attribute>,
    pub(crate) attributes: FieldAttributes,
}

/// The shape of a field's type, which decides how it is set and stored.
pub(crate) enum Shape<'a> {
    /// `Option<T>`.
    Optional(&'a Type),
    /// `Vec<T>` or `BTreeSet<T>`.
    List(&'a Type),
    /// `BTreeMap<K, V>`, `HashMap<K, V>`, or `Tags`.
    Map(Option<(&'a Type, &'a Type)>),
    /// Set from whatever converts into it: text, and text that is known later.
    Text,
    /// Anything else. A reference to another resource is among these: an argument of that very type keeps the
    /// compiler's answer to a wrong one readable.
    Other,
}

impl StructField {
    /// Returns whether the constructor takes it.
    pub(crate) fn required(&self) -> bool {
        let may_be_absent = matches!(Shape::of(&self.ty), Shape::Optional(_) | Shape::List(_) | Shape::Map(_));
        let has_default = self.attributes.default.is_some() || self.serde.iter().any(has_serde_default);
        self.attributes.required || !(may_be_absent || has_default)
    }
}

impl StructField {
    /// Returns whether it has the tags of the object.
    pub(crate) fn is_tags(&self) -> bool {
        self.name == "tags" && is_called(&self.ty, "Tags")
    }
}

impl<'a> Shape<'a> {
    pub(crate) fn of(ty: &'a Type) -> Self {
        let Type::Path(path) = ty else { return Self::Other };
        let Some(last) = path.path.segments.last() else { return Self::Other };
        match (last.ident.to_string().as_str(), arguments(&last.arguments).as_slice()) {
            ("Option", [inner]) => Self::Optional(inner),
            ("Vec" | "BTreeSet", [item]) => Self::List(item),
            ("BTreeMap" | "HashMap", [key, value]) => Self::Map(Some((key, value))),
            ("Tags", []) => Self::Map(None),
            ("String", []) => Self::Text,
            ("In", [inner]) if matches!(Shape::of(inner), Shape::Text) => Self::Text,
            _ => Self::Other,
        }
    }
}

/// The type's arguments: `T` of `Option<T>`.
pub(crate) fn arguments(arguments: &PathArguments) -> Vec<&Type> {
    let PathArguments::AngleBracketed(arguments) = arguments else { return vec![] };
    let types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    types.collect()
}

/// Returns whether the type's last word is `name`.
pub(crate) fn is_called(ty: &Type, name: &str) -> bool {
    matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == name))
}

/// The struct's fields, or what keeps it from having a derive. Every wrong attribute is reported.
pub(crate) fn of(input: &DeriveInput, derive: &str) -> Result<Vec<StructField>> {
    let named = match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => Some(&fields.named),
            _ => None,
        },
        _ => None,
    };
    let Some(named) = named else {
        return Err(Error::new_spanned(&input.ident, format!("{derive} needs a struct with named fields")));
    };
    if !input.generics.params.is_empty() {
        return Err(Error::new_spanned(&input.generics, format!("{derive} takes no generic struct")));
    }
    let (mut fields, mut errors) = (vec![], None::<Error>);
    for field in named {
        let Some(ident) = field.ident.clone() else { continue };
        match FieldAttributes::parse(&field.attrs) {
            Ok(attributes) => fields.push(StructField {
                name: ident.unraw().to_string(),
                ident,
                ty: ungrouped(&field.ty).clone(),
                docs: called(&field.attrs, "doc"),
                serde: called(&field.attrs, "serde"),
                attributes,
            }),
            Err(error) => match &mut errors {
                Some(errors) => errors.combine(error),
                None => errors = Some(error),
            },
        }
    }
    errors.map_or(Ok(fields), Err)
}

/// A type without the invisible group around it that a `macro_rules!` macro leaves.
fn ungrouped(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => ungrouped(&group.elem),
        other => other,
    }
}

/// The attributes of that name.
pub(crate) fn called(attributes: &[Attribute], name: &str) -> Vec<Attribute> {
    attributes.iter().filter(|attribute| attribute.path().is_ident(name)).cloned().collect()
}

fn has_serde_default(attribute: &Attribute) -> bool {
    let mut found = false;
    // What serde refuses, serde's own derive reports.
    let _ = attribute.parse_nested_meta(|meta| {
        found |= meta.path.is_ident("default");
        if meta.input.peek(syn::Token![=]) {
            meta.value()?.parse::<syn::Expr>()?.to_token_stream();
        }
        Ok(())
    });
    found
}
