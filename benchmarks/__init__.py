"""Benchmarks of runnerlib beside what others use; README.md tells how to run and read them."""
