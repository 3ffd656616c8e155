//! serde's traits: a derive cannot put attributes on the fields that it reads, so that serde's own derive runs on a
//! copy of the struct which has them.

use proc_macro2::TokenStream;
use quote::quote;
use syn::DeriveInput;

use crate::fields::{Shape, StructField, called};

pub(crate) fn expand(input: &DeriveInput, fields: &[StructField]) -> TokenStream {
    let (ident, name) = (&input.ident, input.ident.to_string());
    let of_struct = called(&input.attrs, "serde");
    let copies = fields.iter().map(|field| {
        let (ident, ty, own) = (&field.ident, &field.ty, &field.serde);
        let rule = match Shape::of(ty) {
            _ if !own.is_empty() || field.required() => None,
            Shape::Optional(_) => {
                Some(quote!(#[serde(default, skip_serializing_if = "::core::option::Option::is_none")]))
            }
            Shape::List(_) | Shape::Map(_) => Some(quote!(#[serde(default)])),
            Shape::Text | Shape::Other => None,
        };
        quote!(#(#own)* #rule #ident: #ty)
    });
    quote! {
        const _: () = {
            use ::provisioner_model::__private::serde;

            #[derive(serde::Serialize, serde::Deserialize)]
            #[serde(crate = "::provisioner_model::__private::serde", remote = #name)]
            #(#of_struct)*
            struct Remote {
                #(#copies),*
            }

            #[automatically_derived]
            impl serde::Serialize for #ident {
                fn serialize<S: serde::Serializer>(&self, serializer: S) -> ::core::result::Result<S::Ok, S::Error> {
                    Remote::serialize(self, serializer)
                }
            }

            #[automatically_derived]
            impl<'de> serde::Deserialize<'de> for #ident {
                fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> ::core::result::Result<Self, D::Error> {
                    Remote::deserialize(deserializer)
                }
            }
        };
    }
}
