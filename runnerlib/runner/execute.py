"""Running one job, from a request to its result; every mode runs a job through this module.

Most runs have no plugins and do not load `plugin_host`, which runs the others.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from runnerlib.executor.local.alone import alone as process_alone
from runnerlib.output.streams import streams
from runnerlib.runner.plan import know_early, plan_job
from runnerlib.runner.planner import Planner
from runnerlib.runner.reporting import told
from runnerlib.runner.run import run
from runnerlib.runner.system_check import check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runnerlib._util.cancellation import Stop
    from runnerlib.events import Observer
    from runnerlib.events.result import JobResult
    from runnerlib.runner.plan import JobPlan, RunPlan
    from runnerlib.runner.plugin_host.host import PluginHost
    from runnerlib.runner.reporting import Ends
    from runnerlib.runner.request import RunRequest
    from runnerlib.runner.run import LoopFactory
    from runnerlib.runner.services import RunServices


def run_request(
    request: RunRequest,
    services: RunServices,
    *,
    observer: Observer | None = None,
    ends: Ends = streams,
    new_loop: LoopFactory | None = None,
    stop: Stop | None = None,
    alone: bool = False,
) -> JobResult:
    """Plan and run a request, and return the result of its job.

    Events go to `observer`, or are shown on `ends()`, by default the descriptors 1 and 2. A caller must mask errors of
    this call with the masker of `services`. If the process is `alone` with the
    run, the run takes over descriptors 1 and 2, so that output of plugins' processes is masked, and all children
    that the process adopts. Raises ConfigError for a wrong setting or job, PluginError for a plugin that fails and
    RunnerError when the runner itself fails.
    """
    check()
    with process_alone() if alone else nullcontext():
        planner = Planner(request, services, plan_job)
        if may_have_plugins(request):
            return _host(planner, alone=alone).run(planner, observer, ends, new_loop, stop)
        with told(planner.plan(), services, observer, ends) as listener:
            return run(planner, listener, new_loop, stop)


@contextmanager
def foreseen(request: RunRequest, services: RunServices, *, alone: bool = False) -> Iterator[JobPlan]:
    """Yield the plan of a dry run: nothing is changed, except by plugins, which know about the dry run."""
    planner = Planner(request, services, plan_job)
    if may_have_plugins(request):
        with (
            process_alone() if alone else nullcontext(),
            _host(planner, alone=alone, dry_run=True).foreseen(),
        ):
            yield planner.plan()
    else:
        yield planner.plan()


def host_of(planner: Planner[RunPlan]) -> PluginHost | None:
    """Return the plugin host for a job driven by the caller (`PluginHost.around_run`); None without plugins."""
    return _host(planner, alone=False) if may_have_plugins(planner.request) else None


def may_have_plugins(request: RunRequest) -> bool:
    """Return whether a plugin is registered in this process, or settings or sources may bring one."""
    config = request.resolved.config
    return bool(
        config.plugin_dir
        or config.plugin_packages
        or config.trust_source_plugins
        or config.ci_source_type not in {None, "", "none"}
        or request.environ.get("REACTORCIDE_CI_SOURCE_DIR")
        # No plugin can be registered before the package is loaded.
        or ("runnerlib.plugins" in sys.modules and sys.modules["runnerlib.plugins"].plugin_manager.plugins)
    )


def _host(planner: Planner[RunPlan], *, alone: bool, dry_run: bool = False) -> PluginHost:
    know_early(planner.request, planner.services)
    from runnerlib.runner.plugin_host.host import PluginHost

    return PluginHost(planner, alone=alone, dry_run=dry_run)
