use std::collections::BTreeMap;

use provisioner_cli::{
    environment::{EnvironmentError, Folder, MOST_MISTAKES, decode, read, schema},
    error::Failure,
    render::{PageFormat, diagnostic},
};
use provisioner_model::{Environment, Hint, environment::Mistake};
use serde_json::json;

#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
struct Web {
    /// Name of the project.
    project: String,
    /// Region of the stack.
    region: String,
    network: Network,
    #[serde(default)]
    database: Option<Database>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
struct Network {
    /// The range of its addresses.
    cidr: String,
    #[schemars(length(min = 1), inner(regex(pattern = "^[a-z]$")))]
    zones: Vec<String>,
    #[serde(default)]
    nat: Nat,
}

/// The number of NAT gateways.
#[derive(Debug, Default, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Nat {
    /// One for all zones.
    #[default]
    Single,
    /// One in each zone.
    PerZone,
}

#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
struct Database {
    class: String,
    #[schemars(range(min = 20, max = 64))]
    storage: u32,
    #[serde(default)]
    multi_az: bool,
}

impl Environment for Web {
    fn project(&self) -> &str {
        &self.project
    }
    fn region(&self) -> &str {
        &self.region
    }
    fn warnings(&self, now: u64) -> Vec<Mistake> {
        let is_old = now >= 100 && self.database.as_ref().is_some_and(|database| database.class == "db.t3.micro");
        is_old.then(|| Mistake::new("database.class", "this class is old").hint("a newer one")).into_iter().collect()
    }
    fn problems(&self, _: &str) -> Vec<Mistake> {
        if self.network.cidr.contains('/') {
            return vec![];
        }
        vec![Mistake::new("network.cidr", "this is no range").hint("like `10.0.0.0/16`")]
    }
}

const GOOD: &str = r#"project = "shop"
region = "us-east-1"

[network]
cidr = "10.0.0.0/16"
zones = ["a", "b"]
nat = "per-zone"

[database]
class = "db.t3.micro"
storage = 20
"#;

/// Returns an error report without colour.
fn report(text: &str) -> String {
    let mistakes = read::<Web>("dev", "environments/dev.toml", text, 0).expect_err("the file has mistakes");
    Failure::from(EnvironmentError::Mistakes(mistakes)).report(&PageFormat::plain(90), false)
}

#[test]
fn warning_about_a_valid_value_has_its_place() {
    let file = read::<Web>("dev", "environments/dev.toml", GOOD, 100).unwrap();
    let text = diagnostic::diagnostic(&file.warnings[0], &PageFormat::plain(80));
    let expected = "warning: database.class: this class is old\n  at environments/dev.toml:10:9\n  hint: a newer one\n";
    assert_eq!(text, expected);
}

#[test]
fn valid_file_is_read() {
    let file = read::<Web>("dev", "dev.toml", GOOD, 0).unwrap();
    assert_eq!(file.warnings, []);
    let web = file.settings;
    assert_eq!(web.network.zones, ["a", "b"]);
    assert!(matches!(web.network.nat, Nat::PerZone));
    assert!(web.labels.is_empty());
    let database = web.database.unwrap();
    assert_eq!((database.class.as_str(), database.storage, database.multi_az), ("db.t3.micro", 20, false));
}

#[test]
fn offences_against_the_grammar() {
    insta::assert_snapshot!("grammar", report("project = \"shop\nregion = us-east-1\n[network\n"));
}

#[test]
fn one_unknown_key() {
    insta::assert_snapshot!("unknown_key", report(&GOOD.replace("storage = 20", "storage = 20\nmulti-az = true")));
}

#[test]
fn a_wrong_type() {
    insta::assert_snapshot!("wrong_type", report(&GOOD.replace("storage = 20", "storage = \"20\"")));
}

#[test]
fn everything_at_once() {
    let text = r#"
projekt = "shop"
region = 5

[network]
cidr = "10.0.0.0"
zones = ["a", "bb"]
nat = "per-zones"

[database]
storage = 10
multi_az = "yes"

[extra]
a = 1
"#;
    insta::assert_snapshot!("everything", report(text));
}

#[test]
fn the_types_own_rules_are_told_beside_the_schemas() {
    let text = GOOD.replace("10.0.0.0/16", "10.0.0.0").replace("[database]", "[database]\ncolour = \"red\"");
    insta::assert_snapshot!("rules_and_schema", report(&text));
}

#[test]
fn dumb_terminals_get_plain_lines() {
    let text = GOOD.replace("storage = 20", "storage = 1000");
    let mistakes = read::<Web>("dev", "environments/dev.toml", &text, 0).expect_err("the file has mistakes");
    let report = Failure::from(EnvironmentError::Mistakes(mistakes)).report(&PageFormat::plain(90), true);
    insta::assert_snapshot!("narrated", report);
}

#[test]
fn file_that_is_not_utf8_is_an_error_with_its_place() {
    let mistakes = decode("environments/dev.toml", b"a = 1\nb = \"\xc3\x28\"\n".to_vec()).unwrap_err();
    let location = mistakes.mistakes[0].diagnostic.location.as_ref().unwrap();
    assert_eq!(location.to_string(), "environments/dev.toml:2:6");
    let report = Failure::from(EnvironmentError::Mistakes(mistakes)).report(&PageFormat::plain(90), false);
    assert!(report.contains("this byte is not UTF-8") && report.contains("1 mistake in"), "{report}");
}

#[test]
fn report_of_a_damaged_file_has_a_limit() {
    let report = report(&"a = 1\n".repeat(1_000));
    assert_eq!(report.matches("duplicate key").count(), MOST_MISTAKES, "{report}");
    assert!(report.contains("… and 949 mistakes more"), "{report}");
    assert!(report.ends_with("error: 999 mistakes in environments/dev.toml\n"), "{report}");
}

#[test]
fn unknown_environment_error_lists_existing_environments() {
    let here = tempfile::tempdir().unwrap();
    let environments = here.path().join("environments");
    std::fs::create_dir_all(here.path().join("deep/er")).unwrap();
    std::fs::create_dir(&environments).unwrap();
    for name in ["dev.toml", "prod.toml", "notes.md"] {
        std::fs::File::create(environments.join(name)).unwrap();
    }
    let folder = Folder::find(None, &here.path().join("deep/er")).unwrap();
    assert_eq!(folder.names().unwrap(), ["dev", "prod"]);
    let error = folder.load::<Web>("pord").unwrap_err();
    assert_eq!(error.hint().as_deref(), Some("did you mean `prod`? These exist: dev, prod"));
    let error = folder.load::<Web>("../prod").unwrap_err();
    assert!(matches!(error, EnvironmentError::Unknown { .. }));
    assert!(Folder::find(Some(&environments), here.path()).is_err());
}

#[test]
fn file_whose_name_is_not_valid_is_explained() {
    let here = tempfile::tempdir().unwrap();
    let environments = here.path().join("environments");
    std::fs::create_dir(&environments).unwrap();
    for name in ["Prod.toml", "dev_1.toml", "dev.toml"] {
        std::fs::File::create(environments.join(name)).unwrap();
    }
    let folder = Folder::find(None, here.path()).unwrap();
    assert_eq!(folder.names().unwrap(), ["dev"]);
    for (name, file) in [("Prod", "Prod"), ("prod", "Prod"), ("dev_1", "dev_1")] {
        let error = folder.load::<Web>(name).unwrap_err();
        let expected =
            format!("the file environments/{file}.toml exists, and `{file}` is not a valid environment name");
        assert_eq!(error.to_string(), expected);
        assert!(error.hint().unwrap().starts_with("rename the file"));
    }
    assert!(matches!(folder.load::<Web>("dev_2").unwrap_err(), EnvironmentError::Unknown { .. }));
}

#[test]
fn the_schema_is_closed_and_says_what_keys_are() {
    let schema = schema::of::<Web>();
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["$defs"]["Network"]["additionalProperties"], false);
    assert_eq!(schema["properties"]["project"]["description"], "Name of the project.");
    assert_eq!(schema["properties"]["labels"]["additionalProperties"]["type"], "string");
}

#[test]
fn missing_key_of_the_closest_shape_is_described() {
    let schema = json!({
        "type": "object",
        "properties": {
            "cidr": { "description": "Address range of a new VPC.", "type": "string" },
            "zones": { "description": "Zones of a new VPC.", "type": "array" },
            "vpc": { "description": "ID of an existing VPC.", "type": "string" },
            "subnets": { "description": "Subnets of an existing VPC.", "type": "array" },
        },
        "anyOf": [{ "required": ["cidr", "zones"] }, { "required": ["vpc", "subnets"] }],
    });
    let check = |value| {
        let wrong = schema::check(&schema, &value).into_iter();
        wrong.map(|one| format!("{} ({})", one.what, one.hint.unwrap_or_default())).collect::<Vec<_>>()
    };
    assert_eq!(check(json!({ "vpc": "vpc-1", "subnets": [] })), [""; 0]);
    assert_eq!(check(json!({ "cidr": "10.0.0.0/16" })), ["`zones` is missing (`zones`: Zones of a new VPC)"]);
    assert_eq!(
        check(json!({ "subnets": [], "zones": [], "vpc": "vpc-1", "cidr": 1 })),
        ["expected text in quotes, found `1` (in quotes: `\"1\"`)"]
    );
    assert_eq!(check(json!({ "subnets": [] })), ["`vpc` is missing (`vpc`: ID of an existing VPC)"]);
}
