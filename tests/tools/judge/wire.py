"""Reads a request of any AWS protocol back into the members of its operation, by botocore's model of the service.

It reports members that the model does not have, and values that are not of the member's type. `model.py` checks the values
themselves.
"""
import base64
import datetime
import functools
import re
import urllib.parse
import xml.etree.ElementTree as xml
from dataclasses import dataclass, field

import botocore.session
from botocore.exceptions import UnknownServiceError

from findings import Finding, shown

# Names of services in signatures, where botocore has another one.
SERVICES = {"elasticloadbalancing": "elbv2", "monitoring": "cloudwatch", "servicequotas": "service-quotas",
            "tagging": "resourcegroupstaggingapi"}
# Headers that belong to the protocol or to the signature, and the prefix of the SDKs' own.
PROTOCOL_HEADERS = re.compile(r"x-amz-(date|content-sha256|security-token|target|user-agent|decoded-content-length|trailer"
                              r"|sdk-.*|checksum-.*|te)|x-amzn-query-mode")
# A value that is not of its type, which is reported already.
INVALID = object()


class Unjudged(Exception):
    """A request that cannot be judged, with the reason."""

    def __init__(self, operation, why):
        super().__init__(why)
        self.operation = operation


@dataclass
class Call:
    """An operation with the members of its request."""
    service: str
    region: str
    model: object
    members: dict = field(default_factory=dict)
    findings: list = field(default_factory=list)

    @property
    def operation(self):
        return f"{self.service}:{self.model.name}"

    def report(self, member, rule, value=""):
        self.findings.append(Finding(self.operation, member, value, rule))


@functools.lru_cache(maxsize=None)
def session():
    return botocore.session.get_session()


@functools.lru_cache(maxsize=None)
def service_model(name):
    return session().get_service_model(name)


@functools.lru_cache(maxsize=None)
def operation_model(service, name):
    model = service_model(service)
    return model.operation_model(name) if name in model.operation_names else None


def read(request):
    """Returns the call that a request makes: a dict with `method`, `path`, `headers` (in lower case) and `body`, and
    `members` where the body was CBOR."""
    scope = re.search(r"Credential=[^/]*/\d+/([^/]*)/([^/]*)/", request["headers"].get("authorization", ""))
    if not scope:
        raise Unjudged(f"{request['method']} {request['path'].split('?')[0]}", "the request has no signature")
    region, signed = scope.groups()
    service = SERVICES.get(signed, signed)
    try:
        model = service_model(service)
    except UnknownServiceError:
        raise Unjudged(signed, "botocore has no such service") from None
    target = request["headers"].get("x-amz-target")
    protocols = model.metadata.get("protocols", [model.metadata["protocol"]])
    if "members" in request:
        call = Call(service, region, named(service, request["path"].rsplit("/", 1)[-1]))
        return with_members(call, Json(call), request["members"])
    if target:
        call = Call(service, region, named(service, target.rsplit(".", 1)[-1]))
        return with_members(call, Json(call), body_as_json(call, request))
    if "query" in protocols or "ec2" in protocols:
        return from_form(service, region, model, request)
    return from_path(service, region, request)


def named(service, name):
    model = operation_model(service, name)
    if model is None:
        raise Unjudged(f"{service}:{name}", "botocore's service has no such operation")
    return model


def body_as_json(call, request):
    import json
    try:
        return json.loads(request["body"] or "{}")
    except ValueError as error:
        call.report("", f"the body is no JSON: {error}")
        return {}


def with_members(call, reader, node):
    if call.model.input_shape is not None:
        members = reader.read(call.model.input_shape, node, "")
        call.members = members if members is not INVALID else {}
    elif node:
        call.report("", "the operation has no members", shown(node))
    return call


class Reader:
    """The part that is the same in all protocols. A subclass reads one protocol's nodes."""

    def __init__(self, call):
        self.call = call

    def read(self, shape, node, path):
        kind = shape.type_name
        if kind == "structure":
            return node if getattr(shape, "is_document_type", False) else self.structure(shape, node, path)
        if kind in ("list", "map"):
            return getattr(self, kind)(shape, node, path)
        return self.scalar(shape, node, path)

    def wrong(self, path, expected, node):
        self.call.report(path, f"expected {expected}", shown(node))
        return INVALID

    def fields(self, shape, nodes, names, path):
        """The members of a structure, by the names that they have in the request."""
        members = {}
        for name, node in nodes.items():
            if name in names:
                member = names[name]
                value = self.read(shape.members[member], node, join(path, member))
                if value is not INVALID:
                    members[member] = value
            else:
                self.call.report(join(path, name), "the operation has no such member")
        return members

    def items(self, shape, nodes, path):
        items = (self.read(shape.member, node, f"{path}[{index}]") for index, node in enumerate(nodes))
        return [item for item in items if item is not INVALID]


def join(path, name):
    return f"{path}.{name}" if path else name


def wire_names(shape, name_of):
    """Members of a structure by their names in the request, once for each shape and protocol."""
    key = name_of.__name__
    cache = shape.__dict__.setdefault("_judge_names", {})
    if key not in cache:
        cache[key] = {name_of(name, member): name for name, member in shape.members.items()}
    return cache[key]


def plain_name(name, member):
    return member.serialization.get("name", name)


def query_name(name, member):
    # A flattened list has the name of its elements.
    if member.type_name == "list" and member.serialization.get("flattened"):
        return member.member.serialization.get("name") or plain_name(name, member)
    return plain_name(name, member)


def ec2_name(name, member):
    if "queryName" in member.serialization:
        return member.serialization["queryName"]
    name = plain_name(name, member)
    return name[0].upper() + name[1:]


class Json(Reader):
    def structure(self, shape, node, path):
        if not isinstance(node, dict):
            return self.wrong(path, "an object", node)
        stated = {name: value for name, value in node.items() if value is not None and name != "__type"}
        return self.fields(shape, stated, wire_names(shape, plain_name), path)

    def list(self, shape, node, path):
        return self.items(shape, node, path) if isinstance(node, list) else self.wrong(path, "a list", node)

    def map(self, shape, node, path):
        if not isinstance(node, dict):
            return self.wrong(path, "an object", node)
        return {key: self.read(shape.value, value, f"{path}[{key}]") for key, value in node.items()}

    def scalar(self, shape, node, path):
        kind = shape.type_name
        number = isinstance(node, (int, float)) and not isinstance(node, bool)
        fits = {
            "string": isinstance(node, str), "character": isinstance(node, str), "blob": isinstance(node, str),
            "boolean": isinstance(node, bool),
            "integer": number and node == int(node), "long": number and node == int(node),
            "float": number, "double": number, "bigdecimal": number, "biginteger": number,
            "timestamp": number or isinstance(node, str),
        }[kind]
        return node if fits else self.wrong(path, f"a value of type {kind}", node)


class Text(Reader):
    """The part that is the same where each value is text: forms, XML, paths, queries and headers."""

    def scalar(self, shape, node, path):
        kind = shape.type_name
        text = self.text(node)
        if text is None:
            return self.wrong(path, f"a value of type {kind}", node)
        try:
            return CONVERSIONS[kind](text)
        except (ValueError, KeyError):
            return self.wrong(path, f"a value of type {kind}", text)


def timestamp(text):
    for form in ("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.%fZ", "%a, %d %b %Y %H:%M:%S GMT"):
        try:
            return datetime.datetime.strptime(text, form).timestamp()
        except ValueError:
            pass
    return float(text)


CONVERSIONS = {
    "string": str, "character": str, "integer": int, "long": int, "biginteger": int, "float": float, "double": float,
    "bigdecimal": float, "boolean": {"true": True, "false": False}.__getitem__, "timestamp": timestamp,
    "blob": lambda text: base64.b64decode(text, validate=True),
}


class Form(Text):
    """Fields of a form as nested dicts: `Tags.member.1.Key` is `{"Tags": {"member": {"1": {"Key": …}}}}`."""

    def __init__(self, call, ec2):
        super().__init__(call)
        self.ec2 = ec2

    def text(self, node):
        return node if isinstance(node, str) else None

    def structure(self, shape, node, path):
        if node == "":
            return {}
        if not isinstance(node, dict):
            return self.wrong(path, "members", node)
        return self.fields(shape, node, wire_names(shape, ec2_name if self.ec2 else query_name), path)

    def list(self, shape, node, path):
        if node == "":
            return []
        if not (self.ec2 or shape.serialization.get("flattened")):
            name = shape.member.serialization.get("name", "member")
            if not isinstance(node, dict) or set(node) != {name}:
                return self.wrong(path, f"elements named {name}", node)
            node = node[name]
        return self.items(shape, self.numbered(node, path), path)

    def numbered(self, node, path):
        """The elements, whose names must be 1, 2, 3, …"""
        if not isinstance(node, dict) or set(node) != {str(number + 1) for number in range(len(node))}:
            self.wrong(path, "elements numbered from 1", node)
            return []
        return [node[str(number + 1)] for number in range(len(node))]

    def map(self, shape, node, path):
        if node == "":
            return {}
        if not shape.serialization.get("flattened"):
            if not isinstance(node, dict) or set(node) != {"entry"}:
                return self.wrong(path, "elements named entry", node)
            node = node["entry"]
        key, value = (part.serialization.get("name", name) for part, name in ((shape.key, "key"), (shape.value, "value")))
        found = {}
        for entry in self.numbered(node, path):
            if not isinstance(entry, dict) or set(entry) - {key, value} or key not in entry:
                self.wrong(path, f"{key} and {value}", entry)
                continue
            found[entry[key]] = self.read(shape.value, entry.get(value, ""), f"{path}[{entry[key]}]")
        return found


def from_form(service, region, model, request):
    # Fields that have no value are sent as well.
    pairs = urllib.parse.parse_qsl(request["body"], keep_blank_values=True)
    fields = {}
    for name, value in pairs:
        node, parts = fields, name.split(".")
        for part in parts[:-1]:
            inner = node.setdefault(part, {})
            if not isinstance(inner, dict):
                inner = node[part] = {}
            node = inner
        node[parts[-1]] = value
    action, version = fields.pop("Action", ""), fields.pop("Version", "")
    if version != model.metadata["apiVersion"]:
        raise Unjudged(f"{service}:{action}", f"botocore's model has version {model.metadata['apiVersion']}")
    call = Call(service, region, named(service, action))
    return with_members(call, Form(call, model.metadata["protocol"] == "ec2"), fields)


class Xml(Text):
    def text(self, node):
        return (node.text or "") if len(node) == 0 else None

    def structure(self, shape, node, path):
        names, found = wire_names(shape, query_name), {}
        for child in node:
            name = local(child.tag)
            member = shape.members.get(names.get(name))
            # The elements of a flattened list are children of the structure itself.
            if member is not None and member.serialization.get("flattened"):
                found.setdefault(name, []).append(child)
            elif name in found:
                self.call.report(join(path, name), "the member is there twice")
            else:
                found[name] = child
        attributes = {name for name, member in names.items() if shape.members[member].serialization.get("xmlAttribute")}
        found |= {name: attribute(node, name) for name in attributes}
        return self.fields(shape, {name: one for name, one in found.items() if one is not None}, names, path)

    def list(self, shape, node, path):
        if isinstance(node, list):
            return self.items(shape, node, path)
        name = shape.member.serialization.get("name", "member")
        for child in node:
            if local(child.tag) != name:
                self.call.report(path, f"expected elements named {name}", local(child.tag))
        return self.items(shape, [child for child in node if local(child.tag) == name], path)

    def map(self, shape, node, path):
        entries = node if isinstance(node, list) else list(node)
        key, value = (part.serialization.get("name", name) for part, name in ((shape.key, "key"), (shape.value, "value")))
        found = {}
        for entry in entries:
            parts = {local(part.tag): part for part in entry}
            if set(parts) != {key, value}:
                self.wrong(path, f"{key} and {value}", sorted(parts))
                continue
            name = self.text(parts[key])
            found[name] = self.read(shape.value, parts[value], f"{path}[{name}]")
        return found


def local(tag):
    return tag.rsplit("}", 1)[-1]


def attribute(node, name):
    """An attribute as an element of its own; botocore writes its namespace's prefix."""
    for key, value in node.attrib.items():
        if local(key) == name.split(":")[-1]:
            element = xml.Element(name)
            element.text = value
            return element
    return None


class Location(Text):
    """Values of paths, queries and headers."""

    def text(self, node):
        return node if isinstance(node, str) else None

    def list(self, shape, node, path):
        return self.items(shape, node if isinstance(node, list) else node.split(","), path)

    def map(self, shape, node, path):
        return dict(node)


@functools.lru_cache(maxsize=None)
def routes(service):
    """Each operation of a service by its method, the pattern of its path and the fixed part of its query; the most
    specific first."""
    found = []
    for name in service_model(service).operation_names:
        model = operation_model(service, name)
        uri, _, query = model.http["requestUri"].partition("?")
        pattern = "".join(
            part if not part.startswith("{") else f"(?P<{part.strip('{}+')}>{'.+' if part.endswith('+}') else '[^/]+'})"
            for part in (re.escape(part) if not part.startswith("{") else part for part in re.split(r"(\{[^}]*\})", uri.rstrip("/")))
        )
        fixed = urllib.parse.parse_qsl(query, keep_blank_values=True)
        needed = needed_places(model.input_shape)
        # Of two operations with the same path, one is the older form of the other.
        found.append((len(fixed) + len(needed), uri.count("/"), not model.deprecated, model.http["method"],
                      re.compile(pattern + "/?"), fixed, needed, model))
    return sorted(found, key=lambda route: route[:3], reverse=True)


def needed_places(shape):
    """The places in query and headers of the members that a request must have: operations with the same path differ in
    them."""
    members = [shape.members[name] for name in shape.required_members] if shape is not None else []
    places = ((member.serialization.get("location"), member.serialization.get("name", "").lower()) for member in members)
    return {place for place in places if place[0] in ("querystring", "header")}


def from_path(service, region, request):
    path, _, query = request["path"].partition("?")
    query = urllib.parse.parse_qsl(query, keep_blank_values=True)
    # Some SDKs name the operation in the query.
    stated = dict(query).get("x-id")
    present = {("querystring", name.lower()) for name, _ in query} | {("header", name) for name in request["headers"]}
    for *_, method, pattern, fixed, needed, model in routes(service):
        match = pattern.fullmatch(path)
        fits = method == request["method"] and match and all(one in query for one in fixed) and needed <= present
        if fits and stated in (None, model.name):
            call = Call(service, region, model)
            rest = [one for one in query if one not in fixed and one[0] != "x-id"]
            labels = {name: urllib.parse.unquote(value) for name, value in match.groupdict().items()}
            return located(call, labels, rest, request)
    raise Unjudged(f"{service}:{request['method']} {path}", "no operation has this path")


def located(call, labels, query, request):
    """Reads the members of a call from the places that the model gives them."""
    shape, reader = call.model.input_shape, Location(call)
    if shape is None:
        return call
    body, headers, listed = {}, dict(request["headers"]), {}
    for name, value in query:
        listed.setdefault(name, []).append(value)
    for name, member in shape.members.items():
        place, wire = member.serialization.get("location"), plain_name(name, member)
        if place == "uri":
            value = labels.pop(wire, None)
        elif place == "querystring":
            values = listed.pop(wire, None)
            value = values if values is None or member.type_name == "list" else values[0]
        elif place == "header":
            value = headers.pop(wire.lower(), None)
        elif place == "headers":
            found = {key for key in headers if key.startswith(wire.lower())}
            value = {key[len(wire):]: headers.pop(key) for key in found} or None
        else:
            body[name] = member
            continue
        if value is not None:
            value = reader.read(member, value, name)
            if value is not INVALID:
                call.members[name] = value
    for name in listed:
        call.report(name, "the operation has no such parameter in its query")
    for name in headers:
        if name.startswith("x-amz") and not PROTOCOL_HEADERS.fullmatch(name):
            call.report(name, "the operation has no such header")
    payload = shape.serialization.get("payload")
    if payload and shape.members[payload].type_name in ("blob", "string"):
        call.members[payload] = request["body"]
    elif request["body"]:
        from_xml(call, shape, payload, request["body"])
    return call


def from_xml(call, shape, payload, text):
    try:
        root = xml.fromstring(text)
    except xml.ParseError as error:
        return call.report("", f"the body is no XML: {error}")
    if payload:
        value = Xml(call).read(shape.members[payload], root, payload)
        if value is not INVALID:
            call.members[payload] = value
    else:
        call.members |= Xml(call).structure(shape, root, "")
