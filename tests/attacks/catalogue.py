"""The attacks by name, and which of them hold at each level: as an ordinary user, and as root.

The table of docs/security.md is written from it (`python -m tests.attacks.catalogue`), and the tests try every cell.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

LEVELS = ("off", "source", "strict")
USERS = ("user", "root")


class Attack(NamedTuple):
    """An attack: Python for a step, and the cells (`level user`) where it gets through."""

    text: str
    code: str
    through: frozenset[str]

    @property
    def needs_rights(self) -> bool:
        """Return whether it needs what a container or a kernel may refuse to everyone."""
        return any(word in self.code for word in _RIGHTS)


# Tools that need capabilities, namespaces, or system calls that a profile of a container engine may refuse.
_RIGHTS = (
    "mounted",
    "by_handle",
    "ring",
    "traced",
    "memory",
    "vm_read",
    "descriptor_taken",
    "/proc/{",
    "keyring",
    "userfault",
    "262",
    "shared_memory",
    "queue",
    "scheduled",
    "regrouped",
    "owner_changed",
)


def _attack(text: str, code: str, *through: str) -> Attack:
    return Attack(text, code, frozenset(cell for words in through for cell in _cells(words)))


def _cells(words: str) -> list[str]:
    """`off` is both users, `off root` one of them."""
    level, _, user = words.partition(" ")
    return [f"{level} {one}" for one in USERS if not user or one == user]


_OPEN = ("off", "source")

ATTACKS: Mapping[str, Attack] = {
    "write": _attack("write a file of the CI source", "restored(SCRIPT, lambda: SCRIPT.write_text('evil'))", "off"),
    "append": _attack("append to one", "restored(SCRIPT, lambda: SCRIPT.open('a').write('evil'))", "off"),
    "truncate": _attack("truncate one", "restored(SCRIPT, lambda: os.truncate(SCRIPT, 0))", "off"),
    "map": _attack("change one through memory", "mapped()", "off"),
    "ring": _attack("open one for writing by io_uring", "ring()", "off"),
    "handle": _attack("open one by its handle", "by_handle()", "off root"),
    "proc": _attack(
        "write one through /proc/self/root",
        "restored(Path('/proc/self/root', *SCRIPT.parts[1:]), "
        "lambda: Path('/proc/self/root', *SCRIPT.parts[1:]).write_text('evil'))",
        "off",
    ),
    "hard link": _attack("write one by a hard link elsewhere", "hard_link()", "off"),
    "remove": _attack("remove one", "removed()", "off"),
    "rename": _attack("rename one", "there_and_back(SCRIPT, CI / 'other')", "off"),
    "create": _attack("create one", "new(CI / 'new', Path.touch)", "off"),
    "link": _attack(
        "link one into it", "new(CI / 'new', lambda path: victim() and os.link(SRC / 'victim', path))", "off"
    ),
    "symlink": _attack("make a symbolic link in it", "new(CI / 'new', lambda path: path.symlink_to('/'))", "off"),
    "mkdir": _attack("make a directory in it", "new(CI / 'new', Path.mkdir)", "off"),
    "move": _attack("move it away", "there_and_back(CI, BASE / 'elsewhere')", "off"),
    "move parent": _attack("move the workspace away", "there_and_back(BASE, BASE.with_name('elsewhere'))", "off"),
    "mount": _attack("mount over it", "mounted(apart=False)", "off root"),
    "mount apart": _attack("mount over it in a namespace", "mounted(apart=True)", "off"),
    "exchange": _attack("exchange it for another directory", "exchanged(CI, SRC)", "off"),
    "reopen": _attack("open one for writing that is open for reading", "reopened()", "off"),
    "pipe": _attack("make a named pipe in it", "new(CI / 'new', os.mkfifo)", "off"),
    "bind": _attack("make a socket in it", "new(CI / 'new', bound)", "off"),
    "chmod": _attack("change the mode of a file of it (the manifest tells)", "mode_changed()", *LEVELS),
    "times": _attack("change the times of one (the manifest tells)", "times_changed()", *LEVELS),
    "attribute": _attack("give one another attribute (the manifest tells)", "attribute_set()", *LEVELS),
    "owner": _attack("give one away (the manifest tells)", "owner_changed()", "off root", "source root"),
    "signal": _attack("signal the runner", "signalled(RUNNER)", "off"),
    "pidfd": _attack("signal it by a pidfd", "pidfd_signalled(RUNNER)", "off"),
    "trace": _attack("trace it", "traced(RUNNER)", "off root"),
    "memory": _attack("read its memory by /proc", "memory_read(RUNNER)", "off root"),
    "vm": _attack("read its memory by process_vm_readv", "vm_read(RUNNER)", "off root"),
    "environ": _attack("read its environment", "shown(f'/proc/{RUNNER}/environ')", "off root", "source root"),
    "maps": _attack("read its map of memory", "shown(f'/proc/{RUNNER}/maps')", "off root", "source root"),
    "files": _attack(
        "open one of its files by /proc",
        "os.close(os.open(f'/proc/{RUNNER}/fd/' + os.listdir(f'/proc/{RUNNER}/fd')[0], os.O_PATH))",
        "off root",
    ),
    "threads": _attack("trace each of its threads", "threads_traced(RUNNER)", "off root"),
    "getfd": _attack("take a descriptor from it", "descriptor_taken(RUNNER)", "off root"),
    "limits": _attack("set its limits", "limited(RUNNER)", "off"),
    "priority": _attack(
        "set its priority", "os.setpriority(os.PRIO_PROCESS, RUNNER, os.getpriority(os.PRIO_PROCESS, RUNNER))", "off"
    ),
    "disk": _attack("set its priority at disks", "disk_priority(RUNNER)", "off"),
    "policy": _attack("set how it is scheduled", "policy(RUNNER)", "off"),
    "processors": _attack(
        "take processors from it", "os.sched_setaffinity(RUNNER, os.sched_getaffinity(RUNNER))", "off"
    ),
    "timer": _attack("set a timer that signals it", "timer(RUNNER)"),
    "keyring": _attack("use a keyring of the user", "keyring()", "off"),
    "signal step": _attack("signal a step beside it", "signalled(victim())", "off"),
    "file signal": _attack("signal it by a file that becomes ready", "signalled_by_file(victim())", "off"),
    "trace step": _attack("trace a step beside it", "traced(victim())", "off"),
    "memory step": _attack("read the memory of a step beside it", "memory_read(victim())", "off"),
    "environ step": _attack(
        "read the environment of a step beside it", "shown(f'/proc/{victim()}/environ')", "off", "source root"
    ),
    "journal": _attack("read the journal", "shown(OWN / 'journal.ndjson')", "off"),
    "journal write": _attack(
        "write the journal",
        "restored(OWN / 'journal.ndjson', lambda: (OWN / 'journal.ndjson').open('a').write('x'))",
        "off",
    ),
    "journal move": _attack("move the runner's files away", "there_and_back(OWN, BASE / 'elsewhere')", "off"),
    "key": _attack("read the journal's key", "key()", "off"),
    "socket": _attack("replace the socket that registers secrets", "socket_replaced()", "off"),
    "triggers": _attack("write the file of follow-up jobs", "new(BASE / 'triggers.json', Path.touch)", "off"),
    "spool": _attack("trigger a job", "spool_written()", "off", "source"),
    "others spool": _attack("change the follow-up jobs of a step before it", "spool_of_others()", "off"),
    "spool beside": _attack("change the follow-up jobs of a step beside it", "spool_beside()", "off"),
    "output": _attack("write the output of a step beside it", "others_output()", "off"),
    "descriptors": _attack("use a descriptor of the runner", "inherited()"),
    "abstract": _attack("use an abstract socket", "connected(chr(0) + os.environ['ATTACK_NAME'])", "off"),
    "tcp": _attack("connect by TCP", "connected(('127.0.0.1', int(os.environ['ATTACK_PORT'])))", "off", "source"),
    "multipath": _attack(
        "connect by Multipath TCP", "connected(('127.0.0.1', int(os.environ['ATTACK_PORT'])), 262)", "off", "source"
    ),
    "udp": _attack("send by UDP", "sent(('127.0.0.1', int(os.environ['ATTACK_PORT'])))", "off", "source"),
    "fault": _attack("stop the kernel at a page of its own (userfaultfd)", "userfault()", "off", "source"),
    "memory device": _attack(
        "make shared memory (/dev/shm)", "new(Path(f'/dev/shm/{os.getpid()}'), Path.touch)", *_OPEN
    ),
    "shared memory": _attack("use shared memory by its number (System V)", "shared_memory()", *_OPEN),
    "queue": _attack("use a message queue by its name", "queue()", "off"),
    "terminal": _attack("use a terminal of the user", "terminal()", *_OPEN),
    "login": _attack("read a key in the user's home", "shown(os.environ['ATTACK_HOME'] + '/.ssh/id')", *_OPEN),
    "cron": _attack("leave a command for cron", "scheduled()", "off", "source root"),
    "group": _attack("change a control group of the runner", "regrouped(RUNNER)", "off"),
    "named": _attack(
        "connect to a named socket of the user", "connected(os.environ['ATTACK_SOCKET'])", "off", "source", "strict"
    ),
    "elsewhere": _attack("write elsewhere", "copied_away()", "off", "source"),
}


# Where the runner is: on a machine with all that bounds need, in a container of docker on one, and where the kernel
# refuses Landlock; or steps are in a container that the runner has made for them. The levels that differ there.
PLACES = {"": LEVELS, "container": LEVELS[1:], "without": LEVELS[1:], "steps": LEVELS[1:]}
_HEADS = {"": "", "container": "in a container: ", "without": "without Landlock: ", "steps": "steps in one of theirs: "}
# A container has no network and no terminal of the machine around it, and root there no CAP_PERFMON and no crontab.
_NO_DOOR = {"tcp", "multipath", "terminal"}
_CLOSED_IN_CONTAINERS = {"environ", "maps", "environ step", "cron", "fault"}
# Held at `strict` without Landlock: by filters of system calls, and by having no capabilities.
_FILTERED = {
    *(
        "ring",
        "handle",
        "mount",
        "mount apart",
        "owner",
        "trace",
        "memory",
        "vm",
        "environ",
        "maps",
        "files",
        "threads",
    ),
    *("getfd", "limits", "priority", "disk", "policy", "processors", "keyring", "tcp", "multipath", "udp", "fault"),
    *("shared memory", "queue"),
}
# Steps of a container see neither the runner nor the machine; those of one kind share theirs, its memory among that.
_OUT_OF_SIGHT = re.compile("RUNNER|ATTACK_|journal.ndjson|key\\(|scheduled|terminal|copied_away")
_SHARED = {
    *("signal step", "file signal", "trace step", "memory step", "environ step", "output"),
    *("memory device", "shared memory", "queue"),
}
_HANDED_ON = {"triggers", "spool", "spool beside"}


def gets_through(name: str, level: str, user: str, place: str = "") -> bool | None:
    """Return whether an attack gets through; None: there is nothing to attack."""
    through = ATTACKS[name].through
    if place == "container":
        return None if name in _NO_DOOR else f"{level} {user}" in through and name not in _CLOSED_IN_CONTAINERS
    if place == "steps":
        if _OUT_OF_SIGHT.search(ATTACKS[name].code):
            return None
        return name in _SHARED or (level == "source" and name in _HANDED_ON)
    if place == "without":
        return f"off {user}" in through and not (level == "strict" and name in _FILTERED)
    return f"{level} {user}" in through


_CELLS = {True: "**no**", False: "held", None: "—"}


def table(*places: str) -> str:
    """Return the catalogue as rows of Markdown, with a column for each place, level and user."""
    columns = [
        (level, user, place) for place in places for level in PLACES[place] for user in USERS[: 1 + (place != "steps")]
    ]
    heads = [f"{_HEADS[place]}{level}, {user}" for level, user, place in columns]
    rows = [f"| a step tries to | {' | '.join(heads)} |", f"|---|{'---|' * len(heads)}"]
    for name, attack in ATTACKS.items():
        cells = [_CELLS[gets_through(name, *column)] for column in columns]
        rows.append(f"| {attack.text} | {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def wrong(found: Mapping[str, str], level: str, user: str, place: str = "") -> dict[str, str]:
    """Return the results of attacks that are not those of the table."""
    expected = {}
    for name, attack in ATTACKS.items():
        through = gets_through(name, level, user, place)
        expected[name] = {"through"} if through else {"held"}
        if through and attack.needs_rights:
            expected[name] = {"through", "held"}
        if through is None:
            expected[name] = {found[name]}
    return {name: how for name, how in found.items() if how not in expected[name]}


PAGE = Path(__file__).parents[2] / "docs/security.md"
_MARKS = re.compile(r"(<!-- (attacks|elsewhere) -->\n).*?(?=<!-- end of \2 -->)", re.DOTALL)
_TABLES = {"attacks": ("",), "elsewhere": ("container", "steps", "without")}


def page() -> str:
    """Return the page with fresh tables."""
    return _MARKS.sub(lambda found: found[1] + table(*_TABLES[found[2]]), PAGE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
