"""The processes of a job: started, signalled and collected, down to the last descendant; never waited for here.

Passive on purpose: this package holds processes and the reading ends of their output and knows no event
loop and no masking. `ProcessSupervisor` supervises all processes of one job, `Process` one step of it.

A step's tree is everything that was started from its process, however it hid: by a session of its own,
by leaving its parent, by an empty environment. Three things keep it together:

* The runner is a *subreaper* while it has a supervisor: an orphan becomes a child of the runner (`own_process`).
* Every process of a step carries a *tag* that survives all that, so that an orphan is known to be the
  step's and never mistaken for another child of the program that uses this library (`process_tag`).
* Where the system delegates a *cgroup* to the runner, each step is one (`cgroup`).

The rule that follows, and that makes it safe in a library: a process that carries no tag of the job and
does not descend from one that does is never signalled, reaped or reported.

If the runner is killed by SIGKILL, the *watchdog* ends the leftover processes (`ext/process/guard.c`).
"""

from __future__ import annotations

import signal

from runnerlib.executor.local.process import Process
from runnerlib.executor.local.process_tree import holders, members
from runnerlib.executor.local.supervisor import ProcessSupervisor

__all__ = [
    "STOPPING",
    "Process",
    "ProcessSupervisor",
    "holders",
    "members",
]

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
"""The signals that ask a runner to stop."""
