"""Line ends of files that we change: new lines get the line end of most lines, and old lines keep theirs."""

from __future__ import annotations

from collections import Counter


def with_own(after: str, before: str) -> str:
    """Return the changed text: new lines have the line end of most lines before, and old lines keep theirs.

    A file without a line end gets `\\n`. Takes linear time.
    """
    if "\r\n" not in before and "\r\n" not in after:
        return after
    own = "\r\n" if before.count("\r\n") * 2 > before.count("\n") else "\n"
    old, new = _lines(before), _lines(after)
    start = _alike(old, new)
    end = _alike(old[start:][::-1], new[start:][::-1])
    left = Counter(old[start : len(old) - end])
    for index in range(start, len(new) - end):
        if left[new[index]]:
            left[new[index]] -= 1
        elif new[index].endswith("\n"):
            new[index] = new[index].removesuffix("\n").removesuffix("\r") + own
    return "".join(new)


def _lines(text: str) -> list[str]:
    """Return the lines with their ends: a line feed, with or without a carriage return."""
    *lines, last = text.split("\n")
    return [f"{line}\n" for line in lines] + ([last] if last else [])


def _alike(one: list[str], other: list[str]) -> int:
    """Return how many lines are the same from the start."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(one), len(other)))
