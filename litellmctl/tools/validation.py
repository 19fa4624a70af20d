"""Checking arguments against a stranger's JSON Schema, within bounds.

The validator is native code that keeps the interpreter's lock: while it runs, neither Ctrl-C nor a clock ends it. So
only what is certain to be quick is checked in this process, and everything else in one that can be ended.
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

# A tenth of a second, and half a second.
QUICK = 2_000_000
QUICKLY_EXPLAINED = 20_000
# How long the other process looks whether arguments fit, and then why they do not.
CHECK_SECONDS = 5
EXPLAIN_SECONDS = 2
# What stands for a value in the validator's messages.
MASK = "\u2026"
MAX_BYTES = 2 * 2**30
_MAX_PATTERNS = 20
# Of one document: more objects, or larger patterns, take noticeable time to compile.
_MAX_OBJECTS = 20_000
_MAX_POSITIONS = 100_000
# How far and how deep the effort is looked for.
_MAX_VISITS = 20_000
_MAX_LEVEL = 100
# What is checked of the values inside of a value, by keywords: a schema, several, or several by their names.
_BELOW = frozenset({"items", "additionalItems", "prefixItems", "contains", "additionalProperties", "propertyNames"})
_BELOW_BY_NAME = frozenset({"properties", "patternProperties"})
_BY_NAME = frozenset({"dependentSchemas", "dependencies"})
# Where only a reference leads, or nothing.
_ASIDE = frozenset({"$defs", "definitions", "default", "examples"})
# What looks at a whole text, beside patterns.
_OF_TEXTS = frozenset({"format", "minLength", "maxLength", "contentEncoding", "contentMediaType"})
# What follows rules that are not worth following here, or looks at the same values again and again.
_UNCERTAIN = frozenset({"unevaluatedProperties", "unevaluatedItems", "$dynamicRef", "$recursiveRef"})
# `{2,5}` in a pattern. Behind one of these characters it repeats a group, or what is repeated already.
_REPEATED = r"\{\s*+(\d++)\s*+(?:,\s*+(\d*+)\s*+)?\}"
_REPEATS_A_GROUP = ")}?*+"


class Effort(NamedTuple):
    """What a validator may have to do at worst, in units of some 50 ns: `steps`, and the `matching` of texts."""

    steps: float
    matching: float

    @property
    def is_quick(self) -> bool:
        """Whether it certainly takes no noticeable time to find out whether arguments fit."""
        return self.steps + self.matching <= QUICK

    @property
    def is_quickly_explained(self) -> bool:
        """Whether it certainly takes little time to find out why they do not: that makes far more of each step."""
        return self.is_quick and self.steps <= QUICKLY_EXPLAINED


class TooHard(Exception):
    """Whether the arguments fit cannot be found out within the bounds."""


class Uncertain(Exception):
    """How much effort something takes is not certain."""


def validator_of(schema: dict[str, Any]) -> Any:
    """Return a validator, or None where the schema is none that can be checked here: the server knows better then.

    It fetches nothing, and its regular expressions take linear time; a pattern that those cannot express is taken out.
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
    """Whether an engine of linear time takes a regular expression; `pattern_size` says how much that is to find out."""
    import jsonschema_rs

    try:
        jsonschema_rs.validator_for({"pattern": pattern}, pattern_options=jsonschema_rs.RegexOptions())
    except (jsonschema_rs.ValidationError, ValueError, RecursionError):
        return False
    return True


def fits(validator: Any, arguments: dict[str, Any]) -> bool:
    """Whether arguments fit, as far as that can be found out: the rest is the server's to judge."""
    try:
        return bool(validator.is_valid(arguments))
    except (ValueError, RecursionError):
        return True  # half a character, or nested too deeply to be looked at


def _without(schema: dict[str, Any], path: list[str | int]) -> dict[str, Any] | None:
    """Return the schema without what is at a path; None where nothing is, as with paths that begin at an `$id`."""
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
    """Return what a `$ref` inside a document (`#`, `#/a/b`) leads to; None where that is nowhere, or outside."""
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
    """Yield the objects and arrays in JSON data, itself included; of a long chain of them too."""
    waiting = [value] if isinstance(value, dict | list) else []
    while waiting:
        value = waiting.pop()
        yield value
        waiting.extend(
            inner for inner in (value.values() if isinstance(value, dict) else value) if isinstance(inner, dict | list)
        )


def effort(schema: dict[str, Any], arguments: dict[str, Any]) -> Effort:
    """Return how much effort it is to check arguments at worst; infinity where that is not certain."""
    try:
        _require_simple(schema)
        depth, values, characters = _size(arguments)
        steps, positions = _Walk(schema).of(schema, depth)
    except Uncertain:
        return Effort(inf, inf)
    # A pattern is compared with a text at each of its positions, for each character: some 5 ns.
    return Effort(steps * values, positions * characters // 10)


def _require_simple(schema: dict[str, Any]) -> None:
    """Refuse a document that takes long to compile, or in which references are relative to anything but itself."""
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
    """Return how deep arguments are, how many values and names they have, and of how many characters."""
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
    """Return how many positions the automaton of a pattern may have, at least; what is no text has none."""
    if not isinstance(pattern, str):
        return 0
    if re.search(r"\(\?[a-zA-Z]*x", pattern):  # with comments, which may hide anything
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
    # A class of Unicode's is an automaton of its own.
    classes = 500 if re.search(r"\\[pP]|\(\?[a-zA-Z]*i", pattern) else 1
    return len(pattern) * longest * groups * classes


class _Walk:
    """The steps of the validator for one value, and all that is in it, and the positions of its patterns.

    Every alternative is counted, at every depth that the value has: as if each of them were looked at to its end.
    """

    def __init__(self, whole: dict[str, Any]) -> None:
        self._whole = whole
        self._known: dict[tuple[int, int], tuple[int, int] | None] = {}
        self._left = _MAX_VISITS

    def of(self, schema: Any, depth: int, level: int = 0) -> tuple[int, int]:
        """Return the steps and positions of a schema for a value of that depth."""
        if not isinstance(schema, dict):
            return 1, 0
        key = id(schema), depth
        if key in self._known:
            known = self._known[key]
            if known is None:  # it is part of itself
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
        """Yield the schemas that a keyword checks a value against, or the values in it, with their depth."""
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
        elif keyword not in _ASIDE and keyword not in ("enum", "const"):  # any other keyword may be one of these too
            yield from ((part, depth) for part in _listed(value))


def _steps(keyword: str, value: Any) -> int:
    """Return the steps of a keyword itself."""
    if keyword in ("enum", "const"):
        return 1 + sum(map(len, containers(value)))
    return 1 + (len(value) if keyword == "required" and isinstance(value, list) else 0)


def _positions_of(keyword: str, value: Any) -> int:
    """Return what a keyword does for each character of a text."""
    if keyword == "patternProperties" and isinstance(value, dict):
        return sum(map(pattern_size, value))
    return pattern_size(value) if keyword == "pattern" else int(keyword in _OF_TEXTS)


def _listed(value: Any) -> list[Any]:
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict | list)]


def problems_elsewhere(schema: dict[str, Any], arguments: dict[str, Any]) -> list[tuple[str, str]] | None:
    """Return what a process of its own finds wrong: where, and what was expected; None for "it does not fit".

    Raises TooHard where it does not find out whether they fit: in time, or within its memory.
    """
    try:
        question = json.dumps([schema, arguments]).encode()
    except (ValueError, RecursionError):
        return []  # nested too deeply to be looked at: the server's to judge
    output = _asked(question).decode().split("\n")
    if output[0] != "false":
        if output[0] != "true":
            raise TooHard
        return []
    with suppress(ValueError, IndexError):
        return [(where, expected) for where, expected in json.loads(output[1])]
    return None  # it did not come to an end of the explanation


def _asked(question: bytes) -> bytes:
    """Return what the process that checks prints, all or the beginning of it; it ends in time, or when we do."""
    import subprocess  # 4 ms, which no ordinary schema pays

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
        # In a thread, since Windows delivers Ctrl-C only between waits.
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
