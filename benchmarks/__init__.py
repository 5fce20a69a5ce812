"""How fast runnerlib is, beside what others use; README.md tells how to run and read it."""
