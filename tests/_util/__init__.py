"""Tests of `runnerlib._util`."""
