"""What a client is told where the proxy did not answer."""

from __future__ import annotations

import json

import aiohttp
import pytest

from litellmctl.errors import AuthFailure, ConfigFailure, Failure, Unavailable
from litellmctl.proxy.client_certificate import NOTHING
from litellmctl.proxy.http_proxy import HttpProxy
from litellmctl.proxy.route import Route
from litellmctl.relay import failures
from litellmctl.relay.keys import Access

THROUGH = HttpProxy("http://p:9", "HTTPS_PROXY", "Basic bWU6c2VzYW1l", ("sesame-open-now",))
HEADERS = {"x-secret": "header-0123456789"}
ACCESS = Access(
    "https://llm.example", "sk-0123456789abcdef", "Authorization", HEADERS, Route("https", None, THROUGH), NOTHING
)


@pytest.mark.parametrize(
    ("failure", "status", "retries"),
    [
        (Unavailable("timeout", "it timed out", remedy="wait"), 504, True),
        (Unavailable("unreachable", "it is down"), 502, True),
        (Failure("keyring", "it is locked"), 502, True),
        (AuthFailure("auth_required", "it has expired", remedy="litellmctl login"), 502, False),
        (ConfigFailure("it is broken"), 502, False),
    ],
)
def test_a_failure_is_an_error_as_openai_words_it(failure: Failure, status: int, retries: bool) -> None:
    answer = failures.answer(failure)
    assert answer.status == status
    assert answer.content_type == "application/json"
    assert answer.headers.get("x-should-retry") == (None if retries else "false")
    assert json.loads(str(answer.text)) == {
        "error": {
            "message": failure.message + (f". Try: {failure.remedy}" if failure.remedy else ""),
            "type": "litellmctl_error",
            "param": None,
            "code": failure.code,
        }
    }


def test_no_secret_is_in_the_words_of_the_system() -> None:
    words = "sk-0123456789abcdef and sesame-open-now and header-0123456789"
    failure = failures.of_error(aiohttp.ClientOSError(5, words), ACCESS)
    assert failure.message == "cannot reach https://llm.example: *** and *** and ***"


def test_resources_that_are_exhausted_are_named() -> None:
    failure = failures.of_error(aiohttp.ClientOSError(24, "Too many open files"), ACCESS)
    assert (failure.code, failure.message) == ("system", "out of resources: too many open files in this process")


def test_a_failure_stays_and_a_bug_is_called_one() -> None:
    failure = AuthFailure("auth_required", "it has expired")
    assert failures.of_error(failure, None) is failure
    assert failures.of_error(KeyError("x"), ACCESS).code == "internal"
