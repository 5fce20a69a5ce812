"""Jobs from Python: what `runnerlib run` does, for programs. Its names are those of `runnerlib` itself."""
