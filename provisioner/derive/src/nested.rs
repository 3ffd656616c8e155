//! `#[derive(Nested)]`: a struct inside the inputs.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, Error, Result};

use crate::{
    attributes::StructAttributes,
    constructor,
    fields::{self, StructField},
    serde,
};

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let attributes = StructAttributes::parse(input)?;
    let fields = fields::of(input, "Nested")?;
    if let Some(field) = fields.iter().find(|field| is_of_a_resource(field)) {
        return Err(Error::new_spanned(
            &field.ident,
            "a nested struct is compared whole: `required` and `default` only",
        ));
    }
    let (new, serde) =
        (constructor::expand(input, &fields, attributes.constructor.as_ref()), serde::expand(input, &fields));
    Ok(quote!(#new #serde))
}

fn is_of_a_resource(field: &StructField) -> bool {
    let set = &field.attributes;
    !set.flags.is_empty() || set.part_of || set.name.is_some() || !set.parameters.is_empty()
}
