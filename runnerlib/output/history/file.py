"""The file of the history: a small database of SQLite, bounded, read and written as a whole.

It is loaded into memory and replaced by a new file under a lock, so a run that is killed leaves the old or the new one.
A database that is opened in place would have a journal beside it, which a repository can bring along: SQLite removes
files that such a journal names.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, NamedTuple

from runnerlib._util.locked_file import locked, read, replace
from runnerlib.errors import RunnerError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST_RUNS = 500
MOST_ENTRIES = 50_000
"""Runs, and steps of all runs together, that are kept; the oldest runs go first."""

_LONGEST_NAME = 200
_PATIENCE = 2.0
_LATEST = 100_000_000_000.0
# Instructions of SQLite for one use: a hundred times what a full file takes; a forged one may ask for more.
_MOST_WORK = 1_000_000
_WORK_CHECKS = 1000
_VERSION = 1
_SCHEMA = (
    (
        "CREATE TABLE runs (id INTEGER PRIMARY KEY, name TEXT NOT NULL, revision TEXT NOT NULL, started REAL NOT NULL, "
        "ended REAL NOT NULL, exit_code INTEGER NOT NULL)"
    ),
    "CREATE TABLE names (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
    (
        "CREATE TABLE entries (run INTEGER NOT NULL, kind TEXT NOT NULL, name INTEGER NOT NULL, outcome TEXT NOT NULL, "
        "cause TEXT NOT NULL, exit_code INTEGER NOT NULL, attempts INTEGER NOT NULL, started REAL NOT NULL, "
        "seconds REAL NOT NULL, cpu REAL, rss INTEGER)"
    ),
    "CREATE INDEX entries_of ON entries (run)",
)


class HistoryError(RunnerError):
    """The history cannot be read or written."""


class Entry(NamedTuple):
    """A step, a job of a workflow, or a test of a run; `kind` is `step`, `job` or `test`. Times are in seconds."""

    kind: str
    name: str
    outcome: str
    cause: str = ""
    exit_code: int = 0
    attempts: int = 1
    started: float = 0.0
    seconds: float = 0.0
    cpu: float | None = None
    rss: int | None = None


class Run(NamedTuple):
    """A run of the job or workflow `name`; `revision` is the commit of its source where that is known."""

    name: str
    started: float
    ended: float
    exit_code: int
    revision: str = ""
    entries: tuple[Entry, ...] = ()


def add(path: Path, run: Run) -> None:
    """Add a run to the file, which is made if it is not there. Raises HistoryError."""
    with _failing(path), locked(path, _PATIENCE):
        with closing(_database(path, read(path))) as database:
            _insert(database, run)
            _bound(database)
            database.commit()
            content = database.serialize()
        replace(path, content)


def load(path: Path, name: str | None = None, last: int = MOST_RUNS) -> list[Run]:
    """Return the runs that the file has, the oldest first, all or the last ones of one job. Raises HistoryError.

    There are none where there is no file.
    """
    with _failing(path):
        content = read(path)
        if content is None:
            return []
        with closing(_database(path, content)) as database:
            return list(_runs(database, name, last))


@contextmanager
def _failing(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OverflowError, ValueError, TypeError) as error:
        raise HistoryError(f"'{path}' is no history of runs that can be used: {error}") from None
    except HistoryError:
        raise
    except RunnerError as error:
        raise HistoryError(str(error)) from None


def _database(path: Path, content: bytes | None) -> sqlite3.Connection:
    """Return the database, in memory; with exactly the tables it should have, as anything could be in the file."""
    database = sqlite3.connect(":memory:")
    try:
        database.execute("PRAGMA trusted_schema = OFF")
        left = iter(range(_WORK_CHECKS))
        database.set_progress_handler(lambda: next(left, None) is None, _MOST_WORK)
        if content is None:
            for statement in _SCHEMA:
                database.execute(statement)
            database.execute(f"PRAGMA user_version = {_VERSION}")
        else:
            database.deserialize(content)
            _check(path, database)
    except BaseException:
        database.close()
        raise
    return database


def _check(path: Path, database: sqlite3.Connection) -> None:
    made = {text for (text,) in database.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")}
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version != _VERSION or made != set(_SCHEMA):
        raise HistoryError(f"'{path}' is no history of runs, or one of another version; remove it")


def _insert(database: sqlite3.Connection, run: Run) -> None:
    entries = run.entries[-MOST_ENTRIES:]
    names = {name: short(name) for name in {entry.name for entry in entries}}
    database.executemany("INSERT OR IGNORE INTO names (name) VALUES (?)", [(name,) for name in names.values()])
    head = (short(run.name), run.revision, run.started, run.ended, run.exit_code)
    made = database.execute(
        "INSERT INTO runs (name, revision, started, ended, exit_code) VALUES (?, ?, ?, ?, ?)", head
    ).lastrowid
    database.executemany(
        "INSERT INTO entries SELECT ?, ?, id, ?, ?, ?, ?, ?, ?, ?, ? FROM names WHERE name = ?",
        [
            (made, one.kind, one.outcome, one.cause, one.exit_code, one.attempts, *_times(one), names[one.name])
            for one in entries
        ],
    )


def _times(one: Entry) -> tuple[float, float, float | None, int | None]:
    return one.started, one.seconds, one.cpu, one.rss


def _bound(database: sqlite3.Connection) -> None:
    """Remove the oldest runs that are too many; the newest stays."""
    counted = database.execute(
        "SELECT runs.id, COUNT(entries.run) FROM runs LEFT JOIN entries ON entries.run = runs.id "
        "GROUP BY runs.id ORDER BY runs.id DESC"
    ).fetchall()
    total = 0
    for number, (run, count) in enumerate(counted):
        total += count
        if number and (number >= MOST_RUNS or total > MOST_ENTRIES):
            database.execute("DELETE FROM runs WHERE id <= ?", (run,))
            database.execute("DELETE FROM entries WHERE run <= ?", (run,))
            database.execute("DELETE FROM names WHERE id NOT IN (SELECT name FROM entries)")
            database.commit()
            database.execute("VACUUM")
            return


def _runs(database: sqlite3.Connection, name: str | None, last: int) -> Iterator[Run]:
    """Yield runs; the columns may have anything in them, so that each is made what it should be."""
    heads = database.execute(
        f"SELECT id, CAST(name AS TEXT), {_real('started')}, {_real('ended')}, CAST(exit_code AS INTEGER), "  # noqa: S608
        "CAST(revision AS TEXT) FROM runs WHERE ?1 IS NULL OR name = ?1 ORDER BY id DESC LIMIT ?2",
        (None if name is None else short(name), last),
    ).fetchall()
    entries: dict[object, list[Entry]] = {head[0]: [] for head in heads}
    rows = database.execute(
        "SELECT run, CAST(kind AS TEXT), CAST(names.name AS TEXT), CAST(outcome AS TEXT), CAST(cause AS TEXT), "  # noqa: S608
        f"CAST(exit_code AS INTEGER), CAST(attempts AS INTEGER), {_real('started')}, {_real('seconds')}, "
        f"CASE WHEN cpu IS NULL THEN NULL ELSE {_real('cpu')} END, CAST(rss AS INTEGER) "
        "FROM entries JOIN names ON names.id = entries.name WHERE run >= ? ORDER BY entries.rowid",
        (heads[-1][0] if heads else 0,),
    )
    for row in rows:
        if row[0] in entries:
            entries[row[0]].append(Entry._make(row[1:]))
    for number, *head in reversed(heads):
        yield Run._make((*head, tuple(entries[number])))


def _real(column: str) -> str:
    return f"MIN(MAX(CAST({column} AS REAL), 0.0), {_LATEST})"


def short(name: str) -> str:
    """Return a name as it is kept: a long one is cut, and told apart from others by a digest."""
    name = name.encode(errors="replace").decode()
    if len(name) <= _LONGEST_NAME:
        return name
    import hashlib  # few names are so long

    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: _LONGEST_NAME - 9]}…{digest}"
