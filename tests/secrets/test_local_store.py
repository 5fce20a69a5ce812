"""The encrypted store: its format, computed here from its description alone; changes that are whole or not made."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import signal
import stat
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runnerlib.errors import ConfigError
from runnerlib.secrets import local_store as store
from tests.tools import tool

PASSWORD = "correct horse"
CHEAP = 2**4


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys that cost nothing: what is tested is something else."""
    monkeypatch.setattr(store, "SCRYPT_N", CHEAP)


def openssl(key: bytes, iv: bytes, data: bytes, *flags: str) -> bytes:
    done = subprocess.run(
        [tool("openssl"), "enc", "-aes-128-cbc", "-K", key.hex(), "-iv", iv.hex(), *flags],
        input=data, capture_output=True, check=True,
    )  # fmt: skip
    return done.stdout


@cache
def key_of(password: str, salt: bytes, n: int) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=n, r=8, p=1, maxmem=2**29, dklen=32)


def token_of(password: str, salt: bytes, content: bytes, n: int, iv: bytes = bytes(range(16))) -> bytes:
    """The bytes of `secrets.enc`, from the description of Fernet: version, time, IV, AES-128-CBC, HMAC-SHA256."""
    key = key_of(password, salt, n)
    body = b"\x80" + struct.pack(">Q", 1_700_000_000) + iv + openssl(key[16:], iv, content)
    return body + hmac.digest(key[:16], body, "sha256")


def content_of(password: str, salt: bytes, token: bytes, n: int) -> bytes:
    key = key_of(password, salt, n)
    body, mac = token[:-32], token[-32:]
    assert body[:1] == b"\x80"
    assert hmac.compare_digest(mac, hmac.digest(key[:16], body, "sha256"))
    return openssl(key[16:], body[9:25], body[25:], "-d")


def test_a_store_of_reactorcides_command_line_with_its_real_costs(tmp_path: Path) -> None:
    salt = bytes(range(32))
    (tmp_path / ".salt").write_bytes(salt)
    token = token_of(PASSWORD, salt, b'{\n  "ci/deploy": {\n    "token": "h\\u00fcnter2"\n  }\n}', 2**18)
    (tmp_path / "secrets.enc").write_bytes(token)
    assert store.secret_get("ci/deploy", "token", PASSWORD, tmp_path) == "hünter2"
    store.secret_set("db", "password", "swordfish", PASSWORD, tmp_path)
    written = (tmp_path / "secrets.enc").read_bytes()
    assert json.loads(content_of(PASSWORD, salt, written, 2**18)) == {
        "ci/deploy": {"token": "hünter2"},
        "db": {"password": "swordfish"},
    }


@pytest.mark.parametrize("as_text", [False, True], ids=["bytes", "base64 text"])
def test_both_ways_to_write_a_token_are_read_and_kept(tmp_path: Path, cheap: None, as_text: bool) -> None:
    salt = os.urandom(32)
    (tmp_path / ".salt").write_bytes(salt)
    token = token_of(PASSWORD, salt, b'{"a": {"b": "c"}}', CHEAP)
    (tmp_path / "secrets.enc").write_bytes(base64.urlsafe_b64encode(token) if as_text else token)
    assert store.secret_delete("a", "b", PASSWORD, tmp_path)
    written = (tmp_path / "secrets.enc").read_bytes()
    assert written.startswith(b"\x80") != as_text
    raw = base64.urlsafe_b64decode(written) if as_text else written
    assert json.loads(content_of(PASSWORD, salt, raw, CHEAP)) == {}


def test_a_new_store_is_one_of_reactorcides_command_line(tmp_path: Path, cheap: None) -> None:
    base = tmp_path / "new" / "store"
    store.secrets_init(PASSWORD, base)
    salt = (base / ".salt").read_bytes()
    assert len(salt) == store.SALT_SIZE == 32
    assert json.loads(content_of(PASSWORD, salt, (base / "secrets.enc").read_bytes(), CHEAP)) == {}
    assert stat.S_IMODE(base.stat().st_mode) == 0o700
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in base.iterdir()} == {
        ".salt": 0o600,
        ".lock": 0o600,
        "secrets.enc": 0o600,
    }


def test_the_costs_are_those_of_the_format() -> None:
    assert (store.SCRYPT_N, store.SCRYPT_R, store.SCRYPT_P) == (2**18, 8, 1)


NAMES = st.from_regex(r"[a-zA-Z0-9/_-]{1,5}", fullmatch=True)
OPERATIONS = st.one_of(
    st.tuples(st.just("set"), NAMES, st.sampled_from("kK_"), st.text(max_size=9)),
    st.tuples(st.just("delete"), NAMES, st.sampled_from("kK_"), st.just("")),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(OPERATIONS, max_size=6))
def test_it_does_what_a_dictionary_does(
    tmp_path_factory: pytest.TempPathFactory, operations: list[tuple[str, ...]]
) -> None:
    base = tmp_path_factory.mktemp("store")
    model: dict[str, dict[str, str]] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "SCRYPT_N", CHEAP)
        for operation, path, key, value in operations:
            if operation == "set":
                store.secret_set(path, key, value, PASSWORD, base)
                model.setdefault(path, {})[key] = value
            else:
                assert store.secret_delete(path, key, PASSWORD, base) == (key in model.get(path, {}))
                model.get(path, {}).pop(key, None)
                model = {name: keys for name, keys in model.items() if keys}
            assert store.secret_get(path, key, PASSWORD, base) == model.get(path, {}).get(key)
            assert sorted(store.secret_list_keys(path, PASSWORD, base)) == sorted(model.get(path, {}))
        assert sorted(store.secret_list_paths(PASSWORD, base)) == sorted(model)
        assert store.load_all(PASSWORD, base) == model


class TestMistakes:
    """A mistake is reported in one sentence, and nothing is changed."""

    def test_a_wrong_password(self, tmp_path: Path, cheap: None) -> None:
        store.secret_set("a", "b", "hunter2", PASSWORD, tmp_path)
        before = (tmp_path / "secrets.enc").read_bytes()
        calls = [
            lambda: store.secret_get("a", "b", "wrong", tmp_path),
            lambda: store.secret_set("a", "b", "x", "wrong", tmp_path),
            lambda: store.secret_delete("a", "b", "wrong", tmp_path),
        ]
        for call in calls:
            with pytest.raises(
                store.SecretStoreError, match=r"the password is wrong, or the secret store '.*' is damaged"
            ):
                call()
        assert (tmp_path / "secrets.enc").read_bytes() == before

    @pytest.mark.parametrize("damage", [b"", b"\x80", b"garbage", b"\x80" + b"x" * 100, "ä".encode()])
    def test_a_damaged_store(self, tmp_path: Path, cheap: None, damage: bytes) -> None:
        store.secrets_init(PASSWORD, tmp_path)
        (tmp_path / "secrets.enc").write_bytes(damage)
        with pytest.raises(store.SecretStoreError, match="is damaged"):
            store.load_all(PASSWORD, tmp_path)

    @pytest.mark.parametrize("content", [[], {"a": "b"}, {"a": {"b": 5}}, "x"])
    def test_something_else_in_it(self, tmp_path: Path, cheap: None, content: object) -> None:
        token = store.get_fernet(PASSWORD, tmp_path).encrypt(json.dumps(content).encode())
        (tmp_path / "secrets.enc").write_bytes(token)
        with pytest.raises(store.SecretStoreError, match="holds something else than secrets"):
            store.load_all(PASSWORD, tmp_path)

    @pytest.mark.parametrize(
        ("path", "key"), [("", "k"), ("a b", "k"), ("../x", "k"), ("a\n", "k"), ("a", "k/"), ("a", "")]
    )
    def test_no_path_or_key(self, tmp_path: Path, path: str, key: str) -> None:
        with pytest.raises(store.SecretStoreError, match=r"is no (path|key) of a secret"):
            store.secret_set(path, key, "x", PASSWORD, tmp_path)
        assert list(tmp_path.iterdir()) == []

    def test_an_empty_password(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="the password of the secret store is empty"):
            store.secrets_init("", tmp_path)

    def test_a_second_init(self, tmp_path: Path, cheap: None) -> None:
        store.secret_set("a", "b", "c", PASSWORD, tmp_path)
        with pytest.raises(ValueError, match=r"there is a secret store in '.*' already"):
            store.secrets_init(PASSWORD, tmp_path)
        assert store.secret_get("a", "b", PASSWORD, tmp_path) == "c"
        store.secrets_init("another", tmp_path, force=True)
        assert store.load_all("another", tmp_path) == {}
        (tmp_path / "secrets.enc.old").rename(tmp_path / "secrets.enc")
        assert store.secret_get("a", "b", PASSWORD, tmp_path) == "c"

    def test_a_place_that_cannot_be(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(store.SecretStoreError, match="cannot use the secret store"):
            store.secret_set("a", "b", "c", PASSWORD, tmp_path / "file")


class TestWhere:
    """The directory of the store."""

    def test_xdg_then_home(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", "/home/x")
        monkeypatch.setenv("XDG_CONFIG_HOME", "/cfg")
        assert store.get_default_base_path() == Path("/cfg/reactorcide/secrets")
        monkeypatch.setenv("XDG_CONFIG_HOME", "")
        assert store.get_default_base_path() == Path("/home/x/.config/reactorcide/secrets")

    def test_is_initialized(self, tmp_path: Path, cheap: None, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
        assert not store.is_initialized()
        store.secrets_init(PASSWORD)
        assert store.is_initialized()
        assert (tmp_path / "reactorcide/secrets/secrets.enc").exists()


def test_the_key_is_derived_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    derived = []

    def scrypt(password: bytes, **options: object) -> bytes:
        derived.append(password)
        return bytes(32)

    monkeypatch.setattr(store.hashlib, "scrypt", scrypt)
    for number in range(3):
        store.secret_set("a", str(number), "x", "a password of this test only", tmp_path)
        store.secret_get("a", str(number), "a password of this test only", tmp_path)
    assert derived == [b"a password of this test only"]


def test_threads_lose_nothing(tmp_path: Path, cheap: None) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: store.secret_set(f"p{n % 3}", f"k{n}", str(n), PASSWORD, tmp_path), range(40)))
    found = store.load_all(PASSWORD, tmp_path)
    assert {key: value for keys in found.values() for key, value in keys.items()} == {
        f"k{n}": str(n) for n in range(40)
    }


WRITER = """
import sys
from pathlib import Path
from runnerlib.secrets import local_store as store
store.SCRYPT_N = 2**4
base, name, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
for number in range(count):
    store.secret_set("path", f"{name}{number}", "x" * 5000, "correct horse", base)
    print(number, flush=True)
"""


def writer(base: Path, name: str, count: int) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-c", WRITER, str(base), name, str(count)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE)


def test_processes_lose_nothing(tmp_path: Path, cheap: None) -> None:
    """They begin without a store: its salt is made once."""
    writers = [writer(tmp_path, name, 10) for name in "abc"]
    for each in writers:
        each.communicate()
        assert each.returncode == 0
    assert len(store.secret_list_keys("path", PASSWORD, tmp_path)) == 30


@pytest.mark.parametrize("seen", [1, 7, 20])
def test_a_writer_that_is_killed_leaves_a_whole_store_and_no_rubbish(tmp_path: Path, cheap: None, seen: int) -> None:
    """`kill -9` at any moment: what was acknowledged is there."""
    process = writer(tmp_path, "k", 10_000)
    assert process.stdout
    with process.stdout as lines:
        for _ in range(seen):
            last = int(lines.readline())
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        last = max([last, *(int(line) for line in lines.read().split())])
    keys = store.secret_list_keys("path", PASSWORD, tmp_path)
    assert [f"k{number}" for number in range(last + 1)] == keys[: last + 1]
    assert len(keys) <= last + 2
    store.secret_set("after", "k", "v", PASSWORD, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", ".salt", "secrets.enc"]


def test_what_a_killed_writer_left_is_removed(tmp_path: Path, cheap: None) -> None:
    store.secrets_init(PASSWORD, tmp_path)
    (tmp_path / "secrets.enc.new").write_bytes(b"half")
    store.secret_set("a", "b", "c", PASSWORD, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", ".salt", "secrets.enc"]


def test_nothing_readable_is_written(tmp_path: Path, cheap: None) -> None:
    store.secret_set("visible/path", "visible-key", "hunter2-hunter2", PASSWORD, tmp_path)
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    for text in (b"hunter2", b"visible", PASSWORD.encode()):
        assert text not in written
        assert base64.b64encode(text)[:-2] not in written
