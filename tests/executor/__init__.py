"""Tests of `runnerlib.executor`."""
