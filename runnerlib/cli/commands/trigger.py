"""`runnerlib trigger`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from runnerlib.cli._triggers import own_masker, say, tell
from runnerlib.config import RunnerConfig
from runnerlib.pipeline.workflow.file import load_job
from runnerlib.triggers.evaluate.event import Event, context
from runnerlib.triggers.evaluate.to_triggers import triggers
from runnerlib.triggers.message import message
from runnerlib.triggers.spool import append, spool_of

if TYPE_CHECKING:
    from runnerlib.cli._session import Session

_EXAMPLES = """\b
Examples:
  runnerlib trigger .reactorcide/jobs/deploy.yaml
  runnerlib trigger build.yaml test.yaml --triggers-file triggers.json

\b
Exit codes:
  0    the jobs were submitted, or stored for the run that this step belongs to
  2    a usage or configuration error, such as a wrong job file: no job was submitted
  125  the jobs could not be submitted; they are kept in the triggers file
"""


@click.command("trigger", epilog=_EXAMPLES)
@click.argument("job_files", nargs=-1, required=True, metavar="JOB_FILE...")
@click.option(
    "--triggers-file",
    metavar="FILE",
    help=f"File that stores the jobs until they are submitted. [default: {RunnerConfig.triggers_file}]",
)
@click.option(
    "--allow-insecure-transport", is_flag=True, help="Allow sending the token to a coordinator over plain http."
)
@click.pass_obj
def command(
    session: Session, /, job_files: tuple[str, ...], triggers_file: str | None, allow_insecure_transport: bool
) -> int:
    """Submit the jobs that files describe, in the form of .reactorcide/jobs; all of them or none.

    They get the event and the sources that the REACTORCIDE_* variables of this process name. Within a step they
    are submitted after its job has succeeded, elsewhere at once.
    """
    masker = own_masker(session)
    happened = Event(os.environ.get("REACTORCIDE_EVENT_TYPE", ""), context(os.environ))
    jobs = triggers([load_job(path) for path in job_files], happened, lambda: None)
    spool = spool_of(os.environ) if triggers_file is None else None
    if spool is None:
        return tell(message([job.to_dict() for job in jobs]), triggers_file, masker, insecure=allow_insecure_transport)
    append(spool, jobs, insecure=allow_insecure_transport)
    for job in jobs:
        say(masker.mask_string(f"✓ Scheduled job: {job.job_name}"))
    return 0
