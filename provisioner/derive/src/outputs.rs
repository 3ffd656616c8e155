//! `#[derive(Outputs)]`: what only the cloud knows of an object.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{DeriveInput, Result, Type};

use crate::{
    fields::{self, Shape, StructField, arguments, is_called},
    names, serde,
};

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let fields = fields::of(input, "Outputs")?;
    let constants = fields.iter().find_map(resource_type).map(|resource| {
        let constants = fields.iter().filter_map(|field| constant(field, resource));
        quote! {
            #[automatically_derived]
            impl #resource {
                #(#constants)*
            }
        }
    });
    let serde = serde::expand(input, &fields);
    Ok(quote!(#constants #serde))
}

/// The `R` of `id: Id<R>`.
fn resource_type(field: &StructField) -> Option<&Type> {
    let Type::Path(path) = &field.ty else { return None };
    let last = path.path.segments.last()?;
    (field.name == "id" && last.ident == "Id").then(|| arguments(&last.arguments).first().copied()).flatten()
}

fn constant(field: &StructField, resource: &Type) -> Option<TokenStream> {
    let own = field.attributes.constant.as_ref();
    let is_id = field.name == "id" && is_called(&field.ty, "Id");
    if field.attributes.skip || (is_id && own.is_none()) {
        return None;
    }
    let constant = match own {
        Some(own) => format_ident!("{}", own.value(), span = own.span()),
        None => format_ident!("{}", names::constant(&field.name), span = field.ident.span()),
    };
    let (name, docs) = (&field.name, &field.docs);
    let ty = match Shape::of(&field.ty) {
        _ if is_id => quote!(::std::string::String),
        Shape::Optional(inner) => quote!(#inner),
        _ => {
            let ty = &field.ty;
            quote!(#ty)
        }
    };
    Some(quote! {
        #(#docs)*
        pub const #constant: ::provisioner_model::Output<#resource, #ty> = ::provisioner_model::Output::new(#name);
    })
}
