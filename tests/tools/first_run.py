"""The first run on AWS: plan, apply, plan, drift, stop, start and destroy of an environment, with every call recorded, and
the same on the emulator. `recordings.py` compares the two. docs/guide/first-aws-run.md is the guide.

    run.py first-aws-run ENV [--limit MINUTES] [--confirm ENV] [--destroy]

`--confirm` gives the consent where there is no terminal. `--destroy` only destroys what an earlier run has left. With
AWS_ENDPOINT_URL, the run is against that endpoint instead of AWS. The other options are for the tests: `--program` is a
built `provisioner`, `--folder` the folder with `environments`, `--out` the folder of the results, `--emulator` the URL of a
running emulator, `--pace` options of every command, and `--no-emulator` leaves the comparison out.
"""
import argparse
import collections
import dataclasses
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tarfile
import time

import recordings

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Prices of us-east-1 in USD, on demand, without the free tier, collected on 2026-11-28 without access to AWS's own pages:
# those of NAT gateways, addresses, load balancers, Fargate, storage, web ACLs and t4g classes up to medium as articles of
# 2026 cite the pages; the others were not looked up. The page beside each price is the authority.
PRICES_OF = "us-east-1, collected on 2026-11-28"
HOURS_OF_A_MONTH = 730
NAT_GATEWAY = 0.045  # https://aws.amazon.com/vpc/pricing/
INTERFACE_ENDPOINT = 0.01  # for each zone: https://aws.amazon.com/privatelink/pricing/
PUBLIC_ADDRESS = 0.005  # https://aws.amazon.com/vpc/pricing/
LOAD_BALANCER = 0.0225 + 0.008  # with one LCU: https://aws.amazon.com/elasticloadbalancing/pricing/
FARGATE = {"X86_64": (0.04048, 0.004445), "ARM64": (0.03238, 0.00356)}  # vCPU, GB: https://aws.amazon.com/fargate/pricing/
# PostgreSQL in one zone: https://aws.amazon.com/rds/postgresql/pricing/
DATABASE = {
    "db.t3.micro": 0.018, "db.t3.small": 0.036, "db.t3.medium": 0.072, "db.t3.large": 0.145,
    "db.t4g.micro": 0.016, "db.t4g.small": 0.032, "db.t4g.medium": 0.065, "db.t4g.large": 0.129,
}
DATABASE_STORAGE = 0.115 / HOURS_OF_A_MONTH  # for each GB of gp3: the same page
KEY = 1.00 / HOURS_OF_A_MONTH  # https://aws.amazon.com/kms/pricing/
SECRET = 0.40 / HOURS_OF_A_MONTH  # https://aws.amazon.com/secrets-manager/pricing/
WEB_ACL = 5.00 / HOURS_OF_A_MONTH  # https://aws.amazon.com/waf/pricing/
WEB_ACL_RULE = 1.00 / HOURS_OF_A_MONTH  # the same page
ALARM = 0.10 / HOURS_OF_A_MONTH  # https://aws.amazon.com/cloudwatch/pricing/
DASHBOARD = 3.00 / HOURS_OF_A_MONTH  # the same page

# Minutes of a run of `dev` by the orders of magnitude in docs/reliability.md. No run on AWS has confirmed them yet.
EXPECTED_MINUTES = 60
DEFAULT_LIMIT = 120
# Seconds between an interrupt, a second one and the kill of a command.
GRACE = 60
DESTROY_ATTEMPTS = 4


@dataclasses.dataclass
class Step:
    """A command that has run."""
    name: str
    code: int
    seconds: float
    # The reason for which it was interrupted.
    cut: str = ""
    expected: int = 0

    @property
    def failed(self):
        return bool(self.cut) or self.code != self.expected


class Stop:
    """The hard stop: a limit of time, Ctrl-C or SIGTERM. The destroy is not subject to it."""

    def __init__(self, minutes):
        self.minutes, self.signal, self.deadline = minutes, "", float("inf")

    def start(self):
        """Starts the clock. Up to here, an interrupt ends the program, which has made nothing."""
        self.deadline = time.monotonic() + self.minutes * 60
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self.note)

    def note(self, number, _):
        self.signal = signal.Signals(number).name
        say(f"{self.signal}: no further step starts; what was made is destroyed, and that is not interrupted")

    def reason(self):
        if self.signal:
            return self.signal
        return f"the limit of {self.minutes:g} minutes" if time.monotonic() > self.deadline else ""


class Place:
    """A folder with environments and a state, an endpoint, and the recordings of the commands that ran there."""

    def __init__(self, title, program, work, out, env, options):
        self.title, self.program, self.work, self.out, self.env, self.options = title, program, work, out, env, options
        self.steps = []

    def command(self, arguments):
        pace = self.options["pace"] if arguments[0] in PACED else []
        extra = self.options.get(arguments[0], [])
        return [str(self.program), "-C", str(self.work), *arguments, *pace, *extra]

    def ask(self, *arguments):
        """The output of a command that is not recorded."""
        answer = subprocess.run(self.command(arguments), env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)
        return answer.stdout if answer.returncode == 0 else None

    def run(self, name, arguments, stop=None, expected=0):
        """Runs a command with its calls recorded, up to its end or the hard stop."""
        folder = self.out / f"{len(self.steps) + 1:02}-{name}"
        folder.mkdir(parents=True)
        say(f"{self.title}: provisioner {' '.join(arguments)}")
        started, cut = time.monotonic(), ""
        with open(folder / "stdout.txt", "wb") as out, open(folder / "stderr.txt", "wb") as err:
            # In a group of its own, so that a Ctrl-C reaches it through the hard stop only.
            process = subprocess.Popen(self.command(arguments), env=self.env | {"PROVISIONER_RECORD": str(folder)},
                                       stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True)
            # The command ends after the calls in flight, at a second interrupt as soon as the state is saved.
            signals, due = [signal.SIGINT, signal.SIGINT, signal.SIGKILL], 0
            try:
                while process.poll() is None:
                    time.sleep(0.1)
                    cut = cut or (stop.reason() if stop else "")
                    if cut and signals and time.monotonic() >= due:
                        os.killpg(process.pid, signals.pop(0))
                        due = time.monotonic() + GRACE
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
        step = Step(name, process.returncode, time.monotonic() - started, cut, expected)
        self.steps.append(step)
        if step.failed:
            why = f"interrupted by {cut}" if cut else f"exit code {step.code}, expected {expected}"
            tail = (folder / "stderr.txt").read_text(errors="replace").strip().splitlines()[-15:]
            tell(f"{why}\n  " + "\n  ".join(tail))
        return step


# Commands that take the options of the engine's timing.
PACED = ("plan", "apply", "destroy", "drift", "stop", "start")


def tell(text):
    """Prints. A terminal or a pipe that is gone must not keep a run from its destroy."""
    try:
        print(text, flush=True)
    except OSError:
        pass


def say(text):
    tell(f"── {text}")


def inputs(resource):
    """The inputs that a plan gives a resource."""
    return {change["field"]: change.get("after") for change in resource["changes"]}


def costs(plan):
    """What the planned resources cost: (what, number, USD an hour), and what has no price here."""
    kinds = collections.defaultdict(list)
    for resource in plan["resources"].values():
        kinds[resource["type"].removeprefix("aws:")].append(inputs(resource))
    lines, unpriced = [], []

    def add(what, number, price):
        if number:
            lines.append((what, number, number * price))

    balancers = kinds["elasticloadbalancingv2:load-balancer"]
    public = [one for one in balancers if one.get("scheme") != "internal"]
    addresses = len(kinds["ec2:elastic-ip"]) + sum(len(one.get("subnets") or []) for one in public)
    endpoints = [one for one in kinds["ec2:vpc-endpoint"] if one.get("vpc_endpoint_type") == "Interface"]
    add("NAT gateway", len(kinds["ec2:nat-gateway"]), NAT_GATEWAY)
    add("interface endpoint, by zone", sum(len(one.get("subnet_ids") or []) for one in endpoints), INTERFACE_ENDPOINT)
    add("public IPv4 address", addresses, PUBLIC_ADDRESS)
    add("load balancer, with one capacity unit", len(balancers), LOAD_BALANCER)
    for service, task in zip(kinds["ecs:service"], kinds["ecs:task-definition"]):
        cpu, memory = int(task["cpu"]) / 1024, int(task["memory"]) / 1024
        processor = (task.get("runtime_platform") or {}).get("cpu_architecture", "X86_64")
        vcpu, gigabyte = FARGATE[processor]
        add(f"Fargate task, {cpu:g} vCPU, {memory:g} GB, {processor}", int(service["desired_count"]),
            cpu * vcpu + memory * gigabyte)
    for database in kinds["rds:instance"]:
        zones = 2 if database.get("multi_az") else 1
        if database["db_instance_class"] in DATABASE:
            add(f"database {database['db_instance_class']}, by zone", zones, DATABASE[database["db_instance_class"]])
        else:
            unpriced.append(f"database of the class {database['db_instance_class']}")
        add("GB of the database's storage", zones * int(database["allocated_storage"]), DATABASE_STORAGE)
    managed = sum(bool(one.get("manage_master_user_password")) for one in kinds["rds:instance"])
    add("secret", len(kinds["secretsmanager:secret"]) + managed, SECRET)
    add("KMS key", len(kinds["kms:key"]), KEY)
    add("web ACL", len(kinds["wafv2:web-acl"]), WEB_ACL)
    add("rule of a web ACL", sum(len(one.get("rules") or []) for one in kinds["wafv2:web-acl"]), WEB_ACL_RULE)
    add("alarm", len(kinds["cloudwatch:alarm"]), ALARM)
    add("dashboard", len(kinds["cloudwatch:dashboard"]), DASHBOARD)
    return lines, unpriced


def announce(plan, place, limit):
    """Prints what the run will make, what it costs and how long it takes."""
    kinds = collections.Counter(resource["type"] for resource in plan["resources"].values())
    say(f"{place.title}: account {plan['account']}, region {plan['region']}")
    tell(f"makes {sum(kinds.values())} objects: " + ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items())))
    lines, unpriced = costs(plan)
    hourly = sum(price for *_, price in lines)
    tell(f"\ncosts, at prices of {PRICES_OF} (tests/tools/first_run.py names the pages):")
    for what, number, price in lines:
        tell(f"  {number:4} {what:45} {price:8.4f} USD an hour")
    tell(f"  {'all':50} {hourly:8.4f} USD an hour")
    for what in unpriced:
        tell(f"  not included, because no price is known here: {what}")
    tell("  not included: data transfer, logs, stored images, requests; cents for a run")
    tell(f"  a run of {EXPECTED_MINUTES} minutes: {hourly * EXPECTED_MINUTES / 60:.2f} USD; up to the limit: "
          f"{hourly * limit / 60:.2f} USD")
    tell(f"\ntakes about {EXPECTED_MINUTES} minutes for `dev`. After {limit:g} minutes (LIMIT), at Ctrl-C, at SIGTERM or "
          "after a failed step, everything is destroyed.")
    return hourly


def consent(environment, confirm):
    """Asks for the environment's name."""
    if confirm is None and sys.stdin.isatty():
        confirm = input(f"\nType the environment's name, {environment}, to go on: ")
    if confirm is None:
        sys.exit(f"no terminal to ask on: --confirm {environment} (CONFIRM={environment} of make) gives the consent")
    if confirm != environment:
        sys.exit(f"expected {environment}, found {confirm!r}: nothing was made")


def scenario(place, environment, stop, ask=lambda plan: None):
    """Runs the steps up to the first failure, and then the destroy. Returns the entries of the state before it."""
    def step(name, arguments):
        return not place.run(name, arguments, stop).failed

    rows = {}
    if not step("plan", ["plan", environment, "--json"]):
        return rows
    ask(json.loads((place.out / "01-plan" / "stdout.txt").read_text()))
    try:
        if (step("apply", ["apply", environment, "--yes"])
                and step("plan-again", ["plan", environment, "--detailed-exitcode"])
                and step("drift", ["drift", environment, "--detailed-exitcode"])
                and step("stop", ["stop", environment, "--yes"])):
            step("start", ["start", environment, "--yes"])
    finally:
        rows = entries(place, environment)
        destroy(place, environment)
    return rows


def entries(place, environment):
    """The entries of the state: none before the first apply, `None` if the state cannot be read."""
    if not (place.work / "state" / environment).exists():
        return {}
    listed = place.ask("state", "list", environment, "--json")
    return None if listed is None else json.loads(listed)


def destroy(place, environment):
    """Destroys, and repeats a destroy that fails. Nothing interrupts it."""
    if not (place.work / "state" / environment).exists():
        return
    for attempt in range(1, DESTROY_ATTEMPTS + 1):
        if not place.run("destroy", ["destroy", environment, "--yes", "--confirm", environment]).failed:
            return
        say(f"attempt {attempt} of {DESTROY_ATTEMPTS} to destroy failed")
        # A stopped database refuses the end of its deletion protection.
        if any(step.name == "stop" for step in place.steps):
            place.run("start-to-destroy", ["start", environment, "--yes"])
        time.sleep(1 if "AWS_ENDPOINT_URL" in place.env else 30)


# The calls by which an object of the state is asked for, independently of Provisioner: by type, the arguments of the AWS
# CLI and the answers that mean that the object is gone. Types whose objects cost, and types that the tagging API lacks.
DIRECT = {
    "aws:cloudwatch:dashboard": ("cloudwatch get-dashboard --query DashboardName --dashboard-name", ()),
    "aws:ec2:elastic-ip": ("ec2 describe-addresses --query Addresses[0].AllocationId --allocation-ids", ()),
    "aws:ec2:nat-gateway": ("ec2 describe-nat-gateways --query NatGateways[0].State --nat-gateway-ids", ("deleted",)),
    "aws:elasticloadbalancingv2:load-balancer":
        ("elbv2 describe-load-balancers --query LoadBalancers[0].State.Code --load-balancer-arns", ()),
    "aws:iam:policy": ("iam get-policy --query Policy.Arn --policy-arn", ()),
    "aws:iam:role": ("iam get-role --query Role.Arn --role-name", ()),
    "aws:kms:key": ("kms describe-key --query KeyMetadata.KeyState --key-id", ("PendingDeletion",)),
    "aws:rds:instance":
        ("rds describe-db-instances --query DBInstances[0].DBInstanceStatus --db-instance-identifier", ()),
}

# Objects that the tagging API lists after they were deleted, or that AWS keeps for a while: a part of the ARN, the call that
# says so with the ARN ({arn}) or its last part ({id}), its answers, and the reason.
EXCEPTIONS = (
    (":key/", "kms describe-key --query KeyMetadata.KeyState --key-id {arn}", ("PendingDeletion",),
     "AWS deletes a key after its waiting period, and charges nothing for it meanwhile"),
    (":natgateway/", "ec2 describe-nat-gateways --query NatGateways[0].State --nat-gateway-ids {id}", ("deleted",),
     "a deleted gateway stays listed for about an hour"),
    (":vpc-endpoint/", "ec2 describe-vpc-endpoints --query VpcEndpoints[0].State --vpc-endpoint-ids {id}", ("deleted",),
     "a deleted endpoint stays listed for a while"),
    (":cluster/", "ecs describe-clusters --query clusters[0].status --clusters {arn}", ("INACTIVE",),
     "a deleted cluster stays listed as inactive, and costs nothing"),
    (":service/", "ecs describe-services --query services[0].status --cluster {cluster} --services {arn}", ("INACTIVE",),
     "a deleted service stays listed as inactive, and costs nothing"),
    (":task-definition/", "ecs describe-task-definition --query taskDefinition.status --task-definition {arn}",
     ("INACTIVE", "DELETE_IN_PROGRESS"), "a deregistered revision stays listed, and costs nothing"),
    (":secret:", "secretsmanager describe-secret --query DeletedDate!=null --secret-id {arn}", ("true",),
     "a deleted secret stays listed for its recovery window, and costs nothing"),
    (":snapshot:", "rds describe-db-snapshots --query DBSnapshots[0].SnapshotType --db-snapshot-identifier {arn}",
     ("manual",), "the environment keeps a final snapshot (`final_snapshot`), which costs money until it is deleted"),
)

# Errors of a call about an object that does not exist.
MISSING = re.compile(r"\(\S*(NotFound|NoSuch|NonExist|NotExist)\S*\)|InvalidAllocationID")


def client(place, region, command):
    """Calls AWS by the AWS CLI. Returns the answer, `gone` for an object that does not exist, or the error."""
    endpoint = place.env.get("AWS_ENDPOINT_URL")
    # The AWS CLI ignores the variable for RDS in us-east-1.
    at = ["--output", "json", "--region", region, *(["--endpoint-url", endpoint] if endpoint else [])]
    answer = subprocess.run([place.options["aws"], *shlex.split(command), *at], env=place.env, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if answer.returncode == 0:
        value = json.loads(answer.stdout or "null")
        return "gone" if value is None else value
    return "gone" if MISSING.search(answer.stderr) else answer.stderr.strip()


def proof(place, environment, project, region, rows):
    """Lists what is left, by calls that are not Provisioner's. Returns the remainders and the exceptions, as texts."""
    recorded = entries(place, environment)
    remains = [f"entry of the state: {address}" for address in recorded or ()]
    if recorded is None or rows is None:
        remains.append("the state cannot be read: `provisioner state verify` names the reason")
    for address, row in sorted((rows or {}).items()):
        command, gone = DIRECT.get(row["type"], (None, ()))
        # An interrupted create has no ID yet; its object has the tags below.
        for one in (one for one in row["objects"] if command and one.get("id")):
            state = client(place, region, f"{command} {shlex.quote(one['id'])}")
            if state != "gone" and state not in gone:
                remains.append(f"{row['type']} {address}: {state}")
    tags = f"--tag-filters Key=project,Values={project} Key=environment,Values={environment}"
    listing = f"resourcegroupstaggingapi get-resources {tags} --query ResourceTagMappingList[].ResourceARN"
    pause = 1 if "AWS_ENDPOINT_URL" in place.env else 30
    for attempt in range(10):
        listed, exceptions = client(place, region, listing), []
        if not isinstance(listed, list):
            return [*remains, f"the tagging API did not answer: {listed}"], []
        found = []
        for arn in sorted(listed):
            note = exception(place, region, arn)
            exceptions.append(note) if note else found.append(f"listed by its tags: {arn}")
        # The list follows a delete after a while.
        if not found:
            break
        time.sleep(pause)
    return remains + found, exceptions


def exception(place, region, arn):
    """Why an object that is listed may be, if it may."""
    for part, command, states, reason in EXCEPTIONS:
        if part in arn:
            last = arn.rsplit("/", 1)[-1]
            cluster = arn.split("/")[1] if arn.count("/") == 2 else "default"
            state = client(place, region, command.format(arn=shlex.quote(arn), id=last, cluster=cluster))
            text = json.dumps(state) if isinstance(state, bool) else str(state)
            if text == "gone" or text in states:
                return f"{without_account(arn)}: {text}. {reason[0].upper()}{reason[1:]}."
    return ""


def without_account(text):
    return re.sub(r"\b\d{12}\b", "ACCOUNT", text)


def workspace(folder, source, environment, with_app):
    """A folder with copies of the environment files and a state of its own."""
    file = source / "environments" / f"{environment}.toml"
    if not file.is_file():
        sys.exit(f"no environment file {file}")
    text = file.read_text()
    if re.search(r"(?m)^\s*\[state\]", text):
        sys.exit(f"{file} keeps its state in a bucket. The first run has its own state on this machine: use an environment "
                 "file without `[state]`")
    shutil.rmtree(folder / "environments", ignore_errors=True)
    shutil.copytree(source / "environments", folder / "environments")
    if with_app and not (folder / "app").exists():
        (folder / "app").symlink_to(source / "app")

    def value(key):
        found = re.search(rf'(?m)^{key}\s*=\s*"([^"]+)"', text)
        return found[1] if found else sys.exit(f"no `{key}` in {file}")

    return value("project"), value("region")


def options(endpoint, pace, aws):
    """Options of the commands, by command. An emulator has no load balancer that answers."""
    return {"pace": shlex.split(pace), "aws": aws, "apply": ["--no-verification"] if endpoint else []}


def parse(arguments):
    parser = argparse.ArgumentParser(prog="run.py first-aws-run")
    parser.add_argument("environment")
    parser.add_argument("--limit", type=float, default=DEFAULT_LIMIT)
    parser.add_argument("--confirm")
    parser.add_argument("--destroy", action="store_true")
    parser.add_argument("--program", type=pathlib.Path)
    parser.add_argument("--folder", type=pathlib.Path, default=ROOT)
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "first-run")
    parser.add_argument("--emulator")
    parser.add_argument("--no-emulator", action="store_true")
    parser.add_argument("--pace", default="")
    return parser.parse_args(arguments)


def main(arguments, tools):
    """`tools` is `run.py`, which installs and builds."""
    args = parse(arguments)
    environment, endpoint = args.environment, os.environ.get("AWS_ENDPOINT_URL", "")
    title = f"the endpoint {endpoint} instead of AWS" if endpoint else "AWS"
    installed = {"moto": "PROVISIONER_MOTO", "aws": "PROVISIONER_AWS_CLI"}
    clean = tools.environment(*(tool for tool, variable in installed.items() if variable not in os.environ))
    program = args.program
    if not program:
        tools.build()
        program = tools.target() / "debug" / "provisioner"
    # The user's own credentials: the emulator gets others.
    env = clean | {name: value for name, value in os.environ.items() if name.startswith("AWS_")} | {"NO_COLOR": "1"}
    args.out.mkdir(parents=True, exist_ok=True)
    work = args.out / "work"
    # An emulator has no registry for the app's image.
    project, region = workspace(work, args.folder, environment, with_app=not endpoint)
    place = Place(title, program, work, args.out / "aws", env, options(endpoint, args.pace, clean["PROVISIONER_AWS_CLI"]))
    left = entries(place, environment)
    if left != {} and not args.destroy:
        sys.exit(f"an earlier run has left entries in its state, {work / 'state'}: `make first-aws-run ENV={environment} DESTROY=1` "
                 "destroys their objects")
    for name in ("aws", "emulator"):
        shutil.rmtree(args.out / name, ignore_errors=True)
    if args.destroy:
        consent(environment, args.confirm)
        Stop(args.limit).start()
        destroy(place, environment)
        return finish(place, environment, proof(place, environment, project, region, left))
    if not endpoint:
        say("building the app's image")
        subprocess.run([program, "-C", work, "image", "build", environment], env=env, check=True)

    stop, hourly = Stop(args.limit), 0.0

    def ask(plan):
        nonlocal hourly
        hourly = announce(plan, place, args.limit)
        consent(environment, args.confirm)
        stop.start()

    started = time.monotonic()
    rows = scenario(place, environment, stop, ask)
    minutes = (time.monotonic() - started) / 60
    say("proof that nothing is left")
    rest = proof(place, environment, project, region, rows)
    code = finish(place, environment, rest)
    emulated = None
    if not args.no_emulator and not stop.signal:
        emulated = emulate(args, tools, clean, program, environment)
    facts = {
        "environment": f"`{environment}` in {region}", "against": title,
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()), "program": (place.ask("--version") or "").strip(),
        "duration": f"{minutes:.1f} minutes, with a limit of {args.limit:g}",
        "cost, by the estimate": f"{hourly * minutes / 60:.2f} USD at {hourly:.4f} USD an hour, prices of {PRICES_OF}",
    }
    report = recordings.report(facts, place, emulated, rest)
    (args.out / "REPORT.md").write_text(without_account(report))
    archive(args.out)
    say(f"{args.out / 'REPORT.md'} has the differences; hand in {args.out / 'hand-in.tar.gz'}")
    return code


def finish(place, environment, rest):
    """Says how the run has ended; returns the exit code."""
    remains, exceptions = rest
    for line in exceptions:
        tell(f"listed, as expected: {line}")
    for line in remains:
        tell(f"LEFT BEHIND: {line}")
    failed = [step for step in place.steps if step.failed]
    tell("nothing is left" if not remains else
          f"{len(remains)} objects are left: `make first-aws-run ENV={environment} DESTROY=1` tries again")
    for step in failed:
        tell(f"step {step.name} " + (f"was interrupted by {step.cut}" if step.cut else f"ended with {step.code}"))
    return 1 if remains or failed else 0


def emulate(args, tools, clean, program, environment):
    """Runs the same steps on the emulator."""
    work = args.out / "emulator" / "work"
    work.mkdir(parents=True)
    workspace(work, args.folder, environment, with_app=False)

    def at(url):
        keys = {"AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "NO_COLOR": "1"}
        place = Place("the emulator", program, work, args.out / "emulator", clean | keys,
                      options(url, "--consistency-window 0 --poll 0.2", clean["PROVISIONER_AWS_CLI"]))
        stop = Stop(DEFAULT_LIMIT)
        stop.start()
        scenario(place, environment, stop)
        return place

    if args.emulator:
        return at(args.emulator)
    with tools.Emulator(clean) as running:
        return at(running.url)


def archive(out):
    """Packs the report and the recordings, without the output of the commands, which has account numbers."""
    with tarfile.open(out / "hand-in.tar.gz", "w:gz") as packed:
        for file in [out / "REPORT.md", *sorted(out.glob("*/*/calls.jsonl"))]:
            packed.add(file, file.relative_to(out))
