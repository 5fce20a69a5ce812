"""Tests of `runnerlib.runner`."""
