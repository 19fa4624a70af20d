"""The way from the relay to the proxy: HTTP proxies and client certificates, as for the rest of the program."""

from __future__ import annotations

import socket
import ssl
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.contract.relaying import Upstream, Wire, connected, environ, relaying, request, upstream, use  # noqa: F401
from tests.contract.test_relay import failed
from tests.contract.test_relay_keys import Answer, post
from tests.fake_proxy import FakeProxy
from tests.server import nobody

pytestmark = pytest.mark.usefixtures("environ")
URL = "https://llm.example"
BASIC = f"Basic {b64encode(b'me:sesame-open').decode()}"


@pytest.fixture
def example(authority: trustme.CA, tmp_path: Path, run: Callable[..., Any]) -> Iterator[FakeProxy]:
    """A proxy that is `https://llm.example` behind an HTTP proxy."""
    fake = FakeProxy(authority.issue_cert("llm.example"))
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    run("config", "set", "ca_bundle", str(tmp_path / "ca.pem"))
    yield fake
    fake.close()


def tunnelling(port: int) -> Callable[[Upstream, Wire], None]:
    """Take each CONNECT, and carry bytes to and fro a port of this machine."""

    def serve(server: Upstream, wire: Wire) -> None:
        server.head(wire)
        with socket.create_connection(("127.0.0.1", port), 20) as onward:
            wire.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
            threading.Thread(target=carry, args=(onward, wire.socket), daemon=True).start()
            carry(wire.socket, onward)

    return serve


def carry(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65536):
            sink.sendall(piece)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def get(relay: Any) -> Answer:
    return post(relay, b"", "/v1/models", "GET")


def test_an_http_proxy_is_signed_in_to_and_the_proxy_sees_nothing_of_that(
    monkeypatch: pytest.MonkeyPatch, example: FakeProxy
) -> None:
    example.on("/v1/models", {"data": []}, times=None)
    with upstream(tunnelling(example.port)) as through:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:sesame-open@127.0.0.1:{through.port}")
        use(monkeypatch, URL)
        with relaying() as relay:
            assert [get(relay).status for _ in range(3)] == [200] * 3
        assert len(through.heads) == 1  # one tunnel for all
        assert through.heads[0].startswith(b"CONNECT llm.example:443 HTTP/1.1\r\nHost: llm.example")
        assert f"Proxy-Authorization: {BASIC}\r\n".encode() in through.heads[0]
    assert all("Proxy-Authorization" not in one.headers for one in example.requests)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n",
            "the HTTP proxy {host} refused the user name or password (407)",
        ),
        (
            b"HTTP/1.1 407 No\r\nProxy-Authenticate: Negotiate\r\nContent-Length: 0\r\n\r\n",
            "the HTTP proxy {host} requires a sign-in with Negotiate (407), and only Basic is supported",
        ),
        (b"HTTP/1.1 403 sesame-open\r\nContent-Length: 0\r\n\r\n", "the HTTP proxy {host} returned 403 for CONNECT"),
    ],
)
@pytest.mark.parametrize("scheme", ["https", "http"])
def test_what_an_http_proxy_refuses_is_told(
    monkeypatch: pytest.MonkeyPatch, answer: bytes, words: str, scheme: str
) -> None:
    def serve(server: Upstream, wire: Wire) -> None:
        server.head(wire)
        wire.send(answer)

    url = f"{scheme}://llm.example"
    with upstream(serve) as through:
        monkeypatch.setenv(f"{scheme.upper()}_PROXY", f"http://me:sesame-open@127.0.0.1:{through.port}")
        monkeypatch.setenv("LITELLMCTL_ALLOW_INSECURE_HTTP", "1")
        use(monkeypatch, url)
        with relaying() as relay:
            wire = connected(relay)
            wire.send(request(relay, "GET /v1/models?a=b HTTP/1.1"))
            if scheme == "http" and b"407" not in answer:
                assert wire.head().startswith(b"HTTP/1.1 403 ")  # who said it cannot be told
            else:
                status, error = failed(wire)
                assert (status, error["code"]) == (502, "unreachable")
                assert error["message"].startswith(
                    f"cannot reach {url}: {words.format(host=f'127.0.0.1:{through.port}')}"
                )
                assert "sesame" not in str(error)
            if scheme == "http":
                head = through.heads[0]
                assert head.startswith(b"GET http://llm.example/v1/models?a=b HTTP/1.1\r\nHost: llm.example\r\n")
                assert f"Proxy-Authorization: {BASIC}\r\n".encode() in head


def test_an_http_proxy_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with nobody() as url:
        monkeypatch.setenv("HTTPS_PROXY", url)
        use(monkeypatch, URL)
        with relaying() as relay:
            error = get(relay).error
            host = url.removeprefix("http://")
            assert error["message"] == (
                f"cannot reach {URL}: the HTTP proxy {host} refused. Try: check HTTPS_PROXY and NO_PROXY"
            )


class Demanding:
    """Makes a server ask for a certificate."""

    def __init__(self, certificate: trustme.LeafCert, clients: trustme.CA) -> None:
        self._certificate = certificate
        self._clients = clients

    def configure_cert(self, context: ssl.SSLContext) -> None:
        self._certificate.configure_cert(context)
        self._clients.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED


def test_a_client_certificate_is_shown_and_its_lack_is_told(
    monkeypatch: pytest.MonkeyPatch, authority: trustme.CA, tmp_path: Path, run: Callable[..., Any]
) -> None:
    fake = FakeProxy(Demanding(authority.issue_cert("127.0.0.1"), authority))
    fake.on("/v1/models", {"data": []}, times=None)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    own = tmp_path / "own.pem"
    own.write_bytes(authority.issue_cert("me@example.com").private_key_and_cert_chain_pem.bytes())
    own.chmod(0o600)
    run("config", "set", "ca_bundle", str(tmp_path / "ca.pem"))
    run("config", "set", "base_url", fake.url)
    run("config", "set", "api_key", "$THE_KEY")
    monkeypatch.setenv("THE_KEY", "sk-0123456789abcdef")
    with relaying() as relay:
        error = get(relay).error
        assert error["code"] == "tls"
        assert error["message"].startswith(
            f"{fake.url} requires a client certificate, and none is set. Try: litellmctl config"
        )
        # The relay sees that the settings have changed.
        run("config", "set", "client_cert", str(own))
        assert get(relay).status == 200
    fake.close()
