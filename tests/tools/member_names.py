"""The names of the members that the product's calls have, as botocore's service models have them: the only names that a
record of calls (`provisioner/aws/src/record.rs`) may contain.

    member_names.py           prints the list
    member_names.py --write   writes it to provisioner/aws/src/record/members.txt

Runs with the Python of the AWS CLI. A line is a name, and `map` if a member of this name is a map, or `boolean`, `number`
or `enum` if every member of this name in every call has that type and none is sensitive. `disclosed.txt` beside the list
names further members whose values may be recorded; a sensitive one among them is an error.
"""
import pathlib
import re
import sys

# The AWS CLI brings botocore inside its own package.
from awscli.botocore import xform_name
from awscli.botocore.session import get_session

AWS = pathlib.Path(__file__).resolve().parents[2] / "provisioner" / "aws" / "src"
RECORD = AWS / "record"
# Names of services in IAM policies that botocore has under another name.
SERVICES = {
    "elasticloadbalancing": "elbv2",
    "servicequotas": "service-quotas",
    "tag": "resourcegroupstaggingapi",
}
# Members of errors, and of the ways in which the protocols write lists and maps.
PROTOCOLS = ["__type", "code", "Code", "entry", "Error", "Errors", "HostId", "key", "message", "Message", "name", "RequestID",
             "requestId", "RequestId", "ResponseMetadata", "Type", "value"]


def calls(session):
    """The calls in the sources, as (service's model, operation): by the names that errors give them, or by a method of the
    SDK's client. More than those do no harm."""
    text = "".join(path.read_text() for path in sorted(AWS.rglob("*.rs")))
    named = {(SERVICES.get(service, service), name) for service, name in re.findall(r'"([a-z0-9-]+):([A-Z]\w+)"', text)}
    methods = set(re.findall(r"\.([a-z0-9_]+)\(\)", text))
    available = set(session.get_available_services())
    for service in sorted({service for service, _ in named} & available):
        model = session.get_service_model(service)
        for operation in model.operation_names:
            # A text of the first form may also be an action of a policy, such as `s3:ListBucket`.
            if (service, operation) in named or xform_name(operation) in methods:
                yield model.operation_model(operation)


def names(member, shape):
    """The names that the protocols give a member of a body."""
    if shape.serialization.get("location"):
        return
    for name in (member, shape.serialization.get("name"), shape.serialization.get("queryName")):
        if name:
            yield name
            # EC2 writes requests with a capital letter.
            yield name[0].upper() + name[1:]


def kind(shape):
    if getattr(shape, "metadata", {}).get("sensitive"):
        return "sensitive"
    if shape.type_name == "list":
        return kind(shape.member)
    if shape.type_name == "string" and getattr(shape, "enum", None):
        return "enum"
    if shape.type_name in ("integer", "long", "float", "double"):
        return "number"
    return shape.type_name if shape.type_name in ("boolean", "map") else "other"


def collect(service, shape, found, known):
    """Adds the names and types of a shape's members."""
    if (service, shape.name) in known:
        return
    known.add((service, shape.name))
    inner = []
    if shape.type_name == "structure":
        inner = list(shape.members.items())
    elif shape.type_name == "list":
        inner = [("", shape.member)]
    elif shape.type_name == "map":
        inner = [("", shape.key), ("", shape.value)]
    for member, of in inner:
        for name in names(member, of):
            found.setdefault(name, set()).add(kind(of))
        collect(service, of, found, known)


def members():
    found, known = {name: {"other"} for name in PROTOCOLS}, set()
    for operation in calls(get_session()):
        for shape in (operation.input_shape, operation.output_shape):
            if shape is not None:
                collect(operation.service_model.service_name, shape, found, known)
    return found


def main():
    found = members()
    wrong = [name for name in (RECORD / "disclosed.txt").read_text().split() if "sensitive" in found.get(name, ["sensitive"])]
    if wrong:
        sys.exit(f"disclosed.txt names members that are sensitive or not in a call: {', '.join(wrong)}")
    lines = []
    for name, kinds in sorted(found.items()):
        # The members of a map have the user's own names, in whichever call it is one.
        public = "map" if "map" in kinds else kinds.pop() if len(kinds) == 1 else ""
        lines.append(f"{name} {public}" if public in ("boolean", "map", "number", "enum") else name)
    text = "\n".join(lines) + "\n"
    if sys.argv[1:] == ["--write"]:
        (RECORD / "members.txt").write_text(text)
    else:
        sys.stdout.write(text)


main()
