"""The built-in providers of secrets: what they give, and what they do with requests that are hostile."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runnerlib.config import resolve
from runnerlib.errors import ConfigError
from runnerlib.secrets import local_store as secrets_local
from runnerlib.secrets.lookup import SecretResolver
from runnerlib.secrets.providers.env import variable


def find(provider: str, path: str, key: str, environ: dict[str, str] | None = None, **options: object) -> str | None:
    resolved = resolve({"secret_providers": provider, **options}, {})
    return SecretResolver().find(path, key, resolved, {"PATH": os.environ["PATH"], **(environ or {})})


class TestEnv:
    """Variables of the runner."""

    def test_the_name(self) -> None:
        assert variable("db/prod", "pass-word") == "SECRET_DB_PROD__PASS_WORD"

    def test_the_value(self) -> None:
        assert find("env", "db", "p", {"SECRET_DB__P": "x"}) == "x"
        assert find("env", "db", "q", {"SECRET_DB__P": "x"}) is None

    @given(st.from_regex(r"[a-zA-Z0-9/_-]+", fullmatch=True), st.from_regex(r"[a-zA-Z0-9_-]+", fullmatch=True))
    def test_no_reference_names_a_setting(self, path: str, key: str) -> None:
        assert variable(path, key).isascii()
        assert variable(path, key).startswith("SECRET_")
        assert "__" in variable(path, key)


class TestFile:
    """A directory with a file for each secret."""

    @pytest.fixture(autouse=True)
    def directory(self, tmp_path: Path) -> Path:
        directory = tmp_path / "secrets"
        (directory / "db/prod").mkdir(parents=True)
        (tmp_path / "outside").write_text("hunter2")
        return directory

    @pytest.mark.parametrize(
        ("content", "value"),
        [
            (b"x", "x"),
            (b"x\n", "x"),
            (b"x\r\n", "x"),
            (b"x\n\n", "x\n"),
            (b"", ""),
            (b" x ", " x "),
            (b"\xff", "\udcff"),
        ],
    )
    def test_the_value(self, directory: Path, content: bytes, value: str) -> None:
        (directory / "db/prod/password").write_bytes(content)
        assert find("file", "db/prod", "password", secret_dir=str(directory)) == value

    def test_links_are_followed(self, directory: Path) -> None:
        """Kubernetes makes such ones."""
        (directory / "..data").mkdir()
        (directory / "..data/password").write_text("x")
        (directory / "db/password").symlink_to("../..data/password")
        assert find("file", "db", "password", secret_dir=str(directory)) == "x"

    @pytest.mark.parametrize("path", ["none", "db/none", "db/prod/none/more"])
    def test_none(self, directory: Path, path: str) -> None:
        assert find("file", path, "password", secret_dir=str(directory)) is None

    @pytest.mark.parametrize("path", ["/etc", "/", "db/", "//db", "db//prod"])
    def test_no_path_leads_out(self, directory: Path, path: str) -> None:
        with pytest.raises(ConfigError, match="neither begins nor ends with '/'"):
            find("file", path, "hostname", secret_dir=str(directory))

    def test_what_is_no_file(self, directory: Path) -> None:
        with pytest.raises(ConfigError, match="is no regular file"):
            find("file", "db", "prod", secret_dir=str(directory))
        os.mkfifo(directory / "db/pipe")
        with pytest.raises(ConfigError, match=r"secret 'db:pipe'.*is no regular file"):
            find("file", "db", "pipe", secret_dir=str(directory))

    def test_a_huge_one(self, directory: Path) -> None:
        (directory / "db/huge").write_bytes(bytes(1 << 21))
        with pytest.raises(ConfigError, match="has more than 1 MiB"):
            find("file", "db", "huge", secret_dir=str(directory))


class TestLocal:
    """The store of this machine."""

    @pytest.fixture(autouse=True)
    def store(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
        monkeypatch.setattr(secrets_local, "SCRYPT_N", 2**4)

    def test_the_value(self) -> None:
        secrets_local.secret_set("a", "b", "hunter2", "pw")
        environ = {"REACTORCIDE_SECRETS_PASSWORD": "pw"}
        assert find("local", "a", "b", environ) == "hunter2"
        assert find("local", "a", "c", environ) is None

    def test_no_store(self) -> None:
        with pytest.raises(
            ConfigError, match=r"there is no secret store in '.*'; make one with 'runnerlib secrets init'"
        ):
            find("local", "a", "b")
        assert find("local,env", "a", "b", {"SECRET_A__B": "x"}) == "x"

    @pytest.mark.parametrize("environ", [{}, {"REACTORCIDE_SECRETS_PASSWORD": ""}])
    def test_no_password(self, environ: dict[str, str]) -> None:
        secrets_local.secret_set("a", "b", "hunter2", "pw")
        with pytest.raises(ConfigError, match="needs its password: set REACTORCIDE_SECRETS_PASSWORD"):
            find("local", "a", "b", environ)

    def test_the_password_is_asked_for_once(self) -> None:
        secrets_local.secret_set("a", "b", "1", "pw")
        secrets_local.secret_set("a", "c", "2", "pw")
        asked = []
        lookup = SecretResolver(lambda: asked.append(1) or "pw")
        resolved = resolve({}, {})
        assert [lookup.find("a", key, resolved, {}) for key in "bcbd"] == ["1", "2", "1", None]
        assert asked == [1]
        assert set(lookup.values) == {"1", "2", "pw"}

    def test_a_wrong_password_is_an_error_even_if_others_could_be_asked(self) -> None:
        secrets_local.secret_set("a", "b", "hunter2", "pw")
        with pytest.raises(ConfigError, match="the password is wrong"):
            find("local,env", "a", "b", {"REACTORCIDE_SECRETS_PASSWORD": "pv", "SECRET_A__B": "x"})


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code, "{path}", "{key}")


class TestCommand:
    """A program that prints the value."""

    def test_the_words_are_words(self) -> None:
        """Without a shell: nothing in them is run."""
        code = "import sys; print(sys.argv[1:])"
        command = (*python(code), "a {path}/{key};$(echo x)", "{other}")
        assert find("command", "p/q", "k", secret_command=command) == ("['p/q', 'k', 'a p/q/k;$(echo x)', '{other}']")

    def test_a_text_is_split_as_a_shell_does(self) -> None:
        assert find("command", "p", "k", secret_command="printf '%s|%s' {path} 'a b'") == "p|a b"

    def test_a_path_that_holds_the_other_placeholder(self) -> None:
        assert find("command", "p", "k", secret_command=("printf", "%s", "{path}{key}")) == "pk"

    @pytest.mark.parametrize(("path", "key"), [("-field=x", "k"), ("--", "k"), ("p", "-v")])
    def test_no_reference_becomes_an_option(self, path: str, key: str, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="would be an option of the command"):
            find("command", path, key, secret_command=("touch", str(tmp_path / "ran")))
        assert not (tmp_path / "ran").exists()

    def test_what_it_says_is_not_shown(self, capfd: pytest.CaptureFixture[str]) -> None:
        code = "import sys; print('hunter2'); print('hunter2', file=sys.stderr); sys.exit(3)"
        with pytest.raises(ConfigError) as caught:
            find("command", "p", "k", secret_command=python(code))
        assert str(caught.value) == f"secret 'p:k': '{sys.executable}' failed with exit code 3"
        assert capfd.readouterr() == ("", "")

    def test_a_signal(self) -> None:
        with pytest.raises(ConfigError, match="failed with signal 9"):
            find("command", "p", "k", secret_command=python("import os; os.kill(os.getpid(), 9)"))

    @pytest.mark.parametrize(
        "code",
        [
            "import time; time.sleep(100)",
            "import os, time\nos.close(1)\ntime.sleep(100)",
            "import signal, time\nsignal.signal(15, signal.SIG_IGN)\nprint('x', flush=True)\ntime.sleep(100)",
            # A daemon that keeps the pipe open, in a session of its own.
            "import os, time\nif not os.fork():\n  os.setsid()\n  time.sleep(2)",
        ],
    )
    def test_one_that_hangs(self, code: str) -> None:
        with pytest.raises(ConfigError, match=r"secret 'p:k': '.*' took more than 0.5 seconds"):
            find("command", "p", "k", secret_command=python(code), secret_timeout="0.5")

    def test_one_that_never_stops_printing(self) -> None:
        with pytest.raises(ConfigError, match="printed more than 1 MiB"):
            find("command", "p", "k", secret_command=("yes",))

    def test_one_that_is_not_there(self) -> None:
        with pytest.raises(ConfigError, match="cannot execute 'nosuch-program': No such file"):
            find("command", "p", "k", secret_command="nosuch-program {path}")

    def test_none_is_given(self) -> None:
        with pytest.raises(ConfigError, match="needs secret_command"):
            find("command", "p", "k")

    def test_what_it_gets(self) -> None:
        """The environment of the runner, but not the password of another store; no input; no terminal of ours."""
        code = (
            "import os, sys; print([os.environ.get('VAULT_ADDR'), os.environ.get('REACTORCIDE_SECRETS_PASSWORD'),"
            "sys.stdin.read(), os.getpid() == os.getsid(0)])"
        )
        environ = {"VAULT_ADDR": "v", "REACTORCIDE_SECRETS_PASSWORD": "pw"}
        assert find("command", "p", "k", environ, secret_command=python(code)) == "['v', None, '', True]"
