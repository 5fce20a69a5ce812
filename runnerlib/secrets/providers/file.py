"""The provider `file`: a directory with a file for each secret, as Docker, Kubernetes and Vault's agent make them."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from runnerlib.errors import ConfigError

if TYPE_CHECKING:
    from runnerlib.secrets.providers.context import Setup

_LARGEST = 1 << 20


def get(path: str, key: str, setup: Setup) -> str | None:
    """The content of the file `path/key` in `secret_dir`, less one line break at its end. Raises ConfigError."""
    if not all(path.split("/")):
        raise ConfigError(f"secret '{path}:{key}': the path of a secret in a file neither begins nor ends with '/'")
    file = os.path.join(setup.config.secret_dir, path, key)
    try:
        fd = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise ConfigError(f"secret '{path}:{key}': '{file}' is no regular file")
            data = os.read(fd, _LARGEST + 1)
        finally:
            os.close(fd)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ConfigError(f"secret '{path}:{key}': cannot read '{file}': {error.strerror}") from None
    if len(data) > _LARGEST:
        raise ConfigError(f"secret '{path}:{key}': '{file}' has more than 1 MiB")
    return without_line_break(data)


def without_line_break(data: bytes) -> str:
    """The text of a value that a program or an editor wrote, which ends lines."""
    data = data.removesuffix(b"\n").removesuffix(b"\r") if data.endswith(b"\n") else data
    return data.decode("utf-8", "surrogateescape")
