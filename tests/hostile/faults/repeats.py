"""What the proxy repeats of what it was sent."""

from __future__ import annotations

import json

from tests.hostile.faults.fault import (
    AUTH,
    REJECTED,
    UNAVAILABLE,
    Cost,
    add,
    dumped,
    redirect,
)
from tests.hostile.faults.values import escaped
from tests.hostile.proxy import Answer, Exchange


def repeats(status: int, *, as_escapes: bool) -> Answer:
    """Answer with an error that repeats all that came in."""

    def answer(exchange: Exchange) -> None:
        message = f'"{escaped(exchange.echo)}"' if as_escapes else json.dumps(exchange.echo)
        body = f'{{"error": {{"message": {message}, "type": "auth_error"}}}}'
        exchange.answer(body.encode(), status=f"{status} No")

    return answer


for _status, _exits in {400: (AUTH, REJECTED), 401: (AUTH,), 403: (AUTH,), 422: (REJECTED,), 429: (), 500: ()}.items():
    for _name in ("", ", escaped"):
        add(
            f"repeats the key with {_status}{_name}",
            repeats(_status, as_escapes=bool(_name)),
            *_exits,
            is_understood=_status == 422,
            refuses=_status in {401, 403},
            cost=Cost.PAUSED if _status == 429 else Cost.QUICK,
        )
add(
    "repeats the key as a detail",
    lambda exchange: exchange.answer(dumped({"detail": {"error": exchange.echo}}), status="400 No"),
    AUTH,
    REJECTED,
)
add(
    "repeats the key as OAuth does",
    lambda exchange: exchange.answer(
        dumped({"error": "invalid_grant", "error_description": exchange.echo}), status="400 No"
    ),
    AUTH,
    REJECTED,
)
add(
    "repeats the key as a web page",
    lambda exchange: exchange.answer(f"<pre>{exchange.echo}</pre>".encode(), media_type="text/html"),
)
add(
    "repeats the key as an object",
    lambda exchange: exchange.answer(dumped({"headers": exchange.request.headers, "data": exchange.echo})),
    is_understood=True,
)
add(
    "repeats the key as an error with 200",
    lambda exchange: exchange.answer(
        dumped({"tools": [], "data": None, "error": "unexpected_error", "message": exchange.echo})
    ),
    is_understood=True,
)


def _by_servers(exchange: Exchange) -> None:
    answer = exchange.good
    if isinstance(answer, dict) and "tools" in answer:
        answer["server_outcomes"] = {"down": {"status": "error", "message": exchange.echo, "error": exchange.echo}}
    elif isinstance(answer, list):
        for row in answer:
            row |= {"status": "unhealthy", "health_check_error": exchange.echo}
    exchange.answer(dumped(answer))


add("repeats the key in the errors of MCP servers", _by_servers, is_understood=True)
add("repeats the key as a text", lambda exchange: exchange.answer(dumped(exchange.echo)), is_understood=True)


def _key(exchange: Exchange) -> str:
    return exchange.request.headers.get("authorization", "Bearer none").removeprefix("Bearer ")


add(
    "repeats the key in the status line",
    lambda exchange: exchange.answer(b"{}", status=f"401 {_key(exchange)}"),
    AUTH,
    refuses=True,
)
add(
    "repeats the key in headers",
    lambda exchange: exchange.answer(
        b"{}",
        f"WWW-Authenticate: Bearer {_key(exchange)}",
        f"Retry-After: {_key(exchange)}",
        f"Date: {_key(exchange)}",
        f"Set-Cookie: key={_key(exchange)}",
        status="403 No",
    ),
    AUTH,
    refuses=True,
)
add("repeats the key as an encoding", lambda exchange: exchange.answer(b"{}", f"Content-Encoding: {_key(exchange)}"))
add("repeats the key in a redirect", redirect(302, lambda exchange: f"{exchange.elsewhere}/?key={_key(exchange)}"))
add(
    "repeats the key in a redirect within the proxy",
    redirect(302, lambda exchange: f"/x/{_key(exchange)}/{len(exchange.request.path)}?key={_key(exchange)}"),
    UNAVAILABLE,
    REJECTED,
    refuses=True,
)
add(
    "repeats the key as a user in a redirect",
    redirect(302, lambda exchange: exchange.elsewhere.replace("://", f"://x:{_key(exchange)}@")),
)
add(
    "repeats the key as a host in a redirect",
    redirect(302, lambda exchange: f"http://{_key(exchange).replace('_', '-')}.invalid/"),
)
