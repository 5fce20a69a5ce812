"""Files that were written for the older package, and what must not come of that."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from types import ModuleType

import pytest

import runnerlib.plugins
from runnerlib.plugins import PluginManager, PluginPhase, older_names
from runnerlib.plugins.src_alias import HOMES

OLDER = '''
from src.plugins import Plugin, PluginContext, PluginPhase
from src.logging import log_stdout, log_stderr, logger, StructuredLogger, LogLevel
from src.workflow import trigger_job, flush_triggers, WorkflowContext, git_info, changed_files
from src.config import get_config, RunnerConfig, config_manager
from src.secrets import SecretMasker, register_secret
import src.plugins
import src

assert src.__version__

class ExamplePlugin(Plugin):
    """As plugins of the older package are written."""

    def __init__(self):
        super().__init__(name="example", priority=10)

    def supported_phases(self):
        return [PluginPhase.PRE_CONTAINER, PluginPhase.CLEANUP]

    def execute(self, context: PluginContext):
        from src.config import get_environment_vars
        self.seen = context.phase

    def pre_container(self, context: PluginContext):
        self.before = True
'''


def test_a_file_of_the_older_package(tmp_path: Path) -> None:
    (tmp_path / "plugin_example.py").write_text(OLDER)
    manager = PluginManager()
    manager.load_plugin_from_file(tmp_path / "plugin_example.py")
    plugin = manager.get_plugin("example")
    assert isinstance(plugin, runnerlib.plugins.Plugin)
    assert manager.phase_plugins[PluginPhase.PRE_EXECUTION] == [plugin]
    assert not [name for name in sys.modules if name == "src" or name.startswith("src.")]
    with pytest.raises(ImportError):
        __import__("src.plugins")


@pytest.mark.parametrize("name", HOMES)
def test_every_older_module_is_there(name: str) -> None:
    with older_names():
        module = __import__(name, fromlist=["x"])
        assert module.__spec__ is not None
        with pytest.raises(AttributeError, match=f"module '{name}', which is .*, has no 'nonsense'"):
            _ = module.nonsense


def test_names_from_the_older_package_only(tmp_path: Path) -> None:
    with older_names(), pytest.raises(ImportError, match=r"src\.container"):
        __import__("src.container")


def test_somebody_elses_package_comes_back() -> None:
    own, config = ModuleType("src"), ModuleType("src.config")
    sys.modules |= {"src": own, "src.config": config}
    try:
        with older_names():
            with older_names():
                from src.config import get_config  # type: ignore[import-not-found]

                assert get_config is runnerlib.get_config
            assert sys.modules["src.config"] is not config
        assert (sys.modules["src"], sys.modules["src.config"]) == (own, config)
    finally:
        del sys.modules["src"], sys.modules["src.config"]


def test_other_threads_do_not_find_them() -> None:
    found: list[object] = []

    def look() -> None:
        try:
            found.append(__import__("src.plugins"))
        except ImportError as error:
            found.append(error.name)

    with older_names():
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
    assert found == ["src"]
