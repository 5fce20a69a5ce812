"""Functions to run jobs and workflows from Python, like `runnerlib run`; programs import them from `runnerlib`."""
