"""Resuming a job of steps: the journal of its workspace, and the results reused from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib.engine import JobExecution, ReusedResult
from runnerlib.events import Warned
from runnerlib.events.result import NO_EXPORTS
from runnerlib.runner.journal import Entry, Journal, Selection, seal_of, select, signatures

if TYPE_CHECKING:
    from runnerlib.events import Observer
    from runnerlib.events.result import Exports, StepResult
    from runnerlib.masking import SecretMasker
    from runnerlib.runner.plan import JobPlan, RunPlan


def open_journal(plan: RunPlan, selection: Selection | None) -> Journal:
    """Open the journal of the plan's workspace, emptied unless `selection` needs the last run. Raises RunnerError."""
    seal = seal_of(plan.journal, plan.config.state_dir, plan.environ)
    return Journal(plan.journal, seal, fresh=selection is None or not selection.uses_journal)


def foreseen(plan: JobPlan) -> tuple[frozenset[str], frozenset[str]]:
    """Return the steps that a run would reuse from the journal, and those it would leave out; changes nothing."""
    selection = plan.selection or Selection()
    entries = {}
    if selection.uses_journal and plan.journal.exists():
        journal = open_journal(plan, selection)
        journal.close()
        entries = journal.entries
    kept, left_out = select(plan.job, selection, entries)
    return frozenset(kept), left_out


def _texts(exports: Exports) -> tuple[str, ...]:
    return *exports.outputs.values(), *exports.env.values(), *exports.path


def remembering(
    plan: JobPlan, masker: SecretMasker, journal: Journal, execution: JobExecution, observer: Observer
) -> JobExecution:
    """Return the execution with results reused from the journal, and each step that ends recorded in it."""
    selection = plan.selection or Selection()
    kept, left_out = select(plan.job, selection, journal.entries)
    signed = signatures(plan.job)

    def ended(result: StepResult, exports: Exports) -> None:
        if result.cause == "excluded" or (result.cause == "restored" and result.name in kept):
            return
        secret = any(masker.mask_string(text) != text for text in _texts(exports)) if any(exports) else False
        try:
            journal.record(Entry(signed[result.name], result, None if secret else exports))
        except OSError as error:
            text = f"the journal cannot be written ({error.strerror}): --resume will run '{result.name}' again"
            observer.observe(Warned(masker.mask_string(text)))

    taken = {name: ReusedResult(entry.result, entry.exports or NO_EXPORTS) for name, entry in kept.items()}
    return execution._replace(kept=taken, renews=selection.goes_on, excluded=left_out, ended=ended)
