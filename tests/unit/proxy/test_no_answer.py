"""What is said where no answer came, because of an HTTP proxy on the way or a name that cannot be."""

from __future__ import annotations

import pytest

from litellmctl.errors import Failure, Unavailable
from litellmctl.foundation.urls import normalize
from litellmctl.proxy import client as client_module
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
