"""Actions that something here stands for: the source, an image, a command, an artifact."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from runnerlib.pipeline.foreign.shell_text import Untranslatable
from runnerlib.pipeline.foreign.source import text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from runnerlib.pipeline.foreign.source import Entries

_IMAGES: Mapping[str, tuple[str, str]] = {
    "actions/setup-python": ("python-version", "python"),
    "actions/setup-node": ("node-version", "node"),
    "actions/setup-go": ("go-version", "golang"),
    "actions/setup-java": ("java-version", "eclipse-temurin"),
    "ruby/setup-ruby": ("ruby-version", "ruby"),
}
_NO_EFFECT = {"cache", "cache-dependency-path", "check-latest", "distribution", "allow-prereleases", "pip-version"}
_CHECKOUT_FREE = {"fetch-depth", "persist-credentials", "fetch-tags", "clean", "show-progress"}
_TOOLCHAINS = {
    "dtolnay/rust-toolchain": "toolchain",
    "actions-rs/toolchain": "toolchain",
    "hecrj/setup-rust-action": "rust-version",
    "actions-rust-lang/setup-rust-toolchain": "toolchain",
}
_VERSION = re.compile(r"[0-9]+(?:\.[0-9]+)*")
_RUST = re.compile(r"stable|beta|nightly|(?:nightly-)?[0-9][\w.-]*")
_TOOL = re.compile(r"[A-Za-z][\w-]*(?:@[0-9.]+)?")
_EXPRESSION = re.compile(r"\$\{\{.*\}\}")


class Action(NamedTuple):
    """One step of a workflow that uses an action: its name, what stands behind '@', and its inputs."""

    name: str
    version: str
    given: Entries

    def text(self, key: str) -> str:
        """Return an input as it is written; '' for one that is missing."""
        return text_of(self.given, key)


def image(action: Action, version: str) -> str:
    """Return the image that has what an action of `_IMAGES` sets up. Raises Untranslatable."""
    name = _IMAGES[action.name][1]
    plain = version.removesuffix(".x").strip()
    if name == "node" and plain in {"lts/*", "latest", "node", "current"}:
        return f"node:{'lts' if plain == 'lts/*' else 'latest'}"
    if name == "golang" and plain in {"stable", ""}:
        return "golang:latest"
    if name == "python" and (found := re.fullmatch(r"pypy-?([0-9.]+)", plain)):
        return f"pypy:{found[1]}"
    if not _VERSION.fullmatch(plain):
        raise Untranslatable(f"no image is known for the version '{version[:100]}'")
    return f"{name}:{plain}"


def template(action: Action, version: str) -> str:
    """Return the name of the image for a version that is still a placeholder."""
    return f"{_IMAGES[action.name][1]}:{version.strip()}"


def sets_up(name: str) -> str:
    """Return the input with the version of an action that an image stands for; '' for any other action."""
    return _IMAGES[name][0] if name in _IMAGES else ""


def unknown_inputs(action: Action) -> list[str]:
    """Return the inputs of an action of `_IMAGES` or of the checkout that change something and are left out."""
    if action.name == "actions/checkout":
        return [key for key in action.given if key not in _CHECKOUT_FREE]
    return [key for key in action.given if key not in {*_NO_EFFECT, sets_up(action.name)}]


def command(action: Action) -> str | None:
    """Return the text of a shell that does what an action does, expressions as they are; None for an unknown one.

    Raises Untranslatable for what the action is asked for and the text would not do.
    """
    if action.name in _TOOLCHAINS:
        return _toolchain(action)
    found = _COMMANDS.get(action.name)
    return found(action) if found else None


def _toolchain(action: Action) -> str:
    wanted = action.text(_TOOLCHAINS[action.name])
    if not wanted and _RUST.fullmatch(action.version) and action.name == "dtolnay/rust-toolchain":
        wanted = action.version
    wanted = wanted or "stable"
    if not _RUST.fullmatch(wanted) and not _EXPRESSION.fullmatch(wanted):
        raise Untranslatable(f"{action.name}: toolchain '{wanted[:100]}'")
    known = {*_TOOLCHAINS.values(), "components", "component", "targets", "target", "profile", "override", "default"}
    known |= {"cache", "rustflags", "cache-workspaces", "matcher", "problem-matcher"}
    for key in action.given:
        if key not in known:
            raise Untranslatable(f"{action.name}: {key}")
    more = "".join(
        f' --{option} "{part}"' if "$" in part else f" --{option} {part}"
        for option in ("component", "target")
        for key in (option, f"{option}s")
        for part in _listed(action.text(key))
    )
    return (
        f'rustup toolchain install "{wanted}" --profile minimal --no-self-update{more}\n'
        f'echo "RUSTUP_TOOLCHAIN={wanted}" >> "$RUNNERLIB_ENV"\n'
    )


def _listed(text: str) -> list[str]:
    return [text] if "${{" in text else [part for part in re.split(r"[,\s]+", text) if re.fullmatch(r"[\w.-]+", part)]


def _cargo(action: Action) -> str:
    if set(action.given) - {"command", "args", "toolchain", "use-cross"} or action.text("use-cross") == "true":
        raise Untranslatable(f"{action.name}: {', '.join(action.given)}")
    toolchain = f" +{action.text('toolchain')}" if action.text("toolchain") else ""
    return f"cargo{toolchain} {action.text('command')} {action.text('args')}".strip()


def _pre_commit(action: Action) -> str:
    arguments = action.text("extra_args") or "--all-files"
    return f"python3 -m pip install pre-commit\npre-commit run --show-diff-on-failure --color=always {arguments}\n"


def _installed(action: Action) -> str:
    if set(action.given) - {"tool", "crate"}:
        raise Untranslatable(f"{action.name}: {', '.join(action.given)}")
    tools = action.text("tool") or action.text("crate") or action.version
    found = re.split(r"[,\s]+", tools)
    if not all(map(_TOOL.fullmatch, found)) or re.fullmatch(r"v?[0-9.]+|[0-9a-f]{40}", tools):
        raise Untranslatable(f"{action.name}: which tool")
    return f"cargo install --locked {' '.join(found)}"


def why_not(name: str) -> str:
    """Return why an action is left out."""
    return "it saves time only" if "cache" in name else "an action cannot be run here; write what it does as a step"


_COMMANDS: Mapping[str, Callable[[Action], str]] = {
    "actions-rs/cargo": _cargo,
    "dtolnay/install": _installed,
    "taiki-e/install-action": _installed,
    "pre-commit/action": _pre_commit,
}
