"""Findings about templates, and the list of accepted ones."""
import json
import pathlib
import re
from dataclasses import dataclass

EXCEPTIONS = json.loads((pathlib.Path(__file__).parent / "exceptions.json").read_text())
# Enough to recognise a value by.
SHOWN = 160
ANY = "*"


@dataclass(frozen=True)
class Finding:
    rule: str
    # The CloudFormation resource type; empty for a finding about the template as a whole.
    type: str
    # The address of the declaration, or else the logical ID.
    address: str
    property: str
    value: str
    message: str

    def __str__(self):
        where = " ".join(filter(None, (self.address, self.type, self.property))) or "the template"
        value = f" is {self.value}" if self.value else ""
        return f"{where}{value}: {self.message} ({self.rule})"


def of(diagnostic, template):
    entity = diagnostic.entity
    logical_id = entity.logical_id if entity else ""
    addresses = template.get("Metadata", {}).get("Provisioner", {}).get("Addresses", {})
    resource = template.get("Resources", {}).get(logical_id, {})
    path = diagnostic.property_path or ""
    return Finding(diagnostic.rule_id, resource.get("Type", ""), addresses.get(logical_id, logical_id),
                   re.sub(r"\.(\d+)", r"[\1]", path.removeprefix("Properties.")), shown(at(resource, path)),
                   diagnostic.message)


def at(value, path):
    """The value at a path such as `Properties.Tags.0.Key`; None where there is none."""
    for part in path.split("."):
        try:
            value = value[int(part) if isinstance(value, list) else part]
        except (KeyError, IndexError, ValueError, TypeError):
            return None
    return value


def shown(value):
    if value is None:
        return ""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}… ({len(text)} characters)"


def exception(finding):
    """The exception that accepts a finding, or None."""
    path = re.sub(r"\[\d+\]", "[]", finding.property)
    for one in EXCEPTIONS:
        if one["rule"] == finding.rule and one["type"] in (ANY, finding.type) and one["property"] in (ANY, path):
            return one
    return None
