//! A PostgreSQL of its own from Debian's programs, with TLS by a CA made here. It is gone when the tests are, however
//! they end: a small shell waits for the end of a pipe that only this process holds.

use std::{
    fs,
    os::unix::{
        fs::{PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use sqlx::{ConnectOptions, Connection, PgConnection, postgres::PgConnectOptions};

use super::{free_port, skipped};

/// A running PostgreSQL server.
pub(crate) struct Cluster {
    bin: PathBuf,
    folder: PathBuf,
    pub(crate) port: u16,
    /// As which user it runs; `None` is our own.
    user: Option<(u32, u32)>,
    _watch: Child,
    databases: AtomicU32,
}

/// A database with a user of its own.
pub(crate) struct Database {
    pub(crate) port: u16,
    pub(crate) name: String,
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) ca: PathBuf,
    pub(crate) other_ca: PathBuf,
    socket: PathBuf,
}

/// The server that most tests share; `None` where there are no programs, which is said by the test's name.
pub(crate) fn database(test: &str) -> Option<Database> {
    static SHARED: OnceLock<Option<Cluster>> = OnceLock::new();
    let Some(cluster) = SHARED.get_or_init(Cluster::start) else {
        skipped(test, "needs PostgreSQL's server");
        return None;
    };
    Some(cluster.database())
}

/// A server that a test may stop.
pub(crate) fn own(test: &str) -> Option<Cluster> {
    let cluster = Cluster::start();
    if cluster.is_none() {
        skipped(test, "needs PostgreSQL's server");
    }
    cluster
}

impl Cluster {
    fn start() -> Option<Self> {
        let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
            .ok()?
            .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
            .collect();
        versions.retain(|bin| bin.join("initdb").exists() && bin.join("postgres").exists());
        versions.sort();
        let bin = versions.pop()?;
        let folder = tempfile::Builder::new().prefix("app-test-postgres-").tempdir().unwrap().keep();
        let port = free_port();
        let user = unprivileged();
        let watch = watch(&folder);
        let cluster = Self { bin, folder, port, user, _watch: watch, databases: AtomicU32::new(0) };
        cluster.own(&cluster.folder);
        cluster.run(
            "initdb",
            &["-D", cluster.data().to_str().unwrap(), "-U", "root", "-A", "trust", "-N", "--no-instructions"],
        );
        cluster.certificates();
        let settings = format!(
            "listen_addresses = '127.0.0.1,127.0.0.2'\nport = {port}\nunix_socket_directories = '{}'\nfsync = off\n\
             max_connections = 300\nssl = on\nssl_cert_file = '{}'\nssl_key_file = '{}'\n",
            cluster.folder.display(),
            cluster.folder.join("server.pem").display(),
            cluster.folder.join("server.key").display(),
        );
        let file = cluster.data().join("postgresql.conf");
        fs::write(&file, fs::read_to_string(&file).unwrap() + &settings).unwrap();
        let access = "local all all trust\nhostssl all all 127.0.0.0/8 scram-sha-256\n";
        fs::write(cluster.data().join("pg_hba.conf"), access).unwrap();
        cluster.up();
        Some(cluster)
    }

    /// Starts the server and waits until it answers.
    pub(crate) fn up(&self) {
        let (data, log) = (self.data(), self.folder.join("log"));
        self.run("pg_ctl", &["-D", data.to_str().unwrap(), "-l", log.to_str().unwrap(), "-w", "-t", "30", "start"]);
    }

    /// Stops it: `fast` ends connections, `immediate` is a crash.
    pub(crate) fn down(&self, how: &str) {
        self.run("pg_ctl", &["-D", self.data().to_str().unwrap(), "-m", how, "-w", "-t", "30", "stop"]);
    }

    /// Creates a new database.
    pub(crate) fn database(&self) -> Database {
        let number = self.databases.fetch_add(1, Ordering::SeqCst);
        let database = Database {
            port: self.port,
            name: format!("data{number}"),
            user: format!("user{number}"),
            password: format!("first-password-{number}"),
            ca: self.folder.join("ca.pem"),
            other_ca: self.folder.join("other.pem"),
            socket: self.folder.clone(),
        };
        let (name, user, password) = (&database.name, &database.user, &database.password);
        for sql in
            [format!("CREATE ROLE {user} LOGIN PASSWORD '{password}'"), format!("CREATE DATABASE {name} OWNER {user}")]
        {
            self.run(
                "psql",
                &[
                    "-q",
                    "-h",
                    self.folder.to_str().unwrap(),
                    "-p",
                    &self.port.to_string(),
                    "-U",
                    "root",
                    "-d",
                    "postgres",
                    "-c",
                    &sql,
                ],
            );
        }
        database
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn certificates(&self) {
        let ca = |name: &str| {
            let mut params = CertificateParams::default();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.distinguished_name.push(rcgen::DnType::CommonName, name);
            CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
        };
        let (ours, other) = (ca("The tests' CA"), ca("Another CA"));
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        let server = params.signed_by(&key, &ours).unwrap();
        for (name, text) in [
            ("ca.pem", ours.pem()),
            ("other.pem", other.pem()),
            ("server.pem", server.pem()),
            ("server.key", key.serialize_pem()),
        ] {
            let path = self.folder.join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            self.own(&path);
        }
    }

    fn own(&self, path: &Path) {
        if let Some((user, group)) = self.user {
            chown(path, Some(user), Some(group)).unwrap();
        }
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let mut command = Command::new(self.bin.join(program));
        command.args(arguments).current_dir(&self.folder).stdin(Stdio::null()).process_group(0);
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        // `pg_ctl start` leaves the server behind with our output: that must be no pipe.
        let log = fs::OpenOptions::new().create(true).append(true).open(self.folder.join("tools")).unwrap();
        command.stdout(log.try_clone().unwrap()).stderr(log);
        let status = command.status().unwrap();
        assert!(status.success(), "{program}: {}", fs::read_to_string(self.folder.join("tools")).unwrap());
    }
}

impl Database {
    /// As the server's administrator, past everything that the app's own user may not.
    pub(crate) async fn admin(&self) -> PgConnection {
        let options = PgConnectOptions::new_without_pgpass().socket(&self.socket).port(self.port).username("root");
        PgConnection::connect_with(&options.database(&self.name).disable_statement_logging()).await.unwrap()
    }

    /// As the app's own user.
    pub(crate) async fn app_user(&self) -> PgConnection {
        let options = PgConnectOptions::new_without_pgpass().socket(&self.socket).port(self.port).username(&self.user);
        PgConnection::connect_with(&options.database(&self.name).disable_statement_logging()).await.unwrap()
    }
}

/// PostgreSQL refuses to run as root.
fn unprivileged() -> Option<(u32, u32)> {
    let me = fs::metadata("/proc/self").map(|meta| std::os::unix::fs::MetadataExt::uid(&meta)).unwrap();
    if me != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let id = |name: &str| {
        let line = users.lines().find(|line| line.starts_with(&format!("{name}:")))?;
        let mut parts = line.split(':').skip(2);
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    };
    Some(id("postgres").or_else(|| id("nobody")).expect("a user to run PostgreSQL as"))
}

/// Stops the server and removes its folder when this process has ended.
fn watch(folder: &Path) -> Child {
    let script = "cat >/dev/null; pid=$(head -n 1 \"$0/data/postmaster.pid\" 2>/dev/null) && kill -QUIT \"$pid\"; \
                  sleep 0.5; rm -rf \"$0\"";
    Command::new("/bin/sh")
        .args(["-c", script])
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap()
}
