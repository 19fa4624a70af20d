"""`api`: any request, its answer as it comes, and the key nowhere else."""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from litellmctl.proxy import passthrough
from tests.answers import Respond, closing, http, late
from tests.conftest import Run, Start
from tests.effort import measured, peak_bytes
from tests.fake_proxy import FakeProxy, Request, error
from tests.server import Listener

KEY = "sk-test-0123456789abcdef"
BEARER = f"Bearer {KEY}"
MIB = 2**20


class Done(NamedTuple):
    """What a process of its own left behind, as bytes."""

    code: int
    stdout: bytes
    stderr: str


@pytest.fixture
def start_api(start: Start) -> Start:
    """Start `api` with pipes of bytes."""
    return partial(start, "api", text=False)


def ended(started: subprocess.Popen[bytes], stdin: bytes | None = None) -> Done:
    stdout, stderr = started.communicate(stdin, timeout=20)
    return Done(started.returncode, stdout, stderr.decode())


def only(proxy: FakeProxy) -> Request:
    (request,) = proxy.requests
    return request


def lines_of(seconds: float, *pieces: bytes, head: bytes = b"") -> Respond:
    """Answer in pieces, with a pause before each but the first."""

    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n")
        for number, piece in enumerate(pieces):
            time.sleep(seconds if number else 0)
            handler.wfile.write(piece)
            handler.wfile.flush()

    return respond


# --- what is sent


def test_a_path_is_a_get_with_the_key_and_its_answer_is_printed_as_it_is(run: Run, proxy: FakeProxy) -> None:
    body = b'{"data":[  1,2 ],\r\n "a":"\xc3\xbc"}'
    proxy.on("/model/info", body)
    result = run("api", "/model/info")
    assert (result.encode(), result.stderr) == (body, "")
    request = only(proxy)
    assert (request.method, request.query, request.body) == ("GET", {}, b"")
    assert request.headers["Authorization"] == BEARER
    assert "Content-Type" not in request.headers


@pytest.mark.parametrize(
    ("words", "method", "body", "query"),
    [
        pytest.param([], "GET", None, {}, id="nothing"),
        pytest.param(["-f", "a=1"], "POST", {"a": "1"}, {}, id="a text"),
        pytest.param(["-F", "a=1"], "POST", {"a": 1}, {}, id="JSON"),
        pytest.param(["-f", "a=x=y&z", "-f", "b="], "POST", {"a": "x=y&z", "b": ""}, {}, id="texts as they are"),
        pytest.param(
            ["-f", "model=gpt", "-F", 'messages=[{"role": "user"}]', "-F", "stream=false", "-F", "n=null"],
            "POST",
            {"model": "gpt", "messages": [{"role": "user"}], "stream": False, "n": None},
            {},
            id="both",
        ),
        pytest.param(["-f", "ü=日本 🙂"], "POST", {"ü": "日本 🙂"}, {}, id="Unicode"),
        pytest.param(["-X", "GET", "-f", "a=b c&d", "-F", "n=2"], "GET", None, {"a": "b c&d", "n": "2"}, id="GET"),
        pytest.param(["-X", "get", "-F", "all=true"], "GET", None, {"all": "true"}, id="get"),
        pytest.param(["-X", "DELETE"], "DELETE", None, {}, id="DELETE"),
        pytest.param(["-X", "patch", "-F", "a=[1]"], "PATCH", {"a": [1]}, {}, id="patch"),
        pytest.param(
            ["--method", "PUT", "--raw-field", "a=1", "--field", "b=2"], "PUT", {"a": "1", "b": 2}, {}, id="PUT"
        ),
    ],
)
def test_the_method_and_the_fields(
    run: Run, proxy: FakeProxy, words: list[str], method: str, body: Any, query: dict[str, str]
) -> None:
    proxy.on("/thing", {"ok": True}, method=method)
    assert run("api", "/thing", *words).json == {"ok": True}
    request = only(proxy)
    assert (request.method, request.query) == (method, query)
    assert request.body == b"" if body is None else request.json == body
    assert request.headers.get("Content-Type") == (None if body is None else "application/json")


def test_the_same_name_twice_is_two_in_a_query_and_a_mistake_in_an_object(run: Run, proxy: FakeProxy) -> None:
    proxy.on("/thing?id=1&id=2", {})
    run("api", "/thing", "-X", "GET", "-f", "id=1", "-F", "id=2")
    result = run("api", "/thing", "-f", "id=1", "-F", "id=2", "--json", exit=2)
    assert 'the field "id" is given twice' in result.error["message"]
    assert len(proxy.requests) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-f", "a"], "is not NAME=VALUE"),
        (["-f", "=1"], "is not NAME=VALUE"),
        (["-F", "a"], "is not NAME=VALUE"),
        (["-F", "a=sk-secret"], "-F a is not valid JSON"),
        (["-F", "a=" + "[" * 100_000], "-F a is not valid JSON"),
        (["-F", "a=NaN"], "-F a is not valid JSON"),
        (["-F", 'a={"b": [-Infinity]}'], "-F a is not valid JSON"),
        (["-F", "a=@/nowhere/at/all"], "/nowhere/at/all"),
        (["-f", "a=\udcff"], "invalid Unicode"),
        (["-X", "G ET"], "is not a valid method"),
        (["-X", ""], "is not a valid method"),
        (["-X", "GET\r\nX-Evil: 1"], "is not a valid method"),
        (["--input", "/nowhere/at/all"], "cannot read /nowhere/at/all"),
        (["--input", "/"], "cannot read /"),
        (["--input", "a\0b"], "NUL"),
        (["--input", ""], "--input"),
        (["-X", "POST", "--input", ""], "--input"),
        (["--paginate", "-X", "POST"], "--paginate needs a GET request"),
        (["--paginate", "--input", "/dev/null"], "--paginate needs a GET request"),
        (["--fields", "id"], "no field"),
    ],
)
def test_a_mistake_is_exit_2_and_nothing_is_sent(run: Run, proxy: FakeProxy, words: list[str], said: str) -> None:
    result = run("api", "/thing", *words, "--json", exit=2)
    assert said in result.error["message"]
    assert "secret" not in result.stderr
    assert (result, proxy.requests) == ("", [])


def test_a_field_from_a_file_is_its_text(run: Run, proxy: FakeProxy, tmp_path: Path) -> None:
    prompt = tmp_path / "prompt.txt"
    prompt.write_text("Grüße,\n  $x\n")
    proxy.on("/thing", {}, method="POST")
    run("api", "/thing", "-F", f"prompt=@{prompt}")
    assert only(proxy).json == {"prompt": "Grüße,\n  $x\n"}


@pytest.mark.parametrize("method", ["POST", "PUT", "GET"])
def test_a_body_from_a_file_is_sent_as_it_is_and_fields_beside_it_are_the_query(
    run: Run, proxy: FakeProxy, tmp_path: Path, method: str
) -> None:
    body = tmp_path / "body"
    body.write_bytes(bytes(range(256)))
    proxy.on("/thing", {}, method=method)
    run("api", "/thing", "-X", method, "--input", str(body), "-f", "a=1", "-F", "b=[2]")
    request = only(proxy)
    assert (request.body, request.query) == (bytes(range(256)), {"a": "1", "b": "[2]"})
    assert (request.headers["Content-Length"], request.headers["Content-Type"]) == ("256", "application/json")


def test_headers_of_ones_own(run: Run, proxy: FakeProxy) -> None:
    proxy.on("/thing", {}, method="POST")
    given = ["x-team:red", "X-Note:  with : colons ", "content-type: text/plain", "Accept: */*", "User-Agent: me"]
    run("api", "/thing", "-f", "a=1", *(word for text in given for word in ("-H", text)))
    headers = {name.lower(): value for name, value in only(proxy).headers.items()}
    assert (headers["x-team"], headers["x-note"]) == ("red", "with : colons")
    assert (headers["content-type"], headers["accept"], headers["user-agent"]) == ("text/plain", "*/*", "me")
    assert headers["authorization"] == BEARER


@pytest.mark.parametrize(
    "header",
    [
        *("Authorization: Bearer sk-other", "AUTHORIZATION:x", "Host: evil.example", "Content-Length: 3"),
        *("transfer-encoding: chunked", "Connection: close"),
        *("no colon", ": x", "a b: c", "x-a: b\r\nX-Evil: 1", "x-a\n: b", "x-ü: b", "x-a: ü", "x-a: \x1b[31m"),
    ],
)
def test_a_header_that_would_replace_the_key_or_break_the_request_is_refused(
    run: Run, proxy: FakeProxy, header: str
) -> None:
    result = run("api", "/thing", "-H", header, "--json", exit=2)
    assert "-H" in result.error["message"]
    assert "sk-other" not in result.stderr
    assert proxy.requests == []


def test_the_header_that_carries_the_key_is_not_replaced_either(run: Run, proxy: FakeProxy) -> None:
    run("config", "set", "key_header", "x-litellm-api-key")
    run("api", "/thing", "-H", "X-LiteLLM-API-Key: sk-other", exit=2)
    assert proxy.requests == []
    proxy.on("/thing", {})
    run("api", "/thing")
    headers = only(proxy).headers
    assert headers["x-litellm-api-key"] == KEY
    assert "Authorization" not in headers


# --- to where


@pytest.mark.parametrize(
    ("path", "target", "query"),
    [
        ("/key/info", "/key/info", {}),
        ("key/info", "/key/info", {}),
        ("/key/info?key=a%20b&x=", "/key/info", {"key": "a b"}),
        ("{url}/key/info", "/key/info", {}),
        ("{url}/key/info?x=1", "/key/info", {"x": "1"}),
        ("{url}", "/", {}),
        ("{url}/", "/", {}),
        ("/image?url=https://example.com/a", "/image", {"url": "https://example.com/a"}),
        ("image?url=https://example.com/a", "/image", {"url": "https://example.com/a"}),
        ("/a b/ü", "/a%20b/%C3%BC", {}),
        ("/x#part", "/x", {}),
    ],
)
def test_a_path_or_a_url_of_this_proxy(
    run: Run, proxy: FakeProxy, path: str, target: str, query: dict[str, str]
) -> None:
    proxy.on(target, {"ok": 1})
    assert run("api", path.format(url=proxy.url)).json == {"ok": 1}
    request = only(proxy)
    assert (request.query, request.headers["Authorization"]) == (query, BEARER)


def test_a_query_in_the_path_and_fields_are_joined(run: Run, proxy: FakeProxy) -> None:
    proxy.on("/thing?a=1&b=2", {})
    run("api", "/thing?a=1", "-X", "GET", "-f", "b=2")


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/key/info",
        "http://127.0.0.1:1/key/info",
        "https://127.0.0.1:{port}/key/info",
        "http://127.0.0.1:{port}@evil.example/",
        "http://user@127.0.0.1:{port}/",
        "http://127.0.0.1:{port}.evil.example/",
        "http://localhost:{port}/key/info",
        "ftp://127.0.0.1:{port}/",
        "file:///etc/passwd",
        "http://[::1/",
    ],
)
def test_the_url_of_another_proxy_is_refused(run: Run, proxy: FakeProxy, url: str) -> None:
    result = run("api", url.format(port=proxy.port), "--json", exit=2)
    assert "the key is only sent there" in result.error["message"]
    assert proxy.requests == []


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize(
    "path", ["/x?u=http://evil.example/", "x?u=https://evil.example", "/x/http://evil.example/", "/x#a://b"]
)
def test_a_url_in_a_path_or_a_query_is_no_other_host(run: Run, proxy: FakeProxy, method: str, path: str) -> None:
    proxy.on("/x", {}, method=method, times=None).on("/x/http://evil.example/", {}, method=method, times=None)
    run("api", "-X", method, path)
    assert only(proxy).headers["Authorization"] == BEARER


@pytest.mark.parametrize("path", ["//evil.example/x", "/\r\nX-Evil: 1", "@evil.example/x", "/%0d%0aX-Evil: 1", "\\x"])
def test_a_strange_path_stays_a_path_of_this_proxy(run: Run, proxy: FakeProxy, path: str) -> None:
    run("api", path, exit=5)  # the fake proxy knows none of these
    assert "X-Evil" not in only(proxy).headers
    assert only(proxy).headers["Host"] == f"127.0.0.1:{proxy.port}"
    proxy.unexpected.clear()


def test_a_proxy_below_a_path(run: Run, proxy: FakeProxy) -> None:
    base = f"{proxy.url}/team"
    proxy.on("/team/key/info", {"n": 1}, times=3)
    for path in ("/key/info", "key/info", f"{base}/key/info"):
        assert run("api", path, LITELLM_BASE_URL=f"{base}/").json == {"n": 1}
    for path in (f"{proxy.url}/key/info", f"{proxy.url}/teams/key/info", proxy.url):
        run("api", path, exit=2, LITELLM_BASE_URL=base)
    assert len(proxy.requests) == 3


@pytest.mark.parametrize(
    "path",
    [
        *("/../key/info", "{url}/team/../key/info", "/a/../../key/info", "/%2e%2e/key/info", "/.%2E/key/info", ".."),
        *("/..;/key/info", "/..\\key/info", "/%252e%252e/key/info", "{url}/team/%2e%2e/key/info", "/..%2Fkey/info?x=1"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_path_that_climbs_out_is_refused(run: Run, proxy: FakeProxy, path: str, method: str) -> None:
    run("api", path.format(url=proxy.url), "-X", method, exit=2, LITELLM_BASE_URL=f"{proxy.url}/team")
    assert proxy.requests == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_host_is_refused(run: Run, proxy: FakeProxy, status: int) -> None:
    other = FakeProxy()
    for method in ("GET", "POST"):
        proxy.on("/thing", {}, status=status, headers={"Location": f"{other.url}/thing"}, method=method)
        assert run("api", "/thing", "-X", method, "--json", exit=3).error["code"] == "bad_response"
    other.close()
    assert (other.requests, len(proxy.requests)) == ([], 2)


def test_a_redirect_within_the_proxy_is_followed_by_a_get_only(run: Run, proxy: FakeProxy) -> None:
    for method in ("GET", "POST"):
        proxy.on("/old", {}, status=307, headers={"Location": "/new"}, method=method)
    proxy.on("/new", {"here": True})
    assert run("api", "/old").json == {"here": True}
    run("api", "/old", "-X", "POST", exit=3)
    assert proxy.asked == ["/old", "/new", "/old"]


def test_without_a_network_or_a_credential(run: Run, proxy: FakeProxy) -> None:
    assert run("api", "/thing", "--offline", "--json", exit=3).error["code"] == "offline"
    assert run("api", "/thing", "--json", exit=4, LITELLM_API_KEY=None).error["code"] == "auth_required"
    assert proxy.requests == []


def test_netrc_is_ignored(run: Run, proxy: FakeProxy, home: Path) -> None:
    (home / ".netrc").write_text("machine 127.0.0.1 login evil password evil\n")
    (home / ".netrc").chmod(0o600)
    proxy.on("/thing", {}, method="POST")
    run("api", "/thing", "-X", "POST")
    assert only(proxy).headers["Authorization"] == BEARER


# --- statuses


@pytest.mark.parametrize(
    ("status", "exit", "code"),
    [
        *((400, 5, "rejected"), (401, 4, "auth_failed"), (403, 4, "forbidden"), (404, 5, "not_found")),
        *((405, 5, "rejected"), (409, 5, "rejected"), (422, 5, "rejected"), (429, 3, "rate_limited")),
        *((500, 3, "server_error"), (502, 3, "server_error"), (503, 3, "server_error"), (504, 3, "server_error")),
    ],
)
def test_a_status_decides_the_exit_code_and_the_body_is_printed_all_the_same(
    run: Run, proxy: FakeProxy, status: int, exit: int, code: str
) -> None:
    told = error(status, f"no, {KEY} may not")
    for method in ("GET", "POST"):
        times = 3 if method == "GET" and status in {429, 502, 503, 504} else 1
        proxy.on("/thing", **told, headers={"Retry-After": "0"}, method=method, times=times)
        result = run("api", "/thing", "-X", method, "--json", exit=exit)
        assert result.json == told["body"]
        assert (result.error["code"], result.error["status"]) == (code, status)
        assert KEY not in result.stderr


def test_other_statuses_are_no_errors(run: Run, proxy: FakeProxy) -> None:
    proxy.on("/made", {"id": 1}, status=201, method="POST").on("/none", b"", status=204).on("/same", b"", status=304)
    assert run("api", "/made", "-X", "POST").json == {"id": 1}
    assert run("api", "/none") == ""
    assert run("api", "/same") == ""


def test_a_page_of_a_gateway_is_exit_3_where_its_status_says_no(run: Run, proxy: FakeProxy) -> None:
    page = b"<html>not here</html>"
    proxy.on("/x", page, status=404, headers={"Content-Type": "text/html"}).on("/y", page)
    result = run("api", "/x", exit=3)
    assert (result.encode(), "does not look like LiteLLM" in result.stderr) == (page, True)
    assert run("api", "/y").encode() == page


def test_a_long_error_is_printed_to_its_end(run: Run, proxy: FakeProxy) -> None:
    body = json.dumps({"error": {"message": "no"}, "more": "x" * 300_000}).encode()
    proxy.on("/thing", body, status=400)
    result = run("api", "/thing", exit=5)
    assert result.encode() == body
    assert len(result.stderr) < 1000


def test_a_get_is_tried_again_and_only_the_last_answer_is_printed(run: Run, proxy: FakeProxy) -> None:
    proxy.on("/thing", {"busy": True}, status=503, headers={"Retry-After": "0"}).on("/thing", {"n": 1})
    assert run("api", "/thing").json == {"n": 1}


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        pytest.param({"status": 503, "body": {}, "headers": {"Retry-After": "0"}}, "server_error", id="503"),
        pytest.param({"status": 429, "body": {}, "headers": {"Retry-After": "0"}}, "rate_limited", id="429"),
        pytest.param({"respond": closing()}, "unreachable", id="closed"),
        pytest.param({"respond": closing(reset=True)}, "unreachable", id="reset"),
        pytest.param({"respond": late({}, 0.6)}, "timeout", id="time-out"),
    ],
)
@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_what_may_change_something_is_sent_once(
    run: Run, proxy: FakeProxy, reply: dict[str, Any], code: str, method: str
) -> None:
    proxy.on("/thing", method=method, times=None, **reply)
    assert run("api", "/thing", "-X", method, "--timeout", "0.3", "--json", exit=3).error["code"] == code
    time.sleep(0.05)
    assert proxy.asked == ["/thing"]


def test_half_an_answer_is_printed_and_exit_3(run: Run, proxy: FakeProxy) -> None:
    proxy.on("/thing", raw=b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"half": ')
    result = run("api", "/thing", "--json", exit=3)
    assert (result, result.error["code"]) == ('{"half": ', "bad_response")


# --- what is printed


def test_every_byte_reaches_a_pipe(proxy: FakeProxy, start_api: Start) -> None:
    body = bytes(range(256)) * 5000 + b"\r\n\x1b[31m\xff\xfe no end"
    proxy.on("/file", body, headers={"Content-Type": "application/octet-stream"})
    assert ended(start_api("/file", "--json", "-o", "tsv", "-q")) == Done(0, body, "")


def test_a_compressed_answer_is_unpacked(run: Run, proxy: FakeProxy) -> None:
    proxy.on("/thing", gzip.compress(b'{"n": 1}'), headers={"Content-Encoding": "gzip"})
    assert run("api", "/thing") == '{"n": 1}'


def test_i_prints_the_status_and_the_headers_first(run: Run, proxy: FakeProxy) -> None:
    proxy.on("/thing", b"{}", status=201, headers={"x-cost": "0.5", "x-odd": "a\x1b[31mb"}, method="POST")
    head, _, body = run("api", "/thing", "-X", "POST", "-i").partition("\n\n")
    first, *others = head.splitlines()
    assert (first, body) == ("HTTP 201", "{}")
    assert {"x-cost: 0.5", "x-odd: a[31mb", "Content-Length: 2"} <= set(others)


def test_a_head_request_prints_what_i_asks_for(run: Run, proxy: FakeProxy) -> None:
    proxy.on("/thing", raw=b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\nX-A: b\r\n\r\n", method="HEAD", times=2)
    assert run("api", "/thing", "-X", "HEAD", "-i") == "HTTP 200\nContent-Length: 99\nX-A: b\n\n"
    assert run("api", "/thing", "-X", "HEAD") == ""


@pytest.mark.parametrize(
    "kind", ["image/png", "application/octet-stream", "audio/mpeg", "application/zip", "x\x1b[31m"]
)
def test_a_binary_answer_is_refused_on_a_terminal(run: Run, proxy: FakeProxy, kind: str) -> None:
    proxy.on("/file", b"\x89PNG\x1b]0;x\x07", headers={"Content-Type": kind})
    result = run("api", "/file", "-i", exit=2, terminal=True)
    assert result == ""
    assert "a terminal cannot show" in result.stderr
    assert "> FILE" in result.stderr
    assert "\x1b[31m" not in result.stderr.replace("\x1b[31mError", "Error")


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (b"plain\n", "plain\n"),
        (b"no end", "no end\n"),
        (b"", ""),
        (b"\x1b[2J\x1b]0;title\x07a\x9b31mb\tc\r\nd\x00\x08\n", "[2J]0;titlea31mb\tc\nd\n"),
        (b"\xff\xfe\n", "\ufffd\ufffd\n"),
        ("a\u202eb \u00fc\n".encode(), "a\\u202eb \u00fc\n"),
    ],
)
def test_text_is_made_safe_for_a_terminal(run: Run, proxy: FakeProxy, sent: bytes, shown: str) -> None:
    sent = sent.replace(b"\x9b", "\x9b".encode())
    for kind in ("text/plain; charset=utf-8", "application/json", "application/problem+json", "text/event-stream", ""):
        proxy.on("/thing", sent, headers={"Content-Type": kind})
        assert run("api", "/thing", terminal=True) == shown


def test_a_character_in_two_pieces_is_one_on_a_terminal(run: Run, proxy: FakeProxy) -> None:
    chunked = b"Transfer-Encoding: chunked\r\nContent-Type: text/plain\r\n"
    proxy.on("/thing", respond=lines_of(0.1, b"2\r\na\xc3\r\n", b"2\r\n\xbc!\r\n", b"0\r\n\r\n", head=chunked))
    assert run("api", "/thing", terminal=True) == "aü!\n"


# --- as it comes


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


EVENTS = (b'data: {"n": 1}\n\n', b"data: [DONE]\n\n")
KINDS = [
    pytest.param(b"Transfer-Encoding: chunked\r\n", (*map(chunk, EVENTS), b"0\r\n\r\n"), id="chunked"),
    pytest.param(b"Connection: close\r\n", EVENTS, id="until it is closed"),
    pytest.param(b"Content-Length: %d\r\n" % sum(map(len, EVENTS)), EVENTS, id="of a known length"),
]


@pytest.mark.parametrize(("head", "pieces"), KINDS)
def test_events_are_printed_as_they_come(
    proxy: FakeProxy, start_api: Start, head: bytes, pieces: tuple[bytes, ...]
) -> None:
    seen = threading.Event()

    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n" + head + b"\r\n" + pieces[0])
        handler.wfile.flush()
        seen.wait(5)
        for piece in pieces[1:]:
            handler.wfile.write(piece)

    proxy.on("/v1/chat/completions", respond=respond, method="POST")
    started = start_api("/v1/chat/completions", "-F", "stream=true")
    assert started.stdout is not None
    timer = threading.Timer(4, started.kill)
    timer.start()
    first = started.stdout.readline()
    seen.set()
    timer.cancel()
    assert first == EVENTS[0].splitlines(keepends=True)[0]
    done = ended(started)
    assert (done.code, first + done.stdout) == (0, b"".join(EVENTS))


CHUNKED = b"Transfer-Encoding: chunked\r\n"
TRICKLES = [
    pytest.param(b"Content-Length: 1000\r\n", [b"x"], id="of a known length"),
    pytest.param(b"Connection: close\r\n", [b"x"], id="until it is closed"),
    pytest.param(CHUNKED, [b"1\r\nx\r\n"], id="chunks"),
    pytest.param(CHUNKED, [b"3e8\r\nx", b"x"], id="one chunk"),
    pytest.param(CHUNKED, [b"1\r\nx\r\n0\r\n", b"X: x\r\n"], id="trailers"),
]


@pytest.mark.parametrize(("head", "pieces"), TRICKLES)
def test_a_body_that_trickles_ends_with_the_time_out(
    run: Run, proxy: FakeProxy, head: bytes, pieces: list[bytes]
) -> None:
    proxy.on("/thing", respond=lines_of(0.05, *pieces, *pieces[-1:] * 60, head=head))
    start = time.monotonic()
    result = run("api", "/thing", "--timeout", "0.4", "--json", exit=3)
    assert time.monotonic() - start < 1.5
    assert (result.error["code"], result.strip("x")) == ("timeout", "")


@pytest.mark.parametrize(("head", "pieces"), TRICKLES[3:])
def test_what_trickles_and_says_nothing_ends_without_a_limit_of_time_too(
    run: Run, proxy: FakeProxy, monkeypatch: pytest.MonkeyPatch, head: bytes, pieces: list[bytes]
) -> None:
    monkeypatch.setattr("litellmctl.commands.api.SILENT_SECONDS", 0.4)
    proxy.on("/thing", respond=lines_of(0.05, *pieces, *pieces[-1:] * 60, head=head))
    start = time.monotonic()
    result = run("api", "/thing", "--json", exit=3)
    assert time.monotonic() - start < 1.5
    assert (result.error["code"], result.error["message"]) == ("timeout", "the proxy sent nothing for 0.4 s")


def test_a_page_that_trickles_ends_with_the_time_out(run: Run, proxy: FakeProxy) -> None:
    proxy.on("/key/list", respond=lines_of(0.05, *[b" "] * 60, head=b"Content-Length: 60\r\n"))
    start = time.monotonic()
    result = run("api", "/key/list", "--paginate", "--timeout", "0.4", "--json", exit=3)
    assert time.monotonic() - start < 1.5
    assert (result.error["code"], result) == ("timeout", "")


def test_a_proxy_that_says_nothing_ends_with_the_time_out(run: Run, proxy: FakeProxy) -> None:
    proxy.on("/thing", respond=late({}, 2), times=None)
    start = time.monotonic()
    result = run("api", "/thing", "--timeout", "0.4", "--json", exit=3)
    assert result.error["code"] == "timeout"
    assert time.monotonic() - start < 1.5


def test_a_proxy_may_think_for_longer_than_a_page_takes(
    run: Run, proxy: FakeProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    from litellmctl.commands import api
    from litellmctl.proxy import client

    assert api.SILENT_SECONDS >= 300
    monkeypatch.setattr(client, "READ_SECONDS", 0.2)
    proxy.on("/thing", respond=late({"n": 1}, 0.6), method="POST")
    assert run("api", "/thing", "-X", "POST").json == {"n": 1}


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals")
@pytest.mark.parametrize("body", [False, True], ids=["before the answer", "in its middle"])
def test_ctrl_c_is_exit_130(proxy: FakeProxy, start_api: Start, body: bool) -> None:
    asked, may_end = threading.Event(), threading.Event()

    def respond(handler: BaseHTTPRequestHandler) -> None:
        if body:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"one\n"))
        asked.set()
        may_end.wait(10)

    proxy.on("/thing", respond=respond)
    started = start_api("/thing")
    assert asked.wait(10)
    if body:
        assert started.stdout is not None
        assert started.stdout.readline() == b"one\n"
    started.send_signal(signal.SIGINT)
    done = ended(started)
    may_end.set()
    assert (done.code, done.stdout, done.stderr) == (130, b"", "")


@pytest.mark.skipif(sys.platform == "win32", reason="no such exit code")
def test_a_reader_that_went_away_is_exit_141(proxy: FakeProxy, start_api: Start) -> None:
    proxy.on("/thing", b"x\n" * 2_000_000)
    started = start_api("/thing")
    assert started.stdout is not None
    assert started.stdout.read(10) == b"x\n" * 5
    started.stdout.close()
    assert started.wait(10) == 141
    assert started.stderr is not None
    assert started.stderr.read() == b""
    started.stderr.close()
    assert started.stdin is not None
    started.stdin.close()


# --- pages


PAGES = [
    pytest.param(
        "/key/list",
        [
            ({}, {"keys": ["a"], "current_page": 1, "total_pages": 3}),
            ({"page": "2"}, {"keys": ["b"], "current_page": 2, "total_pages": 3}),
            ({"page": "3"}, {"keys": ["c"], "current_page": 3, "total_pages": 3}),
        ],
        id="current_page of total_pages",
    ),
    pytest.param(
        "/user/list",
        [
            ({}, {"users": [], "page": 1, "total_pages": 2}),
            ({"page": "2"}, {"users": [], "page": 2, "total_pages": 2}),
        ],
        id="page of total_pages",
    ),
    pytest.param(
        "/v1/files",
        [
            ({}, {"object": "list", "data": [], "has_more": True, "last_id": "f/1"}),
            ({"after": "f/1"}, {"object": "list", "data": [], "has_more": True, "last_id": "f 2"}),
            ({"after": "f 2"}, {"object": "list", "data": [], "has_more": False, "last_id": "f3"}),
        ],
        id="OpenAI's last_id",
    ),
    pytest.param(
        "/v1/messages/batches",
        [
            ({}, {"data": [], "has_more": True, "first_id": "a", "last_id": "b"}),
            ({"after_id": "b"}, {"data": [], "has_more": False, "first_id": "c", "last_id": "d"}),
        ],
        id="Anthropic's last_id",
    ),
    pytest.param(
        "/v1/skills",
        [
            ({}, {"data": [], "has_more": True, "next_page": "page=&+"}),
            ({"page": "page=&+"}, {"data": [], "has_more": False, "next_page": None}),
        ],
        id="next_page",
    ),
]


@pytest.mark.parametrize(("path", "pages"), PAGES)
def test_all_pages_are_printed_one_after_the_other(
    run: Run, proxy: FakeProxy, path: str, pages: list[tuple[dict[str, str], Any]]
) -> None:
    for _, body in pages:
        proxy.on(path, json.dumps(body, indent=2).encode())
    printed = run("api", path, "--paginate", "-f", "limit=7")
    assert printed == "".join(json.dumps(body, indent=2) + "\n" for _, body in pages)
    assert [request.query for request in proxy.requests] == [{"limit": "7", **query} for query, _ in pages]
    assert {request.headers["Authorization"] for request in proxy.requests} == {BEARER}


def test_a_page_of_ones_own_to_begin_with(run: Run, proxy: FakeProxy) -> None:
    for number in (2, 3):
        proxy.on(f"/key/list?page={number}", {"current_page": number, "total_pages": 3})
    run("api", "/key/list", "--paginate", "-F", "page=2")
    for number in (2, 3):
        proxy.on("/key/list", {"current_page": number, "total_pages": 3})
    run("api", "/key/list?page=2", "--paginate")
    assert [request.query["page"] for request in proxy.requests] == ["2", "3", "2", "3"]


@pytest.mark.parametrize(
    "body", [b"[1, 2]", b"<html>", b"", b"null", b'{"has_more": "yes", "last_id": 7}', b"[" * 100_000]
)
def test_what_is_no_page_is_the_only_one(run: Run, proxy: FakeProxy, body: bytes) -> None:
    proxy.on("/thing", body)
    assert run("api", "/thing", "--paginate").encode() == body + b"\n"


@pytest.mark.parametrize(
    "body",
    [
        {"object": "list", "has_more": True, "last_id": "same"},
        {"has_more": True, "next_page": "same"},
        {"page": 1, "total_pages": 9},
    ],
)
def test_a_list_that_begins_anew_is_told_of(run: Run, proxy: FakeProxy, body: Any) -> None:
    proxy.on("/thing", body, times=2)
    result = run("api", "/thing", "--paginate", "--json", exit=3)
    assert len(result.splitlines()) == 2
    assert (result.error["code"], result.error["message"]) == (
        "bad_response",
        "the list /thing repeats after 1 page",
    )
    assert result.error["remedy"] == "the output is incomplete: request larger pages, often with -f limit=1000"


@pytest.mark.parametrize("cursor", [{}, {"last_id": None}, {"next_page": "", "last_id": 5}], ids=repr)
def test_a_list_that_does_not_say_how_it_goes_on_is_told_of(run: Run, proxy: FakeProxy, cursor: dict[str, Any]) -> None:
    body = json.dumps({"data": [1], "has_more": True, **cursor})
    proxy.on("/thing", body.encode())
    result = run("api", "/thing", "--paginate", "--json", exit=3)
    assert result == f"{body}\n"
    assert result.error["message"] == "the list /thing has more pages, and does not say how to request them"


def test_a_list_without_an_end_ends(run: Run, proxy: FakeProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    assert passthrough._MAX_PAGES <= 10_000
    monkeypatch.setattr(passthrough, "_MAX_PAGES", 5)

    def respond(handler: BaseHTTPRequestHandler) -> None:
        body = json.dumps({"has_more": True, "next_page": str(len(proxy.requests))}).encode()
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    proxy.on("/thing", respond=respond, times=None)
    assert "the list /thing has more than 5 pages" in run("api", "/thing", "--paginate", exit=3).stderr
    assert len(proxy.requests) == 5


def test_a_page_that_fails_ends_the_list_with_its_exit_code(run: Run, proxy: FakeProxy) -> None:
    proxy.on("/key/list", {"page": 1, "total_pages": 9}).on("/key/list", **error(403, "not you"))
    result = run("api", "/key/list", "--paginate", "-i", exit=4)
    assert [line for line in result.splitlines() if line.startswith("HTTP ")] == ["HTTP 200", "HTTP 403"]
    assert "not you" in result
    assert "not you" in result.stderr


# --- large bodies


class Sink(Listener):
    """A server that counts what it is sent, and keeps none of it."""

    def __init__(self) -> None:
        self.head = b""
        self.size = 0
        self.first = threading.Event()
        super().__init__()

    def serve(self, connection: socket.socket) -> None:
        """Take a request to its end, and answer."""
        rest = b""
        while b"\r\n\r\n" not in rest and (some := connection.recv(1)):
            rest += some
        self.head = rest.lower()
        length = re.search(rb"content-length: (\d+)", self.head)
        buffer, end = bytearray(MIB), b""
        while not (self.size == int(length[1]) if length else end.endswith(b"\r\n0\r\n\r\n")):
            count = connection.recv_into(buffer)
            if not count:
                return  # the client went away
            self.size += count
            self.first.set()
            end = (end + bytes(buffer[max(0, count - 7) : count]))[-7:]
        connection.sendall(http(b"{}"))


@pytest.fixture
def sink(env: dict[str, str]) -> Iterator[Sink]:
    server = Sink()
    env["LITELLM_BASE_URL"] = server.url
    env["LITELLM_API_KEY"] = KEY
    yield server
    server.close()


def start_measured(env: dict[str, str], *words: str, **options: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(measured("api", *words), env=env, stderr=subprocess.PIPE, **options)


def peak_of(started: subprocess.Popen[bytes]) -> int:
    """Wait for the end, and return the most memory that it had, in bytes."""
    _, stderr = started.communicate(timeout=60)
    assert started.returncode == 0, stderr
    return peak_bytes(stderr)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("mebibytes", [300, 1], ids=["a file", "stdin that is a file"])
def test_a_large_file_is_sent_in_little_memory(env: dict[str, str], sink: Sink, tmp_path: Path, mebibytes: int) -> None:
    body = tmp_path / "body"
    with body.open("wb") as file:
        file.truncate(mebibytes * MIB)
    with body.open("rb") as file:
        words = ["--input", str(body) if mebibytes == 300 else "-"]
        started = start_measured(env, "/v1/files", *words, stdin=file, stdout=subprocess.DEVNULL)
    assert peak_of(started) < 100 * MIB
    assert sink.size == mebibytes * MIB
    assert b"transfer-encoding" not in sink.head


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_large_stdin_is_sent_as_it_comes_in_little_memory(env: dict[str, str], sink: Sink) -> None:
    started = start_measured(env, "/v1/files", "--input", "-", stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert started.stdin is not None
    block = b"\n" * MIB  # lines, of which there would be very many
    started.stdin.write(block)
    started.stdin.flush()
    assert sink.first.wait(10), "nothing is sent before the end of stdin"
    for _ in range(103):
        started.stdin.write(block)
    assert peak_of(started) < 100 * MIB
    assert sink.size > 104 * MIB
    assert b"\r\ntransfer-encoding: chunked\r\n" in sink.head
    assert b"content-length" not in sink.head


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_large_answer_is_printed_in_little_memory(env: dict[str, str], proxy: FakeProxy) -> None:
    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (104 * MIB))
        for _ in range(104):
            handler.wfile.write(b"x" * MIB)

    proxy.on("/file", respond=respond)
    started = start_measured(env, "/file", stdout=subprocess.PIPE)
    assert started.stdout is not None
    size = 0
    while some := started.stdout.read1(MIB):  # type: ignore[attr-defined]
        size += len(some)
    assert size == 104 * MIB
    assert started.stderr is not None
    said = started.stderr.read()
    started.stdout.close()
    started.stderr.close()
    assert started.wait(10) == 0
    assert peak_bytes(said) < 100 * MIB


def test_stdin_is_the_body(run: Run, proxy: FakeProxy, start_api: Start) -> None:
    sent: list[bytes] = []

    def respond(handler: BaseHTTPRequestHandler) -> None:
        while size := int(handler.rfile.readline(), 16):
            sent.append(handler.rfile.read(size))
            handler.rfile.readline()
        handler.rfile.readline()
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    proxy.on("/thing", respond=respond, method="POST")
    body = b'{"a": "\xc3\xbc"}\n\x00\xff'
    assert ended(start_api("/thing", "--input", "-"), body) == Done(0, b"{}", "")
    assert b"".join(sent) == body
    result = run("api", "/thing", "--input", "-", "--json", terminal=True, exit=2)
    assert result.error["code"] == "input_required"


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals")
def test_a_stdin_that_never_ends_does_not_hold_us(start_api: Start, sink: Sink) -> None:
    reading, writing = os.pipe()
    started = start_api("/thing", "--input", "-", stdin=reading)
    os.close(reading)
    os.write(writing, b"x" * 60_000)
    assert sink.first.wait(10)
    started.send_signal(signal.SIGINT)
    done = ended(started)
    os.close(writing)
    assert done == Done(130, b"", "")


def test_v_names_the_request_and_nothing_in_it(run: Run, proxy: FakeProxy) -> None:
    proxy.on("/thing", {}, method="POST")
    result = run("api", "/thing?token=hidden", "-f", "a=hidden", "-H", "x-a: hidden", "-v")
    assert re.fullmatch(r"POST /thing 200 \d+ ms\n", result.stderr)


def test_the_help_shows_three_real_uses(run: Run) -> None:
    shown = run("api", "--help")
    for use in ("api /key/info", "api /v1/chat/completions --input ", "api /team/new -f team_alias="):
        assert f"$ litellmctl {use}" in shown


AS_IT_CAME = '{"b":[1.50,{}, []],"a":"x\\u00e9y","n":123456789012345678901,"b":{"c":null}}'


def test_json_is_indented_on_a_terminal_and_nothing_else_of_it_changes(run: Run, proxy: FakeProxy) -> None:
    proxy.on("/thing", AS_IT_CAME.encode(), headers={"Content-Type": "application/json; charset=utf-8"}, times=3)
    assert run("api", "/thing", terminal=True) == (
        '{\n  "b": [\n    1.50,\n    {},\n    []\n  ],\n  "a": "x\\u00e9y",\n  "n": 123456789012345678901,\n'
        '  "b": {\n    "c": null\n  }\n}\n'
    )
    assert run("api", "/thing") == AS_IT_CAME
    assert run("api", "/thing", "--json") == AS_IT_CAME


@pytest.mark.parametrize(
    "body", ['{"a":1', "[" * 101 + "]" * 101, f'["{"x" * 2**20}"]', '{"a":\ud800}', "plain text, said to be JSON"]
)
def test_a_body_that_is_not_json_or_too_large_comes_as_it_is_on_a_terminal(
    run: Run, proxy: FakeProxy, body: str
) -> None:
    proxy.on("/thing", body.encode("utf-8", "surrogatepass"), headers={"Content-Type": "application/json"})
    shown = run("api", "/thing", terminal=True)
    assert shown == body.encode("utf-8", "surrogatepass").decode("utf-8", "replace") + "\n"


@pytest.mark.parametrize(("header", "value"), [("x-api-token", "t0p-secret-value"), ("x-anything", "t0p-secret-value")])
def test_a_header_of_ones_own_that_is_repeated_in_an_error_is_not_shown(
    run: Run, proxy: FakeProxy, header: str, value: str
) -> None:
    proxy.on("/x", {"error": {"message": f"the {header} {value} is not welcome"}}, status=400)
    result = run("api", "/x", "-H", f"{header}: {value}", exit=5)
    assert value not in result.stderr
    assert f"the {header} *** is not welcome" in result.stderr
