"""Variables that were probably meant as settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib.config.setting import ENV_PREFIX
from runnerlib.config.settings import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# What this runner reads besides its settings.
_READ = ("CONFIG", "IN_CONTAINER", "SECRETS_PASSWORD", "SECRETS_SOCKET", "SOURCE_DIR", "CI_SOURCE_DIR", "VCS_AUTH_DIR")
# What other parts of Reactorcide set or read, and jobs find there.
_OTHERS = (
    *("EVENT_TYPE", "BRANCH", "SHA", "GIT_BRANCH", "GIT_COMMIT", "DIFF_BASE", "PR_NUMBER", "PR_REF", "PR_BASE_REF"),
    *("BASE_URL", "BASE_REF", "HEAD_URL", "HEAD_REF", "HEAD_ACTOR", "IS_FORK_PR", "ACTOR_SUBJECTS", "SOURCE_PATH"),
    *("CI", "CI_APPROVALS", "CI_POLICY", "CI_POLICY_REVISION", "CI_SOURCE_PATH", "CHECKOUT_MODE", "PROVIDER", "REPO"),
    *("JOB_API_URL", "JOB_KIND", "JOB_SHELLCMD", "QUEUE", "REPORT_GENERATION", "REPORT_TARGET_GENERATION"),
    *("REPORT_TARGET_ID", "VCS_AUTH_CLEANUP", "WORKER_MODE"),
)
_MEANT = tuple(dict.fromkeys((*(setting.variable for setting in SETTINGS.values()), *(ENV_PREFIX + n for n in _READ))))
_KNOWN = frozenset((*_MEANT, *(ENV_PREFIX + name for name in _OTHERS)))
# A name is taken for a misspelt one when it is that much like one.
_LIKENESS = 0.8
_SHORT_LIKENESS = 0.75  # one other letter of four


def misspelt(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield a warning for each unknown variable whose name is close to that of a setting."""
    for name in environ:
        if name[:1] in {"R", "r"} and name not in _KNOWN and (meant := _meant(name)):
            yield f"variable '{name[:100]}' is no setting; did you mean '{meant}'?"


def _meant(name: str) -> str:
    """The variable that `name` is close to; empty for none, as for the name of a job's own."""
    prefix, underscore, rest = name.upper().partition("_")
    wanted = ENV_PREFIX[:-1]
    if not underscore or _most_alike(prefix, wanted) < _LIKENESS:
        return ""
    from difflib import SequenceMatcher, get_close_matches  # most starts have no such variable

    if prefix != wanted and SequenceMatcher(None, prefix, wanted).ratio() < _LIKENESS:
        return ""
    if ENV_PREFIX + rest in _KNOWN:
        return ENV_PREFIX + rest
    names = [known.removeprefix(ENV_PREFIX) for known in _MEANT]
    near = get_close_matches(rest, names, 1, _LIKENESS if len(rest) > 4 else _SHORT_LIKENESS)
    return ENV_PREFIX + near[0] if near else ""


def _most_alike(one: str, other: str) -> float:
    """The likeness of two texts if their common letters stood in one order; the true one is that or less."""
    common = sum(min(one.count(letter), other.count(letter)) for letter in set(one))
    return 2 * common / (len(one) + len(other))
