from __future__ import annotations

import time

import pytest

from litellmctl.relay.request_line import request_line
from litellmctl.terminal.cells import width

pytest.importorskip("aiohttp")
from litellmctl.relay.relay import Exchange

NOON = time.mktime((2026, 11, 28, 12, 0, 0, 0, 0, -1))
USUAL = Exchange("POST", "/v1/chat/completions", 200, 1.234, "gpt-4o", "0.00012345")


def test_a_line_reads_like_a_log():
    lines = [
        request_line(one, 80, now=NOON)
        for one in (
            USUAL,
            USUAL._replace(method="GET", path="/v1/models", seconds=0.004, model=None, cost=None),
            USUAL._replace(method="OPTIONS", status=499, seconds=1234.5, cost="1.5"),
            USUAL._replace(path="/v1/responses/resp_0123456789abcdef/cancel", seconds=62.0, model="x" * 60),
            USUAL._replace(status=401, seconds=0.0, model=None, cost=None, refusal="no valid local key"),
        )
    ]
    assert lines == [
        "12:00:00 POST    /v1/chat/completions 200   1.23s  $0.00012 gpt-4o",
        "12:00:00 GET     /v1/models           200   0.00s",
        "12:00:00 OPTIONS /v1/chat/completions 499   1234s     $1.50 gpt-4o",
        "12:00:00 POST    /v1/responses/resp_… 200  62.00s  $0.00012 xxxxxxxxxxxxxxxxxxx…",
        "12:00:00 POST    /v1/chat/completions 401   0.00s           no valid local key",
    ]


@pytest.mark.parametrize("columns", [20, 40, 60, 80, 200])
def test_no_line_is_wider_than_the_terminal(columns: int):
    for one in (
        USUAL,
        USUAL._replace(path="/" + "ü\u3042" * 300, model="\u200b" * 90),
        USUAL._replace(method="X" * 99),
    ):
        assert width(request_line(one, columns, now=NOON)) <= columns


def test_without_a_terminal_nothing_is_cut():
    path = "/v1/responses/" + "x" * 100
    assert path in request_line(USUAL._replace(path=path), None, now=NOON)


def test_nothing_that_a_terminal_acts_on_is_shown():
    line = request_line(USUAL._replace(path="/a\x1b[2J\r\n\u202e", model="\x1b]0;x\x07m"), 200, now=NOON)
    assert line.isprintable()


@pytest.mark.parametrize(
    ("cost", "shown"),
    [
        ("0", "$0"),
        ("0.0", "$0"),
        ("1.5e-07", "$0.00000015"),
        ("12.345", "$12.35"),
        ("nan", ""),
        ("inf", ""),
        ("-1", ""),
        ("1e300", ""),
        ("free", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_a_cost_is_a_number_or_nothing(cost: str | None, shown: str):
    line = request_line(USUAL._replace(cost=cost, model="m"), 200, now=NOON)
    assert line.split("1.23s", 1)[1].split() == [*([shown] if shown else []), "m"]
