from __future__ import annotations

import pytest

from litellmctl.bridge.problems import PROBLEM_TOOL, error_result, result_of, text_of, tool_of
from litellmctl.errors import Failure, Unavailable


@pytest.mark.parametrize(
    ("message", "remedy", "text"),
    [
        ("it failed", None, "litellmctl: it failed."),
        ("Did it fail?", None, "litellmctl: Did it fail?"),
        ("it failed", "litellmctl login", "litellmctl: it failed.\nAsk the user to run: litellmctl login"),
        ("it failed", "run it again later", "litellmctl: it failed.\nTry: run it again later"),
        (
            "it failed",
            "export KEY=...",
            (
                "litellmctl: it failed.\n"
                "Ask the user to run this where the agent is started, and to restart the agent: export KEY=..."
            ),
        ),
    ],
)
def test_a_failure_says_what_the_person_can_do(message: str, remedy: str | None, text: str) -> None:
    assert text_of(Failure("file", message, remedy=remedy)) == text


def test_a_failure_is_a_result_that_is_an_error() -> None:
    failure = Unavailable("timeout", "too late")
    assert result_of(failure) == error_result("litellmctl: too late.")
    assert result_of(failure) == {"content": [{"type": "text", "text": "litellmctl: too late."}], "isError": True}


def test_a_text_of_a_stranger_is_one_short_line_in_it() -> None:
    text = text_of(Failure("file", "it said: \x1b[31m" + "x\n" * 5000, remedy="a\x1b]0;b"))
    assert len(text) < 1500
    assert "\x1b" not in text
    assert text.count("\n") == 1


def test_the_tool_for_a_problem_says_what_is_wrong_and_takes_no_arguments() -> None:
    tool = tool_of(Failure("file", "no login", remedy="litellmctl login"))
    assert tool["name"] == PROBLEM_TOOL
    first, *rest = tool["description"].splitlines()
    assert first.endswith("Ask the user to run: litellmctl login")
    assert len(first) < 160
    assert "no login" in rest[0]
    assert tool["inputSchema"] == {"type": "object", "properties": {}}
    assert tool["annotations"]["readOnlyHint"] is True
