"""A private PostgreSQL with TLS and the app in front of it, for the fuzzer and the load measurement. Both are gone when
the `with` ends."""
import contextlib
import json
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[1]
CONFIG = """[req]
distinguished_name = name
[name]
[ca]
basicConstraints = critical, CA:TRUE
[server]
subjectAltName = DNS:localhost
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def target():
    """Cargo's build folder for the app."""
    command = ["cargo", "metadata", "--format-version", "1", "--no-deps", "--locked", "--manifest-path", ROOT / "Cargo.toml"]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return pathlib.Path(json.loads(answer.stdout)["target_directory"])


def tested():
    """The app as its tests have it, with every check of the compiler's; built already where those have run."""
    subprocess.run(["cargo", "test", "--no-run", "--locked", "--quiet", "--manifest-path", ROOT / "Cargo.toml",
                    "--test", "it"], check=True, cwd=ROOT)
    return target() / "debug" / "app"


def build(*what):
    """The folder with the release programs, built as for the image: static."""
    host = subprocess.run(["rustc", "-vV"], check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT).stdout
    host = next(line.split()[1] for line in host.splitlines() if line.startswith("host:"))
    subprocess.run(["cargo", "build", "--release", "--locked", "--quiet", "--manifest-path", ROOT / "Cargo.toml",
                    "--target", host, *what], check=True, cwd=ROOT,
                   env={**os.environ, "RUSTFLAGS": "-C target-feature=+crt-static"})
    return target() / host / "release"


def programs():
    """Of the newest PostgreSQL that is installed."""
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        raise SystemExit("SKIPPED: needs PostgreSQL's server")
    return found[-1].parent


class Stand:
    """`with Stand(program, variables) as stand:` gives `stand.url`, `stand.metrics` and `stand.process`."""

    def __init__(self, program, variables):
        self.program, self.variables = program, variables
        self.ends = contextlib.ExitStack()

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.ends.close()
            raise
        return self

    def __exit__(self, *_):
        self.ends.close()

    def start(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="app-stand-"))
        self.ends.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self.folder.chmod(0o755)
        self.certificates()
        self.database()
        (self.folder / "password").write_text("password-of-the-stand")
        (self.folder / "key").write_text("a-signing-key-of-the-stand-that-is-long-enough")
        port, metrics = free_port(), free_port()
        self.url, self.metrics = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{metrics}/metrics"
        self.environment = {
            "ENVIRONMENT": "dev", "PUBLIC_URL": self.url, "PORT": str(port), "METRICS_PORT": str(metrics),
            "DATABASE_HOST": "localhost", "DATABASE_PORT": str(self.port), "DATABASE_NAME": "postgres",
            "DATABASE_USER": "postgres", "DATABASE_PASSWORD_FILE": str(self.folder / "password"),
            "DATABASE_CA_FILE": str(self.folder / "ca.pem"), "SIGNING_KEY_FILE": str(self.folder / "key"),
            "SHUTDOWN_DELAY_SECONDS": "0", **self.variables,
        }
        self.log = self.folder / "app.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen([self.program, "serve"], env=self.environment, stdout=log, stderr=log)
        self.ends.callback(self.stop)
        for _ in range(600):
            with contextlib.suppress(urllib.error.URLError, OSError):
                urllib.request.urlopen(f"{self.url}/health/ready")
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise SystemExit("the app is not ready:\n" + self.log.read_text())

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=40)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def certificates(self):
        config = self.folder / "openssl.cnf"
        config.write_text(CONFIG)

        def openssl(*arguments):
            subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, stderr=subprocess.DEVNULL)

        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-config", "openssl.cnf"]
        openssl("req", "-x509", *curve, "-extensions", "ca", "-subj", "/CN=stand", "-keyout", "ca.key", "-out", "ca.pem",
                "-days", "2")
        openssl("req", *curve, "-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr")
        openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
                "-extfile", "openssl.cnf", "-extensions", "server", "-out", "server.pem")

    def database(self):
        """PostgreSQL does not run as root: then as `postgres`, or as nobody."""
        bin, self.port = programs(), free_port()
        names = {entry.pw_name: entry for entry in pwd.getpwall()}
        user = names.get("postgres") or names["nobody"] if os.geteuid() == 0 else None
        home = self.folder / "postgres"
        home.mkdir()
        for name in ["server.key", "server.pem"]:
            shutil.move(self.folder / name, home / name)
        (home / "server.key").chmod(0o600)
        (home / "password").write_text("password-of-the-stand")
        if user:
            for path in [home, *home.iterdir()]:
                os.chown(path, user.pw_uid, user.pw_gid)
        run = dict(cwd=home, user=user.pw_uid, group=user.pw_gid) if user else dict(cwd=home)
        quiet = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        subprocess.run([bin / "initdb", "-D", home / "data", "-U", "postgres", "--auth=scram-sha-256", "--pwfile",
                        home / "password", "-N"], check=True, **run, **quiet)
        settings = {"listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": home, "ssl": "on",
                    "ssl_cert_file": home / "server.pem", "ssl_key_file": home / "server.key", "max_connections": 200}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        server = subprocess.Popen([bin / "postgres", "-D", home / "data", *options], **run, **quiet)

        def stop():
            server.send_signal(signal.SIGINT)
            server.wait(timeout=30)

        self.ends.callback(stop)
