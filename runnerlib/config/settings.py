"""Every setting, declared once: its option, variable, file key, check and help derive from here."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from runnerlib._util.values import record
from runnerlib.config import parsers
from runnerlib.config.setting import Setting, declared, setting

if TYPE_CHECKING:
    from collections.abc import Mapping

_OBSERVER: Mapping[str, Any] = {"early": True, "observing": True}
_HIDDEN: Mapping[str, Any] = {**_OBSERVER, "secret": True, "offered": False}


@record
class RunnerConfig:
    """The resolved settings of one run; None means not given.

    Names and defaults follow Reactorcide's runner. Paths are texts as the user gave them: they are
    checked against the workspace before use (`runnerlib._util.paths`). Times are in seconds, lengths in bytes.
    """

    job_command: str | None = setting("command of the job, run by `sh -c`", early=True, literal=True)
    job_file: str | None = setting(
        "YAML or JSON file of a job with steps, instead of a command; `source:PATH` for one in the source",
        early=True,
        literal=True,
    )
    workflow_file: str | None = setting(
        "YAML or JSON file of a workflow, several jobs instead of one; `source:PATH` likewise", early=True, literal=True
    )
    container_engine: str = setting(
        "program that runs containers: auto, docker, podman, or none to run jobs with an image without a container",
        parsers.choice("auto", "docker", "podman", "none"),
        "auto",
    )
    runner_image: str | None = setting(
        "image of the container that the steps run in; given anywhere but on the command line it starts none by "
        "itself, because it also says in which image a job runs already"
    )
    container: bool = setting("run the steps in a container of runner_image", parsers.boolean, False)
    container_network: str = setting(
        "network of a container: the engine's default, or none",
        parsers.choice("default", "none"),
        "default",
    )
    container_user: str | None = setting(
        "user of a container: root, or UID[:GID] (default: that of the runner, or 1001 where it is root)"
    )
    container_capabilities: tuple[str, ...] = setting(
        "names, separated by commas, of the capabilities that root has in a container (default: none)",
        parsers.names,
        default=(),
    )
    container_read_only: bool = setting(
        "make everything in a container read-only but the workspace and /tmp", parsers.boolean, False
    )
    container_pull: str = setting(
        "when an image is fetched, by the engine and its own logins: missing, always or never",
        parsers.choice("missing", "always", "never"),
        "missing",
    )
    code_dir: str = setting("directory the source is put into", default="/job/src", early=True)
    job_dir: str | None = setting("directory the job runs in (default: the code directory)", early=True)
    artifacts_dir: str = setting("directory for artifacts and logs of the job", default="/job/artifacts", early=True)
    profile: str | None = setting(
        "profile (set of settings) of the configuration file to use", early=True, literal=True
    )
    work_dir: str | None = setting("change to this directory first", early=True, literal=True)
    job_env: str | Mapping[str, str] | None = setting(
        "environment of the job: NAME=VALUE lines, or a file './job/...' of such lines", parsers.environment
    )
    inputs: tuple[tuple[str, str], ...] = setting(
        "NAME=VALUE: value of an input of the job or workflow; the option may be repeated, a variable has one a line",
        parsers.inputs,
        default=(),
        early=True,
        literal=True,
        option="--set",
    )
    secrets_file: str | None = setting("file of NAME=VALUE lines: exported to the job, every value masked")
    secret_values_list: str | tuple[str, ...] | None = setting(
        "secret values, separated by commas, or a file './job/...' with one a line", parsers.values, secret=True
    )
    secret_env_names: tuple[str, ...] = setting(
        "names, separated by commas, of environment variables whose values are secret",
        parsers.names,
        default=(),
        literal=True,
    )
    source_type: str | None = setting(
        "type of the source: git, copy, tarball, hg, svn, none, or one that a plugin adds", early=True
    )
    source_url: str | None = setting("URL or path of the source", early=True)
    source_ref: str | None = setting("branch, tag, commit or refs/... of the source", early=True)
    source_options: tuple[tuple[str, str], ...] = setting(
        "NAME=VALUE, separated by commas: options of this type of source",
        parsers.options,
        default=(),
        early=True,
    )
    ci_source_type: str | None = setting("type of the trusted CI source, as in source_type", early=True)
    ci_source_url: str | None = setting("URL or path of the CI source", early=True)
    ci_source_ref: str | None = setting("branch, tag, commit or refs/... of the CI source", early=True)
    ci_source_options: tuple[tuple[str, str], ...] = setting(
        "NAME=VALUE, separated by commas: options of this type of CI source",
        parsers.options,
        default=(),
        early=True,
    )
    cache_dir: str | None = setting(
        "directory that keeps fetched sources, and caches of jobs, for later runs, or `none` "
        "(default: `$XDG_CACHE_HOME/runnerlib`; in a container none)",
        early=True,
    )
    state_dir: str | None = setting(
        "directory of the keys that sign the journals for `--resume`; no step of a container sees it "
        "(default: `$XDG_STATE_HOME/runnerlib`, else `~/.local/state/runnerlib`)",
        early=True,
    )
    cache_size: int = setting(
        "maximum cache size, e.g. `20G`; least recently used entries are removed first",
        parsers.size,
        default=20 << 30,
        early=True,
    )
    cache_age: float = setting(
        "seconds after which an unused entry leaves the cache", parsers.duration, default=1209600.0, early=True
    )
    mask_marker: str = setting(
        "text that is shown in place of a secret", parsers.marker, default="[REDACTED]", early=True, literal=True
    )
    secret_env_patterns: tuple[str, ...] = setting(
        "patterns of environment names whose values are masked without being listed",
        parsers.names,
        default=(
            *("*_TOKEN", "*_TOKENS", "*_PASSWORD", "*_PASSWORDS", "*_PASSWD", "*_PASSPHRASE", "*_SECRET", "*_SECRETS"),
            *("*_KEY", "*_KEYS", "*_PAT", "*_CREDENTIAL", "*_CREDENTIALS", "*_AUTH", "*_DSN"),
            *("*_SECRET_*", "*_PASSWORD_*"),
            *("TOKEN", "PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "SECRETS", "PGPASSWORD", "APIKEY", "API_KEY"),
        ),
        literal=True,
    )
    secret_min_length: int = setting("shortest listed secret that is masked, in bytes", parsers.count, default=3)
    secret_env_min_length: int = setting(
        "shortest secret found by its environment name that is masked, in bytes", parsers.count, default=6
    )
    secret_shapes: tuple[str, ...] = setting(
        "kinds of credentials, separated by commas, that are recognized by their form and masked, or `all`",
        parsers.names,
        default=(),
        early=True,
    )
    mask_members: str = setting(
        "members of JSON and dotenv secrets that are masked by themselves: private, or all, also those that are public "
        "by their names, as project_id, username, DB_HOST or token_uri",
        parsers.choice("all", "private"),
        default="private",
        early=True,
    )
    secret_providers: tuple[str, ...] = setting(
        "providers of secrets, in this order: env, file, local, command, or one that a plugin adds",
        parsers.names,
        default=("local",),
        literal=True,
    )
    untrusted_secrets: tuple[str, ...] = setting(
        "secrets, as PATH:KEY and separated by commas, that job and workflow files of the source may refer to although "
        "it is not trusted",
        parsers.names,
        default=(),
        early=True,
        literal=True,
    )
    secret_dir: str = setting(
        "directory of the provider `file`, with a file PATH/KEY for each secret", default="/run/secrets", literal=True
    )
    secret_command: tuple[str, ...] | None = setting(
        "words of the provider `command`, with {path} and {key} in them", parsers.words, literal=True
    )
    secret_timeout: float = setting("seconds that command may take", parsers.duration, default=30.0)
    sandbox: str = setting(
        "bounds of the steps that run here: off, source (they cannot change the CI source or reach the runner), strict "
        "(they write only below the job's own directories), or auto (source where a CI source is prepared, else off)",
        parsers.choice("auto", "off", "source", "strict"),
        default="auto",
    )
    sandbox_required: bool = setting(
        "refuse to run where the kernel lacks a part of the sandbox, instead of saying so",
        parsers.boolean,
        default=False,
    )
    sandbox_paths: tuple[str, ...] = setting(
        "files and directories, separated by commas, that steps in a sandbox may change too", parsers.names, default=()
    )
    network: bool | tuple[int, ...] | None = setting(
        "TCP for steps in a sandbox: true, false, or the ports, separated by commas (default: false for strict)",
        parsers.network,
    )
    fleet: str | None = setting(
        "run the jobs of a workflow on the workers of a fleet, as nats://HOST:4222, or in pods, as "
        "kubernetes+nats://HOST:4222?image=IMAGE (default: on this machine)",
        early=True,
        option="--on",
    )
    fleet_key_file: str | None = setting(
        "key of the fleet, as `runnerlib worker keygen` prints it; here its public half is enough",
        early=True,
        literal=True,
    )
    fleet_store: str | None = setting(
        "store that dispatcher and workers see, for artifacts and copied sources: a directory, or "
        "`s3://BUCKET/PREFIX?endpoint=URL` with the credentials of AWS_ACCESS_KEY_ID",
        parsers.store,
        early=True,
        literal=True,
    )
    fleet_lease: float = setting(
        "seconds after which a worker that is not heard of counts as lost", parsers.duration, default=90.0, early=True
    )
    fleet_run_lease: float = setting(
        "seconds after which jobs without a dispatcher are stopped", parsers.duration, default=600.0, early=True
    )
    run_id: str | None = setting("name of the run on a fleet, new or under way", parsers.plain_name, early=True)
    detach: bool = setting("let a fleet's jobs go on at a signal", parsers.boolean, default=False, early=True)
    queue_timeout: float | None = setting(
        "seconds that a job may wait for a worker of the fleet (default: no limit)", parsers.duration
    )
    on_worker_loss: str = setting(
        "a job whose worker is lost: retry on another worker, or fail, as for deployments",
        parsers.choice("retry", "fail"),
        default="retry",
    )
    force: bool = setting("run steps that are up to date, too", parsers.boolean, default=False)
    max_parallel: int | None = setting("how many steps run at a time (default: number of CPUs)", parsers.count)
    job_timeout: float | None = setting("seconds the job may take", parsers.duration)
    output: str | None = setting(
        "how output is shown: raw, prefixed, grouped, json or live (default: chosen by terminal and number of steps)",
        early=True,
    )
    log_limit: int | None = setting(
        "how many bytes of each step's output are shown; the log keeps all", parsers.count, early=True
    )
    log_stream: str = setting(
        "where the runner's own lines go: split (to stderr), one (to stdout, in order with those of the job), or auto "
        "(one under a worker, unless programs read the lines)",
        parsers.choice("auto", "split", "one"),
        default="auto",
        early=True,
    )
    max_line: int | None = setting(
        "longest line that is shown, in bytes, or off; a longer one is cut, with a mark (default: 65024 under a "
        "worker, else off)",
        parsers.line_length,
        early=True,
    )
    timestamps: bool = setting(
        "put the time at the beginning of each line of output", parsers.boolean, default=False, early=True
    )
    events: str | None = setting("file to write every event of the job to, as lines of JSON", early=True)
    report: str | None = setting("file to write a report to: one page of HTML that needs no network", early=True)
    annotations: str = setting(
        "where findings of reports are shown: auto (as annotations of the CI service that runs this), github, azure, "
        "buildkite or off",
        parsers.choice("auto", "github", "azure", "buildkite", "off"),
        default="auto",
        early=True,
    )
    code_quality: str | None = setting(
        "file to write findings of reports to, as GitLab's code quality report", early=True
    )
    junit: str | None = setting("file to write the results of steps to, as JUnit XML", early=True)
    log_format: str | None = setting(
        "form of the runner's own messages: text or json (default: LOG_FORMAT, or text)",
        parsers.choice("text", "json"),
        early=True,
    )
    config_exit_code: int = setting(
        "exit code of configuration errors, from 1 to 255; 2 is that of older versions",
        parsers.exit_code,
        default=78,
        early=True,
        literal=True,
    )
    log_level: str | None = setting(
        "lowest level of the runner's own messages: debug, info, warning, error or fatal",
        parsers.choice("debug", "info", "warning", "error", "fatal"),
        early=True,
    )
    history: str | None = setting(
        "file that keeps times and outcomes of runs, or `none` (default: .runnerlib/history.db of a project)",
        **_OBSERVER,
    )
    metrics_file: str | None = setting("file for the figures of the run, as Prometheus reads them", **_OBSERVER)
    metrics_push: str | None = setting(
        "URL of a Pushgateway of Prometheus that gets the figures of the run", secret=True, **_OBSERVER
    )
    notify: tuple[str, ...] = setting(
        "targets told at the end, [WHEN=]TARGET: https://… (JSON), slack:https://…, mailto:…; WHEN is failure (the "
        "default), always, success, cancelled or changed",
        parsers.notifications,
        (),
        **_HIDDEN,
    )
    notify_key: str | None = setting("key by which notifications of JSON are signed", **_HIDDEN)
    notify_smtp: str | None = setting(
        "mail server for them: smtps://USER:PASSWORD@HOST, or smtp:// for STARTTLS", parsers.smtp, **_HIDDEN
    )
    notify_from: str = setting("sender of mail about runs", default="runnerlib@localhost", **_OBSERVER)
    otel: str = setting(
        "traces and metrics by OpenTelemetry: auto (as OTEL_… variables say), on or off",
        parsers.choice("auto", "on", "off"),
        "auto",
        **_OBSERVER,
    )
    profile_steps: bool = setting(
        "sample CPU, memory, IO and processes of steps, as --profile without a NAME does", parsers.boolean, False
    )
    plugin_dir: str | None = setting("directory whose files plugin_*.py are loaded as plugins", early=True)
    plugin_packages: tuple[str, ...] = setting(
        "plugins of installed packages, by entry point and separated by commas, or `all`",
        parsers.names,
        default=(),
        early=True,
    )
    plugin_timeout: float = setting("seconds that a hook of a plugin may take", parsers.duration, default=3600.0)
    trust_source_plugins: bool = setting(
        "load the plugins that the source itself brings; never beside a CI source",
        parsers.boolean,
        default=False,
        early=True,
    )
    grace_period: float = setting("seconds between TERM and KILL when the job is stopped", parsers.seconds, default=5.0)
    drain_timeout: float = setting(
        "seconds to wait for output that background processes hold open after the command ended",
        parsers.seconds,
        default=2.0,
    )
    cleanup_timeout: float = setting(
        "seconds that steps which always run get when the job is stopped or its time is over",
        parsers.seconds,
        default=10.0,
    )
    triggers: tuple[str, ...] | None = setting(
        "channels for follow-up jobs: `file`, or `api` and/or `stdout` "
        "(default: api where a coordinator is known, else file)",
        parsers.subset("file", "api", "stdout"),
    )
    triggers_file: str = setting(
        "file that stores follow-up jobs until they are submitted", default="/job/triggers.json"
    )
    triggers_when: str = setting(
        "when follow-up jobs are delivered: after success, or always", parsers.choice("success", "always"), "success"
    )
    triggers_required: bool | None = setting(
        "fail the job when its follow-up jobs cannot be delivered (default: where a coordinator is known)",
        parsers.boolean,
    )
    triggers_timeout: float = setting(
        "seconds that submitting follow-up jobs may take, attempts and pauses together", parsers.duration, default=120.0
    )
    triggers_key: str | None = setting(
        "secret word in the lines that announce follow-up jobs on stdout, known to the worker only",
        secret=True,
        offered=False,
    )
    coordinator_url: str | None = setting("URL of the coordinator's API")
    api_token: str | None = setting(
        "token for submitting jobs to the coordinator", secret=True, offered=False, passed_on=True
    )
    read_token: str | None = setting(
        "token for looking up jobs at the coordinator (default: api_token)",
        secret=True,
        offered=False,
        passed_on=True,
    )
    job_id: str | None = setting("id of this job at the coordinator")
    allow_insecure_transport: bool = setting(
        "allow sending tokens to a coordinator over plain http, also by processes of the job",
        parsers.boolean,
        default=False,
    )


SETTINGS: Mapping[str, Setting] = {one.name: one for one in declared(fields(RunnerConfig))}
"""Every name a layer may use: the fields of RunnerConfig, then other names for some of them."""

SECRETS = tuple(one for one in SETTINGS.values() if one.secret and one.name == one.target)
"""The settings whose values are secret."""

OBSERVING = tuple(one.name for one in SETTINGS.values() if one.observing)
"""The settings of observers of a whole run, which keep or send figures of it."""
