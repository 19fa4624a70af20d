from __future__ import annotations

import pytest

from litellmctl.errors import (
    ERROR_CODES,
    EXIT_CODE_HELP,
    AuthFailure,
    ConfigFailure,
    ExitCode,
    Failure,
    UsageFailure,
    suggestion,
)
from tests.effort import less_than


def test_every_exit_code_is_explained_and_has_its_documented_number() -> None:
    assert {code.name.lower(): int(code) for code in EXIT_CODE_HELP} == {
        "ok": 0,
        "error": 1,
        "usage": 2,
        "unavailable": 3,
        "auth": 4,
        "rejected": 5,
        "not_runnable": 126,
        "no_program": 127,
        "interrupted": 130,
        "broken_pipe": 141,
    }
    assert set(EXIT_CODE_HELP) == set(ExitCode)


@pytest.mark.parametrize(
    ("failure", "code", "exit_code"),
    [
        (UsageFailure("x"), "usage", ExitCode.USAGE),
        (ConfigFailure("x"), "config", ExitCode.USAGE),
        (AuthFailure("auth_required", "x"), "auth_required", ExitCode.AUTH),
        (Failure("file", "x"), "file", ExitCode.ERROR),
    ],
)
def test_a_failure_knows_its_code_and_exit_code(failure: Failure, code: str, exit_code: ExitCode) -> None:
    assert (failure.code, failure.exit_code, str(failure)) == (code, exit_code, "x")


def test_every_code_has_a_meaning_and_an_exit_code_that_is_no_success() -> None:
    for exit_code, meaning in ERROR_CODES.values():
        assert exit_code in ExitCode
        assert exit_code is not ExitCode.OK
        assert meaning


def test_a_failure_as_json_has_all_keys() -> None:
    failure = Failure("rejected", "no", remedy="try", status=400)
    assert failure.as_dict() == {"code": "rejected", "message": "no", "remedy": "try", "status": 400, "exit_code": 5}
    assert set(UsageFailure("x").as_dict()) == set(failure.as_dict())


@pytest.mark.parametrize(
    ("word", "expected"),
    [("gpt-4", '. Did you mean "GPT-4o"?'), ("GPT-4O", '. Did you mean "GPT-4o"?'), ("zzz", ""), ("", "")],
)
def test_the_nearest_word_is_suggested_whatever_its_case(word: str, expected: str) -> None:
    assert suggestion(word, ["claude", "GPT-4o"]) == expected


@pytest.mark.parametrize(
    ("word", "names"),
    [
        ("ab" * 500, ["ba" * 500 + str(number) for number in range(1000)]),
        ("abcdefghij" * 5, ["jihgfedcba" * 5 + str(number) for number in range(30_000)]),
        ("model", [f"modle-{number}" for number in range(100_000)]),
        ("x" * 1_000_000, ["x" * 999_999]),
        ("x", ["x" * 1_000_000] * 1000),
    ],
    ids=["long", "alike", "many", "endless", "one of them endless"],
)
def test_a_suggestion_takes_a_second_at_most_whatever_the_names(word: str, names: list[str]) -> None:
    with less_than(1.5):
        suggestion(word, names)
