//! Derive macros that state each field of a resource type once.
//!
//! Use them through `provisioner_model`, which re-exports them beside the traits. `docs/decisions/0011-derive.md` has the reasons.
//!
//! | derive | on | generates |
//! |---|---|---|
//! | [`Resource`](macro@Resource) | a type's inputs | `Schema`, the `Field` enum, `new`, setters, serde |
//! | [`Outputs`](macro@Outputs) | a type's outputs, and what they nest | one `Output` constant for each field, serde |
//! | [`Nested`](macro@Nested) | a struct inside the inputs | `new`, setters, serde |
//! | [`Properties`](macro@Properties) | a struct inside the inputs | `ToProperty`, its CloudFormation form |
//!
//! None of them writes a call: `impl Resource` stays by hand.
//!
//! Start reading at `resource.rs`; `fields.rs` has how a field's type decides what is generated for it.

mod attributes;
mod constructor;
mod fields;
mod names;
mod nested;
mod outputs;
mod properties;
mod resource;
mod serde;
#[cfg(test)]
mod tests;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Derives `Schema` and everything else that follows from the inputs' declaration.
///
/// ```ignore
/// /// An IP address range in one availability zone of a VPC.
/// #[derive(Clone, Debug, PartialEq, Resource)]
/// #[resource(
///     type = "aws:ec2:subnet",
///     create = "ec2:CreateSubnet",
///     unique(vpc_id, cidr_block),
///     omitted(OutpostArn = "no Outposts", Ipv6Native | Ipv6CidrBlock = "IPv4 only so far"),
/// )]
/// pub struct Subnet {
///     /// The VPC.
///     #[field(replaces)]
///     pub vpc_id: In<Id<Vpc>>,
///     /// The IPv4 range: `10.0.1.0/24`.
///     #[field(replaces)]
///     pub cidr_block: String,
///     /// `true` if instances launched in the subnet get a public IPv4 address.
///     pub map_public_ip_on_launch: Option<bool>,
///     /// Tags.
///     pub tags: Tags,
/// }
/// ```
///
/// # On the struct: `#[resource(…)]`
///
/// - `type = "aws:ec2:subnet"`: the type's stable name. Required.
/// - `create = "ec2:CreateSubnet"`: the call that creates an object, by botocore's names of the service and operation.
///   Leave it out where no single call does.
/// - `unique(vpc_id, cidr_block)`: inputs that only one object may hold together. May be repeated.
/// - `omitted(Member = "reason", A | B = "reason", "a.b" = "reason")`: members of the create call that are no inputs.
/// - `cloudformation = "AWS::EC2::Subnet"`: the CloudFormation resource type. `cloudformation(part = "AWS::IAM::Role")` for
///   a type whose inputs are properties of the resource that `part_of` names, `cloudformation(none = "reason")` where
///   CloudFormation has no such type.
/// - `attributes(arn = "Arn", "endpoint.port" = "Endpoint.Port")`: outputs, and the attribute of the CloudFormation resource
///   that has the same value; see `Schema::ATTRIBUTES`. An `id` that is not listed is the resource's `Ref`.
/// - `fields = SubnetField`: the name of the generated enum; `Field` if absent. Needed for a second type in one module.
/// - `constructor = bare`: the name of the generated constructor; `new` if absent.
///
/// # On a field: `#[field(…)]`
///
/// - `replaces`, `write_only`, `initial`, `create_only`, `may_dangle`, `deletion_protection`: as in `FieldSchema`.
/// - `set`, `items`, `map`, `exact`, `document`: how two values are compared. `tags: Tags` is a map without saying so.
/// - `part_of`: the object that this one completes.
/// - `name(max = 63)`, `name(max = 256, prefix = "alias/")`: filled with a generated name where the program has none.
///   `rule = NAME` adds a `NameRule`, which stated and generated names must match.
/// - `parameter = "Type"`: the create call's member, where that is not the input's name. May be repeated.
/// - `property = "VersioningConfiguration.Status"`: the CloudFormation property, where that is not the input's name; see
///   `cloudformation::Property::Path`. `property(none = "reason")`: there is none. `property(each = "AWS::EC2::Route",
///   link = "RouteTableId")`: each item of the input is a CloudFormation resource of its own, with a property that names
///   the declared object; with `item = "SubnetId"`, the item is the value of that property.
/// - `convert = FUNCTION`: returns the property's value from a reference to the input, or to what an `Option` has. By default, text, numbers, lists,
///   maps, references and structs with [`Properties`](macro@Properties) convert as they are, a `document` becomes an
///   object, and `tags` a list.
/// - `convert_resource = FUNCTION`: the same from a reference to the whole resource, where a property needs other inputs.
/// - `required`: an argument of `new` although its type is a list or map.
/// - `default = EXPRESSION`: the value that `new` sets. A missing value in the state stays missing.
/// - `cloud_default = LITERAL`: the value that AWS uses where the create call has none. The planner fills it in: the input
///   is managed even if the program leaves it out, and an input that the program no longer states returns to it.
///   `cloud_default = none`: the setting ends when the program no longer states it, as `update` must write it.
/// - `stopped = LITERAL`: the value while the environment is stopped, in place of the declared one. A text that begins with
///   `{` is an object in JSON.
///
/// An input is required, and an argument of `new`, unless its type is an `Option`, a list or a map, or it has a default.
/// Each other input gets a setter of its name. In JSON, a missing input is `None` or empty, `None` is left out, and
/// unknown keys are ignored; `#[serde(…)]` on a field replaces these rules for that field.
#[proc_macro_derive(Resource, attributes(resource, field, serde))]
pub fn resource(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    resource::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Derives one `Output` constant of the resource type for each field, and serde's traits.
///
/// The resource type is the one that the field `id: Id<R>` names; `id` itself gets no constant, since `Handle::id`
/// returns it. A struct without an `id` is part of another type's outputs: it gets serde's traits only. A constant
/// has the field's type without `Option`.
///
/// On a field, `#[output(constant = "ARN")]` gives the constant another name, and `#[output(skip)]` leaves it out.
/// A constant for `id` is text: `Output<R, String>`.
#[proc_macro_derive(Outputs, attributes(output, serde))]
pub fn outputs(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    outputs::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Derives `new`, setters and serde's traits for a struct inside a type's inputs, by the rules of
/// [`Resource`](macro@Resource). Of the attributes, `#[field(required)]`, `#[field(default = …)]` and
/// `#[nested(constructor = …)]` apply, and those of [`Properties`](macro@Properties).
#[proc_macro_derive(Nested, attributes(nested, field, serde))]
pub fn nested(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    nested::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Derives `ToProperty` for a struct inside a type's inputs: an object with one property for each field, by the field's
/// name in `PascalCase`. Of the attributes, `#[field(property = …)]` and `#[field(convert = …)]` apply; an empty path
/// merges the field's own properties into the object.
#[proc_macro_derive(Properties, attributes(field))]
pub fn properties(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    properties::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}
