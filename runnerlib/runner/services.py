"""The live parts of a run, made once and passed by reference: what one part of the run adds, all others use."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from runnerlib._util.values import NamedTuple
from runnerlib.errors import unknown
from runnerlib.masking import SHAPES, SecretMasker
from runnerlib.masking.candidates import weakness
from runnerlib.runner.environment import Files, job_environment, with_changes
from runnerlib.runner.request import NO_CHANGES
from runnerlib.secrets.lookup import SecretResolver

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runnerlib.config import Resolved
    from runnerlib.engine import Inspect
    from runnerlib.masking.candidates import Secret
    from runnerlib.output.protocol import MakeConsole
    from runnerlib.output.telemetry.trace import Trace
    from runnerlib.runner.environment import JobEnvironment
    from runnerlib.runner.request import Changes, RunRequest
    from runnerlib.source import Sources


class Invocation(NamedTuple):
    """The command line of a run: its words after the program's name, and the directory that it was given in."""

    words: tuple[str, ...]
    directory: str


class RunServices:
    """The masker, the secret resolver, the source types, the output modes besides the built-in ones, and the reader
    of files that settings name.

    `secrets_known` becomes true once the masker knows the secrets of the configuration. With `plugins`, variables may
    still be added to the environment of the job. `invocation` is the command line, if the run has one. With
    `inspect`, which takes each step that has failed, steps run one at a time. With `measures` there are events of how
    long the parts of the run took; each attempt at a step is told its span of the `trace`.
    """

    def __init__(self, masker: SecretMasker, resolver: SecretResolver | None = None) -> None:
        self.masker = masker
        self.resolver = resolver or SecretResolver()
        self.modes: dict[str, MakeConsole] = {}
        self.files = Files()
        self.secrets_known = False
        self.plugins = False
        self.invocation: Invocation | None = None
        self.inspect: Inspect | None = None
        self.measures = False
        self.trace: Trace | None = None

    @cached_property
    def sources(self) -> Sources:
        """The source types; few runs have a source, and load them."""
        from runnerlib.source import Sources

        return Sources()

    def for_job(self) -> RunServices:
        """Return the services of one job of a workflow, whose plugins add to its own ones only.

        All its jobs have one masker, and share the secrets that were found.
        """
        other = RunServices(self.masker, self.resolver.for_job())
        other.files, other.secrets_known, other.plugins = self.files, self.secrets_known, self.plugins
        other.inspect, other.measures, other.trace = self.inspect, self.measures, self.trace
        return other

    def register(self, settings: Resolved, secrets: Sequence[Secret]) -> tuple[int, tuple[str, ...]]:
        """Mask `secrets`; return the number of those that are masked, and warnings: which are not, and which members.

        Of a JSON or dotenv value the members with names are told, by these.
        """
        config = settings.config
        strong: dict[str, str] = {}
        warnings: dict[str, None] = {}
        for secret in secrets:
            why = weakness(secret, config.secret_min_length, config.secret_env_min_length)
            if why:
                warnings[f"secret {secret.name} is not masked: {why}"] = None
            else:
                strong.setdefault(secret.value, secret.name)
        self.masker.register_secrets(strong, strong.values())
        for value, name in strong.items():
            if "=" in value or ":" in value:
                from runnerlib.masking.members import notices  # most secrets are tokens

                warnings.update(dict.fromkeys(notices(name, value, public=config.mask_members == "all")))
        # A value may be weak where it was guessed and masked all the same because it is listed elsewhere.
        return len(strong), tuple(warnings)


def services_for(settings: Resolved, resolver: SecretResolver | None = None) -> RunServices:
    """Make the services of a run with these settings. Raises ConfigError for an unknown shape of secrets."""
    config = settings.config
    shortest = min(config.secret_min_length, config.secret_env_min_length)
    made: type[SecretMasker] = SecretMasker
    if config.fleet is not None:
        from runnerlib.masking.known import KnownSecrets  # only a fleet hands on what it masks

        made = KnownSecrets
    masker = made(config.mask_marker, min_length=shortest, shapes=_shapes(settings), mask_members=config.mask_members)
    return RunServices(masker, resolver)


def _shapes(settings: Resolved) -> tuple[str, ...]:
    names = settings.config.secret_shapes
    for name in names:
        if name != "all" and name not in SHAPES:
            raise settings.error("secret_shapes", unknown("shape", name, ("all", *SHAPES)))
    return SHAPES if "all" in names else names


def early_environment(request: RunRequest, services: RunServices, changes: Changes = NO_CHANGES) -> JobEnvironment:
    """Return the variables and secrets that are known without a plan. Raises ConfigError."""
    settings = request.changed_settings(changes)
    known = job_environment(settings, request.environ, request.located(), {}, request.job, services.files)
    with_changes(known.variables, changes.env)
    return known


def early_services(request: RunRequest, resolver: SecretResolver | None = None) -> RunServices:
    """Make the services of a run, with the secrets that are known without a plan. Raises ConfigError."""
    services = services_for(request.resolved, resolver)
    know_early(request, services)
    return services


def know_early(request: RunRequest, services: RunServices) -> None:
    """Mask the secrets that are known without a plan; this works even when planning fails. Raises ConfigError."""
    services.register(request.resolved, early_environment(request, services).secrets)
    services.secrets_known = True
