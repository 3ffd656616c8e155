//! The expansions of the derives for a small type, and their errors.

use syn::{DeriveInput, Result, parse_str};

use crate::{nested, outputs, properties, resource};

type Expand = fn(&DeriveInput) -> Result<proc_macro2::TokenStream>;

fn expansion(expand: Expand, source: &str) -> String {
    let tokens = expand(&parse_str(source).unwrap()).unwrap();
    prettyplease::unparse(&syn::parse2(tokens).unwrap())
}

fn refusal(expand: Expand, source: &str) -> String {
    expand(&parse_str(source).unwrap()).unwrap_err().to_string()
}

#[test]
fn resource_expands_to_schema_names_constructor_setters_and_serde() {
    let source = r#"
        /// A named bucket of objects.
        #[derive(Clone, Resource)]
        #[resource(
            type = "example:storage:bucket",
            create = "storage:CreateBucket",
            unique(name),
            cloudformation = "AWS::S3::Bucket",
            attributes(arn = "Arn", "endpoint.port" = "Endpoint.Port"),
            omitted(DryRun = "the plan is the dry run", Acl | Grants = "policies only"),
        )]
        pub struct Bucket {
            /// The name.
            #[field(replaces, name(max = 63, prefix = "b-"))]
            pub name: Option<String>,
            /// The key that encrypts its objects.
            #[field(parameter = "EncryptionKeyId", property = "Encryption.KeyId")]
            pub key_id: In<Id<Key>>,
            /// Where its objects are.
            #[field(replaces)]
            pub region: String,
            /// Rules by name.
            #[field(set, property(each = "AWS::S3::Rule", link = "Bucket"))]
            pub rules: Vec<Rule>,
            /// Whether anybody may read its objects.
            #[field(cloud_default = false, property = "Access[Who=all].Value", convert = on_off)]
            pub public: Option<bool>,
            /// Tags.
            pub tags: Tags,
        }
    "#;
    insta::assert_snapshot!(expansion(resource::expand, source));
}

#[test]
fn outputs_expand_to_constants_of_the_resource_type() {
    let source = r#"
        /// What the service reports about a bucket.
        #[derive(Outputs)]
        pub struct BucketOutputs {
            /// Its name.
            pub id: Id<Bucket>,
            /// Its ARN.
            pub arn: String,
            /// The website's address, where it has one.
            #[output(constant = "WEBSITE")]
            pub website_endpoint: Option<String>,
            /// Internal.
            #[output(skip)]
            pub etag: String,
        }
    "#;
    insta::assert_snapshot!(expansion(outputs::expand, source));
}

#[test]
fn nested_expands_to_constructor_setters_and_serde() {
    let source = r"
        /// A rule.
        #[derive(Nested)]
        pub struct Rule {
            /// What it applies to.
            pub prefix: String,
            /// Whether it is in force.
            #[field(default = true)]
            pub enabled: bool,
            /// Days.
            pub days: Option<i32>,
        }
    ";
    insta::assert_snapshot!(expansion(nested::expand, source));
}

#[test]
fn properties_expand_to_the_cloudformation_form() {
    let source = r#"
        /// A rule.
        #[derive(Nested, Properties)]
        pub struct Rule {
            /// What it applies to.
            pub prefix: String,
            /// Days.
            #[field(property = "Expiration.Days")]
            pub days: Option<i32>,
            /// For readers.
            #[field(property(none = "AWS has none"))]
            pub comment: Option<String>,
            /// Peers.
            pub peers: Vec<String>,
        }
    "#;
    insta::assert_snapshot!(expansion(properties::expand, source));
}

#[test]
fn a_wrong_declaration_is_refused_with_the_expected_form() {
    let resource = |attribute: &str, field: &str| {
        refusal(resource::expand, &format!("#[resource({attribute})] struct A {{ #[field({field})] a: u8, b: u8 }}"))
    };
    assert_eq!(resource("unique(a)", "set"), "expected the type's name: `#[resource(type = \"aws:ec2:subnet\")]`");
    assert_eq!(resource("type = \"t\", unique(c)", "set"), "expected an input, found `c`");
    let call = resource("type = \"t\", create = \"CreateSubnet\"", "set");
    assert_eq!(call, "expected botocore's service and operation: `ec2:CreateSubnet`");
    assert!(resource("type = \"t\"", "replace").starts_with("expected `replaces`, `write_only`"));
    assert!(resource("type = \"t\"", "name(prefix = \"a\")").starts_with("expected the longest name"));
    let property = resource("type = \"t\"", "property(each = \"AWS::A::B\")");
    assert_eq!(property, "expected a path, `none = …`, or `each = …` with `link = …`");
    assert_eq!(resource("type = \"t\", cloudformation(no = \"\")", "set"), "expected `part` or `none`");
    assert!(resource("type = \"t\", omit(A = \"\")", "set").starts_with("expected `type`, `create`"));
    let nested = |source: &str| refusal(nested::expand, source);
    assert_eq!(nested("enum A { B }"), "Nested needs a struct with named fields");
    assert_eq!(nested("struct A<T> { a: T }"), "Nested takes no generic struct");
    assert!(nested("struct A { #[field(replaces)] a: u8 }").starts_with("a nested struct is compared whole"));
}
