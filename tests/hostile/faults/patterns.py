"""Patterns of strangers that take for ever where they are matched step by step, and texts that patterns of ours take long for.

Each is bounded in the seconds of a processor.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache
from itertools import count
from typing import Any

from tests.hostile.faults.fault import add, add_understood, dumped
from tests.hostile.faults.values import NAMES, leaves
from tests.hostile.known import SECRETS
from tests.hostile.proxy import Exchange, recorded
from tests.unit.tools.test_validation import HOSTILE, tree

# What the worst of them takes, thrice: comparing wildcards ends after two seconds, and 3,000 models are listed too.
_SECONDS = 6.0

# --- wildcards of models ---

# One of these is asked by whoever compares them.
_MODELS = frozenset({"GET /model/info", "GET /model_group/info", "GET /health"})
# Wildcards, and names that they are compared with. One of more than 512 characters would be none.
WILDCARDS: dict[str, tuple[Sequence[str], Sequence[str]]] = {
    "one of many stars": (["*a" * 200 + "*b"], ["a" * 20_000, "a" * 500]),
    "one of many stars, from the beginning": (["a*" * 200 + "b"], ["a" * 20_000, "a" * 500 + "c"]),
    "many of many stars": ([f"{'*a' * 20}*b{n}*" for n in range(2000)], [f"{'a' * 40}{n}" for n in range(2000)]),
    "thousands": ([f"*x{n}*" for n in range(5000)], [f"y{n}" for n in range(5000)]),
    "thousands that begin alike": ([f"{'a' * n}*b" for n in range(500)], [f"{'a' * 600}{n}" for n in range(2000)]),
    "thousands that end alike": ([f"*{'a' * n}" for n in range(500)], [f"b{'a' * 600}b{n}" for n in range(2000)]),
    "nothing but stars": (["*" * n for n in range(1, 500)], [f"m{n}" for n in range(3000)]),
    "brackets": (["[a-z]*" * 80 + "[!a]", "[" * 500, "*[" * 250, "?*" * 250 + "b"], ["a" * 20_000, "?" * 5000]),
    "names that are wildcards": (["*a*" * 100], ["*" * 500, "*a" * 250, "a*" * 250]),
}  # fmt: skip


@cache
def _models(endpoint: str, kind: str) -> bytes | None:
    """Return what an endpoint says of these models beside its own; None where it names none."""
    wildcards, names = WILDCARDS[kind]
    answer = recorded(endpoint)
    if endpoint == "GET /model/info":
        row = answer["data"][0]
        answer["data"] += [
            {**row, "model_name": name, "litellm_params": {"model": name}} for name in (*wildcards, *names)
        ]
    elif endpoint == "GET /v1/models":
        answer["data"] += [{**answer["data"][0], "id": name} for name in (*names, *wildcards)]
    elif endpoint == "GET /model_group/info":
        answer["data"] += [{**answer["data"][0], "model_group": name} for name in (*names, *wildcards)]
    elif endpoint == "GET /health":
        answer["healthy_endpoints"] += [{"model": name} for name in (*names, *wildcards)]
    else:
        return None
    return dumped(answer)


def _with_models(kind: str) -> Callable[[Exchange], None]:
    return lambda exchange: exchange.answer(_models(exchange.request.endpoint, kind) or exchange.body)


for _name in WILDCARDS:
    # Whatever is not compared is left out, and nothing fails.
    add(f"patterns: wildcards, {_name}", _with_models(_name), 0, is_understood=True, effort=_SECONDS, at=_MODELS)

# --- schemas of tools ---

_TOOLS = frozenset({"GET /mcp-rest/tools/list"})
_FORMATS = (
    "regex",
    "email",
    "idn-email",
    "hostname",
    "idn-hostname",
    "uri",
    "iri",
    "uri-template",
    "date-time",
    "duration",
)


def _text(**rules: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"a": {"type": "string", **rules}}}


SCHEMAS: dict[str, dict[str, Any]] = {
    **{f"of {name}": schema for name, (schema, _) in HOSTILE.items()},
    **{f"a tree of {word}, 25 levels": tree(word, 25, {"type": "null"}) for word in ("anyOf", "oneOf", "allOf")},
    "a pattern of repeated repetitions": _text(pattern="^(1+)+$|^(1|1)*x$|^(1*)*x$|(1?){30}1{30}x"),
    "a pattern that looks around": _text(pattern=r"^(?=(1+)+x)(?<!1)(\1)*$"),
    "a pattern of a thousand million": _text(pattern="((1{1,999}){1,999}){1,999}x"),
    "a pattern of 100 KB": _text(pattern="(1|" * 12_000 + "x" + ")*" * 12_000),
    "a pattern of many classes": _text(pattern=r"(?i)[\p{L}\p{N}]{1,999}[\w\W]{1,999}$"),
    "patterns of names": {"type": "object", "patternProperties": {"^(a+)+$": {}, "(a*)*b": False, "(a|a)*b": {}}},
    "thousands of patterns of names": {"patternProperties": {f"(a|{n})*b": {"pattern": f"(1|{n})*x"} for n in range(3000)}},
    "names that must fit": {"type": "object", "propertyNames": {"pattern": "^(a|a)*b$"}},
    "formats": {"type": "object", "properties": {"a": {"allOf": [{"format": one} for one in _FORMATS]}}},
    "a reference to itself": {"properties": {"a": {"$ref": "#/properties/a"}}},
    "itself, many times over": {"anyOf": [{"$ref": "#"}] * 50, "properties": {"a": {"$ref": "#"}}},
    "20,000 values": _text(enum=[f"1{n}" for n in range(20_000)]),
    "a number divided": {"properties": {"a": {"type": "number", "multipleOf": 1e-308}}},
    "5,000 parameters": {"properties": {f"p{n}": {"type": ["string", "null"], "enum": ["x"] * 20} for n in range(5000)}},
}  # fmt: skip


def _with_schema(schema: Callable[[Exchange], dict[str, Any]]) -> Callable[[Exchange], None]:
    def answer(exchange: Exchange) -> None:
        good = exchange.good
        if isinstance(good, dict) and isinstance(good.get("tools"), list):
            # Of the dozen tools that there are some: all of them would be a dozen times the same.
            good["tools"] = [{**row, "inputSchema": schema(exchange)} for row in good["tools"][:2]]
        exchange.answer(dumped(good))

    return answer


for _name, _schema in SCHEMAS.items():
    add_understood(
        f"patterns: a schema, {_name}",
        _with_schema(lambda _, schema=_schema: schema),  # type: ignore[misc]
        effort=_SECONDS,
        at=_TOOLS,
    )
add_understood(
    "patterns: a schema, references elsewhere",
    _with_schema(lambda exchange: {"properties": {"a": {"$ref": f"{exchange.elsewhere}/schema.json"}}}),
    effort=_SECONDS,
    at=_TOOLS,
)

# --- texts ---

# What patterns of ours begin with: those that clean, hide, cut and quote.
_PIECES = (
    *(
        "%",
        "%25",
        "\\",
        "\\u",
        "&",
        "&#1",
        "&amp;",
        "=",
        "=4",
        "=\n",
        "\x1b[",
        "\x9d",
        "\u200b",
        "\u200d",
        "\U0001f469\u200d",
    ),
    *(
        " ",
        "\t",
        "\n",
        " \n",
        "\r",
        "a:",
        "Error:",
        "x ",
        "a.",
        "a@",
        "1.",
        "://[",
        "https://",
        "sk-",
        "a-",
        '"',
        "{",
        "*a",
        "ﷺ",
    ),
)
_LENGTH = 50_000
# In one answer: a few are enough, wherever they stand.
_MOST = 3


def _with_text(piece: str) -> Callable[[Exchange], None]:
    long = (piece * _LENGTH)[:_LENGTH]

    def answer(exchange: Exchange) -> None:
        numbers, left = count(exchange.attempt.turn), iter(range(_MOST))

        def change(old: str) -> str:
            is_one = next(numbers) % 7 == 0 and old not in NAMES and old not in SECRETS
            return f"{old}{long}" if is_one and next(left, None) is not None else old

        exchange.answer(dumped(leaves(exchange.good, change, only=str)))

    return answer


for _piece in _PIECES:
    add_understood(f"patterns: a text of {json.dumps(_piece)}", _with_text(_piece), effort=_SECONDS)
for _name, _status in {"a refusal": 400, "an error": 500}.items():
    add_understood(
        f"patterns: {_name} of all of these",
        lambda exchange, status=_status: exchange.error(  # type: ignore[misc]
            status, "no ".join((piece * _LENGTH)[: _LENGTH // 5] for piece in _PIECES)
        ),
        effort=_SECONDS,
    )

# --- files of strangers, which skills create reads ---

_LINES = "\n".join(f"k{n}: &a{n} [*a{n - 1}, *a{n - 1}, *a{n - 1}, *a{n - 1}]" for n in range(1, 60))
FRONT_MATTER: dict[str, str] = {
    "aliases of aliases": f"k0: &a0 [x, x]\n{_LINES}",
    "aliases merged": "k0: &a0 {x: 1}\n" + "\n".join(f"k{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}" for n in range(1, 60)),
    "an alias of itself": "k: &a [*a, *a]\nl: &b {x: *b}",
    "brackets": "k: " + "[" * 30_000,
    "braces": "k: " + "{a: " * 15_000,
    "dashes": "k:\n" + "- " * 30_000,
    "questions": "? " * 30_000,
    "levels": "\n".join(f"{' ' * n}k:" for n in range(300)),
    "spaces": f"k: x{' ' * 60_000}x",
    "lines": "k: |\n" + "\n" * 60_000,
    "quotes": "k: '" + "''" * 30_000 + "'",
    "escapes": 'k: "' + "\\x41" * 15_000 + '"',
    "anchors": "\n".join(f"k{n}: &a{n} x" for n in range(4000)),
    "the same name": "k: x\n" * 10_000,
    "tags": "k: " + "!!python/object/apply:os.system [true]\nl: " + "!a " * 20_000,
    "a number": "k: " + "1_" * 30_000 + "\nl: " + "1:" * 20_000 + "0\nm: 0x" + "f" * 10_000,
    "comments": "# " * 30_000,
    "no end": "k: x\n" + "--- x\n" * 10_000,
}  # fmt: skip
