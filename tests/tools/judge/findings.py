"""Findings about requests, and the list of accepted ones."""
import json
import pathlib
import re
from dataclasses import dataclass

EXCEPTIONS = json.loads((pathlib.Path(__file__).parent / "exceptions.json").read_text())
# Enough to recognise a value by.
SHOWN = 160


@dataclass(frozen=True)
class Finding:
    operation: str
    member: str
    value: str
    rule: str
    # The page of AWS's documentation that states a limit; empty for a rule of the service's model.
    page: str = ""

    def __str__(self):
        where = f"{self.operation} {self.member}".rstrip()
        value = f" is {self.value}" if self.value else ""
        return f"{where}{value}: {self.rule}" + (f" ({self.page})" if self.page else "")


def shown(value):
    """The value as a finding shows it."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}… ({len(text)} characters)"


def without_indices(member):
    """`Tags[3].Key` as exceptions and limits write it: `Tags[].Key`."""
    return re.sub(r"\[\d+\]", "[]", member)


def exception(finding):
    """The exception that accepts a finding, or None."""
    member = without_indices(finding.member)
    for one in EXCEPTIONS:
        if (one["operation"], one["member"]) == (finding.operation, member) and one["rule"] in finding.rule:
            return one
    return None
