from __future__ import annotations

import gzip
import io
import json
import re
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from email.utils import formatdate
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from litellmctl import __version__
from litellmctl.errors import AuthFailure, ExitCode, Failure, Rejected, Unavailable
from litellmctl.foundation.deadline import Deadline
from litellmctl.proxy import client as client_module
from litellmctl.proxy.client import Client
from litellmctl.proxy.session import BoundAuth, make_session
from litellmctl.proxy.tls import Trust
from tests.unit.conftest import Authority, Reply, Request, Serve, Server
from tests.unit.proxy.conftest import Connect


def outcomes(client: Client) -> list[tuple[str, str, str]]:
    """Return the list that gathers what `-v` would print: method, path, status."""
    told: list[tuple[str, str, str]] = []
    client.on_request = lambda method, path, outcome, seconds: (
        told.append((method, path, outcome)) if seconds >= 0 else None
    )
    return told


def replies(*answers: Reply) -> Callable[[Request], Reply]:
    """Answer with these in order, the last one again and again."""
    left = list(answers)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


# The key


def test_the_key_is_sent_as_a_bearer_with_the_extra_headers_and_nothing_else_of_ours(
    serve: Serve, connect: Connect
) -> None:
    server = serve(lambda _: Reply(body={"a": 1}))
    client = connect(server.url, BoundAuth(server.url, "sk-key", headers={"x-team": "blue", "accept": "text/x"}))
    assert client.get_json("/v1/models", {"a b": "ä&"}) == {"a": 1}
    (request,) = server.requests
    assert (request.method, request.path) == ("GET", "/v1/models?a+b=%C3%A4%26")
    headers = {name.lower(): value for name, value in request.headers.items()}
    assert headers.pop("host") in server.url
    assert headers.pop("connection") == "keep-alive"
    assert headers == {
        "authorization": "Bearer sk-key",
        "x-team": "blue",
        "accept": "text/x",
        "user-agent": f"litellmctl/{__version__}",
        "accept-encoding": "gzip, deflate",
    }


def test_the_key_may_go_into_a_header_of_its_own(serve: Serve, connect: Connect) -> None:
    server = serve(lambda _: Reply())
    connect(server.url, BoundAuth(server.url, "sk-key", key_header="x-litellm-api-key")).get("/x").read()
    assert server.requests[0].headers["x-litellm-api-key"] == "sk-key"
    assert "Authorization" not in server.requests[0].headers


@pytest.mark.parametrize("name", ["Authorization", "authorization", "AUTHORIZATION"])
def test_no_header_replaces_the_key(serve: Serve, connect: Connect, name: str) -> None:
    server = serve(lambda _: Reply())
    connect(server.url, BoundAuth(server.url, "sk-key", headers={name: "Basic x"})).get("/x").read()
    assert [value for key, value in server.requests[0].headers.items() if key.lower() == "authorization"] == [
        "Bearer sk-key"
    ]


@pytest.mark.parametrize("has_key", [False, True])
def test_credentials_of_netrc_are_never_used(
    serve: Serve, connect: Connect, home: Path, has_key: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = home / ".netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    server = serve(lambda _: Reply())
    connect(server.url, None if has_key else BoundAuth(server.url, None)).get("/x").read()
    assert server.requests[0].headers.get("Authorization") == ("Bearer sk-key" if has_key else None)


def test_a_key_that_is_refused_is_renewed_once(serve: Serve, connect: Connect) -> None:
    keys = iter(["sk-new", "sk-newer"])
    server = serve(replies(Reply(401), Reply(401), Reply(200), Reply(401)))
    client = connect(server.url, BoundAuth(server.url, "sk-old", renew=lambda: next(keys)))
    assert client.get("/x").status == 401
    assert [request.headers["Authorization"] for request in server.requests] == ["Bearer sk-old", "Bearer sk-new"]
    assert client.get("/x").status == 200
    assert server.requests[2].headers["Authorization"] == "Bearer sk-new"
    assert client.get("/x").status == 401
    assert len(server.requests) == 4


def test_renewing_a_key_does_not_count_as_waiting_for_the_proxy(serve: Serve, connect: Connect) -> None:
    def renew() -> str:
        time.sleep(0.6)
        return "sk-new"

    server = serve(lambda request: Reply(200 if "sk-new" in request.headers["Authorization"] else 401))
    assert connect(server.url, BoundAuth(server.url, "sk-old", renew=renew), seconds=0.5).get("/x").status == 200


def test_a_key_that_cannot_be_renewed_is_not_sent_again(serve: Serve, connect: Connect) -> None:
    server = serve(lambda _: Reply(401))
    assert connect(server.url).get("/x").status == 401
    assert len(server.requests) == 1


# Trying again


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_may_pass_is_tried_three_times(serve: Serve, connect: Connect, status: int) -> None:
    server = serve(lambda _: Reply(status, "no", {"Retry-After": "0"}))
    client = connect(server.url)
    told = outcomes(client)
    assert client.get("/x", {"key": "value"}).status == status
    assert told == [("GET", "/x", str(status))] * 3
    assert len(server.requests) == 3


def test_an_answer_at_the_second_try_is_an_answer(serve: Serve, connect: Connect) -> None:
    server = serve(replies(Reply(503), Reply(200, {"ok": True})))
    assert connect(server.url).get_json("/x") == {"ok": True}


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500, 501])
def test_what_will_not_pass_is_tried_once(serve: Serve, connect: Connect, status: int) -> None:
    server = serve(lambda _: Reply(status))
    assert connect(server.url).get("/x").status == status
    assert len(server.requests) == 1


@pytest.mark.parametrize(("after", "seconds"), [("11", 60), ("3600", 60), ("99999999999", 60), ("3", 2.5)])
def test_a_wait_that_is_too_long_is_no_wait(serve: Serve, connect: Connect, after: str, seconds: float) -> None:
    server = serve(lambda _: Reply(429, {"error": "slow"}, {"Retry-After": after}))
    start = time.monotonic()
    answer = connect(server.url, seconds=seconds).get("/x")
    assert (answer.status, len(server.requests)) == (429, 1)
    assert time.monotonic() - start < 2
    assert answer.read() == b'{"error": "slow"}'


def test_the_proxy_says_how_long_to_wait(serve: Serve, connect: Connect) -> None:
    server = serve(replies(Reply(429, "", {"Retry-After": "1"}), Reply(200)))
    start = time.monotonic()
    assert connect(server.url).get("/x").status == 200
    assert 1 <= time.monotonic() - start < 3


def test_nobody_there_is_tried_three_times_and_unreachable(connect: Connect) -> None:
    client = connect("http://127.0.0.1:9")
    told = outcomes(client)
    with pytest.raises(Unavailable, match=r"cannot reach http://127\.0\.0\.1:9: connection refused") as failure:
        client.get("/x")
    assert (failure.value.code, failure.value.exit_code) == ("unreachable", ExitCode.UNAVAILABLE)
    assert told == [("GET", "/x", "unreachable")] * 3


def test_a_connection_that_ends_without_an_answer_is_unreachable(serve: Serve, connect: Connect) -> None:
    def hang_up(_: Request) -> Reply:
        raise ConnectionAbortedError

    server = serve(hang_up)
    with pytest.raises(Unavailable) as failure:
        connect(server.url).get("/x")
    assert failure.value.code == "unreachable"
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("after", "tries"),
    [
        (3600, 1),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 1),
        ("1" + "0" * 20, 1),
        ("9" * 5000, 1),
        (-3600, 3),
        ("Fri, 31 Dec 99999 23:59:59 GMT", 3),
        ("NaN", 3),
        ("-5", 3),
        ("soon", 3),
    ],
)
def test_a_date_to_try_again_at_counts_as_seconds_do(
    serve: Serve, connect: Connect, after: str | int, tries: int
) -> None:
    """A number stands for the date that is so many seconds from now."""
    told = formatdate(time.time() + after, usegmt=True) if isinstance(after, int) else after
    server = serve(lambda _: Reply(503, {"error": {"message": "maintenance"}}, {"Retry-After": told}))
    assert connect(server.url, seconds=60).get("/x").status == 503
    assert len(server.requests) == tries


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "Budget has been exceeded! Current cost: 10.5, Max budget: 10.0", "type": "None"}},
        {"error": {"message": "spent", "type": "budget_exceeded"}},
        {"detail": "Max budget limit reached."},
    ],
)
def test_a_spent_budget_is_not_tried_again_and_its_body_is_whole(
    serve: Serve, connect: Connect, status: int, body: dict[str, Any]
) -> None:
    server = serve(lambda _: Reply(status, body))
    assert json.loads(connect(server.url).get("/x").read()) == body
    assert len(server.requests) == 1


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ({"error": {"message": "No key", "type": "auth_error", "code": "401"}}, "auth_failed", "No key"),
        ({"error": {"message": "no", "code": 403}}, "forbidden", "no"),
        ({"error": {"message": "no", "type": "token_not_found_in_db"}}, "auth_failed", "no"),
        ({"error": {"message": "slow", "code": "429"}}, "rate_limited", "slow"),
        ({"error": {"message": "gone", "code": "404"}, "type": "error"}, "not_found", "gone"),
        ({"error": "boom"}, "server_error", "boom"),
        ({"detail": "Not Found"}, "not_found", "Not Found"),
        ({"error": {"message": "odd", "code": float("nan")}}, "server_error", "odd"),
        ({"error": {"message": "odd", "code": 10**400}}, "server_error", "odd"),
        ({"error": {"message": "odd", "code": True}}, "server_error", "odd"),
    ],
)
def test_an_error_with_a_status_of_200_is_an_error(
    serve: Serve, connect: Connect, body: dict[str, Any], method: str, code: str, words: str
) -> None:
    server = serve(lambda _: Reply(200, body))
    client = connect(server.url)
    where = f"{server.url}/x"
    for read in (lambda answer: answer.json(where), lambda answer: list(answer.rows(where))):
        with pytest.raises(Failure) as failure:
            read(client.get("/x") if method == "GET" else client.send("POST", "/x"))
        assert (failure.value.code, failure.value.words) == (code, words)


@pytest.mark.parametrize(
    "body",
    [
        {"tools": [], "error": "unexpected_error", "message": "no"},
        {"error": None, "data": []},
        {"error": {"message": "no"}, "data": []},
        {"message": "deleted", "status": "success"},
        {"detail": []},
        {"error": {}},
    ],
)
def test_an_answer_that_says_more_than_an_error_is_none(serve: Serve, connect: Connect, body: dict[str, Any]) -> None:
    assert connect(serve(lambda _: Reply(200, body)).url).get_json("/x") == body


# Time and size


def test_a_proxy_that_does_not_answer_in_time_is_a_timeout_and_not_tried_again(serve: Serve, connect: Connect) -> None:
    release = threading.Event()

    def hang(_: Request) -> Reply:
        release.wait(20)
        return Reply()

    server = serve(hang)
    start = time.monotonic()
    with pytest.raises(Unavailable) as failure:
        connect(server.url, seconds=0.4).get("/x")
    assert (failure.value.code, len(server.requests)) == ("timeout", 1)
    assert failure.value.message == "no complete answer within 0.4 s"
    assert time.monotonic() - start < 3
    release.set()


@pytest.mark.parametrize("begins", [False, True])
@pytest.mark.parametrize("seconds", [0.3, None])
def test_a_wait_that_is_over_is_told_from_the_time_that_is_over(
    serve: Serve, authority: Authority, seconds: float | None, *, begins: bool
) -> None:
    release = threading.Event()

    def hang(_: Request) -> Reply:
        if not begins:
            release.wait(20)
        return Reply(body=chain((b"[1,",), (b"2]" for _ in range(1) if release.wait(20))))

    server = serve(hang)
    trust = Trust(str(authority.file), "the test")
    with closing(make_session(server.url, trust, loopback=True)) as session:
        client = Client(
            server.url, BoundAuth(server.url, "sk-key"), session, deadline=Deadline(seconds), read_seconds=0.5
        )
        with pytest.raises(Unavailable) as failure:
            client.get("/x").read()
    release.set()
    of_one = "stopped in the middle of its answer" if begins else "timed out"
    assert failure.value.code == "timeout"
    assert failure.value.message.endswith("no complete answer within 0.3 s" if seconds else of_one)


def trickle(piece: bytes) -> Iterator[bytes]:
    for _ in range(200):
        yield piece
        time.sleep(0.05)


def test_a_proxy_that_trickles_cannot_hold_us(serve: Serve, connect: Connect) -> None:
    server = serve(lambda _: Reply(body=trickle(b"[1,")))
    client = connect(server.url, seconds=0.5)
    start = time.monotonic()
    with pytest.raises(Unavailable) as failure:
        client.deadline.run(lambda: client.get("/x").read())
    assert failure.value.code == "timeout"
    assert time.monotonic() - start < 3


@pytest.mark.parametrize("is_tls", [False, True], ids=["plain", "TLS"])
@pytest.mark.parametrize(("seconds", "silence"), [(0.5, 60.0), (None, 0.5)], ids=["limit", "silence"])
@pytest.mark.parametrize("first", [b"9999\r\n", b"0\r\n"], ids=["a chunk", "trailers"])
def test_a_stream_that_trickles_and_says_nothing_cannot_hold_us(
    serve: Serve, authority: Authority, *, is_tls: bool, seconds: float | None, silence: float, first: bytes
) -> None:
    """Nobody could abandon it: it is read by who prints it."""
    server = serve(
        lambda _: Reply(
            body=chain((b"1\r\n!\r\n", first), trickle(b"X: x\r\n")), headers={"Transfer-Encoding": "chunked"}
        ),
        tls=authority.server() if is_tls else None,
    )
    trust = Trust(str(authority.file), "the test")
    with closing(make_session(server.url, trust, loopback=True)) as session:
        client = Client(
            server.url, BoundAuth(server.url, "sk-key"), session, deadline=Deadline(seconds), read_seconds=silence
        )
        chunks = client.get("/x", cap=None).chunks
        start = time.monotonic()
        with pytest.raises(Unavailable) as failure:
            assert list(chunks) == [b"!"]
    assert failure.value.code == "timeout"
    assert failure.value.message == (
        "no complete answer within 0.5 s" if seconds else "the proxy sent nothing for 0.5 s"
    )
    assert time.monotonic() - start < 3


CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@pytest.mark.parametrize(
    ("first", "more"),
    [
        (b"HTTP/1.1 200 OK\r\nX: ", b"x"),
        (b"HTTP/1.1 200 OK\r\n", b"X: x\r\n"),
        (b"HTTP/1.1 200 ", b"O"),
        (b"", CONTINUE),
    ],
    ids=["a header", "headers", "the status", "100 Continue"],
)
def test_headers_that_trickle_cannot_hold_us_without_a_limit(connect: Connect, first: bytes, more: bytes) -> None:
    with speaking(first, more) as url:
        client = connect(url, seconds=None)
        client.read_seconds = 0.5
        told = outcomes(client)
        began = time.monotonic()
        with pytest.raises(Unavailable) as failure:
            client.get("/x", cap=None)
        assert time.monotonic() - began < 5
    assert (failure.value.code, failure.value.may_have_acted) == ("timeout", True)
    assert told == [("GET", "/x", "timeout")]


@contextmanager
def speaking(first: bytes, more: bytes) -> Iterator[str]:
    """Yield the URL of a server that says one thing, and then another 150 times."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                connection, _ = server.accept()
                with connection:
                    connection.sendall(first)
                    for _ in range(150):
                        time.sleep(0.05)
                        connection.sendall(more)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_reading_what_is_sent_is_no_silence_of_the_proxy(serve: Serve, connect: Connect) -> None:
    class Slow(io.RawIOBase):
        """Takes longer to read than the proxy may be silent."""

        left = 4

        def read(self, _size: int = -1) -> bytes:
            time.sleep(0.4)
            self.left -= 1
            return b"x" if self.left else b""

    bodies = []
    server = serve(lambda request: (bodies.append(request.body), Reply(body={}))[1])
    client = connect(server.url, seconds=None)
    client.read_seconds = 0.6
    assert client.send("POST", "/x", body=Slow()).read() == b"{}"  # type: ignore[arg-type]


@pytest.mark.parametrize("encoding", ["identity", "gzip", "deflate", "GZIP"])
def test_a_body_is_decoded_and_its_decoded_size_is_limited(serve: Serve, connect: Connect, encoding: str) -> None:
    pack = {"gzip": gzip.compress, "deflate": zlib.compress}.get(encoding.lower(), bytes)
    body = b"x" * 3_000_000
    server = serve(lambda _: Reply(body=pack(body), headers={"Content-Encoding": encoding}))
    client = connect(server.url)
    assert client.get("/x", cap=3_000_000).read() == body
    with pytest.raises(Unavailable, match="returned more than 2 MiB") as failure:
        client.get("/x", cap=2 * 2**20).read()
    assert failure.value.code == "bad_response"


def test_an_answer_that_nobody_asked_to_be_packed_so_is_refused(serve: Serve, connect: Connect) -> None:
    server = serve(lambda _: Reply(body=b"x", headers={"Content-Encoding": "br"}))
    with pytest.raises(Unavailable, match='returned the unsupported encoding "br"'):
        connect(server.url).get("/x").read()


@pytest.mark.parametrize(
    "reply",
    [
        Reply(body=b"half", headers={"Content-Length": "100"}),
        Reply(body=gzip.compress(b"x" * 100)[:-9], headers={"Content-Encoding": "gzip", "Content-Length": "100"}),
        Reply(body=b"no gzip", headers={"Content-Encoding": "gzip"}),
        Reply(body=iter([b"5\r\nhello\r\n"]), headers={"Transfer-Encoding": "chunked"}),
        Reply(body=iter([b"zz\r\n"]), headers={"Transfer-Encoding": "chunked"}),
    ],
    ids=["length", "half gzip", "no gzip", "half chunked", "bad chunk"],
)
def test_half_a_body_is_no_answer(serve: Serve, connect: Connect, reply: Reply) -> None:
    server = serve(lambda _: reply)
    with pytest.raises(Unavailable, match="closed the connection in the middle of its answer") as failure:
        connect(server.url).get("/x").read()
    assert failure.value.code == "bad_response"


# What repeats a secret

SECRET = "sk-secret-0123456789"


def test_nothing_that_is_read_of_an_answer_repeats_a_secret(serve: Serve, connect: Connect) -> None:
    said = {"data": [{"name": f"a{SECRET}"}, {SECRET: "x"}], "other": SECRET.upper(), "has_more": True}
    server = serve(lambda _: Reply(body=said))
    client = connect(server.url, BoundAuth(server.url, SECRET))
    rows = [{"name": "a***"}, {"***": "x"}]
    assert client.get_json("/x") == {"data": rows, "other": "***", "has_more": True}
    rest: dict[str, object] = {}
    assert list(client.get("/x").rows("/x", rest=rest)) == rows
    assert rest == {"other": "***", "has_more": True}
    assert json.loads(client.get("/x").read()) == said, "as it came"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32-be"])
def test_it_is_found_in_whatever_encoding_json_may_have(serve: Serve, connect: Connect, encoding: str) -> None:
    server = serve(lambda _: Reply(body=json.dumps({"a": SECRET}).encode(encoding)))
    assert connect(server.url, BoundAuth(server.url, SECRET)).get_json("/x") == {"a": "***"}


def test_a_token_that_was_asked_for_is_left_and_repeated_nowhere_else(serve: Serve, connect: Connect) -> None:
    server = serve(lambda _: Reply(body={"user": "u-tok-0123456789", "token": "tok-0123456789", "old": SECRET}))
    client = connect(server.url, BoundAuth(server.url, SECRET))
    found = client.get("/x").json("/x", tokens=["token", "none"])
    assert found == {"user": "u-***", "token": "tok-0123456789", "old": "***"}
    assert client.auth.hidden("tok-0123456789") == "***"


def test_nobody_reads_an_answer_but_by_json_and_rows() -> None:
    """What is decoded elsewhere would go round what hides secrets; the other two read errors, and what the next page is."""
    folder = Path(client_module.__file__).parent
    decoding = {path.name for path in folder.glob("*.py") if "json.loads(" in path.read_text("utf-8")}
    assert decoding == {"answer.py", "error_words.py", "passthrough.py"}
    for path in folder.parent.rglob("*.py"):
        if path != folder / "answer.py":
            assert not re.search(r"json_stream import .*\brows\b|json_stream\.rows", path.read_text("utf-8")), path


# Redirects


def redirect(location: str, status: int = 302) -> Reply:
    return Reply(status, b"moved", {"Location": location})


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_below_the_base_url_is_followed_with_the_key(serve: Serve, connect: Connect, status: int) -> None:
    server = serve(replies(redirect("/v1/new?a=1", status), redirect("newer", status), Reply(200, {"ok": True})))
    assert connect(server.url).get_json("/v1/old", {"b": "2"}) == {"ok": True}
    assert server.paths == ["/v1/old?b=2", "/v1/new?a=1", "/v1/newer"]
    assert {request.headers["Authorization"] for request in server.requests} == {"Bearer sk-key"}


def test_a_path_that_repeats_the_key_is_told_to_nobody(serve: Serve, connect: Connect) -> None:
    server = serve(replies(redirect("/v1/sk-secret-key"), Reply(200, {"ok": True})))
    client = connect(server.url, BoundAuth(server.url, "sk-secret-key"))
    told = outcomes(client)
    client.get_json("/v1/old")
    assert told == [("GET", "/v1/old", "302"), ("GET", "/v1/***", "200")]


def test_no_cookie_is_kept(serve: Serve, connect: Connect) -> None:
    server = serve(lambda _: Reply(200, {"ok": True}, {"Set-Cookie": "token=other; Path=/"}))
    client = connect(server.url)
    for _ in range(2):
        client.get_json("/x")
    assert ["Cookie" in request.headers for request in server.requests] == [False, False]


def test_a_redirect_to_another_origin_is_not_followed(serve: Serve, connect: Connect) -> None:
    elsewhere = serve(lambda _: Reply())
    for location in (f"{elsewhere.url}/x", elsewhere.url.replace("http:", "") + "/x"):
        server = serve(lambda _, location=location: redirect(location))  # type: ignore[misc]
        with pytest.raises(
            Unavailable, match=f"redirects to {elsewhere.url}, and the key is not for that URL"
        ) as failure:
            connect(server.url).get("/x")
        assert (failure.value.code, failure.value.status, len(server.requests)) == ("bad_response", 302, 1)
    assert elsewhere.requests == []


@pytest.mark.parametrize(
    "location",
    [
        *("", "http://[", "ftp://127.0.0.1/x", "javascript:x", "/other", "../../x", "//127.0.0.1/team/x"),
        *("/team/%2e%2e/admin", "/team/.%2E/admin", "/team/%252e%252e/admin", "/team/a/%2e%2e%2f..%2fadmin"),
        *("/team/..;/admin", "/team/..;a=1/admin", "/team/..\\admin", "/team/..%5cadmin", "/team/%c0%ae%c0%ae/admin"),
        *("HOST/team/%2e%2e/admin", "HOST/team/../admin", "HOST@127.0.0.1/team/x", "HOST\\@127.0.0.1/team/x"),
    ],
)
def test_a_redirect_to_nowhere_or_above_the_base_url_is_not_followed(
    serve: Serve, connect: Connect, location: str
) -> None:
    server = serve(lambda _: redirect(location.replace("HOST", server.url)))
    with pytest.raises(Unavailable) as failure:
        connect(f"{server.url}/team").get("/x")
    assert (failure.value.code, server.paths) == ("bad_response", ["/team/x"])


@pytest.mark.parametrize("path", ["/../admin", "/%2e%2e/admin", "/..;/admin", "/%252e%252e/admin", "/..%5cadmin"])
def test_a_request_that_climbs_above_the_base_url_gets_no_key(serve: Serve, connect: Connect, path: str) -> None:
    server = serve(lambda _: Reply())
    connect(f"{server.url}/team").send("POST", path).read()
    assert ["Authorization" in request.headers for request in server.requests] == [False]


@pytest.mark.parametrize(
    "location", ["/team/x/../y", "x/%2e%2e/y", "/team/a%2Fb", "/team/%C3%A9?to=/../..", "y#/../.."]
)
def test_a_redirect_whose_dots_stay_below_the_base_url_is_followed(
    serve: Serve, connect: Connect, location: str
) -> None:
    server = serve(replies(redirect(location), Reply()))
    connect(f"{server.url}/team").get("/x").read()
    assert ["Authorization" in request.headers for request in server.requests] == [True, True]


def test_redirects_in_circles_end(serve: Serve, connect: Connect) -> None:
    server = serve(lambda _: redirect("/x"))
    with pytest.raises(Unavailable, match="redirects in a loop"):
        connect(server.url).get("/x")
    assert len(server.requests) == 5


# What is not LiteLLM's answer


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<html>Sign in</html>", "a web page"),
        (b"\n <!doctype html>", "a web page"),
        (b"", "an empty body"),
        (b"  \n", "an empty body"),
        (b"hello", "an unexpected answer"),
        (b'{"a": 1', "an unexpected answer"),
        (b"\xff\xfe\xff", "an unexpected answer"),
        (b"[" * 200_000, "an unexpected answer"),
    ],
)
def test_a_body_that_is_no_json_is_a_gateway(serve: Serve, connect: Connect, body: bytes, words: str) -> None:
    server = serve(lambda _: Reply(body=body))
    with pytest.raises(Unavailable) as failure:
        connect(server.url).get_json("/x")
    assert failure.value.message == f"{server.url}/x returned {words} and does not look like LiteLLM"


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(401, {"error": "no"}), AuthFailure),
        (Reply(404, {"detail": "no"}), Rejected),
        (Reply(500, "oops"), Unavailable),
        (Reply(204), Unavailable),
        (Reply(403, b"half", {"Content-Length": "100"}), AuthFailure),
    ],
)
def test_any_status_but_200_is_its_failure(serve: Serve, connect: Connect, reply: Reply, kind: type[Failure]) -> None:
    server = serve(lambda _: reply)
    with pytest.raises(kind) as failure:
        connect(server.url).get_json("/x")
    assert failure.value.status == reply.status


# HTTP proxies


@pytest.fixture
def gateway(serve: Serve) -> Server:
    """An HTTP proxy on loopback."""
    return serve(lambda _: Reply(body={"through": "the proxy"}))


def test_other_hosts_are_reached_through_the_proxy_that_the_environment_names(
    gateway: Server, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", gateway.url)
    monkeypatch.setenv("http_proxy", gateway.url)
    assert connect("http://llm.example", loopback=False).get_json("/x") == {"through": "the proxy"}
    assert gateway.paths == ["http://llm.example/x"]


def test_loopback_never_goes_through_a_proxy(
    gateway: Server, serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, gateway.url)
    server = serve(lambda _: Reply(body={"through": "nobody"}))
    assert connect(server.url).get_json("/x") == {"through": "nobody"}
    assert gateway.requests == []
