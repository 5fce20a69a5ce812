"""The client against a coordinator on a real socket, with what can go wrong there."""

from __future__ import annotations

import base64
import json
import socket
import ssl
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import trustme

from runnerlib._util.retry import RetryPolicy
from runnerlib.triggers.coordinator import Coordinator, CoordinatorError, RetryLimits, address
from runnerlib.triggers.coordinator.address import below
from runnerlib.triggers.message import message
from tests.triggers.server import (
    JOB,
    READER,
    TOKEN,
    FakeCoordinator,
    Fault,
    coordinator,
    cut_after,
    cut_before,
    malformed,
    never,
    no_http,
    redirect,
    status,
    trickling,
)

# Without jitter, so that pauses can be compared.
STEADY = RetryPolicy(first=0.5, longest=20.0, jitter=0.0)


class Time:
    """A clock that only a sleep moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def patience(self, **other: Any) -> RetryLimits:
        return RetryLimits(**{"clock": self.clock, "sleep": self.sleep, "backoff": STEADY, **other})


def once() -> RetryLimits:
    """Time for one attempt, and for no second one: its pause would be longer."""
    return Time().patience(total=10.0, backoff=STEADY._replace(first=60.0))


def client(
    server: FakeCoordinator, patience: RetryLimits | None = None, token: str = TOKEN, url: str = ""
) -> Coordinator:
    where = address(url or server.url, insecure=server.scheme == "http")
    return Coordinator(where, token, "REACTORCIDE_API_TOKEN", patience or Time().patience())


def body(*names: str) -> str:
    return message([{"job_name": name} for name in names or ("deploy",)]).encode()


def test_jobs_are_created(server: FakeCoordinator) -> None:
    created = client(server).submit(JOB, body("build", "deploy"))
    assert created == (tuple(job["job_id"] for job in server.jobs), 2, 1)
    assert server.created == ["build", "deploy"]
    (_, headers, _) = server.requests[0]
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    assert headers["Content-Type"] == "application/json"


AGAIN = {
    "500": status(500, {"error": "internal"}),
    "502 from a proxy": status(502, b"<html>Bad Gateway</html>"),
    "503": status(503),
    "504": status(504),
    "429": status(429),
    "408": status(408),
    "cut before": cut_before,
    "cut after": cut_after,
    "malformed": malformed,
    "no http": no_http,
}


@pytest.mark.parametrize("fault", AGAIN.values(), ids=AGAIN)
@pytest.mark.parametrize("times", [1, 3])
def test_what_passes_is_tried_again_with_the_same_message(server: FakeCoordinator, fault: Fault, times: int) -> None:
    server.faults = [fault] * times
    time, text = Time(), body()
    assert client(server, time.patience()).submit(JOB, text).attempts == times + 1
    assert {sent for _, _, sent in server.requests} == {text.encode()}
    assert server.created == ["deploy"]
    assert time.slept == [0.5, 1.0, 2.0][:times]


REFUSED = {
    "400": (status(400, b"Invalid input data"), "the coordinator answered 400", True),
    "401": (
        status(401, {"error": "unauthorized"}),
        "the coordinator answered 401: unauthorized; the token (REACTORCIDE_API_TOKEN) is wrong or has expired",
        True,
    ),
    "403": (
        status(403, {"error": "forbidden"}),
        "the coordinator answered 403: forbidden; the token (REACTORCIDE_API_TOKEN) does not allow it",
        True,
    ),
    "404": (
        status(404),
        "the coordinator answered 404: there is no such job, or the URL is not that of a coordinator",
        True,
    ),
    "200 of somebody else": (status(200, b"<html>log in</html>"), "the coordinator answered 200", False),
    "501": (status(501), "the coordinator answered 501", False),
    "303": (redirect("https://localhost/", 303), "the coordinator answered 303", False),
    "a message with control characters": (
        status(400, {"error": "no\x1b[2J", "message": "one\ntwo"}),
        "the coordinator answered 400: no\\x1b[2J: one two",
        True,
    ),
}


@pytest.mark.parametrize(("fault", "told", "refused"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_is_not_tried_again(server: FakeCoordinator, fault: Fault, told: str, refused: bool) -> None:
    server.faults = [fault]
    with pytest.raises(CoordinatorError) as caught:
        client(server).submit(JOB, body())
    assert (str(caught.value), caught.value.refused) == (told, refused)
    assert len(server.requests) == 1
    assert not server.jobs


def test_a_refusal_after_a_doubtful_attempt_leaves_the_doubt(server: FakeCoordinator) -> None:
    server.faults = [cut_after, status(401)]
    with pytest.raises(CoordinatorError, match="401") as caught:
        client(server).submit(JOB, body())
    assert not caught.value.refused
    assert server.created == ["deploy"]


def test_a_redirect_elsewhere_after_a_doubtful_attempt_leaves_the_doubt(server: FakeCoordinator) -> None:
    server.faults = [cut_after, redirect("https://elsewhere.invalid/")]
    with pytest.raises(CoordinatorError, match="another host") as caught:
        client(server).submit(JOB, body())
    assert not caught.value.refused
    assert server.created == ["deploy"]


def test_it_gives_up_when_the_time_is_over(server: FakeCoordinator) -> None:
    server.faults = [status(503)] * 100
    time = Time()
    with pytest.raises(CoordinatorError, match=r"^the coordinator answered 503 \(4 attempts\)$") as caught:
        client(server, time.patience(total=4.0)).submit(JOB, body())
    assert time.now < 4.0
    assert (caught.value.status, caught.value.refused) == (503, False)


def test_retry_after_is_honoured(server: FakeCoordinator) -> None:
    server.faults = [status(429, Retry_After="7"), status(503, Retry_After="0"), status(503, Retry_After="soon")]
    time = Time()
    client(server, time.patience()).submit(JOB, body())
    assert time.slept == [7.0, 1.0, 2.0]


def test_retry_after_beyond_the_deadline_is_told(server: FakeCoordinator) -> None:
    server.faults = [status(429, Retry_After="3600")]
    with pytest.raises(CoordinatorError, match="429; it asks to wait 3600 s, longer than there is time for") as caught:
        client(server).submit(JOB, body())
    assert caught.value.refused


@pytest.mark.parametrize("fault", [never, trickling])
def test_a_server_that_does_not_finish_costs_the_time_of_an_attempt(server: FakeCoordinator, fault: Fault) -> None:
    server.faults = [fault]
    created = client(server, RetryLimits(attempt=0.4, backoff=RetryPolicy(0.01, 1))).submit(JOB, body())
    assert created.attempts == 2
    assert server.created == ["deploy"]


def test_the_total_time_ends_the_last_attempt(server: FakeCoordinator) -> None:
    server.faults = [never]
    with pytest.raises(
        CoordinatorError, match=r"no answer from 'https://localhost:[0-9]+': it took too long$"
    ) as caught:
        client(server, RetryLimits(total=0.4)).submit(JOB, body())
    assert not caught.value.refused


@pytest.mark.parametrize("code", [301, 302, 307, 308])
def test_a_redirect_on_the_same_host_keeps_the_request(server: FakeCoordinator, code: int) -> None:
    server.faults = [redirect(f"/api/v1/jobs/{JOB}/triggers", code)]
    assert client(server, url=f"{server.url}/old").submit(JOB, body()).attempts == 1
    assert server.created == ["deploy"]
    assert [path for path, _, _ in server.requests] == [
        f"/old/api/v1/jobs/{JOB}/triggers",
        f"/api/v1/jobs/{JOB}/triggers",
    ]


def test_a_redirect_to_http_is_not_followed(server: FakeCoordinator, plain_server: FakeCoordinator) -> None:
    server.faults = [redirect(f"{plain_server.url}/api")]
    with pytest.raises(
        CoordinatorError, match=r"leads to 'http://localhost:[0-9]+/api', which is not encrypted; nothing is sent there"
    ) as caught:
        client(server).submit(JOB, body())
    assert caught.value.refused
    assert not plain_server.requests


def test_the_token_is_sent_to_no_other_host(server: FakeCoordinator, tls: ssl.SSLContext) -> None:
    with coordinator(tls) as other:
        for location in (other.url, f"https://127.0.0.1:{server.server_address[1]}/", "//localhost:1/x"):
            server.faults = [redirect(location)]
            with pytest.raises(CoordinatorError, match=r"to another host, '.*'; the token is not sent there"):
                client(server).submit(JOB, body())
        assert not other.requests
    assert len(server.requests) == 3


def test_redirects_end(server: FakeCoordinator) -> None:
    server.faults = [redirect("/again")] * 10
    with pytest.raises(CoordinatorError, match="more than 5 times"):
        client(server).submit(JOB, body())


def test_a_stranger_behind_tls_gets_nothing(server: FakeCoordinator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(
        CoordinatorError, match=r"its certificate is not trusted .*SSL_CERT_FILE names other authorities"
    ) as caught:
        client(server, once()).submit(JOB, body())
    assert caught.value.refused
    assert not server.requests


def connect_to(server: FakeCoordinator) -> Fault:
    """A proxy: what comes through the tunnel goes to `server`, the next request to this one is answered as usual."""

    def tunnel(handler: Any) -> None:
        host, _, port = handler.path.partition(":")
        assert (host, int(port)) == ("coordinator.example", 443)
        handler.send_response(200)
        handler.end_headers()
        with socket.create_connection(server.server_address) as there:
            pumps = [
                threading.Thread(target=copy, args=ends)
                for ends in ((handler.connection, there), (there, handler.connection))
            ]
            for pump in pumps:
                pump.start()
            for pump in pumps:
                pump.join()
        handler.close_connection = True

    return tunnel


def copy(source: socket.socket, target: socket.socket) -> None:
    """Everything from one socket to another, to the end."""
    while data := source.recv(1 << 16):
        target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def test_a_proxy_is_asked_and_learns_nothing(
    authority: trustme.CA, authority_file: Path, plain_server: FakeCoordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name is looked up by the proxy, TLS goes through it to the end, and the token is sent inside."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority_file))
    monkeypatch.setenv("HTTPS_PROXY", plain_server.url.replace("//", "//me:pr0xy-password@"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("coordinator.example").configure_cert(context)
    with coordinator(context) as server:
        plain_server.faults = [connect_to(server)]
        made = Coordinator(address("https://coordinator.example"), TOKEN, "T", once()).submit(JOB, body())
        assert (made.attempts, server.created) == (1, ["deploy"])
        assert server.requests[0][1]["Host"] == "coordinator.example"
        assert server.requests[0][1]["Authorization"] == f"Bearer {TOKEN}"
        assert "Proxy-Authorization" not in server.requests[0][1]
    ((path, headers, _),) = plain_server.requests
    assert path == "coordinator.example:443"
    assert headers["Proxy-Authorization"] == "Basic " + base64.b64encode(b"me:pr0xy-password").decode()
    assert "Authorization" not in headers


def test_no_proxy_is_asked_for_what_is_excepted(server: FakeCoordinator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://localhost:1")
    monkeypatch.setenv("NO_PROXY", "elsewhere,localhost")
    assert client(server).submit(JOB, body()).jobs == 1


PROXIES = {
    "nobody there": ("http://me:s3cret@localhost:1", r"connection refused \(through the proxy 'http://localhost:1'\)$"),
    "of another kind": (
        "socks5://me:s3cret@localhost:1",
        r"^proxy 'socks5://\*\*\*@localhost:1' is no http://host:port$",
    ),
    "none at all": ("http://me:s3cret@/", r"^proxy 'http://\*\*\*@/' is no http://host:port$"),
    "not found": ("http://proxy.invalid", r"host 'proxy.invalid' cannot be found: .* \(through the proxy"),
}


@pytest.mark.parametrize(("url", "told"), PROXIES.values(), ids=PROXIES)
def test_a_proxy_that_cannot_be_used_is_named(url: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", url)
    with pytest.raises(CoordinatorError, match=told) as caught:
        Coordinator(address("https://coordinator.example"), TOKEN, "T", once()).submit(JOB, body())
    assert caught.value.refused
    assert "s3cret" not in str(caught.value)


def test_a_proxy_that_refuses_is_quoted(plain_server: FakeCoordinator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", plain_server.url)
    plain_server.faults = [lambda handler: handler.send_error(407, "Proxy\x1b Authentication Required")]
    with pytest.raises(CoordinatorError, match=r"the proxy says 407 proxy\\x1b authentication required \(through"):
        Coordinator(address("https://coordinator.example"), TOKEN, "T", once()).submit(JOB, body())


def test_nobody_listens() -> None:
    with coordinator() as gone:
        url = gone.url
    time = Time()
    with pytest.raises(CoordinatorError, match="connection refused") as caught:
        Coordinator(address(url, insecure=True), TOKEN, "T", time.patience(total=4.0)).submit(JOB, body())
    assert caught.value.refused
    assert len(time.slept) == 3


def test_http_has_to_be_allowed(plain_server: FakeCoordinator) -> None:
    with pytest.raises(CoordinatorError, match="is not https, and the token would be readable"):
        address(plain_server.url)
    assert client(plain_server).submit(JOB, body()).jobs == 1


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("ftp://host/", "coordinator_url 'ftp://host/' is no url of http or https"),
        ("coordinator.example", "is no url of http or https"),
        ("https://", "is no url of http or https"),
        ("https://host:port", "is no url of http or https"),
        ("https://[::1", "is no url of http or https"),
        ("https://user:hunter2@host/", "has credentials in it"),
        ("http://user:hunter2@host/", "has credentials in it"),
        ("https://host/a b", "holds characters that must be percent-encoded"),
        ("https://ho st/", "is no url of http or https"),
    ],
)
def test_what_is_no_address(url: str, told: str) -> None:
    with pytest.raises(CoordinatorError, match=told) as caught:
        address(url)
    assert "hunter2" not in str(caught.value)


def test_addresses_are_written_as_they_are_read() -> None:
    for url in ("https://host", "https://host:8443/base", "https://[::1]:1/x?y=z"):
        assert str(address(url)) == url
    assert str(below(address("https://host:443/base/"), "/api")) == "https://host/base/api"


@pytest.mark.parametrize("token", ["", "two words", "line\n", "umlaut-ä", "a\0b"])
def test_what_is_no_token(token: str) -> None:
    with pytest.raises(CoordinatorError, match=r"^THE_TOKEN has characters that no token has") as caught:
        Coordinator(address("https://host"), token, "THE_TOKEN")
    assert not token or token not in str(caught.value)


def test_a_list_of_jobs_comes_in_pages(server: FakeCoordinator) -> None:
    server.jobs = [{"job_id": str(number), "name": "a", "status": "running"} for number in range(20)]
    server.jobs.insert(3, {"job_id": "other", "name": "b", "status": "failed"})
    found = list(client(server, token=READER).jobs(status="running"))
    assert [job["job_id"] for job in found] == [str(number) for number in range(20)]
    assert len(server.requests) == 3


def test_a_token_that_may_not_read_is_an_error(server: FakeCoordinator) -> None:
    with pytest.raises(CoordinatorError, match="403: forbidden: insufficient scope"):
        list(client(server).jobs())


@pytest.mark.parametrize("answer", [{"jobs": "x", "total": 1}, {"jobs": []}])
def test_a_list_that_is_none(server: FakeCoordinator, answer: dict[str, Any]) -> None:
    server.faults = [status(200, answer)]
    with pytest.raises(CoordinatorError, match="list of jobs is not to be understood"):
        list(client(server, token=READER).jobs())


def test_an_answer_without_ids(server: FakeCoordinator) -> None:
    server.faults = [status(201, {"count": 1})]
    with pytest.raises(CoordinatorError, match="not to be understood") as caught:
        client(server).submit(JOB, body())
    assert not caught.value.refused


def test_a_job_id_cannot_leave_its_place_in_the_path(server: FakeCoordinator) -> None:
    server.faults = [status(404)]
    with pytest.raises(CoordinatorError):
        client(server).submit("../../admin?x=1#", body())
    assert server.requests[0][0] == "/api/v1/jobs/..%2F..%2Fadmin%3Fx%3D1%23/triggers"
    assert json.loads(server.requests[0][2])["jobs"] == [{"job_name": "deploy"}]


class TestTheDouble:
    """The coordinator of these tests does what the contract says of the real one."""

    def test_an_operation_is_created_once(self, server: FakeCoordinator) -> None:
        text = body("build", "deploy")
        first, second = (client(server).submit(JOB, text) for _ in range(2))
        assert first == second
        assert server.created == ["build", "deploy"]

    def test_a_job_that_waits_for_no_one_there_is_taken_and_never_created(self, server: FakeCoordinator) -> None:
        jobs = [{"job_name": "deploy", "depends_on": ["nowhere"]}, {"job_name": "tell", "depends_on": ["deploy"]}]
        assert client(server).submit(JOB, message(jobs).encode()) == ((), 0, 1)
        assert client(server).submit(JOB, message([*jobs, {"job_name": "build"}]).encode()).jobs == 1
        assert server.created == ["build"]

    @pytest.mark.parametrize(
        ("job", "refused", "told"),
        [
            ({"job_name": "a", "timeout": "60"}, {}, "the coordinator answered 400"),
            ({"job_name": "a", "job_file": "x"}, {}, "the coordinator answered 400"),
            ({"job_name": "a"}, {"a": 400}, "the coordinator answered 400"),
            ({"job_name": "a"}, {"a": 403}, "the coordinator answered 403: forbidden: more than the parent may"),
            ({"job_name": "a", "env": {"org": "x"}}, {}, "the coordinator answered 500: internal"),
        ],
    )
    def test_one_wrong_job_is_the_end_of_its_message(
        self, job: dict[str, Any], refused: dict[str, int], told: str, server: FakeCoordinator
    ) -> None:
        server.refused = refused
        with pytest.raises(CoordinatorError, match=told):
            client(server, once()).submit(JOB, message([{"job_name": "build"}, job]).encode())
        assert not server.jobs
