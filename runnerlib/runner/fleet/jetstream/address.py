"""The address of a NATS server: `nats://USER:PASSWORD@HOST:PORT`, or `tls://…`, with files as parameters."""

from __future__ import annotations

import ssl
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import nkeys  # type: ignore[import-untyped]

from runnerlib.errors import ConfigError, printable, unknown

_FILES = ("ca", "cert", "key", "creds", "nkey")
_LONGEST_SEED = 1024
_SCHEMES = ("nats", "tls")


class Address(NamedTuple):
    """A server: `url` with what it needs to let somebody in, `shown` without; `files` by their parameter."""

    url: str
    shown: str
    files: dict[str, str]

    def options(self) -> dict[str, Any]:
        """Return the options of a connection. Raises ConfigError for a file that cannot be used."""
        found: dict[str, Any] = {"servers": [self.url]}
        for parameter, option in (("creds", "user_credentials"), ("nkey", "nkeys_seed")):
            if parameter in self.files:
                self._readable(parameter)
                found[option] = self.files[parameter]
        if "nkey" in self.files:
            self._check_seed()
        if self.url.startswith("tls:"):
            found["tls"] = self._tls()
        return found

    def _tls(self) -> ssl.SSLContext:
        for parameter in ("ca", "cert", "key"):
            self._readable(parameter)
        try:
            context = ssl.create_default_context(cafile=self.files.get("ca"))
            if "cert" in self.files:
                context.load_cert_chain(self.files["cert"], self.files.get("key"))
        except ssl.SSLError as error:
            why = (error.reason or str(error)).lower().replace("_", " ")
            raise ConfigError(f"the certificates for '{self.shown}' cannot be used: {why}") from None
        return context

    def _check_seed(self) -> None:
        path = self.files["nkey"]
        try:
            with open(path, "rb") as file:
                nkeys.from_seed(bytearray(file.read(_LONGEST_SEED).strip()))
        except (nkeys.NkeysError, ValueError, IndexError):
            raise ConfigError(f"'{printable(path)}' (nkey of '{self.shown}') is no seed of an nkey") from None

    def _readable(self, parameter: str) -> None:
        try:
            open(self.files.get(parameter, "/dev/null"), "rb").close()
        except OSError as error:
            path = printable(self.files[parameter])
            raise ConfigError(f"cannot read '{path}' ({parameter} of '{self.shown}'): {error.strerror}") from None


def address(url: str) -> Address:
    """Take an address apart. Raises ConfigError."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if parts.scheme not in _SCHEMES:
        scheme = printable(url.partition(":")[0])[:100]
        raise ConfigError(f"{unknown('engine of a fleet', scheme, _SCHEMES)}; give it as nats://HOST:4222")
    if not host or parts.path not in {"", "/"}:
        raise ConfigError("the address of a fleet is nats://HOST:4222 or tls://HOST:4222, got another form")
    shown = f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{port or 4222}"
    files = dict(parse_qsl(parts.query, keep_blank_values=True))
    for name in files:
        if name not in _FILES:
            raise ConfigError(f"'{shown}': {unknown('parameter', printable(name)[:100], _FILES)}")
    if files.keys() & {"ca", "cert", "key"} and parts.scheme != "tls":
        raise ConfigError(f"'{shown}': certificates are for tls://")
    return Address(urlunsplit((parts.scheme, parts.netloc, "", "", "")), shown, files)
