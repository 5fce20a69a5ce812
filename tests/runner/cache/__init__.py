"""Tests of `runnerlib.runner.journal`."""
