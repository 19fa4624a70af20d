"""Values in the config file: literals, `$NAME` and `!command`."""

from __future__ import annotations

import re
from typing import NamedTuple

from litellmctl.errors import ConfigFailure
from litellmctl.settings import environment

_REFERENCE = r"\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\})"


class Value(NamedTuple):
    """A configured value that may have to be looked up: `kind` is literal, variable or command, `text` its body.

    `named` is its name in errors.
    """

    kind: str
    text: str
    named: str

    def __repr__(self) -> str:
        """Omit the text, which may be a key."""
        return f"Value({self.kind!r}, named={self.named!r})"

    @property
    def is_literal(self) -> bool:
        """Whether the value itself is in the file."""
        return self.kind == "literal"

    def identity(self) -> str:
        """Return what distinguishes this value, without running a command (for a keyed hash, never shown)."""
        return f"{self.kind}:{self.text if self.kind == 'command' else self.resolve()}"

    def resolve(self) -> str:
        """Return the value itself; this runs the command of a `!command`. Raises a failure if there is none."""
        if self.kind == "command":
            from litellmctl.settings.key_command import run_command

            return run_command(self.text, named=self.named)
        if self.kind == "variable":
            value = environment.get(self.text)
            if value is None:
                raise ConfigFailure(
                    f"{self.named} refers to the variable {self.text}, which is not set",
                    remedy=f"export {self.text}=...",
                )
            return value
        return self.text


def parse(text: str, *, named: str) -> Value:
    """Read a configured text. `$$` and `$!` at the start stand for a literal `$` and `!`."""
    if text.startswith(("$$", "$!")):
        return Value("literal", text[1:], named)
    if text.startswith("!"):
        return Value("command", text[1:].strip(), named)
    if text.startswith("$"):
        match = re.fullmatch(_REFERENCE, text)
        if match is None:
            raise ConfigFailure(
                f'{named} starts with "$" but is not a variable reference',
                remedy='write "$NAME" or "${NAME}" for a variable, "$$..." for a literal dollar sign',
            )
        return Value("variable", match[1] or match[2], named)
    return Value("literal", text, named)
