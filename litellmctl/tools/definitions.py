"""Tools as functions for models, with schemas that OpenAI and Anthropic accept.

One schema that they do not accept makes a whole request fail. Their rules, as far as known:

- an object with `properties`, without a choice at its top (both); arrays with `items` at every level (OpenAI)
- JSON Schema draft 2020-12, by its meta-schema (Anthropic); a pattern has to be a regular expression of Python's
- no lookaround in patterns, since OpenAI matches them in linear time
- names of parameters like [a-zA-Z0-9_.-]{1,64} (Anthropic), descriptions of functions up to 1,024 characters (OpenAI)
- names of functions like [a-zA-Z0-9_-]{1,64}, as `Tool.full_name` is

A repaired schema allows more than before, never less: the server checks the arguments of a call.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable
from math import isfinite
from typing import TYPE_CHECKING, Any

from litellmctl.foundation.sentences import listed
from litellmctl.foundation.text import clean_text, cut
from litellmctl.tools import validation
from litellmctl.tools.schema import Schema

if TYPE_CHECKING:
    from litellmctl.tools.tool import Tool

# Keywords that a chat completion refuses at the top of a function's parameters.
_NOT_AT_THE_TOP = frozenset({"$ref", "allOf", "anyOf", "oneOf", "not", "enum", "const", "if", "then", "else"})
# Keywords that refer to other documents, or declare another draft.
_DROPPED = frozenset(
    {"$schema", "$id", "id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor"}
    | {"$vocabulary", "dependencies", "additionalItems", "contentSchema"}
)
_TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")
_ONE = frozenset(
    {"items", "contains", "not", "if", "then", "else", "propertyNames", "additionalProperties"}
    | {"unevaluatedItems", "unevaluatedProperties"}
)
_SEVERAL = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_BY_NAME = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_TEXTS = frozenset({"title", "description", "$comment", "format", "contentEncoding", "contentMediaType"})
_FLAGS = frozenset({"deprecated", "readOnly", "writeOnly", "uniqueItems"})
_NUMBERS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})
_COUNTS = frozenset(
    {"minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "minContains", "maxContains"}
)
_PLAIN_KEYWORDS = (
    frozenset({"type", "properties", "required", "additionalProperties", "items", "allOf", "anyOf", "enum", "const"})
    | frozenset({"$ref", "$defs", "definitions", "uniqueItems", "multipleOf", "title", "description"})
    | _NUMBERS
    | _COUNTS
)
_LOOKS_AROUND = r"\(\?<?[=!]"
# Patterns that any engine takes, so that none has to be loaded (13 ms) for most lists of tools: characters, classes and
# groups, repeated at most once each.
_PLAIN_CLASS = r"\[\^?(?:[\w .:@/,%+*$]|\\[dws./-]|a-z|A-Z|0-9|a-f|A-F)+-?\]"
_PLAIN_ATOM = rf"(?:[\w @:/,.%=~#&;<>!\"'-]|\\[dDwWsS./^$|*+?()\[\]{{}}-]|{_PLAIN_CLASS}|\))"
_PLAIN = rf"\^?(?:{_PLAIN_ATOM}(?:[*+?]|\{{\d{{1,3}}(?:,\d{{0,3}})?\}})?|\((?:\?:)?|\|)*+\$?"
_ANTHROPIC_NAME = r"[a-zA-Z0-9_.-]{1,64}"
_MAX_OPENAI_DESCRIPTION = 1024
_MAX_PATTERN = 1000
_MAX_HOPS = 50
_GONE = object()
# Positions of patterns that are compiled for one list; each takes some microseconds.
_MAX_POSITIONS = 200_000


def definitions(
    tools: Iterable[Tool], style: str, note: Callable[[str], object] = lambda _: None
) -> list[dict[str, Any]]:
    """Return the tools as `openai` or `anthropic` expects them; `note` gets a sentence for what is skipped."""
    made = []
    repair = Repair()
    for tool in tools:
        parameters = repair.arguments(tool.input_schema)
        about = {"name": tool.full_name, "description": tool.description or tool.title or tool.name}
        if style == "anthropic":
            bad = [name for name in parameters["properties"] if re.fullmatch(_ANTHROPIC_NAME, name) is None]
            required = set(parameters.get("required", ()))
            if not required.isdisjoint(bad):
                note(f'Skipped {cut(tool.path)}: Anthropic refuses the parameter name "{cut(_first(bad, required))}"')
                continue
            if bad:
                note(f"Skipped parameters of {cut(tool.path)} with names that Anthropic refuses: {listed(bad)}")
                fields = {name: one for name, one in parameters["properties"].items() if name not in bad}
                parameters = {**parameters, "properties": fields}
            made.append({**about, "input_schema": parameters})
        else:
            about["description"] = cut(about["description"], _MAX_OPENAI_DESCRIPTION)
            made.append({"type": "function", "function": {**about, "parameters": parameters}})
    return made


def _first(names: list[str], among: set[str]) -> str:
    return next(name for name in names if name in among)


class Repair:
    """Turns any schema into one that meta-schemas and providers accept, at worst one that allows anything.

    With `plain`, only keywords stay that validators of all drafts take alike, for a schema of what a tool returns. The
    schemas of one list share the limits of time.
    """

    def __init__(self, *, plain: bool = False) -> None:
        self._plain = plain
        self._positions = _MAX_POSITIONS
        self._patterns: dict[str, bool] = {}
        self._references: list[dict[str, Any]] = []

    def arguments(self, input_schema: Any) -> dict[str, Any]:
        """Return the schema of an arguments object, with the alternatives at its top merged into one."""
        schema = Schema(input_schema)
        top = {name: value for name, value in {**schema.whole, **schema.top}.items() if name not in _NOT_AT_THE_TOP}
        required = schema.required
        top.pop("required", None)
        whole = {**top, "type": "object", "properties": schema.fields, **({"required": required} if required else {})}
        return self.whole(whole)

    def whole(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Return a whole document repaired."""
        self._references = []
        made: dict[str, Any] = self._schema(schema)
        for part in self._references:  # the target may have been dropped, or lead back
            if not _leads_somewhere(made, part):
                del part["$ref"]
        return made

    def _schema(self, schema: Any) -> Any:
        if not isinstance(schema, dict):
            return {"not": {}} if schema is False else {}
        schema = _of_this_draft(schema)
        if self._plain:
            schema = _without_others(schema)
        made: dict[str, Any] = {}
        for name, value in schema.items():
            stays = name in _PLAIN_KEYWORDS if self._plain else name not in _DROPPED
            if stays and (kept := self._keyword(name, value)) is not _GONE:
                made[name] = kept
        if made.get("type") == "array" or "array" in (made["type"] if isinstance(made.get("type"), list) else ()):
            made.setdefault("items", {})
        if "enum" in made and "type" in made:
            made = _without_misfits(made)
        if "$ref" in made:
            self._references.append(made)
        return made

    def _keyword(self, name: str, value: Any) -> Any:
        """Return the value of a keyword repaired; _GONE if the keyword has to be dropped."""
        if name == "type":
            return _types(value)
        if name in _TEXTS:
            return clean_text(value) if isinstance(value, str) else _GONE
        if name in _BY_NAME:
            if not isinstance(value, dict):
                return _GONE
            patterns = name == "patternProperties"
            return {key: self._schema(one) for key, one in value.items() if not patterns or self._is_regex(key)}
        if name in _ONE:
            is_whole = isinstance(value, bool) and name.endswith("Properties")
            return value if is_whole else self._schema(value) if isinstance(value, dict | bool) else _GONE
        if name in _SEVERAL:
            return [self._schema(one) for one in value] if isinstance(value, list) and value else _GONE
        if name == "pattern":
            return value if isinstance(value, str) and self._is_regex(value) else _GONE
        return value if _CHECKS.get(name, _is_anything)(value) else _GONE

    def _is_regex(self, pattern: str) -> bool:
        """Whether both Python and engines of linear time accept a pattern."""
        if pattern not in self._patterns:
            self._patterns[pattern] = self._compiles(pattern)
        return self._patterns[pattern]

    def _compiles(self, pattern: str) -> bool:
        if len(pattern) > _MAX_PATTERN or re.search(_LOOKS_AROUND, pattern):
            return False
        try:
            self._positions -= validation.pattern_size(pattern)
            if self._positions < 0:
                return False
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about what may mean something else in a later Python
                re.compile(pattern)
        except (validation.Uncertain, re.error, RecursionError, OverflowError):
            return False
        return re.fullmatch(_PLAIN, pattern, re.ASCII) is not None or validation.is_linear(pattern)


def _leads_somewhere(whole: dict[str, Any], part: Any) -> bool:
    """Whether a `$ref` leads to a schema without one, by way of others or not."""
    for _ in range(_MAX_HOPS):
        if not isinstance(part, dict) or "$ref" not in part:
            return isinstance(part, dict | bool)
        part = validation.pointed_at(whole, part["$ref"])
    return False


def _of_this_draft(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema of an earlier draft in the words of 2020-12: tuples, and exclusive bounds."""
    if isinstance(schema.get("items"), list):
        rest = {"items": schema["additionalItems"]} if "additionalItems" in schema else {}
        items = {"prefixItems": schema["items"], **rest}
        schema = {**{name: value for name, value in schema.items() if name != "items"}, **items}
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if schema.get(exclusive) is True and bound in schema:
            kept = {name: value for name, value in schema.items() if name != bound}
            schema = {**kept, exclusive: schema[bound]}
    return schema


def _without_others(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema that allows no less once all but the plain keywords are removed from it and those inside it."""
    if "oneOf" in schema and "anyOf" not in schema:
        schema = {**schema, "anyOf": schema["oneOf"]}
    removed = {"additionalProperties"} if "patternProperties" in schema else set()
    removed |= {"items"} if "prefixItems" in schema else set()
    return {name: value for name, value in schema.items() if name not in removed} if removed else schema


def _types(value: Any) -> Any:
    """Return the `type` in a value, _GONE if JSON Schema does not have it; some servers send STRING."""
    if isinstance(value, str):
        return value.lower() if value.lower() in _TYPES else _GONE
    found = [one.lower() for one in value if isinstance(one, str)] if isinstance(value, list) else []
    known = [one for one in dict.fromkeys(found) if one in _TYPES]
    return known if known and len(known) == len(set(found)) else _GONE


def _without_misfits(made: dict[str, Any]) -> dict[str, Any]:
    """Return a schema without the values in `enum` that its `type` does not allow."""
    types = [made["type"]] if isinstance(made["type"], str) else made["type"]
    fit = [value for value in made["enum"] if _type_names(value) & set(types)]
    if len(fit) == len(made["enum"]):
        return made
    rest = {name: value for name, value in made.items() if name != "enum"}
    return {**rest, "enum": fit} if fit else rest


def _type_names(value: Any) -> set[str]:
    if isinstance(value, bool | None):
        return {"null" if value is None else "boolean"}
    if isinstance(value, int | float):
        return {"number", "integer"} if isinstance(value, int) or value.is_integer() else {"number"}
    return {"string" if isinstance(value, str) else "array" if isinstance(value, list) else "object"}


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value) and len(set(value)) == len(value)


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isinstance(value, int) or isfinite(value)


def _is_count(value: Any) -> bool:
    return _is_number(value) and value >= 0 and value == int(value)


def _is_anything(_value: Any) -> bool:
    return True


# Other keywords, with whether a value may stay.
_CHECKS: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(_FLAGS, lambda value: isinstance(value, bool)),
    **dict.fromkeys(_NUMBERS, _is_number),
    **dict.fromkeys(_COUNTS, _is_count),
    "multipleOf": lambda value: _is_number(value) and value > 0,
    "$ref": lambda value: isinstance(value, str) and value.startswith("#"),
    "required": _are_names,
    "enum": lambda value: isinstance(value, list) and bool(value),
    "examples": lambda value: isinstance(value, list),
    "dependentRequired": lambda value: isinstance(value, dict) and all(map(_are_names, value.values())),
}
