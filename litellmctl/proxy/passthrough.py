"""Any request to the proxy, for endpoints that we do not wrap: its answer as it comes, page after page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import IO, TYPE_CHECKING, Any

from litellmctl.errors import Failure, Unavailable, UsageFailure
from litellmctl.foundation.text import counted
from litellmctl.foundation.urls import is_below, origin

if TYPE_CHECKING:
    from litellmctl.proxy.answer import Answer
    from litellmctl.proxy.client import Client, Params

_MAX_PAGES = 10_000
# Each page is decoded to find the next one, which takes 30 times as much memory.
_PAGE_BYTES = 8 * 2**20


def path_of(text: str, base_url: str) -> str:
    """Return a path below the base URL, from a path or a URL; the key is only sent there."""
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text):
        path = text.removeprefix(base_url) if origin(text) == origin(base_url) else text
        path = f"/{path}" if path == "" or path.startswith(("?", "#")) else path
    else:
        path = text if text.startswith("/") else f"/{text}"
    if not path.startswith("/") or not is_below(base_url + path, base_url):
        raise UsageFailure(
            f"{text} is not below {base_url}, and the key is only sent there", remedy="pass only the path"
        )
    return path


def ask(
    client: Client,
    method: str,
    path: str,
    *,
    params: Params = (),
    headers: dict[str, str] | None = None,
    body: bytes | IO[bytes] | None = None,
) -> Answer:
    """Return the answer, whatever its status; only GETs are tried again. Its body has no bound."""
    if method == "GET" and body is None:
        return client.get(path, params, headers=headers, cap=None)
    return client.send(method, path, params=params, headers=headers, body=body, cap=None)


def pages(client: Client, path: str, params: Sequence[tuple[str, str]], headers: dict[str, str]) -> Iterator[Answer]:
    """Yield the answers of all pages of a list, each read whole; raises `Unavailable` if some cannot be requested."""
    seen: set[tuple[str, str]] = set()
    following: tuple[str, str] | None = None
    for _ in range(_MAX_PAGES):
        own = [pair for pair in params if following is None or pair[0] != following[0]]
        query = own + ([following] if following else [])
        answer = client.deadline.run(partial(client.get, path, query, headers=headers, cap=_PAGE_BYTES))
        body = client.deadline.run(answer.read)
        yield replace(answer, chunks=iter([body if body.endswith(b"\n") else body + b"\n"]))
        try:
            following = _next(body) if answer.status == 200 else None
        except LookupError:
            raise _incomplete(path, "has more pages, and does not say how to request them") from None
        if following is None:
            return
        if following in seen:
            raise _incomplete(path, f"repeats after {counted(len(seen), 'page')}")
        seen.add(following)
    raise _incomplete(path, f"has more than {_MAX_PAGES:,} pages")


def _incomplete(path: str, what: str) -> Unavailable:
    remedy = "the output is incomplete: request larger pages, often with -f limit=1000"
    return Unavailable("bad_response", f"the list {path} {what}", remedy=remedy)


def failure_and_body(client: Client, answer: Answer, path: str) -> tuple[Failure | None, Iterator[bytes]]:
    """Return the failure that the status means (None below 400), and the whole body."""
    if answer.status < 400:
        return None, answer.chunks
    head = answer.head()
    return client.failure(replace(answer, chunks=iter([head])), path), answer.chunks


def _next(body: bytes) -> tuple[str, str] | None:
    """Return the query for the next page, None after the last one; LookupError if there is more without a query.

    LiteLLM has `page` with `total_pages`, and a `next_page` token; OpenAI `after` with `last_id`; Anthropic `after_id`.
    """
    try:
        answer: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(answer, dict):
        return None
    if answer.get("has_more") is True:
        token, last = answer.get("next_page"), answer.get("last_id")
        if isinstance(token, str) and token:
            return "page", token
        if isinstance(last, str) and last:
            return ("after" if answer.get("object") == "list" else "after_id"), last
        raise LookupError
    page, total = answer.get("page", answer.get("current_page")), answer.get("total_pages")
    if isinstance(page, int) and isinstance(total, int) and 0 < page < total:
        return "page", str(page + 1)
    return None
