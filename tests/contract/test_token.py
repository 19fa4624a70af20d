"""`token`: what other programs get, from where, and what they never get."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.contract.signing_in import HOUR, KEY, SECOND, accept, login_of, sign_in
from tests.fake_proxy import FakeProxy
from tests.logins import json_web_token

# What `token` may not import, since it takes longer than all the rest.
HEAVY = (
    *("requests", "urllib3", "keyring", "filelock", "tomlkit", "google", "truststore", "platformdirs", "wcwidth"),
    *("importlib.metadata", "ssl", "socket", "concurrent.futures", "subprocess", "shlex", "csv"),
)


@pytest.fixture
def signed_in(run: Run, fake: FakeProxy) -> FakeProxy:
    """A proxy that the default profile is signed in to with a key, and that is not to be asked any more."""
    accept(fake)
    sign_in(run, fake)
    fake.requests.clear()
    return fake


# What is printed


def test_the_token_and_a_newline_and_nothing_else(run: Run, signed_in: FakeProxy) -> None:
    for terminal in (False, True):
        result = run("token", terminal=terminal)
        assert (result, result.stderr) == (f"{KEY}\n", "")
    assert run("auth", "token") == f"{KEY}\n"
    assert signed_in.requests == []


def test_the_bytes_are_the_same_through_a_pipe(env: dict[str, str], signed_in: FakeProxy) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "litellmctl", "token"],
        env={**env, "PYTHONUTF8": "0", "LC_ALL": "C"},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{KEY}\n".encode(), b"")


def test_the_whole_header_line(run: Run, signed_in: FakeProxy) -> None:
    assert run("token", "--header") == f"Authorization: Bearer {KEY}\n"
    assert run("token", "--header", "--json").json["token"] == f"Authorization: Bearer {KEY}"
    run("config", "set", "key_header", "x-litellm-api-key")
    assert run("token", "--header") == f"x-litellm-api-key: {KEY}\n"
    run("config", "set", "key_header", "authorization")
    assert run("token", "--header") == f"authorization: Bearer {KEY}\n"


def test_json_has_the_documented_keys(run: Run, fake: FakeProxy) -> None:
    accept(fake)
    ends = int(time.time()) + HOUR
    token = json_web_token(exp=ends)
    sign_in(run, fake, key=token)
    result = run("token", "--json")
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ends))
    assert list(result.json) == ["token", "expires_at", "base_url"]
    assert result.json == {"token": token, "expires_at": moment, "base_url": fake.url}
    assert len(result.splitlines()) == 1


def test_every_format(run: Run, signed_in: FakeProxy) -> None:
    assert run("token", "-o", "tsv") == f"{KEY}\n"
    assert run("token", "-o", "table") == f"{KEY}\n"
    assert run("token", "-o", "csv") == f"token,expires_at,base_url\n{KEY},,{signed_in.url}\n"
    assert json.loads(run("token", "-o", "json"))["expires_at"] is None
    assert run("token", "--fields", "base_url") == f"{signed_in.url}\n"
    assert run("token", "--fields", "base_url,token") == f"{signed_in.url}\t{KEY}\n"


def test_a_token_as_long_as_they_come_is_whole(run: Run, fake: FakeProxy) -> None:
    accept(fake)
    token = "litellm_login_" + "0123456789abcdef" * 3000
    sign_in(run, fake, key=token)
    assert run("token", terminal=True) == f"{token}\n"
    assert run("token") == f"{token}\n"


# Where it is from


def test_every_source_has_a_token(run: Run, signed_in: FakeProxy, env: dict[str, str]) -> None:
    env.update(
        {"LITELLM_BASE_URL": signed_in.url, "LITELLM_API_KEY": "sk-env", "LITELLM_API_KEY_HELPER": "echo sk-helper"}
    )
    env["MY_KEY"] = "sk-config"
    run("config", "set", "base_url", signed_in.url)
    run("config", "set", "api_key", "$MY_KEY")
    assert run("token") == f"{KEY}\n"
    for source, token in (("stored", KEY), ("config", "sk-config"), ("helper", "sk-helper"), ("env", "sk-env")):
        assert run("token", "--auth", source) == f"{token}\n"
    run("logout")
    assert run("token") == "sk-config\n"
    run("config", "unset", "api_key")
    run("config", "unset", "base_url")
    assert run("token") == "sk-helper\n"
    assert run("token", LITELLM_API_KEY_HELPER=None) == "sk-env\n"
    run("token", "--auth", "stored", exit=4)


def test_nobody_signed_in_is_exit_4_with_the_command(run: Run, fake: FakeProxy) -> None:
    result = run("token", "--json", exit=4)
    assert (result, result.error["code"]) == ("", "auth_required")
    assert result.error["remedy"].startswith("litellmctl login")


def test_it_never_touches_the_network(run: Run, signed_in: FakeProxy) -> None:
    signed_in.close()
    assert run("token") == f"{KEY}\n"
    assert run("token", "--offline") == f"{KEY}\n"
    assert run("token", LITELLM_OFFLINE="1") == f"{KEY}\n"


def test_it_writes_nothing(run: Run, signed_in: FakeProxy, home: Path) -> None:
    def files() -> dict[str, tuple[int, bytes]]:
        return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in home.rglob("*") if path.is_file()}

    before = files()
    run("token")
    run("env")
    assert files() == before


def test_it_needs_no_folder_that_can_be_written_and_no_lock(
    run: Run, signed_in: FakeProxy, home: Path, env: dict[str, str]
) -> None:
    lock = home / "config/logins.json.lock"
    lock.unlink()
    lock.mkdir()
    env["LITELLMCTL_CACHE_DIR"] = "/dev/null/nowhere"
    assert run("token") == f"{KEY}\n"


@pytest.mark.parametrize("arguments", [["token"], ["token", "--header"], ["token", "--json"], ["env"]], ids=" ".join)
def test_nothing_heavy_is_imported(env: dict[str, str], signed_in: FakeProxy, arguments: list[str]) -> None:
    code = (
        "import sys; from litellmctl.__main__ import main; code = main(sys.argv[1:]);"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path[:] = {sys.path!r}; {code}", *arguments],
        env={name: value for name, value in env.items() if name != "LITELLMCTL_KEYRING"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    allowed = {"shlex"} if arguments == ["env"] else set()  # which quotes for sh
    assert set(json.loads(done.stderr.splitlines()[-1].replace("'", '"'))) <= allowed


# For which proxy


def test_another_proxy_than_its_own_is_exit_4(run: Run, signed_in: FakeProxy) -> None:
    for url in ("https://llm.example.com", f"{signed_in.url}/other", signed_in.url.replace("127.0.0.1", "localhost")):
        result = run("token", "--base-url", url, "--json", exit=4)
        assert (result, result.error["code"]) == ("", "auth_required")
        assert KEY not in result.stderr
        assert run("env", "--base-url", url, exit=4) == ""
    for url in (signed_in.url, f"{signed_in.url}/", f"{signed_in.url}/v1/"):
        assert run("token", "--base-url", url) == f"{KEY}\n"


def test_a_variable_for_that_proxy_is_used_where_the_login_is_for_another(
    run: Run, signed_in: FakeProxy, env: dict[str, str]
) -> None:
    env.update({"LITELLM_BASE_URL": "https://llm.example.com", "LITELLM_API_KEY": "sk-env"})
    assert run("token", "--base-url", "https://llm.example.com") == "sk-env\n"
    assert run("token") == f"{KEY}\n"
    run("token", "--base-url", "https://llm.example.com", "--auth", "stored", exit=4)


@pytest.mark.parametrize("file", ["logins.json", "secrets.json"])
def test_a_secret_that_was_issued_for_another_proxy_is_refused(
    run: Run, signed_in: FakeProxy, home: Path, file: str
) -> None:
    path = home / "config" / file
    text = path.read_text()
    assert signed_in.url in text
    path.write_text(text.replace(signed_in.url, "https://evil.example.com"))
    for words in (["token"], ["env"], ["models", "--refresh"], ["whoami"]):
        result = run(*words, "--json", exit=1)
        assert result.error["code"] == "file"
        assert "was issued for another proxy" in result.error["message"]
        assert KEY not in result + result.stderr
    assert signed_in.requests == []


@pytest.mark.parametrize("field", ["id", "kind", "storage", "base_url", "issued_at"])
def test_a_login_that_lacks_something_is_exit_2(run: Run, signed_in: FakeProxy, home: Path, field: str) -> None:
    path = home / "config/logins.json"
    content = json.loads(path.read_text())
    del content["logins"]["default"][field]
    path.write_text(json.dumps(content))
    result = run("token", "--json", exit=2)
    assert f"logins.default.{field}" in result.error["message"]


@pytest.mark.parametrize("token", ["", 7, None, ["sk"], "sk-a\nb", "sk-é", "sk-\x1b[0m"])
def test_a_stored_token_that_cannot_be_one_is_refused(
    run: Run, signed_in: FakeProxy, home: Path, token: object
) -> None:
    path = home / "config/secrets.json"
    content = json.loads(path.read_text())
    content["secrets"][login_of(home)["id"]]["token"] = token
    path.write_text(json.dumps(content))
    code = 2 if isinstance(token, str) and token else 1
    result = run("token", exit=code)
    assert result == ""
    assert not (isinstance(token, str) and token and token in result.stderr)


# As other programs use it


def test_an_agent_that_has_a_helper_gets_a_token_without_a_terminal_and_without_a_home(
    env: dict[str, str], signed_in: FakeProxy
) -> None:
    few = {name: env[name] for name in ("PATH", "LITELLMCTL_CONFIG_DIR")}
    done = subprocess.run(
        ["sh", "-c", f"'{sys.executable}' -m litellmctl token --base-url {signed_in.url} < /dev/null"],
        env=few,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        start_new_session=True,
    )
    assert (done.stdout, done.stderr) == (f"{KEY}\n", "")


def test_tokens_can_be_had_while_somebody_signs_in(run: Run, signed_in: FakeProxy, env: dict[str, str]) -> None:
    import filelock

    with filelock.FileLock(Path(env["LITELLMCTL_CONFIG_DIR"]) / "logins.json.lock"):
        assert run("token") == f"{KEY}\n"
        assert KEY in run("env")


def test_a_reader_that_goes_away_is_a_broken_pipe(env: dict[str, str], signed_in: FakeProxy) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "litellmctl", "token"],
        env=env,
        stdout=writer,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


def test_it_follows_the_login_at_once(run: Run, signed_in: FakeProxy) -> None:
    sign_in(run, signed_in, key=SECOND)
    assert run("token") == f"{SECOND}\n"
    run("logout")
    assert run("token", exit=4) == ""
