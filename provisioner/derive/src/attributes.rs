//! The attributes: `#[resource(…)]`, `#[nested(…)]`, `#[field(…)]`, `#[output(…)]`.

use syn::{
    Attribute, DeriveInput, Error, Expr, Ident, Lit, LitInt, LitStr, Path, Result, Token, ext::IdentExt,
    meta::ParseNestedMeta, parenthesized, parse::ParseStream, punctuated::Punctuated,
};

/// `#[resource(…)]`, and `#[nested(…)]`, which knows `constructor` only.
#[derive(Default)]
pub(crate) struct StructAttributes {
    pub(crate) type_name: Option<LitStr>,
    /// Service and operation.
    pub(crate) create: Option<(String, String)>,
    pub(crate) unique: Vec<Vec<Ident>>,
    /// Members and the reason why they are no inputs.
    pub(crate) omitted: Vec<(String, LitStr)>,
    pub(crate) cloudformation: Option<CloudFormation>,
    /// Outputs and what CloudFormation has in their place.
    pub(crate) attributes: Vec<(String, LitStr)>,
    pub(crate) fields: Option<Ident>,
    pub(crate) constructor: Option<Ident>,
}

/// `cloudformation = "AWS::EC2::Subnet"`, `cloudformation(part = "AWS::IAM::Role")`, `cloudformation(none = "reason")`.
pub(crate) enum CloudFormation {
    Type(LitStr),
    Part(LitStr),
    None(LitStr),
}

/// The property of a field.
#[derive(Default)]
pub(crate) enum Property {
    /// Of the field's own name.
    #[default]
    Own,
    /// `property = "A.B"`.
    Path(LitStr),
    /// `property(each = "AWS::EC2::Route", link = "RouteTableId", item = "SubnetId")`.
    Each { type_name: LitStr, link: LitStr, item: Option<LitStr> },
    /// `property(none = "reason")`.
    None(LitStr),
}

/// `#[field(…)]` and `#[output(…)]`.
#[derive(Default)]
pub(crate) struct FieldAttributes {
    /// The words that `FieldSchema` has a method for, in the order of the source.
    pub(crate) flags: Vec<Ident>,
    pub(crate) part_of: bool,
    pub(crate) name: Option<GeneratedName>,
    pub(crate) parameters: Vec<LitStr>,
    pub(crate) required: bool,
    pub(crate) default: Option<Expr>,
    /// As JSON.
    pub(crate) cloud_default: Option<String>,
    /// As JSON.
    pub(crate) stopped: Option<String>,
    pub(crate) property: Property,
    /// The function that returns the property's value.
    pub(crate) convert: Option<Path>,
    /// The function that returns the property's value from the whole resource.
    pub(crate) convert_resource: Option<Path>,
    pub(crate) constant: Option<LitStr>,
    pub(crate) skip: bool,
}

/// `name(max = 63, prefix = "alias/", rule = NAME)`.
pub(crate) struct GeneratedName {
    pub(crate) max: LitInt,
    pub(crate) prefix: Option<LitStr>,
    /// A `NameRule`.
    pub(crate) rule: Option<Expr>,
}

/// The flags of `#[field(…)]`, each with the method of `FieldSchema`.
const FLAGS: [(&str, &str); 11] = [
    ("replaces", "replaces"),
    ("write_only", "write_only"),
    ("initial", "initial"),
    ("create_only", "create_only"),
    ("deletion_protection", "deletion_protection"),
    ("may_dangle", "may_dangle"),
    ("set", "set"),
    ("items", "items"),
    ("map", "map"),
    ("exact", "exact"),
    ("document", "document"),
];

impl StructAttributes {
    pub(crate) fn parse(input: &DeriveInput) -> Result<Self> {
        let mut all = Self::default();
        for attribute in &input.attrs {
            if attribute.path().is_ident("resource") {
                attribute.parse_nested_meta(|meta| all.resource(&meta))?;
            } else if attribute.path().is_ident("nested") {
                attribute.parse_nested_meta(|meta| {
                    if all.shared(&meta)? { Ok(()) } else { Err(meta.error("expected `constructor`")) }
                })?;
            }
        }
        Ok(all)
    }

    fn shared(&mut self, meta: &ParseNestedMeta<'_>) -> Result<bool> {
        let known = meta.path.is_ident("constructor");
        if known {
            self.constructor = Some(meta.value()?.parse()?);
        }
        Ok(known)
    }

    fn resource(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        if meta.path.is_ident("type") {
            self.type_name = Some(meta.value()?.parse()?);
        } else if meta.path.is_ident("create") {
            let call: LitStr = meta.value()?.parse()?;
            let value = call.value();
            let parts = value.split_once(':').filter(|(service, operation)| {
                !service.is_empty() && operation.starts_with(|first: char| first.is_ascii_uppercase())
            });
            let Some((service, operation)) = parts else {
                return Err(Error::new(call.span(), "expected botocore's service and operation: `ec2:CreateSubnet`"));
            };
            self.create = Some((service.to_owned(), operation.to_owned()));
        } else if meta.path.is_ident("unique") {
            let group;
            parenthesized!(group in meta.input);
            self.unique.push(Punctuated::<Ident, Token![,]>::parse_terminated(&group)?.into_iter().collect());
        } else if meta.path.is_ident("omitted") {
            let list;
            parenthesized!(list in meta.input);
            for members in Punctuated::<Names, Token![,]>::parse_terminated_with(&list, names_and_text)? {
                self.omitted.extend(members);
            }
        } else if meta.path.is_ident("fields") {
            self.fields = Some(meta.value()?.parse()?);
        } else if meta.path.is_ident("cloudformation") {
            self.cloudformation = Some(cloudformation(meta)?);
        } else if meta.path.is_ident("attributes") {
            let list;
            parenthesized!(list in meta.input);
            for outputs in Punctuated::<Names, Token![,]>::parse_terminated_with(&list, names_and_text)? {
                self.attributes.extend(outputs);
            }
        } else if !self.shared(meta)? {
            return Err(meta.error(
                "expected `type`, `create`, `unique`, `omitted`, `fields`, `cloudformation`, `attributes` or `constructor`",
            ));
        }
        Ok(())
    }
}

fn cloudformation(meta: &ParseNestedMeta<'_>) -> Result<CloudFormation> {
    if meta.input.peek(Token![=]) {
        return Ok(CloudFormation::Type(meta.value()?.parse()?));
    }
    let mut stated = None;
    meta.parse_nested_meta(|meta| {
        stated = Some(if meta.path.is_ident("part") {
            CloudFormation::Part(meta.value()?.parse()?)
        } else if meta.path.is_ident("none") {
            CloudFormation::None(meta.value()?.parse()?)
        } else {
            return Err(meta.error("expected `part` or `none`"));
        });
        Ok(())
    })?;
    stated.ok_or_else(|| meta.error("expected a type, `part = …` or `none = …`"))
}

fn property(meta: &ParseNestedMeta<'_>) -> Result<Property> {
    if meta.input.peek(Token![=]) {
        return Ok(Property::Path(meta.value()?.parse()?));
    }
    let (mut none, mut each, mut link, mut item) = (None, None, None, None);
    meta.parse_nested_meta(|meta| {
        let place = if meta.path.is_ident("none") {
            &mut none
        } else if meta.path.is_ident("each") {
            &mut each
        } else if meta.path.is_ident("link") {
            &mut link
        } else if meta.path.is_ident("item") {
            &mut item
        } else {
            return Err(meta.error("expected `none`, or `each`, `link` and `item`"));
        };
        *place = Some(meta.value()?.parse()?);
        Ok(())
    })?;
    match (none, each, link) {
        (Some(reason), None, None) => Ok(Property::None(reason)),
        (None, Some(type_name), Some(link)) => Ok(Property::Each { type_name, link, item }),
        _ => Err(meta.error("expected a path, `none = …`, or `each = …` with `link = …`")),
    }
}

/// Returns a literal as JSON. A text that is an object in JSON stands for that object.
fn json(literal: &Lit) -> Result<String> {
    match literal {
        Lit::Bool(value) => Ok(value.value.to_string()),
        Lit::Int(value) => Ok(value.base10_digits().to_owned()),
        Lit::Str(value) if value.value().starts_with('{') => Ok(value.value()),
        Lit::Str(value) if !value.value().contains(['"', '\\']) => Ok(format!("\"{}\"", value.value())),
        other => Err(Error::new(other.span(), "expected `true`, `false`, a whole number, or text without escapes")),
    }
}

type Names = Vec<(String, LitStr)>;

/// `DryRun = "reason"`, `A | B = "reason"`, `"loadBalancers.role" = "reason"`: names, each with the text.
fn names_and_text(input: ParseStream<'_>) -> Result<Names> {
    let mut members = vec![];
    loop {
        members.push(if input.peek(LitStr) {
            input.parse::<LitStr>()?.value()
        } else {
            input.call(Ident::parse_any)?.to_string()
        });
        if input.parse::<Option<Token![|]>>()?.is_none() {
            break;
        }
    }
    input.parse::<Token![=]>()?;
    let reason: LitStr = input.parse()?;
    Ok(members.into_iter().map(|member| (member, reason.clone())).collect())
}

impl FieldAttributes {
    pub(crate) fn parse(attributes: &[Attribute]) -> Result<Self> {
        let mut all = Self::default();
        for attribute in attributes {
            if attribute.path().is_ident("field") {
                attribute.parse_nested_meta(|meta| all.field(&meta))?;
            } else if attribute.path().is_ident("output") {
                attribute.parse_nested_meta(|meta| all.output(&meta))?;
            }
        }
        Ok(all)
    }

    fn field(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        if let Some((_, method)) = FLAGS.iter().find(|(word, _)| meta.path.is_ident(word)) {
            self.flags.push(Ident::new(method, meta.path.require_ident()?.span()));
        } else if meta.path.is_ident("part_of") {
            self.part_of = true;
        } else if meta.path.is_ident("name") {
            let (mut max, mut prefix, mut rule) = (None, None, None);
            meta.parse_nested_meta(|meta| {
                if meta.path.is_ident("max") {
                    max = Some(meta.value()?.parse()?);
                } else if meta.path.is_ident("prefix") {
                    prefix = Some(meta.value()?.parse()?);
                } else if meta.path.is_ident("rule") {
                    rule = Some(meta.value()?.parse()?);
                } else {
                    return Err(meta.error("expected `max`, `prefix` or `rule`"));
                }
                Ok(())
            })?;
            let max =
                max.ok_or_else(|| meta.error("expected the longest name that the API takes: `name(max = 63)`"))?;
            self.name = Some(GeneratedName { max, prefix, rule });
        } else if meta.path.is_ident("parameter") {
            self.parameters.push(meta.value()?.parse()?);
        } else if meta.path.is_ident("property") {
            self.property = property(meta)?;
        } else if meta.path.is_ident("convert") {
            self.convert = Some(meta.value()?.parse()?);
        } else if meta.path.is_ident("convert_resource") {
            self.convert_resource = Some(meta.value()?.parse()?);
        } else if meta.path.is_ident("required") {
            self.required = true;
        } else if meta.path.is_ident("default") {
            self.default = Some(meta.value()?.parse()?);
        } else if meta.path.is_ident("cloud_default") {
            let value = meta.value()?;
            let none = value.peek(Ident) && value.parse::<Ident>()? == "none";
            self.cloud_default = Some(if none { "null".to_owned() } else { json(&value.parse()?)? });
        } else if meta.path.is_ident("stopped") {
            self.stopped = Some(json(&meta.value()?.parse()?)?);
        } else {
            let flags = FLAGS.map(|(word, _)| format!("`{word}`")).join(", ");
            return Err(meta.error(format!(
                "expected {flags}, `part_of`, `name(…)`, `parameter = …`, `property = …`, `convert = …`, \
                 `convert_resource = …`, `required`, \
                 `default = …`, `cloud_default = …` or `stopped = …`"
            )));
        }
        Ok(())
    }

    fn output(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        if meta.path.is_ident("constant") {
            self.constant = Some(meta.value()?.parse()?);
        } else if meta.path.is_ident("skip") {
            self.skip = true;
        } else {
            return Err(meta.error("expected `constant = …` or `skip`"));
        }
        Ok(())
    }
}
