"""The entry of `runnerlib` and `python -m runnerlib`."""

import gc

from runnerlib._util.safe_path import leave_current_directory

# `python -m` has left it before; here it may come from PYTHONPATH.
leave_current_directory()

# Collecting garbage while modules load finds none and costs a tenth of the start-up time.
gc.disable()

from runnerlib.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
