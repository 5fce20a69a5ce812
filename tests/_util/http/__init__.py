"""Tests of `runnerlib._util.http`."""
