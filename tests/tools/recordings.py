"""Recordings of calls (`provisioner/aws/src/record.rs`): how those of AWS differ from those of an emulator, as a report."""
import collections
import json
import statistics

# Operations that only AWS gets in a first run, and the reason.
EXPECTED = {
    "ecr": "the app's image is pushed to AWS only: the emulator has no registry",
}
# Rows of a table that the report prints.
MOST = 400


class Recording:
    """The calls of one side, by operation."""

    def __init__(self, place):
        self.calls, self.unreadable = collections.defaultdict(list), 0
        for file in sorted(place.out.glob("*/calls.jsonl")):
            for line in file.read_text().splitlines():
                try:
                    call = json.loads(line)
                    self.calls[call["operation"]].append(call)
                except (ValueError, KeyError):
                    self.unreadable += 1

    def outcomes(self, operation):
        """The numbers of answers by status and error code."""
        def outcome(call):
            return f"{call.get('status', 'no answer')} {call.get('error', '')}".strip()
        return collections.Counter(map(outcome, self.calls[operation]))

    def members(self, operation):
        """The members of successful answers: by path, their types and their values."""
        members = {}
        for call in self.calls[operation]:
            if call.get("status", 600) < 400:
                for path, member in call["answer"].items():
                    types, values = members.setdefault(path, (set(), set()))
                    types.update(member["types"])
                    # Numbers, such as free addresses, differ for no reason.
                    if member["types"] != ["number"]:
                        values.update(member.get("values", []))
        return members

    def times(self, operation):
        return [call["milliseconds"] for call in self.calls[operation]]


def table(head, rows):
    if not rows:
        return "None.\n"
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows[:MOST]]
    if len(rows) > MOST:
        lines.append(f"\n{len(rows) - MOST} more rows are left out.")
    return "\n".join(lines) + "\n"


def code(values):
    return ", ".join(f"`{value}`" for value in sorted(values)) or "–"


def differences(aws, emulator):
    """The tables of differences: (title, head, rows)."""
    operations = sorted(aws.calls.keys() | emulator.calls.keys())
    both = [operation for operation in operations if aws.calls.get(operation) and emulator.calls.get(operation)]
    alone = []
    for operation in operations:
        if operation not in both:
            side, calls = ("AWS", aws.calls) if aws.calls.get(operation) else ("emulator", emulator.calls)
            reason = EXPECTED.get(operation.split(":")[0], "") if side == "AWS" else ""
            alone.append((f"`{operation}`", side, len(calls[operation]), reason))
    outcomes, members, types, values = [], [], [], []
    for operation in both:
        mine, other = aws.outcomes(operation), emulator.outcomes(operation)
        for outcome in sorted(mine.keys() ^ other.keys()):
            side, number = ("AWS", mine[outcome]) if outcome in mine else ("emulator", other[outcome])
            outcomes.append((f"`{operation}`", f"`{outcome}`", side, number))
        mine, other = aws.members(operation), emulator.members(operation)
        # A side without a successful answer has no members to compare.
        for path in sorted(mine.keys() | other.keys()) if mine and other else []:
            if path not in mine or path not in other:
                members.append((f"`{operation}`", f"`{path}`", "AWS" if path in mine else "emulator"))
                continue
            (mine_types, mine_values), (other_types, other_values) = mine[path], other[path]
            if mine_types != other_types:
                types.append((f"`{operation}`", f"`{path}`", code(mine_types), code(other_types)))
            if mine_values != other_values:
                only = mine_values - other_values, other_values - mine_values
                values.append((f"`{operation}`", f"`{path}`", code(only[0]), code(only[1])))
    return [
        ("Operations that only one side got", ("operation", "side", "calls", "expected, because"), alone),
        ("Statuses and error codes that only one side gave", ("operation", "answer", "side", "calls"), outcomes),
        ("Values that only one side gave", ("operation", "member", "AWS only", "emulator only"), values),
        ("Members of answers that only one side has", ("operation", "member", "side"), members),
        ("Types of members that differ", ("operation", "member", "AWS", "emulator"), types),
    ]


def milliseconds(times):
    return (f"{statistics.median(times):.0f}", max(times)) if times else ("–", "–")


def report(facts, place, emulated, rest):
    """The report in Markdown. `emulated` is `None` if the steps did not run on the emulator."""
    aws, emulator = Recording(place), Recording(emulated) if emulated else None
    remains, exceptions = rest
    lines = ["# The first run\n", table(("", ""), list(facts.items()))]
    cut = [step for step in place.steps if step.failed]
    if cut:
        lines.append("The run was cut short, so that the emulator got calls that the other side did not: " +
                     "; ".join(f"{step.name} {outcome(step)}" for step in cut) + ".\n")
    unreadable = aws.unreadable + (emulator.unreadable if emulator else 0)
    if unreadable:
        lines.append(f"{unreadable} lines of the recordings cannot be read.\n")
    if emulator:
        lines.append("## Differences\n\nAWS is the side of the table above. The emulator is moto behind the tests' front.\n")
        for title, head, rows in differences(aws, emulator):
            lines.append(f"### {title}\n\n{table(head, rows)}")
    else:
        lines.append("The steps did not run on the emulator, so that nothing is compared.\n")
    lines.append("## What is left\n\n" + ("\n".join(f"- LEFT BEHIND: {line}" for line in remains) if remains else
                                          "Nothing is left: the state is empty, and neither the tagging API nor the calls "
                                          "of the AWS CLI about single objects find one.") + "\n")
    if exceptions:
        lines.append("Listed, as expected:\n\n" + "\n".join(f"- {line}" for line in exceptions) + "\n")
    rows = [(step.name, outcome(step), f"{step.seconds:.0f}") for step in place.steps]
    lines.append("## Steps\n\n" + table(("step", "result", "seconds"), rows))
    if emulator:
        rows = [(step.name, outcome(step), f"{step.seconds:.0f}") for step in emulated.steps]
        lines.append("On the emulator:\n\n" + table(("step", "result", "seconds"), rows))
    rows = []
    for operation in sorted(aws.calls.keys() | (emulator.calls.keys() if emulator else set())):
        sides = [aws.calls.get(operation, []), emulator.calls.get(operation, []) if emulator else []]
        again = sum(call["attempt"] > 1 for call in sides[0])
        times = [milliseconds([call["milliseconds"] for call in side]) for side in sides]
        rows.append((f"`{operation}`", len(sides[0]), len(sides[1]), again, *times[0], *times[1]))
    head = ("operation", "calls: AWS", "emulator", "sent again by the SDK", "ms: AWS, median", "max", "emulator, median", "max")
    lines.append("## Operations\n\n" + table(head, rows))
    return "\n".join(lines)


def outcome(step):
    return f"interrupted by {step.cut}" if step.cut else ("as expected" if not step.failed else f"exit code {step.code}")
