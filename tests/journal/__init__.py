"""Tests of `runnerlib.journal`."""
