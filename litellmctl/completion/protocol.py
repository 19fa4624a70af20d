"""What a TAB asks and gets: the shells' scripts pass on what was typed, and we print the candidates.

Nothing here or in `values` uses the network or a keyring, prompts, or writes to stderr: an error means no candidates.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from click.shell_completion import CompletionItem, ShellComplete, split_arg_string

from litellmctl.foundation.text import clean

if TYPE_CHECKING:
    import click

    from litellmctl.app import App

SHELL_VARIABLE = "_LITELLMCTL_COMPLETE"
_LINE_VARIABLE, _WORDS_VARIABLE, _BREAKS_VARIABLE = "_LITELLMCTL_LINE", "_LITELLMCTL_WORDS", "_LITELLMCTL_BREAKS"
# What no shell interprets. A name with other characters, which a proxy may have chosen to be run, is not offered.
_SAFE = r"[\w.:/@+,=%-]+"
_MAX_HELP = 80


def complete(root: click.Command, shell: str, app: App) -> str:
    """Return the candidates for what the script of this shell says was typed: `type TAB value TAB help`, a line each.

    `type` is plain, part (no space after it), file or dir; the last two ask the shell for its own.
    """
    words, start = _typed(shell)
    *before, incomplete = words[1:]
    found = ShellComplete(root, {"obj": app}, "litellmctl", SHELL_VARIABLE).get_completions(before, incomplete)
    # Of `--option=value` Click completes the value alone, and every shell the word.
    option, equals, _ = incomplete.partition("=")
    before_value = f"{option}=" if equals and option.startswith("-") else ""
    return "".join(_line(item, before_value, start) for item in found)


def _typed(shell: str) -> tuple[list[str], int]:
    """Return the words up to the cursor, the last one being typed, and where in that the shell begins to replace it."""
    if shell == "bash":
        line = os.environ.get(_LINE_VARIABLE, "")
        words = split_arg_string(line)
        if not line or line[-1:].isspace():
            words.append("")
        return ["", *words[1:]] if len(words) > 1 else ["", ""], _last_break(line, _word_breaks())
    words = os.environ.get(_WORDS_VARIABLE, "").split("\n")
    return words if len(words) > 1 else ["", ""], 0


def _word_breaks() -> str:
    """Return those of bash's word breaks that can stand inside of our words."""
    return "".join(character for character in ":=@" if character in os.environ.get(_BREAKS_VARIABLE, ":="))


def _last_break(line: str, breaks: str) -> int:
    """Return how much of a line's last word bash leaves as it is: of `name=val` and `a:b` all up to the last break.

    A break that is quoted is none.
    """
    quote, length, found = "", 0, 0
    characters = iter(line)
    for character in characters:
        if character == "\\" and quote != "'":
            length += len(next(characters, ""))
        elif character == quote:
            quote = ""
        elif not quote and character in "'\"":
            quote = character
        elif not quote and character.isspace():
            length = found = 0
        else:
            length += 1
            found = length if not quote and character in breaks else found
    return found


def _line(item: CompletionItem, before_value: str, start: int) -> str:
    if item.type != "plain":
        return f"{item.type}\t\t\n"
    value = f"{before_value}{item.value}"
    if not re.fullmatch(_SAFE, value) or not value[start:]:
        return ""
    kind = "part" if item.partial else "plain"
    return f"{kind}\t{value[start:]}\t{clean(item.help or '')[:_MAX_HELP]}\n"
