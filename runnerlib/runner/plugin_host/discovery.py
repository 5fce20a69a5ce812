"""Discovery of a run's plugins: those known at its start, and those in its sources."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from runnerlib.plugins import plugin_manager
from runnerlib.plugins.loading import plugin_files
from runnerlib.plugins.trust import ci_root, offered, plugin_directory

if TYPE_CHECKING:
    from collections.abc import Callable

    from runnerlib.plugins.deadline import Limit
    from runnerlib.runner.plan import RunPlan
    from runnerlib.runner.plugin_host.active_plugins import ActivePlugins
    from runnerlib.runner.request import RunRequest

    Say = Callable[[str, str], object]


def at_the_start(plugins: ActivePlugins, request: RunRequest, limit: Callable[[], Limit], say: Say) -> None:
    """Load the plugins of this process, of `plugin_dir` and of installed packages into `plugins`.

    `say` gets the name of a file or setting and a line that its plugins print. Raises RunnerError.
    """
    resolved, config = request.resolved, request.resolved.config
    workspace = request.located()
    plugins.take(plugin_manager.ordered())
    code_dir = workspace.resolve_directory(config.code_dir, resolved.subject("code_dir"))
    root = ci_root(resolved, request.environ, workspace, code_dir)
    directory = plugin_directory(resolved, request.cwd, root, code_dir)
    if directory is not None:
        forbidden = None if config.trust_source_plugins and root is None else code_dir
        for file in plugin_files(directory, forbidden=forbidden):
            plugins.load(file, limit(), partial(say, file.name))
    plugins.load_packages(config.plugin_packages, limit(), partial(say, "plugin_packages"))


def from_sources(
    plugins: ActivePlugins,
    request: RunRequest,
    plan: RunPlan,
    limit: Callable[[], Limit],
    say: Say,
    notice: Callable[[str], object],
) -> None:
    """Load the plugins of the CI source or, only if it is trusted, of the application source. Raises RunnerError."""
    root = ci_root(request.resolved, request.environ, plan.workspace, plan.code_dir)
    offer = offered(request.resolved, root, plan.code_dir)
    if offer.notice:
        notice(offer.notice)
    if offer.directory is not None:
        forbidden = plan.code_dir if root is not None else None
        for file in plugin_files(offer.directory, offer.root, forbidden):
            plugins.load(file, limit(), partial(say, file.name))
