"""Bodies that are no JSON, or of other types, numbers and texts than they should be."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any

from tests.hostile.faults.fault import (
    AUTH,
    MIB,
    REJECTED,
    UNAVAILABLE,
    Cost,
    add,
    add_understood,
    dumped,
    endless,
    fails,
    made,
    says,
)
from tests.hostile.known import FORGED
from tests.hostile.proxy import Answer

for _name, _body in {
    "empty": b"",
    "blank": b" \n\t ",
    "a web page": b"<!DOCTYPE html><h1>Sign in</h1>",
    "XML": b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>',
    "a script": b"callback({});",
    "a stream of events": b'data: {"data": []}\n\ndata: [DONE]\n\n',
    "undefined": b"undefined",
    "single quotes": b"{'data': []}",
    "a comma too much": b'{"data": [],}',
    "a comment": b'{"data": [] /* none */}',
    "two objects": b'{"data": []}{"data": []}',
    "a zero byte": b'{"data": []}\0',
    "brackets without end": b"[" * 100_000,
    "objects without end": b'{"a":' * 100_000,
    "an endless number": b'{"data": [' + b"9" * 100_000 + b"]}",
    "latin-1": '{"data": ["größe"]}'.encode("latin-1")[:-1],
}.items():
    add(
        f"body: {_name}",
        says(_body),
    )


def _as_an_event(body: bytes) -> bytes:
    """Return what an MCP server says of a result where it streams: one event, a JSON-RPC answer."""
    return b'event: message\nid: 1\ndata: {"jsonrpc": "2.0", "id": 1, "result": %s}\n\n' % body


add(
    "body: events instead of JSON",
    lambda exchange: exchange.answer(_as_an_event(exchange.body), media_type="text/event-stream"),
)
add(
    "endless events",
    endless(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: welcome\n\n", b": ping\n\n", 0.05),
    cost=Cost.PAUSED,
)
add(
    "body: JSON-RPC around it",
    made(lambda answer: {"jsonrpc": "2.0", "id": 1, "result": answer}),
    UNAVAILABLE,
    REJECTED,
    is_understood=True,
)
add(
    "body: an error of JSON-RPC",
    made(lambda _: {"jsonrpc": "2.0", "id": 1, "error": {"code": -32000, "message": "\x1b[31mno\nError: x"}}),
    UNAVAILABLE,
    REJECTED,
    is_understood=True,
)
add("body: nested as deep as can be read", says(b"[" * 900 + b"]" * 900), is_understood=True)
_KEYS = ("data", "tools", "plugins", "info", "content", "access_token", "keys")
_VALUES: dict[str, Any] = {
    "null": None,
    "true": True,
    "a number": 7,
    "an infinite number": math.inf,
    "a text": "text",
    "a list of lists": [[1], [[2]], []],
    "a list of nulls": [None] * 5,
    "a list of everything": [None, True, 7, math.nan, "text", [], {}],
    "an object of nothing": {},
    "an object of null": dict.fromkeys(_KEYS),
    "an object of numbers": dict.fromkeys(_KEYS, 7),
    "an object of texts": dict.fromkeys(_KEYS, "x"),
    "an object of objects": {key: {"x": {}} for key in _KEYS},
    "an object of lists": {key: [[]] for key in _KEYS},
}
for _name, _value in _VALUES.items():
    # What an endpoint tells of no use may be of any type, and a list may be empty.
    add_understood(f"body: {_name}", says(dumped(_value)))


def leaves(value: Any, change: Callable[[Any], Any], *, only: type | tuple[type, ...] = object) -> Any:
    """Return a value with all its leaves of a type changed."""
    if isinstance(value, dict):
        return {name: leaves(one, change, only=only) for name, one in value.items()}
    if isinstance(value, list):
        return [leaves(one, change, only=only) for one in value]
    return change(value) if isinstance(value, only) else value


def rows(value: Any, change: Callable[[Any], Any]) -> Any:
    """Return a value with each field of its rows changed, whatever its type: those of the innermost objects."""
    if isinstance(value, list):
        return [rows(one, change) for one in value]
    if isinstance(value, dict) and not any(isinstance(one, dict | list) and one for one in value.values()):
        return {name: change(one) for name, one in value.items()}
    return {name: rows(one, change) for name, one in value.items()} if isinstance(value, dict) else value


REPLACEMENTS: dict[str, Any] = {
    "null": None,
    "true": True,
    "a number": 7,
    "a text": "text",
    "a list": ["text"],
    "an object": {"text": 7},
}


def put(value: Any, only: type | tuple[type, ...] = object) -> Answer:
    """Answer with this in place of all leaves of a type; yes and no are no numbers."""

    def change(old: Any) -> Any:
        return old if isinstance(old, bool) and only is not object else value

    return made(lambda answer: leaves(answer, change, only=only))


def put_into_rows(value: Any) -> Answer:
    """Answer with this in place of every field of a row."""
    return made(lambda answer: rows(answer, lambda _: value))


for _name, _value in REPLACEMENTS.items():
    add_understood(f"every leaf is {_name}", put(_value))
    add_understood(f"every field of a row is {_name}", put_into_rows(_value))
_NUMBERS: dict[str, Any] = {
    "not a number": math.nan,
    "infinite": math.inf,
    "less than infinite": -math.inf,
    "huge": 10**400,
    "as long as can be read": 10**4200,
    "a long fraction": 1.7976931348623157e308,
    "tiny": 5e-324,
    "below zero": -7,
    "zero": 0,
    "a text": "12",
    "beyond a date": 10**18,
}
for _name, _value in _NUMBERS.items():
    add_understood(f"every number is {_name}", put(_value, (int, float)))
for _name, _number in {
    "of ten thousand digits": b"9" * 10_000,
    "1e999": b"1e999",
    "1e-999999999": b"1e-999999999",
}.items():
    # As bytes, since Python writes none of them.
    add_understood(
        f"every number is {_name}",
        made(lambda answer, number=_number: re.sub(rb"(?<=: )-?\d[\d.e+-]*", number, dumped(answer))),  # type: ignore[misc],
    )
add_understood(
    "every answer to yes or no is the other one", made(lambda answer: leaves(answer, lambda old: not old, only=bool))
)

# --- texts ---

# By these names the commands ask for something: where they stay, more of the program is reached.
NAMES = frozenset(
    {"gpt-4o", "lab_http", "add", "greet", "review", "fresh", "mine", "litellm_skill_mine", "litellm_skill_new"}
)
TEXTS: dict[str, str] = {
    "escapes": "\x1b[31m\x1b]0;title\x07\x1b[2J\x1b]52;c;eA==\x07",
    "control characters": "".join(map(chr, range(1, 32))) + "\x7f\x85\x9b31m",
    "a zero byte": "a\0b",
    "line breaks": f"a\nError: {FORGED}\nTry:   {FORGED}\r\nWarning: {FORGED}\u2028\u2029\x0b\x0cError: {FORGED}",
    "tabs": "a\tb\tc",
    "directions": "\u202egpj.exe\u2066\u2067\u200f\u061c",
    "half a character": "a\ud800b\udfff",
    "other planes": "\U0001f600\U000e0041\ufeff\u200d\u0300\uffff",
    "a MiB": "x" * MIB,
    "a quote": "\"'`$(id)\\;&|<>%s{}[]#=",
    "a path": "../../../../tmp/evil/../x",
    "a web page": "<script>alert(1)</script>&amp;</skill>",
    "a formula": "=1+1",
    "nothing": "",
    "white space": " \u00a0\u3000 ",
}


def appended(text: str) -> Answer:
    """Answer with this at the end of every text that is no name."""
    return made(lambda answer: leaves(answer, lambda old: old if old in NAMES else old + text, only=str))


for _name, _text in TEXTS.items():
    _cost = Cost.PAUSED if len(_text) == MIB else Cost.QUICK
    _is_shown = _name in {"escapes", "line breaks", "directions"}
    add_understood(f"every text is {_name}", put(_text, str), cost=_cost, is_shown=_is_shown)
    add_understood(f"every text ends in {_name}", appended(_text), cost=_cost, is_shown=_is_shown)
    add(f"an error in {_name}", fails(400, f"no{_text}", kind=_text), AUTH, REJECTED, is_shown=_is_shown)


def names(value: Any, say: Callable[[], str]) -> Any:
    """Return a value with a field of this name in every object."""
    if isinstance(value, dict):
        return {**{name: names(one, say) for name, one in value.items()}, say(): {say(): [say()]}}
    return [names(one, say) for one in value] if isinstance(value, list) else value


def named(text: str) -> Answer:
    """Answer with a field of this name in every object."""
    return made(lambda answer: names(answer, lambda: text))


for _name in ("escapes", "control characters", "line breaks", "directions", "half a character", "a zero byte"):
    add_understood(f"names of fields of {_name}", named(TEXTS[_name]))
for _name in ("__class__", "__dict__", "__proto__", "self", "cls", "args"):
    add_understood(f"names of fields: {_name}", named(_name))
for _name, _error in {
    "a list of complaints": {"detail": [{"loc": ["body", "\x1b[31m"], "msg": "\x1b[31mfield required", "type": "x"}]},
    "null": {"error": None, "detail": None},
    "a number": {"error": 7},
    "a list": {"error": [[]]},
    "deep": {"error": {"message": {"message": {"message": "no"}}}},
    "nothing": {},
    "not an object": ["no"],
    "of OAuth": {"error": "invalid_grant", "error_description": "\x1b[31mit is over\nError: x"},
    "a type that is a list": {"error": {"message": "no", "type": ["auth_error"]}},
}.items():
    add(f"an error that is {_name}", says(dumped(_error), status="400 No"), AUTH, REJECTED)

# --- written otherwise ---


def escaped(text: str) -> str:
    """Return a JSON string in which every character is an escape."""
    return "".join(f"\\u{ord(character):04x}" for character in text)


add("body: half of it", lambda exchange: exchange.answer(exchange.body[: len(exchange.body) // 2]))
add("body: all but the last byte", lambda exchange: exchange.answer(exchange.body[:-1]))
add("body: garbage after it", made(lambda answer: dumped(answer) + b" garbage"))
add("body: a byte order mark", made(lambda answer: b"\xef\xbb\xbf" + dumped(answer)), is_understood=True)
add("body: two byte order marks", made(lambda answer: b"\xef\xbb\xbf" * 2 + dumped(answer)))


def encoded(alphabet: str) -> Answer:
    """Answer in another encoding than UTF-8."""
    return made(lambda answer: json.dumps(answer).encode(alphabet))


for _alphabet in ("utf-16", "utf-16-le", "utf-32", "utf-7"):
    add(f"body: {_alphabet}", encoded(_alphabet), is_understood=True)
add(
    "body: bytes that are no text",
    made(lambda answer: dumped(answer).replace(b'": "', b'": "\xff\xfe\xc0\x80')),
    is_understood=True,
)
add(
    "body: surrogates as bytes",
    made(lambda answer: dumped(answer).replace(b'": "', b'": "\xed\xa0\x80')),
    is_understood=True,
)
add("body: a MiB of white space", made(lambda answer: b" " * MIB + dumped(answer) + b"\n" * MIB), is_understood=True)
add("body: escapes of JSON for all", made(lambda answer: _all_escaped(answer).encode()), is_understood=True)


def _all_escaped(value: Any) -> str:
    """Return JSON in which every character of a text is an escape."""
    return re.sub(
        r'"((?:[^"\\]|\\.)*)"',
        lambda match: f'"{escaped(json.loads(match[0]))}"',
        json.dumps(value, ensure_ascii=False),
    )


def _twice(value: Any, second: Any) -> str:
    """Return JSON in which every object has each name twice."""
    if isinstance(value, dict):
        pairs = [(name, _twice(one, second)) for name, one in value.items()]
        return (
            "{"
            + ", ".join(f"{json.dumps(name)}: {one}" for name, one in [*pairs, *((name, second) for name, _ in pairs)])
            + "}"
        )
    if isinstance(value, list):
        return f"[{', '.join(_twice(one, second) for one in value)}]"
    return json.dumps(value)


def doubled(second: str) -> Answer:
    """Answer with each name twice, the second time with this."""
    return made(lambda answer: _twice(answer, second).encode())


for _name, _second in {"null": "null", "a text": '"text"', "a list": "[]"}.items():
    add_understood(f"every name twice, then {_name}", doubled(_second))


def _deep(levels: int) -> Callable[[Any], bytes]:
    def change(answer: Any) -> bytes:
        deep = "[" * levels + "]" * levels
        return re.sub(
            r'"(?:text|description|inputSchema|model_info|source|metadata)": (?:"[^"]*"|null)',
            lambda match: match[0].split(":")[0] + f": {deep}",
            json.dumps(answer),
        ).encode()

    return change


for _levels in (90, 400, 3000):
    add(f"a field nested {_levels} deep", made(_deep(_levels)), UNAVAILABLE, REJECTED, is_understood=True)
