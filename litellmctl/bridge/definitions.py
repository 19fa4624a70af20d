"""A tool's definition as `tools/list` has it, such that no client refuses the whole list because of one tool.

The official clients check every definition (types.ts of @modelcontextprotocol/sdk, types.py of mcp), and the one for
TypeScript compiles each output schema with Ajv (draft-07), which throws for patterns that are not JavaScript's, and for
some keywords where it does not expect them.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from litellmctl.foundation.text import clean, clean_text, cut
from litellmctl.tools.definitions import Repair
from litellmctl.tools.validation import effort

if TYPE_CHECKING:
    from litellmctl.tools.tool import Tool

MAX_BYTES = 256 * 2**10
_MAX_TITLE = 200
_MAX_DESCRIPTION = 64 * 2**10
# A result in which any keyword is applied at several depths.
_DEEP = {"a": {"a": {"a": {"a": {"a": {"a": ["a"]}}}}}}
# Output schemas of one list that take long to look at; after them, none is announced.
_MAX_HARD = 20
_HINTS = frozenset({"readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"})
_MAX_ANNOTATIONS = 50
_DIALECT = r"https?://json-schema\.org/[a-z0-9/-]{1,40}#?"
# Characters that no one sees, which can spell instructions for a model (Unicode's tags).
_INVISIBLE = "[\U000e0000-\U000e007f]"


class Defined(NamedTuple):
    """A definition. `is_cut` is true if its schemas were too large, so that it allows any arguments."""

    definition: dict[str, Any]
    is_cut: bool


class Definer:
    """Makes the definitions of one list, which share the limits of time."""

    def __init__(self, *, raw_schemas: bool) -> None:
        self._raw = raw_schemas
        self._input = Repair()
        self._output = Repair(plain=True)
        self._hard = 0

    def define(self, tool: Tool, name: str, *, has_output: bool) -> Defined:
        """Return the definition of a tool under a name; `has_output` is false if it must promise no output."""
        made: dict[str, Any] = {"name": name}
        if tool.title:
            made["title"] = cut(_cleaned(tool.title), _MAX_TITLE)
        if tool.description:
            made["description"] = cut(_cleaned_text(tool.description), _MAX_DESCRIPTION)
        is_cut = _size(tool.input_schema) > MAX_BYTES
        made["inputSchema"] = {"type": "object"} if is_cut else self._arguments(tool.input_schema)
        output = self._returned(tool.output_schema) if has_output else None
        if output is not None:
            made["outputSchema"] = output
        if annotations := _annotations(tool.annotations):
            made["annotations"] = annotations
        return Defined(made, is_cut)

    def _returned(self, schema: Any) -> dict[str, Any] | None:
        """Return an output schema repaired; None if there is none, or clients would check results for too long."""
        if not isinstance(schema, dict) or schema.get("type") != "object" or _size(schema) > MAX_BYTES:
            return None
        if self._hard >= _MAX_HARD:
            return None
        made = self._output.whole(schema)
        is_quick = effort(made, _DEEP).is_quick
        self._hard += not is_quick
        return made if is_quick else None

    def _arguments(self, schema: Any) -> dict[str, Any]:
        if self._raw:
            return _as_object(schema)
        made = self._input.arguments(schema)
        # The conformance suite asks for it (SEP-1613), and agents know it from every server of the TypeScript SDK.
        dialect = schema.get("$schema") if isinstance(schema, dict) else None
        return {"$schema": dialect, **made} if isinstance(dialect, str) and re.fullmatch(_DIALECT, dialect) else made


def _as_object(schema: Any) -> dict[str, Any]:
    """Return a schema with no more changes than clients insist on."""
    made = {**schema, "type": "object"} if isinstance(schema, dict) else {"type": "object"}
    properties = made.pop("properties", None)
    if isinstance(properties, dict):
        made["properties"] = {name: _as_schema(one) for name, one in properties.items()}
    required = made.pop("required", None)
    if isinstance(required, list) and all(isinstance(name, str) for name in required):
        made["required"] = required
    return made


def _as_schema(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {"not": {}} if value is False else {}


def _annotations(value: Any) -> dict[str, Any]:
    """Return the hints of the right type, and other annotations that are simple."""
    made: dict[str, Any] = {}
    for name, one in list(value.items())[:_MAX_ANNOTATIONS] if isinstance(value, dict) else ():
        if name in _HINTS:
            if isinstance(one, bool):
                made[name] = one
        elif isinstance(one, str):
            made[name] = cut(_cleaned(one), _MAX_TITLE)
        elif isinstance(one, bool | int | float) and name != "title":
            made[name] = one
    return made


def _cleaned(text: str) -> str:
    return clean(re.sub(_INVISIBLE, "", text))


def _cleaned_text(text: str) -> str:
    return clean_text(re.sub(_INVISIBLE, "", text))


def _size(value: Any) -> int:
    try:
        return len(json.dumps(value))
    except RecursionError:
        return MAX_BYTES + 1
