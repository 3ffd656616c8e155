#!/usr/bin/env python3
"""Adds up what the judge of templates wrote in a test run: what each layer judged, and what none did, by name.

    table.py FILE             a summary in Markdown
    table.py --check FILE     one line; fails if more than 5 % of the resources were judged by no layer
"""
import collections
import json
import pathlib
import re
import sys

# The share of resources that no layer may have judged, in percent.
MOST_UNJUDGED = 5


def kind(address):
    """What an address or `ADDRESS.INPUT` is of: the resource type's last word, and the input."""
    resource, dot, rest = address.partition(".")
    return "/".join(resource.split("/")[-2:-1]) + dot + rest


def value_of(parameter):
    """What a parameter stands for: a secret, or an output of a resource type."""
    address, _, path = parameter.rpartition(" ")
    return "secrets" if address == "secret" else f"{kind(address)}.{path}"


class Total:
    def __init__(self, lines):
        self.templates, self.types, self.left_out, self.left = 0, {}, {}, 0
        self.parameters, self.exceptions = set(), collections.Counter()
        for line in map(json.loads, lines):
            self.templates += 1
            for type, row in line["resources"].items():
                known = self.types.setdefault(type, {"count": 0, "rules": row["rules"], "properties": {}})
                known["count"] += row["count"]
                known["properties"] |= row["properties"]
            self.left += sum("." not in address for address in line["left out"])
            self.left_out |= {kind(address): reason for address, reason in line["left out"].items()}
            self.parameters |= set(map(value_of, line["parameters"]))
            self.exceptions.update(one["rule"] for one in line["exceptions"])

    def sums(self, types):
        rows = [self.types[type] for type in types]
        properties = [named for row in rows for named in row["properties"].values()]
        return (len(rows), sum(row["count"] for row in rows), len(properties), sum(properties),
                sum(row["rules"] for row in rows))

    def unjudged(self):
        names = [f"`{name}` ({reason})" for name, reason in sorted(self.left_out.items())]
        return "; ".join(names) or "none"


def main(arguments):
    total = Total(pathlib.Path(arguments[-1]).read_text().splitlines())
    types, resources, properties, named, rules = total.sums(total.types)
    if arguments[0] == "--check":
        print(f"{total.templates} templates with {resources} resources of {types} types judged; "
              f"judged by no layer: {total.left} resources, {re.sub('`', '', total.unjudged())}")
        return 1 if 100 * total.left > MOST_UNJUDGED * (resources + total.left) else 0
    print("| service | types | resources | properties: `cloudformation-validate` | `cdk-preflight` | rules of `cdk-preflight` |")
    print("|---|---|---|---|---|---|")
    services = collections.defaultdict(list)
    for type in total.types:
        services[type.split("::")[1]].append(type)
    for service, of_service in sorted(services.items()):
        print(f"| {service} | {' | '.join(map(str, total.sums(of_service)))} |")
    print(f"| all | {types} | {resources} | {properties} | {named} | {rules} |\n")
    share = 100 * total.left / max(resources + total.left, 1)
    print(f"{total.templates} different templates. Judged by no layer: {total.unjudged()}; {share:.1f} % of the resources.\n")
    print(f"Values that a template has as parameters: {', '.join(f'`{name}`' for name in sorted(total.parameters))}.\n")
    used = ", ".join(f"`{rule}` ({count})" for rule, count in sorted(total.exceptions.items()))
    print(f"Exceptions used: {used or 'none'}.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
