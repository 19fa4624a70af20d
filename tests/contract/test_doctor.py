"""`doctor`: what each check says, that the first one that fails is the cause, and what a report keeps to itself."""

from __future__ import annotations

import datetime as dt
import email.utils
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trustme

from litellmctl.doctor.checks import Checks
from litellmctl.proxy import client
from tests.answers import Gate, http, late
from tests.conftest import Result, Run, Start
from tests.contract.tools import LIST, SERVERS, offer, tool
from tests.fake_proxy import FakeProxy, error, row
from tests.logins import Files
from tests.server import nobody, silent

KEY = "sk-test-0123456789abcdef"
LIVE, VERSION = "/health/liveliness", "/public/model_hub/info"
PKCE, SIGN_IN = "/.well-known/litellm-cli-auth", "/.well-known/litellm-ui-config"
DEVICE = "/sso/cli/start"
HUB, API = "/claude-code/plugins", "/v1/skills"
CHECKS = [
    *("configuration", "name_resolution", "tls", "proxy", "clock", "credential", "discovery"),
    *("mcp", "mcp_credentials", "skills", "sign_in", "keyring", "files", "caches", "variables", "program"),
]
NEED_PROXY = ["clock", "credential", "discovery", "mcp", "mcp_credentials", "skills", "sign_in"]
NEED_CREDENTIAL = ["discovery", "mcp", "mcp_credentials", "skills"]
SIGN_INS, MCP_VARIABLES = "/v1/mcp/user-credentials", "/v1/mcp/user-env-vars/status"
ANSWERS: dict[str, dict[str, Any]] = {
    LIVE: {"body": "I'm alive!"},
    VERSION: {"body": {"litellm_version": "1.106.2"}},
    "/v1/models": {"body": {"data": [{"id": "gpt"}]}},
    "/model/info": {"body": {"data": [row("gpt")]}},
    LIST: {"body": offer(tool("add"), tool("ping", server="stdio"))},
    SERVERS: {"body": []},
    SIGN_INS: {"body": []},
    MCP_VARIABLES: {"body": []},
    HUB: {"body": {"plugins": [{"id": "1", "name": "review"}]}},
    API: {"body": {"data": []}},
    PKCE: {"body": {"detail": "Not Found"}, "status": 404},
    SIGN_IN: {"body": {"sso_configured": True}},
    DEVICE: {"body": {"detail": "Method Not Allowed"}, "status": 405},
}

Doctor = Callable[..., Result]


def healthy(proxy: FakeProxy, **changed: Any) -> FakeProxy:
    """Let the proxy answer everything well, but for what is changed."""
    for path, answer in {**ANSWERS, **changed}.items():
        proxy.on(path, times=None, **answer)
    return proxy


@pytest.fixture(autouse=True)
def _alone(env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No keyring, no other program of our name, and no pause before a request is sent again."""
    monkeypatch.setattr(client, "time", SimpleNamespace(sleep=lambda _: None, monotonic=time.monotonic))
    env["LITELLMCTL_KEYRING"] = "off"
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "litellmctl"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setattr("litellmctl.own_command.executable", lambda: str(program))
    env["PATH"] = f"{folder}{os.pathsep}{env['PATH']}"


@pytest.fixture
def doctor(run: Run) -> Doctor:
    """Run it, with what holds of every run: its keys, its order, its exit code, and no secret anywhere."""

    def doctor(*words: str, exit: int = 0, **variables: str | None) -> Result:
        result = run("doctor", "--json", *words, exit=exit, **variables)
        assert [row["check"] for row in result.json] == CHECKS
        for finding in result.json:
            assert list(finding) == ["check", "status", "detail", "remedy"]
            assert finding["status"] in {"ok", "warn", "fail", "skip"}
            assert finding["detail"]
            assert finding["detail"].isprintable()
            if finding["status"] == "fail" or finding["status"] == "warn":
                assert finding["remedy"], finding
        failed = [finding for finding in result.json if finding["status"] == "fail"]
        assert bool(failed) is bool(exit), failed
        if failed:
            assert [result.error["message"], result.error["exit_code"]] == [failed[0]["detail"], exit]
        for secret in (KEY, KEY[:12], KEY[-8:], "Bearer"):
            assert secret not in result + result.stderr
        return result

    return doctor


def found(result: Result) -> dict[str, dict[str, Any]]:
    return {finding["check"]: finding for finding in result.json}


def first(result: Result, status: str = "fail") -> dict[str, Any]:
    """Return the first finding of this status."""
    return next(finding for finding in result.json if finding["status"] == status)


def statuses(result: Result) -> dict[str, str]:
    """Return those that are not ok."""
    return {finding["check"]: finding["status"] for finding in result.json if finding["status"] != "ok"}


# --- nothing is wrong


def test_all_is_well(doctor: Doctor, proxy: FakeProxy, home: Path) -> None:
    healthy(proxy)
    result = doctor()
    assert (statuses(result), result.stderr) == ({}, "")
    details = {name: finding["detail"] for name, finding in found(result).items()}
    assert proxy.url in details["configuration"]
    assert details["name_resolution"] == "127.0.0.1 is an IP address"
    assert "LiteLLM 1.106.2" in details["proxy"]
    assert details["credential"] == "LITELLM_API_KEY is accepted"
    assert "model_info" in details["discovery"]
    assert details["mcp"] == "2 tools on 2 servers"
    assert details["skills"] == "1 in the Skill Hub and 0 in the Skills API"
    assert details["sign_in"] == "single sign-on (device code)"
    assert "LITELLMCTL_KEYRING=off" in details["keyring"]
    assert str(home / "cache") in details["caches"]
    assert {finding["remedy"] for finding in result.json} == {None}


def test_the_key_goes_only_where_it_is_needed(doctor: Doctor, proxy: FakeProxy) -> None:
    healthy(proxy)
    doctor()
    with_key = {request.path for request in proxy.requests if "Authorization" in request.headers}
    assert with_key.isdisjoint({LIVE, VERSION, PKCE, SIGN_IN})
    assert {"/v1/models", "/model/info", HUB, API} <= with_key
    assert {request.method for request in proxy.requests} == {"GET"}


@pytest.mark.parametrize("source", ["variable", "profile"])
def test_headers_that_a_gateway_wants_are_sent_by_every_check(
    doctor: Doctor, proxy: FakeProxy, run: Run, source: str
) -> None:
    healthy(proxy)
    variables: dict[str, str | None] = {}
    if source == "variable":
        variables = {"LITELLM_HEADERS": '{"x-gateway": "pass"}'}
    else:
        run("config", "set", "base_url", proxy.url)
        run("config", "set", "api_key", "$LITELLM_API_KEY")
        run("config", "set", "headers.x-gateway", "pass")
    doctor(**variables)
    assert len(proxy.requests) > 8
    assert {request.headers.get("x-gateway") for request in proxy.requests} == {"pass"}


def test_nothing_is_written_and_no_cache_is_renewed(doctor: Doctor, proxy: FakeProxy, home: Path) -> None:
    healthy(proxy)
    doctor()
    assert not (home / "config").exists()
    assert [path.name for path in home.rglob("models-*")] == []


def test_a_table_a_line_a_check_on_a_terminal(run: Run, proxy: FakeProxy) -> None:
    healthy(proxy, **{HUB: error(500, "broken")})
    result = run("doctor", terminal=True, NO_COLOR="1")
    lines = result.splitlines()
    named = [re.match(r"([✓!✗-]) (\w+) +\S", line) for line in lines]
    assert [match[2] for match in named if match] == CHECKS
    marks = {match[2]: match[1] for match in named if match}
    assert (marks["proxy"], marks["skills"]) == ("✓", "!")
    [start, end] = [number for number, match in enumerate(named) if match and match[2] in {"skills", "sign_in"}]
    assert [line.strip()[:5] for line in lines[start:end]].count("Try: ") == 1


@pytest.mark.parametrize("columns", ["40", "80", "120"])
def test_no_line_of_it_is_wider_than_the_terminal_but_what_is_pasted(run: Run, proxy: FakeProxy, columns: str) -> None:
    healthy(proxy, **{HUB: error(500, "a reason in many words, all of them from the proxy, " * 5)})
    lines = run("doctor", terminal=True, NO_COLOR="1", COLUMNS=columns).splitlines()
    long = [line for line in lines if len(line) > int(columns)]
    assert all(len(line.split()[-1]) > int(columns) - 2 for line in long), long
    if columns == "80":
        [start, end] = [number for number, line in enumerate(lines) if re.match(r". (skills|sign_in) ", line)]
        assert all(line.startswith(" " * 19) for line in lines[start + 1 : end])


def test_marks_are_coloured_unless_no_color_is_set(run: Run, proxy: FakeProxy) -> None:
    healthy(proxy, **{"/v1/models": error(401, "no"), "/model/info": error(403, "no")})
    shown = run("doctor", terminal=True, exit=4)
    assert "\x1b[32m✓\x1b[0m configuration" in shown
    assert "\x1b[31m✗\x1b[0m credential" in shown
    assert "\x1b[2m-\x1b[0m skills" in shown
    assert "\x1b" not in run("doctor", terminal=True, exit=4, NO_COLOR="1", FORCE_COLOR="1")
    assert "\x1b" not in run("doctor", exit=4)


def test_a_failure_is_shown_once_to_a_person_and_is_an_error_for_a_program(run: Run, proxy: FakeProxy) -> None:
    healthy(proxy, **{"/v1/models": error(401, "no"), "/model/info": error(403, "no")})
    shown = run("doctor", terminal=True, exit=4)
    assert shown.count("✗") == 1
    assert shown.stderr == ""
    assert run("doctor", exit=4).stderr.startswith("Error: ")
    assert run("doctor", "--json", exit=4, terminal=True).error["exit_code"] == 4
    assert run("doctor", "--report", exit=4, terminal=True).stderr.startswith("\x1b[31mError:")


def test_other_formats(run: Run, proxy: FakeProxy) -> None:
    healthy(proxy)
    lines = run("doctor").splitlines()
    assert [line.split("\t")[0] for line in lines] == CHECKS
    assert {line.count("\t") for line in lines} == {3}
    assert run("doctor", "--fields", "status,check").splitlines()[0] == "ok\tconfiguration"
    assert run("doctor", "-o", "csv").startswith("check,status,detail,remedy\n")
    assert [json.loads(line)["check"] for line in run("doctor", "-o", "jsonl").splitlines()] == CHECKS
    assert run("doctor", "-q", "--fields", "status").split() == ["ok"] * len(CHECKS)


# --- one thing is wrong


CONFIGS: dict[str, tuple[Any, str]] = {
    "no TOML": ('[profiles.default]\nbase_url = "x\n', "line 2, column"),
    "no UTF-8": (b"\xff", "is not UTF-8"),
    "an unknown setting": ('[profiles.default]\nbaseurl = "x"\n', 'Did you mean "base_url"'),
    "a wrong type": ("[profiles.default]\nmcp = 7\n", "is not a boolean"),
    "a bad URL": ('[profiles.default]\nbase_url = "llm.example.com"\n', "has no scheme"),
    "a profile that is not there": ('default_profile = "work"\n', 'no profile "work"'),
}


@pytest.mark.parametrize("what", CONFIGS)
def test_a_bad_config_file(doctor: Doctor, proxy: FakeProxy, home: Path, what: str) -> None:
    content, said = CONFIGS[what]
    (home / "config").mkdir()
    (home / "config" / "config.toml").write_bytes(content if isinstance(content, bytes) else content.encode())
    result = doctor(exit=2)
    assert first(result)["check"] == "configuration"
    assert said in first(result)["detail"]
    expected = dict.fromkeys([*CHECKS[1:11], "caches", "variables"], "skip")
    assert statuses(result) == {"configuration": "fail", **expected}
    assert {found(result)[check]["detail"] for check in expected} == {"needs configuration"}
    assert proxy.requests == []


# --- our own files


@pytest.fixture
def ours(home: Path) -> Path:
    """Files as we make them: return the folder above those of the configuration and the caches."""
    for name, content in (
        ("config/config.toml", b"[profiles.default]\nmcp = true\n"),
        ("config/secrets.json", b'{"version": 1, "secrets": {}}'),
        ("config/exports/pi.000001.json", b"{}"),
        ("cache/key", bytes(32)),
        ("cache/models-x.jsonl", b""),
        ("cache/sandbox/state.json", b"{}"),
        ("config/local-keys.json", b"{}"),
        ("cache/serve/default.json", b"{}"),
    ):
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.parent.chmod(0o700)
        path.write_bytes(content)
        path.chmod(0o600)
    return home


def test_files_that_only_the_user_may_read(doctor: Doctor, proxy: FakeProxy, ours: Path) -> None:
    healthy(proxy)
    assert found(doctor())["files"] == {
        "check": "files",
        "status": "ok",
        "detail": "only you can write your files and read your secrets",
        "remedy": None,
    }


@pytest.mark.skipif(os.name == "nt", reason="modes of POSIX")
@pytest.mark.parametrize(
    ("name", "mode", "what"),
    [
        ("config/secrets.json", 0o640, "readable"),
        ("config/secrets.json", 0o604, "readable"),
        ("config/secrets.json", 0o666, "writable"),
        ("config/config.toml", 0o666, "writable"),
        ("config/config.toml", 0o644, None),
        ("config/exports/pi.000001.json", 0o644, "readable"),
        ("cache/key", 0o644, "readable"),
        ("cache/models-x.jsonl", 0o644, None),
        ("cache/models-x.jsonl", 0o620, "writable"),
        ("cache/sandbox/state.json", 0o644, "readable"),
        ("config/local-keys.json", 0o644, "readable"),
        ("cache/serve/default.json", 0o644, "readable"),
        ("config", 0o770, "writable"),
        ("config", 0o755, None),
        ("config/exports", 0o702, "writable"),
        ("cache", 0o777, "writable"),
        ("cache/sandbox", 0o1777, "writable"),
        (".", 0o777, "writable"),
        (".", 0o1777, None),
    ],
)
def test_files_that_others_may_read_or_write(
    doctor: Doctor, proxy: FakeProxy, ours: Path, name: str, mode: int, what: str | None
) -> None:
    healthy(proxy)
    (ours / name).chmod(mode)
    before = found(doctor())["files"]
    if what is None:
        assert before["status"] == "ok"
        return
    assert (before["status"], before["detail"]) == ("warn", f"{ours / name} is {what} by others")
    assert re.fullmatch(rf"chmod (go-rwx|go-w|o-w) {re.escape(str(ours / name))}", before["remedy"])
    subprocess.run(before["remedy"], shell=True, check=True, timeout=10)
    assert found(doctor())["files"]["status"] == "ok"


@pytest.mark.skipif(os.name == "nt", reason="modes of POSIX")
@pytest.mark.parametrize(
    ("value", "is_secret"), [("sk-literal-0123456789", True), ("$NAME", False), ("!op read", False)]
)
def test_a_config_file_that_holds_a_key_is_a_secret(
    doctor: Doctor, proxy: FakeProxy, ours: Path, value: str, is_secret: bool
) -> None:
    healthy(proxy)
    config = ours / "config" / "config.toml"
    config.write_text(f'[profiles.other]\nheaders = {{ x-key = "{value}" }}\n')
    config.chmod(0o644)
    finding = found(doctor())["files"]
    assert finding["status"] == ("warn" if is_secret else "ok")
    assert finding["remedy"] == (f"chmod go-rwx {config}" if is_secret else None)


@pytest.mark.skipif(os.name == "nt", reason="modes of POSIX")
def test_one_command_fixes_what_others_may_do_and_many_are_counted(
    doctor: Doctor, proxy: FakeProxy, ours: Path
) -> None:
    healthy(proxy)
    for name in ("config/secrets.json", "config/config.toml", "cache", "cache/key", "cache/models-x.jsonl"):
        (ours / name).chmod(0o777)
    finding = found(doctor())["files"]
    assert finding["detail"].endswith("; and 2 more")
    subprocess.run(finding["remedy"], shell=True, check=True, timeout=10)
    assert found(doctor())["files"]["status"] == "ok"


@pytest.mark.skipif(getattr(os, "geteuid", lambda: 1)() != 0, reason="only root gives files away")
@pytest.mark.parametrize("name", ["config/secrets.json", "cache/key", "config", "cache/sandbox", "."])
def test_files_of_another_user(doctor: Doctor, proxy: FakeProxy, ours: Path, name: str) -> None:
    healthy(proxy)
    os.chown(ours / name, 12345, 12345)
    finding = found(doctor())["files"]
    assert finding["status"] == "warn"
    assert finding["detail"] == f"{ours / name} belongs to another user (uid 12345)"
    assert finding["remedy"].startswith(f"look at {ours / name}")


@pytest.mark.skipif(getattr(os, "geteuid", lambda: 1)() != 0, reason="only root gives files away")
def test_a_link_of_another_user(doctor: Doctor, proxy: FakeProxy, ours: Path) -> None:
    healthy(proxy)
    (ours / "config" / "logins.json").symlink_to("/etc/hostname")
    os.chown(ours / "config" / "logins.json", 12345, 12345, follow_symlinks=False)
    (ours / "config" / "logins.json").rename(ours / "config" / "other.json")
    assert found(doctor())["files"]["detail"] == f"{ours / 'config' / 'other.json'} belongs to another user (uid 12345)"


@pytest.mark.skipif(os.name == "nt", reason="pipes of POSIX")
@pytest.mark.timeout(60)
def test_a_pipe_of_our_name_in_the_path_is_not_waited_for(
    doctor: Doctor, proxy: FakeProxy, env: dict[str, str], tmp_path: Path
) -> None:
    healthy(proxy)
    (tmp_path / "first").mkdir()
    os.mkfifo(tmp_path / "first" / "litellmctl", 0o755)
    env["PATH"] = f"{tmp_path / 'first'}{os.pathsep}{env['PATH']}"
    assert found(doctor())["program"]["status"] == "warn"


def test_logins_that_are_damaged(doctor: Doctor, proxy: FakeProxy, home: Path) -> None:
    (home / "config").mkdir()
    (home / "config" / "logins.json").write_text('{"version": 1,\n  "logins": }')
    result = doctor(exit=2)
    assert first(result)["check"] == "configuration"
    assert "line 2" in first(result)["detail"]
    assert proxy.requests == []


@pytest.mark.parametrize(
    ("variables", "exit", "said", "remedy"),
    [
        ({"LITELLM_BASE_URL": None, "LITELLM_API_KEY": None}, 4, "no proxy and no credential", "litellmctl login"),
        (
            {"LITELLM_BASE_URL": None},
            2,
            "LITELLM_API_KEY is set, but LITELLM_BASE_URL is not",
            "export LITELLM_BASE_URL=",
        ),
        ({"LITELLM_BASE_URL": "nowhere"}, 2, "LITELLM_BASE_URL has no scheme", "https://nowhere"),
        ({"LITELLM_BASE_URL": "http://llm.example.invalid"}, 2, "is plain HTTP", "--allow-insecure-http"),
        (
            {"LITELLM_BASE_URL": "http://llm.example.invalid", "LITELLM_API_KEY": None},
            2,
            "is plain HTTP",
            "--allow-insecure-http",
        ),
        ({"LITELLM_HEADERS": "x-team: blue"}, 2, "LITELLM_HEADERS is not a JSON object", "export LITELLM_HEADERS="),
        ({"LITELLM_API_KEY": "sk-\u00fc"}, 2, "LITELLM_API_KEY", ""),
        ({"LITELLMCTL_PROFILE": "nobody"}, 2, 'no profile "nobody"', "unset LITELLMCTL_PROFILE"),
        ({"LITELLMCTL_AUTH": "magic"}, 2, 'LITELLMCTL_AUTH is "magic"', "use one of"),
    ],
)
def test_a_configuration_that_leads_nowhere(
    doctor: Doctor, proxy: FakeProxy, variables: dict[str, str | None], exit: int, said: str, remedy: str
) -> None:
    result = doctor(exit=exit, **variables)
    finding = first(result)
    assert (finding["check"], said in finding["detail"]) == ("configuration", True), finding
    assert remedy in (finding["remedy"] or "")
    assert proxy.requests == []


def test_a_profile_without_a_url_is_not_given_the_variables(doctor: Doctor, proxy: FakeProxy, home: Path) -> None:
    (home / "config").mkdir()
    (home / "config" / "config.toml").write_text("[profiles.work]\nmcp = false\n")
    result = doctor("--profile", "work", exit=4)
    assert first(result)["check"] == "configuration"
    assert "profile work" in first(result)["detail"]
    assert proxy.requests == []


def test_no_credential_is_told_after_the_proxy_was_seen(doctor: Doctor, proxy: FakeProxy) -> None:
    for path in (LIVE, VERSION, PKCE, SIGN_IN, DEVICE):
        proxy.on(path, times=None, **ANSWERS[path])
    for variables in ({"LITELLM_API_KEY": None}, {"LITELLMCTL_AUTH": "stored"}):
        result = doctor(exit=4, **variables)
        assert statuses(result) == {"credential": "fail", **dict.fromkeys(NEED_CREDENTIAL, "skip")}
        assert "litellmctl login" in first(result)["remedy"]
        assert found(result)["mcp"]["detail"] == "needs credential"


def test_an_unknown_host(doctor: Doctor) -> None:
    result = doctor(exit=3, LITELLM_BASE_URL="https://nowhere.invalid", LITELLM_API_KEY=KEY)
    assert first(result)["check"] == "name_resolution"
    assert 'cannot resolve "nowhere.invalid"' in first(result)["detail"]
    assert statuses(result) == {"name_resolution": "fail", **dict.fromkeys(["tls", "proxy", *NEED_PROXY], "skip")}


def test_a_name_that_is_not_resolved_in_time(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    may_end = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: may_end.wait(10) and [])
    start = time.monotonic()
    result = doctor("--timeout", "0.3", exit=3, LITELLM_BASE_URL="https://slow.invalid", LITELLM_API_KEY=KEY)
    may_end.set()
    assert first(result)["check"] == "name_resolution"
    assert time.monotonic() - start < 2


def test_several_addresses(doctor: Doctor, proxy: FakeProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    healthy(proxy)
    real = socket.getaddrinfo

    def two(host: Any, *words: Any, **more: Any) -> Any:
        return [*real("127.0.0.1", *words, **more), *real("127.0.0.1", *words, **more)]

    monkeypatch.setattr(socket, "getaddrinfo", two)
    url = proxy.url.replace("127.0.0.1", "localhost")
    assert found(doctor(LITELLM_BASE_URL=url))["name_resolution"]["detail"] == "localhost resolves to 127.0.0.1"


@pytest.mark.parametrize(
    ("answer", "exit", "said"),
    [
        pytest.param(
            {"raw": http(b"<!DOCTYPE html><h1>Sign in</h1>", "Content-Type: text/html")}, 3, "a web page", id="HTML"
        ),
        pytest.param({"raw": http(b"")}, 3, "an empty body", id="nothing"),
        pytest.param(error(401, "who are you"), 4, "refused the key", id="401"),
        pytest.param({"status": 404, "body": {"detail": "Not Found"}}, 5, LIVE, id="404"),
        pytest.param({"status": 404, "body": b"<html>"}, 3, "does not look like LiteLLM", id="404 of a web server"),
        pytest.param({"status": 500, "body": {}}, 3, "returned 500", id="500"),
        pytest.param({"status": 503, "body": {}, "headers": {"Retry-After": "0"}}, 3, "returned 503", id="503"),
        pytest.param(
            {"raw": http(b"", "Location: https://sso.example.invalid/login", status="302 Found")},
            3,
            "redirects to https://sso.example.invalid",
            id="redirect",
        ),
        pytest.param({"raw": b"SSH-2.0-OpenSSH\r\n"}, 3, "cannot reach", id="no HTTP"),
    ],
)
def test_what_answers_is_not_the_proxy(
    doctor: Doctor, proxy: FakeProxy, answer: dict[str, Any], exit: int, said: str
) -> None:
    proxy.on(LIVE, times=None, **answer)
    result = doctor(exit=exit)
    assert first(result)["check"] == "proxy"
    assert said in first(result)["detail"]
    assert statuses(result) == {"proxy": "fail", **dict.fromkeys(NEED_PROXY, "skip")}
    assert set(proxy.asked) == {LIVE}


def test_nobody_listens(doctor: Doctor) -> None:
    with nobody() as url:
        result = doctor(exit=3, LITELLM_BASE_URL=url, LITELLM_API_KEY=KEY)
    assert first(result)["check"] == "proxy"
    assert "connection refused" in first(result)["detail"]


def test_a_version_that_is_not_told(doctor: Doctor, proxy: FakeProxy) -> None:
    gone = {"status": 404, "body": {}}
    healthy(proxy, **{VERSION: gone, "/health/readiness": gone})
    assert found(doctor())["proxy"]["detail"].endswith("LiteLLM (version unknown)")


@pytest.mark.parametrize(
    ("answer", "exit", "said"),
    [
        (error(401, "Invalid proxy server token passed"), 4, "refused the key"),
        (error(400, "No connected db.", kind="no_db_connection"), 4, "refused the key"),
        (error(403, "key may not call this route"), 4, "does not allow"),
        (error(401, f"expired: {KEY}", kind="expired_key"), 4, "refused the key"),
        ({"body": {"object": "list"}}, 3, "does not look like LiteLLM"),
        ({"body": b"<html>"}, 3, "a web page"),
    ],
)
def test_a_key_that_is_refused(doctor: Doctor, proxy: FakeProxy, answer: dict[str, Any], exit: int, said: str) -> None:
    healthy(proxy, **{"/v1/models": answer, "/model/info": {**error(403, "no")}})
    result = doctor(exit=exit)
    assert first(result)["check"] == "credential"
    assert said in first(result)["detail"]
    assert statuses(result) == {"credential": "fail", **dict.fromkeys(NEED_CREDENTIAL, "skip")}


def test_a_key_that_is_good_for_little(doctor: Doctor, proxy: FakeProxy) -> None:
    healthy(proxy, **{"/v1/models": {"body": {"data": []}}})
    result = doctor()
    assert statuses(result)["credential"] == "warn"
    assert "not allowed to use any model" in found(result)["credential"]["detail"]


LIMITED = "Virtual key is not allowed to call this route. Only allowed to call routes: ['mcp_routes']. Tried: /x"


def test_a_key_for_mcp_only(doctor: Doctor, proxy: FakeProxy) -> None:
    refused = {"status": 403, "body": {"detail": LIMITED}}
    healthy(proxy, **dict.fromkeys(("/v1/models", "/model/info", HUB, API), refused))
    result = doctor()
    assert statuses(result) == {"discovery": "skip", "skills": "skip"}
    details = {name: finding["detail"] for name, finding in found(result).items()}
    assert details["credential"] == "LITELLM_API_KEY is accepted, for some routes only: mcp_routes"
    assert (details["discovery"], details["skills"]) == (
        "this key is not allowed to list models",
        "this key is not allowed to list skills",
    )
    assert details["mcp"] == "2 tools on 2 servers"
    assert "/model/info" not in proxy.asked


@pytest.mark.parametrize(
    ("helper", "said"),
    [
        ("false", "failed with exit code 1"),
        ("/nowhere/at/all", "cannot be run"),
        ("true", "printed nothing"),
        ("echo a | cat", "uses shell syntax"),
        ("sh -c 'echo sk-out-of-the-helper; exit 3'", "failed with exit code 3"),
    ],
)
def test_a_helper_that_fails(doctor: Doctor, proxy: FakeProxy, helper: str, said: str) -> None:
    for path in (LIVE, VERSION, PKCE, SIGN_IN, DEVICE):
        proxy.on(path, times=None, **ANSWERS[path])
    result = doctor(exit=2, LITELLM_API_KEY_HELPER=helper, LITELLM_API_KEY=None)
    assert statuses(result) == {"credential": "fail", **dict.fromkeys(NEED_CREDENTIAL, "skip")}
    assert said in first(result)["detail"]
    assert "LITELLM_API_KEY_HELPER" in first(result)["detail"]


def keep_login(home: Path, url: str, **changes: Any) -> None:
    """Sign in, by something that nothing renews."""
    nothing: dict[str, Any] = dict.fromkeys(["client_id", "token_endpoint", "revocation_endpoint", "resource"])
    (home / "config").mkdir(exist_ok=True)
    Files(home / "config").keep(url, **{"left": 3600, "kind": "sso", **nothing, **changes})


def test_a_login_that_is_good(doctor: Doctor, proxy: FakeProxy, home: Path) -> None:
    healthy(proxy)
    keep_login(home, proxy.url)
    result = doctor(LITELLM_BASE_URL=None, LITELLM_API_KEY=None)
    assert statuses(result) == {}
    detail = found(result)["credential"]["detail"]
    assert re.fullmatch(r"the stored login of profile default is accepted, expires \d{4}-\d\d-\d\dT[\d:]{8}Z", detail)


def test_a_login_that_has_expired(doctor: Doctor, proxy: FakeProxy, home: Path) -> None:
    healthy(proxy)
    keep_login(home, proxy.url, left=-5)
    result = doctor(exit=4, LITELLM_BASE_URL=None, LITELLM_API_KEY=None)
    assert first(result)["check"] == "credential"
    assert "has expired" in first(result)["detail"]
    assert first(result)["remedy"].startswith("litellmctl login")
    assert "/v1/models" not in proxy.asked


def test_a_login_whose_keyring_is_away(doctor: Doctor, proxy: FakeProxy, home: Path) -> None:
    healthy(proxy)
    keep_login(home, proxy.url, storage="keyring")
    result = doctor(exit=1, LITELLM_BASE_URL=None, LITELLM_API_KEY=None)
    assert first(result)["check"] == "credential"
    assert statuses(result)["keyring"] == "fail"
    assert "--storage file" in found(result)["keyring"]["remedy"]


# --- TLS


Serve = Callable[..., FakeProxy]


@pytest.fixture
def serve(authority: trustme.CA, env: dict[str, str], tmp_path: Path) -> Iterator[Serve]:
    """Start a proxy with a certificate of the authority, which is trusted, for a host and until a number of days."""
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    proxies: list[FakeProxy] = []

    def start(host: str = "127.0.0.1", days: float = 300) -> FakeProxy:
        now = dt.datetime.now(dt.UTC)
        period: dict[str, Any] = {"not_before": now - dt.timedelta(400), "not_after": now + dt.timedelta(days)}
        proxies.append(FakeProxy(authority.issue_cert(host, **period)))
        env.update(LITELLM_BASE_URL=proxies[-1].url, LITELLM_API_KEY=KEY, REQUESTS_CA_BUNDLE=str(bundle))
        return healthy(proxies[-1])

    yield start
    for proxy in proxies:
        proxy.close()
        assert not proxy.unexpected


def test_a_certificate_is_told_with_its_issuer_and_its_end(doctor: Doctor, serve: Serve) -> None:
    serve()
    result = doctor()
    assert statuses(result) == {}
    detail = found(result)["tls"]["detail"]
    assert re.fullmatch(r'issued by "Test Authority", expires \d{4}-\d\d-\d\dT[\d:]{8}Z', detail)


def test_a_certificate_that_ends_soon_is_a_warning(doctor: Doctor, serve: Serve) -> None:
    serve(days=10)
    result = doctor()
    assert statuses(result) == {"tls": "warn"}
    assert "soon" in found(result)["tls"]["detail"]


@pytest.mark.parametrize("trusted", [True, False])
def test_a_certificate_that_has_ended(doctor: Doctor, serve: Serve, trusted: bool) -> None:
    proxy = serve(days=-1)
    result = doctor(exit=3, **({} if trusted else {"REQUESTS_CA_BUNDLE": None}))
    assert statuses(result) == {"tls": "fail", "proxy": "skip", **dict.fromkeys(NEED_PROXY, "skip")}
    assert "has expired" in first(result)["detail"]
    assert "Test Authority" in first(result)["detail"]
    assert result.error["code"] == "tls"
    assert proxy.requests == []


def test_an_authority_that_is_not_trusted_and_its_remedy(
    doctor: Doctor, run: Run, serve: Serve, env: dict[str, str]
) -> None:
    serve()
    bundle = env.pop("REQUESTS_CA_BUNDLE")
    result = doctor(exit=3)
    assert first(result)["check"] == "tls"
    assert 'issued by "Test Authority"' in first(result)["detail"]
    words = first(result)["remedy"].split(",")[0].split()
    assert words == ["litellmctl", "config", "set", "ca_bundle", "FILE"]
    run(*words[1:-1], bundle)
    assert statuses(doctor()) == {}


def test_a_certificate_of_another_host(doctor: Doctor, serve: Serve) -> None:
    serve(host="other.example.com")
    result = doctor(exit=3)
    assert first(result)["check"] == "tls"
    assert "127.0.0.1" in first(result)["detail"]


def test_tls_to_a_plain_server(doctor: Doctor, proxy: FakeProxy) -> None:
    result = doctor(exit=3, LITELLM_BASE_URL=proxy.url.replace("http:", "https:"))
    assert first(result)["check"] == "tls"
    assert result.error["code"] == "tls"
    assert statuses(result)["proxy"] == "skip"


def test_a_bundle_that_is_not_there(doctor: Doctor, serve: Serve) -> None:
    serve()
    result = doctor(exit=2, REQUESTS_CA_BUNDLE="/nowhere/ca.pem")
    assert first(result)["check"] == "tls"
    assert "REQUESTS_CA_BUNDLE: cannot use /nowhere/ca.pem" in first(result)["detail"]


# --- the clock


def dated(ahead: float) -> dict[str, Any]:
    return {"raw": http(b'"alive"', f"Date: {email.utils.formatdate(time.time() - ahead, usegmt=True)}")}


@pytest.mark.parametrize(
    ("ahead", "status", "said"),
    [
        (1, "ok", "agree"),
        (30, "ok", " seconds ahead of"),
        (-30, "ok", "behind"),
        (120, "warn", "2 minutes ahead of"),
        (-120, "warn", "behind"),
        (7200, "fail", "2 hours ahead of"),
        (-7200, "fail", "behind"),
    ],
)
def test_a_clock_that_is_wrong(doctor: Doctor, proxy: FakeProxy, ahead: float, status: str, said: str) -> None:
    healthy(proxy, **{LIVE: dated(ahead)})
    result = doctor(exit=2 if status == "fail" else 0)
    finding = found(result)["clock"]
    assert (finding["status"], said in finding["detail"]) == (status, True), finding
    assert statuses(result) == ({} if status == "ok" else {"clock": status})


@pytest.mark.parametrize("header", [[], ["Date: soon"], ["Date: Mon, 99 Foo 2026 99:00:00 GMT"]])
def test_a_proxy_that_does_not_tell_the_time(doctor: Doctor, proxy: FakeProxy, header: list[str]) -> None:
    healthy(proxy, **{LIVE: {"raw": http(b'"alive"', *header)}})
    assert statuses(doctor()) == {"clock": "skip"}


def test_a_slow_proxy_does_not_put_the_clock_ahead(doctor: Doctor, proxy: FakeProxy) -> None:
    proxy.on(VERSION, respond=late({"litellm_version": "1.106.2"}, 1.6))
    healthy(proxy, **{LIVE: dated(3.5)})
    assert "agree" in found(doctor())["clock"]["detail"]


# --- what the proxy offers


def test_a_key_that_sees_no_details(doctor: Doctor, proxy: FakeProxy) -> None:
    healthy(
        proxy,
        **{"/model/info": error(403, "not for keys of type llm_api"), "/model_group/info": {"body": {"data": []}}},
    )
    result = doctor()
    assert statuses(result) == {"discovery": "warn"}
    detail = found(result)["discovery"]["detail"]
    assert "models_list" in detail
    assert "not for keys of type llm_api" in detail


def test_discovery_that_fails(doctor: Doctor, proxy: FakeProxy) -> None:
    healthy(proxy, **{"/model/info": error(500, "the database is away")})
    result = doctor(exit=3)
    assert statuses(result) == {"discovery": "fail"}
    assert "the database is away" in first(result)["detail"]


def test_discovery_that_is_switched_off(doctor: Doctor, proxy: FakeProxy) -> None:
    healthy(proxy)
    assert statuses(doctor(LITELLM_DISCOVERY_TIMEOUT_MS="0")) == {"discovery": "skip"}
    assert "/model/info" not in proxy.asked


@pytest.mark.parametrize(
    ("answer", "status", "said", "exit"),
    [
        ({"body": offer(tool("add"), lab_down="unreachable")}, "warn", "lab_down (unreachable)", 0),
        ({"body": {"detail": "Not Found"}, "status": 404}, "skip", "no MCP tools", 0),
        (error(403, "no MCP for you"), "skip", "no MCP for you", 0),
        (error(500, "broken"), "fail", "broken", 3),
        ({"body": b"<html>"}, "fail", "a web page", 3),
    ],
)
def test_mcp(doctor: Doctor, proxy: FakeProxy, answer: dict[str, Any], status: str, said: str, exit: int) -> None:
    healthy(proxy, **{LIST: answer})
    result = doctor(exit=exit)
    assert statuses(result) == {"mcp": status}
    assert said in found(result)["mcp"]["detail"]
    if status == "warn":
        assert found(result)["mcp"]["remedy"] == "litellmctl mcp servers"


def mine(name: str, **facts: Any) -> dict[str, Any]:
    """Return the row of an MCP server that wants something of each user."""
    return {"server_id": name, "server_name": name, "alias": None, **facts}


@pytest.mark.parametrize(
    ("rows", "status", "detail", "remedy"),
    [
        ([], "ok", "no MCP server needs a credential of your own", None),
        ([mine("crm", is_byok=True, has_user_credential=True)], "ok", "1 credential set", None),
        (
            [
                mine("crm", is_byok=True, has_user_credential=True),
                mine("jira", is_byok=True, has_user_credential=False),
            ],
            "warn",
            "not set: jira (key missing)",
            "litellmctl mcp credentials set jira",
        ),
        (
            [mine("jira", is_byok=True, has_user_credential=False), mine("linear", auth_type="oauth2")],
            "warn",
            "not set: jira (key missing), linear (sign-in missing)",
            "litellmctl mcp credentials",
        ),
    ],
)
def test_ones_own_credentials_for_mcp_servers(
    doctor: Doctor, proxy: FakeProxy, rows: list[Any], status: str, detail: str, remedy: str | None
) -> None:
    healthy(proxy, **{SERVERS: {"body": rows}})
    finding = found(doctor())["mcp_credentials"]
    assert (finding["status"], finding["detail"], finding["remedy"]) == (status, detail, remedy)


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        ({"status": 404, "body": {"detail": "Not Found"}}, "needs LiteLLM 1.83 or newer"),
        ({"status": 500, "body": {"detail": {"error": "Database not connected. Connect one"}}}, "has no database"),
        ({"status": 400, "body": {"detail": {"error": "User ID not found in token"}}}, "this key is not allowed to"),
    ],
)
def test_a_proxy_that_keeps_no_credentials_for_mcp_servers(
    doctor: Doctor, proxy: FakeProxy, answer: dict[str, Any], detail: str
) -> None:
    healthy(proxy, **{SIGN_INS: answer})
    finding = found(doctor())["mcp_credentials"]
    assert (finding["status"], finding["remedy"]) == ("skip", None)
    assert detail in finding["detail"]


def test_a_server_that_waits_for_the_user_is_not_down(doctor: Doctor, proxy: FakeProxy) -> None:
    outcomes = {"linear": {"status": "auth_required"}, "down": {"status": "unreachable"}}
    listed = {"body": {**offer(tool("add")), "server_outcomes": outcomes}}
    healthy(proxy, **{LIST: listed, SERVERS: {"body": [mine("linear", auth_type="oauth2")]}})
    details = {name: finding["detail"] for name, finding in found(doctor()).items()}
    assert details["mcp"] == "unavailable servers: down (unreachable)"
    assert details["mcp_credentials"] == "not set: linear (sign-in missing)"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({HUB: error(500, "the hub is away")}, "the hub is away"),
        ({API: error(500, "the skills are away")}, "the skills are away"),
        ({HUB: error(500, "all is away"), API: error(500, "all is away")}, "all is away"),
    ],
)
def test_a_store_of_skills_that_is_down(doctor: Doctor, proxy: FakeProxy, changed: Any, said: str) -> None:
    healthy(proxy, **changed)
    result = doctor()
    assert statuses(result) == {"skills": "warn"}
    assert said in found(result)["skills"]["detail"]


def test_what_a_profile_switches_off(doctor: Doctor, proxy: FakeProxy, run: Run) -> None:
    healthy(proxy)
    run("config", "set", "mcp", "false")
    run("config", "set", "skills", "false")
    assert statuses(doctor()) == {"mcp": "skip", "mcp_credentials": "skip", "skills": "skip"}
    assert {LIST, HUB, API}.isdisjoint(proxy.asked)


MISSING = {"status": 404, "body": {"detail": "Not Found"}}


@pytest.mark.parametrize(
    ("changed", "status", "said"),
    [
        ({SIGN_IN: {"body": {"sso_configured": False}}}, "ok", "API keys only"),
        (
            {SIGN_IN: {"status": 404, "body": {}}},
            "ok",
            "single sign-on (device code), if it is configured, which the proxy does not say",
        ),
        # LiteLLM 1.65 to 1.77 (tests/contract/shapes/releases), and 1.81.
        (
            {SIGN_IN: {"body": {"server_root_path": "/", "proxy_base_url": None}}, DEVICE: MISSING},
            "ok",
            "single sign-on (pasted token), if it is configured, which the proxy does not say",
        ),
        ({SIGN_IN: MISSING, DEVICE: MISSING}, "ok", "single sign-on (pasted token), if it is configured"),
        ({DEVICE: MISSING}, "ok", "single sign-on (pasted token)"),
        ({DEVICE: {"status": 500, "body": {}}}, "ok", "single sign-on (pasted token)"),
        ({SIGN_IN: {"status": 500, "body": {}}}, "warn", "returned 500"),
        ({PKCE: {"body": {"contract_version": 1}}}, "ok", "device code"),
        ({PKCE: {"body": b"<html>"}}, "warn", "a web page"),
    ],
)
def test_ways_to_sign_in(doctor: Doctor, proxy: FakeProxy, changed: Any, status: str, said: str) -> None:
    healthy(proxy, **changed)
    finding = found(doctor())["sign_in"]
    assert (finding["status"], said in finding["detail"]) == (status, True), finding


def test_pkce_is_offered(doctor: Doctor, proxy: FakeProxy) -> None:
    names = ("authorization_endpoint", "token_endpoint", "registration_endpoint", "revocation_endpoint", "resource")
    document = {"contract_version": 1, "code_challenge_methods_supported": ["S256"], "issuer": proxy.url}
    healthy(proxy, **{PKCE: {"body": {**document, **dict.fromkeys(names, f"{proxy.url}/x")}}})
    assert found(doctor())["sign_in"]["detail"] == "single sign-on (PKCE, device code)"


def test_a_sign_in_is_not_begun(doctor: Doctor, proxy: FakeProxy) -> None:
    healthy(proxy)
    doctor()
    assert {request.method for request in proxy.requests} == {"GET"}


@pytest.mark.parametrize("missing", [{HUB: MISSING, API: MISSING}, {HUB: MISSING}])
def test_a_release_without_skills(doctor: Doctor, proxy: FakeProxy, missing: dict[str, Any]) -> None:
    healthy(proxy, **missing)
    finding = found(doctor())["skills"]
    assert finding["remedy"] is None
    assert (finding["status"], finding["detail"]) == (
        ("ok", "0 in the Skills API")
        if len(missing) == 1
        else ("skip", "this proxy has no skills, which need LiteLLM 1.80 or newer")
    )


# --- this machine


def test_caches_and_their_ages(doctor: Doctor, run: Run, proxy: FakeProxy, home: Path) -> None:
    healthy(proxy)
    run("models")
    run("mcp", "list")
    assert re.search(r"models \d seconds? old, tools \d seconds? old", found(doctor())["caches"]["detail"])


@pytest.mark.parametrize("below", ["", "below"])
def test_a_cache_that_cannot_be_written_and_its_remedy(
    doctor: Doctor, proxy: FakeProxy, tmp_path: Path, below: str
) -> None:
    healthy(proxy)
    (tmp_path / "file").write_text("")
    result = doctor(LITELLMCTL_CACHE_DIR=str(tmp_path / "file" / below))
    assert statuses(result) == {"caches": "warn"}
    assert found(result)["caches"]["remedy"].startswith("export LITELLMCTL_CACHE_DIR=")


def test_variables_that_are_not_used(doctor: Doctor, proxy: FakeProxy, home: Path) -> None:
    healthy(proxy)
    keep_login(home, proxy.url)
    result = doctor(LITELLM_PROXY_API_KEY="sk-other-0123456789", LITELLM_PROXY_URL=proxy.url)
    assert statuses(result) == {"variables": "warn"}
    finding = found(result)["variables"]
    assert "LITELLM_API_KEY and LITELLM_PROXY_API_KEY are ignored" in finding["detail"]
    keys = "LITELLM_API_KEY LITELLM_PROXY_API_KEY"
    assert finding["remedy"] == f"unset {keys}"
    assert "sk-other" not in result


def test_another_program_of_our_name_comes_first(
    doctor: Doctor, proxy: FakeProxy, env: dict[str, str], tmp_path: Path
) -> None:
    healthy(proxy)
    other = tmp_path / "other"
    other.mkdir()
    program = other / "litellmctl"
    program.write_text("#!/bin/sh\necho another\n")
    program.chmod(0o755)
    result = doctor(PATH=f"{other}{os.pathsep}{env['PATH']}")
    assert statuses(result) == {"program": "warn"}
    finding = found(result)["program"]
    assert str(program) in finding["detail"]
    # What the remedy exports leads to ours again.
    script = f"{finding['remedy']}; command -v litellmctl"
    environment = {"PATH": f"{other}{os.pathsep}{env['PATH']}"}
    first_now = subprocess.run(["sh", "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert first_now.stdout.strip() == str(tmp_path / "bin" / "litellmctl")
    # The same program by another way is no other program.
    program.unlink()
    program.symlink_to(tmp_path / "bin" / "litellmctl")
    assert statuses(doctor(PATH=f"{other}{os.pathsep}{env['PATH']}")) == {}


@pytest.mark.parametrize("way", ["option", "variable"])
def test_offline_asks_nobody(doctor: Doctor, proxy: FakeProxy, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *words, **_: asked.append(words))
    result = doctor("--offline") if way == "option" else doctor(LITELLM_OFFLINE="1")
    assert {found(result)[check]["status"] for check in CHECKS[1:11]} == {"skip"}
    reason = f"{'--offline' if way == 'option' else 'LITELLM_OFFLINE'} is set"
    assert {found(result)[check]["detail"] for check in CHECKS[1:11]} == {reason}
    assert found(result)["variables"]["status"] == ("ok" if way == "option" else "warn")
    assert found(result)["variables"]["remedy"] == (None if way == "option" else "unset LITELLM_OFFLINE")
    assert (asked, proxy.requests) == ([], [])


# --- as they finish


@pytest.fixture
def held() -> Iterator[Gate]:
    """An answer that is held back until it is opened."""
    gate = Gate({})
    yield gate
    gate.open()


@pytest.mark.parametrize("words", [[], ["--json"]])
def test_lines_are_printed_as_the_checks_finish(proxy: FakeProxy, start: Start, held: Gate, words: list[str]) -> None:
    held.body = {"data": [row("gpt")]}
    proxy.on("/model/info", respond=held)
    healthy(proxy)
    process = start("doctor", *words)
    assert process.stdout is not None
    timer = threading.Timer(10, process.kill)
    timer.start()
    before = ""
    while "credential" not in before:
        some = os.read(process.stdout.fileno(), 10_000).decode()
        assert some, before
        before += some
    assert "discovery" not in before
    assert held.reached.wait(5)
    held.open()
    stdout, stderr = process.communicate(timeout=10)
    timer.cancel()
    assert (process.returncode, stderr) == (0, "")
    assert [name for name in CHECKS if name in before + stdout] == CHECKS


@pytest.mark.parametrize(
    ("paths", "hanging", "skipped", "exit"),
    [
        ([LIVE], {"proxy": "fail"}, NEED_PROXY, 3),
        (["/v1/models"], {"credential": "fail"}, NEED_CREDENTIAL, 3),
        (
            ["/model/info", LIST, HUB, SIGN_IN],
            {"discovery": "fail", "mcp": "fail", "skills": "warn", "sign_in": "warn"},
            [],
            3,
        ),
    ],
)
def test_checks_that_hang_are_bounded_and_hold_no_others(
    doctor: Doctor,
    proxy: FakeProxy,
    held: Gate,
    paths: list[str],
    hanging: dict[str, str],
    skipped: list[str],
    exit: int,
) -> None:
    for path in paths:
        proxy.on(path, respond=held, times=None)
    healthy(proxy)
    start = time.monotonic()
    result = doctor("--timeout", "0.5", exit=exit)
    assert time.monotonic() - start < 2.5
    assert statuses(result) == {**hanging, **dict.fromkeys(skipped, "skip")}
    for check in hanging:
        assert re.search("within 0.5 s|timed out", found(result)[check]["detail"])


def test_a_server_that_takes_a_connection_and_says_nothing(doctor: Doctor) -> None:
    with silent() as plain:
        for scheme, check in (("http", "proxy"), ("https", "tls")):
            url = plain.replace("http", scheme)
            start = time.monotonic()
            result = doctor("--timeout", "0.25", exit=3, LITELLM_BASE_URL=url, LITELLM_API_KEY=KEY)
            assert time.monotonic() - start < 2.5
            assert first(result)["check"] in {check, "proxy"}


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals")
def test_ctrl_c_is_exit_130(proxy: FakeProxy, start: Start, held: Gate) -> None:
    proxy.on("/model/info", respond=held)
    healthy(proxy)
    process = start("doctor")
    assert held.reached.wait(10)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=5)
    assert (process.returncode, stderr) == (130, "")
    assert "discovery" not in stdout


def test_a_bug_in_a_check_is_its_own(doctor: Doctor, proxy: FakeProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Checks) -> None:
        raise KeyError(KEY)

    healthy(proxy)
    monkeypatch.setattr(Checks, "_mcp", broken)
    result = doctor(exit=1)
    assert statuses(result) == {"mcp": "fail"}
    assert found(result)["mcp"]["detail"] == "unexpected KeyError: this is a bug in litellmctl"


# --- a report for others


def test_a_report_says_what_it_was_run_with(run: Run, proxy: FakeProxy) -> None:
    healthy(proxy)
    text = run("doctor", "--report")
    assert re.search(r"^litellmctl \d+\.\d+\.\d+\S*, Python 3\.\d+\.\d+", text)
    assert re.search(r"requests \d+\.\d+", text)
    assert re.findall(r"^\| (\w+) \| (?:ok|warn|skip|fail) \| ", text, re.MULTILINE) == CHECKS
    assert "LiteLLM 1.106.2" in text
    assert run("doctor", "--report", terminal=True).splitlines()[0] == text.splitlines()[0]
    assert json.loads(run("doctor", "--report", "--json")).splitlines()[0] == text.splitlines()[0]


def test_a_report_has_the_exit_code_too(run: Run, proxy: FakeProxy) -> None:
    healthy(proxy, **{"/v1/models": error(401, "no")})
    assert "| credential | fail |" in run("doctor", "--report", exit=4)


@pytest.fixture
def private(env: dict[str, str], tmp_path: Path) -> Path:
    """The home of somebody with a name, who keeps caches elsewhere."""
    home = tmp_path / "homes" / "ada.lovelace"
    home.mkdir(parents=True)
    env |= dict.fromkeys(("USER", "LOGNAME"), home.name) | {"HOME": str(home)}
    env["LITELLMCTL_CONFIG_DIR"] = str(home / "config")
    env["LITELLMCTL_CACHE_DIR"] = str(tmp_path / "caches" / home.name)
    return home


def private_to(text: str) -> list[str]:
    """Return what of somebody is in a text."""
    secrets = ("127.0.0.1", "ada", "lovelace", "example.invalid", "example.com", "10.1.2.3", "fd00", "beef", "@")
    return [secret for secret in (*secrets, KEY, KEY[:10], "sk-", "eyJ") if secret.lower() in text.lower()]


@pytest.mark.usefixtures("private")
def test_a_report_of_somebody_who_is_well(run: Run, proxy: FakeProxy) -> None:
    healthy(proxy)
    text = run("doctor", "--report")
    assert private_to(text) == []
    assert "http://HOST:" in text


@pytest.mark.parametrize(
    "words",
    [
        f"key {KEY} of ada@example.com at 10.1.2.3 is bad",
        "token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2ln of user ada.lovelace",
        "ask https://sso.example.invalid/login?user=ada.lovelace, or http://10.1.2.3:4000",
        "the node fd00::beef, or fe80::beef%eth0, or [fd00:1:2::beef]:443 or FD00::BEEF is away",
        "litellm_login_ada-0123456789 has ended",
    ],
)
@pytest.mark.usefixtures("private")
def test_a_report_of_what_a_proxy_says(run: Run, proxy: FakeProxy, words: str) -> None:
    healthy(proxy, **{"/v1/models": error(401, words), SIGN_IN: error(500, words), PKCE: error(500, words)})
    assert private_to(run("doctor", "--report", exit=4)) == []


@pytest.mark.parametrize(
    ("variables", "exit"),
    [
        ({"LITELLM_BASE_URL": "https://llm.example.invalid"}, 3),
        ({"LITELLM_BASE_URL": "https://LLM.Example.invalid:8443/team"}, 3),
        ({"LITELLM_BASE_URL": "https://10.1.2.3.example.invalid"}, 3),
        ({"LITELLM_BASE_URL": "llm.example.invalid"}, 2),
        ({"LITELLM_BASE_URL": "https://ada:pw@llm.example.invalid"}, 2),
        ({"LITELLM_BASE_URL": "http://llm.example.invalid"}, 2),
        *(
            ({"LITELLM_BASE_URL": "https://llm.example.com", name: "http://web.example.invalid:3128"}, 3)
            for name in ("https_proxy", "ALL_PROXY")
        ),
        ({"LITELLM_API_KEY_HELPER": "/homes/ada.lovelace/key ada@example.com"}, 2),
    ],
)
@pytest.mark.usefixtures("private")
def test_a_report_of_a_configuration(run: Run, proxy: FakeProxy, variables: dict[str, str], exit: int) -> None:
    healthy(proxy)
    assert private_to(run("doctor", "--report", exit=exit, **variables)) == []


def test_a_report_of_a_config_file_that_is_damaged(run: Run, proxy: FakeProxy, private: Path) -> None:
    (private / "config").mkdir()
    (private / "config" / "config.toml").write_text("[profiles\n")
    text = run("doctor", "--report", exit=2)
    assert private_to(text) == []
    assert "~/config/config.toml is not valid TOML" in text


def test_a_report_of_a_redirect_to_a_sign_in(run: Run, proxy: FakeProxy) -> None:
    proxy.on(LIVE, raw=http(b"", "Location: https://sso.example.invalid/ada", status="302 Found"))
    text = run("doctor", "--report", exit=3)
    assert private_to(text) == []
    assert "redirects to https://HOST" in text


@pytest.mark.usefixtures("private")
def test_a_report_of_several_addresses(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    addresses = ["10.1.2.3", "fd00::beef", "2001:db8:0:1::beef", "fe80::beef%eth0"]

    def resolved(_host: str, port: int | None, *_: Any, **__: Any) -> Any:
        if port is not None:
            raise socket.gaierror(socket.EAI_NONAME, "not for a connection")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 0)) for one in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    variables = {"LITELLM_BASE_URL": "https://llm.example.invalid", "LITELLM_API_KEY": KEY}
    text = run("doctor", "--report", "--timeout", "0.3", exit=3, **variables)
    assert "| name_resolution | ok | HOST resolves to ADDRESS" in text
    assert private_to(text) == []


def test_a_report_stays_readable(run: Run, proxy: FakeProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """A short host, profile or home is no reason to take words apart."""
    healthy(proxy)
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *words, **more: real("127.0.0.1", *words, **more))
    url = f"http://litellm:{proxy.port}"
    text = run("doctor", "--report", "--allow-insecure-http", HOME="/", LITELLM_BASE_URL=url)
    assert "| proxy | ok | http://HOST:" in text
    assert "runs LiteLLM 1.106.2" in text
    assert "HOSTctl" not in text
    assert "~~" not in text


def test_a_report_of_a_profile_names_it_not(run: Run, proxy: FakeProxy, home: Path) -> None:
    healthy(proxy)
    (home / "config").mkdir()
    (home / "config" / "config.toml").write_text(
        f'[profiles.work]\nbase_url = "{proxy.url}"\napi_key = "{KEY}"\n[profiles.net]\nbase_url = "{proxy.url}"\n'
    )
    text = run("doctor", "--report", "--profile", "work")
    assert "profile PROFILE at http://HOST:" in text
    assert "profiles.PROFILE.api_key" in text
    assert "--offline is set" in run("doctor", "--report", "--profile", "net", "--offline", exit=0)
