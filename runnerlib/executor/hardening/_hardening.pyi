"""The compiled part of `runnerlib.executor.hardening`; what it promises in detail is in `ext/process/hardening.h`."""

def harden() -> int:
    """Make this process undumpable and take away its core file; 0, or the errno of the first."""

def core_limit() -> int:
    """The soft limit of core files in bytes before `harden`; -1 for none, -2 before that."""

def wipe(name: bytes) -> None:
    """Clear a variable in the environment that the process was started with; `os.environ` keeps it."""
