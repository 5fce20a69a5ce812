"""The findings of steps: in their output, and in reports, which are read in a thread when a step has ended."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from runnerlib._util.files import explain
from runnerlib._util.path_glob import matches
from runnerlib._util.paths import opened_file
from runnerlib.errors import PathError, RunnerError, one_line, printable
from runnerlib.events import Annotated, Reported, Warned
from runnerlib.events.findings import MOST_TOLD, CaseCounts
from runnerlib.runner.cache.content import found
from runnerlib.runner.findings import cobertura, junit, sarif, tap, written_down
from runnerlib.runner.findings.built_in import BUILT_IN
from runnerlib.runner.findings.matchers import Matchers, WrongMatcherError, from_json, matcher_of
from runnerlib.runner.findings.matching import Matching
from runnerlib.runner.findings.parsed import WrongReportError
from runnerlib.runner.workflow.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from runnerlib.events import Observer
    from runnerlib.events.findings import Finding
    from runnerlib.masking import SecretMasker
    from runnerlib.pipeline.job import Step
    from runnerlib.runner.findings.matchers import Matcher
    from runnerlib.runner.findings.parsed import Parsed
    from runnerlib.runner.plan import JobPlan

_READERS: Mapping[str, Callable[[bytes], Parsed]] = {
    "junit": junit.read,
    "tap": tap.read,
    "sarif": sarif.read,
    "cobertura": cobertura.read,
}
_LARGEST = 64 << 20
_LARGEST_MATCHERS = 1 << 20
_LARGEST_OF_ALL = 256 << 20
_MOST_FILES = 10_000
_MOST_WARNINGS = 5
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY


class _Found(NamedTuple):
    """The reports of one kind: how many files, and all that is in them."""

    kind: str
    files: list[Parsed]

    def sums(self, step: str) -> Reported:
        """Return the event about all of them."""
        cases = [one.cases for one in self.files if one.cases is not None]
        counts = None
        for one in cases:
            counts = one if counts is None else counts.plus(one)
        lines = sum(one.lines for one in self.files)
        covered = sum(one.covered for one in self.files) / lines if lines else None
        findings = sum(len(one.findings) for one in self.files)
        return Reported(step, self.kind, len(self.files), findings, _rounded(counts), covered)


class Findings:
    """The `StepFindings` of a job."""

    def __init__(self, plan: JobPlan, masker: SecretMasker, observer: Observer) -> None:
        self._base = plan.workspace.base
        self._code = str(plan.code_dir)
        self._mask = masker.mask_string
        self._observer = observer
        self._matching: dict[str, Matching] = {}

    def matching(self, step: Step, shown: str, directory: Callable[[Step], Path], observer: Observer) -> Observer:
        """Return an observer that passes the events of a step on, with the findings in its output."""

        def load() -> tuple[Matchers, Callable[[Finding], Finding]]:
            try:
                place = directory(step)
            except RunnerError as error:  # it was replaced since the attempt began
                self._warn(f"problem matchers: {error}", shown)
                return Matchers(()), lambda finding: finding
            return self._matchers(step, shown, place), lambda finding: self._shown(finding, place)

        made = self._matching[step.name] = Matching(shown, load, observer)
        return made

    def _matchers(self, step: Step, shown: str, directory: Path) -> Matchers:
        """Return the matchers of a step; one that cannot be used is a warning."""
        matchers: list[Matcher] = []
        for one in step.problem_matchers:
            if not one.endswith(".json"):
                matchers += map(matcher_of, BUILT_IN[one])
                continue
            try:
                matchers += from_json(self._content(f"{directory}/{one}", _LARGEST_MATCHERS))
            except WrongMatcherError as error:
                self._warn(f"problem matchers: '{printable(one)}': {error}", shown)
            except (OSError, PathError) as error:
                why = explain(error) if isinstance(error, OSError) else str(error)
                self._warn(f"problem matchers: '{printable(one)}' cannot be read: {why}", shown)
        return Matchers(matchers)

    def _warn(self, text: str, shown: str) -> None:
        self._observer.observe(Warned(self._mask(text), shown))

    async def collect(self, step: Step, shown: str, directory: Path) -> None:
        """Emit the findings in the last line of a step that has run in `directory`, and in its reports."""
        if step.name in self._matching:
            self._matching.pop(step.name).end()
        if not step.reports:
            return
        warnings: list[str] = []
        for one in await in_thread(lambda: list(self._read(step, directory, warnings))):
            findings = [finding for parsed in one.files for finding in parsed.findings]
            for finding in findings[:MOST_TOLD]:
                self._observer.observe(Annotated(shown, self._shown(finding, directory)))
            self._observer.observe(one.sums(shown))
        for text in warnings[:_MOST_WARNINGS]:
            self._warn(f"reports: {text}", shown)
        if len(warnings) > _MOST_WARNINGS:
            self._warn(f"reports: {len(warnings) - _MOST_WARNINGS} more such warnings", shown)

    def tell(self, text: str, shown: str, directory: Path) -> None:
        """Emit the findings that a step that ran in `directory` has written down itself."""
        findings, problems = written_down.read(text)
        for finding in findings[:MOST_TOLD]:
            self._observer.observe(Annotated(shown, self._shown(finding, directory)))
        if len(findings) > MOST_TOLD:
            self._warn(f"RUNNERLIB_ANNOTATIONS: {len(findings)} annotations; {MOST_TOLD} are told", shown)
        for problem in problems[:_MOST_WARNINGS]:
            self._warn(f"RUNNERLIB_ANNOTATIONS: {problem}", shown)

    def _read(self, step: Step, directory: Path, warnings: list[str]) -> Iterator[_Found]:
        left = _LARGEST_OF_ALL
        for kind, globs in step.reports.items():
            parsed: list[Parsed] = []
            for name, path in self._files(directory, globs, warnings):
                try:
                    data = self._content(path, min(_LARGEST, left))
                    left -= len(data)
                    parsed.append(_READERS[kind](data))
                except WrongReportError as error:
                    warnings.append(f"'{printable(name)}' is no {kind}: {error}")
                except (OSError, PathError) as error:
                    why = explain(error) if isinstance(error, OSError) else str(error)
                    warnings.append(f"'{printable(name)}' cannot be read: {why}")
            if parsed:
                yield _Found(kind, parsed)

    def _files(self, directory: Path, globs: Sequence[str], warnings: list[str]) -> Iterator[tuple[str, str]]:
        """Yield names and paths of the matching files, and complain of globs that match none."""
        try:
            files = sorted((file.name, file.path) for file in found(directory, globs, "reports") if file.is_file)
        except (OSError, RunnerError) as error:
            warnings.append(str(error).removeprefix("reports: "))
            return
        for glob in globs:
            if not glob.startswith("!") and not any(matches(name, glob) for name, _ in files):
                warnings.append(f"no file matches '{printable(glob)}'")
        if len(files) > _MOST_FILES:
            warnings.append(f"{len(files)} files match; {_MOST_FILES} are read")
        yield from files[:_MOST_FILES]

    def _content(self, path: str, most: int) -> bytes:
        """Return the content of a file; a job may have put something else in its place meanwhile."""
        with open(opened_file(self._base, Path(path), _READ, 0), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise PathError("it is no regular file")
            data = file.read(most + 1)
        if len(data) > most:
            raise PathError(f"it is larger than {most} bytes")
        return data

    def _shown(self, finding: Finding, directory: Path) -> Finding:
        """Return a finding as others may see it: masked, and with a path that is relative to the code of the job."""
        path = os.path.normpath(os.path.join(directory, finding.path)) if finding.path else ""
        own = path[len(self._code) + 1 :] if path.startswith(f"{self._code}/") else finding.path
        return finding._replace(path=own).masked(lambda text: one_line(self._mask(text)))


def _rounded(counts: CaseCounts | None) -> CaseCounts | None:
    return counts and counts._replace(seconds=round(counts.seconds, 3))
