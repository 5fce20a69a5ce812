"""The page of a recorded run: what every browser shows, the data, and the script and the style that show it."""

from __future__ import annotations

import json
from base64 import b64encode
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runnerlib.errors import one_line
from runnerlib.events.result import StepResult
from runnerlib.masking.report import total
from runnerlib.output.messages import duration, ended, finished
from runnerlib.output.report.page.last_run import brief, changes
from runnerlib.output.report.page.log_chunks import packed
from runnerlib.output.report.page.recording import critical_path, shown_names
from runnerlib.output.text.outcomes import CANCELLED, FAILED, PASSED, counted, style_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from runnerlib.output.report.page.recording import RunRecord

_HERE = Path(__file__).parent
# Rows of the table that a browser without scripts shows.
_MOST_ROWS = 500
_LONGEST_TITLE = 200


def document(run: RunRecord) -> Iterator[bytes]:
    """Yield the parts of the page."""
    shown = shown_names(list(run.steps), run.labels)
    results = [(shown[name], _result(name, run)) for name in run.steps]
    now = brief(one_line(run.name), run.began, max(run.ended - run.began, 0), results)
    data = json.dumps(_data(run, shown, changes(run.before, now, run.about.mask)), separators=(",", ":"))
    script, style = ((_HERE / name).read_text(encoding="utf-8") for name in ("page.js", "page.css"))
    verdict = _verdict(run, [result for _, result in results])
    yield _head(verdict, run.about.version, script, style).encode(errors="backslashreplace")
    yield _without_script(results).encode(errors="backslashreplace")
    yield from run.chunks.elements()
    yield packed("data", data.encode())
    yield f"<script>{script}</script>\n".encode()
    yield now.element()
    yield b"</body>\n</html>\n"


def _result(name: str, run: RunRecord) -> StepResult:
    """Return the result of a step, one that is no success for a step without."""
    result = run.steps[name].result
    return result if result is not None else StepResult(name, "cancelled", 0, "it did not end", "cancelled")


def _verdict(run: RunRecord, results: Sequence[StepResult]) -> tuple[str, str, str]:
    """Return the mark and the text of how the run ended, and the counts of its steps, or jobs."""
    whole = run.result
    if whole is None:
        text = f"{run.noun} '{run.name}' did not end" if run.name else "the run ended before its first step"
        return CANCELLED.mark, one_line(text), counted(results)
    style = PASSED if whole.success else CANCELLED if whole.interrupted else FAILED
    where = f": {whole.reason}" if whole.reason and not whole.success else ""
    return style.mark, one_line(ended(run.noun, whole, where)), counted(run.jobs or results)


def _head(verdict: tuple[str, str, str], version: str, script: str, style: str) -> str:
    mark, text, counts = map(escape, verdict)
    policy = (
        f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )
    title = text if len(text) <= _LONGEST_TITLE else f"{text[:_LONGEST_TITLE]}…"
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="runnerlib {escape(version)}">
<link rel="icon" href="data:,">
<title>{mark} {title}</title>
<style>{style}</style>
</head>
<body>
<header>
<h1><span class="mark" aria-hidden="true">{mark}</span> <bdi>{text}</bdi></h1>
<p id="counts">{counts}</p>
</header>
<main id="main">
"""


def _digest(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def _without_script(results: Sequence[tuple[str, StepResult]]) -> str:
    """Return the table for browsers that run no scripts, failures first."""
    order = sorted(results, key=lambda one: one[1].outcome != "failure")
    rows = "".join(
        f"<tr><td>{style_of(result).mark}</td><td><bdi>{escape(name)}</bdi></td>"
        f"<td>{escape(finished(result))}</td></tr>\n"
        for name, result in order[:_MOST_ROWS]
    )
    more = f"<p>{len(order) - _MOST_ROWS} more are not shown.</p>" if len(order) > _MOST_ROWS else ""
    return (
        "<noscript><p>The logs need a browser that runs scripts.</p>\n"
        f"<table><tr><th></th><th>step</th><th>result</th></tr>\n{rows}</table>{more}</noscript>\n</main>\n"
    )


def _data(run: RunRecord, shown: Mapping[str, str], different: dict[str, Any] | None) -> dict[str, Any]:
    numbers = {name: number for number, name in enumerate(run.steps)}
    over = {name: step.result.ended for name, step in run.steps.items() if step.result and step.result.started}
    rules = run.about.rules()
    steps = [
        step.data(numbers, shown[name], rules.get(name, ""), step.ready(over, run.began))
        for name, step in run.steps.items()
    ]
    for step, (name, record) in zip(steps, run.steps.items(), strict=True):
        if record.log is not None:
            step["path"] = one_line(run.about.log(name))
            if record.log.left_out:
                step["cut"] = record.log.left_out
    masked = total(step.masked for step in run.steps.values() if step.masked)
    return {
        "noun": run.noun,
        "began": run.began,
        "ended": run.ended,
        "took": duration(run.ended - run.began),
        "steps": steps,
        "critical": [numbers[name] for name in critical_path(run.steps)],
        "masked": [[one_line(row.rule), row.form, row.marks, row.bytes] for row in masked.rules],
        "notes": run.notes,
        "environment": run.about.environment(),
        "last": different,
    }
