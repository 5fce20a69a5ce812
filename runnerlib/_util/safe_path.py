"""Removal of the current directory from `sys.path`.

It is the source of a job, and `python -m` would run modules in it.

This is imported before anything else, so it may only use what the interpreter has loaded already: `from __future__`
by itself runs a `__future__.py` of that directory.
"""

import os
import sys


def runs_module_of(package: str) -> bool:
    """Return whether this process is `python -m` with `package` or a module of it.

    The module is being looked for at this moment.
    """
    words = sys.orig_argv
    if sys.argv[:1] != ["-m"] or len(words) < len(sys.argv):
        return False
    module = words[len(words) - len(sys.argv)]  # the word before the arguments, as `module` or `-Wd…`, `-mmodule`
    if module.startswith("-"):
        module = module.partition("m")[2]
    return module.partition(".")[0] == package


def leave_current_directory() -> None:
    """Remove the current directory from `sys.path`, and what PYTHONPATH names below it by relative paths.

    A directory in which this package lies itself, or the standard library, stays.
    """
    try:
        here = os.path.realpath(os.getcwd())
    except OSError:  # it is gone, and nothing can be in it
        sys.path[:] = [path for path in sys.path if path.startswith("/")]
        return
    kept = {os.path.realpath(os.path.dirname(path)) for path in (os.path.dirname(__file__), os.__file__)}
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep) if not sys.flags.ignore_environment else []
    relative = {os.path.realpath(os.path.join(here, path)) for path in given if not path.startswith("/")}
    sys.path[:] = [path for path in sys.path if not _leaves(path, {here, *relative} - kept)]


def _leaves(path: object, gone: set[str]) -> bool:
    return not path or (isinstance(path, str) and os.path.realpath(path) in gone)
