"""Files that are kept from run to run: caches of jobs and steps, and what tells that a step is up to date. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runnerlib._util.values import NamedTuple, mended
from runnerlib.pipeline.job.concurrency import wrong_group
from runnerlib.pipeline.job.service import wrong_services

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from runnerlib.pipeline.job.concurrency import Concurrency
    from runnerlib.pipeline.job.service import Service

_MOST_PATHS = 100


def _mended(cache: Cache) -> Cache:
    """Return the cache with a single path or key as a list of one."""
    changes: dict[str, Any] = {
        name: (value,) if isinstance(value, str) else tuple(value)
        for name in ("paths", "restore_keys")
        if not isinstance(value := getattr(cache, name), tuple)
    }
    return cache._replace(**changes) if changes else cache


@mended(_mended)
class Cache(NamedTuple):
    """Files that a job or step finds as an earlier run left them: `Cache("pip-${os}", [".cache/pip"])`.

    `paths` are directories, files and globs below the directory of the job. They are restored from the entry `key`, or
    else from the newest one whose key begins with one of `restore_keys`; they are saved under `key` after a success,
    unless there is such an entry. `${…}` stands for a fact: `branch`, `os`, `arch`, `env.NAME`, and
    `checksum('requirements.txt')`, a digest of files.
    """

    key: str
    paths: Sequence[str] = ()
    restore_keys: Sequence[str] = ()


def wrong_caches(caches: Iterable[Cache]) -> Iterator[str]:
    """Yield what is wrong with the caches of a job or step."""
    from runnerlib.pipeline.template import problems  # for the few jobs that have one

    seen: set[tuple[str, tuple[str, ...]]] = set()
    for cache in caches:
        yield from (f"key: {text}" for text in problems(cache.key))
        yield from (f"restore_keys: {text}" for key in cache.restore_keys for text in problems(key))
        if not 0 < len(cache.paths) <= _MOST_PATHS:
            yield f"paths: 1 to {_MOST_PATHS} paths are expected, got {len(cache.paths)}"
        yield from (f"paths: {text}" for text in wrong_paths(cache.paths))
        if (cache.key, tuple(cache.paths)) in seen:
            yield f"the key '{cache.key[:100]}' is there twice for the same paths"
        seen.add((cache.key, tuple(cache.paths)))


def wrong_around(
    caches: Sequence[Cache], concurrency: Concurrency | None, services: Sequence[Service]
) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the caches, the group and the services of a job, with the key that has it."""
    yield from (("services", text) for text in wrong_services(services))
    yield from (("cache", text) for text in wrong_caches(caches))
    if concurrency is not None:
        yield from (("concurrency", text) for text in wrong_group(concurrency))


def wrong_kept(caches: Sequence[Cache], sources: Sequence[str], generates: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the files of a step that are kept from run to run, with the key that has it."""
    yield from (("cache", text) for text in wrong_caches(caches))
    if generates and not sources:
        yield "generates", "it needs 'sources', which say when the step has to run again"
    for key, globs in (("sources", sources), ("generates", generates)):
        yield from ((key, text) for text in wrong_paths([glob.removeprefix("!") for glob in globs]))
        if globs and all(glob.startswith("!") for glob in globs):
            yield key, "every glob begins with '!', which leaves files out; at least one without it is expected"


def wrong_paths(paths: Iterable[str]) -> Iterator[str]:
    """Yield the error in each path, or glob, that may lead out of the directory of the job."""
    for path in paths:
        inside = path.strip() and path.isprintable() and not path.startswith(("/", "~")) and ".." not in path.split("/")
        if not inside or path.strip("./") == "":
            yield f"'{path[:100]}' is no path below the directory of the job"
