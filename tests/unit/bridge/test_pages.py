"""Pages of the list of tools; more of them, as a client sees them, in test_session.py."""

from __future__ import annotations

import json
from typing import Any

import pytest

from litellmctl.bridge.messages import Refusal
from litellmctl.bridge.pages import Pages


def _tools(count: int) -> list[dict[str, Any]]:
    return [{"name": f"t{number}", "inputSchema": {"type": "object"}} for number in range(count)]


def test_a_list_of_one_page_has_no_cursor() -> None:
    assert json.loads(Pages().first(_tools(3))) == {"tools": _tools(3)}
    assert json.loads(Pages().first([])) == {"tools": []}


def test_the_pages_are_the_list() -> None:
    pages = Pages()
    page = json.loads(pages.first(_tools(2001)))
    found = page["tools"]
    while "nextCursor" in page:
        page = json.loads(pages.next(page["nextCursor"]))
        found += page["tools"]
    assert found == _tools(2001)


def test_a_cursor_may_be_used_again() -> None:
    pages = Pages()
    cursor = json.loads(pages.first(_tools(1500)))["nextCursor"]
    assert pages.next(cursor) == pages.next(cursor)


def test_a_cursor_of_another_session_is_refused() -> None:
    pages, others = Pages(), Pages()
    cursor = json.loads(others.first(_tools(1500)))["nextCursor"]
    pages.first(_tools(1500))
    with pytest.raises(Refusal, match="list it from the beginning"):
        pages.next(cursor)


def test_a_list_that_has_shrunk_to_one_page_refuses_the_old_cursors() -> None:
    pages = Pages()
    cursor = json.loads(pages.first(_tools(1500)))["nextCursor"]
    pages.first(_tools(1))
    with pytest.raises(Refusal):
        pages.next(cursor)


def test_sizes_are_in_bytes() -> None:
    tools = [{"name": f"t{number}", "description": "ü" * 2**20} for number in range(4)]
    assert len(json.loads(Pages().first(tools))["tools"]) == 1
