"""Which proxy is asked, with which credential, and what is never sent."""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.answers import http
from tests.conftest import Run
from tests.fake_proxy import FakeProxy, row
from tests.server import Listener, silent


def sent(proxy: FakeProxy) -> str | None:
    return proxy.requests[-1].headers.get("Authorization")


@pytest.fixture
def fake(proxy: FakeProxy, env: dict[str, str]) -> FakeProxy:
    """A proxy that no variable names."""
    del env["LITELLM_BASE_URL"], env["LITELLM_API_KEY"]
    return proxy


def test_nothing_configured_is_exit_4(run: Run) -> None:
    result = run("models", "--json", exit=4)
    assert result.error["code"] == "auth_required"
    assert "LITELLM_BASE_URL" in result.error["remedy"]


def test_a_key_without_a_url_is_exit_2(run: Run) -> None:
    result = run("models", "--json", exit=2, LITELLM_API_KEY="sk-x")
    assert (result.error["code"], "LITELLM_BASE_URL is not" in result.error["message"]) == ("config", True)


def test_a_url_without_a_key_is_exit_4(run: Run) -> None:
    assert run("models", "--json", exit=4, LITELLM_BASE_URL="http://127.0.0.1:9").error["code"] == "auth_required"


@pytest.mark.parametrize("suffix", ["", "/", "/v1", "/v1/", "//"])
def test_a_base_url_is_taken_as_people_paste_it(run: Run, fake: FakeProxy, suffix: str) -> None:
    fake.models(row("gpt"))
    run("models", LITELLM_BASE_URL=fake.url + suffix, LITELLM_API_KEY="sk-x")
    assert fake.asked == ["/model/info"]


def test_a_path_prefix_is_kept(run: Run, fake: FakeProxy) -> None:
    fake.on("/team/llm/model/info", {"data": [row("gpt")]})
    run("models", LITELLM_BASE_URL=f"{fake.url}/team/llm/v1/", LITELLM_API_KEY="sk-x")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("llm.example.com", "https://llm.example.com"),
        ("https://user:hunter2@llm.example.com", "user name or password"),
        ("https://hunter2@llm.example.com", "user name or password"),
        ("hunter2:x@llm.example.com", "no scheme"),
        ("ftp://llm.example.com", "http"),
        ("https://", "no host"),
        ("https://llm.example.com?x=1", "query"),
        ("https://llm.example.com:99999", "not a valid URL"),
        ("https://llm example.com", "space"),
        ("http://llm.example.com", "--allow-insecure-http"),
    ],
)
@pytest.mark.parametrize("option", [True, False])
def test_a_bad_url_is_exit_2_and_its_password_is_not_shown(run: Run, url: str, words: str, option: bool) -> None:
    arguments = ["--base-url", url] if option else []
    result = run("models", *arguments, exit=2, LITELLM_API_KEY="sk-x", LITELLM_BASE_URL=None if option else url)
    assert words in result.stderr
    assert "hunter2" not in result.stderr


@pytest.mark.parametrize("key", ["sk-a\nb", "sk-\x00", "sk-\x7f", "sk-é"])
def test_a_key_that_cannot_be_sent_is_refused_at_its_source(
    run: Run, fake: FakeProxy, key: str, tmp_path: Path
) -> None:
    secret = tmp_path / "key"
    secret.write_text(key)
    if "\x00" not in key:
        result = run("models", exit=2, LITELLM_BASE_URL=fake.url, LITELLM_API_KEY=key)
        assert "LITELLM_API_KEY" in result.stderr
        assert key not in result.stderr
    result = run("models", exit=2, LITELLM_BASE_URL=fake.url, LITELLM_API_KEY_HELPER=f"cat {secret}")
    assert "LITELLM_API_KEY_HELPER" in result.stderr


def test_the_order_of_the_variables(run: Run, fake: FakeProxy) -> None:
    variables = {
        "LITELLM_BASE_URL": fake.url,
        "LITELLM_API_KEY_HELPER": "echo sk-helper",
        "LITELLM_API_KEY": "sk-key",
        "LITELLM_PROXY_URL": fake.url,
        "LITELLM_PROXY_API_KEY": "sk-alias",
    }
    fake.models(row("gpt"), times=3)
    for expected, name in (("helper", "LITELLM_API_KEY_HELPER"), ("key", "LITELLM_API_KEY"), ("alias", "")):
        run("models", "--refresh", **variables)
        assert sent(fake) == f"Bearer sk-{expected}"
        variables.pop(name, None)


def test_lites_variables_are_understood(run: Run, fake: FakeProxy) -> None:
    fake.models(row("gpt"))
    run("models", LITELLM_PROXY_URL=fake.url, LITELLM_PROXY_API_KEY="sk-alias")
    assert sent(fake) == "Bearer sk-alias"


def test_a_key_never_travels_to_a_url_that_it_was_not_given_for(run: Run, fake: FakeProxy) -> None:
    elsewhere = {"LITELLM_BASE_URL": "https://other.example.com", "LITELLM_API_KEY": "sk-other"}
    assert run("models", "--base-url", fake.url, "--json", exit=4, **elsewhere).error["code"] == "auth_required"
    run("config", "set", "profiles.work.base_url", fake.url)
    run("models", "--profile", "work", exit=4, **elsewhere)
    assert fake.requests == []


def test_a_key_without_a_url_of_its_own_may_join_an_option_or_a_profile(run: Run, fake: FakeProxy) -> None:
    fake.models(row("gpt"), times=2)
    run("models", "--base-url", fake.url, LITELLM_API_KEY="sk-joins")
    assert sent(fake) == "Bearer sk-joins"
    run("config", "set", "base_url", fake.url)
    run("models", "--refresh", LITELLM_API_KEY="sk-joins")


def test_a_profile_goes_before_the_environment_and_says_so_to_a_person(
    run: Run, fake: FakeProxy, env: dict[str, str]
) -> None:
    run("config", "set", "base_url", fake.url)
    run("config", "set", "api_key", "$MY_KEY")
    env.update({"MY_KEY": "sk-mine", "LITELLM_BASE_URL": fake.url, "LITELLM_API_KEY": "sk-env"})
    fake.models(row("gpt"), times=3)
    assert run("models", "--refresh").stderr == ""
    assert sent(fake) == "Bearer sk-mine"
    said = " ".join(run("models", "--refresh", terminal=True, NO_COLOR="1").stderr.split())
    assert said.startswith("Warning: LITELLM_API_KEY is ignored: profiles.default.api_key is used (pass --auth env")
    run("models", "--refresh", "--auth", "env")
    assert sent(fake) == "Bearer sk-env"


@pytest.mark.parametrize("source", ["stored", "config", "gcloud", "helper"])
def test_a_source_that_is_not_there_is_exit_4_and_never_the_next_one(run: Run, fake: FakeProxy, source: str) -> None:
    variables = {"LITELLM_BASE_URL": fake.url, "LITELLM_API_KEY": "sk-env"}
    run("models", "--auth", source, exit=4, **variables)
    run("models", exit=4, LITELLMCTL_AUTH=source, **variables)
    assert fake.requests == []


def test_profiles_are_chosen_by_option_variable_and_file(run: Run, fake: FakeProxy) -> None:
    fake.models(row("gpt"), times=3)
    for name in ("one", "two", "three"):
        run("config", "set", f"profiles.{name}.base_url", fake.url)
        run("config", "set", f"profiles.{name}.api_key", f"!echo sk-{name}")
    run("config", "set", "default_profile", "one")
    run("models")
    assert sent(fake) == "Bearer sk-one"
    run("models", LITELLMCTL_PROFILE="two")
    assert sent(fake) == "Bearer sk-two"
    run("models", "--profile", "three", LITELLMCTL_PROFILE="two")
    assert sent(fake) == "Bearer sk-three"
    result = run("models", "--profile", "on", exit=2)
    assert 'Did you mean "one"?' in result.stderr


def test_only_the_default_profile_uses_the_environments_proxy(run: Run, fake: FakeProxy) -> None:
    run("config", "set", "profiles.work.mcp", "false")
    run("models", "--profile", "work", exit=4, LITELLM_BASE_URL=fake.url, LITELLM_API_KEY="sk-env")


def test_headers_and_key_header(run: Run, fake: FakeProxy, env: dict[str, str]) -> None:
    env.update({"TEAM": "blue", "MY_KEY": "sk-mine"})
    run("config", "set", "base_url", fake.url)
    run("config", "set", "api_key", "$MY_KEY")
    run("config", "set", "headers.x-team", "$TEAM")
    run("config", "set", "headers.Authorization", "evil")
    run("config", "set", "key_header", "x-litellm-api-key")
    fake.models(row("gpt"))
    assert "header Authorization is ignored" in run("models").stderr
    headers = fake.requests[0].headers
    assert (headers["x-litellm-api-key"], headers["x-team"], headers.get("Authorization")) == ("sk-mine", "blue", None)


def test_headers_go_only_where_their_key_goes(run: Run, fake: FakeProxy) -> None:
    fake.models(row("gpt"))
    run("config", "set", "base_url", fake.url)
    run("config", "set", "api_key", "!echo sk-mine")
    run("models", LITELLM_HEADERS='{"x-env": "1"}')
    assert "x-env" not in fake.requests[0].headers


@pytest.mark.parametrize("text", ["[]", "x", '{"a": 1}', '{"a b": "c"}', '"text"', "null"])
def test_headers_that_are_no_object_of_texts_are_exit_2(run: Run, fake: FakeProxy, text: str) -> None:
    result = run("models", exit=2, LITELLM_BASE_URL=fake.url, LITELLM_API_KEY="sk-x", LITELLM_HEADERS=text)
    assert "LITELLM_HEADERS" in result.stderr


def test_a_header_with_a_newline_is_refused(run: Run, fake: FakeProxy) -> None:
    headers = json.dumps({"x-a": "b\r\nx-evil: 1"})
    run("models", exit=2, LITELLM_BASE_URL=fake.url, LITELLM_API_KEY="sk-x", LITELLM_HEADERS=headers)


@pytest.mark.parametrize(
    ("helper", "words"),
    [
        ("false", "exit code 1"),
        ("true", "printed nothing"),
        ("printf 'sk-one\\nsk-two'", "several lines"),
        ("no-such-program-anywhere", "cannot be run"),
        ("echo sk | cat", "sh -c"),
        ("echo 'unbalanced", "cannot be split"),
    ],
)
def test_a_helper_that_fails_is_exit_2_and_its_output_is_not_shown(
    run: Run, fake: FakeProxy, helper: str, words: str
) -> None:
    result = run("models", "--json", exit=2, LITELLM_BASE_URL=fake.url, LITELLM_API_KEY_HELPER=helper)
    assert result.error["code"] == "config"
    assert "LITELLM_API_KEY_HELPER" in result.error["message"]
    assert (
        words in result.error["message"] + result.error["remedy"]
        if words == "sh -c"
        else words in result.error["message"]
    )
    if "several" in words:
        assert "sk-two" not in result.error["message"].replace(helper, "")


def test_a_helper_that_hangs_is_ended(run: Run, fake: FakeProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("litellmctl.settings.key_command.SECONDS", 0.3)
    result = run("models", exit=2, LITELLM_BASE_URL=fake.url, LITELLM_API_KEY_HELPER="sleep 60")
    assert "did not finish" in result.stderr


def test_a_helper_runs_again_once_on_401(run: Run, fake: FakeProxy, tmp_path: Path) -> None:
    count = tmp_path / "count"
    helper = f"sh -c 'echo x >> {count}; echo sk-$(wc -l < {count} | tr -d \" \")'"
    fake.on("/model/info", {"error": {"message": "expired", "type": "expired_key"}}, status=401)
    fake.models(row("gpt"))
    run("models", LITELLM_BASE_URL=fake.url, LITELLM_API_KEY_HELPER=helper)
    assert [request.headers["Authorization"] for request in fake.requests] == ["Bearer sk-1", "Bearer sk-2"]


def test_a_helper_does_not_run_a_third_time(run: Run, fake: FakeProxy, tmp_path: Path) -> None:
    count = tmp_path / "count"
    helper = f"sh -c 'echo x >> {count}; echo sk-x'"
    refused: dict[str, Any] = {"body": {"error": {"message": "no", "type": "auth_error"}}, "status": 401}
    fake.on("/model/info", times=2, **refused).on("/v1/models", **refused)
    run("models", exit=4, LITELLM_BASE_URL=fake.url, LITELLM_API_KEY_HELPER=helper)
    assert count.read_text() == "x\nx\n"


class Google(Listener):
    """A loopback HTTP proxy that answers for Google's token endpoint with a certificate of the test's authority."""

    def __init__(self, certificate: trustme.LeafCert, answer: bytes) -> None:
        self.asked: list[bytes] = []
        self._answer = answer
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(self._context)
        super().__init__()

    def serve(self, connection: socket.socket) -> None:
        """Connect to nobody, and be Google."""
        self.asked.append(connection.recv(65536).split(b"\r\n")[0])
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with self._context.wrap_socket(connection, server_side=True) as secured:
            request = b""
            # The body may come in a record of its own.
            while b"grant_type=refresh_token" not in request and (some := secured.recv(65536)):
                request += some
            self.asked.append(request)
            secured.sendall(self._answer)


ADC = {
    "type": "authorized_user",
    "client_id": "id",
    "client_secret": "hidden-secret",
    "refresh_token": "hidden-refresh",
}


@pytest.fixture
def adc(tmp_path: Path, env: dict[str, str], fake: FakeProxy) -> Path:
    path = tmp_path / "adc.json"
    path.write_text(json.dumps(ADC))
    env.update(
        {"GOOGLE_APPLICATION_CREDENTIALS": str(path), "LITELLM_GCLOUD_TOKEN_AUTH": "1", "LITELLM_BASE_URL": fake.url}
    )
    return path


@pytest.fixture
def google(tmp_path: Path, env: dict[str, str]) -> Iterator[Any]:
    authority = trustme.CA()
    bundle = tmp_path / "google-ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    servers: list[Google] = []

    def start(status: str, body: dict[str, Any]) -> Google:
        server = Google(
            authority.issue_cert("oauth2.googleapis.com"),
            http(body, "Content-Type: application/json", "Connection: close", status=status),
        )
        servers.append(server)
        env.update({"REQUESTS_CA_BUNDLE": str(bundle), "HTTPS_PROXY": server.url})
        return server

    yield start
    for server in servers:
        server.close()


def test_google_credentials_give_an_access_token(run: Run, fake: FakeProxy, adc: Path, google: Any) -> None:
    server = google("200 OK", {"access_token": "ya29.token", "expires_in": 3600, "token_type": "Bearer"})
    fake.models(row("gpt"))
    result = run("models", "-v")
    assert sent(fake) == "Bearer ya29.token"
    assert server.asked[0].startswith(b"CONNECT oauth2.googleapis.com:443 ")
    assert "hidden" not in result.stderr


def test_google_refusing_is_exit_4_with_gclouds_own_command(run: Run, fake: FakeProxy, adc: Path, google: Any) -> None:
    google("400 Bad Request", {"error": "invalid_grant", "error_description": "Token has been revoked."})
    result = run("models", "--json", exit=4)
    assert "revoked" in result.error["message"]
    assert result.error["remedy"] == "gcloud auth application-default login"
    assert "hidden" not in result.stderr


def test_google_out_of_reach_is_exit_3(run: Run, fake: FakeProxy, adc: Path, env: dict[str, str]) -> None:
    assert run("models", "--json", exit=3, HTTPS_PROXY="http://127.0.0.1:9").error["code"] == "unreachable"


def test_google_that_never_answers_cannot_hold_us(
    run: Run, fake: FakeProxy, adc: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("litellmctl.auth.adc._SECONDS", 0.3)
    with silent() as url:
        start = time.monotonic()
        result = run("models", "--json", exit=3, HTTPS_PROXY=url)
    assert result.error["code"] == "unreachable"
    assert time.monotonic() - start < 3


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "no such file"),
        ("{", "not valid JSON"),
        ('{"type": "service_account", "private_key": "hidden"}', "service_account"),
        (json.dumps({**ADC, "refresh_token": ""}), "lacks refresh_token"),
    ],
)
def test_google_credentials_that_cannot_be_used_warn_by_name_and_fall_through(
    run: Run, fake: FakeProxy, adc: Path, content: str | None, words: str
) -> None:
    adc.unlink()
    if content is not None:
        adc.write_text(content)
    fake.models(row("gpt"))
    result = run("models", LITELLM_API_KEY="sk-next")
    assert words in result.stderr
    assert "LITELLM_GCLOUD_TOKEN_AUTH" in result.stderr
    assert "hidden" not in result.stderr
    assert sent(fake) == "Bearer sk-next"
    run("models", "--auth", "gcloud", exit=4, LITELLM_API_KEY="sk-next")


@pytest.mark.parametrize("name", ["LITELLM_API_KEY", "LITELLM_API_KEY_HELPER", "LITELLM_PROXY_API_KEY"])
def test_a_key_variable_that_is_empty_is_named(run: Run, name: str) -> None:
    url = {"LITELLM_BASE_URL": "https://llm.example.com"}
    error = run("models", "--json", exit=4, **url, **{name: " "}).error
    assert error["message"] == f"no credential for https://llm.example.com: {name} is empty"


def test_a_source_whose_variable_has_no_url_says_which_is_missing(run: Run) -> None:
    error = run("models", "--auth", "env", "--json", exit=2, LITELLM_API_KEY="sk-1234").error
    assert error["message"] == "LITELLM_API_KEY is set, but LITELLM_BASE_URL is not"
    error = run("models", "--auth", "helper", "--json", exit=4, LITELLM_API_KEY="sk-1234").error
    assert error["code"] == "auth_required"
