"""The encrypted store of secrets on this machine, which Reactorcide's command line shares; its runner's names.

Format (Reactorcide, `internal/secrets/storage.go`): `$XDG_CONFIG_HOME/reactorcide/secrets` (without that
variable `~/.config/reactorcide/secrets`) holds `.salt`, 32 random bytes, and `secrets.enc`: JSON
`{path: {key: value}}` in a Fernet token, whose key is scrypt of the password and the salt. Reactorcide's
command line writes the token's bytes, its older runner their base64 text; both are read, and a store
stays what it is. Changes are made one after the other, under a lock, and each is whole or not made.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from runnerlib._util.files import open_regular, write_whole
from runnerlib.errors import ConfigError, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cryptography.fernet import Fernet

SCRYPT_N = 2**18
SCRYPT_R = 8
SCRYPT_P = 1
SALT_SIZE = 32

_NEW = "secrets.enc.new"  # until it is complete; one name will do, under the lock
_RAW = b"\x80"  # a token begins with its version
_PATH = r"[a-zA-Z0-9/_-]+"
_KEY = r"[a-zA-Z0-9_-]+"

Secrets = dict[str, dict[str, str]]
"""Values by path and key."""


class SecretStoreError(ConfigError, ValueError):
    """A store that cannot be read or changed, or an invalid path or key. Its text never shows a secret."""


def get_default_base_path() -> Path:
    """The directory of the store of this user."""
    try:
        home = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    except RuntimeError:
        raise SecretStoreError("where is the secret store? neither XDG_CONFIG_HOME nor HOME is set") from None
    return Path(home) / "reactorcide" / "secrets"


def secrets_file(base_path: Path) -> Path:
    """The file with the secrets."""
    return base_path / "secrets.enc"


def is_initialized(base_path: Path | None = None) -> bool:
    """Return whether there is a store."""
    return secrets_file(base_path or get_default_base_path()).exists()


def validate_path(path: str) -> None:
    """Raise SecretStoreError unless `path` consists of letters, digits, `/`, `_` and `-`."""
    if not re.fullmatch(_PATH, path):
        raise SecretStoreError(f"'{printable(path)}' is no path of a secret (letters, digits, '/', '_' and '-')")


def validate_key(key: str) -> None:
    """Raise SecretStoreError unless `key` consists of letters, digits, `_` and `-`."""
    if not re.fullmatch(_KEY, key):
        raise SecretStoreError(f"'{printable(key)}' is no key of a secret (letters, digits, '_' and '-')")


def get_or_create_salt(base_path: Path) -> bytes:
    """The salt of the store, made if there is none yet. Raises SecretStoreError."""
    file = base_path / ".salt"
    try:
        _make(base_path)
        if not file.exists():
            write_whole(file, os.urandom(SALT_SIZE), durable=True, overwrite=False)
        return file.read_bytes()
    except OSError as error:
        raise _failed(base_path, error) from None


def derive_key(password: str, base_path: Path) -> bytes:
    """The key of the store for `password`, as Fernet takes it; derived once in a process. Raises SecretStoreError."""
    if not password:
        raise SecretStoreError("the password of the secret store is empty")
    return _key(password.encode("utf-8", "surrogateescape"), get_or_create_salt(base_path), SCRYPT_N)


def get_fernet(password: str, base_path: Path) -> Fernet:
    """The cipher of the store. Raises SecretStoreError."""
    from cryptography.fernet import Fernet  # 60 ms that few runs need

    return Fernet(derive_key(password, base_path))


def load_all(password: str, base_path: Path) -> Secrets:
    """Every secret by path and key; none when there is no store. Raises SecretStoreError for a wrong password."""
    from cryptography.fernet import InvalidToken

    data = _stored(base_path)
    if data is None:
        return {}
    token = urlsafe_b64encode(data) if data.startswith(_RAW) else data
    problem = f"the password is wrong, or the secret store '{base_path}' is damaged"
    try:
        found = json.loads(get_fernet(password, base_path).decrypt(token))
    except (InvalidToken, ValueError) as error:
        raise (error if isinstance(error, SecretStoreError) else SecretStoreError(problem)) from None
    if not _is_store(found):
        raise SecretStoreError(f"the secret store '{base_path}' holds something else than secrets")
    secrets: Secrets = found
    return secrets


def save_all(data: Mapping[str, Mapping[str, str]], password: str, base_path: Path) -> None:
    """Replace the whole content of the store atomically: readers see the old or the new. Raises SecretStoreError."""
    token = get_fernet(password, base_path).encrypt(json.dumps(data, indent=2).encode())
    before = _stored(base_path)
    raw = before is None or before.startswith(_RAW)
    try:
        write_whole(secrets_file(base_path), urlsafe_b64decode(token) if raw else token, durable=True, aside=_NEW)
    except OSError as error:
        raise _failed(base_path, error) from None


def secrets_init(password: str, base_path: Path | None = None, force: bool = False) -> None:
    """Make an empty store. Raises SecretStoreError when there is one.

    With `force` there is a new one all the same, and the file of the old one is kept as `secrets.enc.old`.
    """
    base = base_path or get_default_base_path()
    with _locked(base):
        if is_initialized(base) and not force:
            raise SecretStoreError(f"there is a secret store in '{base}' already")
        before = _stored(base)
        try:
            if before is not None:  # its salt stays, so its password still opens it
                write_whole(base / "secrets.enc.old", before, durable=True, aside=_NEW)
        except OSError as error:
            raise _failed(base, error) from None
        save_all({}, password, base)


def secret_get(path: str, key: str, password: str, base_path: Path | None = None) -> str | None:
    """The value of a secret; None when there is none. Raises SecretStoreError."""
    validate_path(path)
    validate_key(key)
    return load_all(password, base_path or get_default_base_path()).get(path, {}).get(key)


def secret_set(path: str, key: str, value: str, password: str, base_path: Path | None = None) -> None:
    """Set a secret; makes the store if there is none. Raises SecretStoreError."""
    validate_path(path)
    validate_key(key)
    base = base_path or get_default_base_path()
    with _locked(base):
        data = load_all(password, base)
        data.setdefault(path, {})[key] = value
        save_all(data, password, base)


def secret_delete(path: str, key: str, password: str, base_path: Path | None = None) -> bool:
    """Remove a secret, and its path if it was the last; whether it was there. Raises SecretStoreError."""
    validate_path(path)
    validate_key(key)
    base = base_path or get_default_base_path()
    with _locked(base):
        data = load_all(password, base)
        if key not in data.get(path, {}):
            return False
        del data[path][key]
        save_all({name: keys for name, keys in data.items() if keys}, password, base)
        return True


def secret_list_keys(path: str, password: str, base_path: Path | None = None) -> list[str]:
    """The keys below a path. Raises SecretStoreError."""
    validate_path(path)
    return list(load_all(password, base_path or get_default_base_path()).get(path, {}))


def secret_list_paths(password: str, base_path: Path | None = None) -> list[str]:
    """The paths that have secrets. Raises SecretStoreError."""
    return list(load_all(password, base_path or get_default_base_path()))


@lru_cache(maxsize=4)
def _key(password: bytes, salt: bytes, n: int) -> bytes:
    """It takes a second and 256 MiB, on purpose: so does every guess."""
    memory = 256 * n * SCRYPT_R
    try:
        key = hashlib.scrypt(password, salt=salt, n=n, r=SCRYPT_R, p=SCRYPT_P, maxmem=memory, dklen=32)
    except (ValueError, MemoryError):
        raise SecretStoreError("the key of the secret store cannot be derived: that takes 256 MiB of memory") from None
    return urlsafe_b64encode(key)


def _stored(base: Path) -> bytes | None:
    try:
        return secrets_file(base).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _failed(base, error) from None


def _is_store(found: object) -> bool:
    """JSON has no other keys than texts."""
    return isinstance(found, dict) and all(
        isinstance(keys, dict) and all(isinstance(value, str) for value in keys.values()) for keys in found.values()
    )


@contextmanager
def _locked(base: Path) -> Iterator[None]:
    """Serialize changes by a lock, which the kernel releases when its holder ends in any way."""
    try:
        _make(base)
        lock = open_regular(base / ".lock", os.O_RDWR | os.O_CREAT)
        fcntl.flock(lock, fcntl.LOCK_EX)
    except OSError as error:
        raise _failed(base, error) from None
    try:
        yield
    finally:
        os.close(lock)


def _make(directory: Path) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)


def _failed(base: Path, error: OSError) -> SecretStoreError:
    return SecretStoreError(f"cannot use the secret store '{base}': {error.strerror}")
