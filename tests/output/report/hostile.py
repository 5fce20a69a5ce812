"""A job of somebody who wants to break reports: names, reasons and output of every bad kind."""

from __future__ import annotations

from runnerlib.events import (
    Event,
    JobFinished,
    JobStarted,
    Masked,
    StepFinished,
    StepOutput,
    StepRetrying,
    StepStarted,
    Warned,
)
from runnerlib.masking.report import MaskReport, RuleCount
from tests.output.show import job, result

NAMES = [
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "]]> & \" ' <!-- --> <![CDATA[",
    "\x00\x01\x1b[2J\x1b]0;title\x07\x9b31m\r\n::error::x",
    "\ud800 \ufffe \uffff \u202e evil \u2028 \u2029",
    "javascript:alert(1)#step:1",
    "__proto__",
    "constructor",
    "n" * (1 << 20),
    "##vso[task.setvariable variable=x]y",
    "-- ${secret:path:key} {{ x }} %0A%0D",
]
OUTPUT = [
    b"</script><script>alert(1)</script>\n",
    b"<!--\n]]>\n&lt;b&gt; &#x0; <img src=http://127.0.0.1:9/x>\n",
    b"\x1b]8;;http://127.0.0.1:9/\x07link\x1b]8;;\x07 \x1b[31mred \x1b[38;2;1;2;3;4;5mx\x1b[999;38;5m\x1b[0m\n",
    b"\x1b[2J\x1b[1;1H\x1bP+q\x1b\\ \x00\x07\x08 \xff\xfe\xed\xa0\x80 \xc2\x9b31m\n",
    b"\x1b[" + b"1;" * 5000 + b"m deep\n",
    b"w" * 200_000 + b"\n",
    b"\r\r\r over\rwritten\r\n::error file=x::y\n::add-mask::x\n##[error]x\n",
    "\u202e\u2066 bidi \u2028 \u2029 \ufeff\n".encode(),
]


def events() -> list[Event]:
    """The events of such a job; every step writes everything and fails in its own way."""
    done = [
        result(name, "failure", 1, f"exit code 1 {name}", cause="exit", attempts=2, required=bool(number % 2))
        for number, name in enumerate(NAMES)
    ]
    found: list[Event] = [JobStarted(NAMES[0], {name: tuple(NAMES[:number]) for number, name in enumerate(NAMES)})]
    for one in done:
        found += [StepStarted(one.name, one.name), *(StepOutput(one.name, data) for data in OUTPUT)]
        found += [StepRetrying(one.name, 1, one.name, 0.0), StepStarted(one.name, one.name, 2)]
        found += [StepOutput(one.name, data) for data in OUTPUT]
        found += [Warned(one.name, one.name), Warned(one.name)]
        found += [Masked(one.name, MaskReport((RuleCount(one.name, "raw", 3, 30),), 100, 90, 10))]
        found += [StepFinished(one)]
    return [*found, JobFinished(job(*done, name=NAMES[0]))]
