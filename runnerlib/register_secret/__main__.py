"""`python -m runnerlib.register_secret`."""

import sys

from runnerlib.register_secret import main

if __name__ == "__main__":
    sys.exit(main())
