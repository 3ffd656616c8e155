//! The properties of a resource's CloudFormation resource, and `#[derive(Properties)]` for a struct inside the inputs.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, Error, Result};

use crate::{
    attributes::{CloudFormation, Property, StructAttributes},
    fields::{self, Shape, StructField},
    names,
};

/// `ToProperty` for a struct inside the inputs.
pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let fields = fields::of(input, "Properties")?;
    let mut values = vec![];
    for field in &fields {
        let path = match &field.attributes.property {
            Property::Own => names::pascal(&field.name),
            Property::Path(path) => path.value(),
            Property::None(_) => continue,
            Property::Each { .. } => return Err(Error::new_spanned(&field.ident, "`each` is for a resource's inputs")),
        };
        let value = value(field);
        values.push(quote!((#path, #value)));
    }
    let ident = &input.ident;
    Ok(quote! {
        #[automatically_derived]
        impl ::provisioner_model::cloudformation::ToProperty for #ident {
            fn to_property(&self) -> ::provisioner_model::__private::serde_json::Value {
                ::provisioner_model::cloudformation::object(::std::vec![#(#values),*])
            }
        }
    })
}

/// The members of `Schema` about CloudFormation.
pub(crate) fn members(attributes: &StructAttributes, fields: &[StructField]) -> Option<TokenStream> {
    let (kind, is_part) = match attributes.cloudformation.as_ref()? {
        CloudFormation::Type(name) => (quote!(Type(#name)), false),
        CloudFormation::Part(name) => (quote!(Part(#name)), true),
        CloudFormation::None(reason) => (quote!(None(#reason)), false),
    };
    let has_properties = !matches!(attributes.cloudformation, Some(CloudFormation::None(_)));
    // A part's values include the object that it completes.
    let with_value = fields.iter().filter(|field| match field.attributes.property {
        Property::None(_) => is_part && field.attributes.part_of,
        _ => has_properties,
    });
    let values = with_value.map(|field| {
        let (name, value) = (&field.name, value(field));
        quote!((#name, #value))
    });
    let properties = has_properties.then(|| {
        quote! {
            fn properties(
                &self,
            ) -> ::std::vec::Vec<(&'static str, ::provisioner_model::__private::serde_json::Value)> {
                ::std::vec![#(#values),*]
            }
        }
    });
    let attributes = (!attributes.attributes.is_empty()).then(|| {
        let rows = attributes.attributes.iter().map(|(output, attribute)| quote!((#output, #attribute)));
        quote! {
            const ATTRIBUTES: &'static [(&'static str, &'static str)] = &[#(#rows),*];
        }
    });
    Some(quote! {
        const CLOUDFORMATION: ::provisioner_model::cloudformation::CloudFormation =
            ::provisioner_model::cloudformation::CloudFormation::#kind;
        #attributes
        #properties
    })
}

/// The call of `FieldSchema` that states the property, where the type has a CloudFormation type.
pub(crate) fn of_field(attributes: &StructAttributes, field: &StructField) -> Option<TokenStream> {
    if !matches!(attributes.cloudformation, Some(CloudFormation::Type(_) | CloudFormation::Part(_))) {
        return None;
    }
    let property = match &field.attributes.property {
        Property::Own => {
            let path = names::pascal(&field.name);
            quote!(Path(#path))
        }
        Property::Path(path) => quote!(Path(#path)),
        Property::None(reason) => quote!(None(#reason)),
        Property::Each { type_name, link, item } => {
            let item = if let Some(item) = item {
                quote!(::core::option::Option::Some(#item))
            } else {
                quote!(::core::option::Option::None)
            };
            quote! {
                Each(::provisioner_model::cloudformation::Each { type_name: #type_name, link: #link, item: #item })
            }
        }
    };
    Some(quote!(.property(::provisioner_model::cloudformation::Property::#property)))
}

/// The field's value in CloudFormation's form.
fn value(field: &StructField) -> TokenStream {
    let (ident, name, set) = (&field.ident, &field.name, &field.attributes);
    let is = |flag: &str| set.flags.iter().any(|ident| ident == flag);
    let value = if let Some(convert) = &set.convert_resource {
        quote!(#convert(self))
    } else if let (Some(convert), Shape::Optional(_)) = (&set.convert, Shape::of(&field.ty)) {
        let absent = quote!(::provisioner_model::__private::serde_json::Value::Null);
        quote!(self.#ident.as_ref().map_or(#absent, |stated| #convert(stated)))
    } else if let Some(convert) = &set.convert {
        quote!(#convert(&self.#ident))
    } else if is("document") {
        quote!(::provisioner_model::cloudformation::document(&self.#ident))
    } else if set.name.is_some() {
        quote!(::provisioner_model::cloudformation::name(#name, &self.#ident))
    } else if field.is_tags() {
        quote!(::provisioner_model::cloudformation::tags(&self.#ident))
    } else {
        quote!(::provisioner_model::cloudformation::ToProperty::to_property(&self.#ident))
    };
    if has_items(&Shape::of(&field.ty)) && !set.required && !field.is_tags() {
        quote!(::provisioner_model::cloudformation::unless_empty(#value))
    } else {
        value
    }
}

/// Returns whether the type is a list or map, or may be one.
fn has_items(shape: &Shape<'_>) -> bool {
    match shape {
        Shape::List(_) | Shape::Map(_) => true,
        Shape::Optional(inner) => has_items(&Shape::of(inner)),
        Shape::Text | Shape::Other => false,
    }
}
