"""The system calls of Landlock; what they promise in detail is in `ext/process/landlock.h`."""

def abi() -> int:
    """Return the version of Landlock that this kernel has; 0 where it has none, or refuses it."""

def filters() -> bool:
    """Return whether this kernel can refuse single system calls to a process, by numbers that are known here."""

def ruleset(files: int, network: int, scoped: int) -> int:
    """Return a descriptor of a new ruleset that handles these sets of rights. Raises OSError."""

def grant_path(ruleset: int, path: int, access: int) -> None:
    """Grant rights to the file or below the directory at the descriptor `path`. Raises OSError."""

def grant_port(ruleset: int, port: int, access: int) -> None:
    """Grant rights to a TCP port. Raises OSError."""
