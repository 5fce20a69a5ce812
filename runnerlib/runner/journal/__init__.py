"""The record of a job's last run in its workspace, so that another run can resume it.

`file` reads and writes the journal, `seal` proves that only a runner wrote it, `selection` chooses what runs again.
"""

from __future__ import annotations

from runnerlib.runner.journal.file import Entry, Journal
from runnerlib.runner.journal.seal import seal_of, state_directory
from runnerlib.runner.journal.selection import Selection, chosen, select, signatures

__all__ = ["Entry", "Journal", "Selection", "chosen", "seal_of", "select", "signatures", "state_directory"]
