"""JSON-RPC 2.0 as MCP uses it: reading what a client sent, and the bytes of answers and notifications.

Sources: https://www.jsonrpc.org/specification, and schema.ts of each version in modelcontextprotocol's repository.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from litellmctl.bridge.lines import MAX_LINE_BYTES, TooLong
from litellmctl.foundation.text import clean, cut, dump_json

if TYPE_CHECKING:
    from collections.abc import Iterable

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
# The id of a request; 1 and "1" are two.
Key = str | int | float
# The id of an answer to what has none.
NO_ID = "null"
_MAX_SHOWN = 100
# An id beside the outermost braces, where SDKs write it: first (perhaps after jsonrpc), or last.
_ID = rb'"id"\s*:\s*(-?\d{1,18}|"[^"\\\x00-\x1f]{0,100}")'
_FIRST_ID = rb'\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?' + _ID + rb"\s*,"
_LAST_ID = rb",\s*" + _ID + rb"\s*\}\s*\Z"


class Refusal(Exception):
    """A message that is refused: the code and the sentence of its JSON-RPC error, and the id, as JSON."""

    def __init__(self, code: int, message: str, request_id: str = NO_ID) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.id = request_id


class Message(NamedTuple):
    """A request, or a notification if `key` is None. `id` is the request's id as JSON."""

    method: str
    params: dict[str, Any]
    key: Key | None
    id: str


def parse(line: bytes | TooLong) -> Any:
    """Return what a line contains. Raises `Refusal` for what is not JSON, or more than anybody needs."""
    if isinstance(line, TooLong):
        size = f"{MAX_LINE_BYTES // 2**20} MiB"
        raise Refusal(INVALID_REQUEST, f"the message is larger than {size}", _id_in(line))
    try:
        # Windows PowerShell begins what it pipes with a byte order mark.
        text = line.decode("utf-8").removeprefix("\ufeff")
        return json.loads(text, parse_constant=_not_a_number, parse_float=_finite)
    except UnicodeDecodeError:
        reason = "not valid UTF-8"
    except json.JSONDecodeError as error:
        reason = f"{error.msg[:1].lower()}{error.msg[1:]} at character {error.pos + 1}"
    except RecursionError:
        reason = "nested too deeply"
    except ValueError as error:  # the interpreter's own is about the digits of an integer
        reason = str(error) if isinstance(error, _BadNumber) else "a number has too many digits"
    raise Refusal(PARSE_ERROR, f"the message is not valid JSON: {reason}")


class _BadNumber(ValueError):
    pass


def _not_a_number(name: str) -> Any:
    raise _BadNumber(f"{name} is not a number")


def _finite(text: str) -> float:
    number = float(text)
    if number - number != 0:
        raise _BadNumber("a number is out of range")
    return number


def _id_in(line: TooLong) -> str:
    """Return the id of a request that is too long to be read, so that its sender need not wait in vain."""
    found = re.match(_FIRST_ID, line.head) or re.search(_LAST_ID, line.tail)
    try:
        return NO_ID if found is None else json.dumps(json.loads(found[1]))
    except ValueError:
        return NO_ID


def read_message(value: Any) -> Message | None:
    """Return the request or notification that `value` is; None for an answer. Raises `Refusal` for anything else."""
    if not isinstance(value, dict):
        raise Refusal(INVALID_REQUEST, "a message must be an object")
    if "method" not in value and ("result" in value or "error" in value):
        return None
    key, text = _id_of(value)
    method, params = value.get("method"), value.get("params")
    if value.get("jsonrpc") != "2.0":
        raise Refusal(INVALID_REQUEST, 'jsonrpc must be "2.0"', text)
    if not isinstance(method, str):
        raise Refusal(INVALID_REQUEST, "method must be a string", text)
    if key is None and "id" in value and not method.startswith("notifications/"):
        raise Refusal(INVALID_REQUEST, "id must be a string or a number")
    if not isinstance(params, dict | None):
        if key is None:  # a notification, which is answered by nothing
            return None
        raise Refusal(INVALID_PARAMS, "params must be an object", text)
    return Message(method, params or {}, key, text)


def _id_of(value: dict[str, Any]) -> tuple[Key | None, str]:
    key = key_of(value.get("id"))
    # In ASCII, so that it comes back to the client exactly as it was, a lone surrogate too.
    return (None, NO_ID) if key is None else (key, json.dumps(key))


def key_of(value: Any) -> Key | None:
    """Return the key of an id; None for what is not an id."""
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return value
    return None


def shown(text: str) -> str:
    """Return a text of the client for a sentence: clean, and short."""
    return cut(clean(text), _MAX_SHOWN)


def result(request_id: str, value: str) -> str:
    """Return the answer with a result, both as JSON."""
    return f'{{"jsonrpc":"2.0","id":{request_id},"result":{value}}}'


def error(refusal: Refusal) -> str:
    """Return the answer with an error."""
    value = dump_json({"code": refusal.code, "message": refusal.message})
    return f'{{"jsonrpc":"2.0","id":{refusal.id},"error":{value}}}'


def batch(answers: Iterable[str]) -> str:
    """Return several answers as one message."""
    return f"[{','.join(answers)}]"


def notification(method: str, params: dict[str, Any] | None = None) -> str:
    """Return a notification."""
    return dump_json({"jsonrpc": "2.0", "method": method, **({} if params is None else {"params": params})})
