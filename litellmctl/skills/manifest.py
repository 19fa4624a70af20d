"""SKILL.md: YAML front matter between two `---`, then the instructions (https://agentskills.io/specification)."""

from __future__ import annotations

import re
from typing import NamedTuple

from litellmctl.errors import UsageFailure

FILE_NAME = "SKILL.md"
# The limit of LiteLLM for a field of a form.
MAX_BYTES = 2**20
_MAX_MATTER = 2**16
_MAX_NAME = 200
# YAML's words for null; here they are the same in quotes.
_NOTHING = frozenset({"~", "null", "Null", "NULL"})
_MATTER = r"\A---[ \t]*\n(.*?)(?:^|\n)---[ \t]*(?:\n|\Z)"
_EXAMPLE = """start the file with the lines "---", "name: my-skill", "description: What it is for." and "---\""""


class Manifest(NamedTuple):
    """The content of a SKILL.md: name, description ("" if it has none) and instructions."""

    name: str
    description: str
    instructions: str


def read_manifest(data: bytes, where: str) -> Manifest:
    """Return the content of a SKILL.md; `where` is its name in errors."""
    if len(data) > MAX_BYTES:
        raise UsageFailure(
            f"{where} is larger than 1 MiB, the limit of LiteLLM",
            remedy="move long parts to other files beside SKILL.md",
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageFailure(f"{where} is not UTF-8 text") from None
    text = text.replace("\r\n", "\n")
    found = re.match(_MATTER, text, re.DOTALL | re.MULTILINE)
    if found is None:
        lacks = 'has front matter without a closing "---"' if text.startswith("---") else "has no front matter"
        raise UsageFailure(f"{where} {lacks}", remedy=_EXAMPLE)
    fields = _fields(found[1], where)
    name = fields.get("name")
    if not isinstance(name, str) or not name.strip() or name in _NOTHING:
        raise UsageFailure(f"{where} has no name in its front matter", remedy='add the line "name: my-skill"')
    description = fields.get("description") or ""
    if not isinstance(description, str):
        raise UsageFailure(f"{where}: the description is not a string", remedy="put it in quotes")
    checked_text(description, f"{where}: the description")
    if description in _NOTHING:
        description = ""
    instructions = checked_text(text[found.end() :].strip(), where)
    return Manifest(checked_name(name.strip(), where), description.strip(), instructions)


def checked_name(name: str, where: str) -> str:
    """Return a name. Raises `UsageFailure` if a skill cannot have it."""
    if not name.isprintable() or len(name) > _MAX_NAME:
        raise UsageFailure(f"{where}: the name must be one line of at most {_MAX_NAME} characters")
    return name


def checked_text(text: str, named: str) -> str:
    """Return a text. Raises `UsageFailure` if it cannot be sent as a field of a form."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise UsageFailure(f"{named} contains invalid Unicode (a lone surrogate)") from None
    if "\0" in text:
        raise UsageFailure(f"{named} contains a NUL character")
    if size > MAX_BYTES:
        raise UsageFailure(f"{named} is larger than 1 MiB, the limit of LiteLLM")
    return text


def _fields(matter: str, where: str) -> dict[object, object]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    yaml = YAML(typ="base", pure=True)
    yaml.composer.warn_double_anchors = False

    if len(matter) > _MAX_MATTER:
        raise UsageFailure(f"{where}: the front matter is larger than {_MAX_MATTER // 1024} KiB")
    try:
        # All scalars stay texts: `version: 1.10` is not a number, and tags do not create objects.
        fields = yaml.load(matter)
    except MarkedYAMLError as error:
        mark = error.problem_mark
        # The front matter's first line is the file's second.
        place = "" if mark is None else f"line {mark.line + 2}, column {mark.column + 1}: "
        problem = " ".join((error.problem or "it cannot be read").split())
        raise UsageFailure(
            f"{where}: {place}not valid YAML: {problem}", remedy='put strings with ":" or "#" in quotes'
        ) from None
    except (YAMLError, ValueError, OverflowError, RecursionError, AttributeError, TypeError, KeyError):
        raise UsageFailure(f"{where}: the front matter is not valid YAML") from None
    if not isinstance(fields, dict):
        raise UsageFailure(f"{where}: the front matter is not a list of names and values", remedy=_EXAMPLE)
    return fields
