"""Files that describe a job, YAML or JSON: read as a whole, every mistake told with its line and column."""

from __future__ import annotations

from runnerlib.pipeline.job_file.file import JobFile, load, parse

__all__ = ["JobFile", "load", "parse"]
