"""Envelopes, which travel to workers: one instance of a job with its settings as values, and the secrets to mask.

The file of the workflow stays at the dispatcher, and so do settings about its own screen, files and directories. A job
does not get the dispatcher's environment: it has that of its worker, with the variables that settings and file give it.
"""

from __future__ import annotations

import platform
from itertools import starmap
from typing import TYPE_CHECKING, Any, NamedTuple

from runnerlib._util.paths import Workspace
from runnerlib.config import OBSERVING, Layer, Origin, Resolved, RunnerConfig
from runnerlib.config.merge import Layers
from runnerlib.masking.known import KnownSecrets
from runnerlib.output.telemetry.trace import Trace
from runnerlib.pipeline.job import Job
from runnerlib.pipeline.workflow import Workflow, WorkflowJob
from runnerlib.pipeline.workflow.expansion import instance_names
from runnerlib.runner.environment import Files
from runnerlib.runner.fleet.codec import DamagedError
from runnerlib.runner.journal import Selection
from runnerlib.runner.planner import plan_job, plan_run
from runnerlib.runner.request import RunRequest
from runnerlib.runner.services import services_for
from runnerlib.runner.workflow.plan import WorkflowPlan, body, workspace_of
from runnerlib.secrets.lookup import SecretResolver

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from runnerlib.pipeline.workflow import Instance
    from runnerlib.runner.workflow.backend import JobInputs

_STAY = frozenset(
    (
        *("job_command", "job_file", "workflow_file", "work_dir", "profile", "cache_dir", "cache_size", "cache_age"),
        *("state_dir", "events", "report", "junit", "annotations", "code_quality", "output", "log_format"),
        *OBSERVING,
        *("log_level", "log_limit", "log_stream", "max_line"),
        *("timestamps", "secret_providers", "secret_dir", "secret_command", "secret_timeout"),
        *("fleet", "fleet_key_file", "fleet_store", "fleet_lease", "fleet_run_lease", "run_id", "detach"),
        *("queue_timeout", "on_worker_loss"),
    )
)
_IN_FILES = ("job_env", "secret_values_list")
_FILE_PREFIX = "./job/"
# What a program needs to find itself on a machine; a worker's own credentials are not among it.
_ENVIRON = frozenset(
    (
        *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TERM"),
        *("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"),
        *("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "GIT_SSL_CAINFO"),
        *("DOCKER_HOST", "DOCKER_CONFIG", "CONTAINER_HOST", "REACTORCIDE_IN_CONTAINER"),
    )
)


class Addressed(NamedTuple):
    """A job on a worker: its plan, with the one instance that it has, and what `LocalBackend.job` is asked with."""

    plan: WorkflowPlan
    instance: Instance
    inputs: JobInputs
    names: Mapping[str, str]
    shown: str


def pack(
    plan: WorkflowPlan, instance: Instance, inputs: JobInputs, names: Mapping[str, str], shown: str
) -> dict[str, Any]:
    """Return what a worker needs to run an instance, as plain values."""
    request, masker = plan.requests[instance.name], plan.masker
    resolved = request.resolved
    settings = {
        name: [getattr(resolved.config, name), origin.layer.value, origin.spelling]
        for name, origin in resolved.origins.items()
        if name not in _STAY and getattr(resolved.config, name, None) is not None
    }
    files = plan.services.files.texts
    for name in _IN_FILES:
        if name in settings and isinstance(given := settings[name][0], str) and given.startswith(_FILE_PREFIX):
            path = request.located().resolve(f"{request.located().base}/{given.removeprefix(_FILE_PREFIX)}", name)
            settings[name][0] = _lines(name, files.get(str(path), ""))
    return {
        "workflow": plan.workflow.name,
        "name": instance.name,
        "instance": instance,
        "inputs": inputs,
        "names": dict(names),
        "shown": shown,
        "settings": settings,
        "files": {name: text for name, text in files.items() if name == resolved.config.secrets_file},
        "upstream": {one.job: list(instance_names(plan.workflow.job(one.job))) for one in instance.job.download},
        "untrusted": request.untrusted,
        "references": [[path, key, value] for (path, key), value in plan.services.resolver.found.items()],
        "measures": plan.services.measures,
        "trace": plan.services.trace and list(plan.services.trace[:3]),
        "secrets": masker.known if isinstance(masker, KnownSecrets) else (),
    }


def _lines(name: str, text: str) -> str | tuple[str, ...]:
    """Return the content of a file as the setting has it without one."""
    return text if name == "job_env" else tuple(filter(None, (line.strip() for line in text.split("\n"))))


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what a job gets of the environment of its worker."""
    return {name: value for name, value in environ.items() if name in _ENVIRON or name.startswith("LC_")}


def unpack(packed: Mapping[str, Any], base: Path, environ: Mapping[str, str]) -> Addressed:
    """Return the job of an envelope, planned for the workspace `base`. Raises ConfigError and DamagedError."""
    try:
        instance: Instance = packed["instance"]
        settings = packed["settings"]
        values = {name: value for name, (value, _, _) in settings.items()}
        origins = {name: Origin(Layer(layer), spelling) for name, (_, layer, spelling) in settings.items()}
        references = {(path, key): value for path, key, value in packed["references"]}
        # A fleet's own setting, so that the masker is one that can say what it masks.
        config = RunnerConfig(**values, fleet="")
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedError(f"the job is of another version of runnerlib ({type(error).__name__})") from None
    resolved = Resolved(config, origins, {}, Layers({}, environ))
    services = services_for(resolved, SecretResolver(known=references))
    services.files = Files(packed["files"])
    if given := packed.get("trace"):
        services.trace = Trace(*given)
    secrets = packed["secrets"]
    services.masker.register_secrets([value for value, _ in secrets], [name for _, name in secrets])
    whole = Workspace(base)
    request = RunRequest(resolved, (), environ, base, workspace=whole, about=base, untrusted=packed["untrusted"])
    unset = {f"{prefix}source_{part}": None for prefix in ("", "ci_") for part in ("type", "url", "ref")}
    bare = resolved.changed({name: (value, Origin(Layer.JOB_FILE, "")) for name, value in unset.items()})
    front = plan_run(request._replace(resolved=bare), services)
    mine = request._replace(job=body(instance), workspace=workspace_of(front.workspace, instance.name))
    workflow = Workflow(packed["workflow"], [instance.job, *starmap(_upstream, packed["upstream"].items())])
    plan = WorkflowPlan(
        workflow=workflow,
        services=services,
        front=front,
        requests={instance.name: mine},
        plans={instance.name: plan_job(mine, services)},
        instances={instance.name: instance},
        selection=Selection(),
        forced=frozenset(),
        capacity=1,
    )
    return Addressed(plan, instance, packed["inputs"], packed["names"], packed["shown"])


def _upstream(name: str, instances: Sequence[str]) -> WorkflowJob:
    """Return a job with so many instances, of which a job that downloads their artifacts needs no more."""
    one = list(instances) == [name]
    return WorkflowJob(name, Job(), for_each=None if one else tuple(range(len(instances))))


def facts() -> tuple[str, ...]:
    """Return the labels that every worker has, from what its machine is."""
    return platform.system().lower(), platform.machine().lower()
