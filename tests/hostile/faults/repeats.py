"""What the proxy repeats of the secrets that it knows: in every place of an answer, in every writing (tests/writings.py).

An answer has one writing after the other: which it begins with is the turn of the attempt. A campaign has so many turns
that each fault of single writings has them all; of the pairs each fault has others.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from itertools import count
from typing import Any
from zlib import crc32

from tests import writings
from tests.hostile.faults.fault import AUTH, OK, REJECTED, UNAVAILABLE, Cost, add, chunk, dumped, http
from tests.hostile.faults.values import NAMES, leaves, names
from tests.hostile.known import SECRETS, known_from
from tests.hostile.proxy import Exchange

# Writes the secrets that the proxy knows, in the next way.
Say = Callable[[], str]
_ALL = {**writings.WRITINGS, **writings.PAIRS}
_WAYS = {"": tuple(writings.WRITINGS), ", in two ways at once": tuple(writings.PAIRS)}


def _say(exchange: Exchange, ways: tuple[str, ...], start: int, *, gives: bool) -> Say:
    known = known_from(exchange.attempt.requests, gives=gives) or ["nothing yet"]
    numbers = count(start + exchange.attempt.turn + len(exchange.attempt.requests))

    def say() -> str:
        way = ways[next(numbers) % len(ways)]
        exchange.attempt.forms.add(way)
        return ", ".join(map(_ALL[way], known))

    return say


def _add(place: str, answer: Callable[[Exchange, Say], None], *exits: int, gives: bool = False, **details: Any) -> None:
    """Add the faults of a place: of single writings, and of pairs of them. `gives`: tokens that are asked for are there."""
    for family, ways in _WAYS.items():
        name = f"repeats secrets {place}{family}"
        start = crc32(name.encode())

        def made(exchange: Exchange, ways: tuple[str, ...] = ways, start: int = start) -> None:
            answer(exchange, _say(exchange, ways, start, gives=gives))

        add(name, made, *exits, repeats=True, **details)


# --- in errors ---


def _error(status: int) -> Callable[[Exchange, Say], None]:
    return lambda exchange, say: exchange.error(status, f"{say()}\n{exchange.echo}", kind=say())


for _status, _exits in {
    400: (AUTH, REJECTED),
    401: (AUTH,),
    403: (AUTH,),
    404: (REJECTED,),
    422: (REJECTED,),
    429: (),
    500: (),
}.items():
    _add(
        f"with {_status}",
        _error(_status),
        *_exits,
        is_understood=_status == 422,
        refuses=_status in {401, 403, 404},
        cost=Cost.PAUSED if _status == 429 else Cost.QUICK,
    )

_ERRORS: dict[str, Callable[[Say], Any]] = {
    "a detail": lambda say: {"detail": say()},
    "the error of a detail": lambda say: {"detail": {"error": say()}},
    "a list of complaints": lambda say: {
        "detail": [{"loc": ["body", say()], "msg": say(), "type": "x", "input": say()}]
    },
    "an error that is a text": lambda say: {"error": say()},
    "an error inside an error": lambda say: {"error": {"error": {"message": say(), "code": say()}}},
    "OAuth does": lambda say: {"error": "invalid_grant", "error_description": say()},
    "an error of OAuth": lambda say: {"error": say(), "error_description": "no"},
    "names of an error": lambda say: {"error": {say(): say(), "message": say(), "type": say(), "param": say()}},
    "a text": lambda say: say(),
    "a list": lambda say: [say(), {"message": say()}],
}
for _name, _body in _ERRORS.items():
    _add(
        f"as {_name}, with 400",
        lambda exchange, say, body=_body: exchange.answer(dumped(body(say)), status="400 No"),
        AUTH,
        REJECTED,
    )
for _name, _shape, _media_type in (
    ("a web page", "<title>{}</title><pre>{}</pre>", "text/html"),
    ("plain text", "{} {}", "text/plain"),
    ("JSON that breaks off", '{{"error": {{"message": "{}", "x": "{}', "application/json"),
    ("events", "event: {}\ndata: {}\n\n", "text/event-stream"),
):
    _add(
        f"in {_name}, with 400",
        lambda exchange, say, shape=_shape, media_type=_media_type: exchange.answer(
            shape.format(say(), say()).encode(), status="400 No", media_type=media_type
        ),
        AUTH,
        REJECTED,
        UNAVAILABLE,
    )
_add(
    "in a compressed error",
    lambda exchange, say: exchange.answer(
        gzip.compress(dumped({"error": {"message": say()}})), "Content-Encoding: gzip", status="400 No"
    ),
    AUTH,
    REJECTED,
)
_add(
    "as an error with 200",
    lambda exchange, say: exchange.answer(
        dumped({"tools": [], "data": None, "error": say(), "message": say(), "detail": say()})
    ),
    is_understood=True,
)
_add(
    "in an error of JSON-RPC",
    lambda exchange, say: exchange.answer(
        dumped({"jsonrpc": "2.0", "id": 1, "error": {"code": -32000, "message": say(), "data": say()}})
    ),
    UNAVAILABLE,
    REJECTED,
    is_understood=True,
)
_add(
    "in events",
    lambda exchange, say: exchange.answer(
        f"event: {say()}\nid: {say()}\ndata: {json.dumps({'error': {'message': say()}})}\n\n: {say()}\n\n".encode(),
        media_type="text/event-stream",
    ),
)

# --- in what was asked for ---


def _in_texts(where: str, *, also_names: bool = False) -> Callable[[Exchange, Say], None]:
    """Answer as is right, with this in the texts; of those that are sent again nothing is changed."""

    def answer(exchange: Exchange, say: Say) -> None:
        def change(old: str) -> str:
            is_left = old in SECRETS or (old in NAMES and not also_names)
            return old if is_left else where.format(old, say()) if "{" in where else say()

        exchange.answer(dumped(leaves(exchange.good, change, only=str)))

    return answer


_MAY: dict[str, Any] = {"is_understood": True, "gives": True}
_add("at the end of every text", _in_texts("{} {}"), UNAVAILABLE, REJECTED, **_MAY)
_add("at the end of every text and name", _in_texts("{}{}", also_names=True), UNAVAILABLE, REJECTED, **_MAY)
_add("as every text", _in_texts(""), UNAVAILABLE, REJECTED, **_MAY)
_add("as every text and name", _in_texts("", also_names=True), UNAVAILABLE, REJECTED, **_MAY)


def _beside(exchange: Exchange, say: Say) -> None:
    """Answer with each row a second time, with this in all its texts."""
    exchange.answer(dumped(_doubled(exchange.good, say)))


def _doubled(value: Any, say: Say) -> Any:
    if isinstance(value, list):
        return [*value, *(leaves(one, lambda old: old if old in SECRETS else say(), only=str) for one in value)]
    return {name: _doubled(one, say) for name, one in value.items()} if isinstance(value, dict) else value


_add("in rows beside the others", _beside, UNAVAILABLE, REJECTED, **_MAY)


def _as_nothing(exchange: Exchange, say: Say) -> None:
    """Answer with this in place of everything that is null or empty: users, teams, aliases, errors."""

    def change(old: Any) -> Any:
        return say() if old in {None, ""} else old

    exchange.answer(dumped(leaves(exchange.good, change, only=(str, type(None)))))


_add("where there was nothing", _as_nothing, UNAVAILABLE, REJECTED, **_MAY)
_add(
    "as names of fields",
    lambda exchange, say: exchange.answer(dumped(names(exchange.good, say))),
    UNAVAILABLE,
    REJECTED,
    **_MAY,
)


def _by_servers(exchange: Exchange, say: Say) -> None:
    answer = exchange.good
    if isinstance(answer, dict) and "tools" in answer:
        answer["server_outcomes"] = {
            say(): {"status": "error", "message": say(), "error": say()},
            "lab_http": {"status": say(), "message": say(), "error": say()},
        }
    elif isinstance(answer, list):
        for row in answer:
            row |= {"status": "unhealthy", "health_check_error": say(), "alias": say(), "server_name": say()}
    exchange.answer(dumped(answer))


_TOOLS, _CALL = "GET /mcp-rest/tools/list", "POST /mcp-rest/tools/call"
_add("in the errors of MCP servers", _by_servers, is_understood=True, at=frozenset({_TOOLS, "GET /v1/mcp/server"}))


def _by_tools(exchange: Exchange, say: Say) -> None:
    """Answer with tools that say it in each of their parts, beside the others."""
    answer = exchange.good
    if isinstance(answer, dict) and isinstance(answer.get("tools"), list):
        schema = {"type": "object", "properties": {say(): {"type": "string", "enum": [say()], "description": say()}}}
        described = {"title": say(), "description": say(), "annotations": {"title": say()}, "_meta": {say(): say()}}
        for row in answer["tools"].copy():
            row["inputSchema"]["properties"] |= {say(): {"description": say(), "default": say(), "title": say()}}
            row.update(described)
            info = {**(row.get("mcp_info") or {}), "server_name": say(), "description": say()}
            answer["tools"].append({**row, "name": say(), "mcp_info": info, "inputSchema": schema})
    exchange.answer(dumped(answer))


_add("in tools", _by_tools, UNAVAILABLE, REJECTED, is_understood=True, at=frozenset({_TOOLS}))


def _in_a_result(*, is_error: bool) -> Callable[[Exchange, Say], None]:
    def answer(exchange: Exchange, say: Say) -> None:
        if exchange.request.endpoint != _CALL:
            exchange.answer(exchange.body)
            return
        content = [
            {"type": "text", "text": f"one\n{say()}\n{say()}"},
            {"type": "image", "data": "iVBORw0KGgo=", "mimeType": f"image/{say()}"},
            {"type": "audio", "data": say(), "mimeType": say()},
            {"type": "resource_link", "uri": f"x://{say()}", "name": say(), "description": say(), "mimeType": say()},
            {"type": "resource", "resource": {"uri": say(), "mimeType": say(), "text": say()}},
            {"type": say(), say(): say()},
        ]
        exchange.answer(dumped({"content": content, "isError": is_error, "structuredContent": {say(): [say()]}}))

    return answer


_add("in the result of a tool", _in_a_result(is_error=False), is_understood=True, at=frozenset({_CALL}))
_add("in the error of a tool", _in_a_result(is_error=True), REJECTED, is_understood=True, at=frozenset({_CALL}))

# --- in headers ---


def _in_headers(*headers: str, status: str) -> Callable[[Exchange, Say], None]:
    return lambda exchange, say: exchange.answer(
        exchange.body if status.startswith("2") else b"{}", *(header.format(say()) for header in headers), status=status
    )


_add("in the status line", lambda exchange, say: exchange.answer(b"{}", status=f"401 {say()}"), AUTH, UNAVAILABLE,
     refuses=True,
     cost=Cost.PAUSED)  # fmt: skip
_CHALLENGE = ("WWW-Authenticate: Bearer {}", "Retry-After: {}", "Date: {}", "Set-Cookie: key={}", "X-Request-Id: {}")
_add("in the headers of 403", _in_headers(*_CHALLENGE, status="403 No"), AUTH, UNAVAILABLE, refuses=True)
_add("in the headers of 429", _in_headers(*_CHALLENGE, status="429 No"), cost=Cost.PAUSED)
_add("in the headers of 200", _in_headers(*_CHALLENGE, "X-{}: x", status="200 OK"), is_understood=True)
_add("as an encoding", _in_headers("Content-Encoding: {}", status="200 OK"), is_understood=True)
_add(
    "as a media type",
    lambda exchange, say: exchange.answer(exchange.body, media_type=f"{say()}; charset={say()}"),
    is_understood=True,
)

# --- in redirects ---


def _redirect(target: Callable[[Exchange, Say], str]) -> Callable[[Exchange, Say], None]:
    return lambda exchange, say: exchange.answer(b"{}", f"Location: {target(exchange, say)}", status="302 Moved")


def _as_a_host(text: str) -> str:
    return "".join(one for one in text.partition(",")[0] if one == "-" or (one.isalnum() and one.isascii()))


for _name, _target in {
    "in a redirect": lambda exchange, say: f"{exchange.elsewhere}/{say()}?key={say()}#{say()}",
    "as a user in a redirect": lambda exchange, say: exchange.elsewhere.replace("://", f"://x:{say()}@"),
    "as a host in a redirect": lambda _, say: f"http://{_as_a_host(say())}.invalid/",
    "as a whole redirect": lambda _, say: f"{say()}://x",
}.items():
    # A target that is nothing but letters is a path of the proxy itself.
    _add(_name, _redirect(_target), UNAVAILABLE, REJECTED, refuses=True)
_add(
    "in a redirect within the proxy",
    _redirect(lambda exchange, say: f"/x/{say()}/{len(exchange.request.path)}?key={say()}"),
    UNAVAILABLE,
    REJECTED,
    refuses=True,
)

# --- where there should be something else ---


def _bytes(make: Callable[[Exchange, Say], str]) -> Callable[[Exchange, Say], None]:
    return lambda exchange, say: exchange.send(make(exchange, say).encode())


for _name, _make in {
    "as the status line": lambda _, say: f"{say()}\r\n\r\n{say()}",
    "as a status": lambda _, say: f"HTTP/1.1 {say()} {say()}\r\n\r\n",
    "as a line that is no header": lambda _, say: f"HTTP/1.1 200 OK\r\n{say()}\r\n\r\n{{}}",
    "as a length": lambda _, say: f"HTTP/1.1 200 OK\r\nContent-Length: {say()}\r\n\r\n{{}}",
    "as the size of a chunk": lambda _, say: f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{say()}\r\n",
}.items():
    _add(_name, _bytes(_make), cost=Cost.PAUSED, is_understood=True)


def _around_chunks(exchange: Exchange, say: Say) -> None:
    body = exchange.body
    exchange.send(OK + b"Transfer-Encoding: chunked\r\n\r\n")
    exchange.send(f"{len(body):x};x={say()}\r\n".encode() + body + b"\r\n" + chunk(b" "))
    exchange.send(f"0\r\nX-Trailer: {say()}\r\n\r\n".encode())


_add("around chunks", _around_chunks, is_understood=True, cost=Cost.PAUSED)
_add("after the answer", lambda exchange, say: exchange.answer(exchange.body + say().encode()), is_understood=True)
_add("before the answer", lambda exchange, say: exchange.send(say().encode() + http(exchange.body)), cost=Cost.PAUSED,
     is_understood=True)  # fmt: skip
