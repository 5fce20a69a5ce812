"""The cache: fetched once, shared safely, found damaged and made anew, pruned."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runnerlib.source import Cache, SourceSpec, prepare
from runnerlib.source.git.cache import prune
from runnerlib.source.treefile import seal
from tests.source.git.test_matrix import tree
from tests.source.repository import Origin, git
from tests.source.smart_http import Server

ROOT = Path(__file__).parents[3]
PREPARE = """
import sys
from pathlib import Path
from runnerlib.source import Cache, SourceSpec, prepare
url, ref, cache, target = sys.argv[1:]
prepare(SourceSpec("git", url, ref, cache=Cache(Path(cache))), Path(target), print)
"""


def packs_sent(server: Server) -> int:
    """Count the requests for a pack that the server got: those for refs have no wants in them."""
    return len([body for body in server.bodies if re.search(rb"want [0-9a-f]{40}", body)])


def started(*args: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PREPARE, *map(str, args)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_ten_concurrent_checkouts_fetch_once(engine: str, origin: Origin, server: Server, tmp_path: Path) -> None:
    url = server.url("git/repo")
    prepare(SourceSpec("git", url, "main", cache=Cache(tmp_path / "alone")), tmp_path / "src")
    alone = packs_sent(server)
    assert alone > 0
    runs = [started(url, "main", tmp_path / "cache", tmp_path / f"src{n}") for n in range(10)]
    said = [run.communicate(timeout=120)[0] for run in runs]
    assert [run.returncode for run in runs] == [0] * 10, said
    assert packs_sent(server) == 2 * alone
    assert [git(tmp_path / f"src{n}", "rev-parse", "HEAD") for n in range(10)] == [origin.ids["main"]] * 10


def test_a_commit_by_its_id_needs_no_network_the_second_time(
    engine: str, origin: Origin, server: Server, tmp_path: Path
) -> None:
    spec = SourceSpec("git", server.url("git/repo"), origin.ids["dev"], cache=Cache(tmp_path / "cache"))
    prepare(spec, tmp_path / "src")
    asked = len(server.seen)
    prepare(spec, tmp_path / "src")
    assert len(server.seen) == asked


def test_a_commit_that_is_wanted_again_is_stored(origin: Origin, tmp_path: Path) -> None:
    spec = SourceSpec("git", str(origin.path), cache=Cache(tmp_path / "cache"))
    said = []
    for ref in ("main", "dev", "dev", "dev"):
        lines: list[str] = []
        prepare(spec._replace(ref=ref), tmp_path / "src", lines.append)
        said.append(next(line for line in lines if line.startswith("the work tree is ")))
    near = f"the work tree is a copy of one in the cache, brought here from {origin.ids['main'][:12]}"
    exact = "the work tree is a copy of one in the cache, at this commit"
    assert said == ["the work tree is written from the objects", near, near, exact]


def test_git_need_not_read_what_was_copied(origin: Origin, tmp_path: Path) -> None:
    """An index that is no newer than its files says nothing about them: git would read them all."""
    spec = SourceSpec("git", str(origin.path), "main", cache=Cache(tmp_path / "cache"))
    prepare(spec, tmp_path / "src")
    kept = next((tmp_path / "cache/git").glob("*/trees/*/index")).stat().st_mtime_ns
    prepare(spec, tmp_path / "src")
    assert (tmp_path / "src/.git/index").stat().st_mtime_ns > kept


def spoil_pack(place: Path) -> None:
    pack = next((place / "mirror/objects/pack").glob("*.pack"))
    pack.chmod(0o600)
    pack.write_bytes(pack.read_bytes()[:-30])


def spoil_pack_quietly(place: Path) -> None:
    """Bits change on the disk: neither size nor time tells."""
    shutil.rmtree(place / "trees")
    pack = next((place / "mirror/objects/pack").glob("*.pack"))
    status = pack.stat()
    pack.chmod(0o600)
    data = bytearray(pack.read_bytes())
    for position in range(12, len(data) - 20):
        data[position] ^= 0x55
    pack.write_bytes(data)
    os.utime(pack, ns=(status.st_atime_ns, status.st_mtime_ns))


def lose_index(place: Path) -> None:
    next((place / "mirror/objects/pack").glob("*.idx")).unlink()


def lose_head(place: Path) -> None:
    (place / "mirror/HEAD").unlink()


def lose_state(place: Path) -> None:
    (place / "mirror.json").write_text('{"complete": tr')


def leave_locks(place: Path) -> None:
    for name in ("shallow.lock", "packed-refs.lock", "objects/pack/tmp_pack_XXXX", "refs/runnerlib/wanted.lock"):
        path = place / "mirror" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")


def leave_half_a_tree(place: Path) -> None:
    (place / "trees/.123-0a").mkdir()
    (place / "trees/.123-0a/tree").mkdir()


DAMAGES = [spoil_pack, spoil_pack_quietly, lose_index, lose_head, lose_state, leave_locks, leave_half_a_tree]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damaged_mirror_is_made_anew(
    damage: object, engine: str, origin: Origin, server: Server, tmp_path: Path
) -> None:
    spec = SourceSpec("git", server.url("git/repo"), "main", cache=Cache(tmp_path / "cache"))
    prepare(spec._replace(ref="dev"), tmp_path / "other")
    before = tree(tmp_path / "other")
    damage(next((tmp_path / "cache/git").iterdir()))  # type: ignore[operator]
    for ref in ("main", "dev"):
        prepare(spec._replace(ref=ref), tmp_path / "src")
        assert git(tmp_path / "src", "fsck", "--no-dangling") == ""
    assert tree(tmp_path / "src") == before
    place = next((tmp_path / "cache/git").iterdir())
    assert [path for path in place.rglob("*") if path.name.endswith(".lock") or path.name.startswith("tmp_")] == []
    assert [path for path in (place / "trees").iterdir() if path.name.startswith(".")] == []


def spoil_quietly(path: Path) -> None:
    """The same size and time: only the kernel's change time tells."""
    status = path.stat()
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def change_tree(place: Path) -> None:
    spoil_quietly(place / "tree")


def change_index(place: Path) -> None:
    spoil_quietly(place / "index")


def change_mode(place: Path) -> None:
    (place / "tree").chmod(0o777)


def replace_tree(place: Path) -> None:
    shutil.copy2(place / "tree", place / "other")
    (place / "other").rename(place / "tree")


def link_tree(place: Path) -> None:
    (place / "tree").rename(place / "other")
    (place / "tree").symlink_to("other")


def shorten_tree(place: Path) -> None:
    os.truncate(place / "tree", 100)


def remove_tree(place: Path) -> None:
    (place / "tree").unlink()


def empty_seal(place: Path) -> None:
    (place / "seal").write_text("")


def seal_nonsense(place: Path) -> None:
    """Seal a file that is no tree, which is not believed whatever the seal says."""
    (place / "tree").write_bytes(b"nonsense" * 100)
    (place / "seal").write_text("".join(f"{seal(place / name)}\n" for name in ("tree", "index")))


def leave_an_older_form(place: Path) -> None:
    remove_tree(place)
    (place / "seal").rename(place / "fingerprint")
    (place / "tree").mkdir()


@pytest.mark.parametrize(
    "change",
    [
        *(change_tree, change_index, change_mode, replace_tree, link_tree, shorten_tree, remove_tree, empty_seal),
        *(seal_nonsense, leave_an_older_form),
    ],
    ids=lambda change: change.__name__,
)
def test_a_tree_that_was_touched_is_never_used(change: object, origin: Origin, tmp_path: Path) -> None:
    spec = SourceSpec("git", str(origin.path), "main", cache=Cache(tmp_path / "cache"))
    prepare(spec, tmp_path / "src")
    before = tree(tmp_path / "src")
    change(next((tmp_path / "cache/git").glob("*/trees/*")))  # type: ignore[operator]
    lines: list[str] = []
    prepare(spec, tmp_path / "src", lines.append)
    assert tree(tmp_path / "src") == before
    assert "the work tree is written from the objects" in lines


def test_nothing_a_job_can_reach_is_shared(origin: Origin, tmp_path: Path) -> None:
    spec = SourceSpec("git", str(origin.path), "main", cache=Cache(tmp_path / "cache"))
    for _ in range(2):
        prepare(spec, tmp_path / "src")
        inodes = {path.lstat().st_ino for path in (tmp_path / "cache").rglob("*")}
        assert not [path for path in (tmp_path / "src").rglob("*") if path.lstat().st_ino in inodes]
        assert not list((tmp_path / "src").rglob("alternates"))
    assert (tmp_path / "cache/git").stat().st_mode & 0o777 == 0o700


def test_no_credential_is_in_the_cache(server: Server, tmp_path: Path) -> None:
    from tests.source.smart_http import QUOTED, TOKEN

    prepare(
        SourceSpec("git", server.url("auth/repo", f"me:{QUOTED}"), cache=Cache(tmp_path / "cache")), tmp_path / "src"
    )
    everything = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert TOKEN.encode() not in everything
    assert QUOTED.encode() not in everything


def test_prune_by_age_and_size(origin: Origin, tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        shutil.copytree(origin.path.parent / "bare.git", tmp_path / name)
        prepare(SourceSpec("git", str(tmp_path / name), cache=Cache(tmp_path / "cache")), tmp_path / "src")
    places = {path.name.split("-")[0]: path for path in (tmp_path / "cache/git").iterdir()}
    now = time.time()
    for name, age in (("one", 1000), ("two", 500), ("three", 0)):
        os.utime(places[name], (now - age, now - age))
    cache = Cache(tmp_path / "cache")
    assert prune(cache, now) == []
    assert prune(cache._replace(age=900), now) == [places["one"].name]
    assert prune(cache._replace(size=1), now) == [places["two"].name]
    assert [path.name for path in (tmp_path / "cache/git").iterdir()] == [places["three"].name]


def test_a_place_in_use_is_not_pruned(origin: Origin, tmp_path: Path) -> None:
    from runnerlib.source.git.cache import entry

    cache = Cache(tmp_path / "cache", age=0)
    prepare(SourceSpec("git", str(origin.path), cache=cache._replace(age=9)), tmp_path / "src")
    place = entry(cache, str(origin.path))
    with place.locked(lambda _: None):
        assert prune(cache, time.time() + 10) == []
    assert prune(cache, time.time() + 10) == [place.place.name]


@pytest.mark.parametrize("spoil", ["others can write", "a file"])
def test_a_cache_that_cannot_be_used_stops_nobody(spoil: str, origin: Origin, tmp_path: Path) -> None:
    if spoil == "a file":
        (tmp_path / "cache").write_text("")
    else:
        (tmp_path / "cache/git").mkdir(parents=True)
        (tmp_path / "cache/git").chmod(0o777)
    lines: list[str] = []
    prepare(SourceSpec("git", str(origin.path), cache=Cache(tmp_path / "cache")), tmp_path / "src", lines.append)
    assert [line for line in lines if line.startswith("going on without a cache: ")]


def test_a_mirror_of_many_packs_becomes_one(engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from runnerlib.source.git import mirror
    from tests.source.repository import commit
    from tests.source.smart_http import serving

    monkeypatch.setattr(mirror, "_MOST_PACKS", 3)
    repo = tmp_path / "repo"
    git(tmp_path, "init", "-q", "-b", "main", "repo")
    lines: list[str] = []
    with serving(tmp_path) as server:
        spec = SourceSpec("git", server.url("git/repo"), cache=Cache(tmp_path / "cache"))
        for number in range(6):
            wanted = commit(repo, f"{number}")
            made = prepare(spec, tmp_path / "src", lines.append)
            assert made is not None
            assert made.revision == wanted
            assert git(tmp_path / "src", "fsck", "--no-dangling") == ""
    assert "the mirror in the cache has become many small packs; they are made one" in lines
    assert len(list((tmp_path / "cache/git").glob("*/mirror/objects/pack/*.pack"))) <= 4


@pytest.mark.parametrize(("first", "second"), [(0o022, 0o077), (0o077, 0o022)])
def test_a_tree_is_as_open_as_the_umask_says(first: int, second: int, origin: Origin, tmp_path: Path) -> None:
    """Not as it was when it was stored."""
    found = []
    before = os.umask(first)
    try:
        for number, mask in enumerate((first, second, second)):
            os.umask(mask)
            target = tmp_path / f"src{number}"
            prepare(SourceSpec("git", str(origin.path), None, (), Cache(tmp_path / "cache")), target)
            found.append({path.stat().st_mode & 0o777 for path in target.iterdir() if path.name != ".git"})
    finally:
        os.umask(before)
    for mask, modes in zip((first, second, second), found, strict=True):
        assert modes <= {0o777 & ~mask, 0o666 & ~mask}


def test_what_is_broken_in_another_entry_harms_no_checkout(origin: Origin, tmp_path: Path) -> None:
    """Links to nowhere and in a circle, files and directories for each other: sizes are asked after each checkout."""
    kept = Cache(tmp_path / "cache", size=1)
    spec = SourceSpec("git", str(origin.path), None, (), kept)
    prepare(spec, tmp_path / "src")
    other = tmp_path / "cache/git/other-0123"
    (other / "mirror/objects/pack").mkdir(parents=True)
    (other / "mirror/objects/pack/pack-x.pack").symlink_to("nowhere")
    (other / "trees/x").mkdir(parents=True)
    (other / "trees/x/tree").symlink_to("tree")
    (tmp_path / "cache/git/circle").symlink_to("circle")
    (tmp_path / "cache/git/a file").write_text("x")
    (tmp_path / "cache/git/locked-1/lock").mkdir(parents=True)
    prepare(spec, tmp_path / "src")
    assert (tmp_path / "src/.git").is_dir()
