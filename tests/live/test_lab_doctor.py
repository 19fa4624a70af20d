"""`doctor` on the lab: each fault that is made on purpose is named first, and what it says mends it."""

from __future__ import annotations

import datetime as dt
import json
import os
import shlex
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import trustme

from tests.conftest import Result, Run
from tests.live.conftest import LITELLM, Lab
from tests.live.signing_in import Vault
from tests.server import Listener

pytestmark = pytest.mark.database

INSTALLED = Path(sys.executable).with_name("litellmctl")
CHECKS = [
    *("configuration", "name_resolution", "tls", "proxy", "clock", "credential", "discovery"),
    *("mcp", "mcp_credentials", "skills", "sign_in", "keyring", "files", "caches", "variables", "program"),
]
# The lab takes two seconds to list its tools, and every run would.
QUICK = "mcp = false\nskills = false\n"


class User:
    """Somebody at the lab, to whom things happen."""

    def __init__(self, lab: Lab, run: Run, env: dict[str, str], home: Path) -> None:
        self.lab = lab
        self.env = env
        self.home = home
        self._run = run
        self.config = home / "config" / "config.toml"
        self.config.parent.mkdir()
        self.writes(QUICK)
        self.sets(LITELLM_BASE_URL=lab.url, LITELLM_API_KEY=lab.master_key, LITELLMCTL_KEYRING="off")
        self.env["PATH"] = f"{INSTALLED.parent}{os.pathsep}{env['PATH']}"

    def writes(self, settings: str) -> None:
        self.config.write_text(f"[profiles.default]\n{settings}")

    def sets(self, **variables: str | None) -> None:
        for name, value in variables.items():
            self.env.pop(name, None)
            if value is not None:
                self.env[name] = value

    def runs(self, *words: str, stdin: str = "", exit: int = 0) -> Result:
        return self._run(*words, stdin=stdin, exit=exit)

    def asks(self, exit: int = 0) -> dict[str, dict[str, Any]]:
        """Run the doctor; return the findings by their checks."""
        findings = self.runs("doctor", "--json", exit=exit).json
        assert [finding["check"] for finding in findings] == CHECKS
        return {finding["check"]: finding for finding in findings}

    def is_told(self, check: str, status: str, said: str, exit: int = 0) -> str:
        """Expect this to be the first finding that is not ok; return its remedy."""
        findings = self.asks(exit)
        first = next(finding for finding in findings.values() if not is_well(finding))
        assert (first["check"], first["status"], said in first["detail"]) == (check, status, True), first
        assert first["remedy"]
        return str(first["remedy"])

    def pastes(self, remedy: str) -> None:
        """Paste a remedy into a shell, and expect the doctor, run there, to find nothing any more."""
        script = f"{remedy}\nexec litellmctl doctor --json"
        done = subprocess.run(
            ["bash", "-ec", script], env=self.env, capture_output=True, text=True, timeout=30, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert not [finding for finding in json.loads(done.stdout) if not is_well(finding)]

    def is_well(self) -> None:
        assert not [finding for finding in self.asks().values() if not is_well(finding)]


def is_well(finding: dict[str, Any]) -> bool:
    return bool(finding["status"] == "ok" or finding["detail"].startswith("disabled"))


@pytest.fixture
def user(lab: Lab, run: Run, env: dict[str, str], home: Path, monkeypatch: pytest.MonkeyPatch) -> User:
    if not INSTALLED.exists():
        pytest.skip("litellmctl is not installed beside this Python")
    monkeypatch.setattr("litellmctl.own_command.executable", lambda: str(INSTALLED))
    return User(lab, run, env, home)


def test_a_healthy_lab(user: User) -> None:
    user.config.unlink()
    findings = user.asks()
    assert {finding["status"] for finding in findings.values()} == {"ok"}
    assert f"LiteLLM {LITELLM}" in findings["proxy"]["detail"]
    assert findings["clock"]["detail"] == "this machine and the proxy agree"
    assert "from model_info" in findings["discovery"]["detail"]
    assert "on 2 servers" in findings["mcp"]["detail"]
    assert findings["sign_in"]["detail"] == "single sign-on (PKCE, device code)"


# --- faults whose remedy is a line for the shell


def test_variables_that_hide_the_network(user: User) -> None:
    user.sets(LITELLM_OFFLINE="1")
    findings = user.asks()
    assert findings["name_resolution"]["detail"] == "LITELLM_OFFLINE is set"
    assert findings["variables"]["status"] == "warn"
    user.pastes(findings["variables"]["remedy"])


def test_headers_that_are_no_json(user: User) -> None:
    user.sets(LITELLM_HEADERS="x-team: blue")
    user.pastes(user.is_told("configuration", "fail", "LITELLM_HEADERS", exit=2))


def test_a_time_that_is_no_number(user: User) -> None:
    user.sets(LITELLM_DISCOVERY_TIMEOUT_MS="5s")
    user.pastes(user.is_told("discovery", "fail", "LITELLM_DISCOVERY_TIMEOUT_MS", exit=2))


def test_a_variable_that_is_not_set(user: User) -> None:
    user.writes(f'{QUICK}base_url = "{user.lab.url}"\napi_key = "$LAB_KEY"\n')
    user.sets(LITELLM_BASE_URL=None, LITELLM_API_KEY=None)
    remedy = user.is_told("credential", "fail", "LAB_KEY, which is not set", exit=2)
    user.pastes(remedy.replace("...", user.lab.master_key))


def test_a_cache_that_cannot_be_written(user: User) -> None:
    user.sets(LITELLMCTL_CACHE_DIR=str(user.config))
    user.pastes(user.is_told("caches", "warn", "is not writable"))


def test_another_program_of_that_name(user: User, tmp_path: Path) -> None:
    other = tmp_path / "litellmctl"
    other.write_text("#!/bin/sh\nexit 7\n")
    other.chmod(0o755)
    user.env["PATH"] = f"{tmp_path}{os.pathsep}{user.env['PATH']}"
    user.pastes(user.is_told("program", "warn", f"PATH finds {other} first"))


# --- faults whose remedy is a command of ours


def first_command(remedy: str) -> list[str]:
    """Return the words of a command of ours, without `litellmctl`."""
    words = shlex.split(remedy.split(", ", maxsplit=1)[0])
    assert words[0] == "litellmctl", remedy
    return words[1:]


def test_nothing_is_configured(user: User) -> None:
    user.sets(LITELLM_BASE_URL=None, LITELLM_API_KEY=None)
    remedy = user.is_told("configuration", "fail", "no proxy and no credential", exit=4)
    user.runs(*first_command(remedy), "--with-token", "--base-url", user.lab.url, stdin=user.lab.master_key)
    user.is_well()


def test_no_credential(user: User) -> None:
    user.sets(LITELLM_API_KEY=None)
    remedy = user.is_told("credential", "fail", f"no credential for {user.lab.url}", exit=4)
    user.runs(*first_command(remedy), "--with-token", stdin=user.lab.master_key)
    user.is_well()


def test_a_login_that_has_expired_and_the_variables_behind_it(user: User) -> None:
    user.runs("login", "--with-token", "--base-url", user.lab.url, stdin=user.lab.master_key)
    Vault(user.env).change(expires_at=time.time() - 60)
    remedy = user.is_told("credential", "fail", "has expired", exit=4)
    user.runs(*first_command(remedy), "--with-token", stdin=user.lab.master_key)
    user.is_well()  # the variable holds the same key
    user.sets(LITELLM_API_KEY="sk-another-0123456789")
    user.pastes(user.is_told("variables", "warn", "LITELLM_API_KEY is ignored"))


def test_a_profile_that_is_not_there(user: User) -> None:
    user.config.write_text('default_profile = "work"\n')
    user.pastes(user.is_told("configuration", "fail", 'no profile "work" (from default_profile)', exit=2))
    user.sets(LITELLMCTL_PROFILE="home")
    user.pastes(user.is_told("configuration", "fail", 'no profile "home" (from LITELLMCTL_PROFILE)', exit=2))


class Terminator(Listener):
    """TLS in front of the lab."""

    def __init__(self, lab: Lab, certificate: trustme.LeafCert) -> None:
        parts = urlsplit(lab.url)
        self._behind = parts.hostname or "", parts.port or 80
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(self._context)
        super().__init__()
        self.url = f"https://127.0.0.1:{self.port}"

    def serve(self, connection: socket.socket) -> None:
        """Pass on what comes, until a client that does not trust us goes away, or the exchange is over."""
        with (
            self._context.wrap_socket(connection, server_side=True) as outer,
            socket.create_connection(self._behind) as inner,
        ):
            back = threading.Thread(target=_copy, args=(inner, outer), daemon=True)
            back.start()
            _copy(outer, inner)
            inner.shutdown(socket.SHUT_RDWR)
            back.join(5)


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while some := source.recv(65536):
            target.sendall(some)
    except OSError:
        pass


@pytest.fixture
def terminator(lab: Lab, tmp_path: Path) -> Iterator[Callable[[float], Terminator]]:
    """Put TLS in front of the lab, with a certificate that is good for some days; `ca.pem` is its authority."""
    authority = trustme.CA(organization_name="Lab Authority")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    started: list[Terminator] = []

    def start(days: float) -> Terminator:
        now = dt.datetime.now(dt.UTC)
        before, after = now - dt.timedelta(400), now + dt.timedelta(days)
        started.append(Terminator(lab, authority.issue_cert("127.0.0.1", not_before=before, not_after=after)))
        return started[-1]

    yield start
    for one in started:
        one.close()


def test_an_authority_that_is_not_trusted(
    user: User, terminator: Callable[[float], Terminator], tmp_path: Path
) -> None:
    user.sets(LITELLM_BASE_URL=terminator(300).url)
    remedy = user.is_told("tls", "fail", '(issued by "Lab Authority") is not trusted', exit=3)
    *words, file = first_command(remedy)
    assert file == "FILE"
    user.runs(*words, str(tmp_path / "ca.pem"))
    findings = user.asks()
    assert (findings["tls"]["status"], findings["credential"]["status"]) == ("ok", "ok")
    assert findings["tls"]["detail"].startswith('issued by "Lab Authority", expires ')


def test_a_certificate_that_has_expired(user: User, terminator: Callable[[float], Terminator], tmp_path: Path) -> None:
    user.runs("config", "set", "ca_bundle", str(tmp_path / "ca.pem"))
    user.sets(LITELLM_BASE_URL=terminator(-1).url)
    assert "renew" in user.is_told("tls", "fail", "has expired", exit=3)
    user.sets(LITELLM_BASE_URL=terminator(300).url)  # the administrator did
    assert user.asks()["credential"]["status"] == "ok"


# --- faults whose remedy is something to look at, or another person


def test_a_config_file_that_is_damaged(user: User) -> None:
    user.config.write_text('[profiles.default]\nmcp = false\nbase_url = "x\n')
    remedy = user.is_told("configuration", "fail", "line 3, column", exit=2)
    assert str(user.config) in remedy
    user.writes(QUICK)
    user.is_well()


def test_a_host_that_is_not_known(user: User) -> None:
    user.sets(LITELLM_BASE_URL=user.lab.url.replace("127.0.0.1", "lab.invalid").replace("http:", "https:"))
    remedy = user.is_told("name_resolution", "fail", 'cannot resolve "lab.invalid"', exit=3)
    assert "config get base_url" in remedy


@pytest.mark.parametrize("what", ["nobody", "another server", "TLS where there is none"])
def test_a_url_that_is_wrong(user: User, what: str) -> None:
    url, check, said, remedy = {
        "nobody": ("http://127.0.0.1:9", "proxy", "connection refused", "check the URL"),
        "another server": (user.lab.idp_url, "proxy", user.lab.idp_url, "check the base URL"),
        "TLS where there is none": (user.lab.url.replace("http:", "https:"), "tls", "TLS with", "use http://"),
    }[what]
    user.sets(LITELLM_BASE_URL=url)
    assert remedy in user.is_told(check, "fail", said, exit=3)
    user.sets(LITELLM_BASE_URL=user.lab.url)
    user.is_well()


def test_keys_that_are_wrong(user: User) -> None:
    deleted = user.lab.new_key()
    user.lab.ask("POST", "/key/delete", json={"keys": [deleted]}).raise_for_status()
    for key in ("sk-none-of-the-labs-0123456789", deleted):
        user.sets(LITELLM_API_KEY=key)
        remedy = user.is_told("credential", "fail", f"{user.lab.url} refused the key", exit=4)
        assert "check that the key" in remedy


def test_a_helper_that_fails(user: User) -> None:
    helper = "sh -c 'echo vault is sealed >&2; exit 3'"
    user.sets(LITELLM_API_KEY_HELPER=helper, LITELLM_API_KEY=None)
    remedy = user.is_told("credential", "fail", "failed with exit code 3", exit=2)
    by_hand = subprocess.run(
        ["bash", "-c", remedy.partition(": ")[2]], capture_output=True, text=True, timeout=20, check=False
    )
    assert (by_hand.returncode, by_hand.stderr) == (3, "vault is sealed\n")
    user.sets(LITELLM_API_KEY_HELPER=f"echo {user.lab.master_key}")
    user.is_well()


def test_a_key_that_sees_no_details(user: User) -> None:
    user.sets(LITELLM_API_KEY=user.lab.new_key(allowed_routes=["/v1/models", "/v1/chat/completions"]))
    remedy = user.is_told("discovery", "warn", "models from models_list, with fewer facts")
    assert "key of the default type" in remedy
    user.sets(LITELLM_API_KEY=user.lab.new_key())
    user.is_well()


def test_a_key_for_mcp_only(user: User) -> None:
    user.writes("mcp = true\n")
    user.sets(LITELLM_API_KEY=user.lab.new_key(allowed_routes=["mcp_routes"]))
    findings = user.asks()
    unwell = {check for check, finding in findings.items() if not is_well(finding)}
    assert unwell == {"discovery", "mcp_credentials", "skills"}
    assert findings["credential"]["detail"].endswith("is accepted, for some routes only: mcp_routes")
    assert findings["discovery"]["detail"] == "this key is not allowed to list models"
    assert findings["mcp"]["status"] == "ok"


def test_an_mcp_server_that_is_down(user: User) -> None:
    user.writes("skills = false\n")
    body = {"server_name": "lab_gone", "url": "http://127.0.0.1:9/mcp", "transport": "http"}
    made = user.lab.ask("POST", "/v1/mcp/server", json=body)
    made.raise_for_status()
    try:
        assert user.is_told("mcp", "warn", "lab_gone (unreachable)") == "litellmctl mcp servers"
    finally:
        user.lab.ask("DELETE", f"/v1/mcp/server/{made.json()['server_id']}")


def test_a_report_names_neither_the_lab_nor_its_user(user: User) -> None:
    user.sets(LITELLM_API_KEY=user.lab.new_key(user_id="one"))
    text = user.runs("doctor", "--report")
    for private in (str(user.home), "127.0.0.1", user.env["LITELLM_API_KEY"], "sk-", "one@example.com"):
        assert private not in text
    assert f"runs LiteLLM {LITELLM}" in text
