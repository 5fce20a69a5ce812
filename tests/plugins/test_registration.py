"""Mistakes in a plugin are reported when it is registered."""

from __future__ import annotations

import pytest

from runnerlib.plugins import Plugin, PluginContext, PluginError, PluginManager, PluginPhase
from runnerlib.plugins.validation import registered


class Named(Plugin):
    def __init__(self) -> None:
        super().__init__("it")


def hooks(kind: type[Plugin]) -> dict[str, list[str]]:
    one = registered(kind())
    return {hook: [function.__name__ for function in functions] for hook, functions in one.hooks.items()}  # type: ignore[attr-defined]


def test_the_phases() -> None:
    assert [phase.name for phase in PluginPhase] == [
        *("PRE_VALIDATION", "POST_VALIDATION", "PRE_SOURCE_PREP", "POST_SOURCE_PREP"),
        *("PRE_EXECUTION", "POST_EXECUTION", "ON_ERROR", "CLEANUP"),
    ]
    assert PluginPhase.PRE_CONTAINER is PluginPhase.PRE_EXECUTION
    assert PluginPhase("post_container") is PluginPhase.POST_EXECUTION
    with pytest.raises(ValueError, match="is not a valid"):
        PluginPhase("container")


def test_hooks_alone_say_when_they_are_called() -> None:
    class It(Named):
        def cleanup(self, context: PluginContext) -> None: ...
        def pre_step(self, context: PluginContext) -> None: ...
        def pre_container(self, context: PluginContext) -> None: ...

    assert hooks(It) == {"pre_execution": ["pre_container"], "cleanup": ["cleanup"], "pre_step": ["pre_step"]}


def test_execute_comes_first() -> None:
    class It(Named):
        def supported_phases(self) -> list[PluginPhase]:
            return [PluginPhase.CLEANUP, PluginPhase.PRE_CONTAINER, PluginPhase.PRE_EXECUTION]

        def execute(self, context: PluginContext) -> None: ...
        def pre_execution(self, context: PluginContext) -> None: ...

    assert hooks(It) == {"pre_execution": ["execute", "pre_execution"], "cleanup": ["execute"]}


def test_an_alias_of_both_names_is_one_hook() -> None:
    class It(Named):
        def pre_execution(self, context: PluginContext) -> None: ...

        pre_container = pre_execution

    assert hooks(It) == {"pre_execution": ["pre_execution"]}


def test_a_subclass_may_be_called_less_often() -> None:
    class Parent(Named):
        def pre_execution(self, context: PluginContext) -> None: ...
        def cleanup(self, context: PluginContext) -> None: ...

    class It(Parent):
        def supported_phases(self) -> list[PluginPhase]:
            return [PluginPhase.CLEANUP]

    assert hooks(It) == {"cleanup": ["cleanup"]}


def wrong(**members: object) -> Plugin:
    return type("It", (Named,), members)()


@pytest.mark.parametrize(
    ("plugin", "error"),
    [
        (lambda: Named, "a class; give an instance of it"),
        (lambda: "x", "got str"),
        (
            type("It", (Plugin,), {"__init__": lambda self: None}),
            r"It .* has no name: its __init__ must call",
        ),
        (lambda: Plugin(""), "is no name of a plugin"),
        (lambda: Plugin("a\nb"), "is no name of a plugin"),
        (lambda: Plugin("x", "low"), "priority 'low' is no whole number"),  # type: ignore[arg-type]
        (Named, r"plugin 'it' \(.*test_registration.py\): it has no hook \(pre_validation, "),
        (lambda: wrong(execute=lambda self, context: None), r"so supported_phases\(\) must say when"),
        (
            lambda: wrong(supported_phases=lambda self: ["pre_exec"], execute=lambda self, context: None),
            r"unknown phase 'pre_exec'; did you mean 'pre_execution'\?",
        ),
        (lambda: wrong(supported_phases=lambda self: [PluginPhase.CLEANUP]), r"there is neither cleanup\(\) nor exec"),
        (lambda: wrong(supported_phases=lambda self: 1 / 0), r"supported_phases\(\) failed: ZeroDivisionError"),
        (lambda: wrong(supported_phases=lambda self: None), r"supported_phases\(\) failed: TypeError"),
        (
            lambda: wrong(supported_phases=lambda self: ["cleanup"], cleanup=lambda s, c: 0, on_error=lambda s, c: 0),
            r"on_error\(\) would never be called: supported_phases\(\) does not name on_error",
        ),
        (lambda: wrong(cleanup=lambda self: None), r"is called with the context alone; write cleanup\(self, context\)"),
        (lambda: wrong(cleanup=lambda self, context, more: None), "is called with the context alone"),
        (lambda: wrong(cleanup="x"), "'cleanup' is no method"),
        (lambda: wrong(pre_exection=lambda self, context: None), r"'pre_exection' is no hook; did you mean 'pre_exec"),
        (lambda: wrong(clean_up=lambda self, context: None), "did you mean 'cleanup'"),
        (
            lambda: wrong(pre_container=lambda self, context: 1, pre_execution=lambda self, context: 2),
            "'pre_container' is an older name of 'pre_execution'; give one of them",
        ),
    ],
)
def test_what_is_refused(plugin: object, error: str) -> None:
    with pytest.raises(PluginError, match=error):
        PluginManager().register_plugin(plugin())  # type: ignore[operator]


@pytest.mark.parametrize("kind", ["async", "generator", "async generator"])
def test_hooks_are_plain_functions(kind: str) -> None:
    async def coroutine(self: Plugin, context: PluginContext) -> None: ...
    def generator(self: Plugin, context: PluginContext) -> object:
        yield

    async def both(self: Plugin, context: PluginContext) -> object:
        yield

    hook = {"async": coroutine, "generator": generator, "async generator": both}[kind]
    with pytest.raises(PluginError, match=r"cleanup\(\) is a coroutine or a generator"):
        registered(wrong(cleanup=hook))


class TestManager:
    def make(self, name: str, priority: int = 100) -> Plugin:
        plugin = wrong(cleanup=lambda self, context: context.metadata.setdefault("calls", []).append(self.name))
        plugin.name, plugin.priority = name, priority
        return plugin

    def test_lower_priority_first_then_by_name(self) -> None:
        manager = PluginManager()
        for name, priority in (("z", 1), ("b", 5), ("a", 5), ("c", -1)):
            manager.register_plugin(self.make(name, priority))
        assert manager.list_plugins() == ["c", "z", "a", "b"]
        manager.disable_plugin("z")
        context = PluginContext(None)  # type: ignore[arg-type]
        manager.execute_phase(PluginPhase.CLEANUP, context)
        assert context.metadata["calls"] == ["c", "a", "b"]
        assert [one.name for one in manager.phase_plugins[PluginPhase.CLEANUP]] == ["c", "z", "a", "b"]
        assert manager.enable_plugin("z")
        assert not manager.enable_plugin("nobody")

    def test_a_name_is_taken_once(self) -> None:
        manager = PluginManager()
        first = self.make("same")
        manager.register_plugin(first)
        manager.register_plugin(first)
        with pytest.raises(PluginError, match=r"plugin 'same' \(.*\): the name belongs to a plugin of "):
            manager.register_plugin(self.make("same"))
        manager.unregister_plugin("same")
        manager.register_plugin(self.make("same"))

    def test_what_a_hook_raises_is_told_to_all_and_raised(self) -> None:
        """As `execute_phase` of Reactorcide's manager does."""
        told: list[tuple[str, PluginPhase | None, Exception | None]] = []

        def fail(self: Plugin, context: PluginContext) -> None:
            raise LookupError("broken on purpose")

        def tell(self: Plugin, context: PluginContext) -> None:
            told.append((self.name, context.phase, context.error))
            if self.name == "b":
                raise ValueError("and another")

        manager = PluginManager()
        for name in ("a", "b", "c"):
            plugin = wrong(cleanup=fail, on_error=tell)
            plugin.name = name
            manager.register_plugin(plugin)
        manager.disable_plugin("c")
        context = PluginContext(None)  # type: ignore[arg-type]
        with pytest.raises(LookupError) as caught:
            manager.execute_phase(PluginPhase.CLEANUP, context)
        assert told == [("a", PluginPhase.ON_ERROR, caught.value), ("b", PluginPhase.ON_ERROR, caught.value)]
        assert caught.value.__notes__ == ["on_error: ValueError: and another"]
        assert (context.phase, context.error) == (PluginPhase.CLEANUP, None)
        told.clear()
        with pytest.raises(ValueError, match="and another"):
            manager.execute_phase(PluginPhase.ON_ERROR, context)
        assert [name for name, _, _ in told] == ["a", "b"]
