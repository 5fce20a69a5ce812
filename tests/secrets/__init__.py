"""Tests of `runnerlib.secrets`."""
