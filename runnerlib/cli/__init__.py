"""The command line: options become settings, a command makes one call, errors are rendered here."""

from __future__ import annotations

import gc
import io
import os
import sys
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from runnerlib import __version__
from runnerlib._util import registry
from runnerlib.cli._commands import Group
from runnerlib.cli._session import Session
from runnerlib.errors import ConfigError, RunnerError, printable, unknown
from runnerlib.executor.hardening import RUNS_JOBS, harden

if TYPE_CHECKING:
    from typing import TextIO

    from click.shell_completion import CompletionItem

# Each command is a module of its own, so that neither `--help` nor another command has to load it.
COMMANDS = {
    "annotate": "Tell of something found in the source, from a step.",
    "approve": "Let a job start that waits for approval.",
    "checkout": "Fetch a source into the workspace.",
    "cleanup": "Remove the workspace ./job or .runnerlib.",
    "completion": "Print the code for completion in a shell.",
    "config": "Show every setting and where it comes from.",
    "copy": "Copy a directory into the workspace.",
    "doctor": "Show what this machine can do for jobs.",
    "eval": "Find the jobs that an event starts, and submit them.",
    "flaky": "List steps that fail and succeed on the same code.",
    "fleet": "Show the workers and queues of a fleet.",
    "git": "Query the repository of a job.",
    "history": "Show earlier runs, or those of a step.",
    "import": "Print a file of GitHub, GitLab or Woodpecker as a workflow.",
    "init": "Write a first job file for a project.",
    "list": "List the jobs and steps of a project.",
    "mask": "Mask stdin, or check files for secrets.",
    "register-secret": "Hide one more secret in the output of this job.",
    "run": "Run a job, a workflow or a command.",
    "run-job": "Run the job of a file (older form of `run --job-file`).",
    "runs": "List, attach, cancel and read runs on a fleet.",
    "schema": "Print the JSON Schema of job, workflow or configuration files.",
    "secrets": "Manage the encrypted secrets of this machine.",
    "self-test": "Check that this installation works.",
    "trigger": "Submit the jobs that files describe.",
    "validate": "Check files, or the settings of a run.",
    "worker": "Run jobs of workflows for a fleet.",
}

GROUPS = {
    "Run jobs": ("run", "list", "init", "import", "approve", "worker", "runs", "fleet"),
    "Check files and settings": ("validate", "config", "schema", "doctor", "self-test"),
    "Look at earlier runs": ("history", "flaky"),
    "Sources and workspace": ("checkout", "copy", "git", "cleanup"),
    "Secrets": ("mask", "register-secret", "secrets"),
    "Follow-up jobs": ("trigger", "eval"),
    "More": ("annotate", "completion", "run-job"),
}
"""The commands by the heading of their group in `--help`."""

WITHOUT_JOBS = ("completion", "mask", "schema")
"""The commands of an installation of the mask alone."""

HERE = COMMANDS if RUNS_JOBS else {name: COMMANDS[name] for name in WITHOUT_JOBS}
"""The commands of this installation."""


class Commands(Group):
    """The group of all commands; it imports the module of a command on first use."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names of all commands, for `--help` and completion."""
        return list(HERE)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command `cmd_name`; an unknown name is a usage error with a suggestion."""
        if cmd_name not in COMMANDS:
            if ctx.resilient_parsing:  # a shell asks for completion
                return None
            raise click.UsageError(unknown("command", cmd_name, COMMANDS), ctx)
        if cmd_name not in HERE:
            raise RunnerError(
                f"'{cmd_name}' is not here: only the mask of runnerlib is installed ({', '.join(WITHOUT_JOBS)}); "
                "jobs run on Linux, where the whole of it installs, or in a container of it"
            )
        module = "import_" if cmd_name == "import" else cmd_name.replace("-", "_")  # a name that is no keyword
        command: click.Command = registry.load("command", module).command
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the names that begin with `incomplete`, without loading the commands."""
        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        from runnerlib.cli._completion import described

        return described(HERE, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - as above
        """List the commands without loading them."""
        for heading, names in GROUPS.items():
            if shown := [(name, HERE[name]) for name in names if name in HERE]:
                with formatter.section(heading):
                    formatter.write_dl(shown)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="runnerlib", message="%(prog)s %(version)s")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.pass_obj
def cli(session: Session, debug: bool) -> None:
    """Run CI/CD jobs: prepare sources, run steps, stream their output, mask every secret.

    `runnerlib init` writes a first job file for a project, `runnerlib run` runs it.
    """
    session.debug = debug


def main(args: list[str] | None = None) -> None:
    """Run the command line and end the process with its exit code; never returns."""
    gc.freeze()
    gc.enable()
    harden()
    _occupy_standard_descriptors()
    sys.stderr = Stderr(sys.stderr)
    code = invoke(sys.argv[1:] if args is None else args)
    try:
        sys.stdout.flush()
    except OSError:  # the reader has closed its end of the pipe
        code = code or RunnerError.exit_code
    # All children have ended and all output is written; a normal exit of the interpreter only takes more time.
    os._exit(code)


def _occupy_standard_descriptors() -> None:
    """Open descriptors 0 to 2 that the caller has closed, so that no later file gets such a number.

    Descriptor 1 is opened for reading only, so that writing a job's output fails instead of losing it silently.
    """
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDONLY if fd != 2 else os.O_WRONLY)  # takes the lowest number free: `fd`
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - it is for the whole process


def invoke(args: list[str]) -> int:
    """Run the command line `args` and return its exit code; errors are shown on stderr, masked."""
    session = Session(args)
    try:
        returned = cli.main(args, prog_name="runnerlib", obj=session, standalone_mode=False)
    except Exception as error:
        _show(session, error, *_texts(session, error))
        return _exit_code(session, error)
    return returned if isinstance(returned, int) else 0


def _exit_code(session: Session, error: Exception) -> int:
    """Return the exit code of an error; that of a configuration error is a setting."""
    if not isinstance(error, (click.ClickException, RunnerError)):
        return RunnerError.exit_code
    if error.exit_code != ConfigError.exit_code:
        return error.exit_code
    if session.config_exit_code is not None:
        return session.config_exit_code
    from runnerlib.cli._error_text import config_exit_code

    return config_exit_code(session.args, os.environ)


def _texts(session: Session, error: Exception) -> tuple[str, str]:
    """Return the texts about an error: lines before the message, and the message itself."""
    if isinstance(error, click.ClickException):
        context = error.ctx if isinstance(error, click.UsageError) else None
        help_line = f"Try '{context.command_path} --help' for help.\n" if context else ""
        return (f"{context.get_usage()}\n{help_line}" if context else ""), error.format_message()
    trace = traceback.format_exc() if session.debug else ""
    if isinstance(error, RunnerError):
        return trace, str(error)
    if isinstance(error, OSError) and not _can_be_written():
        return trace, f"cannot write the output: {error.strerror}"
    # The last resort: it must be masked, and must not look like a job's exit code.
    hint = "" if session.debug else "; run with --debug for the traceback"
    return trace, f"internal error: {type(error).__name__}: {error}{hint}"


def _can_be_written() -> bool:
    """Return whether stdout takes the remaining output."""
    try:
        sys.stdout.flush()
    except OSError:
        return False
    return True


def _show(session: Session, error: Exception, before: str, message: str) -> None:
    mask = session.masker().mask_string
    if session.structured:
        from runnerlib.cli import _log

        text = _log.error(mask(message), type(error).__name__, mask(before) if session.debug else "")
    else:
        from runnerlib.cli._error_text import error_text

        texts = error.texts if isinstance(error, ConfigError) else {}
        text = printable(mask(before)) + error_text(message, texts, mask)
    click.echo(text, err=True, nl=False)


class Stderr(io.TextIOBase):
    """Text stream that drops output which cannot be written: `stream` is full, has lost its reader, or is missing.

    Lost messages of the runner must not stop a run.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    @property
    def encoding(self) -> str:  # type: ignore[override]  # a property of the class, and no attribute, in typeshed
        """The encoding of the output."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]
        """The error handler for characters that the encoding lacks."""
        return getattr(self._stream, "errors", None) or "backslashreplace"

    def write(self, text: str, /) -> int:
        """Write `text`, or drop it."""
        with suppress(OSError, ValueError):
            if self._stream is not None:
                self._stream.write(text)
                self._stream.flush()
        return len(text)

    def flush(self) -> None:
        """Do nothing: `write` flushes."""

    def writable(self) -> bool:
        """Return True."""
        return True

    def isatty(self) -> bool:
        """Return whether the stream is a terminal."""
        return self._stream is not None and self._stream.isatty()

    def fileno(self) -> int:
        """Return the descriptor. Raises OSError when there is none."""
        if self._stream is None:
            raise io.UnsupportedOperation("stderr is closed")
        return self._stream.fileno()
