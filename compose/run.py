#!/usr/bin/env python3
"""The app and its database on this machine, by Docker Compose.

    run.py setup              secrets and certificates into compose/secrets; what is there stays
    run.py build              the app's image, into this machine's Docker
    run.py up                 starts both and waits until they are healthy
    run.py status             what runs, and how it is
    run.py logs [SERVICE…]    follows what they say
    run.py backup [FILE]      the database into a file (default: compose/backups/app-TIME.dump)
    run.py restore FILE       puts such a file back, in one transaction; asks first, unless --yes
    run.py down               ends both; the data stay

OBSERVABILITY=1 adds Prometheus and Grafana to `up`, `status`, `logs` and `down`. PROVISIONER names the program that
builds the image; without it, Cargo builds that first.
"""
import datetime
import os
import pathlib
import secrets
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
SECRETS = HERE / "secrets"
BACKUPS = HERE / "backups"
PASSWORDS = ["database_admin_password", "database_password", "signing_key", "grafana_password"]
CERTIFICATES = ["database_ca.pem", "database_certificate.pem", "database_key.pem"]


def say(text):
    print(f"── {text}", file=sys.stderr, flush=True)


def compose(*arguments, **options):
    """Docker's own Compose, else the older program of that name."""
    plugin = subprocess.run(["docker", "compose", "version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    program = ["docker", "compose"] if plugin.returncode == 0 else ["docker-compose"]
    if program == ["docker-compose"] and not shutil.which("docker-compose"):
        raise SystemExit("needs Docker with Compose: neither `docker compose` nor `docker-compose` is here")
    profile = ["--profile", "observability"] if os.environ.get("OBSERVABILITY") == "1" else []
    project = os.environ.get("COMPOSE_PROJECT_NAME", "provisioner-app")
    command = [*program, "--file", str(HERE / "compose.yaml"), "--project-name", project, *profile, *arguments]
    return subprocess.run(command, check=options.pop("check", True), **options)


def keep(name, content):
    """Writes a secret. The folder keeps others out; the file is readable, since containers have users of their own."""
    file = SECRETS / name
    with tempfile.NamedTemporaryFile(dir=SECRETS, delete=False) as draft:
        draft.write(content)
        os.fchmod(draft.fileno(), 0o444)
    os.replace(draft.name, file)


def setup():
    SECRETS.mkdir(mode=0o700, exist_ok=True)
    SECRETS.chmod(0o700)
    for name in PASSWORDS:
        if not (SECRETS / name).exists():
            keep(name, secrets.token_hex(32).encode())
            say(f"made {name}")
    if not all((SECRETS / name).exists() for name in CERTIFICATES):
        python = tools() / "python"
        subprocess.run([python, HERE / "certificates.py", SECRETS], check=True)
        say("made the database's certificate, and the authority that signed it")
    say(f"all is in {SECRETS.relative_to(ROOT)}: keep it out of backups that others read")


def tools():
    """A virtual environment with what Python lacks for certificates."""
    folder = ROOT / "target" / "compose-tools"
    if not (folder / "complete").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        needs = HERE / "requirements.txt"
        subprocess.run([folder / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", "-r", needs],
                       check=True)
        (folder / "complete").touch()
    return folder / "bin"


def ready():
    missing = [name for name in PASSWORDS + CERTIFICATES if not (SECRETS / name).exists()]
    if missing:
        raise SystemExit(f"{', '.join(missing)} missing in {SECRETS.relative_to(ROOT)}: run `make setup` first")


def up():
    ready()
    # docker-compose 1.29 knows no --wait: the health of each container tells.
    compose("up", "--detach", "--remove-orphans")
    running = compose("ps", "--quiet", stdout=subprocess.PIPE, text=True).stdout.split()
    for container in running:
        wait(container)
    port = os.environ.get("APP_PORT", "8080")
    say(f"the app is at http://localhost:{port}")


def wait(container):
    """Until a container is healthy; the last lines that it said where it is not."""
    form = "{{.Name}} {{if .State.Health}}{{.State.Health.Status}}{{else}}{{.State.Status}}{{end}}"
    deadline = datetime.datetime.now() + datetime.timedelta(minutes=3)
    while True:
        asked = subprocess.run(["docker", "inspect", "--format", form, container], check=True, text=True,
                               stdout=subprocess.PIPE)
        name, state = asked.stdout.strip().lstrip("/").split()
        if state in ("healthy", "running"):
            say(f"{name} is {state}")
            return
        if state in ("unhealthy", "exited", "dead") or datetime.datetime.now() > deadline:
            subprocess.run(["docker", "logs", "--tail", "20", container])
            raise SystemExit(f"{name} is {state}; its last lines are above")
        subprocess.run(["sleep", "1"], check=True)


def backup(file=None):
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    file = pathlib.Path(file) if file else BACKUPS / f"app-{now}.dump"
    file.parent.mkdir(mode=0o700, exist_ok=True)
    draft = file.with_name(file.name + ".part")
    with open(draft, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as out:
        compose("exec", "-T", "database", "pg_dump", "--format=custom", "--username=postgres", "app", stdout=out)
        out.flush()
        os.fsync(out.fileno())
    # Under its name only once it is whole.
    os.replace(draft, file)
    print(file)


def restore(*arguments):
    files = [argument for argument in arguments if argument != "--yes"]
    if len(files) != 1:
        raise SystemExit("which file? run.py restore FILE [--yes]; with make: make restore FILE=…")
    file = pathlib.Path(files[0])
    if not file.is_file():
        raise SystemExit(f"{file}: no such file")
    # A file that is none of ours is found before anything is stopped.
    with open(file, "rb") as content:
        listed = compose("exec", "-T", "database", "pg_restore", "--list", stdin=content, stdout=subprocess.DEVNULL,
                         check=False)
    if listed.returncode:
        raise SystemExit(f"{file} is no backup that pg_restore can read; nothing was changed")
    if "--yes" not in arguments and input("This replaces all that is in the database. Type `restore`: ") != "restore":
        raise SystemExit("nothing was changed")
    compose("stop", "app")
    try:
        with open(file, "rb") as content:
            done = compose("exec", "-T", "database", "pg_restore", "--username=postgres", "--dbname=app", "--clean",
                           "--if-exists", "--single-transaction", "--exit-on-error", stdin=content, check=False)
        if done.returncode:
            raise SystemExit("pg_restore failed: the database is as it was before")
    finally:
        up()


def build():
    image = os.environ.get("APP_IMAGE", "provisioner-app:local")
    stated = os.environ.get("PROVISIONER")
    program = [stated] if stated else ["cargo", "run", "--quiet", "--locked", "--package", "provisioner-cli", "--"]
    program += ["-C", str(ROOT)]
    with tempfile.TemporaryDirectory() as folder:
        archive = pathlib.Path(folder) / "image.tar"
        subprocess.run([*program, "image", "build", "dev"], cwd=ROOT, check=True)
        subprocess.run([*program, "image", "save", "dev", "--out", archive, "--name", image], cwd=ROOT, check=True)
        subprocess.run(["docker", "load", "--quiet", "--input", archive], check=True)


def main():
    commands = {
        "setup": setup, "build": build, "up": up, "backup": backup, "restore": restore,
        "status": lambda: compose("ps"),
        "logs": lambda *services: compose("logs", "--follow", "--tail=100", *services),
        "down": lambda: compose("down", "--remove-orphans"),
    }
    command = commands.get((sys.argv[1:2] or [""])[0])
    if command is None:
        print(__doc__, file=sys.stderr)
        return 64
    command(*sys.argv[2:])
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except subprocess.CalledProcessError as error:
        sys.exit(f"{pathlib.Path(str(error.cmd[0])).name} ended with {error.returncode}")
