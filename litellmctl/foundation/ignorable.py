"""Text without invisible characters: Unicode's default-ignorable code points, which only programs see.

The set is Default_Ignorable_Code_Point of Unicode 17.0.0 (DerivedCoreProperties.txt; 4,174 code points, the same since
14.0.0): soft hyphen, joiners and other zero-width characters, bidirectional controls, Hangul fillers, variation
selectors, tag characters, and what is reserved for more of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable

# As texts, which `re` compiles and keeps on first use: most runs never need them.
_IGNORABLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
# Extended_Pictographic (emoji-data.txt, Unicode 15.1): what an emoji sequence is made of.
_PICTOGRAPH = (
    "[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u2199\u21a9\u21aa\u231a\u231b\u2328\u2388\u23cf\u23e9-\u23f3"
    "\u23f8-\u23fa\u24c2\u25aa\u25ab\u25b6\u25c0\u25fb-\u25fe\u2600-\u2605\u2607-\u2612\u2614-\u2685\u2690-\u2705"
    "\u2708-\u2712\u2714\u2716\u271d\u2721\u2728\u2733\u2734\u2744\u2747\u274c\u274e\u2753-\u2755\u2757\u2763-\u2767"
    "\u2795-\u2797\u27a1\u27b0\u27bf\u2934\u2935\u2b05-\u2b07\u2b1b\u2b1c\u2b50\u2b55\u3030\u303d\u3297\u3299"
    "\U0001f000-\U0001f0ff\U0001f10d-\U0001f10f\U0001f12f\U0001f16c-\U0001f171\U0001f17e\U0001f17f\U0001f18e"
    "\U0001f191-\U0001f19a\U0001f1ad-\U0001f1e5\U0001f201-\U0001f20f\U0001f21a\U0001f22f\U0001f232-\U0001f23a"
    "\U0001f23c-\U0001f23f\U0001f249-\U0001f3fa\U0001f400-\U0001f53d\U0001f546-\U0001f64f\U0001f680-\U0001f6ff"
    "\U0001f774-\U0001f77f\U0001f7d5-\U0001f7ff\U0001f80c-\U0001f80f\U0001f848-\U0001f84f\U0001f85a-\U0001f85f"
    "\U0001f888-\U0001f88f\U0001f8ae-\U0001f8ff\U0001f90c-\U0001f93a\U0001f93c-\U0001f945\U0001f947-\U0001faff"
    "\U0001fc00-\U0001fffd]"
)
_PRESENTED = f"{_PICTOGRAPH}(?:\ufe0f|[\U0001f3fb-\U0001f3ff])?"
# UTS #51: keycaps, the flags of England, Scotland and Wales (any other tags are hidden text), pictographs and what
# zero-width joiners make of them.
_EMOJI = (
    "[0-9#*]\ufe0f\u20e3"
    "|\U0001f3f4\U000e0067\U000e0062(?:\U000e0065\U000e006e\U000e0067|\U000e0073\U000e0063\U000e0074"
    "|\U000e0077\U000e006c\U000e0073)\U000e007f"
    f"|{_PRESENTED}(?:\u200d{_PRESENTED})*"
)
_JOINERS = "\u200c\u200d"
# How far a joiner's letters may be from it: marks lie between. idna refuses a long text.
_NEAR = 32


def without_ignorable(text: str) -> str:
    """Return `text` without any default-ignorable code point: what two texts that look alike have in common."""
    return text if text.isascii() else re.sub(f"[{_IGNORABLE}]", "", text)


def with_hidden(text: str, shown: Callable[[re.Match[str]], str]) -> str:
    """Return `text` with what `shown` makes of each default-ignorable code point, but in emoji and joined letters.

    A joiner between two letters that are not ASCII stays, whether or not their script has such: that is seen.
    """
    if text.isascii():
        return text
    letter = f"[^\x00-\x7f{_IGNORABLE}]"
    joined = f"(?<={letter})[{_JOINERS}](?={letter})"
    return re.sub(f"({_EMOJI}|{joined})|[{_IGNORABLE}]", lambda match: match[1] or shown(match), text)


def without_hidden(text: str) -> str:
    """Return `text` without default-ignorable code points but those that show: in emoji, and joiners of scripts.

    What stays is a variation selector, joiner or tag in a sequence of UTS #51, and a joiner where the rules ContextJ of
    RFC 5892 (appendix A.1 and A.2) allow it: after a virama, or a non-joiner between letters that would join.
    """
    if text.isascii():
        return text
    text = re.sub(f"({_EMOJI}|[{_JOINERS}])|[{_IGNORABLE}]", r"\1", text)
    if not re.search(f"[{_JOINERS}]", text):
        return text
    from idna import valid_contextj  # 10 ms, and most texts have no joiner

    def kept(match: re.Match[str]) -> str:
        if match[0][0] not in _JOINERS:
            return match[0]
        start = max(0, match.start() - _NEAR)
        try:
            return match[0] if valid_contextj(text[start : match.end() + _NEAR], match.start() - start) else ""
        except ValueError:  # beside a code point without a name
            return ""

    return re.sub(f"{_EMOJI}|[{_JOINERS}]", kept, text)
