"""`python -m runnerlib.secrets.register`."""

import sys

from runnerlib.executor.hardening import harden
from runnerlib.secrets.register import main

if __name__ == "__main__":
    harden()
    code = main()
    try:
        if sys.stderr is not None:
            sys.stderr.flush()
    except OSError:
        sys.stderr = None  # what could not be written would turn the exit code into 120
    sys.exit(code)
