#!/usr/bin/env python3
"""Runs the tests or the demo, with everything they need beside Rust installed into the build folder.

    run.py test [--strict] [cargo test's arguments]     with arguments, the app's own tests are left out
    run.py demo
    run.py emulator       starts moto, prints the variables for a shell, and runs until Ctrl-C
    run.py sweep          the fault sweep; SWEEP, SEED and STATE in the environment select its points
    run.py weather        bad weather; RUNS, SEED, WEATHER and JOBS in the environment set it
                          PROFILE in the environment is Cargo's for both of them
    run.py first-aws-run ENV    the first run on AWS: see `first_run.py`
    run.py tools          installs only, and prints the environment variables

Skipped tests are named at the end; with --strict a skip is a failure. What was started is ended, also on Ctrl-C.
"""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
NEEDS = ROOT / "tests" / "tools"
COLOUR = sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def paint(code, text):
    return f"\x1b[{code}m{text}\x1b[0m" if COLOUR else text


def say(text):
    print(paint("1", f"── {text}"), flush=True)


def target():
    """Cargo's build folder."""
    answer = subprocess.run(["cargo", "metadata", "--format-version", "1", "--no-deps", "--locked"],
                            cwd=ROOT, check=True, stdout=subprocess.PIPE)
    return pathlib.Path(json.loads(answer.stdout)["target_directory"])


def pythons():
    """Pythons that may be newer than the one that runs this."""
    yield os.environ.get("PROVISIONER_PYTHON")
    yield sys.executable
    for minor in (14, 13, 12):
        yield shutil.which(f"python3.{minor}")
    if shutil.which("pyenv"):
        root = subprocess.run(["pyenv", "root"], stdout=subprocess.PIPE, text=True).stdout.strip()
        yield from sorted(map(str, pathlib.Path(root).glob("versions/3.*/bin/python3")), reverse=True)


def python(least):
    """The first Python that is at least of this version, if there is one, and its whole version."""
    for program in filter(None, pythons()):
        asked = [program, "-c", "import sys; print(*sys.version_info[:2]); print(sys.version)"]
        answer = subprocess.run(asked, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        version, _, whole = answer.stdout.partition("\n")
        if answer.returncode == 0 and tuple(map(int, version.split())) >= least:
            return program, whole
    return None, None


def installed(needs, *options, least=(3, 9)):
    """The folder with the programs that a list of requirements brings; installed when it is not there for these very
    versions. None where no Python is new enough."""
    program, version = python(least)
    if not program:
        say(f"no Python {least[0]}.{least[1]} or later for {needs}: PROVISIONER_PYTHON names one")
        return None
    needs = NEEDS / needs
    mark = hashlib.sha256(needs.read_bytes() + version.encode()).hexdigest()[:12]
    folder = target() / "tools" / f"{needs.stem}-{mark}"
    if not (folder / "complete").exists():
        say(f"installing {needs.stem} into {folder}")
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([program, "-m", "venv", folder], check=True)
        subprocess.run([folder / "bin" / "pip", "install", "--quiet", "--no-compile", "--disable-pip-version-check",
                        *options, "-r", needs], check=True)
        (folder / "complete").touch()
    return folder / "bin"


# Each tool: the variable that names its program, the program, its requirements, pip's options, the oldest Python. The demo
# installs those that it runs, the tests all of them.
TOOLS = {
    "moto": ("PROVISIONER_MOTO", "python", "moto.txt", [], (3, 9)),
    "aws": ("PROVISIONER_AWS_CLI", "aws", "aws-cli.txt", [], (3, 9)),
    "ministack": ("PROVISIONER_MINISTACK", "ministack", "ministack.txt", [], (3, 9)),
    "localemu": ("PROVISIONER_LOCALEMU", "localemu", "localemu.txt", ["--no-deps"], (3, 12)),
    "templates": ("PROVISIONER_TEMPLATES", "python", "templates.txt", ["--no-deps"], (3, 10)),
}


def environment(*tools):
    """Environment variables for all that is run: the places of these tools, and no credentials of the user's."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    env["AWS_EC2_METADATA_DISABLED"] = "true"
    for tool in tools:
        variable, program, needs, options, least = TOOLS[tool]
        folder = installed(needs, *options, least=least)
        if folder:
            env[variable] = str(folder / program)
    return env


def leftovers():
    """Removes the containers and images of emulators that an interrupted test has left: theirs by label or name, and
    ended by their port."""
    if not shutil.which("docker"):
        return
    listed = subprocess.run(["docker", "ps", "--all", "--format", '{{.ID}} {{.Label "ministack.instance"}}'],
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    for line in listed.splitlines():
        container, _, instance = line.partition(" ")
        owner, _, port = instance.partition(":")
        if owner == "provisioner-test" and ended(int(port)):
            subprocess.run(["docker", "rm", "--force", "--volumes", container], stdout=subprocess.DEVNULL)
    images = ["docker", "images", "--digests", "--format", "{{.Repository}} {{.Tag}} {{.Digest}}"]
    listed = subprocess.run(images, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    for line in listed.splitlines():
        repository, tag, digest = line.split(" ")
        port = re.match(r"127\.0\.0\.1:(\d+)/(dev|prod)-registry-", repository)
        if port and ended(int(port[1])):
            # By name, since the same image may have others' names.
            names = [repository + mark + what for mark, what in ((":", tag), ("@", digest)) if what != "<none>"]
            subprocess.run(["docker", "rmi", *names], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def ended(port):
    """Whether nobody listens there any more, or stops to within a moment."""
    for _ in range(20):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return True
        time.sleep(0.1)
    return False


def run(command, env):
    """Runs a command with all that it starts in a group of their own, which ends with us."""
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        return process.wait()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def test(arguments, programs=None):
    strict = "--strict" in arguments
    arguments = [a for a in arguments if a != "--strict"]
    with tempfile.TemporaryDirectory() as folder:
        files = {name: pathlib.Path(folder) / name for name in ("skips", *JUDGES)}
        env = environment(*(programs or TOOLS)) | {"PROVISIONER_SKIPS": str(files["skips"])}
        env |= {variable: str(files[name]) for name, (variable, _) in JUDGES.items()}
        # Cargo ignores `--package` beside `--workspace`.
        every = [] if {"-p", "--package"} & set(arguments) else ["--workspace"]
        command = ["cargo", "test", *every, "--locked", "--no-fail-fast", *arguments]
        try:
            code = run(command, env)
            if not arguments:
                code = app(env) or code
        finally:
            leftovers()
        skipped = sorted(set(files["skips"].read_text().splitlines())) if files["skips"].exists() else []
        for name in JUDGES:
            code = judgement(name, files[name]) or code
    for line in skipped:
        print(paint("33", f"SKIPPED {line}"))
    if skipped and strict:
        print(paint("31", f"{len(skipped)} skipped, and none may be here"))
    return code or (1 if skipped and strict else 0)


# Each file about what was judged: the variable that names it for the judge, and the judge's folder.
JUDGES = {
    "judged": ("PROVISIONER_JUDGED", "judge"),
    "judged-templates": ("PROVISIONER_TEMPLATES_JUDGED", "templates"),
}


def judgement(name, judged):
    """Says what a judge judged in this run, and keeps it for its `table.py`."""
    if not judged.exists():
        return 0
    kept = target() / name
    shutil.copy(judged, kept)
    print(f"{kept}: ", end="", flush=True)
    return subprocess.run([sys.executable, NEEDS / JUDGES[name][1] / "table.py", "--check", kept]).returncode


def app(env):
    """The app's own tests: it is a workspace of its own, and so is its build folder."""
    manifest = str(ROOT / "app" / "Cargo.toml")
    command = ["cargo", "test", "--manifest-path", manifest, "--locked", "--no-fail-fast"]
    return run(command, env | {"CARGO_TARGET_DIR": str(target() / "app")})


class Emulator:
    """moto behind the tests' front, in a process group of its own so that nothing of it outlives us."""

    def __init__(self, env):
        self.process = subprocess.Popen([target() / "debug" / "provisioner-emulator"], env=env, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
        self.url = self.process.stdout.readline().strip()
        if not self.url:
            raise SystemExit("the emulator did not start")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            pass
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def docker():
    """Whether a Docker engine answers."""
    quiet = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return bool(shutil.which("docker")) and subprocess.run(["docker", "info"], **quiet).returncode == 0


def build():
    """Builds the command line, and the emulator's program."""
    programs = ["--package", "provisioner-cli", "--bin", "provisioner",
                "--package", "provisioner-tests", "--bin", "provisioner-emulator"]
    subprocess.run(["cargo", "build", "--locked", *programs], cwd=ROOT, check=True)


def emulator():
    env = environment("moto")
    build()
    with Emulator(env) as running:
        print(f"export AWS_ENDPOINT_URL={running.url} AWS_ACCESS_KEY_ID=demo AWS_SECRET_ACCESS_KEY=demo", flush=True)
        say("moto runs until Ctrl-C, and then forgets everything")
        running.process.wait()
    return 1


def demo():
    started = time.monotonic()

    def stage(text):
        minutes, seconds = divmod(int(time.monotonic() - started), 60)
        say(f"[{minutes}:{seconds:02}] {text}")

    stage("installing moto, an emulator of AWS, into the build folder: about a minute, the first time only")
    # pip waits for the network while Cargo has work for every core.
    with concurrent.futures.ThreadPoolExecutor() as pool:
        moto = pool.submit(environment, "moto")
        stage("building provisioner: from an empty build folder, the AWS SDK takes about 8 minutes on 2 cores; later, "
              "seconds")
        build()
        env = moto.result()
    program = target() / "debug" / "provisioner"
    with Emulator(env) as emulator, tempfile.TemporaryDirectory() as folder:
        shutil.copytree(ROOT / "environments", pathlib.Path(folder) / "environments")
        env |= {"AWS_ENDPOINT_URL": emulator.url, "AWS_ACCESS_KEY_ID": "demo", "AWS_SECRET_ACCESS_KEY": "demo"}

        def run(expected, *arguments):
            stage("provisioner " + " ".join(arguments))
            code = subprocess.run([program, "-C", folder, *arguments], env=env).returncode
            if code != expected:
                raise SystemExit(f"`provisioner {' '.join(arguments)}` ended with {code}, not {expected}")

        stage(f"moto is at {emulator.url}: plan, apply, plan again, outputs, destroy; about half a minute")
        run(0, "plan", "dev")
        # moto has no load balancer that answers requests.
        run(0, "apply", "dev", "--yes", "--no-verification")
        run(0, "plan", "dev", "--detailed-exitcode")
        run(0, "outputs", "dev")
        run(0, "destroy", "dev", "--yes")
        stage("done: created, unchanged in the second plan, destroyed")
    if not docker():
        say("no Docker engine answers, so the demo ends here; with one, it goes on to run the app in containers")
        return 0
    stage("building the app's image: about 5 minutes on 2 cores, the first time only")
    subprocess.run([program, "-C", ROOT, "image", "build", "dev"], env=env, check=True)
    stage("building the test that runs everything on Docker, and installing ministack, an emulator that starts "
          "containers: about 3 minutes, the first time only")
    # The test prints its steps, and its name with the reason where it was skipped.
    return test(["--package", "provisioner-tests", "--test", "it", "--", "--nocapture", "the_whole_system_on_docker"],
                programs=["moto", "aws", "ministack", "templates"])


def long(name):
    """A test that the plain tests leave out; PROFILE=release pays where it runs for more than an hour."""
    profile = os.environ.get("PROFILE") or "dev"
    return test(["--package", "provisioner-tests", "--test", "it", "--profile", profile, "--", "--nocapture", "--ignored",
                 name], programs=["moto", "aws", "templates"])


def sweep():
    """The whole fault sweep, or the part that the variables SWEEP and SEED select: the plain tests run a few points."""
    return long("fault_sweep::every_interruption_converges")


def weather():
    """Bad weather, as often as the variable RUNS says: the plain tests have one run."""
    return long("fault_sweep::weather::environments_survive_bad_weather")


def main():
    # Ended from outside, everything that was started is ended too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    what, arguments = (sys.argv[1:2] or [""])[0], sys.argv[2:]
    if what == "test":
        return test(arguments)
    if what == "demo":
        return demo()
    if what == "emulator":
        return emulator()
    if what == "sweep":
        return sweep()
    if what == "weather":
        return weather()
    if what == "first-aws-run":
        import first_run
        return first_run.main(arguments, sys.modules[__name__])
    if what == "tools":
        for name, value in environment(*TOOLS).items():
            if name.startswith("PROVISIONER_"):
                print(f"{name}={value}")
        return 0
    print(__doc__, file=sys.stderr)
    return 64


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except subprocess.CalledProcessError as error:
        sys.exit(f"{error.cmd[0]} ended with {error.returncode}")
