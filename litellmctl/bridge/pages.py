"""The list of tools in pages, with cursors that lose no tool and list none twice."""

from __future__ import annotations

import os
from typing import Any

from litellmctl.bridge.messages import INVALID_PARAMS, Refusal
from litellmctl.foundation.text import dump_json

# So large that a client that knows no cursors sees all tools of an ordinary proxy. Official clients hold 10 MiB.
_MAX_TOOLS = 1000
_MAX_BYTES = 4 * 2**20


class Pages:
    """The list that the client reads. Its pages stay as they are until another list has been begun."""

    def __init__(self) -> None:
        self._pages: list[str] = []
        self._name = ""

    def first(self, tools: list[dict[str, Any]]) -> str:
        """Return the first page of a list, as the JSON of the result of `tools/list`."""
        pages = _paged([dump_json(tool) for tool in tools])
        if len(pages) == 1:
            self._pages = []
        elif pages != self._pages:
            self._pages, self._name = pages, os.urandom(8).hex()
        return self._page(pages, 0)

    def next(self, cursor: str) -> str:
        """Return the page that a cursor stands for. Raises `Refusal` if it is of another list."""
        name, _, number = cursor.partition(".")
        if self._pages and name == self._name and number in map(str, range(1, len(self._pages))):
            return self._page(self._pages, int(number))
        raise Refusal(INVALID_PARAMS, "unknown cursor: the list of tools may have changed; list it from the beginning")

    def _page(self, pages: list[str], number: int) -> str:
        if number + 1 == len(pages):
            return f'{{"tools":[{pages[number]}]}}'
        return f'{{"tools":[{pages[number]}],"nextCursor":"{self._name}.{number + 1}"}}'


def _paged(tools: list[str]) -> list[str]:
    pages: list[list[str]] = [[]]
    size = 0
    for tool in tools:
        length = len(tool) if tool.isascii() else len(tool.encode())
        if pages[-1] and (len(pages[-1]) == _MAX_TOOLS or size + length > _MAX_BYTES):
            pages.append([])
            size = 0
        pages[-1].append(tool)
        size += length + 1
    return [",".join(page) for page in pages]
