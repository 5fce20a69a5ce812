"""Findings of `runnerlib doctor`: the abilities of this machine, what each is good for, and what its absence costs."""

from __future__ import annotations

from typing import Literal, NamedTuple

State = Literal["ok", "limited", "missing"]


class Finding(NamedTuple):
    """One ability of the machine.

    `found` is its version or form, or why it is not there; `use` says what it is good for and `without` what its
    absence costs. The runner cannot do without one that is `needed`.
    """

    group: str
    name: str
    state: State
    found: str
    use: str
    without: str
    needed: bool = False

    @property
    def fatal(self) -> bool:
        """Return whether the runner cannot work here."""
        return self.needed and self.state == "missing"
