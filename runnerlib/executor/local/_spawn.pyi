"""The compiled helpers of `runnerlib.executor.local`; what they promise in detail is in `ext/process/*.h`."""

def spawn(
    program: bytes,
    argv: tuple[bytes, ...],
    env: tuple[bytes, ...],
    directory: bytes,
    *,
    input: int,  # noqa: A002 - the descriptor that is named so everywhere
    output: int,
    errors: int = -1,
    extra: int = -1,
    search: bytes | None = None,
    terminal: bool = False,
    cgroup: int = -1,
    mark: int = 0,
    core: int = -2,
    open_files: int = 0,
    dies_with_thread: bool = False,
    ruleset: int = -1,
    no_new_privs: bool = False,
    drop_capabilities: bool = False,
    calls: int = 0,
    sockets: int = 0,
) -> tuple[int, int, bool]:
    """Start a process in a session of its own: its number, `pidfd.end_of` it, and whether it is in the cgroup.

    `program` is a path, counted from `directory`; or, with `search`, a name that is looked up in these
    directories, separated by colons. Descriptor `input` becomes stdin, `output` stdout and, unless
    `errors` is another one for it, stderr; with `terminal`, `input` becomes the controlling terminal; `extra`
    becomes descriptor 3. `cgroup` is the open cgroup.procs to join, `core` the soft limit of core files in bytes,
    -1 for none and -2 for that of the caller, `open_files` that of descriptors, 0 for that of the caller. `ruleset` is
    a descriptor of the Landlock ruleset to enter, -1 for none, `calls` and `sockets` are the levels
    of the filter of its system calls, 0 for none. Raises ValueError for a NUL byte, and OSError whose
    `filename` is the stage that failed: clone, prepare, confine, chdir or exec; no process is left then.
    """

def variables(env: dict[str, str], encoded: dict[str, tuple[str, bytes]]) -> tuple[bytes, ...]:
    """An environment as the kernel takes it. Raises UnicodeEncodeError.

    `encoded` has the last value of each variable with its encoding, which is used again for the same object.
    """

def mark_bits() -> int:
    """Return the number of bits of a job's mark; 0: jobs cannot be marked here."""

def mark_own(mark: int) -> int:
    """Give this process a soft limit of file locks, which its children inherit; the one that it had."""

def subreaper() -> bool:
    """Return whether this process adopts the orphans among its descendants. Raises OSError."""

def set_subreaper(value: bool) -> None:
    """Adopt the orphans among the descendants of this process, or no longer. Raises OSError."""

def ignore_children(value: bool) -> bool:
    """Ignore SIGCHLD, which makes the kernel forget how children ended, or no longer; whether it was ignored.

    A handler that the program has set is kept.
    """
