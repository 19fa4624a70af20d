"""Checking arguments against a server's JSON Schema, within limits.

The validator is native code that keeps the interpreter's lock: while it runs, neither Ctrl-C nor a timer can stop it.
So this process runs only checks that are certain to be quick; a process that can be killed runs all others.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from math import inf
from typing import Any, NamedTuple

from litellmctl import own_command
from litellmctl.errors import Failure
from litellmctl.foundation.files import reason
from litellmctl.foundation.threads import SLICE_SECONDS, in_background

# Steps that take a tenth of a second, and half a second.
QUICK = 2_000_000
QUICKLY_EXPLAINED = 20_000
# Time limits of the other process: to check arguments, and then to explain why they do not fit.
CHECK_SECONDS = 5
EXPLAIN_SECONDS = 2
# Stands for a value in the validator's messages.
MASK = "\u2026"
MAX_BYTES = 2 * 2**30
_MAX_PATTERNS = 20
# More objects or larger patterns in one document take noticeable time to compile.
_MAX_OBJECTS = 20_000
_MAX_POSITIONS = 100_000
# Limits of the walk that estimates the effort.
_MAX_VISITS = 20_000
_MAX_LEVEL = 100
# Keywords for the values inside a value: with a schema, several schemas, or schemas by name.
_BELOW = frozenset({"items", "additionalItems", "prefixItems", "contains", "additionalProperties", "propertyNames"})
_BELOW_BY_NAME = frozenset({"properties", "patternProperties"})
_BY_NAME = frozenset({"dependentSchemas", "dependencies"})
# Only references lead here.
_ASIDE = frozenset({"$defs", "definitions", "default", "examples"})
# Keywords beside patterns that read a whole text.
_OF_TEXTS = frozenset({"format", "minLength", "maxLength", "contentEncoding", "contentMediaType"})
# Keywords with effort that is not worth estimating here.
_UNCERTAIN = frozenset({"unevaluatedProperties", "unevaluatedItems", "$dynamicRef", "$recursiveRef"})
# `{2,5}` in a pattern. After one of these characters it repeats a group, or a repetition.
_REPEATED = r"\{\s*+(\d++)\s*+(?:,\s*+(\d*+)\s*+)?\}"
_REPEATS_A_GROUP = ")}?*+"


class Effort(NamedTuple):
    """The effort of a validator at worst, in units of about 50 ns: `steps`, and the `matching` of texts."""

    steps: float
    matching: float

    @property
    def is_quick(self) -> bool:
        """Whether a check certainly takes no noticeable time."""
        return self.steps + self.matching <= QUICK

    @property
    def is_quickly_explained(self) -> bool:
        """Whether an explanation certainly takes little time; it needs far more for each step than a check."""
        return self.is_quick and self.steps <= QUICKLY_EXPLAINED


class TooHard(Exception):
    """The arguments cannot be checked within the limits."""


class Uncertain(Exception):
    """The effort cannot be estimated."""


def validator_of(schema: dict[str, Any]) -> Any:
    """Return a validator, or None if the schema is not valid; then only the server checks the arguments.

    The validator fetches nothing. Its regular expressions take linear time; a pattern that needs more is removed.
    """
    import jsonschema_rs

    schema = {name: value for name, value in schema.items() if name != "$schema" or isinstance(value, str)}
    for _ in range(_MAX_PATTERNS):
        try:
            return jsonschema_rs.validator_for(
                schema, offline=True, pattern_options=jsonschema_rs.RegexOptions(), mask=MASK
            )
        except jsonschema_rs.ValidationError as error:
            path = list(error.instance_path)
            keyword = path[-1] if path else None
            if keyword == "pattern" or (len(path) > 1 and path[-2] == "patternProperties"):
                rest = _without(schema, path)
                if rest is not None:
                    schema = rest
                    continue
            return None
        except (ValueError, RecursionError):
            return None
    return None


def is_linear(pattern: str) -> bool:
    """Whether a regular expression engine of linear time accepts a pattern; `pattern_size` says what that costs."""
    import jsonschema_rs

    try:
        jsonschema_rs.validator_for({"pattern": pattern}, pattern_options=jsonschema_rs.RegexOptions())
    except (jsonschema_rs.ValidationError, ValueError, RecursionError):
        return False
    return True


def fits(validator: Any, arguments: dict[str, Any]) -> bool:
    """Whether arguments fit, as far as can be checked here: the server checks the rest."""
    try:
        return bool(validator.is_valid(arguments))
    except (ValueError, RecursionError):
        return True  # a lone surrogate, or nested too deeply


def _without(schema: dict[str, Any], path: list[str | int]) -> dict[str, Any] | None:
    """Return the schema without the value at a path; None if there is none, as for paths that begin at an `$id`."""
    copied = schema.copy()
    place: Any = copied
    try:
        for key in path[:-1]:
            place[key] = place[key].copy()
            place = place[key]
        del place[path[-1]]
    except (LookupError, TypeError, AttributeError):
        return None
    return copied


def pointed_at(whole: Any, reference: str) -> Any:
    """Return the target of a `$ref` (`#`, `#/a/b`) in a document; None if it is missing or outside."""
    if reference != "#" and not reference.startswith("#/"):
        return None
    if "%" in reference:
        from urllib.parse import unquote

        reference = unquote(reference)
    found = whole
    for part in reference[2:].split("/") if reference != "#" else ():
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, list) and re.fullmatch("[0-9]{1,6}", key) and int(key) < len(found):
            found = found[int(key)]
        else:
            found = found.get(key) if isinstance(found, dict) else None
    return found


def containers(value: Any) -> Iterator[Any]:
    """Yield the objects and arrays in JSON data, itself included, however deeply it is nested."""
    waiting = [value] if isinstance(value, dict | list) else []
    while waiting:
        value = waiting.pop()
        yield value
        waiting.extend(
            inner for inner in (value.values() if isinstance(value, dict) else value) if isinstance(inner, dict | list)
        )


def effort(schema: dict[str, Any], arguments: dict[str, Any]) -> Effort:
    """Return the effort of checking arguments at worst; infinity if it cannot be estimated."""
    try:
        _require_simple(schema)
        depth, values, characters = _size(arguments)
        steps, positions = _Walk(schema).of(schema, depth)
    except Uncertain:
        return Effort(inf, inf)
    # Each position of a pattern is compared with each character of a text: about 5 ns.
    return Effort(steps * values, positions * characters // 10)


def _require_simple(schema: dict[str, Any]) -> None:
    """Raise Uncertain if a document takes long to compile, or has references relative to other documents."""
    objects = positions = 0
    has_references = has_ids = False
    for value in containers(schema):
        if isinstance(value, list):
            continue
        objects += 1
        if not _UNCERTAIN.isdisjoint(value):
            raise Uncertain
        has_references = has_references or isinstance(value.get("$ref"), str)
        has_ids = has_ids or (value is not schema and any(isinstance(value.get(key), str) for key in ("$id", "id")))
        patterns = value.get("patternProperties")
        positions += sum(map(pattern_size, [value.get("pattern"), *(patterns if isinstance(patterns, dict) else ())]))
        if objects > _MAX_OBJECTS or positions > _MAX_POSITIONS or (has_references and has_ids):
            raise Uncertain


def _size(arguments: dict[str, Any]) -> tuple[int, int, int]:
    """Return the depth of arguments, the number of their values and names, and of the characters in those."""
    depth, values, characters = 0, 1, 0
    level: list[Any] = [arguments]
    while level:
        depth += 1
        inside: list[Any] = []
        for container in level:
            inner = container.values() if isinstance(container, dict) else container
            values += len(container) * (2 if isinstance(container, dict) else 1)
            for text in (*container, *inner) if isinstance(container, dict) else inner:
                characters += len(text) if isinstance(text, str) else 0
            inside += [one for one in inner if isinstance(one, dict | list)]
        level = inside
    return depth, values, characters


def pattern_size(pattern: Any) -> int:
    """Return the number of positions that the automaton of a pattern has at least; 0 if it is not a text."""
    if not isinstance(pattern, str):
        return 0
    if re.search(r"\(\?[a-zA-Z]*x", pattern):  # comments may hide anything
        raise Uncertain
    longest = groups = 1
    for found in re.finditer(_REPEATED, pattern[: _MAX_POSITIONS + 1]):
        before = pattern[found.start() - 1 : found.start()]
        least, most = found[1], found[2] or ""
        if len(least) > 5 or len(most) > 5:
            raise Uncertain
        times = max(int(least), int(most or 0), 1)
        if before in _REPEATS_A_GROUP or before.isspace():
            groups *= times
        else:
            longest = max(longest, times)
        if groups > _MAX_POSITIONS:
            raise Uncertain
    # A Unicode class is an automaton of its own.
    classes = 500 if re.search(r"\\[pP]|\(\?[a-zA-Z]*i", pattern) else 1
    return len(pattern) * longest * groups * classes


class _Walk:
    """The steps of the validator for a value and the values in it, and the positions of its patterns.

    Every alternative is counted at every depth of the value, as if the validator tried each of them to its end.
    """

    def __init__(self, whole: dict[str, Any]) -> None:
        self._whole = whole
        self._known: dict[tuple[int, int], tuple[int, int] | None] = {}
        self._left = _MAX_VISITS

    def of(self, schema: Any, depth: int, level: int = 0) -> tuple[int, int]:
        """Return the steps and positions of a schema for a value of this depth."""
        if not isinstance(schema, dict):
            return 1, 0
        key = id(schema), depth
        if key in self._known:
            known = self._known[key]
            if known is None:  # it contains itself
                raise Uncertain
            return known
        self._known[key] = None
        self._left -= 1 + len(schema)
        if level > _MAX_LEVEL or self._left < 0:
            raise Uncertain
        steps = 1
        positions = 0
        for keyword, value in schema.items():
            steps += _steps(keyword, value)
            positions += _positions_of(keyword, value)
            for part, inside in self._parts(keyword, value, depth):
                more = self.of(part, inside, level + 1)
                steps += more[0]
                positions += more[1]
        self._known[key] = steps, positions
        return steps, positions

    def _parts(self, keyword: str, value: Any, depth: int) -> Iterator[tuple[Any, int]]:
        """Yield the schemas that a keyword applies to a value or to the values in it, with their depth."""
        if keyword == "$ref" and isinstance(value, str):
            found = None if "%" in value else pointed_at(self._whole, value)
            if found is None:
                raise Uncertain
            yield found, depth
        elif keyword in _BELOW or keyword in _BELOW_BY_NAME:
            by_name = isinstance(value, dict) and keyword in _BELOW_BY_NAME
            if depth > 0:
                yield from ((part, depth - 1) for part in (value.values() if by_name else _listed(value)))
        elif keyword in _BY_NAME and isinstance(value, dict):
            yield from ((part, depth) for part in value.values())
        elif keyword not in _ASIDE and keyword not in ("enum", "const"):  # any other keyword may hold schemas
            yield from ((part, depth) for part in _listed(value))


def _steps(keyword: str, value: Any) -> int:
    """Return the steps of a keyword itself, without its schemas."""
    if keyword in ("enum", "const"):
        return 1 + sum(map(len, containers(value)))
    return 1 + (len(value) if keyword == "required" and isinstance(value, list) else 0)


def _positions_of(keyword: str, value: Any) -> int:
    """Return the positions that a keyword compares with each character of a text."""
    if keyword == "patternProperties" and isinstance(value, dict):
        return sum(map(pattern_size, value))
    return pattern_size(value) if keyword == "pattern" else int(keyword in _OF_TEXTS)


def _listed(value: Any) -> list[Any]:
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict | list)]


def problems_elsewhere(schema: dict[str, Any], arguments: dict[str, Any]) -> list[tuple[str, str]] | None:
    """Return the problems that another process finds: where, and what is expected; None if it cannot explain them.

    Raises TooHard if that process does not finish the check within its limits of time and memory.
    """
    try:
        question = json.dumps([schema, arguments]).encode()
    except (ValueError, RecursionError):
        return []  # nested too deeply: the server decides
    output = _asked(question).decode().split("\n")
    if output[0] != "false":
        if output[0] != "true":
            raise TooHard
        return []
    with suppress(ValueError, IndexError):
        return [(where, expected) for where, expected in json.loads(output[1])]
    return None  # it ran out of time while explaining


def _asked(question: bytes) -> bytes:
    """Return what the checking process prints before it ends, or is killed at the time limit."""
    import subprocess  # 4 ms, which ordinary schemas never need

    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NO_WINDOW
    try:
        process = subprocess.Popen(
            own_command.module("litellmctl.tools.check_process"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            creationflags=flags,
        )
    except OSError as error:
        raise Failure(
            "system",
            f"cannot start a process to check the arguments: {reason(error)}",
            remedy="pass --no-check to send them unchecked",
        ) from None
    end = time.monotonic() + CHECK_SECONDS + EXPLAIN_SECONDS
    try:
        # In a thread, because Windows delivers Ctrl-C only between waits.
        answer = in_background(lambda: process.communicate(question)[0])
        while not answer.wait(SLICE_SECONDS):
            if time.monotonic() > end:
                process.kill()
        return answer.result()
    except OSError:
        raise TooHard from None
    finally:
        process.kill()
        process.wait()
