//! The network of a company: calls of AWS, the verification and the push of an image go through its proxy, and trust its
//! certificate authority.

use std::{
    path::PathBuf,
    process::{Command, Output},
};

use provisioner_aws::Aws;
use provisioner_image::{ContainerRegistry, Credentials};
use provisioner_model::resource::Cloud;
use provisioner_tests::company::{Authority, ForwardProxy};

use crate::{
    image::{program, registry_or_skip},
    sandbox::{Ran, Sandbox, ran},
};

/// `user:pass word`, as the proxy gets it, and as a URL has it.
const CREDENTIALS: &str = "dXNlcjpwYXNzIHdvcmQ=";
const USER: &str = "user:pass%20word";

/// A command with these variables instead of the sandbox's own.
fn run(sandbox: &Sandbox, variables: &[(&str, &str)], arguments: &[&str]) -> Ran {
    let mut command = sandbox.command("", arguments);
    // This machine may be behind a proxy itself.
    for name in ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "AWS_CA_BUNDLE"] {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
    let ran = ran(command.envs(variables.iter().copied()).output().unwrap());
    // Messages are wrapped at the width of the terminal.
    Ran { err: ran.err.split_whitespace().collect::<Vec<_>>().join(" "), ..ran }
}

#[expect(clippy::disallowed_methods, reason = "a file of the test's own")]
fn write(sandbox: &Sandbox, name: &str, text: &str) -> String {
    let file = sandbox.path(name);
    std::fs::write(&file, text).unwrap();
    file.to_str().unwrap().to_owned()
}

fn moto_port(sandbox: &Sandbox) -> u16 {
    sandbox.moto.url.rsplit_once(':').unwrap().1.parse().unwrap()
}

#[test]
fn calls_of_aws_go_through_the_proxy_and_trust_the_companys_authority() {
    let Some(sandbox) = Sandbox::new("calls_of_aws_go_through_the_proxy_and_trust_the_companys_authority") else {
        return;
    };
    let (authority, proxy) = (Authority::new().unwrap(), ForwardProxy::start(Some(CREDENTIALS)).unwrap());
    let port = authority.serve("aws.example.test", moto_port(&sandbox)).unwrap();
    let endpoint = format!("https://aws.example.test:{port}");
    let through = format!("http://{USER}@{}", proxy.host);
    let bundle = write(&sandbox, "ca.pem", &authority.pem);
    let variables = [("AWS_ENDPOINT_URL", endpoint.as_str()), ("HTTPS_PROXY", &through), ("AWS_CA_BUNDLE", &bundle)];

    let planned = run(&sandbox, &variables, &["plan", "dev", "-vv"]).ok();
    let log = proxy.log();
    assert!(!log.is_empty() && log.iter().all(|one| *one == format!("CONNECT aws.example.test:{port}")), "{log:?}");
    for secret in ["pass%20word", "pass word", CREDENTIALS] {
        assert!(!planned.err.contains(secret) && !planned.out.contains(secret), "{}", planned.err);
    }

    // The profile may name the file as well.
    let config = write(&sandbox, "config", &format!("[default]\nca_bundle = {bundle}\n"));
    run(&sandbox, &[variables[0], variables[1], ("AWS_CONFIG_FILE", &config)], &["plan", "dev"]).ok();

    // Without the authority, or without the credentials, the first call fails with a hint.
    let untrusted = run(&sandbox, &variables[..2], &["plan", "dev"]).ended(1).err;
    assert!(untrusted.contains("AWS_CA_BUNDLE names a PEM file"), "{untrusted}");
    let without = format!("http://{}", proxy.host);
    let refused =
        run(&sandbox, &[variables[0], ("https_proxy", &without), variables[2]], &["plan", "dev"]).ended(1).err;
    assert!(refused.contains("the proxy in HTTPS_PROXY did not open a connection"), "{refused}");
}

#[test]
fn emulator_is_reached_through_http_proxy_unless_no_proxy_lists_it() {
    let Some(sandbox) = Sandbox::new("emulator_is_reached_through_http_proxy_unless_no_proxy_lists_it") else { return };
    let proxy = ForwardProxy::start(None).unwrap();
    let endpoint = format!("http://aws.example.test:{}", moto_port(&sandbox));
    for variable in ["HTTP_PROXY", "http_proxy", "ALL_PROXY"] {
        run(&sandbox, &[("AWS_ENDPOINT_URL", &endpoint), (variable, &proxy.host)], &["plan", "dev"]).ok();
        let log = proxy.log();
        assert!(!log.is_empty() && log.iter().all(|one| one.contains(&endpoint)), "{variable}: {log:?}");
    }
    for variable in ["NO_PROXY", "no_proxy"] {
        let variables = [("HTTP_PROXY", proxy.host.as_str()), (variable, "example.com, 127.0.0.0/8")];
        run(&sandbox, &variables, &["plan", "dev"]).ok();
        assert_eq!(proxy.log(), Vec::<String>::new(), "{variable}");
    }
}

#[test]
fn value_that_cannot_be_used_is_an_error_before_the_first_call() {
    let Some(sandbox) = Sandbox::new("value_that_cannot_be_used_is_an_error_before_the_first_call") else { return };
    let (empty, missing) = (write(&sandbox, "empty.pem", "no certificate"), sandbox.path("missing.pem"));
    let missing = missing.to_str().unwrap();
    let before = sandbox.moto.calls();
    for (variable, value, expected) in [
        (
            "HTTPS_PROXY",
            "socks5://user:secret@proxy:1080",
            "HTTPS_PROXY is not the URL of a proxy: `socks5://***@proxy:1080`",
        ),
        ("http_proxy", "http://", "http_proxy is not the URL of a proxy: `http://`"),
        ("ALL_PROXY", "http://user:secret@a b", "ALL_PROXY is not the URL of a proxy: `http://***@a b`"),
        ("AWS_CA_BUNDLE", &empty, "has no PEM certificate that can be used"),
        ("AWS_CA_BUNDLE", missing, "could not read the CA bundle"),
    ] {
        let err = run(&sandbox, &[(variable, value)], &["plan", "dev"]).ended(1).err;
        assert!(err.contains(expected) && err.contains(variable) && !err.contains("secret"), "{err}");
    }
    assert_eq!(sandbox.moto.calls(), before);
}

#[test]
fn verification_goes_through_the_proxy() {
    let Some(sandbox) = Sandbox::new("verification_goes_through_the_proxy") else { return };
    let proxy = ForwardProxy::start(None).unwrap();
    let app = crate::verification::App::new(sandbox.moto.firewall());
    sandbox.edit("dev", "[service]", "[service]\nverification = { deadline = 1, settle = 1 }");
    let reach = app.url.replace("127.0.0.1", "balancer.example.test");
    let variables = [("HTTP_PROXY", proxy.host.as_str()), ("NO_PROXY", "127.0.0.1")];
    let apply = || run(&sandbox, &variables, &["apply", "dev", "--yes", "--reach", &reach]);
    apply().ended(1);
    let log = proxy.log();
    assert!(!log.is_empty() && log.iter().all(|one| *one == format!("GET {reach}/version")), "{log:?}");
    app.say(&sandbox.running().0);
    apply().ok();
    assert!(!proxy.log().is_empty());
}

#[test]
fn unreachable_load_balancer_counts_only_by_policy_and_with_healthy_targets() {
    let Some(sandbox) = Sandbox::new("unreachable_load_balancer_counts_only_by_policy_and_with_healthy_targets") else {
        return;
    };
    let proxy = ForwardProxy::start(None).unwrap();
    let variables = [("HTTPS_PROXY", proxy.host.as_str())];
    let apply = |reach: &str| run(&sandbox, &variables, &["apply", "dev", "--yes", "--reach", reach]);
    sandbox.edit("dev", "[service]", "[service]\nverification = { deadline = 1, settle = 1 }");
    let refused = apply("refused.example.test").ended(1).err;
    assert!(refused.contains("HTTPS_PROXY and NO_PROXY") && refused.contains("`unreachable = \"warn\"`"), "{refused}");
    assert!(proxy.log().iter().all(|one| one.starts_with("CONNECT refused.example.test:")));

    sandbox.edit("dev", "settle = 1", "settle = 1, unreachable = \"warn\"");
    let counted = apply("refused.example.test").ok().err;
    assert!(counted.contains("not verified: ") && counted.contains("cannot be reached from here"), "{counted}");
    sandbox.unchanged("dev");

    // A server that answers wrongly, or not over TLS, is reached.
    let app = crate::verification::App::new(sandbox.moto.firewall());
    sandbox.edit("dev", "memory = 512", "memory = 1024");
    let wrong = apply(&app.url.replace("http://", "").replace("/_alb/app", "")).ended(1).err;
    assert!(!wrong.contains("cannot be reached from here"), "{wrong}");
}

/// Creates hosted zones until one has an ID like those of AWS, which begin with `Z`; moto's begin with any letter.
async fn zone(aws: &Aws) -> String {
    for reference in 0..1000 {
        let request = aws.writer().route53().create_hosted_zone().name("example.com");
        let created = request.caller_reference(reference.to_string()).send().await.unwrap();
        let id = created.hosted_zone().unwrap().id().trim_start_matches("/hostedzone/").to_owned();
        if id.starts_with('Z') {
            return id;
        }
    }
    panic!("no ID begins with Z");
}

#[tokio::test(flavor = "multi_thread")]
async fn certificate_of_the_domain_is_verified_through_the_proxy() {
    let Some(sandbox) = Sandbox::new("certificate_of_the_domain_is_verified_through_the_proxy") else { return };
    let (authority, proxy) = (Authority::new().unwrap(), ForwardProxy::start(None).unwrap());
    let app = crate::verification::App::new(sandbox.moto.firewall());
    let server = app.url.trim_end_matches("/_alb/app").rsplit_once(':').unwrap().1.parse().unwrap();
    let bundle = write(&sandbox, "ca.pem", &authority.pem);
    let zone = zone(&sandbox.moto.aws()).await;
    let keys = format!(
        "[domain]\nname = \"app.example.com\"\nzone = \"{zone}\"\n\n[service]\n\
         verification = {{ deadline = 1, settle = 1, path = \"/_alb/app/version\" }}"
    );
    sandbox.edit("dev", "[service]", &keys);
    let apply = |reach: &str| {
        let variables = [("HTTPS_PROXY", proxy.host.as_str()), ("AWS_CA_BUNDLE", &bundle)];
        run(&sandbox, &variables, &["apply", "dev", "--yes", "--reach", reach])
    };
    // A trusted certificate of another name is not the domain's.
    let other = authority.serve("balancer.example.test", server).unwrap();
    let refused = apply(&format!("balancer.example.test:{other}")).ended(1).err;
    assert!(refused.contains("certificate"), "{refused}");
    app.say(&sandbox.running().0);
    let port = authority.serve("app.example.com", server).unwrap();
    apply(&format!("balancer.example.test:{port}")).ok();
    assert!(proxy.log().contains(&format!("CONNECT balancer.example.test:{port}")));
}

#[test]
fn image_is_pushed_through_the_proxy() {
    let Some(registry) = registry_or_skip("image_is_pushed_through_the_proxy") else { return };
    let (authority, proxy) = (Authority::new().unwrap(), ForwardProxy::start(Some(CREDENTIALS)).unwrap());
    let port = authority.serve("registry.example.test", registry.port).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let layout = program(folder.path(), "fn main() {}").build().unwrap();
    let bundle = folder.path().join("ca.pem");
    #[expect(clippy::disallowed_methods, reason = "a file of the test's own")]
    std::fs::write(&bundle, &authority.pem).unwrap();
    // The variables are the process's own, so that another process pushes.
    let pushed: Output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "proxies::push_of_another_process", "--ignored", "--nocapture"])
        .env("HTTPS_PROXY", format!("http://{USER}@{}", proxy.host))
        .env("PROVISIONER_TESTS_PUSH", format!("registry.example.test:{port}/app"))
        .env("PROVISIONER_TESTS_FOLDER", folder.path())
        .output()
        .unwrap();
    ran(pushed).ok();
    assert!(registry.has("app", layout.digest()));
    let log = proxy.log();
    assert!(log.len() > 3 && log.iter().all(|one| *one == format!("CONNECT registry.example.test:{port}")), "{log:?}");
}

/// The process that pushes, for [`image_is_pushed_through_the_proxy`].
#[tokio::test]
#[ignore = "another test starts it"]
#[expect(clippy::disallowed_methods, reason = "how a test says what its other process pushes")]
async fn push_of_another_process() {
    let (Ok(repository), Some(folder)) =
        (std::env::var("PROVISIONER_TESTS_PUSH"), std::env::var_os("PROVISIONER_TESTS_FOLDER"))
    else {
        return;
    };
    let folder = PathBuf::from(folder);
    let layout = program(&folder, "fn main() {}").build().unwrap();
    let authorities = std::fs::read(folder.join("ca.pem")).unwrap();
    let who = Credentials { user: "AWS".into(), password: "secret".into() };
    let registry = ContainerRegistry::new(&repository, Some(who), Some(&authorities)).unwrap();
    registry.push(&layout).await.unwrap();
}
