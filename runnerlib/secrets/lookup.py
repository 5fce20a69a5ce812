"""Finding secrets by reference, and texts with the references in them replaced."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from runnerlib._util import registry
from runnerlib.errors import ConfigError, unknown
from runnerlib.masking.candidates import Secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from runnerlib.config import Resolved, RunnerConfig

    Get = Callable[[str, str], str | None]
    """A provider of a plugin: the value for a path and a key, or None when it has none."""

PROVIDERS: Mapping[str, str] = {"env": "env", "file": "file", "local": "local_store", "command": "command"}
"""The built-in providers and their modules."""

_BEGINNING = "${secret:"
PASSWORD_VARIABLE = "REACTORCIDE_SECRETS_PASSWORD"  # noqa: S105 - a name


class SecretResolver:
    """Secrets of one invocation: each is fetched once, and the password is asked for once.

    `ask` prompts for the password of the local store; without it only the environment can give it. May be used from
    any thread.
    """

    def __init__(
        self, ask: Callable[[], str] | None = None, known: Mapping[tuple[str, str], str] = MappingProxyType({})
    ) -> None:
        """`known` are secrets by path and key that need not be fetched."""
        self._ask = ask
        self._plugins: dict[str, Get] = {}
        self._values: dict[tuple[str, str], str] = dict(known)
        self._password = ""
        self._lock = threading.RLock()

    def for_job(self) -> SecretResolver:
        """Return a resolver that shares secrets and password with this one, and has its own providers of plugins."""
        other = SecretResolver(lambda: self._secret({}))
        other._values, other._lock = self._values, self._lock
        return other

    @property
    def found(self) -> dict[tuple[str, str], str]:
        """Every value that was found so far, by its path and key."""
        with self._lock:
            return dict(self._values)

    @property
    def values(self) -> tuple[str, ...]:
        """Every value that was found so far, and the password."""
        return (*self._values.values(), *filter(None, [self._password]))

    def register(self, name: str, get: Get) -> None:
        """Add a provider that `secret_providers` may name. Raises ConfigError for a name that is taken."""
        if name in PROVIDERS or name in self._plugins:
            raise ConfigError(f"there is a provider of secrets called '{name}' already")
        if not name.replace("-", "").replace("_", "").isalnum() or not callable(get):
            raise ConfigError(f"'{name}': a provider of secrets has a name of letters and digits, and is a function")
        self._plugins[name] = get

    def find(self, path: str, key: str, resolved: Resolved, environ: Mapping[str, str]) -> str | None:
        """The value of the first provider that has it; None when none does. Raises ConfigError when one fails."""
        with self._lock:
            value = self._values.get((path, key))
            if value is None:
                value = self._fetch(path, key, resolved, environ)
                if value is not None:
                    self._values[path, key] = value
            return value

    def _fetch(self, path: str, key: str, resolved: Resolved, environ: Mapping[str, str]) -> str | None:
        names = (*PROVIDERS, *self._plugins)
        for name in resolved.config.secret_providers:
            if name not in names:
                raise resolved.error("secret_providers", unknown("provider of secrets", name, names))
            value = self._asked(name, path, key, resolved.config, environ)
            if value is not None:
                if "\0" in value:
                    raise ConfigError(f"secret '{path}:{key}' of provider '{name}' holds a NUL byte")
                return value
        return None

    def _asked(self, name: str, path: str, key: str, config: RunnerConfig, environ: Mapping[str, str]) -> str | None:
        if name in PROVIDERS:
            from runnerlib.secrets.providers.context import Setup

            module = registry.load("provider of secrets", PROVIDERS[name])
            found: str | None = module.get(path, key, Setup(config, environ, lambda: self._secret(environ)))
            return found
        try:
            given: Any = self._plugins[name](path, key)
        except Exception as error:  # what a plugin says of it may quote the secret
            raise ConfigError(
                f"provider '{name}' of secrets failed with {type(error).__name__} for '{path}:{key}'"
            ) from None
        if given is not None and not isinstance(given, str):
            raise ConfigError(
                f"provider '{name}' of secrets gave no text for '{path}:{key}' but {type(given).__name__}"
            )
        return given

    def _secret(self, environ: Mapping[str, str]) -> str:
        """Return the password of the local store. Raises ConfigError when there is no way to get it."""
        if not self._password:
            self._password = environ.get(PASSWORD_VARIABLE, "") or (self._ask() if self._ask else "")
        if not self._password:
            raise ConfigError(f"the local secret store needs its password: set {PASSWORD_VARIABLE}")
        return self._password


class UnresolvedLookup(SecretResolver):
    """Lookup for --plan: each reference stays as it is and no provider is called."""

    def find(self, path: str, key: str, resolved: Resolved, environ: Mapping[str, str]) -> str:  # noqa: ARG002 - as it is called
        """The reference."""
        return f"{_BEGINNING}{path}:{key}}}"


class ReferenceExpander:
    """Replaces references in texts, and collects the failures: `check` raises all of them at once.

    `found` gets every secret as soon as it is known, before anything else sees it.
    """

    def __init__(
        self, lookup: SecretResolver, resolved: Resolved, environ: Mapping[str, str], found: Callable[[Secret], object]
    ) -> None:
        self._lookup = lookup
        self._resolved = resolved
        self._environ = environ
        self._found = found
        self._problems: dict[str, None] = {}
        self.warnings: list[str] = []
        self.secrets: dict[str, Secret] = {}

    def text(self, text: str, where: str) -> str:
        """Return `text` with its references replaced; `where` is its location, for errors."""
        if _BEGINNING not in text:
            return text
        from runnerlib.secrets import references

        if _BEGINNING in references.SECRET_REF_PATTERN.sub("", text):
            self.warnings.append(
                f"{where}: '{_BEGINNING}' begins no reference (${{secret:path:key}}) and stays as it is"
            )
        return references.resolve_secrets_in_string(text, lambda path, key: self._value(path, key, where), True)

    def variables(self, variables: Mapping[str, str], where: str) -> dict[str, str]:
        """A mapping with the references in its values replaced."""
        return {name: self.text(value, f"{where}: {name}") for name, value in variables.items()}

    def setting(self, value: object, name: str) -> object:
        """The value of a setting: a text, or texts in tuples and mappings."""
        if isinstance(value, str):
            return self.text(value, name)
        if isinstance(value, tuple):
            return tuple(self.setting(item, name) for item in value)
        if isinstance(value, Mapping):
            return self.variables(value, name)
        return value

    def check(self) -> None:
        """Raise ConfigError with one line for each secret that could not be found."""
        if self._problems:
            raise ConfigError("\n".join(self._problems))

    def _value(self, path: str, key: str, where: str) -> str | None:
        try:
            value = self._lookup.find(path, key, self._resolved, self._environ)
        except ConfigError as error:
            self._problems[str(error)] = None
            return None
        if value is None:
            providers = ", ".join(self._resolved.config.secret_providers) or "none"
            self._problems[f"{where}: there is no secret '{path}:{key}' (providers: {providers})"] = None
            return None
        name = f"{path}:{key}"
        if name not in self.secrets:
            self.secrets[name] = Secret(name, value)
            self._found(self.secrets[name])
        return value
