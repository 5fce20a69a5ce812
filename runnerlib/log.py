"""Lines of a log, as text or as JSON: the public name of `runnerlib.output.log`."""

from runnerlib.output.log import LogLevel, StructuredLogger, log_line, log_stderr, log_stdout, logger

__all__ = ["LogLevel", "StructuredLogger", "log_line", "log_stderr", "log_stdout", "logger"]
