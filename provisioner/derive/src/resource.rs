//! `#[derive(Resource)]`: a type's inputs.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::{DeriveInput, Error, Ident, Result};

use crate::{
    attributes::StructAttributes,
    constructor,
    fields::{self, StructField},
    names, properties, serde,
};

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let attributes = StructAttributes::parse(input)?;
    let fields = fields::of(input, "Resource")?;
    let names = attributes.fields.clone().unwrap_or_else(|| format_ident!("Field"));
    let schema = schema(input, &attributes, &fields, &names)?;
    let enumeration = enumeration(input, &fields, &names);
    let new = constructor::expand(input, &fields, attributes.constructor.as_ref());
    let serde = serde::expand(input, &fields);
    Ok(quote!(#schema #enumeration #new #serde))
}

/// The constants of `Schema`. Its names stand here and nowhere else in this crate.
fn schema(
    input: &DeriveInput,
    attributes: &StructAttributes,
    fields: &[StructField],
    names: &Ident,
) -> Result<TokenStream> {
    let ident = &input.ident;
    let Some(type_name) = &attributes.type_name else {
        return Err(Error::new_spanned(ident, "expected the type's name: `#[resource(type = \"aws:ec2:subnet\")]`"));
    };
    let table = fields.iter().map(|field| {
        let (name, flags) = (&field.name, &field.attributes.flags);
        let map = (field.is_tags() && flags.is_empty()).then(|| quote!(.map()));
        let cloud_default = field.attributes.cloud_default.iter();
        let stopped = field.attributes.stopped.iter();
        let property = properties::of_field(attributes, field);
        quote! {
            ::provisioner_model::schema::FieldSchema::new(#name)
                #(.#flags())* #(.cloud_default(#cloud_default))* #(.stopped(#stopped))* #map #property
        }
    });
    let groups = attributes.unique.iter().map(|group| unique(group, fields)).collect::<Result<Vec<_>>>()?;
    let part_of = only_one(fields, |field| field.attributes.part_of, "`part_of` names one input")?.map(|field| {
        let name = &field.name;
        quote!(const PART_OF: ::core::option::Option<&'static str> = ::core::option::Option::Some(#name);)
    });
    let named = only_one(fields, |field| field.attributes.name.is_some(), "`name(…)` is for one input")?;
    let name = named.and_then(|field| Some((field, field.attributes.name.as_ref()?))).map(|(field, generated)| {
        let (field, max) = (&field.name, &generated.max);
        let (prefix, rule) = (generated.prefix.iter(), generated.rule.iter());
        quote! {
            const NAME: ::core::option::Option<::provisioner_model::Name> = ::core::option::Option::Some(
                ::provisioner_model::Name { #(prefix: #prefix,)* #(rule: #rule,)* ..::provisioner_model::Name::new(#field, #max) }
            );
        }
    });
    let tagged = fields.iter().any(StructField::is_tags).then(|| {
        quote!(
            const TAGGED: bool = true;
        )
    });
    let call = attributes.create.as_ref().map(|(service, operation)| {
        quote! {
            const CREATE_CALL: ::core::option::Option<::provisioner_model::schema::CreateCall> =
                ::core::option::Option::Some(::provisioner_model::schema::CreateCall {
                    service: #service,
                    operation: #operation,
                });
        }
    });
    let parameters = fields.iter().flat_map(parameters);
    let cloudformation = properties::members(attributes, fields);
    let omitted = attributes.omitted.iter().map(|(member, reason)| quote!((#member, #reason)));
    Ok(quote! {
        #[automatically_derived]
        impl ::provisioner_model::Schema for #ident {
            type Field = #names;
            const TYPE: &'static str = #type_name;
            const FIELDS: &'static [::provisioner_model::schema::FieldSchema] = &[#(#table),*];
            const UNIQUE: &'static [&'static [&'static str]] = &[#(#groups),*];
            #part_of
            #name
            #tagged
            #call
            const PARAMETERS: &'static [::provisioner_model::schema::Parameter] = &[#(#parameters),*];
            const OMITTED_PARAMETERS: &'static [(&'static str, &'static str)] = &[#(#omitted),*];
            #cloudformation
        }
    })
}

fn unique(group: &[Ident], fields: &[StructField]) -> Result<TokenStream> {
    let names = group.iter().map(|ident| match fields.iter().find(|field| field.ident == *ident) {
        Some(field) => Ok(&field.name),
        None => Err(Error::new(ident.span(), format!("expected an input, found `{ident}`"))),
    });
    let names = names.collect::<Result<Vec<_>>>()?;
    Ok(quote!(&[#(#names),*]))
}

fn only_one<'a>(
    fields: &'a [StructField],
    is: impl Fn(&StructField) -> bool,
    rule: &str,
) -> Result<Option<&'a StructField>> {
    let mut all = fields.iter().filter(|field| is(field));
    let first = all.next();
    all.next().map_or(Ok(first), |second| Err(Error::new_spanned(&second.ident, rule)))
}

/// The create call's members that the input covers: those that its attribute names, or the one of its own name.
fn parameters(field: &StructField) -> Vec<TokenStream> {
    let name = &field.name;
    let row = |member: &str, stated: bool| {
        quote! {
            ::provisioner_model::schema::Parameter { field: #name, member: #member, stated: #stated }
        }
    };
    match &field.attributes.parameters[..] {
        [] => vec![row(&names::pascal(name), false)],
        stated => stated.iter().map(|member| row(&member.value(), true)).collect(),
    }
}

/// The inputs' names as an enum.
fn enumeration(input: &DeriveInput, fields: &[StructField], names: &Ident) -> TokenStream {
    let (ident, vis) = (&input.ident, &input.vis);
    let variants: Vec<_> =
        fields.iter().map(|field| Ident::new(&names::pascal(&field.name), Span::call_site())).collect();
    let texts: Vec<_> = fields.iter().map(|field| &field.name).collect();
    let docs = fields.iter().map(|field| &field.docs);
    let doc = format!(" The inputs of [`{ident}`] by name.");
    quote! {
        #[doc = #doc]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #vis enum #names {
            #(#(#docs)* #variants),*
        }

        #[automatically_derived]
        impl ::provisioner_model::FieldName for #names {
            const ALL: &'static [Self] = &[#(Self::#variants),*];
            fn name(self) -> &'static str {
                match self {
                    #(Self::#variants => #texts),*
                }
            }
        }

        #[automatically_derived]
        impl ::core::convert::From<#names> for &'static str {
            fn from(field: #names) -> Self {
                ::provisioner_model::FieldName::name(field)
            }
        }
    }
}
