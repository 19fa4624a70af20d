"""A proxy that is broken, slow, enormous, malicious, or no LiteLLM at all."""

from __future__ import annotations

import base64
import gzip
import json
import signal
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import trustme

from litellmctl.catalog.model import PRICES
from tests.answers import http, trickle
from tests.conftest import Run, Start
from tests.effort import measured, peak_bytes
from tests.fake_proxy import FakeProxy, row
from tests.server import nobody, silent

GOOD = json.dumps({"data": [row("gpt")]}).encode()


def deflated_bomb() -> bytes:
    """Return 300 MiB of spaces in a few hundred KB."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = b" " * 2**20
    return b"".join(packer.compress(block) for _ in range(300)) + packer.flush()


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(http(b"<!DOCTYPE html><h1>Sign in</h1>", "Content-Type: text/html"), id="html"),
        pytest.param(http(b""), id="empty"),
        pytest.param(http(b"  \n"), id="blank"),
        pytest.param(http(GOOD[:40]), id="half a body"),
        pytest.param(http(GOOD[:40], length=len(GOOD)), id="connection closed in the body"),
        pytest.param(http(GOOD + b"garbage"), id="garbage after the body"),
        pytest.param(http(b"null"), id="null"),
        pytest.param(http(b'"text"'), id="text"),
        pytest.param(http(b"{}"), id="no data"),
        pytest.param(http(b'{"data": null}'), id="data is null"),
        pytest.param(http(b'{"data": {"gpt": {}}}'), id="data is an object"),
        pytest.param(http(b'{"data": [' + b"[" * 100_000), id="nested too deeply"),
        pytest.param(http(b'{"data": [{"model_name": "gpt", "n": ' + b"9" * 5000 + b"}]}"), id="endless number"),
        pytest.param(http(b"\x1f\x8b\x08not gzip", "Content-Encoding: gzip"), id="broken gzip"),
        pytest.param(http(gzip.compress(GOOD)[:30], "Content-Encoding: gzip"), id="half a gzip"),
        pytest.param(http(b"xx", "Content-Encoding: br"), id="an encoding nobody asked for"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", id="broken chunks"),
        pytest.param(b"HTTP/1.1 302 Found\r\nLocation: http://[::1\r\nContent-Length: 0\r\n\r\n", id="bad redirect"),
        pytest.param(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n", id="redirect to nowhere"),
    ],
)
def test_what_is_not_litellms_answer_is_exit_3(run: Run, proxy: FakeProxy, answer: bytes) -> None:
    proxy.on("/model/info", raw=answer)
    result = run("models", "--json", exit=3, LITELLM_DISCOVERY_TIMEOUT_MS="20000")
    assert result == ""
    assert result.error["code"] == "bad_response"
    assert result.error["remedy"]


def test_a_gzip_bomb_is_cut_off(run: Run, proxy: FakeProxy) -> None:
    proxy.on("/model/info", raw=http(deflated_bomb(), "Content-Encoding: gzip"))
    result = run("models", "--json", "--timeout", "60", exit=3)
    assert result.error["code"] == "bad_response"
    assert "more than 256 MiB" in result.error["message"]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n", id="not http"),
        pytest.param(b"", id="closed at once"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"X: " + b"x" * 100_000 + b"\r\n\r\n", id="endless header"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 1000 + b"\r\n", id="too many headers"),
    ],
)
def test_what_is_not_even_http_is_unreachable(run: Run, proxy: FakeProxy, answer: bytes) -> None:
    proxy.on("/model/info", raw=answer, times=3)  # a GET is tried three times
    result = run("models", "--json", exit=3)
    assert (result, result.error["code"]) == ("", "unreachable")


@pytest.mark.parametrize(
    "entry",
    [
        None,
        7,
        "gpt",
        [],
        {},
        {"model_name": None},
        {"model_name": 7},
        {"model_name": ""},
        {"model_name": "x" * 600},
        {"model_name": ["gpt"]},
    ],
)
def test_an_entry_that_is_no_model_is_skipped_with_a_reason(run: Run, proxy: FakeProxy, entry: Any) -> None:
    proxy.models(entry, row("gpt"))
    result = run("models", "--refresh", "--json")
    assert [model["id"] for model in result.json] == ["gpt"]
    assert "skipped" in result.stderr


@pytest.mark.parametrize("value", [True, "many", [], {}, -1, 1.5e300, "NaN", "1e999", [1], {"a": 1}, "\x1b[31m" * 50])
def test_a_fact_of_the_wrong_type_is_unknown(run: Run, proxy: FakeProxy, value: Any) -> None:
    names = ("mode", "litellm_provider", "max_input_tokens", "max_output_tokens", "input_cost_per_token")
    names += ("supports_vision", "supports_reasoning", "reasoning_effort_levels", "supports_function_calling")
    info = {name: value for name in names if not (name.startswith("supports") and value is True)}
    info = {name: value for name, value in info.items() if not (name in names[:2] and isinstance(value, str))}
    info = {
        name: value for name, value in info.items() if name != "reasoning_effort_levels" or not isinstance(value, list)
    }
    proxy.models(
        {"model_name": "gpt", "model_info": info}, {"model_name": "none", "model_info": value}, {"model_name": "bare"}
    )
    for model in run("models", "--json").json:
        facts = [
            model[name] for name in ("mode", "providers", "context_window", "max_output_tokens", "reasoning", "input")
        ]
        assert facts == [None] * 6
        assert {model["cost"][name] for name in PRICES} == {None}
        assert set(model["supports"].values()) == {None}
        assert model["complete"] is False


def test_numbers_as_text_are_numbers(run: Run, proxy: FakeProxy) -> None:
    proxy.models(row("gpt", max_input_tokens="128000", input_cost_per_token="0.0000025"))
    (model,) = run("models", "--json").json
    assert (model["context_window"], model["cost"]["input"]) == (128000, 2.5)


def test_nan_and_lone_surrogates_do_not_reach_the_output(run: Run, proxy: FakeProxy) -> None:
    body = b'{"data": [{"model_name": "a\\ud800b", "model_info": {"max_input_tokens": NaN, "input_cost_per_token": Infinity}}]}'
    proxy.on("/model/info", body)
    (model,) = run("models", "--json").json
    assert (model["id"], model["context_window"], model["cost"]["input"]) == ("a\ufffdb", None, None)


def test_a_byte_order_mark_and_a_bare_array_are_understood(run: Run, proxy: FakeProxy) -> None:
    proxy.on("/model/info", b"\xef\xbb\xbf" + json.dumps([row("gpt")]).encode())
    assert run("models", "--json").json[0]["id"] == "gpt"


def test_compressed_answers_are_understood(run: Run, proxy: FakeProxy) -> None:
    proxy.on("/model/info", gzip.compress(GOOD), headers={"Content-Encoding": "gzip"})
    assert run("models", "--json").json[0]["id"] == "gpt"


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX-Slow: ", id="headers"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{", id="body"),
    ],
)
def test_a_server_that_trickles_cannot_hold_us(run: Run, proxy: FakeProxy, first: bytes) -> None:
    proxy.on("/model/info", respond=trickle(first))
    start = time.monotonic()
    result = run("models", "--json", "--timeout", "0.7", exit=3)
    assert result.error["code"] == "timeout"
    assert time.monotonic() - start < 3


def test_a_server_that_accepts_and_says_nothing(run: Run, env: dict[str, str]) -> None:
    with silent() as url:
        start = time.monotonic()
        result = run(
            "models", "--json", exit=3, LITELLM_BASE_URL=url, LITELLM_API_KEY="sk-x", LITELLM_DISCOVERY_TIMEOUT_MS="500"
        )
    assert result.error["code"] == "timeout"
    assert time.monotonic() - start < 3


def test_nobody_listens(run: Run) -> None:
    with nobody() as url:
        result = run("models", exit=3, LITELLM_BASE_URL=url, LITELLM_API_KEY="sk-x")
    assert result.stderr.splitlines()[0] == f"Error: cannot reach {url}: connection refused"
    assert result.stderr.splitlines()[1].startswith("Try:   ")


def test_no_such_host(run: Run) -> None:
    result = run("models", "--json", exit=3, LITELLM_BASE_URL="https://nowhere.invalid", LITELLM_API_KEY="sk-x")
    assert (result.error["code"], "nowhere.invalid" in result.error["message"]) == ("unreachable", True)


def test_a_redirect_within_the_proxy_is_followed(run: Run, proxy: FakeProxy) -> None:
    proxy.on("/model/info", {}, status=307, headers={"Location": "/other/model/info"})
    proxy.on("/other/model/info", GOOD)
    assert run("models", "--json").json[0]["id"] == "gpt"
    assert proxy.requests[1].headers["Authorization"] == "Bearer sk-test-0123456789abcdef"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_host_is_refused(run: Run, proxy: FakeProxy, status: int) -> None:
    other = FakeProxy()
    proxy.on("/model/info", {}, status=status, headers={"Location": f"{other.url}/model/info"})
    result = run("models", "--json", exit=3)
    other.close()
    assert other.requests == []
    assert result.error["code"] == "bad_response"
    assert f"127.0.0.1:{other.port}" in result.error["message"]


def test_a_redirect_out_of_the_path_prefix_is_refused(run: Run, proxy: FakeProxy, env: dict[str, str]) -> None:
    proxy.on("/team/model/info", {}, status=302, headers={"Location": "/other/model/info"})
    assert run("models", "--json", exit=3, LITELLM_BASE_URL=f"{proxy.url}/team").error["code"] == "bad_response"


def test_redirects_in_circles_end(run: Run, proxy: FakeProxy) -> None:
    proxy.on("/model/info", {}, status=302, headers={"Location": "/model/info"}, times=5)
    assert run("models", "--json", exit=3).error["code"] == "bad_response"


def test_netrc_is_ignored(run: Run, proxy: FakeProxy, home: Path) -> None:
    (home / ".netrc").write_text("machine 127.0.0.1 login evil password evil\n")
    (home / ".netrc").chmod(0o600)
    proxy.models(row("gpt"))
    run("models")
    assert proxy.requests[0].headers["Authorization"] == "Bearer sk-test-0123456789abcdef"


def test_loopback_never_goes_through_a_proxy(run: Run, proxy: FakeProxy) -> None:
    proxy.models(row("gpt"))
    run("models", HTTP_PROXY="http://127.0.0.1:9", http_proxy="http://127.0.0.1:9", ALL_PROXY="http://127.0.0.1:9")


def test_other_hosts_go_through_the_proxy_that_the_environment_names(run: Run, proxy: FakeProxy) -> None:
    proxy.on("http://llm.example.invalid/model/info", GOOD)
    hosts = {"LITELLM_BASE_URL": "http://llm.example.invalid", "HTTP_PROXY": proxy.url, "http_proxy": proxy.url}
    # The fake sees the absolute URI of a request to a proxy as path "/model/info" with its host.
    proxy._routes[("GET", "/model/info")] = proxy._routes.pop(("GET", "http://llm.example.invalid/model/info"))
    result = run("models", "--json", "--allow-insecure-http", **hosts)
    assert result.json[0]["id"] == "gpt"
    assert proxy.requests[0].headers["Host"] == "llm.example.invalid"


@pytest.fixture
def secure(authority: trustme.CA, env: dict[str, str]) -> Iterator[FakeProxy]:
    fake = FakeProxy(authority.issue_cert("127.0.0.1"))
    env["LITELLM_BASE_URL"] = fake.url
    env["LITELLM_API_KEY"] = "sk-test"
    yield fake
    fake.close()
    assert not fake.unexpected
    assert not fake.unused


def test_a_certificate_that_is_not_trusted_is_a_tls_error_with_its_issuer(run: Run, secure: FakeProxy) -> None:
    result = run("models", "--json", exit=3)
    assert result.error["code"] == "tls"
    assert "Test Authority" in result.error["message"]
    assert "ca_bundle" in result.error["remedy"]
    assert secure.requests == []


@pytest.mark.parametrize("setting", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "ca_bundle"])
def test_a_bundle_is_trusted(run: Run, secure: FakeProxy, authority: trustme.CA, tmp_path: Path, setting: str) -> None:
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    secure.models(row("gpt"))
    if setting == "ca_bundle":
        run("config", "set", "ca_bundle", str(bundle))
        assert run("models", "--json").json[0]["id"] == "gpt"
    else:
        assert run("models", "--json", **{setting: str(bundle)}).json[0]["id"] == "gpt"


@pytest.mark.parametrize("content", [None, "no certificate\n"])
def test_a_bundle_that_cannot_be_used_is_a_config_error(
    run: Run, secure: FakeProxy, tmp_path: Path, content: str | None
) -> None:
    bundle = tmp_path / "ca.pem"
    if content is not None:
        bundle.write_text(content)
    result = run("models", "--json", exit=2, REQUESTS_CA_BUNDLE=str(bundle))
    assert result.error["code"] == "config"
    assert "REQUESTS_CA_BUNDLE" in result.error["message"]


def test_tls_to_a_plain_server(run: Run, proxy: FakeProxy) -> None:
    result = run("models", "--json", exit=3, LITELLM_BASE_URL=proxy.url.replace("http:", "https:"))
    assert result.error["code"] == "tls"


def test_more_rows_than_any_proxy_has_are_refused_with_what_prints_them(run: Run, proxy: FakeProxy) -> None:
    proxy.on("/model/info", b'{"data": [' + b"{}," * 50_000 + b"{}]}")
    result = run("models", "--json", exit=3)
    assert result.error["message"] == f"{proxy.url}/model/info returned more than 50,000 entries"
    assert result.error["remedy"] == "use litellmctl api, which prints the answer unchanged"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_ten_thousand_deployments_in_little_memory(proxy: FakeProxy, env: dict[str, str]) -> None:
    filler = {f"some_cost_per_token_above_{n}k_tokens_priority": None for n in range(110)}
    body = json.dumps({"data": [row(f"model-{n}", max_input_tokens=n + 1, **filler) for n in range(10_000)]}).encode()
    assert len(body) > 50 * 2**20
    proxy.on("/model/info", body)
    done = subprocess.run(
        measured("models", "--json", "--timeout", "60"),
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert len(json.loads(done.stdout)) == 10_000
    assert peak_bytes(done.stderr) < 2 * len(body)  # requests and json.loads take five times as much


def test_ctrl_c_while_waiting_is_exit_130(proxy: FakeProxy, start: Start) -> None:
    asked = threading.Event()

    def respond(handler: BaseHTTPRequestHandler) -> None:
        asked.set()
        trickle(b"")(handler)

    proxy.on("/model/info", respond=respond)
    process = start("models", "--timeout", "30")
    assert asked.wait(10)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=5)
    assert (process.returncode, stdout, "Traceback" in stderr) == (130, "", False)


def test_basic_auth_of_a_gateway_is_exit_3_and_names_the_gateway(run: Run, proxy: FakeProxy) -> None:
    page = b"<html>401</html>"
    challenge = {"WWW-Authenticate": "Basic", "X-Echo": base64.b64encode(b"x").decode()}
    for path in ("/model/info", "/v1/models"):
        proxy.on(path, page, status=401, headers=challenge)
    failed = run("models", "--json", exit=3).error
    assert failed["code"] == "bad_response"
    assert failed["message"] == f"a gateway in front of {proxy.url} refused /model/info with 401"
