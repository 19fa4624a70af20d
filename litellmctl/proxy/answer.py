"""An answer of the proxy: its status and headers, and its body, which is read in one of several ways."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

from litellmctl.errors import Failure, Unavailable
from litellmctl.proxy import json_stream
from litellmctl.proxy.error_words import HEAD_BYTES, status_in

if TYPE_CHECKING:
    from litellmctl.proxy.session import BoundAuth

# Larger errors are not read whole.
_ERROR_BYTES = 5 * 2**20


@dataclass
class Answer:
    """An answer whose body has not been read yet. `chunks` yields the decoded body, no longer than the cap.

    `json` and `rows` return its content, from which `auth` removes secrets. `failed` returns the failure for a status,
    an error body, and the name of the request.
    """

    status: int
    headers: Mapping[str, str]
    chunks: Iterator[bytes] = field(repr=False)
    close: Callable[[], None] = field(repr=False)
    auth: BoundAuth = field(repr=False)
    failed: Callable[[int, bytes, str], Failure] | None = field(default=None, repr=False)

    def read(self) -> bytes:
        """Return the whole body."""
        return b"".join(self.chunks)

    def head(self) -> bytes:
        """Return the beginning of the body, which stays in `chunks`."""
        parts: list[bytes] = []
        for chunk in self.chunks:
            parts.append(chunk)
            if sum(map(len, parts)) >= HEAD_BYTES:
                break
        self.chunks = chain(parts, self.chunks)
        return b"".join(parts)

    def json(self, where: str, *, tokens: Sequence[str] = ()) -> Any:
        """Return the JSON of the body without secrets; `where` names the request in errors.

        `tokens` are the keys of secrets that were requested: they stay, and are removed everywhere else. Raises the
        failure if the body is only an error, whatever its status.
        """
        body = self.read()
        try:
            text = body.decode(json.detect_encoding(body), "surrogatepass")
            value = json.loads(text)
            given = {name: value.pop(name) for name in tokens if name in value} if isinstance(value, dict) else {}
            self.auth.keep(*(token for token in given.values() if isinstance(token, str)))
            hidden = self.auth.data.hidden_in_json(text, value)
        except (ValueError, RecursionError):
            raise not_litellm(where, body) from None
        if not given:
            self._refuse_error(value, body, where)
        return {**hidden, **given} if given else hidden

    def rows(
        self,
        where: str,
        key: str = "data",
        *,
        is_bare: bool = True,
        max_values: int | None = None,
        rest: dict[str, Any] | None = None,
    ) -> Iterator[Any]:
        """Yield the rows of the body (see `json_stream.rows`) without secrets.

        Raises the failure if the body is only an error, as `json` does.
        """
        hide, head = self.auth.data.hidden_in_json, bytearray()
        chunks = _keeping(self.chunks, head)
        try:
            yield from json_stream.rows(chunks, key, is_bare=is_bare, max_values=max_values, rest=rest, hide=hide)
        except json_stream.TooManyRows:
            raise Unavailable(
                "bad_response",
                f"{where} returned more than {json_stream.MAX_ROWS:,} entries",
                remedy="use litellmctl api, which prints the answer unchanged",
            ) from None
        except json_stream.Malformed as error:
            with suppress(ValueError, RecursionError):
                self._refuse_error(json.loads(head), bytes(head), where)
            raise not_litellm(where, error.start.encode("utf-8", "replace")) from None

    def _refuse_error(self, value: Any, body: bytes, where: str) -> None:
        """Raise the failure for an answer with status 200 that is only an error."""
        status = status_in(value)
        if status is not None and self.failed is not None:
            raise self.failed(status, body, where)

    def read_error(self) -> bytes:
        """Return the body of an error, or its beginning if it is too large or ends early."""
        body = b""
        try:
            for chunk in self.chunks:
                body += chunk
                if len(body) > _ERROR_BYTES:
                    self.close()
                    return body[:HEAD_BYTES]
        except Unavailable:
            # The status says enough, but not half a page, which is never LiteLLM's.
            return body if body.lstrip().startswith(b"<") else b""
        return body


def _keeping(chunks: Iterator[bytes], head: bytearray) -> Iterator[bytes]:
    """Yield the chunks, and keep the first of them in `head`."""
    for chunk in chunks:
        head += chunk[: HEAD_BYTES - len(head)]
        yield chunk


def not_litellm(where: str, body: bytes) -> Unavailable:
    """Return the failure for a body that is not the JSON that was expected."""
    start = body.lstrip()[:1]
    what = "an empty body" if not body.strip() else "a web page" if start == b"<" else "an unexpected answer"
    return Unavailable(
        "bad_response",
        f"{where} returned {what} and does not look like LiteLLM",
        remedy="check the base URL, and whether a gateway requires a sign-in or a header",
    )
