"""Statuses and redirects."""

from __future__ import annotations

from tests.hostile.faults.fault import (
    AUTH,
    MIB,
    REJECTED,
    UNAVAILABLE,
    Cost,
    add,
    fails,
    good,
    http,
    raw,
    redirect,
    says,
)
from tests.hostile.proxy import MOVED, Exchange

_JSON_REFUSALS = {400: (AUTH, REJECTED), 401: (AUTH,), 403: (AUTH,), 404: (REJECTED,)}
_CLIENT_ERRORS = [400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 413, 415, 418, 421, 422, 423, 425, 426, 428]
for _status in [*_CLIENT_ERRORS, 431, 444, 451, 499]:
    add(
        f"status {_status}",
        fails(_status),
        *_JSON_REFUSALS.get(_status, (REJECTED,)),
        refuses=_status in {401, 403, 404},
        is_understood=_status == 422,
    )
for _status in (500, 501, 505, 507, 511, 520, 530, 599, 600, 799, 999):
    add(
        f"status {_status}",
        fails(_status),
    )
for _status in (502, 503, 504):
    add(f"status {_status}", fails(_status), cost=Cost.PAUSED)
for _status in (201, 202, 203, 205, 206, 226):
    add(
        f"status {_status}",
        good(status=f"{_status} Odd"),
        is_understood=_status == 201,
    )
for _status in (204, 304):
    add(f"status {_status}", raw(f"HTTP/1.1 {_status} Nothing\r\n\r\n".encode()))
for _status in (300, 305, 306, 310):
    add(f"status {_status}", good(status=f"{_status} Odd"))
add("status 100 and no more", raw(b"HTTP/1.1 100 Continue\r\n\r\n"), cost=Cost.PAUSED)
add(
    "status 100 before the answer",
    lambda exchange: exchange.send(b"HTTP/1.1 100 Continue\r\n\r\n" + http(exchange.body)),
    is_understood=True,
)
add("status 101", raw(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"))
add(
    "status 103 before the answer",
    lambda exchange: exchange.send(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + http(exchange.body)),
    is_understood=True,
)
for _name, _early in {
    "status 103 a hundred times before the answer": b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 100,
    "status 100 ten thousand times before the answer": b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000,
    "status 102 before the answer": b"HTTP/1.1 102 Processing\r\n\r\n",
}.items():
    add(
        _name,
        lambda exchange, early=_early: exchange.send(early + http(exchange.body)),  # type: ignore[misc]
        is_understood=True,
    )
add(
    "status 204 with a body",
    good(status="204 Nothing"),
)
for _text in ("099", "000", "-200", "2OO", "20", "1000", "200.5", "99999999999999999999"):
    add(f"status line {_text}", good(status=_text), cost=Cost.PAUSED)
for _status in (400, 401, 403, 404, 500):
    add(
        f"status {_status} as a web page",
        says(b"<!DOCTYPE html><h1>Gateway</h1>", status=f"{_status} No", media_type="text/html"),
        UNAVAILABLE,
        refuses=_status in {401, 403, 404},
    )
add(
    "status 401 with a challenge",
    says(b"", 'WWW-Authenticate: Basic realm="\x1b[31mx"', "WWW-Authenticate: Negotiate", status="401 No"),
    AUTH,
    refuses=True,
)
add("status 407 with a challenge", says(b"", 'Proxy-Authenticate: Basic realm="x"', status="407 No"))
add(
    "status 401 of a key that is unknown",
    lambda exchange: exchange.error(401, "Invalid proxy server token passed.", kind="token_not_found_in_db"),
    AUTH,
    is_understood=True,  # deleting what is gone
)
add(
    "status 400 without a database",
    lambda exchange: exchange.error(400, "No connected db.", kind="no_db_connection"),
    AUTH,
)
for _name, _after in {
    "later": "2",
    "much later": "999999999999999999999",
    "before now": "-5",
    "a date": "Wed, 21 Oct 2099 07:28:00 GMT",
    "garbage": "soon\x1b[31m",
    "digits of another script": "\u0661\u0662",
    "thousands of digits": "9" * 5000,
    "nothing": "",
    "no number": "NaN",
    "for ever": "inf",
    "a billion": "1e9",
    "half a second": "0.5",
    "two times": "1, 2",
    "as long as is waited": "10",
}.items():
    add(
        f"status 429, retry after {_name}",
        fails(429, "slow down", f"Retry-After: {_after}"),
        cost=Cost.QUICK if _name in {"much later", "thousands of digits"} else Cost.PAUSED,
    )

# --- redirects ---


def _within(exchange: Exchange) -> None:
    request = exchange.request
    if request.path.startswith(MOVED) or request.method != "GET":
        exchange.answer(exchange.body)
        return
    query = f"?{request.query}" if request.query else ""
    exchange.answer(b"", f"Location: {MOVED}{request.path}{query}", status="307 Moved")


for _status in (301, 302, 303, 307, 308):
    add(
        f"redirect {_status} to another port",
        redirect(_status, lambda exchange: f"{exchange.elsewhere}/x"),
    )
for _name, _target in {
    "to another host": lambda exchange: exchange.elsewhere.replace("127.0.0.1", "localhost") + "/x",
    "to a longer port": lambda exchange: f"{exchange.url}0/x",
    "without a scheme": lambda exchange: exchange.elsewhere.removeprefix("http:") + "/x",
    "to a file": lambda _: "file:///etc/passwd",
    "to a script": lambda _: "javascript:alert(1)",
    "to data": lambda _: 'data:application/json,{"data":[]}',
    "with a user": lambda exchange: exchange.url.replace("://", "://ada:secret@") + "/model/info",
    "to a user's host": lambda exchange: exchange.url + exchange.elsewhere.replace("http://", "@") + "/x",
    "with white space": lambda exchange: f"\t{exchange.elsewhere}/x",
    "to half an address": lambda _: "http://[::1",
    "to a port that is none": lambda _: "http://127.0.0.1:99999999/",
    "to a port of letters": lambda _: "http://127.0.0.1:http/",
    "of a MiB": lambda _: "/x" * (MIB // 20),
    "to bytes": lambda _: "http://\udcff\udcfe\udc80/",
    "to nothing": lambda _: "",
    "with a header in it": lambda exchange: f"{exchange.elsewhere}/\rX-Injected: x\rLocation: {exchange.elsewhere}/y",
    "to another program": lambda _: "litellm://127.0.0.1/x",
    "over TLS": lambda exchange: exchange.url.replace("http:", "https:") + "/x",
    "to itself": lambda exchange: exchange.request.path,
}.items():
    add(
        f"redirect {_name}",
        redirect(302, _target),
        cost=Cost.PAUSED if _name == "of a MiB" else Cost.QUICK,
    )
add("redirect without a target", says(b"", status="302 Moved"))
for _name, _target in {
    "with a backslash": lambda exchange: exchange.elsewhere.replace("http://", "/\\") + "/x",
    "with control characters": lambda _: "\x1b[31m\x07\x01",
    "with encoded line breaks": lambda _: "/x%0d%0aX-Injected:%20x%0d%0a%0d%0a%1b[31m%00",
    "on two lines": lambda exchange: f"http:\r\n {exchange.elsewhere.removeprefix('http:')}/x",
    "to two targets": lambda exchange: f"{exchange.url}/x\r\nLocation: {exchange.elsewhere}/x",
    "in circles": lambda exchange: f"/{len(exchange.request.path)}{exchange.request.path}",
    "with dots and an at sign": lambda exchange: f"{exchange.url}/../../x@{exchange.elsewhere}",
}.items():
    # These are paths of the proxy itself, which has none of that name.
    add(f"redirect {_name}", redirect(302, _target), UNAVAILABLE, REJECTED, refuses=True)
add("redirect within the proxy", _within, is_understood=True)


def _redirect_without_end(exchange: Exchange) -> None:
    exchange.send(f"HTTP/1.1 302 Moved\r\nLocation: {exchange.elsewhere}/x\r\n\r\n".encode())
    exchange.forever(b"x" * 1000, 0.01)


add("redirect that never ends its body", _redirect_without_end)
add("refresh header", good(f"Refresh: 0; url=http://localhost/{'x' * 100}"), is_understood=True)
