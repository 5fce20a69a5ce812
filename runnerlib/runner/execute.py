"""The whole life of a job, from a request to its result: the one way in which every mode runs one.

Most runs have no plugins and go through here without loading what those need; `phases` is for the others.
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
    from runnerlib.runner.plugin_host.host import Life
    from runnerlib.runner.reporting import Ends
    from runnerlib.runner.run import LoopFactory

    OnMasker = Callable[[SecretMasker], object]


def _nobody(_masker: SecretMasker) -> None:
    """Nobody masks beside the run."""


def fulfil(
    request: Request,
    *,
    observer: Observer | None = None,
    ends: Ends = streams,
    new_loop: LoopFactory | None = None,
    stop: Stop | None = None,
    alone: bool = False,
    on_masker: OnMasker = _nobody,
) -> JobResult:
    """Plan what is requested and run it; how its job ended.

    What happens is told to `observer`, or shown on `ends()`, by default the descriptors 1 and 2. `on_masker`
    gets the run's masker as soon as there is one: whoever shows an error of this call masks with it. A process
    that is `alone` with the run lets it have descriptors 1 and 2, so that what processes of plugins write is masked,
    and all children that it adopts. Raises ConfigError for a wrong setting or job, PluginError for a plugin that fails
    and RunnerError when the runner itself fails.
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
    """The plan of a run that does not take place: nothing is touched but by plugins, which are told so."""
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


def life_of(request: Request) -> Life | None:
    """The life of a job that somebody else runs (`Life.around_run`); None if no plugin can have a part in it."""
    return _life(request, _nobody, alone=False) if may_have_plugins(request) else None


def may_have_plugins(request: Request) -> bool:
    """Whether a plugin is registered in this process, or something may bring one."""
    config = request.resolved.config
    return bool(
        config.plugin_dir
        or config.plugin_packages
        or config.trust_source_plugins
        or config.ci_source_type not in {None, "", "none"}
        or request.environ.get("REACTORCIDE_CI_SOURCE_DIR")
        # Nobody can have registered one before the package was loaded.
        or ("runnerlib.plugins" in sys.modules and sys.modules["runnerlib.plugins"].plugin_manager.plugins)
    )


def _life(request: Request, on_masker: OnMasker, *, alone: bool, dry_run: bool = False) -> Life:
    request = request.masked()
    assert request.masker is not None  # noqa: S101 - it is masked
    on_masker(request.masker)
    from runnerlib.runner.plugin_host.host import Life

    return Life(request, alone=alone, dry_run=dry_run)
