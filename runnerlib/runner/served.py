"""A job with services: they are started before its steps, waited for, and ended after whatever has ended the job."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING

from runnerlib._util.paths import opened_file, own_directory
from runnerlib.engine import JobRun
from runnerlib.engine.attempt import Attempt, Command
from runnerlib.errors import ConfigError, RunnerError
from runnerlib.events import Notice, StepOutput, Warned
from runnerlib.events.result import StepOutcome
from runnerlib.executor.process_spec import ProcessSpec
from runnerlib.pipeline.job.model import variable_part
from runnerlib.pipeline.job.service import argv
from runnerlib.runner.image_choice import check_commands

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
    from pathlib import Path

    from runnerlib.engine import JobExecution
    from runnerlib.engine.boundary import Boundary
    from runnerlib.events import Event, Observer
    from runnerlib.events.result import JobResult
    from runnerlib.executor.protocol import Executor
    from runnerlib.masking import SecretMasker
    from runnerlib.pipeline.job.service import Service
    from runnerlib.runner.plan import JobPlan

HOST = "127.0.0.1"
_LOGS = ("logs", "services")
_PAUSE = 0.1  # seconds between two looks whether a service is ready
_ENDED = StepOutcome(0, "the job has ended", "cancelled")


def _check(plan: JobPlan) -> None:
    """Raise ConfigError for a job that cannot have its services."""
    if plan.is_bounded and plan.placement is not None:
        text = "in a container, services beside steps in a sandbox would be bounded by nothing"
        raise ConfigError(f"job '{plan.job.name}': {text}")
    if plan.placement is not None:
        _check_ports(plan)
    else:
        check_commands(plan.job.services)


def _check_ports(plan: JobPlan) -> None:
    """Raise ConfigError for a port that two services have: in containers they share the network of the job."""
    users: dict[int, str] = {}
    for service in plan.job.services:
        for port in service.ports:
            if users.setdefault(port, service.name) != service.name:
                text = f"services '{users[port]}' and '{service.name}' have the same port {port}"
                raise ConfigError(f"{text}; in containers they share a network, so one of them needs another")


class ServedJob(JobRun):
    """The run of a job with services; `run` raises RunnerError when one of them does not become ready."""

    def __init__(
        self, plan: JobPlan, execution: JobExecution, executor: Executor, masker: SecretMasker, observer: Observer
    ) -> None:
        _check(plan)
        chosen = _free_ports if plan.placement is None else _usual_ports
        ports = {service.name: chosen(service.ports) for service in plan.job.services}
        told = {name: value for name, found in ports.items() for name, value in _for_steps(name, found).items()}
        super().__init__(execution._replace(env={**execution.env, **told}), executor, masker, observer)
        self._stopped = asyncio.Event()
        self._tools = _Tools(plan, execution, executor, masker, observer)
        self._services = [
            _Running(service, self._tools, {**told, **_for_service(ports[service.name])})
            for service in plan.job.services
        ]

    def stop(self, signum: int) -> None:
        """End the job as `JobRun.stop` does, also while it waits for its services."""
        self._stopped.set()
        super().stop(signum)

    async def run(self) -> JobResult:
        """Run the job between the start and the end of its services."""
        async with AsyncExitStack() as running:
            for service in self._services:
                await running.enter_async_context(service.running())
            await self._until_ready()
            return await super().run()

    async def _until_ready(self) -> None:
        """Wait until all services are ready, or the job is stopped. Raises RunnerError."""
        ready = asyncio.gather(*(service.ready() for service in self._services))
        stopped = asyncio.ensure_future(self._stopped.wait())
        try:
            await asyncio.wait((ready, stopped), return_when=asyncio.FIRST_COMPLETED)
            if ready.done():
                ready.result()
        finally:
            ready.cancel()
            stopped.cancel()
            await asyncio.gather(ready, stopped, return_exceptions=True)


class _Tools:
    """Parts that all services of a job share."""

    def __init__(
        self, plan: JobPlan, execution: JobExecution, executor: Executor, masker: SecretMasker, observer: Observer
    ) -> None:
        self.plan = plan
        self.executor = executor
        self.masker = masker
        self.limits = execution.limits
        self.boundary = execution.boundary
        listed, secrets = plan.job.secrets, execution.secrets
        env = execution.env
        self.env = env if listed is None or secrets is None else secrets.granted(tuple(listed)).of_job(env)
        self.declared = {name: self.env[name] for name in plan.job.env if name in self.env}
        self._observer = observer

    def notice(self, text: str) -> None:
        self._observer.observe(Notice(self.masker.mask_string(text)))

    def warn(self, text: str) -> None:
        self._observer.observe(Warned(self.masker.mask_string(text)))


class _Running:
    """One service."""

    def __init__(self, service: Service, tools: _Tools, env: Mapping[str, str]) -> None:
        self._service = service
        self._tools = tools
        inherited = tools.env if service.run is not None else tools.declared
        self._env = {**inherited, **service.env, **env}
        self._port = int(env.get("PORT", "0"))
        self._log: ServiceLog | None = None
        self._ended: asyncio.Task[StepOutcome] | None = None
        self._awaited = True  # that it gets ready
        self._ending = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Start the service, and end it after the block. Raises RunnerError."""
        name = self._service.name
        self._log = ServiceLog(self._tools.plan.workspace.base, self._tools.plan.workspace.artifacts, name)
        attempt = self._attempt(self._service.run)
        try:
            refused = await attempt.start()
            if refused is not None:
                raise RunnerError(f"service '{name}' does not start: {refused.reason}")
            self._tools.notice(f"service '{name}': started; its log is '{self._log.path}'")
            self._ended = asyncio.ensure_future(attempt.follow())
            self._ended.add_done_callback(self._told)
            yield
        finally:
            self._ending = True
            attempt.stop(_ENDED)
            if self._ended is not None:
                await asyncio.wait((self._ended,))
            attempt.close()
            self._log.close()

    async def ready(self) -> None:
        """Return once the service is ready. Raises RunnerError when it ends before, or the time is over."""
        limit, name = self._service.ready_timeout, self._service.name
        try:
            async with asyncio.timeout(limit):
                while not await self._is_ready():
                    await asyncio.sleep(_PAUSE)
        except TimeoutError:
            raise RunnerError(f"service '{name}' was not ready after {limit:g} s; {self._see_log()}") from None
        self._awaited = False
        self._tools.notice(f"service '{name}': ready")

    async def _is_ready(self) -> bool:
        if self._ended is not None and self._ended.done():
            ending = self._ended.result()
            told = ending.reason or "exit code 0"
            text = f"service '{self._service.name}' has ended before it was ready: {told}; {self._see_log()}"
            raise RunnerError(text)
        service, contained = self._service, self._tools.plan.placement is not None
        if service.ready is not None:
            succeeds = await self._succeeds(service.ready)
            # Entrypoints of databases start one without a port first, to fill it.
            return succeeds and (
                service.run is not None or not self._port or await self._succeeds(_listens(self._port))
            )
        if not self._port:
            return True
        return await self._succeeds(_listens(self._port)) if contained else await _is_open(self._port)

    async def _succeeds(self, command: str | Sequence[str]) -> bool:
        asking = self._attempt(command)
        try:
            if (refused := await asking.start()) is not None:
                raise RunnerError(f"service '{self._service.name}': ready: {refused.reason}")
            return (await asking.follow()).outcome == "success"
        finally:
            asking.close()

    def _attempt(self, command: str | Sequence[str] | None) -> Attempt:
        tools, service = self._tools, self._service
        assert self._log is not None  # noqa: S101 - it is open
        image = None if tools.plan.placement is None else service.image
        spec = ProcessSpec(argv(command), tools.plan.job_dir, self._env, image=image, compartment=service.compartment)
        if tools.boundary is not None:
            spec = _bounded(spec, tools.boundary, self._service)
        shown = tools.masker.mask_string(f"service {self._service.name}")
        stream = tools.masker.stream()
        return Attempt(Command(shown, spec), tools.executor, tools.masker, stream, self._log, tools.limits)

    def _told(self, task: asyncio.Task[StepOutcome]) -> None:
        """Warn of a service that ends while the steps run; before it is the failure of the job."""
        if self._awaited or self._ending or task.cancelled():
            return
        why = str(task.exception()) if task.exception() is not None else task.result().reason or "exit code 0"
        with suppress(RunnerError):  # the next event raises it again
            self._tools.warn(f"service '{self._service.name}' has ended before the job: {why}; {self._see_log()}")

    def _see_log(self) -> str:
        return f"its log is '{self._log.path}'" if self._log is not None else "it has no log"


class ServiceLog:
    """The log of a service, which takes its masked output."""

    congested = False

    def __init__(self, base: Path, artifacts: Path, name: str) -> None:
        self.path = artifacts.joinpath(*_LOGS, f"{name}.log")
        try:
            own_directory(artifacts, *_LOGS, mode=0o755)
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK
            self._file = os.fdopen(opened_file(base, self.path, flags, 0o644), "wb", buffering=0)
        except OSError as error:
            raise RunnerError(f"cannot write the log '{self.path}': {error.strerror}") from None

    def observe(self, event: Event) -> None:
        """Write what the service has written, and what the runner has to say of its processes."""
        if isinstance(event, StepOutput):
            self._file.write(event.data)
        elif isinstance(event, Warned):
            self._file.write(f"runnerlib: warning: {event.text}\n".encode())

    async def drain(self) -> None:
        """Be ready at any time: this is a file."""

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _bounded(spec: ProcessSpec, boundary: Boundary, service: Service) -> ProcessSpec:
    """Return the process of a service within the sandbox of its job. Raises RunnerError."""
    from runnerlib.runner.sandbox.level import as_step  # loaded before

    boundary.check()
    enclosure = boundary.enclosure(as_step(service))
    if enclosure is None:
        return spec
    return spec._replace(env={**spec.env, **enclosure.env}, confinement=enclosure.confinement)


def _usual_ports(usual: Iterable[int]) -> dict[int, int]:
    """Return the ports in a container: its network is the job's own."""
    return {port: port for port in usual}


def _free_ports(usual: Iterable[int]) -> dict[int, int]:
    """Return a free port of this machine for each usual one of a service."""
    held = {port: socket.socket(socket.AF_INET, socket.SOCK_STREAM) for port in usual}
    try:
        for one in held.values():  # all of them, so that no two are the same
            one.bind((HOST, 0))
        return {port: one.getsockname()[1] for port, one in held.items()}
    except OSError as error:
        raise RunnerError(f"there is no free port for a service: {error.strerror}") from None
    finally:
        for one in held.values():
            one.close()


def _for_service(ports: Mapping[int, int]) -> dict[str, str]:
    found = {f"PORT_{usual}": str(free) for usual, free in ports.items()}
    return {**({"PORT": next(iter(found.values()))} if found else {}), **found}


def _for_steps(name: str, ports: Mapping[int, int]) -> dict[str, str]:
    part = variable_part(name)
    return {f"{part}_HOST": HOST, **{f"{part}_{key}": value for key, value in _for_service(ports).items()}}


def _listens(port: int) -> str:
    """Return a command that succeeds once something listens at a port of its network; it needs a shell only."""
    listening = f'*:{port:04X}" 0A")'
    look = f'while read -r _ at _ state _; do case "$at $state" in {listening} exit 0;; esac; done'
    return f"for f in /proc/net/tcp /proc/net/tcp6; do [ -r $f ] && {look} <$f; done; exit 1"


async def _is_open(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return True
