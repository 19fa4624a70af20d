"""Gateways that answer in the proxy's stead, errors of every shape, spent budgets, and an HTTP proxy on the way."""

from __future__ import annotations

import json
import sys
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.answers import http
from tests.conftest import Run
from tests.fake_proxy import FakeProxy, error, row
from tests.server import Handler, Server

KEY = "sk-0123456789abcdefghij"
BLOCKED = b"<!DOCTYPE html><html><head><title>Attention Required! | Cloudflare</title></head><body>no</body></html>"


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden"])
@pytest.mark.parametrize(
    ("body", "headers", "who", "words"),
    [
        (BLOCKED, ("Server: cloudflare", "CF-RAY: 0-AAA"), "(Cloudflare)", "Attention Required! | Cloudflare"),
        (b"<html><head><title>401 Authorization Required</title>", ("Server: nginx/1.25",), "(nginx)", "Authorization"),
        (b'{"statusCode":401,"message":"missing subscription key."}', (), "(Azure API Management)", "subscription key"),
        (b'{"Message":"User is not authorized to access this resource"}', (), "(Amazon API Gateway)", "User is not"),
        (b'{"message":"Unauthorized"}', ("Server: kong/3.4.0",), "(kong)", "Unauthorized"),
        (b"RBAC: access denied", ("Server: envoy",), "(Envoy)", "RBAC: access denied"),
        (b"", ("Server: awselb/2.0",), "(AWS load balancer)", ""),
        (b"{}", ("Gap-Auth: me",), "(OAuth2 Proxy)", ""),
    ],
)
def test_a_gateways_page_is_exit_3_and_no_model_is_called_to_see_whether_it_is_healthy(
    run: Run, proxy: FakeProxy, status: str, body: bytes, headers: tuple[str, ...], who: str, words: str
) -> None:
    for path in ("/model/info", "/v1/models"):
        proxy.on(path, raw=http(body, *headers, status=status))
    failed = run("models", "--json", exit=3).error
    assert (failed["code"], failed["status"]) == ("bad_response", int(status[:3]))
    assert failed["message"].startswith(f"a gateway in front of {proxy.url} {who} refused /model/info")
    assert words in failed["message"]
    assert "refused the key" not in failed["message"]
    assert proxy.asked == ["/model/info", "/v1/models"]


def test_a_gateway_that_lets_only_one_path_through_does_no_harm(run: Run, proxy: FakeProxy) -> None:
    proxy.on("/model/info", raw=http(b'{"message":"Forbidden"}', status="403 Forbidden"))
    proxy.on("/v1/models", {"data": [{"id": "gpt", "object": "model"}]})
    proxy.on("/model_group/info", {"data": []})
    assert [one["id"] for one in run("models", "--json").json] == ["gpt"]


def test_a_key_that_litellm_refuses_behind_a_gateway_is_a_wrong_key(run: Run, proxy: FakeProxy) -> None:
    """The gateway lets only /v1 through."""
    proxy.on("/model/info", raw=http(BLOCKED, "CF-RAY: 0-AAA", status="403 Forbidden"))
    proxy.on("/v1/models", **error(401, "Invalid proxy server token passed.", "token_not_found_in_db"))
    assert run("models", "--json", exit=4).error["code"] == "auth_failed"


def test_nobody_signs_in_with_a_gateways_page(run: Run, fake: FakeProxy) -> None:
    fake.on("/v1/models", raw=http(BLOCKED, "CF-RAY: 0-AAA", status="403 Forbidden"))
    failed = run("login", "--with-token", "--base-url", fake.url, "--json", exit=3, stdin=KEY).error
    assert "(Cloudflare)" in failed["message"]


def test_plain_http_to_a_gateways_port_of_tls_names_https(run: Run, proxy: FakeProxy) -> None:
    page = b"<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head></html>"
    proxy.on("/model/info", raw=http(page, "Server: nginx", status="400 Bad Request"))
    failed = run("models", "--json", exit=3).error
    assert (failed["code"], failed["remedy"]) == ("tls", f"use {proxy.url.replace('http', 'https')}")


@pytest.mark.parametrize(
    ("status", "body", "exit_code", "words"),
    [
        (400, {"error": {"message": {"error": "team may not call this model"}, "type": "x"}}, 5, "team may not call"),
        (
            422,
            {"detail": [{"loc": ["body", "source"], "msg": "Field required", "type": "missing"}]},
            5,
            "source: Field",
        ),
        (400, {"errors": [{"message": "first"}, {"message": "second"}]}, 5, "first; second"),
        (
            404,
            {"error": {"message": "{'error': 'No keys found'}", "type": "internal_server_error"}},
            5,
            "No keys found",
        ),
        (400, {"detail": {"msg": "in detail.msg"}}, 5, "in detail.msg"),
        (500, {"Message": "an error has occurred"}, 3, "an error has occurred"),
        (401, {"error": {"message": "Only proxy admin can be used to", "type": "auth_error"}}, 4, "does not allow /x"),
    ],
)
def test_the_words_of_an_error_are_shown_whatever_its_shape(
    run: Run, proxy: FakeProxy, status: int, body: dict[str, Any], exit_code: int, words: str
) -> None:
    proxy.on("/x", body, status=status, times=None)
    result = run("api", "/x", exit=exit_code)
    assert words in result.stderr
    assert "log" not in result.stderr or exit_code == 3
    assert json.loads(result) == body


@pytest.mark.parametrize(
    "body", [b'{"error":' * 10_000 + b"1" + b"}" * 10_000, b'{"error":{"message":"' + b"x" * 10**7]
)
def test_an_error_that_is_deep_or_long_is_an_error_with_its_status(run: Run, proxy: FakeProxy, body: bytes) -> None:
    for path in ("/model/info", "/v1/models", "/health"):
        proxy.on(path, body, status=403)
    assert run("models", "--json", exit=4).error["message"].endswith("does not allow /model/info (403)")


@pytest.mark.parametrize(
    ("status", "words", "budget"),
    [
        (429, "Budget has been exceeded! Current cost: 10.5, Max budget: 10.0", "the budget,"),
        (429, "Budget has been exceeded! Team=blue Current cost: 2, Max budget: 1", "the budget of team blue,"),
        (
            503,
            "No deployments available - crossed budget: Exceeded budget for provider openai",
            "the budget of provider openai,",
        ),
        (400, "ExceededBudget: User=me over budget. Spend=2, Budget=1", "the budget of user me,"),
    ],
)
def test_a_spent_budget_is_one_request_and_the_remedy_names_it(
    run: Run, proxy: FakeProxy, status: int, words: str, budget: str
) -> None:
    proxy.on("/model/info", **error(status, words, "None"))
    failed = run("models", "--json", exit=5 if status == 400 else 3).error
    assert words in failed["message"]
    assert f"raise {budget} or wait until it resets" in failed["remedy"]
    assert proxy.asked == ["/model/info"]


@pytest.mark.parametrize("status", [400, 422, 429])
def test_a_key_over_its_budget_is_a_key_whatever_the_releases_status(run: Run, fake: FakeProxy, status: int) -> None:
    fake.on("/v1/models", **error(status, "Budget has been exceeded! Current cost: 2", "budget_exceeded"))
    fake.on("/key/info", {"info": {}}).on("/user/info", {}).models(row("gpt"))
    result = run("login", "--with-token", "--base-url", fake.url, stdin=KEY)
    assert "Budget has been exceeded!" in result.stderr
    assert "Signed in" in result.stderr


def test_a_date_an_hour_away_is_not_waited_for(run: Run, proxy: FakeProxy) -> None:
    later = formatdate(time.time() + 3600, usegmt=True)
    proxy.on("/model/info", **error(429, "slow", "x"), headers={"Retry-After": later})
    assert "(retry after 3" in run("models", "--json", exit=3).error["message"]
    assert proxy.asked == ["/model/info"]


@pytest.mark.parametrize(
    ("code", "exit_code"), [("401", 4), ("403", 4), ("404", 5), ("429", 3), ("500", 3), (None, 3), ("1e3", 3)]
)
def test_an_error_with_a_status_of_200_has_the_exit_code_of_the_error(
    run: Run, proxy: FakeProxy, code: str | None, exit_code: int
) -> None:
    body = {"error": {"message": "of the proxy", "type": "x", "param": None, "code": code}}
    proxy.on("/model/info", body).on("/claude-code/plugins", body, method="POST")
    proxy.on("/claude-code/plugins", {"plugins": []}, times=None)
    assert "of the proxy" in run("models", "--json", exit=exit_code).error["message"]
    created = run("skills", "create", "greet", "--source", "github:a/b", "--json", exit=exit_code)
    assert "of the proxy" in created.error["message"]


# HTTP proxies


@pytest.fixture
def http_proxy() -> Iterator[Callable[..., Server]]:
    """Return a function that starts an HTTP proxy which answers everything with a status; `asked` are the requests."""
    started: list[Server] = []

    def start(status: int, *headers: tuple[str, str]) -> Any:
        asked: list[tuple[str, str, str | None]] = []

        class Refusing(Handler):
            def _refuse(self) -> None:
                asked.append((self.command, self.path, self.headers.get("Proxy-Authorization")))
                self.close_connection = True
                self.send(status, b"<html>denied</html>", dict(headers))

            do_GET = do_CONNECT = _refuse

        server = Server(Refusing)
        server.asked = asked  # type: ignore[attr-defined]
        server.begin()
        started.append(server)
        return server

    yield start
    for server in started:
        server.close()
        assert not server.errors


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    ("userinfo", "password"),
    [("u:pa#ssword@", "pa#ssword"), ("u:p/a@ss?word@", "p/a@ss?word"), ("u:wrongword@", "wrongword")],
)
@pytest.mark.parametrize("prefix", ["http://", ""])
def test_a_refused_password_of_an_http_proxy_is_sent_once_and_never_shown(
    run: Run, env: dict[str, str], http_proxy: Any, scheme: str, userinfo: str, password: str, prefix: str
) -> None:
    server = http_proxy(407, ("Proxy-Authenticate", 'Basic realm="x"'))
    env.update(LITELLM_BASE_URL=f"{scheme}://llm.example", LITELLM_API_KEY=KEY, LITELLMCTL_ALLOW_INSECURE_HTTP="1")
    env[f"{scheme.upper()}_PROXY"] = f"{prefix}{userinfo}127.0.0.1:{server.port}"
    result = run("models", "--json", "-v", exit=3)
    assert f"the HTTP proxy 127.0.0.1:{server.port} refused the user name or password (407)" in result.error["message"]
    assert result.error["remedy"] == f"check the user name and password in {scheme.upper()}_PROXY"
    ((_, _, signs_in),) = server.asked
    assert b64decode(signs_in.removeprefix("Basic ")).decode() == f"u:{password}"
    assert password not in result.stderr
    assert signs_in not in result.stderr


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    ("offered", "words"),
    [("Basic realm=x", "requires a user name and a password"), ("NTLM", "with NTLM"), ("Negotiate", "with Nego")],
)
def test_what_an_http_proxy_wants_is_said(
    run: Run, env: dict[str, str], http_proxy: Any, scheme: str, offered: str, words: str
) -> None:
    server = http_proxy(407, ("Proxy-Authenticate", offered))
    env.update(LITELLM_BASE_URL=f"{scheme}://llm.example", LITELLM_API_KEY=KEY, LITELLMCTL_ALLOW_INSECURE_HTTP="1")
    env[f"{scheme.upper()}_PROXY"] = server.url
    failed = run("models", "--json", exit=3).error
    assert (failed["code"], failed["status"]) == ("unreachable", 407)
    assert words in failed["message"]
    assert len(server.asked) == 1


def test_a_password_that_an_http_proxy_repeats_is_hidden(run: Run, env: dict[str, str], http_proxy: Any) -> None:
    server = http_proxy(403, ("Content-Type", "text/html"), ("X-Squid-Error", "ERR_ACCESS_DENIED"))
    env.update(LITELLM_BASE_URL="http://llm.example", LITELLM_API_KEY=KEY, LITELLMCTL_ALLOW_INSECURE_HTTP="1")
    env["HTTP_PROXY"] = f"http://me:sesame-open@127.0.0.1:{server.port}"
    server.RequestHandlerClass.send = lambda handler, *_: Handler.send(
        handler, 403, b"<title>no: " + b64decode(handler.headers["Proxy-Authorization"][6:]) + b"</title>", {}
    )
    result = run("models", "--json", exit=3)
    assert "no: me:***" in result.error["message"]
    assert "sesame" not in result.stderr


def test_a_socks_proxy_is_said_to_be_unsupported(run: Run, env: dict[str, str]) -> None:
    env.update(LITELLM_BASE_URL="https://llm.example", LITELLM_API_KEY=KEY, ALL_PROXY="socks5://127.0.0.1:1080")
    failed = run("models", "--json", exit=3).error
    assert failed["message"] == (
        "cannot reach https://llm.example: ALL_PROXY names a SOCKS proxy (socks5://127.0.0.1:1080), which is not supported"
    )
    assert "HTTPS_PROXY" in failed["remedy"]


# The URL, the scheme and the key


@pytest.mark.parametrize(
    "host", ["a\u200bb.example", "\uff41\uff42\uff43.example", "\u2603.example", "a" * 64 + ".example"]
)
def test_a_host_that_cannot_be_is_exit_2_wherever_it_is_said(
    run: Run, env: dict[str, str], home: Path, host: str
) -> None:
    url = f"https://{host}"
    assert run("config", "set", "base_url", url, "--json", exit=2).error["code"] == "usage"
    assert run("models", "--json", "--base-url", url, exit=2, LITELLM_API_KEY=KEY).error["code"] == "usage"
    assert run("login", "--with-token", "--json", "--base-url", url, exit=2, stdin=KEY).error["code"] == "usage"
    failed = run("models", "--json", exit=2, LITELLM_BASE_URL=url, LITELLM_API_KEY=KEY).error
    assert failed["message"].startswith(
        ("LITELLM_BASE_URL has an invalid host name: ", "LITELLM_BASE_URL has a host name that is too long")
    )
    (home / "config").mkdir(exist_ok=True)
    (home / "config" / "config.toml").write_text(f'[profiles.default]\nbase_url = "{url}"\n', "utf-8")
    assert "host name" in run("models", "--json", exit=2).error["message"]


def test_an_ipv4_address_inside_an_ipv6_one_is_this_machine(run: Run, proxy: FakeProxy) -> None:
    proxy.models(row("gpt"), times=2)
    for host in ("[::ffff:127.0.0.1]", "[0:0:0:0:0:FFFF:7F00:1]"):
        run("models", "--refresh", LITELLM_BASE_URL=f"http://{host}:{proxy.port}", HTTP_PROXY="http://127.0.0.1:9")


def test_plain_http_to_a_server_of_tls_names_https(run: Run, env: dict[str, str], authority: trustme.CA) -> None:
    secure = FakeProxy(authority.issue_cert("127.0.0.1"))
    try:
        env.update(LITELLM_BASE_URL=secure.url.replace("https", "http"), LITELLM_API_KEY=KEY)
        failed = run("models", "--json", exit=3).error
    finally:
        secure.close()
    assert (failed["code"], failed["remedy"]) == ("tls", f"use {secure.url}")
    assert secure.requests == []


def test_tls_to_a_server_of_plain_http_names_http(run: Run, proxy: FakeProxy) -> None:
    failed = run("models", "--json", exit=3, LITELLM_BASE_URL=proxy.url.replace("http", "https")).error
    assert failed["code"] == "tls"
    assert "perhaps plain HTTP" in failed["message"]
    assert failed["remedy"] == f"check the port, or use {proxy.url}"


AROUND = ["Bearer {}", "export LITELLM_API_KEY={}", '"{}"', "LITELLM_API_KEY='{}'"]


@pytest.mark.parametrize("around", AROUND)
def test_a_key_is_taken_out_of_what_was_copied_with_it(run: Run, proxy: FakeProxy, around: str) -> None:
    proxy.models(row("gpt"))
    run("models", LITELLM_API_KEY=around.format(KEY).strip())
    assert proxy.requests[0].headers["Authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("around", AROUND)
def test_a_key_is_taken_out_of_what_was_pasted_at_a_sign_in(run: Run, fake: FakeProxy, around: str) -> None:
    fake.on("/v1/models", {"data": []}).on("/key/info", {"info": {}}).on("/user/info", {}).models(row("gpt"))
    run("login", "--with-token", "--base-url", fake.url, stdin=around.format(KEY))
    assert {request.headers["Authorization"] for request in fake.requests} == {f"Bearer {KEY}"}
    assert run("token").strip() == KEY


@pytest.mark.skipif(sys.platform == "win32", reason="scripts there have no first line")
def test_a_helper_with_windows_line_endings_is_said_to_have_them(run: Run, env: dict[str, str], tmp_path: Path) -> None:
    helper = tmp_path / "helper"
    helper.write_bytes(b"#!/usr/bin/env python3\r\nprint('sk-x')\r\n")
    helper.chmod(0o755)
    failed = run("models", "--json", exit=2, LITELLM_BASE_URL="http://127.0.0.1:9", LITELLM_API_KEY_HELPER=str(helper))
    assert f"{helper} has Windows line endings" in failed.error["message"]
    assert failed.error["remedy"] == f"save {helper} with Unix line endings (LF)"
