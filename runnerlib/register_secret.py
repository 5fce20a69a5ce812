"""Register secrets with the runner around this job: `python -m runnerlib.register_secret`, or a call in Python.

`runnerlib.register_secret(value)` is a function all the same, whatever has imported this module: it can be called,
and does what `runnerlib.secrets.register_secret` does.
"""

import sys
from types import ModuleType

from runnerlib.secrets.register import *  # noqa: F403
from runnerlib.secrets.register import __all__, main  # noqa: F401 - the same names are public


class _Callable(ModuleType):
    """This module, which Python puts in the place of the function of the same name when it is imported."""

    def __call__(self, value: str | bytes, name: str | None = None) -> bool:
        from runnerlib.secrets.process_registry import register_secret

        return register_secret(value, name)


sys.modules[__name__].__class__ = _Callable

if __name__ == "__main__":
    from runnerlib.executor.hardening import harden

    harden()
    code = main()
    try:
        if sys.stderr is not None:
            sys.stderr.flush()
    except OSError:
        sys.stderr = None  # what could not be written would turn the exit code into 120
    sys.exit(code)
