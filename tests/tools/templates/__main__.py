"""Judges CloudFormation templates, as Provisioner writes them from its plans, by two packages: `cloudformation-validate`
of AWS, and the rules of `cdk-preflight`.

    templates           prints a port; a client sends templates there, one JSON object a line, closes its side of the
                        connection, and gets its findings as a JSON list of lines. Everything ends with the standard input.
    templates FILE…     prints the findings about these files

The file that PROVISIONER_TEMPLATES_JUDGED names gets a line for each different template: what each layer judged, and what
none did. `table.py` makes a table of them.
"""
import concurrent.futures
import json
import os
import pathlib
import re
import socketserver
import sys
import threading

import findings
import rules
from cloudformation_validate import ReportStatus

ROOT = pathlib.Path(__file__).resolve().parents[3]
WRITING = threading.Lock()


def types():
    """The CloudFormation resource types that Provisioner has."""
    text = "\n".join(file.read_text() for file in (ROOT / "provisioner/aws/src").rglob("*.rs"))
    return set(re.findall(r'"(AWS::\w+::\w+)"', text))


class Judge:
    def __init__(self):
        self.lock = threading.Lock()
        self.verdicts = {}
        # Two cores at most: the tests need theirs.
        self.pool = concurrent.futures.ThreadPoolExecutor(2)
        self.engine = self.pool.submit(rules.Engine, types())

    def verdict(self, line):
        """The findings about a template, for each text once. Fails as the judgement does."""
        with self.lock:
            if line not in self.verdicts:
                self.verdicts[line] = self.pool.submit(self.judged, json.loads(line))
        return self.verdicts[line].result()

    def judged(self, template):
        place = template["Metadata"]["Provisioner"]
        engine = self.engine.result()
        if not template["Resources"]:
            # Every declaration is of a type without a CloudFormation counterpart; CloudFormation refuses that.
            record(template, engine, [])
            return []
        report = engine.report(template, place["Region"], place["Account"])
        found = [findings.of(diagnostic, template) for diagnostic in report.diagnostics]
        accepted = [findings.exception(finding) for finding in found]
        lines = [str(finding) for finding, exception in zip(found, accepted) if not exception]
        if report.status != ReportStatus.OK:
            lines.append(f"the judgement is incomplete: {report.status.name} {report.metadata}")
        record(template, engine, [exception for exception in accepted if exception])
        return lines


def record(template, engine, exceptions):
    """Writes what was judged, and what was not, for `table.py`."""
    file = os.environ.get("PROVISIONER_TEMPLATES_JUDGED")
    if not file:
        return
    resources = {}
    for one in template["Resources"].values():
        type = one["Type"]
        row = resources.setdefault(type, {"count": 0, "rules": engine.rules_of(type), "properties": {}})
        row["count"] += 1
        row["properties"] |= {name: engine.names(type, name) for name in one.get("Properties", {})}
    line = {
        "resources": resources,
        "left out": template["Metadata"]["Provisioner"]["LeftOut"],
        "parameters": [one["Description"] for one in template.get("Parameters", {}).values()],
        "exceptions": exceptions,
    }
    with WRITING, open(file, "a") as out:
        out.write(json.dumps(line) + "\n")


class Client(socketserver.StreamRequestHandler):
    def handle(self):
        lines = {}
        for line in self.rfile:
            try:
                lines.update(dict.fromkeys(self.server.judge.verdict(line)))
            except Exception as error:  # a fault of the judge's own must fail the test as well
                lines[f"the judge failed with {error!r} at {line[:400]!r}"] = None
        self.wfile.write(json.dumps(list(lines)).encode())


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 64


def main(files):
    judge = Judge()
    if files:
        found = [f"{file}: {line}" for file in files for line in judge.verdict(pathlib.Path(file).read_text())]
        print("\n".join(found))
        return 1 if found else 0
    with Server(("127.0.0.1", 0), Client) as server:
        server.judge = judge
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(server.server_address[1], flush=True)
        sys.stdin.read()
        os._exit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
