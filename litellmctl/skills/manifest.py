"""SKILL.md: the YAML front matter between two `---`, then the instructions (https://agentskills.io/specification)."""

from __future__ import annotations

import re
from typing import NamedTuple

from litellmctl.errors import UsageFailure

FILE_NAME = "SKILL.md"
# What LiteLLM takes of a form's field.
MAX_BYTES = 2**20
_MAX_MATTER = 2**16
_MAX_NAME = 200
# What YAML takes for nothing; quotes are not told from it here.
_NOTHING = frozenset({"~", "null", "Null", "NULL"})
_MATTER = r"\A---[ \t]*\n(.*?)(?:^|\n)---[ \t]*(?:\n|\Z)"
_EXAMPLE = (
    """begin it with three lines: "---", "name: my-skill", "description: What it is for.", and close with "---\""""
)


class Manifest(NamedTuple):
    """What a SKILL.md says: its name, its description ("" where it has none) and the instructions below."""

    name: str
    description: str
    instructions: str


def read_manifest(data: bytes, where: str) -> Manifest:
    """Return what a SKILL.md says; `where` names it in errors."""
    if len(data) > MAX_BYTES:
        raise UsageFailure(
            f"{where} is larger than 1 MiB, which LiteLLM takes at most",
            remedy="put what is long into files of its own beside SKILL.md",
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageFailure(f"{where} is not UTF-8 text") from None
    text = text.replace("\r\n", "\n")
    found = re.match(_MATTER, text, re.DOTALL | re.MULTILINE)
    if found is None:
        lacks = "has no end of its front matter" if text.startswith("---") else "has no front matter"
        raise UsageFailure(f"{where} {lacks}", remedy=_EXAMPLE)
    fields = _fields(found[1], where)
    name = fields.get("name")
    if not isinstance(name, str) or not name.strip() or name in _NOTHING:
        raise UsageFailure(f"{where} has no name in its front matter", remedy='add a line "name: my-skill"')
    description = fields.get("description") or ""
    if not isinstance(description, str):
        raise UsageFailure(f"{where}: its description is not a text", remedy="put it in quotes")
    checked_text(description, f"{where}: its description")
    if description in _NOTHING:
        description = ""
    instructions = checked_text(text[found.end() :].strip(), where)
    return Manifest(checked_name(name.strip(), where), description.strip(), instructions)


def checked_name(name: str, where: str) -> str:
    """Return a name if a skill may have it."""
    if not name.isprintable() or len(name) > _MAX_NAME:
        raise UsageFailure(f"{where}: a skill's name is one line of at most {_MAX_NAME} characters")
    return name


def checked_text(text: str, named: str) -> str:
    """Return a text if it can be sent as a field of a form."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise UsageFailure(f"{named} holds half a character, which is not Unicode") from None
    if "\0" in text:
        raise UsageFailure(f"{named} holds a NUL character, which no database takes as text")
    if size > MAX_BYTES:
        raise UsageFailure(f"{named} is larger than 1 MiB, which LiteLLM takes at most")
    return text


def _fields(matter: str, where: str) -> dict[object, object]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    yaml = YAML(typ="base", pure=True)
    yaml.composer.warn_double_anchors = False

    if len(matter) > _MAX_MATTER:
        raise UsageFailure(f"{where}: its front matter is larger than {_MAX_MATTER // 1024} KiB")
    try:
        # Every scalar is a text so: `version: 1.10` is no number, and no tag makes an object of anything.
        fields = yaml.load(matter)
    except MarkedYAMLError as error:
        mark = error.problem_mark
        # The front matter's first line is the file's second.
        place = "" if mark is None else f", line {mark.line + 2}, column {mark.column + 1}"
        problem = " ".join((error.problem or "it cannot be read").split())
        raise UsageFailure(
            f"{where}{place}: not YAML: {problem}", remedy='put texts with ":" or "#" in quotes'
        ) from None
    except (YAMLError, ValueError, OverflowError, RecursionError, AttributeError, TypeError, KeyError):
        raise UsageFailure(f"{where}: its front matter is not YAML that can be read") from None
    if not isinstance(fields, dict):
        raise UsageFailure(f"{where}: its front matter is not a list of names and values", remedy=_EXAMPLE)
    return fields
