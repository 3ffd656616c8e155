#!/usr/bin/env python3
"""Runs the tests or the demo, with everything they need beside Rust installed into the build folder.

    run.py test [--strict] [cargo test's arguments]
    run.py demo
    run.py tools          installs only, and prints the environment variables

Skipped tests are named at the end; with --strict a skip is a failure. What was started is ended, also on Ctrl-C.
"""
import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import venv

ROOT = pathlib.Path(__file__).resolve().parents[2]
NEEDS = ROOT / "tests" / "tools" / "requirements.txt"
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


def tools():
    """The folder with the tools' programs; installed when it is not there for these very versions."""
    mark = hashlib.sha256(NEEDS.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = target() / "tools" / f"python-{mark}"
    if not (folder / "complete").exists():
        say(f"installing the emulator into {folder}")
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        subprocess.run([folder / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", "-r", NEEDS],
                       check=True)
        (folder / "complete").touch()
    return folder / "bin"


def environment():
    """For everything that is run: the tools' places, and no credentials but those for emulators."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    where = tools()
    env.update(PROVISIONER_MOTO=str(where / "moto_server"), PROVISIONER_AWS_CLI=str(where / "aws"),
               AWS_EC2_METADATA_DISABLED="true")
    return env


def test(arguments):
    strict = "--strict" in arguments
    arguments = [a for a in arguments if a != "--strict"]
    with tempfile.TemporaryDirectory() as folder:
        skips = pathlib.Path(folder) / "skips"
        env = environment() | {"PROVISIONER_SKIPS": str(skips)}
        command = ["cargo", "test", "--workspace", "--locked", "--no-fail-fast", *arguments]
        code = subprocess.run(command, cwd=ROOT, env=env).returncode
        skipped = sorted(set(skips.read_text().splitlines())) if skips.exists() else []
    for line in skipped:
        print(paint("33", f"SKIPPED {line}"))
    if skipped and strict:
        print(paint("31", f"{len(skipped)} skipped, and none may be here"))
    return code or (1 if skipped and strict else 0)


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


def demo():
    env = environment()
    say("building the command line")
    subprocess.run(["cargo", "build", "--locked", "--workspace"], cwd=ROOT, env=env, check=True)
    program = target() / "debug" / "provisioner"
    with Emulator(env) as emulator, tempfile.TemporaryDirectory() as folder:
        shutil.copytree(ROOT / "environments", pathlib.Path(folder) / "environments")
        env |= {"AWS_ENDPOINT_URL": emulator.url, "AWS_ACCESS_KEY_ID": "demo", "AWS_SECRET_ACCESS_KEY": "demo"}

        def run(expected, *arguments):
            say("provisioner " + " ".join(arguments))
            code = subprocess.run([program, "-C", folder, *arguments], env=env).returncode
            if code != expected:
                raise SystemExit(f"`provisioner {' '.join(arguments)}` ended with {code}, not {expected}")

        say(f"moto, an emulator of AWS, is at {emulator.url}")
        run(0, "plan", "dev")
        run(0, "apply", "dev", "--yes")
        run(0, "plan", "dev", "--detailed-exitcode")
        run(0, "outputs", "dev")
        run(0, "destroy", "dev", "--yes")
        say("done: made, unchanged, and gone again")
    return 0


def main():
    # Ended from outside, everything that was started is ended too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    what, arguments = (sys.argv[1:2] or [""])[0], sys.argv[2:]
    if what == "test":
        return test(arguments)
    if what == "demo":
        return demo()
    if what == "tools":
        for name, value in environment().items():
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
