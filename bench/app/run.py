#!/usr/bin/env python3
"""Measures the app: requests a second and p99, beside the framework's floor, and memory. Needs PostgreSQL and `wrk`.

    run.py [SECONDS]      for each measurement; 10 by default. Writes README.md beside this file.
"""
import datetime
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "app" / "tools"))
import stand as stands  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
MANY = {"RATE_LIMIT_REQUESTS": "1000000", "RATE_LIMIT_SIGN_IN": "1000000", "RATE_LIMIT_REGISTER": "1000000",
        "DATABASE_CONNECTIONS": "20", "LOG_LEVEL": "warn"}
PASSWORD = "correct horse battery"


def call(url, body=None, token=None, method=None):
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers=headers, method=method)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def memory(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", text).group(1)) / 1024


def wrk(url, seconds, clients, script=None, environment=None):
    """Requests a second, p99 in ms, and how many answers were no 2xx."""
    command = ["wrk", "-t", "1", "-c", str(clients), "-d", f"{seconds}s", "--latency"]
    if script:
        command += ["-s", HERE / script]
    answer = subprocess.run([*command, url], check=True, stdout=subprocess.PIPE, text=True,
                            env={**os.environ, **(environment or {})}).stdout
    number, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", answer).groups()
    scale = {"us": 0.001, "ms": 1, "s": 1000}[unit]
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", answer)
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", answer).group(1))
    return rate, float(number) * scale, int(bad.group(1)) if bad else 0


def main():
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    if not shutil.which("wrk"):
        raise SystemExit("SKIPPED: the load measurement needs wrk")
    release = stands.build("--bin", "app", "--example", "floor")
    lines = []

    def note(what, measured, clients):
        rate, p99, bad = measured
        lines.append(f"| {what} | {clients} | {rate:,.0f} | {p99:.1f} | {bad} |")
        print(lines[-1], flush=True)
        return rate

    port = stands.free_port()
    floor = subprocess.Popen([release / "examples" / "floor", str(port)])
    # Floor and app in turn, so that a busy moment of the machine hits both.
    with stands.Stand(release / "app", MANY) as stand:
        try:
            time.sleep(1)
            rest = memory(stand.process.pid)
            rounds = []
            for _ in range(3):
                a = wrk(f"http://127.0.0.1:{port}/version", seconds, 64)
                b = wrk(f"{stand.url}/version", seconds, 64)
                rounds.append((b[0] / a[0], a, b))
            share, a, b = sorted(rounds)[1]
        finally:
            floor.kill()
            floor.wait()
        note("floor: axum, one handler, nothing around it", a, 64)
        note("read without the database (`GET /version`)", b, 64)
        call(f"{stand.url}/api/users", {"name": "ada", "password": PASSWORD})
        token = call(f"{stand.url}/api/sessions", {"name": "ada", "password": PASSWORD})["access_token"]
        accounts = [call(f"{stand.url}/api/accounts", {"name": f"Account {n}", "opening_balance": 100_000_000}, token)["id"]
                    for n in range(16)]
        environment = {"TOKEN": token, "ACCOUNTS": ",".join(accounts)}
        note("read with the database (`GET /api/accounts/{id}`, signed in)",
             wrk(f"{stand.url}/api/accounts/{accounts[0]}", seconds, 64, "read.lua", environment), 64)
        note("transfer (`POST /api/transfers`, 16 accounts)",
             wrk(f"{stand.url}/api/transfers", seconds, 64, "transfer.lua", environment), 64)
        note("sign-in (`POST /api/sessions`, Argon2id 19 MiB, t = 2)",
             wrk(f"{stand.url}/api/sessions", seconds, 8, "sign_in.lua", environment), 8)
        time.sleep(3)
        after = memory(stand.process.pid)
    size = (release / "app").stat().st_size / 2**20
    cpu = next((line.split(":")[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                if line.startswith("model name")), platform.machine())
    text = f"""# Load

Written by `python3 bench/app/run.py {seconds}` on {datetime.date.today()}: {os.cpu_count()} cores ({cpu}), with PostgreSQL, the app and the load generator (`wrk`) on the same machine. Load average at the end: {os.getloadavg()[0]:.1f}.

| request | clients | requests/s | p99, ms | not 2xx |
|---|---|---|---|---|
""" + "\n".join(lines) + f"""

Reads that need no database reach **{share:.0%}** of the floor (median of three alternating rounds); target: at least 70 %.

Memory: **{rest:.1f} MiB** at rest after the start, {after:.1f} MiB three seconds after the last measurement; target at rest: under 30 MiB. The binary has {size:.1f} MiB.
"""
    (HERE / "README.md").write_text(text)
    print(text)
    return 0 if share >= 0.7 and rest < 30 else 1


if __name__ == "__main__":
    sys.exit(main())
