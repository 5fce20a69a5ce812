"""Tests of `runnerlib.pipeline`."""
