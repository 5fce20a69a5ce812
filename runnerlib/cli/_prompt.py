"""Prompts for secrets on the terminal, without echo."""

from __future__ import annotations

import os
from getpass import getpass

from runnerlib.errors import ConfigError
from runnerlib.secrets.lookup import PASSWORD_VARIABLE


def is_possible() -> bool:
    """Return whether a user can be asked: stdin is a terminal."""
    return os.isatty(0)


def ask(prompt: str) -> str:
    """Return the answer to `prompt`. Raises ConfigError for no answer, or without a terminal."""
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
    """Ask for the password of the secret store. Raises ConfigError."""
    if not is_possible():
        raise ConfigError(f"the local secret store needs its password: set {PASSWORD_VARIABLE}")
    return ask("password of the secret store")


def new_password() -> str:
    """Ask for a new password twice. Raises ConfigError when the two differ."""
    chosen = password()
    if ask("the same again") != chosen:
        raise ConfigError("the two passwords are not the same")
    return chosen
