from __future__ import annotations

import json
from typing import Any

import pytest

from litellmctl.errors import ExitCode
from litellmctl.proxy.error_answers import failure_of, words_of


def body(value: Any) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value).encode()


@pytest.mark.parametrize(
    ("answer", "words", "kind"),
    [
        ({"error": {"message": "no", "type": "auth_error", "code": "401"}}, "no", "auth_error"),
        ({"error": "plain"}, "plain", None),
        ({"detail": "Not Found"}, "Not Found", None),
        ({"detail": {"error": "only admins"}}, "only admins", None),
        ({"detail": {"message": "only admins"}}, "only admins", None),
        ({"detail": {"error": {"message": "deep"}, "type": "t"}}, "deep", "t"),
        ({"error": {"message": "  spaced \n"}}, "spaced", None),
        ({"error": {"message": "x" * 2000}}, "x" * 500, None),
        ({"error": {"message": "", "type": "expired_key"}}, None, "expired_key"),
        ({"error": {"message": 5, "type": 6}}, None, None),
        ({"error": None, "detail": "second"}, "second", None),
        ({"detail": [{"loc": ["body"], "msg": "Field required"}]}, None, None),
        ({}, None, None),
        ([], None, None),
        ("text", None, None),
        (None, None, None),
        (b"<html>", None, None),
        (b"", None, None),
        (b"\xff\xfe\xff", None, None),
        (b"[" * 100_000, None, None),
    ],
)
def test_the_proxys_own_words_and_error_type_are_found_where_they_are(
    answer: Any, words: str | None, kind: str | None
) -> None:
    assert words_of(body(answer)) == (words, kind)


NO_KEY = {"error": {"message": "No key", "type": "token_not_found_in_db"}}
NO_DATABASE = {"error": {"message": "No connected db.", "type": "no_db_connection", "code": "400"}}


@pytest.mark.parametrize(
    ("status", "answer", "code", "exit_code", "words"),
    [
        (401, NO_KEY, "auth_failed", ExitCode.AUTH, "https://p refused the key: No key"),
        (401, b"", "auth_failed", ExitCode.AUTH, "https://p refused the key (401)"),
        (400, NO_DATABASE, "auth_failed", ExitCode.AUTH, "https://p refused the key: No connected db."),
        (403, {"detail": "no"}, "forbidden", ExitCode.AUTH, "https://p does not allow /x: no"),
        (403, b"<html>", "forbidden", ExitCode.AUTH, "https://p does not allow /x (403)"),
        (429, {"error": "slow"}, "rate_limited", ExitCode.UNAVAILABLE, "https://p is over its rate limit: slow"),
        (500, {"error": "bad"}, "server_error", ExitCode.UNAVAILABLE, "https://p answered 500 to /x: bad"),
        (502, b"<html>", "server_error", ExitCode.UNAVAILABLE, "https://p answered 502 to /x"),
        (404, {"detail": "Not Found"}, "not_found", ExitCode.REJECTED, "https://p has no /x: Not Found"),
        (404, {}, "not_found", ExitCode.REJECTED, "https://p has no /x"),
        (404, b"<html>", "bad_response", ExitCode.UNAVAILABLE, "https://p answered 404 to /x, and not as LiteLLM does"),
        (404, b"", "bad_response", ExitCode.UNAVAILABLE, "https://p answered 404 to /x, and not as LiteLLM does"),
        (400, {"error": {"message": "bad"}}, "rejected", ExitCode.REJECTED, "https://p refused /x with 400: bad"),
        (422, {"detail": [{}]}, "rejected", ExitCode.REJECTED, "https://p refused /x with 422"),
        (405, b"nginx", "bad_response", ExitCode.UNAVAILABLE, "https://p answered 405 to /x, and not as LiteLLM does"),
        (204, b"", "bad_response", ExitCode.UNAVAILABLE, "https://p answered 204 to /x, and not as LiteLLM does"),
        (302, {"a": 1}, "bad_response", ExitCode.UNAVAILABLE, "https://p answered 302 to /x, and not as LiteLLM does"),
    ],
)
def test_a_status_with_its_body_means_one_failure(
    status: int, answer: Any, code: str, exit_code: ExitCode, words: str
) -> None:
    failure = failure_of(status, body(answer), url="https://p", path="/x", headers={})
    assert (failure.code, failure.exit_code, failure.status, failure.message) == (code, exit_code, status, words)
    assert failure.remedy or code == "rejected"


@pytest.mark.parametrize(
    ("after", "end"), [("30", " (retry after 30 s)"), ("soon", ""), ("-1", ""), ("²", ""), ("", "")]
)
def test_a_rate_limit_says_when_to_try_again(after: str, end: str) -> None:
    failure = failure_of(429, b"", url="https://p", path="/x", headers={"retry-after": after})
    assert failure.message == f"https://p is over its rate limit{end}"
