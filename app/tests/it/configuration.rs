//! The configuration, and the reports of errors in it.

use crate::support::{app::Settings, postgres};

#[test]
fn every_problem_at_once_and_exit_code_78() {
    let Some(database) = postgres::database("every_problem_at_once_and_exit_code_78") else { return };
    let settings = Settings::new(&database)
        .without("DATABASE_HOST")
        .without("PUBLIC_URL")
        .with("PORT", "eighty")
        .with("DATABASE_CA_FILE", "/nothing")
        .with("REDIS_URL", "http://x")
        .with("SIGNING_KEY_SECRET_ARN", "arn:x");
    let output = settings.run(&["serve"]);
    assert_eq!(output.status.code(), Some(78));
    let text = String::from_utf8(output.stderr).unwrap();
    for name in ["DATABASE_HOST", "PUBLIC_URL", "PORT", "DATABASE_CA_FILE", "REDIS_URL", "SIGNING_KEY_SECRET_ARN"] {
        assert!(text.contains(name), "{name} is missing from: {text}");
    }
    assert!(text.contains("6 problem(s)"), "{text}");
    assert_eq!(settings.run(&["sing"]).status.code(), Some(64));
    assert_eq!(settings.run(&["create-admin", "--name", "x"]).status.code(), Some(64));
    assert_eq!(settings.run(&["--help"]).status.code(), Some(0));
}

#[test]
fn migrations_can_be_run_alone_and_twice() {
    let Some(database) = postgres::database("migrations_can_be_run_alone_and_twice") else { return };
    // It needs to know the database and nothing else.
    let settings = Settings::new(&database).without("SIGNING_KEY_FILE").without("PUBLIC_URL");
    for _ in 0..2 {
        let output = settings.run(&["migrate"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
