"""Notifications, as servers of HTTP and mail get them, and servers that do not."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from email import message_from_bytes
from pathlib import Path

import pytest
import trustme
import yaml

from runnerlib.config.notify import Mailbox, Notification, mailbox, notification
from runnerlib.events.result import JobResult, StepResult
from runnerlib.output.notify import sending
from runnerlib.output.notify.message import as_email, as_json, as_slack, message_of
from tests.integration.cli import Done, runnerlib
from tests.output.notify.servers import free_port, hook, mail_server
from tests.output.report import hostile
from tests.output.telemetry.test_metrics import broken
from tests.pages import all_blocks
from tests.source.repository import git

SECRET = "correct-horse-battery"
JOB = """
job:
  name: ci
  steps:
    - {name: good, run: 'echo correct-horse-battery'}
    - {name: bad-correct-horse-battery, run: 'test -e ok', depends_on: good}
    - {name: after, run: 'true'}
"""
RESULT = JobResult("j", 1, "step 's': exit code 1", (StepResult("s", "failure", 1, "exit code 1"),), 0.0, 65.0, "s")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[trustme.CA, Path]:
    made = trustme.CA()
    file = tmp_path_factory.mktemp("ca") / "ca.pem"
    made.cert_pem.write_to_path(str(file))
    return made, file


def run(where: Path, *targets: str, **env: str) -> Done:
    (where / "job.yaml").write_text(JOB)
    given = {"REACTORCIDE_NOTIFY": " ".join(targets), "REACTORCIDE_SECRET_VALUES_LIST": SECRET} | env
    return runnerlib("run", "--job-file", "job.yaml", "--here", cwd=where, **given)


def test_a_webhook_gets_a_signed_message_without_secrets(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "x")
    with hook() as server, hook() as other:
        done = run(tmp_path, server.url, f"success={other.url}", REACTORCIDE_NOTIFY_KEY="a-key-of-hooks")
    assert (done.code, other.got) == (1, [])
    ((path, headers, body),) = server.got
    assert path == "/hook/s3cr3t-path"
    assert headers["Content-Type"] == "application/json"
    signed = hmac.new(b"a-key-of-hooks", headers["X-Runnerlib-Timestamp"].encode() + b"." + body, hashlib.sha256)
    assert headers["X-Runnerlib-Signature-256"] == f"sha256={signed.hexdigest()}"
    assert SECRET.encode() not in body
    said = json.loads(body)
    assert (said["v"], said["type"], said["name"], said["outcome"]) == (1, "job_finished", "ci", "failure")
    assert said["counts"] == {"success": 1, "failure": 1, "cancelled": 0, "skipped": 1}
    assert said["failed"] == [{"name": "bad-[REDACTED]", "exit_code": 1, "reason": "exit code 1"}]
    assert said["about"]["vcs.ref.head.name"] == "main"
    assert re.fullmatch("[0-9a-f]{40}", said["about"]["vcs.ref.head.revision"])


def test_slack_gets_text_in_which_nothing_calls_anybody(tmp_path: Path) -> None:
    with hook() as server:
        assert run(tmp_path, f"always=slack:{server.url}").code == 1
    ((_, headers, body),) = server.got
    assert "X-Runnerlib-Signature-256" not in headers
    text = json.loads(body)["text"]
    assert text.startswith(":x: *ci ")
    assert "failed after" in text
    assert "- bad-[REDACTED]: exit code 1" in text


def test_the_moments(tmp_path: Path) -> None:
    """`changed` is told where the last run ended in another way, and never of a first run."""
    with hook() as always, hook() as success, hook() as changed:
        targets = (f"always={always.url}", f"success={success.url}", f"changed={changed.url}")
        for present in (False, False, True, True):
            if present:
                (tmp_path / "ok").touch()
            assert run(tmp_path, *targets).code == int(not present)
    assert [json.loads(body)["outcome"] for _, _, body in always.got] == ["failure"] * 2 + ["success"] * 2
    assert [json.loads(body)["outcome"] for _, _, body in success.got] == ["success"] * 2
    assert [json.loads(body)["outcome"] for _, _, body in changed.got] == ["success"]


def test_a_workflow_is_told_once_with_its_jobs(tmp_path: Path) -> None:
    (tmp_path / "w.yaml").write_text("jobs: [{name: a, command: 'true'}, {name: b, command: exit 3}]")
    with hook() as server:
        done = runnerlib("run", "--workflow-file", "w.yaml", cwd=tmp_path, REACTORCIDE_NOTIFY=server.url)
    assert done.code == 3
    ((_, _, body),) = server.got
    said = json.loads(body)
    assert (said["type"], said["counts"]["success"], said["counts"]["failure"]) == ("workflow_finished", 1, 1)
    assert [one["name"] for one in said["failed"]] == ["b"]


def test_mail_over_tls_with_a_login(tmp_path: Path, authority: tuple[trustme.CA, Path]) -> None:
    with mail_server(authority[0]) as (box, port):
        done = run(
            tmp_path,
            "mailto:team@example.org,lead@example.org",
            REACTORCIDE_NOTIFY_SMTP=f"smtp://runner:p%20w@127.0.0.1:{port}",
            REACTORCIDE_NOTIFY_FROM="ci@example.org",
            SSL_CERT_FILE=str(authority[1]),
        )
    assert done.code == 1
    assert "was not told" not in done.err + done.out.decode()
    (mail,) = box.got
    assert box.logins == [(b"runner", b"p w")]
    assert (mail["From"], mail["To"]) == ("ci@example.org", "team@example.org, lead@example.org")
    assert re.fullmatch(r"ci(?: on \S+)? failed after .*, exit code 1", mail["Subject"])
    assert "- bad-[REDACTED]: exit code 1" in mail.get_content()


def test_a_password_is_not_sent_in_plain_text() -> None:
    message = as_email(message_of(RESULT, str, {}, workflow=False), "ci@example.org", "team@example.org")
    with mail_server(None) as (box, port):
        said = sending.mail(message, Mailbox("127.0.0.1", port, False, "runner", "p w"))
        assert said == "the server offers no encryption, so it does not get the password"
        assert (box.got, box.logins) == ([], [])
        assert sending.mail(message, Mailbox("127.0.0.1", port, False, "", "")) == ""
        assert len(box.got) == 1


def test_what_a_mail_server_refuses_is_told_on_one_line(
    authority: tuple[trustme.CA, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority[1]))
    message = as_email(message_of(RESULT, str, {}, workflow=False), "ci@example.org", "nobody@example.org")
    with mail_server(authority[0]) as (_, port):
        said = sending.mail(message, Mailbox("127.0.0.1", port, False, "runner", "wrong"))
        assert said == "the mail server: it refuses the login"
        said = sending.mail(message, Mailbox("127.0.0.1", port, False, "runner", "p w"))
    assert said.startswith("the mail server")
    assert said.isprintable()


def test_a_busy_server_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "LIMIT", 600.0)
    monkeypatch.setattr(sending.time, "sleep", lambda seconds: None)
    for answers, said, times in (
        ((503, 429), "", 3),
        ((500, 500, 500), "the answer is 500", 3),
        ((403,), "the answer is 403", 1),
        ((307,), "the answer is 307", 1),  # it might lead anywhere
    ):
        with hook(*answers) as server:
            assert sending.post(server.url, b"{}", None) == said
            assert len(server.got) == times


def test_servers_that_are_none_change_nothing_about_a_run(tmp_path: Path) -> None:
    (tmp_path / "ok").touch()
    closed = free_port()
    with broken(lambda one: one.send(b"hello\n")) as other, hook(404) as missing:
        targets = (f"http://127.0.0.1:{closed}/s3cr3t-path", f"http://127.0.0.1:{other}/s3cr3t-path", missing.url)
        done = run(tmp_path, *(f"always={one}" for one in targets))
    assert done.code == 0
    told = done.err + done.out.decode()
    assert f"webhook 127.0.0.1:{closed} was not told how it ended: no answer: connection refused" in told
    assert f"webhook 127.0.0.1:{other} was not told how it ended: no answer: it does not speak HTTP" in told
    assert "was not told how it ended: the answer is 404" in told
    assert "s3cr3t-path" not in told


def test_the_url_of_a_webhook_is_masked(tmp_path: Path) -> None:
    with hook() as server:
        command = f"echo {server.url[:-6]}''{server.url[-6:]}"
        done = runnerlib("run", "--job-command", command, cwd=tmp_path, REACTORCIDE_NOTIFY=f"always={server.url}")
    assert done.code == 0
    assert server.url not in done.out.decode()
    assert len(server.got) == 1


NONE = "a target is no url of http or https; https://…, slack:https://… or mailto:… is expected"
ADDRESSES = "mailto: is followed by addresses as team@example.org, with commas between them"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", NONE),
        ("ftp://example.org", NONE),
        ("never=https://example.org/x", "unknown moment 'never'"),
        ("failur=https://example.org/x", "unknown moment 'failur'; did you mean 'failure'?"),
        ("mailto:team", ADDRESSES),
        ("mailto:a@example.org%0d%0aBcc: b@example.org", ADDRESSES),
        (
            "http://example.org/x",
            "'example.org' would be told without encryption; https is expected, or allow_insecure",
        ),
    ],
)
def test_targets_that_are_none(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        notification(text)


def test_targets() -> None:
    assert notification("https://e.org/?a=b") == Notification("failure", "webhook", "https://e.org/?a=b")
    assert notification("always=slack:https://e.org/x").shown == "slack e.org"
    assert notification("changed=mailto:a@e.org,b@e.org") == Notification("changed", "email", "a@e.org, b@e.org")
    assert notification("http://e.org/x", insecure=True).kind == "webhook"
    assert mailbox("smtps://a:b%40c@e.org") == Mailbox("e.org", 465, True, "a", "b@c")
    for wrong in ("imap://e.org", "smtp://", "smtp://e.org/x", "smtp://e.org:x"):
        with pytest.raises(ValueError, match="smtps://USER:PASSWORD@HOST"):
            mailbox(wrong)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("mailto:a@e.org", "notify: mail needs a server, notify_smtp: smtps://USER:PASSWORD@HOST"),
        ("changed=http://127.0.0.1:9/x", "notify: 'changed' compares with the run before, so it needs a history"),
        ("http://example.org/s3cr3t", "notify: 'example.org' would be told without encryption"),
        ("never=x", "unknown moment 'never'"),
    ],
)
def test_settings_that_do_not_go_together_are_told_before_a_step(tmp_path: Path, target: str, said: str) -> None:
    done = runnerlib("run", "--job-command", "touch ran", cwd=tmp_path, REACTORCIDE_NOTIFY=target)
    assert done.code == 78
    assert said in done.err
    assert "s3cr3t" not in done.err
    assert not list(tmp_path.rglob("ran"))


def test_hostile_names_are_only_text() -> None:
    for name in hostile.NAMES:
        steps = tuple(StepResult(name, "failure", 1, name) for _ in range(30))
        result = JobResult(name, 1, name, steps, 0.0, 1.0, name)
        message = message_of(result, str, {"vcs.ref.head.name": name}, workflow=False)
        said = json.loads(as_json(message))
        assert len(said["failed"]) == 20
        assert len(as_json(message)) < 200_000
        assert not re.search("[<>]", re.sub("&[a-z]+;", "", json.loads(as_slack(message))["text"]))
        mail = as_email(message, "ci@example.org", "team@example.org")
        assert message_from_bytes(mail.as_bytes()).get_all("To") == ["team@example.org"]
        assert {key.lower() for key in mail} == {
            *("subject", "from", "to", "date", "message-id", "auto-submitted"),
            *("content-type", "content-transfer-encoding", "mime-version"),
        }


def test_what_the_page_shows() -> None:
    (shown,) = all_blocks("yaml notify")
    targets = yaml.safe_load(shown.text)["notify"]
    assert [notification(one).kind for one in targets] == ["webhook", "slack", "email"]
    (shown,) = all_blocks("json message")
    told = json.loads(as_json(message_of(RESULT, str, {"vcs.ref.head.name": "main"}, workflow=False)))
    example = json.loads(shown.text)
    assert list(example) == list(told)
    assert [list(one) for one in example["failed"]] == [list(one) for one in told["failed"]]
    assert list(example["counts"]) == list(told["counts"])
