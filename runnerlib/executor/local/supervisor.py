"""Supervisor of all processes of a job: the executor of this machine."""

from __future__ import annotations

import errno
import os
from contextlib import ExitStack, suppress
from threading import get_native_id
from typing import TYPE_CHECKING

from runnerlib.executor.hardening import core_limit
from runnerlib.executor.local import _spawn, own_process
from runnerlib.executor.local.accounting import OwnMemory, StepAccount, find_counter
from runnerlib.executor.local.cgroup import new_groups
from runnerlib.executor.local.launch import exec_args, no_room, nul_byte, open_stdio, refused, search_path
from runnerlib.executor.local.own_process import current
from runnerlib.executor.local.process import Process
from runnerlib.executor.local.process_tag import TAG, new_tag, step_number
from runnerlib.executor.local.process_tree import OwnChildren, descendants, describe, end_all, send, status
from runnerlib.executor.local.watchdog import Watchdog
from runnerlib.executor.process_spec import CALLS, SOCKETS, Room

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType

    from runnerlib._util.proc import ProcessStat
    from runnerlib.executor.local.cgroup import Group
    from runnerlib.executor.local.launch import StdioFds
    from runnerlib.executor.process_spec import ProcessInfo, ProcessSpec

# The step of a process that is the job's, and shows no more: several were running when it was met.
_UNKNOWN = -1
# So many numbers are quicker searched in a list than in a set.
_FEW = 8
# How often a tree that is not empty is looked at, until two looks in a row agree.
_LOOKS = 10
# And after which nothing that is found counts, whatever changes: there may be what can never be read.
_MOST_LOOKS = 1000
# Descriptors reserved for files that are opened and closed while steps run; each running step may also have a log.
_SPARE = 8


class ProcessSupervisor:
    """Executor of steps as processes of this machine, supervised from the first to the last; for one thread at a time.

    While it is open this process adopts the orphans among its descendants. With `cgroups` it uses control groups
    where it can. Raises RunnerError when the guard cannot be started.
    """

    def __init__(self, *, cgroups: bool = True) -> None:
        self._pid = os.getpid()
        self._alone = current()
        self._tag = new_tag() if self._alone is None else self._alone.tag
        self._counter = find_counter()
        self._memory = OwnMemory()
        self._encoded: dict[str, tuple[str, bytes]] = {}
        self._started = 0
        self._running: dict[int, Process] = {}
        self._known: dict[tuple[int, int], int] = {}  # number and start of processes once seen in a tree: their step
        self._changed = False
        self._closed = False
        self.room = Room()
        with ExitStack() as undo:
            self._open_files = own_process.raise_file_limit()
            undo.callback(own_process.restore_file_limit)
            own_process.adopt()
            undo.callback(own_process.adopt_no_more)
            try:
                self._null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
            except OSError as error:
                raise no_room(error) from None
            undo.callback(os.close, self._null)
            self._reserve = -1
            self._keep_reserve()
            undo.callback(self._give_up_reserve)
            self._children = OwnChildren()
            undo.callback(self._children.close)
            if self._counter is not None:
                undo.callback(self._counter.close)
            self._groups = new_groups() if cgroups else None
            if self._groups is not None:
                undo.callback(self._groups.remove)
            self._watchdog = Watchdog(self._tag, self._groups, self._null)
            self._undo = undo.pop_all()

    def __enter__(self) -> ProcessSupervisor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self, spec: ProcessSpec) -> Process:
        """Start the process of a step.

        Raises CommandError when the command cannot be executed, NoRoomError when the system has no room for
        another process now, and RunnerError when the directory is unusable.
        """
        self._started += 1
        step = step_number(self._started)
        group = self._groups.take() if self._groups is not None else None
        try:
            process = self._start(spec, step, group)
        except BaseException:
            self._give_back(group)
            raise
        if process.group is None:
            self._give_back(group)
        for other in self._running.values():
            other.account.alone = False
        self._running[step] = process
        return process

    def orphans(self) -> list[ProcessInfo]:
        """The living processes of the job that belong to no running step; dead ones are reaped."""
        return [shown for member in self._orphans() if (shown := describe(member.pid)) is not None]

    def signal_orphans(self, signum: int) -> None:
        """Signal each of `orphans`."""
        for member in self._orphans():
            send(member, signum)

    def reap_dead(self) -> None:
        """Reap the dead processes that steps left to the runner; a single system call when there are none."""
        with suppress(ChildProcessError):  # there are no children at all
            if os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
                for _ in self._adopted():
                    pass  # looking at them reaps the dead ones

    def close(self) -> None:
        """Kill leftover processes of the job and restore the changed attributes."""
        if self._closed:
            return
        self._closed = True
        if os.getpid() != self._pid:  # a fork of the runner: the processes are not its own
            os.close(self._null)
            self._give_up_reserve()
            self._children.close()
            self._watchdog.close()
            if self._groups is not None:
                self._groups.close()
            if self._counter is not None:
                self._counter.close()
            return
        with self._undo:
            # Not before everything has ended: until then a SIGKILL would leave processes behind.
            self._undo.callback(self._watchdog.dismiss)
            for process in list(self._running.values()):
                process.close()
            end_all(self._orphans)

    def tree(self, process: Process) -> list[ProcessStat]:
        """The living processes of a step."""
        if process.reaped and self._is_over(process):
            return []
        found = self._settled(lambda: self._members(process))
        self._known.update(((member.pid, member.started), process.step) for member in found)
        return found

    def forget(self, process: Process) -> None:
        """Forget a process that is closed: its leftover processes count as orphans from now on."""
        self._running.pop(process.step, None)
        self._give_back(process.group)

    @property
    def watchdog_ended(self) -> int:
        """A descriptor that can be read once the guard has ended, which it does not by itself; see `renew_watchdog`."""
        return self._watchdog.exited

    def renew_watchdog(self) -> None:
        """Put a new guard in the place of one that has ended. Raises RunnerError when it cannot be started."""
        before, self._watchdog = self._watchdog, Watchdog(self._tag, self._groups, self._null)
        before.dismiss()

    def _give_back(self, group: Group | None) -> None:
        if group is not None and self._groups is not None:
            self._groups.give_back(group)

    def _start(self, spec: ProcessSpec, step: int, group: Group | None) -> Process:
        account = StepAccount(self._counter, group, self._memory, alone=not self._running)
        try:
            end = open_stdio(spec, self._null)
            try:
                pid, exited, joined = self._spawned(spec, step, group, end)
            except BaseException:
                os.close(end.reader)
                raise
            finally:
                end.close_own()
        except ValueError:
            raise nul_byte(spec) from None
        except OSError as error:
            raise refused(error, spec) from None
        return Process(self, pid, exited, end.reader, step=step, group=group if joined else None, account=account)

    def _spawned(self, spec: ProcessSpec, step: int, group: Group | None, end: StdioFds) -> tuple[int, int, bool]:
        """Start the process; return its number, its pidfd, and whether it is in the group."""
        if spec.resources:
            from runnerlib.executor.local.limits import limited  # for the few steps that have some

            with limited(spec) as within:
                return self._spawned(within, step, group, end)
        limits = spec.confinement
        self._leave_room(end.output)
        return _spawn.spawn(
            *exec_args(spec, {TAG: self._tag.value_of(step)}, self._encoded),
            input=end.input,
            output=end.output,
            search=search_path(spec),
            terminal=spec.tty is not None,
            cgroup=-1 if group is None else group.door,
            mark=self._tag.number_of(step),
            core=core_limit(),
            open_files=self._open_files,
            # The signal comes when the thread ends, and only the first thread lives as long as the runner.
            dies_with_thread=get_native_id() == os.getpid(),
            ruleset=-1 if limits.ruleset is None else limits.ruleset.descriptor,
            no_new_privs=limits.no_new_privs,
            drop_capabilities=limits.drop_capabilities,
            calls=CALLS.index(limits.calls),
            sockets=SOCKETS.index(limits.sockets),
        )

    def _leave_room(self, descriptor: int) -> None:
        """Raise OSError when a high descriptor shows that too few are left for the logs of running steps.

        A new one is low where steps have ended, and says nothing of those above it: so the running steps count, too.
        """
        highest = max(descriptor, *(process.output for process in self._running.values()), 0)
        if highest + len(self._running) + _SPARE >= os.sysconf("SC_OPEN_MAX") > 0:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    def _members(self, process: Process) -> Iterator[ProcessStat]:
        """Yield the living members of a tree; adopted ones last, which include those orphaned meanwhile."""
        if not process.reaped:
            yield from _living((process.pid, *descendants(process.pid)))
        if process.group is not None:
            yield from _living(process.group.members())
        for member, step in self._adopted():
            if step == process.step:
                yield member
                yield from _living(descendants(member.pid))

    def _orphans(self) -> list[ProcessStat]:
        def members() -> Iterator[ProcessStat]:
            for member, step in self._adopted():
                if step not in self._running:
                    yield member
                    yield from _living(descendants(member.pid))

        return self._settled(members)

    def _settled(self, look: Callable[[], Iterable[ProcessStat]]) -> list[ProcessStat]:
        """Return what `look` finds, each process once, after two equal results.

        An empty result counts only if nothing changed meanwhile. A process may leave a child and end while the list
        of adopted ones is read, which then shows neither; the next call of `look` finds the child. If processes keep
        forking, the result of the last of a few calls is returned, and the caller looks again.
        """
        before: dict[int, ProcessStat] = {}
        self._give_up_reserve()  # whoever has used up all descriptors has processes that must be seen, too
        try:
            for count in range(1, _MOST_LOOKS):
                self._changed = False
                found = {member.pid: member for member in look()}
                if (found or not self._changed) and (found.keys() == before.keys() or count >= _LOOKS):
                    break
                before = found
        finally:
            self._keep_reserve()
        return list(found.values())

    def _keep_reserve(self) -> None:
        with suppress(OSError):
            self._reserve = os.dup(self._null)

    def _give_up_reserve(self) -> None:
        if self._reserve >= 0:
            os.close(self._reserve)
            self._reserve = -1

    def _adopted(self) -> Iterator[tuple[ProcessStat, int]]:
        """The living children of this process that are of the job, with the number of their step; reaps the dead.

        Left out are the first processes of running steps, which `Process.reap` collects.
        """
        for pid in self._others():
            now = status(pid)
            step = None if now is None else self._step_of(now)
            if now is None:
                self._changed = True
            elif not step:
                continue  # a child of the program that uses this library, or of the runner itself
            elif now.dead:
                self._changed = True
                with suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)
            else:
                yield now, step

    def _others(self) -> list[int]:
        """The children of this process, apart from the guard and from the first processes of running steps."""
        others = self._children.pids()
        own = [self._watchdog.pid, *(process.pid for process in self._running.values() if not process.reaped)]
        return [pid for pid in others if pid not in own] if len(own) < _FEW else [*{*others}.difference(own)]

    def _is_over(self, process: Process) -> bool:
        """Return whether nothing is left of a step whose first process is collected, as of most steps."""
        return (process.group is None or process.group.is_empty()) and not self._others()

    def _step_of(self, process: ProcessStat) -> int | None:
        """The step that an adopted process belongs to; None when it is not known to be the job's."""
        step = self._tag.step_of(process.pid)
        if step is None:  # it threw the marks off, or this system shows neither
            step = self._known.get((process.pid, process.started))
        if step is None:  # a session cannot be joined from outside
            step = next((one.step for one in self._running.values() if one.pid == process.session), None)
        if step is None and self._alone is not None and self._alone.claims and self._alone.is_new(process):
            step = next(iter(self._running)) if len(self._running) == 1 else _UNKNOWN
            self._known[process.pid, process.started] = step
        return step


def _living(pids: Iterable[int]) -> Iterator[ProcessStat]:
    for pid in pids:
        now = status(pid)
        if now is not None and not now.dead:
            yield now
