"""The entry of `python -m runnerlib.cli`, the spelling that Reactorcide's worker uses."""

from runnerlib.__main__ import main

if __name__ == "__main__":
    main()
