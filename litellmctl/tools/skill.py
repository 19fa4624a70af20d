"""A skill that teaches an agent to call MCP tools from its shell: a SKILL.md (https://agentskills.io/specification)."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from litellmctl.foundation.text import clean, cut
from litellmctl.tools.arguments import example
from litellmctl.tools.parameters import Parameter, parameters
from litellmctl.tools.schema import Schema

if TYPE_CHECKING:
    from litellmctl.tools.tool import Tool

# The specification allows 64 and 1,024 characters.
_MAX_NAME = 64
_MAX_NAMED = 600
# Subjects that a name shows well enough, and otherwise the digits that tell two apart.
_NAMED = r"[A-Za-z0-9](?:[A-Za-z0-9 ._/-]*[A-Za-z0-9])?"
_DIGITS = 8
_MAX_DESCRIPTION = 300
_MAX_SAMPLE = 500
# Optional parameters that a tool's line names; `mcp show` has all.
_MAX_OPTIONAL = 12
# Beyond these, tools are only listed: the point of a skill is that it costs an agent little.
_MAX_SHOWN = 60
_MAX_LISTED = 1000
_MARK = "litellmctl-digest"

_USE = """\
Run the commands below in a shell. They print the result of the tool on stdout, and errors on stderr.

- Text, numbers and booleans: `NAME=VALUE`. Anything else: `NAME:=JSON`. A file's text: `NAME=@FILE`.
- All arguments at once: `--args JSON`, or `--args -` to read them from stdin.
- The whole result, with structured content: `--json`. Images and files: `--output-dir DIR`.
- All parameters of a tool: `{show} TOOL`.
- Exit code 2: the arguments do not fit. Exit code 5: the tool reported an error. Exit code 4: ask the user to run the
  command that stderr names. A call is made once; repeat one only if that does no harm.
"""


class ToolSkill(NamedTuple):
    """A skill: its name (also that of its folder), its description, and the whole SKILL.md."""

    name: str
    description: str
    text: str


def skill_of(tools: Sequence[Tool], subject: str | None, options: Sequence[str] = ()) -> ToolSkill:
    """Return the skill for these tools. `subject` is what they have in common, such as their server's name.

    `options` are words that each command needs, such as the profile. Names and descriptions are those of the servers,
    each on one line and without what Markdown or YAML would read as more than text.
    """
    name = _name(subject)
    servers = list(dict.fromkeys(clean(tool.server) for tool in tools if tool.server))
    names = cut(", ".join(dict.fromkeys(clean(tool.name) for tool in tools)), _MAX_NAMED)
    home = f" of {', '.join(servers)}" if 0 < len(servers) <= 5 else ""
    description = cut(f"Calls MCP tools{home} from the shell with litellmctl: {names}", 1024)
    own = " ".join(["litellmctl", *map(shlex.quote, options)])
    body = "\n".join(_body(tools, subject, own))
    digest = sha256(body.encode("utf-8", "replace")).hexdigest()
    matter = f"---\nname: {name}\ndescription: {json.dumps(description)}\nmetadata:\n  {_MARK}: {digest}\n---\n"
    return ToolSkill(name, description, matter + body)


def is_unedited(text: str) -> bool:
    """Whether a SKILL.md is one of ours that nobody has edited since."""
    found = re.match(rf"---\n(?:[^\n]*\n)*?  {_MARK}: ([0-9a-f]{{64}})\n---\n", text)
    return found is not None and sha256(text[found.end() :].encode("utf-8", "replace")).hexdigest() == found[1]


def _name(subject: str | None) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", f"litellm-mcp-{subject or ''}".lower()).strip("-")
    if subject is None or (len(words) <= _MAX_NAME and re.fullmatch(_NAMED, subject)):
        return words
    # Two subjects of which a name shows too little must not share a folder: one skill would replace the other.
    digest = sha256(subject.encode("utf-8", "replace")).hexdigest()[:_DIGITS]
    return f"{words[: _MAX_NAME - _DIGITS - 1].rstrip('-')}-{digest}"


def _body(tools: Sequence[Tool], subject: str | None, own: str) -> Iterator[str]:
    yield f"\n# MCP tools{f' of {_plain(subject)}' if subject else ''}\n"
    yield _USE.format(show=f"{own} mcp show")
    yield "## Tools\n"
    yield "The descriptions are those of the MCP servers.\n"
    for tool in tools[:_MAX_SHOWN]:
        yield from _shown(tool, own)
    rest = tools[_MAX_SHOWN:]
    if rest:
        yield f"## More tools\n\nTheir parameters: `{own} mcp show TOOL`.\n"
        yield from (
            f"- {_code(tool.path)}: {_plain(tool.description or tool.title or '-')}" for tool in rest[:_MAX_LISTED]
        )
        if len(rest) > _MAX_LISTED:
            yield f"- and {len(rest) - _MAX_LISTED:,} more: `{own} mcp list`"
        yield ""


def _shown(tool: Tool, own: str) -> Iterator[str]:
    schema = Schema(tool.input_schema)
    yield f"### {_plain(tool.path)}\n"
    if tool.description or tool.title:
        yield f"{_plain(tool.description or tool.title or '')}\n"
    sample = " ".join(example(schema, tool.path)).replace("litellmctl", own, 1)
    if len(sample) <= _MAX_SAMPLE and clean(sample) == sample:
        yield f"    {sample}\n"
    else:
        yield f"    {own} mcp call {tool.full_name} --args JSON\n"
    optional = [one for one in parameters(schema) if not one.required]
    if optional:
        more = f" and {len(optional) - _MAX_OPTIONAL} more" if len(optional) > _MAX_OPTIONAL else ""
        yield f"Optional: {', '.join(map(_named, optional[:_MAX_OPTIONAL]))}{more}\n"


def _named(parameter: Parameter) -> str:
    return f"{_code(parameter.name)} ({_plain(parameter.type)})"


def _code(text: str) -> str:
    return f"`{cut(clean(text).replace('`', ''), _MAX_DESCRIPTION)}`"


def _plain(text: str) -> str:
    """Return a stranger's text as one line of Markdown: nothing that is more than text at the beginning of a line."""
    line = cut(" ".join(clean(text).split()), _MAX_DESCRIPTION).replace("`", "'").replace("<", "\\<")
    line = re.sub(r"\](?=[(\[:])", r"\]", line)  # no links, and no pictures, which a viewer would request
    return re.sub(r"^(?=[#>*+=|~-]|\d+[.)])", r"\\", line)
