"""Tests of `runnerlib.api.compat`."""
