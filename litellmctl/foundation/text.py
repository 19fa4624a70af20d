"""Text that is safe to print: control characters removed, JSON escaped, words counted and shortened."""

from __future__ import annotations

import re
from typing import Any

# As texts, which `re` compiles and keeps on first use: most runs never need them.
# C0, DEL and C1; the bidirectional controls, which can make a name read as another; lone surrogates.
_UNSAFE = r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
_LINE_BREAKS = r"[\t\r\n\x0b\x0c\x85\u2028\u2029]+"
_JSON_TOKENS = r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+'
# Deeper JSON would be mostly spaces.
_MAX_DEPTH = 100
# Of a text from outside, so many characters are shown in a sentence.
MAX_WORDS = 500
_JSON_UNSAFE = r"[\x7f-\x9f\ud800-\udfff]"


def clean(text: str) -> str:
    """Make `text` safe for a terminal, on one line: line breaks and tabs become a space, control characters go."""
    if text.isprintable():
        return text
    return re.sub(_UNSAFE, _cleaned, re.sub(_LINE_BREAKS, " ", text))


def clean_text(text: str) -> str:
    """Make a text of several lines safe: control characters go, but tabs and line breaks."""
    if text.isprintable():
        return text
    return "\n".join("\t".join(map(clean, line.split("\t"))) for line in re.split(r"\r\n|\r|\n", text))


def _cleaned(match: re.Match[str]) -> str:
    return "\ufffd" if "\ud800" <= match[0] <= "\udfff" else ""


def short(text: str, width: int = MAX_WORDS) -> str:
    """Return the first line of `text`, clean, cut to `width` characters with an ellipsis."""
    return cut(clean(text.strip().split("\n")[0]), width)


def cut(text: str, length: int = MAX_WORDS) -> str:
    """Return `text`, of at most `length` characters: an ellipsis stands for what is cut off."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: 1 model, 2 models."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def dump_json(value: Any, *, indent: int | None = None) -> str:
    r"""Return `value` as JSON that no terminal acts on: C0, DEL and C1 as \u escapes, a lone surrogate as U+FFFD."""
    import json  # not for --version and --help

    try:
        try:
            text = json.dumps(value, ensure_ascii=False, indent=indent, allow_nan=False)
        except ValueError:
            text = json.dumps(_finite(value), ensure_ascii=False, indent=indent)
    except RecursionError:
        raise too_deep() from None
    if text.isascii() and "\x7f" not in text:
        return text
    return re.sub(_JSON_UNSAFE, _json_escaped, text)


def indented_json(text: str) -> str | None:
    """Return JSON with two-space indents and all else as it is: the order of keys, numbers, escapes.

    None where it is not JSON, or nested more than a hundred deep.
    """
    import json

    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return None
    pieces: list[str] = []
    depth = 0
    last = ""
    for match in re.finditer(_JSON_TOKENS, text):
        piece = match[0]
        is_closing = piece in {"}", "]"}
        depth -= is_closing
        if (is_closing and last not in {"{", "["}) or (not is_closing and last in {"{", "[", ","}):
            pieces.append("\n" + "  " * depth)
        pieces.append(": " if piece == ":" else piece)
        depth += piece in {"{", "["}
        if depth > _MAX_DEPTH:
            return None
        last = piece
    return "".join(pieces)


def too_deep() -> Exception:
    """Return the failure for data that is nested too deeply to be printed as JSON."""
    from litellmctl.errors import Unavailable

    return Unavailable(
        "bad_response",
        "the proxy's answer is nested too deeply to print",
        remedy="use litellmctl api, which prints the answer unchanged",
    )


def _finite(value: Any) -> Any:
    """Return a value without the numbers that JSON does not have: NaN and the infinities are unknown."""
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    return [_finite(one) for one in value] if isinstance(value, list | tuple) else value


def _json_escaped(match: re.Match[str]) -> str:
    return "\ufffd" if "\ud800" <= match[0] <= "\udfff" else f"\\u{ord(match[0]):04x}"


def decimal_text(value: float) -> str:
    """Return a finite number without an exponent: 0.00003083, 15."""
    text = repr(value)
    if "e" in text:
        from decimal import Decimal  # 3 ms, for numbers that are next to nothing

        text = f"{Decimal(text):f}"
    return text.removesuffix(".0")
