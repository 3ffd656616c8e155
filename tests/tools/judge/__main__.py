"""Judges requests to AWS: each against botocore's model of its service, and against the limits that AWS documents.

It prints a port. A client sends requests there, one JSON object a line, closes its side of the connection, and gets its
findings as a JSON list of lines. Everything ends with the standard input.

The file that PROVISIONER_JUDGED names gets a line for each client: the operations that each layer judged, those that none
did, and the exceptions that were used. `table.py` makes a table of them.
"""
import collections
import functools
import json
import os
import socketserver
import sys
import threading

import limits
import model
import wire
from findings import exception

WRITING = threading.Lock()


@functools.lru_cache(maxsize=4096)
def judged(line):
    """What a request is, whether a limit covers it, and its findings. Programs poll, so many requests are the same."""
    request = json.loads(line)
    call = wire.read(request)
    hidden = model.check(call)
    return call.operation, limits.check(call, hidden), tuple(call.findings)


class Client(socketserver.StreamRequestHandler):
    def handle(self):
        seen = {"model": collections.Counter(), "limits": collections.Counter(), "none": {}, "exceptions": []}
        findings = {}
        for line in self.rfile:
            try:
                operation, limited, found = judged(line)
            except wire.Unjudged as error:
                seen["none"][error.operation] = str(error)
                continue
            except Exception as error:  # a fault of the judge's own must fail the test as well
                findings[f"the judge failed with {error!r} at {line[:400]!r}"] = True
                continue
            seen["model"][operation] += 1
            seen["limits"][operation] += limited
            for finding in found:
                accepted = exception(finding)
                if accepted is None:
                    findings[str(finding)] = True
                elif accepted not in seen["exceptions"]:
                    seen["exceptions"].append(accepted)
        seen["patterns"] = sorted(model.UNREADABLE)
        if file := os.environ.get("PROVISIONER_JUDGED"):
            with WRITING, open(file, "a") as out:
                out.write(json.dumps(seen) + "\n")
        self.wfile.write(json.dumps(list(findings)).encode())


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 64


def main():
    with Server(("127.0.0.1", 0), Client) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(server.server_address[1], flush=True)
        sys.stdin.read()
        os._exit(0)


if __name__ == "__main__":
    main()
