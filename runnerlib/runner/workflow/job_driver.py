"""Driver of one job of a workflow, on the event loop, with the supervisor and the socket that all its jobs share."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from runnerlib._util.safe_tree import remove_tree
from runnerlib.executor.container import INSIDE, ContainerSpec, contained
from runnerlib.output.log.file_names import file_name
from runnerlib.pipeline.workflow.expansion import instance_names
from runnerlib.runner.in_container import hand_over, site_in, specs_of
from runnerlib.runner.workflow.artifacts import download
from runnerlib.runner.workflow.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from runnerlib._util.cancellation import Stop
    from runnerlib.events import Observer
    from runnerlib.events.result import JobResult
    from runnerlib.masking import SecretMasker
    from runnerlib.pipeline.workflow import Instance
    from runnerlib.runner.plan import JobPlan
    from runnerlib.runner.run import MakeJob
    from runnerlib.runner.steps import Site
    from runnerlib.runner.supervision import Warn
    from runnerlib.runner.workflow.plan import WorkflowPlan

T = TypeVar("T")


class Shared(NamedTuple):
    """The parts of a workflow run that all its jobs share; `records` is the directory of their status records."""

    plan: WorkflowPlan
    site: Site
    records: Path


class JobDriver:
    """Carries out the stages of one job: blocking work in threads, steps on the running loop.

    `stopped` is set once `stop` is requested; the preparation is given up then.
    """

    def __init__(
        self, shared: Shared, instance: Instance, stop: Stop, stopped: asyncio.Event, loop_observer: Observer
    ) -> None:
        self.stop = stop
        self.loop_observer: Observer | None = loop_observer
        self.warned: Collection[str] = shared.plan.warnings
        self._shared = shared
        self._instance = instance
        self._stopped = stopped

    def around(self, masker: SecretMasker) -> AbstractContextManager[object]:
        """Enter nothing: the workflow as a whole takes signals and secrets."""
        return nullcontext(masker)

    async def blocking(self, work: Callable[[], T]) -> T:
        """Return the result of `work`, done in a thread."""
        return await in_thread(work)

    async def until_stopped(self, work: Callable[[], T]) -> T:
        """Return the result of `work`, done in a thread, which is abandoned when the job is stopped."""
        return await self._unless_stopped(in_thread(work))

    async def _unless_stopped(self, work: Coroutine[Any, Any, T]) -> T:
        return await self.stop.unless(self._stopped, work)

    def provide(self, plan: JobPlan) -> None:
        """Download the artifacts of earlier jobs that the job asks for. Raises RunnerError."""
        workflow, store = self._shared.plan.workflow, self._shared.plan.front.workspace.artifacts
        for wanted in self._instance.job.download:
            self.stop.check()
            names = instance_names(workflow.job(wanted.job))
            to = f"{plan.job_dir}/{wanted.to}" if wanted.to else f"{plan.workspace.artifacts}/{wanted.job}"
            download(wanted, names, store, plan.workspace.resolve(to, "the target of a download"))

    async def execute(self, plan: JobPlan, make: MakeJob, masker: SecretMasker, warn: Warn) -> JobResult:  # noqa: ARG002 - the site is there
        """Run the steps."""
        async with self._site(plan) as site:
            if site.executor is not self._shared.site.executor:
                plan = plan.apart()
            job = make(plan, site)
            with self.stop.reaching(asyncio.get_running_loop(), job.stop):
                return await job.run()

    @asynccontextmanager
    async def _site(self, plan: JobPlan) -> AsyncIterator[Site]:
        """Yield where the steps run: on this machine, or in a container.

        A container gets the scratch directory as a mount: in its workspace it could replace it by a link.
        """
        here = self._shared.site
        if plan.placement is None:
            yield here._replace(scratch=plan.workspace.own("scratch"))
            return
        scratch = self._private_scratch()
        try:
            await in_thread(lambda: hand_over(plan, scratch))
            specs = self._specs(plan, scratch)
            async with contained(plan.placement.engine, specs, here.executor, self._unless_stopped) as inside:
                yield site_in(inside, here, scratch)
        finally:
            with suppress(OSError):
                remove_tree(scratch)

    def _private_scratch(self) -> Path:
        """Make an empty directory in the workflow's workspace, which no container sees.

        A run that was killed may have left one there.
        """
        whole, name = self._shared.plan.front.workspace, file_name(self._instance.name)
        remove_tree(whole.own("scratch", name))
        return whole.own("scratch", name)

    def _specs(self, plan: JobPlan, scratch: Path) -> list[ContainerSpec]:
        resources = self._instance.job.resources
        mounts = {
            self._shared.records: f"{INSIDE}/.runnerlib/jobs",
            self._shared.site.socket: f"{INSIDE}/.runnerlib/secrets",
        }
        cpus, memory = _limit(resources, "cpu"), _limit(resources, "memory").removesuffix("i")
        return [
            spec._replace(cpus=spec.cpus or cpus, memory=spec.memory or memory)
            for spec in specs_of(plan, scratch, mounts)
        ]


def _limit(resources: Mapping[str, Any], kind: str) -> str:
    """Return the limit of a resource as a text, from `{cpu: {limit: 2}}` or `{cpu: 2}`; "" without one."""
    given = resources.get(kind, "")
    given = given.get("limit", "") if isinstance(given, dict) else given
    return str(given).lower()
