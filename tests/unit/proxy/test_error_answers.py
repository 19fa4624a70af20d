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
        ({"detail": [{"loc": ["body"], "msg": "Field required"}]}, "body: Field required", None),
        ({"detail": [{"loc": ["body", "source", 0], "msg": "bad"}]}, "source.0: bad", None),
        ({"detail": [{"msg": str(number)} for number in range(7)]}, "0; 1; 2; 3; 4 (and 2 more)", None),
        ({"detail": [{"loc": {"a": 1}, "msg": "bad"}, {"msg": 5}, 7, None, "text"]}, "bad; text", None),
        ({"detail": {"msg": "deep"}}, "deep", None),
        ({"error": {"message": {"error": "team may not"}, "type": "x"}}, "team may not", "x"),
        ({"error": {"message": {"detail": {"error": {"msg": "deep"}}}}}, "deep", None),
        ({"message": "no"}, "no", None),
        ({"Message": "User is not authorized"}, "User is not authorized", None),
        ({"statusCode": 401, "message": "Access denied"}, "Access denied", None),
        ({"errors": [{"message": "a"}, {"title": "c", "detail": "b"}]}, "a; b", None),
        ({"errors": ["a", "b"]}, "a; b", None),
        ([{"error": {"message": "in a list"}}], "in a list", None),
        ({"fault": {"faultstring": "Invalid ApiKey", "detail": {"errorcode": "x"}}}, "Invalid ApiKey", None),
        ({"title": "Forbidden", "status": 403, "detail": "no"}, "no", None),
        ({"error": "invalid_grant", "error_description": "used"}, "used", None),
        ({"error": "access_denied", "message": "the key may not"}, "the key may not", None),
        ({"error": {"message": "{'error': 'No keys found'}"}}, "No keys found", None),
        ({"error": {"message": '{"error": {"message": "as JSON"}}'}}, "as JSON", None),
        ({"error": {"message": "{'error': ['a', {'msg': 'b'}]}"}}, "a; b", None),
        ({"error": {"message": "{'error': __import__('os')}"}}, "{'error': __import__('os')}", None),
        ({"error": {"message": "{'half': "}}, "{'half':", None),
        ({"error": {"message": "[" * 3_900}}, "[" * 500, None),
        ({"error": {"message": "{'a': " * 600}}, ("{'a': " * 600)[:500], None),
        ({"error": {"message": "{'error': '" + "x" * 5_000 + "'}"}}, ("{'error': '" + "x" * 5_000)[:500], None),
        (b'{"error": ' * 10_000 + b"1" + b"}" * 10_000, None, None),
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
ADMINS = {"error": {"message": "Authentication Error, Only proxy admin can be used to", "type": "auth_error"}}
NO_MODEL = {"error": {"message": "Team may not", "type": "team_model_access_denied", "code": "401"}}
NO_DATABASE = {"error": {"message": "No connected db.", "type": "no_db_connection", "code": "400"}}


@pytest.mark.parametrize(
    ("status", "answer", "code", "exit_code", "words"),
    [
        (401, NO_KEY, "auth_failed", ExitCode.AUTH, "https://p refused the key: No key"),
        (401, b"", "auth_failed", ExitCode.AUTH, "https://p refused the key (401)"),
        (400, NO_DATABASE, "auth_failed", ExitCode.AUTH, "https://p refused the key: No connected db."),
        (403, {"detail": "no"}, "forbidden", ExitCode.AUTH, "https://p does not allow /x: no"),
        (401, b"  ", "auth_failed", ExitCode.AUTH, "https://p refused the key (401)"),
        (401, ADMINS, "forbidden", ExitCode.AUTH, f"https://p does not allow /x: {ADMINS['error']['message']}"),
        (401, NO_MODEL, "forbidden", ExitCode.AUTH, "https://p does not allow /x: Team may not"),
        (429, {"error": "slow"}, "rate_limited", ExitCode.UNAVAILABLE, "https://p: rate limit exceeded: slow"),
        (500, {"error": "bad"}, "server_error", ExitCode.UNAVAILABLE, "https://p returned 500 for /x: bad"),
        (502, b"<html>", "server_error", ExitCode.UNAVAILABLE, "https://p returned 502 for /x"),
        (404, {"detail": "Not Found"}, "not_found", ExitCode.REJECTED, "https://p has no /x: Not Found"),
        (404, {"detail": {"error": "gone"}}, "not_found", ExitCode.REJECTED, "https://p returned 404 for /x: gone"),
        (404, {"message": "no Route"}, "not_found", ExitCode.REJECTED, "https://p has no /x: no Route"),
        (404, {}, "not_found", ExitCode.REJECTED, "https://p has no /x"),
        (
            404,
            b"<html>",
            "bad_response",
            ExitCode.UNAVAILABLE,
            "https://p returned 404 for /x and does not look like LiteLLM",
        ),
        (
            404,
            b"",
            "bad_response",
            ExitCode.UNAVAILABLE,
            "https://p returned 404 for /x and does not look like LiteLLM",
        ),
        (400, {"error": {"message": "bad"}}, "rejected", ExitCode.REJECTED, "https://p refused /x with 400: bad"),
        (422, {"detail": [{}]}, "rejected", ExitCode.REJECTED, "https://p refused /x with 422"),
        (
            405,
            b"nginx",
            "bad_response",
            ExitCode.UNAVAILABLE,
            "https://p returned 405 for /x and does not look like LiteLLM",
        ),
        (
            204,
            b"",
            "bad_response",
            ExitCode.UNAVAILABLE,
            "https://p returned 204 for /x and does not look like LiteLLM",
        ),
        (
            302,
            {"a": 1},
            "bad_response",
            ExitCode.UNAVAILABLE,
            "https://p returned 302 for /x and does not look like LiteLLM",
        ),
    ],
)
def test_a_status_with_its_body_means_one_failure(
    status: int, answer: Any, code: str, exit_code: ExitCode, words: str
) -> None:
    failure = failure_of(status, body(answer), url="https://p", path="/x", headers={})
    assert (failure.code, failure.exit_code, failure.status, failure.message) == (code, exit_code, status, words)
    assert failure.remedy


@pytest.mark.parametrize(
    ("status", "answer", "remedy"),
    [
        (404, {"detail": "Not Found"}, "check the base URL, and the proxy's version"),
        (404, {"error": {"message": "Key not found in database"}}, "check the name or the ID"),
        (409, {"detail": {"error": "exists"}}, "choose another name, or change the existing one"),
        (
            422,
            {"detail": [{"loc": ["body", "a"], "msg": "Field required"}]},
            "correct the request, or ask the proxy's administrator",
        ),
        (400, {"error": {"message": "Invalid model name"}}, "correct the request, or ask the proxy's administrator"),
        (400, {}, "check the request, or ask the proxy's administrator"),
        (405, {"detail": "Method Not Allowed"}, "check the base URL, and the proxy's version"),
    ],
)
def test_nobody_is_sent_to_a_log_for_their_own_mistake(status: int, answer: Any, remedy: str) -> None:
    assert failure_of(status, body(answer), url="https://p", path="/x", headers={}).remedy == remedy


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize(
    ("headers", "answer", "who", "words"),
    [
        (
            {"server": "cloudflare", "cf-ray": "0-A"},
            b"<title>Attention Required! | Cloudflare</title>",
            "Cloudflare",
            "",
        ),
        ({"server": "nginx/1.25.3"}, b"<html><head><TITLE>No &amp; no</TITLE>", "nginx", "No & no"),
        ({"server": "openresty"}, b"<html>", "openresty", ""),
        ({"server": "Microsoft-IIS/10.0"}, b"<html><title>Access is denied.</title>", "IIS", "Access is denied."),
        ({"server": "awselb/2.0"}, b"", "AWS load balancer", ""),
        ({"server": "istio-envoy"}, b"RBAC: access denied", "Envoy", "RBAC: access denied"),
        ({}, b"Jwt is missing", "Envoy", "Jwt is missing"),
        ({"x-squid-error": "ERR_ACCESS_DENIED 0"}, b"<title>ERROR: no</title>", "Squid", "ERROR: no"),
        ({}, {"statusCode": 401, "message": "missing subscription key"}, "Azure API Management", "missing"),
        ({}, {"Message": "User is not authorized to access this resource"}, "Amazon API Gateway", "User is not"),
        ({"x-amzn-errortype": "x"}, {"message": "Forbidden"}, "Amazon API Gateway", "Forbidden"),
        ({"server": "kong/3.4.0"}, {"message": "Unauthorized"}, "kong", "Unauthorized"),
        ({}, {"message": "No API key found in request"}, "Kong", "No API key"),
        ({"gap-auth": ""}, {}, "OAuth2 Proxy", ""),
        ({}, b"<title>Sign in</title><footer>Secured with OAuth2 Proxy</footer>", "OAuth2 Proxy", "Sign in"),
        ({"server": "uvicorn"}, {"message": "Unauthorized"}, None, "Unauthorized"),
        ({"server": "some\x1b[31mthing" * 50}, b"<html>", "some", ""),
        ({}, b"<html>" * 100_000, None, ""),
        ({}, [], None, ""),
        ({"server": "kong"}, {"error": "Authorization field missing"}, "kong", "Authorization field"),
    ],
)
def test_a_page_of_a_gateway_is_no_word_about_the_key(
    status: int, headers: dict[str, str], answer: Any, who: str | None, words: str
) -> None:
    failure = failure_of(status, body(answer), url="https://p", path="/x", headers=headers)
    assert (failure.code, failure.exit_code, failure.status) == ("bad_response", ExitCode.UNAVAILABLE, status)
    assert failure.message.startswith("a gateway in front of https://p")
    assert (f"({who}" in failure.message) if who else "(" not in failure.message
    assert words in failure.message
    assert "key" not in failure.message.replace("subscription key", "").replace("API key", "")
    assert "gateway" in str(failure.remedy)
    assert len(failure.message) < 600


@pytest.mark.parametrize(
    "answer",
    [
        {"error": {"message": "no", "type": "x", "param": None, "code": "401"}},
        {"error": "no"},
        {"detail": "no"},
        {"detail": {"error": "no"}},
        {"error": "invalid_client", "error_description": "no"},
    ],
)
def test_a_refusal_in_litellms_shape_is_about_the_key_whatever_stands_in_front(answer: Any) -> None:
    headers = {} if answer == {"error": "no"} else {"server": "nginx", "cf-ray": "0-A"}
    failure = failure_of(401, body(answer), url="https://p", path="/x", headers=headers)
    assert (failure.code, failure.message) == ("auth_failed", "https://p refused the key: no")


@pytest.mark.parametrize("status", [401, 403, 422])
@pytest.mark.parametrize(
    "long", [b'{"error": ' * 10_000 + b"1" + b"}" * 10_000, b'{"error":{"message":"' + b"x" * 10_000_000]
)
def test_an_error_that_cannot_be_read_whole_is_what_its_beginning_is(status: int, long: bytes) -> None:
    failure = failure_of(status, long[: 2**16], url="https://p", path="/x", headers={"server": "nginx"})
    assert failure.code == {401: "auth_failed", 403: "forbidden", 422: "rejected"}[status]


@pytest.mark.parametrize(
    "page",
    [
        b"<title>400 The plain HTTP request was sent to HTTPS port</title>",
        b"Client sent an HTTP request to an HTTPS server.\n",
        b"Reason: You're speaking plain HTTP to an SSL-enabled server port.<br />",
    ],
)
def test_plain_http_that_a_server_of_tls_answers_is_told_as_that(page: bytes) -> None:
    failure = failure_of(400, page, url="http://p:8443", path="/x", headers={})
    assert (failure.code, failure.remedy) == ("tls", "use https://p:8443")
    assert not failure.may_have_acted
    assert failure_of(400, page, url="https://p:8443", path="/x", headers={}).code == "bad_response"


@pytest.mark.parametrize(
    ("after", "end"), [("30", " (retry after 30 s)"), ("soon", ""), ("-1", ""), ("²", ""), ("", "")]
)
def test_a_rate_limit_says_when_to_try_again(after: str, end: str) -> None:
    failure = failure_of(429, b"", url="https://p", path="/x", headers={"retry-after": after})
    assert failure.message == f"https://p: rate limit exceeded{end}"
