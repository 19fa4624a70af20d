"""Values that a user gives for a credential: checked, since the proxy stores anything, and its calls fail later."""

from __future__ import annotations

import re
from collections.abc import Collection

from litellmctl.errors import UsageFailure
from litellmctl.foundation.sentences import listed
from litellmctl.foundation.text import counted

MAX_BYTES = 64 * 1024
_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_LINE = rf"\s*(?:export\s+)?(?P<name>{_NAME})\s*=\s*(?P<value>.*)"
_MAX_BAD = 5


def value_of(data: bytes | str, *, named: str) -> str:
    """Return a value that can stand in a header, without white space around it; `named` is what it is for.

    LiteLLM accepts any text, but its calls fail with line breaks and non-ASCII characters in a header.
    """
    if len(data) > MAX_BYTES:
        raise UsageFailure(f"{named} is longer than {MAX_BYTES // 1024} KiB", remedy="pass the value alone")
    try:
        text = data.decode("utf-8-sig") if isinstance(data, bytes) else data
    except UnicodeDecodeError:
        raise UsageFailure(f"{named} is not UTF-8 text", remedy="pass the value as text") from None
    text = text.strip()
    if not text:
        raise UsageFailure(f"{named} is empty", remedy="pass a value, or litellmctl mcp credentials remove")
    if "\n" in text or "\r" in text:
        raise UsageFailure(f"{named} has several lines", remedy="pass the value alone, on one line")
    if not text.isascii() or not text.isprintable():
        raise UsageFailure(
            f"{named} contains a control character or a non-ASCII character", remedy="copy the value again"
        )
    return text


def variables_in(text: str, wanted: Collection[str], *, named: str) -> tuple[dict[str, str], int]:
    """Return the wanted variables in a text of `NAME=VALUE` lines (dotenv), and the number of the others.

    `export`, comments, and quotes around a value are understood; `$NAME` is not replaced.
    """
    found: dict[str, str] = {}
    bad: list[str] = []
    others = 0
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = re.fullmatch(_LINE, line)
        if match is None:
            bad.append(str(number))
        elif match["name"] in wanted:
            found[match["name"]] = value_of(_unquoted(match["value"]), named=f"{match['name']} in {named}")
        else:
            others += 1
    if bad:
        more = f" and {len(bad) - _MAX_BAD} more" if len(bad) > _MAX_BAD else ""
        noun = "line" if len(bad) == 1 else "lines"
        raise UsageFailure(f"{named}: {noun} {', '.join(bad[:_MAX_BAD])}{more}: expected NAME=VALUE")
    if not found:
        has = f" (it has {counted(others, 'other variable')})" if others else ""
        raise UsageFailure(f"{named} has none of the variables {listed(sorted(wanted))}{has}")
    return found, others


def _unquoted(text: str) -> str:
    text = text.strip()
    match = re.fullmatch(r"""(["'])(.*)\1(?:\s+#.*)?""", text)
    return match[2] if match else re.sub(r"(?:^|\s+)#.*", "", text)
