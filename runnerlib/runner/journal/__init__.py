"""What a workspace remembers of the last run of a job, so that another run can go on where it ended."""

from __future__ import annotations

from runnerlib.runner.journal.file import Entry, Journal
from runnerlib.runner.journal.seal import seal_of
from runnerlib.runner.journal.selection import Selection, chosen, select, signatures

__all__ = ["Entry", "Journal", "Selection", "chosen", "seal_of", "select", "signatures"]
