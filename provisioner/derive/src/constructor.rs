//! `new` and the setters.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{DeriveInput, Ident, Type};

use crate::fields::{Shape, StructField};

/// The argument's type, and how an argument of the name `value` becomes the field's value.
fn argument(ty: &Type, value: &Ident) -> (TokenStream, TokenStream) {
    match Shape::of(ty) {
        Shape::Optional(inner) => {
            let (argument, value) = argument(inner, value);
            (argument, quote!(::core::option::Option::Some(#value)))
        }
        Shape::Text => (quote!(impl ::core::convert::Into<#ty>), quote!(#value.into())),
        Shape::List(item) if matches!(Shape::of(item), Shape::Text) => (
            quote!(impl ::core::iter::IntoIterator<Item = impl ::core::convert::Into<#item>>),
            quote!(#value.into_iter().map(::core::convert::Into::into).collect()),
        ),
        Shape::List(item) => {
            (quote!(impl ::core::iter::IntoIterator<Item = #item>), quote!(#value.into_iter().collect()))
        }
        Shape::Map(types) => {
            let text = quote!(::std::string::String);
            let (key, item) = types.map_or((text.clone(), text), |(key, item)| (quote!(#key), quote!(#item)));
            (
                quote! {
                    impl ::core::iter::IntoIterator<
                        Item = (impl ::core::convert::Into<#key>, impl ::core::convert::Into<#item>)
                    >
                },
                quote!(#value.into_iter().map(|(key, value)| (key.into(), value.into())).collect()),
            )
        }
        Shape::Other => (quote!(#ty), quote!(#value)),
    }
}

/// The value of a field that `new` does not take.
fn absent(field: &StructField) -> TokenStream {
    let Some(default) = &field.attributes.default else { return quote!(::core::default::Default::default()) };
    match Shape::of(&field.ty) {
        Shape::Optional(inner) => {
            let value =
                if matches!(Shape::of(inner), Shape::Text) { quote!((#default).into()) } else { quote!(#default) };
            quote!(::core::option::Option::Some(#value))
        }
        Shape::Text => quote!((#default).into()),
        _ => quote!(#default),
    }
}

/// The inherent `impl` with the constructor and the setters, and `Default` where nothing is required.
pub(crate) fn expand(input: &DeriveInput, fields: &[StructField], constructor: Option<&Ident>) -> TokenStream {
    let (ident, vis) = (&input.ident, &input.vis);
    let new = constructor.cloned().unwrap_or_else(|| format_ident!("new"));
    let required: Vec<_> = fields.iter().filter(|field| field.required()).collect();
    let arguments = required.iter().map(|field| {
        let (name, (argument, _)) = (&field.ident, argument(&field.ty, &field.ident));
        quote!(#name: #argument)
    });
    let values = fields.iter().map(|field| {
        let name = &field.ident;
        if field.required() && matches!(Shape::of(&field.ty), Shape::Other) {
            quote!(#name)
        } else if field.required() {
            let (_, value) = argument(&field.ty, name);
            quote!(#name: #value)
        } else {
            let value = absent(field);
            quote!(#name: #value)
        }
    });
    let doc = if required.is_empty() {
        " Creates it with the defaults; the setters state the rest.".to_owned()
    } else {
        format!(" Creates it with what `{ident}` requires; the setters state the rest.")
    };
    let setters = fields.iter().filter(|field| !field.required()).map(|field| {
        let (name, docs) = (&field.ident, &field.docs);
        let (argument, value) = argument(&field.ty, &format_ident!("value"));
        quote! {
            #(#docs)*
            #[must_use]
            #vis fn #name(mut self, value: #argument) -> Self {
                self.#name = #value;
                self
            }
        }
    });
    let many = (required.len() > 7)
        .then(|| quote!(#[allow(clippy::too_many_arguments, reason = "what is required is an argument")]));
    // A type whose constructor has another name may have a `Default` that means something else.
    let default = (required.is_empty() && constructor.is_none()).then(|| {
        quote! {
            #[automatically_derived]
            impl ::core::default::Default for #ident {
                fn default() -> Self {
                    Self::#new()
                }
            }
        }
    });
    quote! {
        #[automatically_derived]
        impl #ident {
            #[doc = #doc]
            #[must_use]
            #many
            #vis fn #new(#(#arguments),*) -> Self {
                Self { #(#values),* }
            }
            #(#setters)*
        }
        #default
    }
}
