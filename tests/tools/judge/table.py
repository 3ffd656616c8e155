#!/usr/bin/env python3
"""Adds up what the judge of a test run wrote: which operations each layer judged, and which none did, by name.

    table.py FILE             a summary in Markdown
    table.py --check FILE     one line; fails if more than 5 % of the operations were judged by no layer
"""
import collections
import json
import pathlib
import sys

# The share of operations that no layer may have judged, in percent.
MOST_UNJUDGED = 5


def total(lines):
    calls, limited, none, exceptions, patterns = collections.Counter(), set(), {}, [], set()
    for line in map(json.loads, lines):
        calls.update(line["model"])
        limited |= {operation for operation, count in line["limits"].items() if count}
        none |= line["none"]
        patterns |= set(line["patterns"])
        exceptions += [one for one in line["exceptions"] if one not in exceptions]
    return calls, limited, none, exceptions, patterns


def main(arguments):
    lines = pathlib.Path(arguments[-1]).read_text().splitlines()
    calls, limited, none, exceptions, patterns = total(lines)
    operations = len(calls) + len(none)
    share = 100 * len(none) / max(operations, 1)
    unjudged = ", ".join(f"{name} ({why})" for name, why in sorted(none.items())) or "none"
    if arguments[0] == "--check":
        print(f"{calls.total()} requests of {len(calls)} operations judged; judged by no layer: {unjudged}")
        return 1 if share > MOST_UNJUDGED or not calls else 0
    by_service = collections.defaultdict(lambda: [0, 0, 0])
    for operation, count in calls.items():
        row = by_service[operation.split(":")[0]]
        row[0] += 1
        row[1] += operation in limited
        row[2] += count
    print("| service | operations: model | documented limits | requests |\n|---|---|---|---|")
    for service, row in sorted(by_service.items()):
        print(f"| {service} | {row[0]} | {row[1]} | {row[2]} |")
    print(f"| all | {len(calls)} | {len(limited)} | {calls.total()} |\n")
    print(f"Judged by no layer: {unjudged}, {share:.1f} % of the operations.")
    print(f"Exceptions used: {len(exceptions)}. Patterns that the judge cannot read: {', '.join(sorted(patterns)) or 'none'}.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
