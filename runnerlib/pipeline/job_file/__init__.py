"""Files that describe a job, YAML or JSON: read as a whole, each error reported with line and column."""

from __future__ import annotations

from runnerlib.pipeline.job_file.file import JobFile, load, parse

__all__ = ["JobFile", "load", "parse"]
