//! The checks of a plan against the account and the region, before any change.

use crate::sandbox::Sandbox;

#[test]
fn plan_names_the_zones_that_the_account_has() {
    let Some(sandbox) = Sandbox::new("plan_names_the_zones_that_the_account_has") else { return };
    sandbox.edit("dev", "zones = [\"a\", \"b\"]", "zones = [\"b\", \"h\"]");
    for command in [&["plan", "dev"][..], &["apply", "dev", "--yes"]] {
        let refused = sandbox.run(command).ended(1);
        assert!(refused.err.contains("this account has no zone `us-east-1h`"), "{}", refused.err);
        assert!(refused.err.contains("its zones are us-east-1a, us-east-1b"), "{}", refused.err);
        assert!(refused.err.contains("network/subnet/public-h"), "{}", refused.err);
    }
}

#[test]
fn credentials_of_another_account_are_refused() {
    let Some(sandbox) = Sandbox::new("credentials_of_another_account_are_refused") else { return };
    sandbox.edit("dev", "region = \"us-east-1\"", "region = \"us-east-1\"\naccount = \"210987654321\"");
    let refused = sandbox.run(&["apply", "dev", "--yes"]).ended(1);
    let expected =
        "the environment belongs to account 210987654321, and these credentials are for account 123456789012";
    assert!(refused.err.replace("\n  ", " ").contains(expected), "{}", refused.err);
    sandbox.edit("dev", "210987654321", "123456789012");
    sandbox.run(&["plan", "dev"]).ok();
}
