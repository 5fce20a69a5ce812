"""Running one job, from a request to its result; every mode runs a job through this module.

Most runs have no plugins and do not load `plugin_host`, which runs the others.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from runnerlib.executor.local.alone import alone as process_alone
from runnerlib.output.streams import streams
from runnerlib.runner.reporting import told
from runnerlib.runner.run import run
from runnerlib.runner.system_check import check

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from runnerlib._util.cancellation import Stop
    from runnerlib.events import Observer
    from runnerlib.events.result import JobResult
    from runnerlib.masking import SecretMasker
    from runnerlib.runner.plan import Request, RunPlan
    from runnerlib.runner.plugin_host.host import PluginHost
    from runnerlib.runner.reporting import Ends
    from runnerlib.runner.run import LoopFactory

    OnMasker = Callable[[SecretMasker], object]


def _nobody(_masker: SecretMasker) -> None:
    """Ignore the masker (default of `on_masker`)."""


def run_request(
    request: Request,
    *,
    observer: Observer | None = None,
    ends: Ends = streams,
    new_loop: LoopFactory | None = None,
    stop: Stop | None = None,
    alone: bool = False,
    on_masker: OnMasker = _nobody,
) -> JobResult:
    """Plan and run a request, and return the result of its job.

    Events go to `observer`, or are shown on `ends()`, by default the descriptors 1 and 2. `on_masker` gets the run's
    masker as soon as it exists; a caller must mask errors of this call with it. If the process is `alone` with the
    run, the run takes over descriptors 1 and 2, so that output of plugins' processes is masked, and all children
    that the process adopts. Raises ConfigError for a wrong setting or job, PluginError for a plugin that fails and
    RunnerError when the runner itself fails.
    """
    check()
    with process_alone() if alone else nullcontext():
        if may_have_plugins(request):
            return _life(request, on_masker, alone=alone).run(observer, ends, new_loop, stop)
        plan = request.plan()
        on_masker(plan.masker)
        with told(plan, observer, ends) as listener:
            return run(plan, listener, new_loop, stop)


@contextmanager
def foreseen(request: Request, on_masker: OnMasker = _nobody, *, alone: bool = False) -> Iterator[RunPlan]:
    """Yield the plan of a dry run: nothing is changed, except by plugins, which know about the dry run."""
    if may_have_plugins(request):
        with (
            process_alone() if alone else nullcontext(),
            _life(request, on_masker, alone=alone, dry_run=True).foreseen() as plan,
        ):
            yield plan
    else:
        plan = request.plan()
        on_masker(plan.masker)
        yield plan


def life_of(request: Request) -> PluginHost | None:
    """Return the plugin host for a job driven by the caller (`PluginHost.around_run`); None without plugins."""
    return _life(request, _nobody, alone=False) if may_have_plugins(request) else None


def may_have_plugins(request: Request) -> bool:
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


def _life(request: Request, on_masker: OnMasker, *, alone: bool, dry_run: bool = False) -> PluginHost:
    request = request.masked()
    assert request.masker is not None  # noqa: S101 - it is masked
    on_masker(request.masker)
    from runnerlib.runner.plugin_host.host import PluginHost

    return PluginHost(request, alone=alone, dry_run=dry_run)
