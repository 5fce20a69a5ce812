"""Stores: a directory and a real S3 server do the same, and say in one sentence what they cannot."""

from __future__ import annotations

import hashlib
import io
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from runnerlib._util.http.target import Target
from runnerlib._util.objects import pieces, s3
from runnerlib._util.objects.address import check_address, open_store
from runnerlib._util.objects.contract import ObjectStore, StoreError
from runnerlib._util.objects.pieces import load_pieces, remove_pieces, store_pieces
from runnerlib._util.objects.sigv4 import Credentials, signed
from runnerlib.errors import ConfigError
from tests.looped import assert_each
from tests.s3_server import BUCKET, S3Server, s3_server


def test_objects_are_there_under_their_keys(store: ObjectStore) -> None:
    key = "a/b=c+d_e-f.txt"
    assert store.get(key) is None
    assert store.put(key, b"one")
    assert store.put(key, b"two")
    assert store.put("a.b", b"")
    assert (store.get(key), store.get("a.b")) == (b"two", b"")
    before = time.time()
    found = list(store.entries())
    assert [(one.key, one.size) for one in found] == [("a.b", 0), (key, 3)]
    assert all(abs(one.modified - before) < 60 for one in found)
    assert [one.key for one in store.entries("a/b")] == [key]
    store.delete(key)
    store.delete(key)
    assert [one.key for one in store.entries()] == ["a.b"]
    for wrong in ("", "/a", "a//b", "a/../b", ".a", "a/.b", "a b", "ä", "a" * 1001):
        with pytest.raises(ValueError, match="no key of a store"):
            store.put(wrong, b"")


def test_of_those_that_store_a_new_object_at_a_time_one_does(store: ObjectStore) -> None:
    together, wins = threading.Barrier(6), list[int]()

    def put(number: int) -> None:
        together.wait()
        if store.put("the/one", str(number).encode() * 1000, new=True):
            wins.append(number)

    threads = [threading.Thread(target=put, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = wins
    assert store.get("the/one") == str(winner).encode() * 1000
    assert [one.key for one in store.entries()] == ["the/one"]


def test_what_is_large_travels_in_pieces_with_their_digests(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "SIZE", 1000)
    data = os.urandom(2500)

    def turned(part: bytes, number: int) -> bytes:
        return bytes(byte ^ (number + 1) for byte in part)

    made = store_pieces(store, "big", io.BytesIO(data), turned)
    assert [piece.key for piece in made] == ["big/000000", "big/000001", "big/000002"]
    assert b"".join(load_pieces(store, made, turned)) == data
    assert store.get(made[1].key) == turned(data[1000:2000], 1)
    store.put(made[1].key, data[1000:2000])
    said = f"store '{store.shown}' gives another 'big/000001' than was put there: sha256 "
    with pytest.raises(StoreError, match="^" + said):
        list(load_pieces(store, made, turned))
    store.delete(made[2].key)
    with pytest.raises(StoreError, match=f"^store '{store.shown}' has no 'big/000002'$"):
        list(load_pieces(store, made[2:]))
    remove_pieces(store, made)
    assert list(store.entries()) == []
    assert store_pieces(store, "none", io.BytesIO()) == ()


def failure(work: Callable[[], object]) -> str:
    with pytest.raises((StoreError, ConfigError)) as caught:
        work()
    return str(caught.value)


def test_a_server_that_refuses_is_told_in_one_sentence(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "_POLICY", s3._POLICY._replace(first=0.0))
    address = f"s3://{BUCKET}/x"

    def put(address: str = address, **environ: str) -> str:
        return failure(lambda: open_store(address, server.environ | environ).put("a", b"a"))

    def get(address: str) -> str:
        return failure(lambda: open_store(address, server.environ).get("a"))

    unknown = "store 's3://bucket/x' does not know these credentials"
    assert put(AWS_SECRET_ACCESS_KEY="wrong") == f"{unknown} (SignatureDoesNotMatch)"
    assert put(AWS_ACCESS_KEY_ID="wrong") == f"{unknown} (XAdminUserNotFound)"
    assert put("s3://another") == get("s3://another") == "store 's3://another' is in no bucket that exists"
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nowhere = f"{address}?endpoint=http://127.0.0.1:{closed.getsockname()[1]}"
        assert get(nowhere) == "store 's3://bucket/x' cannot be reached: connection refused"
    assert get(f"{address}?region=eu-west-3").startswith("store 's3://bucket/x' ")


def test_a_store_that_is_full_is_told(tmp_path: Path) -> None:
    with small_disk(tmp_path / "small") as small:
        store = open_store(f"{small}/store", {})
        assert failure(lambda: store.put("a", bytes(4 << 20))) == f"store '{small}/store' is full"
        assert list(store.entries()) == []
        with s3_server(small) as server:
            store = open_store(f"s3://{BUCKET}", server.environ)
            assert failure(lambda: store.put("a", bytes(4 << 20))) == "store 's3://bucket' is full"
            assert store.get("a") is None


@contextmanager
def small_disk(directory: Path) -> Iterator[Path]:
    """A file system of three megabytes; skips the test for who cannot mount one."""
    directory.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(directory)]
    if subprocess.run(words, check=False, capture_output=True).returncode:
        pytest.skip("only root can mount a file system")
    try:
        yield directory
    finally:
        subprocess.run(["umount", "-l", str(directory)], check=True)


def test_clocks_may_differ(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow:
        sleep, monotonic = time.sleep, time.monotonic

        @staticmethod
        def time() -> float:
            return time.time() - 7200

    monkeypatch.setattr(s3, "time", Slow)
    monkeypatch.setattr(s3, "_POLICY", s3._POLICY._replace(first=0.0))
    store = open_store(f"s3://{BUCKET}/clock", server.environ)
    assert store.put("a", b"a")
    assert store.get("a") == b"a"


def test_a_server_that_is_away_for_a_moment_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "_POLICY", s3._POLICY._replace(first=0.0))
    answers = [
        b"",
        b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    ]
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            for answer in answers:
                made, _ = listening.accept()
                with made:
                    made.recv(65536)
                    made.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        environ = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
        address = f"s3://{BUCKET}?endpoint=http://127.0.0.1:{listening.getsockname()[1]}"
        assert open_store(address, environ).get("a") == b"hi"
        thread.join()


def test_a_signature_is_that_of_the_example_of_aws() -> None:
    target = Target("https", "examplebucket.s3.amazonaws.com", 443, "/test.txt")
    who = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    sent = signed("GET", target, {"Range": "bytes=0-9"}, b"", who, "us-east-1", 1369353600.0)
    assert sent["authorization"].endswith("=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")
    assert sent["x-amz-content-sha256"] == hashlib.sha256().hexdigest()
    token = signed("GET", target, {}, b"", who._replace(token="t"), "us-east-1", 1369353600.0)
    assert token["x-amz-security-token"] == "t"
    assert ";x-amz-security-token," in token["authorization"]


def test_addresses_are_checked() -> None:
    def check(address: str, said: str) -> None:
        with pytest.raises(ValueError, match=r"^store ") as caught:
            check_address(address)
        assert said in str(caught.value)

    cases = {
        "relative": "store 'relative' is none; a path, file:///PATH or s3://BUCKET/PREFIX is expected",
        "gs://b": "store 'gs://b' is none;",
        "s3://": "store 's3://' is no s3://BUCKET/PREFIX",
        "s3://key:secret@b": "credentials are in the environment",
        "s3://b/x?endpiont=http://h": "store 's3://b/x' has no option 'endpiont'; did you mean 'endpoint'?",
    }
    assert_each(check, cases.items())
    with pytest.raises(ValueError, match="the endpoint of store 's3://b' is no url of http or https"):
        check_address("s3://b?endpoint=ftp://h")
    for right in ("/srv/x", "file:///srv/x", "s3://b", "s3://b/x/y?region=r&endpoint=https://h:9000"):
        assert check_address(right) == right
    text = "store 's3://b' needs credentials: AWS_SECRET_ACCESS_KEY not in the environment"
    assert failure(lambda: open_store("s3://b", {"AWS_ACCESS_KEY_ID": "k"})) == text
