#!/usr/bin/env python3
"""Fuzzes the app over its OpenAPI description: at least 5,000 cases, half of them as the description wants them and
half not, as nobody, as a user and as the administrator. Fails on any 5xx, on any answer that the description does not
list or does not describe, and when an operation gave fewer than 20 answers of 2xx.

    fuzz.py [CASES]       5200 by default. Installs schemathesis into the build folder.

Where generated values would never meet what is there (ids, passwords, tokens), some are put in: a fuzzer that only sees
401 and 404 finds nothing. Whoever was signed out, disabled, or given another password is signed in again.
"""
import collections
import hashlib
import os
import pathlib
import random
import shutil
import subprocess
import sys
import time
import uuid
import venv

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import stand as stands  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
NEEDS = HERE / "requirements.txt"
MANY = {"RATE_LIMIT_REQUESTS": "1000000", "RATE_LIMIT_SIGN_IN": "1000000", "RATE_LIMIT_REGISTER": "1000000"}
PASSWORD = "correct horse battery"
LEAST = 20
# Of its own: hypothesis sets the common one to the same start before each case.
CHOICE = random.Random()


def inside(arguments):
    """Runs this file again with schemathesis at hand."""
    mark = hashlib.sha256(NEEDS.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = stands.target() / "tools" / f"fuzz-{mark}"
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        subprocess.run([folder / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", "-r", NEEDS], check=True)
        (folder / "complete").touch()
    program = stands.tested()
    with stands.Stand(program, MANY) as stand:
        admin = stand.folder / "admin"
        subprocess.run([program, "create-admin", "--name", "root", "--password-file", admin], env=stand.environment, check=True)
        environment = {**os.environ, "FUZZ_URL": stand.url, "FUZZ_ADMIN": admin.read_text().strip()}
        code = subprocess.run([folder / "bin" / "python", __file__, "--inside", *arguments], env=environment).returncode
        wrong = [line for line in stand.log.read_text().splitlines() if '"level":"ERROR"' in line]
    for line in wrong[:10]:
        print(line)
    return code or (1 if wrong else 0)


class Person:
    """Somebody who is signed in, and is so again when that has ended."""

    def __init__(self, world, name, password):
        self.world, self.name, self.password = world, name, password
        self.tokens = self.id = None

    def sign_in(self):
        answer = self.world.call("POST", "/api/sessions", {"name": self.name, "password": self.password})
        self.tokens = answer.json()
        if self.tokens["must_change_password"]:
            change = {"old_password": self.password, "new_password": PASSWORD}
            self.tokens = self.world.call("PUT", "/api/users/me/password", change, self).json()
            self.password = PASSWORD
        self.id = self.world.call("GET", "/api/users/me", None, self).json()["id"]
        return self

    def header(self):
        return {"Authorization": "Bearer " + self.tokens["access_token"]}

    def again(self):
        """After a 401: enabled again where need be, and signed in."""
        if self.name != "root":
            root = self.world.root
            answer = self.world.call("PUT", f"/api/users/{self.id}/disabled", {"disabled": False}, root, check=False)
            if answer.status_code == 401:
                root.sign_in()
                self.world.call("PUT", f"/api/users/{self.id}/disabled", {"disabled": False}, root)
        self.sign_in()


class World:
    """What is there to be met."""

    def __init__(self, url, admin):
        import requests

        self.url, self.session, self.count = url, requests.Session(), 0
        self.root = Person(self, "root", admin).sign_in()
        self.user = self.new()
        self.accounts = [self.call("POST", "/api/accounts", {"name": "Fuzz", "opening_balance": 100_000_000}, self.user).json()["id"]
                         for _ in range(4)]

    def new(self):
        self.count += 1
        name = f"person-{self.count}"
        self.call("POST", "/api/users", {"name": name, "password": PASSWORD})
        return Person(self, name, PASSWORD).sign_in()

    def call(self, method, path, body=None, who=None, check=True):
        headers = who.header() if who else {}
        answer = self.session.request(method, self.url + path, json=body, headers=headers, timeout=30)
        if check:
            answer.raise_for_status()
        return answer

    def prepare(self, operation, case, valid):
        """Who asks; and values that are there, in half of the cases."""
        who = CHOICE.choices([None, self.user, self.root], [1, 6, 4])[0]
        body = case.body if isinstance(case.body, dict) else None
        if CHOICE.random() < 0.5:
            return who
        if operation == "GET /api/accounts/{id}":
            who, case.path_parameters = self.user, {"id": CHOICE.choice(self.accounts)}
        elif operation == "PUT /api/users/{id}/disabled":
            whom = CHOICE.choice([self.user, self.user, self.root])
            who, case.path_parameters = self.root, {"id": whom.id}
        elif operation == "POST /api/transfers" and body is not None and valid:
            who = self.user
            one, two = CHOICE.sample(self.accounts, 2)
            case.body = {"from": one, "to": two, "amount": CHOICE.choice([1, 2, 5, 7, 10**12, body.get("amount", 1)])}
            if CHOICE.random() < 0.8:
                case.headers["Idempotency-Key"] = CHOICE.choice([str(uuid.uuid4())] * 4 + ["always-the-same"])
        elif operation == "POST /api/sessions" and body is not None and valid:
            who = CHOICE.choice([self.user, self.root])
            case.body = {"name": who.name, "password": who.password}
        elif operation == "POST /api/sessions/refresh" and body is not None and valid:
            who = CHOICE.choice([self.user, self.root])
            case.body = {"refresh_token": who.tokens["refresh_token"]}
        elif operation == "PUT /api/users/me/password" and body is not None and valid:
            who = self.user
            case.body = {"old_password": who.password, "new_password": f"{PASSWORD} {uuid.uuid4()}"}
        elif operation == "POST /api/users" and body is not None and valid:
            case.body = {**body, "name": uuid.uuid4().hex}
        return who

    def learn(self, operation, case, who, answer):
        """What the answer changes for those who are signed in."""
        if operation == "PUT /api/users/me/password" and answer.status_code == 200:
            who.tokens, who.password = answer.json(), case.body["new_password"]
        elif operation == "POST /api/sessions/refresh" and answer.status_code == 200:
            who.tokens = answer.json()
        for person in [self.root, self.user]:
            if self.call("GET", "/api/users/me", None, person, check=False).status_code == 401:
                person.again()


def fuzz(cases):
    import schemathesis
    from hypothesis import HealthCheck, Phase, given, settings
    from schemathesis import GenerationMode
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        response_schema_conformance,
        status_code_conformance,
    )

    checks = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
    world = World(os.environ["FUZZ_URL"], os.environ["FUZZ_ADMIN"])
    schema = schemathesis.openapi.from_url(world.url + "/openapi.json")
    operations = [result.ok() for result in schema.get_all_operations()]
    statuses, problems = collections.defaultdict(collections.Counter), []
    ends_sessions = {"PUT /api/users/{id}/disabled", "DELETE /api/sessions/current", "POST /api/sessions/refresh",
                     "PUT /api/users/me/password"}

    def one(operation, case, valid):
        label = operation.label
        who = world.prepare(label, case, valid)
        headers = who.header() if who else {"Authorization": CHOICE.choice(["", "Bearer x", "Basic eDp4"])}
        answer = case.call(headers=headers, session=world.session, timeout=30)
        statuses[label][answer.status_code] += 1
        try:
            case.validate_response(answer, checks=checks)
        except (AssertionError, BaseExceptionGroup) as failure:
            problems.append(f"{label} answers {answer.status_code}: {answer.text[:200]}\n{str(failure)[:1500]}")
        if label in ends_sessions:
            world.learn(label, case, who, answer)

    share = -(-cases // len(operations))

    def run(operation, valid, count):
        limits = settings(max_examples=count, database=None, deadline=None, phases=[Phase.generate],
                          suppress_health_check=list(HealthCheck))
        mode = GenerationMode.POSITIVE if valid else GenerationMode.NEGATIVE
        limits(given(operation.as_strategy(generation_mode=mode))(lambda case: one(operation, case, valid)))()

    for operation in operations:
        raw = operation.definition.raw
        # Without parameters there is one case, which is worth more than one try: the state differs.
        if not raw.get("parameters") and not raw.get("requestBody"):
            for _ in range(share):
                one(operation, operation.Case(), True)
            continue
        run(operation, False, share // 2)
        # It can run out of values before it has that many.
        while (missing := share - sum(statuses[operation.label].values())) > 0:
            run(operation, True, missing)
    return statuses, problems


def main():
    if "--inside" not in sys.argv:
        return inside(sys.argv[1:])
    cases = int(([a for a in sys.argv[1:] if a.isdigit()] or ["5200"])[0])
    start = time.monotonic()
    statuses, problems = fuzz(cases)
    total, poor = 0, []
    for label, counts in sorted(statuses.items()):
        good = sum(count for status, count in counts.items() if 200 <= status < 300)
        total += sum(counts.values())
        if good < LEAST:
            poor.append(f"{label}: only {good} answers of 2xx")
        print(f"{label:40} " + "  ".join(f"{status}: {count}" for status, count in sorted(counts.items())))
    print(f"{total} cases in {time.monotonic() - start:.0f} s, {len(problems)} problems")
    for problem in sorted(set(problems))[:20] + poor:
        print("\n" + problem)
    return 1 if problems or poor or total < cases else 0


if __name__ == "__main__":
    sys.exit(main())
