"""Checks the members of a call against the constraints that botocore's model of the service states."""
import functools
import re
import sys
import unicodedata

from findings import shown
from wire import join


def check(call):
    """Reports what breaks a constraint; returns the members whose values must not be shown."""
    hidden = set()
    if call.model.input_shape is not None:
        Checks(call, hidden).structure(call.model.input_shape, call.members, "", False)
    return hidden


class Checks:
    def __init__(self, call, hidden):
        self.call = call
        self.hidden = hidden

    def report(self, path, rule, value):
        self.call.report(path, rule, "(sensitive)" if path in self.hidden else shown(value))

    def value(self, shape, value, path, sensitive):
        sensitive = sensitive or bool(shape.metadata.get("sensitive"))
        if sensitive:
            self.hidden.add(path)
        kind = shape.type_name
        if kind == "structure":
            if not getattr(shape, "is_document_type", False):
                self.structure(shape, value, path, sensitive)
            return
        self.size(shape, kind, value, path)
        if kind == "list":
            for index, item in enumerate(value):
                self.value(shape.member, item, f"{path}[{index}]", sensitive)
        elif kind == "map":
            for key, item in value.items():
                self.value(shape.key, key, f"{path}[{key}]", sensitive)
                self.value(shape.value, item, f"{path}[{key}]", sensitive)
        elif kind == "string":
            self.text(shape, value, path)

    def structure(self, shape, members, path, sensitive):
        for name in shape.required_members:
            if name not in members:
                self.call.report(join(path, name), "the member is missing")
        if getattr(shape, "is_tagged_union", False) and len(members) != 1:
            self.report(path, "expected exactly one member", sorted(members))
        for name, value in members.items():
            self.value(shape.members[name], value, join(path, name), sensitive)

    def size(self, shape, kind, value, path):
        least, most = shape.metadata.get("min"), shape.metadata.get("max")
        if (least is None and most is None) or kind == "boolean":
            return
        number = isinstance(value, (int, float))
        size = value if number else len(value)
        if (least is not None and size < least) or (most is not None and size > most):
            what = "a number" if number else "a length" if kind in ("string", "blob") else "a number of elements"
            between = f"from {least if least is not None else 0}" + (f" to {most}" if most is not None else "")
            self.report(path, f"expected {what} {between}", value)

    def text(self, shape, value, path):
        allowed = shape.metadata.get("enum")
        if allowed and value not in allowed:
            self.report(path, f"expected one of {', '.join(allowed)}", value)
        pattern = shape.metadata.get("pattern")
        if pattern and (compiled := regex(pattern)) and not compiled.fullmatch(value):
            self.report(path, f"expected a value that matches {pattern}", value)


# Patterns that Python cannot read; a summary names them.
UNREADABLE = set()


@functools.lru_cache(maxsize=None)
def regex(pattern):
    """A pattern of Java's dialect, compiled. None where Python has no equal one."""
    text = pattern.replace(r"\uD800\uDC00-\uDBFF\uDFFF", "\U00010000-\U0010ffff").replace(r"\w-_", r"\w\-_")
    try:
        return re.compile(with_categories(text), re.ASCII)
    except re.error:
        UNREADABLE.add(pattern)
        return None


def with_categories(pattern):
    """A pattern with the characters of each category, `\\p{L}`, in its place: in brackets outside of a character class."""
    text, inside = "", False
    for part in re.findall(r"\\p\{\w+\}|\\.|.", pattern, re.DOTALL):
        if part.startswith(r"\p{"):
            part = category(part[3:-1])
            text += part if inside else f"[{part}]"
            continue
        inside = part == "[" or (inside and part != "]")
        text += part
    return text


@functools.lru_cache(maxsize=None)
def category(name):
    """The characters of a Unicode category, as the inside of a character class."""
    if name == "ASCII":
        return r"\x00-\x7f"
    if name == "Print":
        return r"\x20-\x7e"
    ranges, start = [], None
    for code in range(sys.maxunicode + 2):
        inside = code <= sys.maxunicode and unicodedata.category(chr(code)).startswith(name)
        if inside and start is None:
            start = code
        elif not inside and start is not None:
            ranges.append(f"\\U{start:08x}-\\U{code - 1:08x}")
            start = None
    return "".join(ranges)
