"""The observers of a run: console in the right mode, logs, summary, events file."""

from __future__ import annotations

import os
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from runnerlib._util.paths import OWN, working_directory
from runnerlib.events import Notice, StepStarted
from runnerlib.output.console import console_for, under_worker
from runnerlib.output.streams import streams

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from runnerlib.output import Mode
    from runnerlib.output.capabilities import TerminalCapabilities
    from runnerlib.output.console import View
    from runnerlib.output.history.estimate import EarlierRuns
    from runnerlib.output.log.file_names import LogNames
    from runnerlib.output.log.trace_fields import TraceFields
    from runnerlib.output.protocol import Console, Listener
    from runnerlib.output.streams import Streams
    from runnerlib.output.summary import Summary
    from runnerlib.runner.observing import Watch
    from runnerlib.runner.plan import RunPlan
    from runnerlib.runner.services import RunServices
    from runnerlib.runner.workflow.plan import WorkflowPlan

    Ends = Callable[[], Streams]
    Resume = Callable[[int], Sequence[str]]
    Ways = tuple[Callable[[str], str], Resume | None]


# Variables by which a run is traced, or a part of a trace.
_TRACED = (
    *("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"),
    *("OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER", "TRACEPARENT", "traceparent"),
)


@contextmanager
def audience(
    plan: RunPlan,
    services: RunServices,
    ends: Streams | None = None,
    *,
    summary: type[Summary] | None = None,
    workflow: WorkflowPlan | None = None,
) -> Iterator[Listener]:
    """Open the observers of a run. At the end of the block nothing is waited for: unread output is dropped.

    `summary` is the class of the last observer, by default the summary for jobs; `workflow` is the plan that `plan` is
    the front of. Output goes to `ends`, by default the descriptors 1 and 2. Raises OutputError when stdout is closed or
    a file cannot be opened.
    """
    listener, watch = _listener(plan, services, ends or streams(), summary, workflow)
    try:
        yield listener
    finally:
        if watch is not None:
            watch.finish()
        listener.give_up()
        listener.close()


def _listener(
    plan: RunPlan, services: RunServices, ends: Streams, summary: type[Summary] | None, workflow: WorkflowPlan | None
) -> tuple[Listener, Watch | None]:
    config, marks = plan.config, services.masker.marks
    watched = is_watched(plan)
    watch, earlier, trace = None, None, None
    if watched:
        from runnerlib.runner.observing import Watch

        watch = Watch(plan, services, workflow=summary is not None)
        earlier, trace = watch.earlier, watch.trace
    view = console_for(config, plan.environ, ends, plan.step_count, marks, services.modes)
    log = _log(plan, view.streams, trace) if view.structured and not view.mode.for_programs else None
    guarded = _guarded(view, plan, workflow)
    shown: Console = _without(guarded, view.mode, plan, log)
    files = (config.log_limit, config.events, config.report, config.junit, config.code_quality)
    if plan.is_command and log is None and not watched and not any(one is not None for one in files):
        return shown, None
    logs = _log_names(plan, services)
    if summary is not None and not view.mode.for_programs:
        from runnerlib.output.labelled import Labelled

        shown = Labelled(shown)
    if config.log_limit is not None:
        head = config.log_limit // 2
        from runnerlib.output.truncate import Truncate

        shown = Truncate(shown, head=head, tail=config.log_limit - head, path=logs.path)
    from runnerlib.output.fanout import FanOut

    if watch is not None:
        watch.inform(view.console)
    resume = _resume(plan, services, view.seen)
    verdict = [log] if log else _summary(plan, view, shown, summary, (logs.path, resume), earlier)
    others = watch.listeners() if watch is not None else ()
    reports = (*_files(plan, logs, trace), *_reports(plan, services, logs, workflow))
    annotations = _annotations(plan, view._replace(console=guarded), shown)
    whole = FanOut(shown, *annotations, *verdict, *reports, *others)
    if watch is not None:
        watch.observer = whole
    return whole, watch


def is_watched(plan: RunPlan) -> bool:
    """Return whether the run has observers that keep or send figures of it."""
    config, in_project = plan.config, plan.workspace.base.name == OWN and not plan.is_command
    asked = config.metrics_file is not None or config.metrics_push is not None or config.otel == "on"
    asked = asked or bool(config.notify)
    if config.otel == "auto" and not asked:
        asked = any(plan.environ.get(name) for name in _TRACED)
    return asked or (config.history or ("" if in_project else "none")) != "none"


def _log_names(plan: RunPlan, services: RunServices) -> LogNames:
    """Return the names of logs, with paths relative to where the user stands, unless that is the longer way."""
    from runnerlib.output.log.file_names import LogNames

    artifacts = str(plan.workspace.artifacts)
    stands = services.invocation.directory if services.invocation is not None else working_directory()
    seen = min(os.path.relpath(artifacts, stands), artifacts, key=len) if stands else artifacts
    return LogNames(services.masker.mask_string(seen))


def _resume(plan: RunPlan, services: RunServices, look: TerminalCapabilities) -> Resume | None:
    """Return a function that gives the command that goes on; None where no user of this machine reads it."""
    invocation = services.invocation
    if invocation is None or look.dialect != "plain" or under_worker(plan.environ, look.terminal):
        return None
    from runnerlib.runner.resume_command import resume_command

    return partial(resume_command, invocation, services.masker.mask_string)


def _log(plan: RunPlan, ends: Streams, trace: TraceFields | None) -> Listener:
    """Return the log of the runner's messages as JSON on stderr, with their job, trace, phase and step."""
    from runnerlib.output.log.json_observer import LogLines
    from runnerlib.output.log.level import chosen_level
    from runnerlib.output.log.trace_context import context

    level = chosen_level(plan.environ, plan.config.log_level)
    return LogLines(ends.err, level, context(plan.environ), trace=trace)


def _without(shown: Console, mode: Mode, plan: RunPlan, log: Listener | None) -> Console:
    """Return the console without events that the log shows, and without those below the log level."""
    least = plan.config.log_level
    if log is None and (least in {None, "debug", "info"} or mode.for_programs):
        return shown
    from runnerlib.output.log import json_observer as log_lines

    kinds: tuple[type, ...] = log_lines.OWN if log is not None or least != "warning" else (Notice,)
    if mode.verbatim:  # in the other modes they are a part of the picture
        kinds = (*kinds, *log_lines.FRAMES) if log is not None else (*kinds, StepStarted)
    return log_lines.Without(shown, kinds)


def _files(plan: RunPlan, logs: LogNames, trace: TraceFields | None) -> Iterator[Listener]:
    if not plan.is_command or plan.config.log_limit is not None:  # what is not shown must be somewhere
        from runnerlib.output.log.step_logs import StepLogs

        yield StepLogs(plan.workspace.artifacts, logs)
    if plan.config.events is not None:
        from runnerlib.output.log.events_file import EventsFile

        yield EventsFile(Path(plan.config.events), plan.workspace.base, trace=trace)


def _guarded(view: View, plan: RunPlan, workflow: WorkflowPlan | None) -> Console:
    """Return the console, without what a CI service would obey where it does not see to that itself.

    In raw mode only untrusted steps are no masters of the service.
    """
    if view.seen.dialect == "plain" or view.mode.for_programs or view.mode.module == "grouped":
        return view.console
    from runnerlib.runner.report_facts import is_untrusted  # only within a CI service

    if view.mode.verbatim and not is_untrusted(plan, workflow):
        return view.console
    from runnerlib.output.annotations.guard import Guarded

    return Guarded(view.console, view.seen.dialect, stops=view.mode.verbatim)


def _annotations(plan: RunPlan, view: View, shown: Console) -> Iterator[Listener]:
    """Yield what shows findings where the CI service does; a single command has none."""
    if plan.config.code_quality is not None:
        from runnerlib.output.annotations.code_quality import CodeQuality

        yield CodeQuality(plan.config.code_quality, plan.workspace.base)
    wanted = view.seen.dialect if plan.config.annotations == "auto" else plan.config.annotations
    if not plan.is_command and wanted in {"github", "azure", "buildkite"}:
        from runnerlib.runner.annotating import annotating  # only within a CI service

        yield from annotating(wanted, plan, view, shown)


def _reports(plan: RunPlan, services: RunServices, logs: LogNames, workflow: WorkflowPlan | None) -> Iterator[Listener]:
    if plan.config.report is not None:
        from runnerlib.output.report.page.observer import HtmlReport
        from runnerlib.runner.report_facts import about

        yield HtmlReport(plan.config.report, plan.workspace.base, about(plan, services, logs, workflow))
    if plan.config.junit is not None:
        from runnerlib.output.report.junit import JUnitReport

        yield JUnitReport(plan.config.junit, plan.workspace.base)


def _summary(
    plan: RunPlan, view: View, shown: Console, made: type[Summary] | None, ways: Ways, earlier: EarlierRuns | None
) -> Iterator[Listener]:
    """Yield the summary; none for a single command, and none for JSON output, whose reader makes its own."""
    if not plan.is_command and not view.mode.for_programs:
        from runnerlib.output.summary import Summary, Ways

        yield (made or Summary)(shown.say, view.seen, Ways(*ways), console_told=view.mode.verbatim, earlier=earlier)
