"""Asking people for secrets on their terminal, without showing what they type."""

from __future__ import annotations

import os
from getpass import getpass

from runnerlib.errors import ConfigError
from runnerlib.secrets.local_store import PASSWORD_VARIABLE


def is_possible() -> bool:
    """Whether somebody sits there: stdin is a terminal."""
    return os.isatty(0)


def ask(prompt: str) -> str:
    """What is typed in answer to `prompt`. Raises ConfigError when nothing is, or nobody can."""
    if not is_possible():
        raise ConfigError(f"{prompt}: there is no terminal to ask on")
    try:
        answer = getpass(f"{prompt}: ")
    except (EOFError, KeyboardInterrupt):
        raise ConfigError(f"{prompt}: no answer") from None
    if not answer:
        raise ConfigError(f"{prompt}: the answer is empty")
    return answer


def password() -> str:
    """The password of the secret store. Raises ConfigError."""
    if not is_possible():
        raise ConfigError(f"the local secret store needs its password: set {PASSWORD_VARIABLE}")
    return ask("password of the secret store")


def new_password() -> str:
    """A password, typed twice. Raises ConfigError when the two differ."""
    chosen = password()
    if ask("the same again") != chosen:
        raise ConfigError("the two passwords are not the same")
    return chosen
