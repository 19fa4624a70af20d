"""What is said where no answer came, because of an HTTP proxy on the way or a name that cannot be."""

from __future__ import annotations

import errno
import os

import pytest

from litellmctl.errors import Failure, Unavailable
from litellmctl.foundation.urls import normalize
from litellmctl.proxy import client as client_module
from litellmctl.proxy.http_proxy import HttpProxy
from litellmctl.proxy.no_answer import no_answer
from tests.unit.proxy.conftest import Connect


def through(proxy: str, monkeypatch: pytest.MonkeyPatch, connect: Connect, **variables: str) -> Unavailable:
    """Return the failure of reaching another host through this proxy."""
    monkeypatch.setattr(client_module, "_TRIES", 1)
    for name, value in {"HTTPS_PROXY": proxy, **variables}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(Unavailable) as failure:
        connect("https://llm.example", loopback=False).get("/x")
    return failure.value


def test_a_proxy_that_refuses_is_named_without_its_password(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    failure = through("http://me:secret@127.0.0.1:9", monkeypatch, connect)
    assert failure.message == "cannot reach https://llm.example: the HTTP proxy 127.0.0.1:9 refused"
    assert failure.remedy == "check HTTPS_PROXY and NO_PROXY"


@pytest.mark.parametrize("other", ["NO_PROXY", "HTTP_PROXY"])
def test_the_proxy_that_refuses_is_named_and_not_another(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    monkeypatch.setenv(other, "http://other.example")
    assert "127.0.0.1:9 refused" in through("http://127.0.0.1:9", monkeypatch, connect).message


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:9", "not a url"])
def test_a_proxy_that_cannot_be_used_is_told_as_that(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    assert "HTTPS_PROXY" in f"{(failure := through(proxy, monkeypatch, connect)).message} {failure.remedy}"


@pytest.mark.parametrize("host", [".", "*.example"])
def test_a_host_name_that_cannot_be_is_told_as_that(connect: Connect, host: str) -> None:
    with pytest.raises(Failure):
        connect(normalize(f"http://{host}")).get("/x")


# The errors of asyncio and aiohttp, for the relay


def test_the_reason_is_told_where_asyncio_tells_the_address() -> None:
    error = OSError(errno.ECONNREFUSED, "Connect call failed ('127.0.0.1', 9)")
    failure = no_answer(error, "http://127.0.0.1:9", None, lambda: 1.0, at_http_proxy=False)
    assert failure.message == f"cannot reach http://127.0.0.1:9: {os.strerror(errno.ECONNREFUSED).lower()}"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ECONNREFUSED, "Connect call failed ('127.0.0.1', 9)"), "refused"),
        (OSError("Tunnel connection failed: 403 "), "returned 403 for CONNECT"),
        (OSError("Tunnel connection failed: 407 Basic"), "requires a user name and a password (407)"),
        (TimeoutError(), "timed out"),
        (ConnectionResetError(errno.ECONNRESET, "x"), "did not answer like an HTTP proxy"),
    ],
)
def test_what_an_http_proxy_did_is_told_if_it_is_said_to_be_the_reason(error: OSError, words: str) -> None:
    through = HttpProxy("http://p:9", "HTTPS_PROXY")
    failure = no_answer(error, "https://llm.example", through, lambda: 1.0, at_http_proxy=True)
    assert failure.message == f"cannot reach https://llm.example: the HTTP proxy p:9 {words}"
