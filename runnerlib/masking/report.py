"""Masking report of a stream: counts by rule and bytes, never a value."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from runnerlib.masking._scanner import Scanner, Stream


class RuleCount(NamedTuple):
    """Counts of one rule: the `marks` written, and the `bytes` of input they replace.

    `rule` is the name of the secret, `form` how it was spelled ("raw", "base64", …; "" where there are no forms).
    """

    rule: str
    form: str
    marks: int
    bytes: int


class MaskReport(NamedTuple):
    """Statistics of one or several streams; `rules` are sorted by falling marks, then by name.

    `received` and `released` are the bytes in and out, `most_held` the most that were withheld at once.
    """

    rules: tuple[RuleCount, ...] = ()
    received: int = 0
    released: int = 0
    most_held: int = 0

    def __add__(self, other: object) -> MaskReport:
        """Sum of both reports; `most_held` is the larger one."""
        return total((self, other)) if isinstance(other, MaskReport) else NotImplemented

    @property
    def marks(self) -> int:
        """All marks."""
        return sum(row.marks for row in self.rules)

    @property
    def masked(self) -> int:
        """The number of input bytes that all marks replace."""
        return sum(row.bytes for row in self.rules)

    def by_rule(self) -> tuple[RuleCount, ...]:
        """The rows with the forms of each rule taken together."""
        return _ordered(row._replace(form="") for row in self.rules)

    def as_dict(self) -> dict[str, object]:
        """The report as JSON has it."""
        sums = {"marks": self.marks, "bytes_masked": self.masked}
        ends = {"bytes_in": self.received, "bytes_out": self.released, "most_held": self.most_held}
        return {"rules": [row._asdict() for row in self.rules], **sums, **ends}

    def summary(self) -> str:
        """The report on one line: the marks of each rule."""
        if not self.marks:
            return "nothing masked"
        counts = ", ".join(f"{row.rule} {row.marks}" for row in self.by_rule())
        return f"masked {_number(self.marks, 'time')}: {counts}"

    def lines(self) -> Iterator[str]:
        """The report as readable text: a line for each rule and one for the stream."""
        for row in self.by_rule():
            forms = ", ".join(f"{own.marks} {own.form}" for own in self.rules if own.rule == row.rule and own.form)
            suffix = f" ({forms})" if forms else ""
            yield f"{row.rule}: {_number(row.marks, 'mark')}{suffix}, {_number(row.bytes, 'byte')}"
        yield f"{_number(self.received, 'byte')} in, {self.released} out, at most {self.most_held} held"


def total(reports: Iterable[MaskReport]) -> MaskReport:
    """The sum of reports: of the streams of a job, or of jobs."""
    reports = list(reports)
    return MaskReport(
        _ordered(row for report in reports for row in report.rules),
        sum(report.received for report in reports),
        sum(report.released for report in reports),
        max((report.most_held for report in reports), default=0),
    )


def document(reports: Iterable[tuple[str, MaskReport]]) -> dict[str, object]:
    """Reports with the names of their streams, and their sum, as JSON has them."""
    named = list(reports)
    streams = [{"stream": name, **report.as_dict()} for name, report in named]
    return {"streams": streams, "total": total(report for _, report in named).as_dict()}


def report_of(stream: Stream, scanner: Scanner) -> MaskReport:
    """Return the report of a stream so far. Names that contain a secret of the scanner are masked."""
    rows = (RuleCount(*_label(rule, scanner), *counts) for rule, counts in stream.tally().items())
    return MaskReport(_ordered(rows), stream.received, stream.released, stream.most_held)


def _label(rule: int | None, scanner: Scanner) -> tuple[str, str]:
    if rule is None:
        return "other rules", ""
    name, form = scanner.rules(rule) if scanner.rules else (f"rule {rule}", "")
    masked = scanner.mask(name.encode("utf-8", "surrogateescape"))
    return masked.decode("utf-8", "backslashreplace"), form


def _ordered(rows: Iterable[RuleCount]) -> tuple[RuleCount, ...]:
    """Rows with the same rule and form become one."""
    sums: dict[tuple[str, str], tuple[int, int]] = {}
    for rule, form, marks, size in rows:
        before = sums.get((rule, form), (0, 0))
        sums[rule, form] = before[0] + marks, before[1] + size
    found = (RuleCount(*label, *counts) for label, counts in sums.items())
    return tuple(sorted(found, key=lambda row: (-row.marks, row.rule, row.form)))


def _number(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
