"""HTTP proxies that do not connect us: what they want is said, and asked for once."""

from __future__ import annotations

import socket
from base64 import b64decode
from collections.abc import Callable, Iterator

import pytest

from litellmctl.errors import Unavailable
from tests.server import Listener, read_head
from tests.unit.proxy.conftest import Connect

TLS_HANDSHAKE = b"\x16"


class Refusing(Listener):
    """An HTTP proxy that answers everything with these bytes, and keeps what it was asked."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.asked: list[tuple[str, str | None]] = []
        super().__init__()

    def serve(self, connection: socket.socket) -> None:
        """Answer one request."""
        if connection.recv(1, socket.MSG_PEEK) == TLS_HANDSHAKE:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            return
        head = read_head(connection.makefile("rb"))
        assert head is not None
        self.asked.append((head.method, head.headers.get("proxy-authorization")))
        connection.sendall(self.answer)


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Refusing]]:
    started: list[Refusing] = []

    def start(status: str, *headers: str, userinfo: str = "") -> Refusing:
        lines = "".join(f"{header}\r\n" for header in (*headers, "Content-Length: 2", "Connection: close"))
        proxy = Refusing(f"HTTP/1.1 {status}\r\n{lines}\r\nno".encode())
        started.append(proxy)
        for name in ("HTTP_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, f"http://{userinfo}127.0.0.1:{proxy.port}")
        return proxy

    yield start
    for proxy in started:
        proxy.close()
        assert not proxy.errors


def refused(connect: Connect, scheme: str) -> Unavailable:
    with pytest.raises(Unavailable) as failure:
        connect(f"{scheme}://llm.example", loopback=False).get("/x")
    assert failure.value.message.startswith(f"cannot reach {scheme}://llm.example: the HTTP proxy 127.0.0.1:")
    assert not failure.value.may_have_acted
    return failure.value


BASIC = 'Proxy-Authenticate: Basic realm="x, NTLM"'


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    ("headers", "userinfo", "words", "remedy"),
    [
        (
            (BASIC,),
            "",
            "requires a user name and a password (407)",
            "export {named}=http://USER:PASSWORD@127.0.0.1:{port}",
        ),
        ((BASIC,), "me:sesame-open@", "refused the user name or password (407)", "check the user name and password"),
        (("Proxy-Authenticate: NTLM", BASIC), "", "requires a user name and a password (407)", "export {named}="),
        ((), "", "requires a user name and a password (407)", "export {named}="),
        (("Proxy-Authenticate: NTLM",), "me:sesame-open@", "requires a sign-in with NTLM (407)", "cntlm"),
        (
            ("Proxy-Authenticate: Negotiate", "proxy-authenticate:   ntlm TlRM"),
            "",
            "requires a sign-in with Negotiate or NTLM (407), and only Basic is supported",
            "set {named} to that",
        ),
        (('Proxy-Authenticate: Digest realm="x"',), "", "requires a sign-in with Digest (407)", "px"),
    ],
)
def test_a_proxy_that_wants_a_sign_in_is_asked_once(
    refusing: Callable[..., Refusing],
    connect: Connect,
    scheme: str,
    headers: tuple[str, ...],
    userinfo: str,
    words: str,
    remedy: str,
) -> None:
    proxy = refusing("407 Proxy Authentication Required", *headers, userinfo=userinfo)
    failure = refused(connect, scheme)
    assert words in failure.message
    assert remedy.format(named=f"{scheme.upper()}_PROXY", port=proxy.port) in str(failure.remedy)
    assert (failure.code, failure.status) == ("unreachable", 407)
    assert "sesame" not in f"{failure.message} {failure.remedy}"
    ((method, signs_in),) = proxy.asked
    assert method == ("CONNECT" if scheme == "https" else "GET")
    assert (b64decode(signs_in[6:]) if signs_in else b"") == userinfo.rstrip("@").encode()


@pytest.mark.parametrize(
    ("status", "tries"),
    [("403 No", 1), ("400 No", 1), ("405 No", 1), ("502 Bad", 3), ("503 Busy", 3), ("301 Moved", 1)],
)
def test_a_proxy_that_does_not_connect_us_is_named_with_its_status(
    refusing: Callable[..., Refusing], connect: Connect, status: str, tries: int
) -> None:
    proxy = refusing(status)
    failure = refused(connect, "https")
    assert f"returned {status[:3]} for CONNECT" in failure.message
    assert "NO_PROXY=llm.example" in str(failure.remedy)
    assert len(proxy.asked) == tries


@pytest.mark.parametrize("answer", [b"", b"\0" * 100, b"HTTP/1.1 407", b"HTTP/1.1 407 " + b"x" * 100_000])
def test_a_proxy_that_speaks_no_http_is_a_proxy_that_refuses(
    refusing: Callable[..., Refusing], connect: Connect, answer: bytes
) -> None:
    proxy = refusing("200 OK")
    proxy.answer = answer
    assert refused(connect, "https").code == "unreachable"


def test_a_proxy_that_speaks_no_tls_is_told_as_that(
    refusing: Callable[..., Refusing], connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = refusing("200 OK")
    monkeypatch.setenv("HTTPS_PROXY", f"https://127.0.0.1:{proxy.port}")
    failure = refused(connect, "https")
    assert "does not speak TLS" in failure.message
    assert failure.remedy == f"set HTTPS_PROXY to http://127.0.0.1:{proxy.port}"


def test_a_proxy_without_an_address_is_told_as_that(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://me:sesame-open@proxy.invalid:3128")
    with pytest.raises(Unavailable) as failure:
        connect("https://llm.example", loopback=False).get("/x")
    assert (
        failure.value.message
        == "cannot reach https://llm.example: the HTTP proxy proxy.invalid:3128 cannot be resolved"
    )
    assert failure.value.remedy == "check the host name in HTTPS_PROXY"
