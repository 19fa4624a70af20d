"""Who may use `serve`, and what the proxy gets of a request that may pass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse

import pytest

from tests.contract.raw_upstream import SECRET, RawServed

pytest.importorskip("aiohttp")

ORIGIN = "https://chat.example"
OWN = "sk-ant-oat01-of-a-subscription"


@pytest.fixture(scope="module")
def _served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RawServed]:
    with closing(RawServed(tmp_path_factory.mktemp("served"), "--allow-origin", ORIGIN)) as served:
        yield served


@pytest.fixture
def served(_served: RawServed) -> Iterator[RawServed]:
    _served.upstream.begin()
    yield _served
    assert _served.upstream.errors == []
    assert _served.key.encode() not in _served.upstream.bytes
    assert _served.key not in _served.said


def _ask(served: RawServed, headers: dict[str, str], path: str = "/v1/models", method: str = "GET") -> HTTPResponse:
    with closing(HTTPConnection("127.0.0.1", served.port, timeout=20)) as connection:
        connection.request(method, path, headers={name: _with_key(served, value) for name, value in headers.items()})
        answer = connection.getresponse()
        answer.read()
        return answer


def _with_key(served: RawServed, text: str) -> str:
    return text.replace("{key}", served.key).replace("{port}", str(served.port))


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer {key}"},
        {"authorization": "bearer {key}"},
        {"x-api-key": "{key}"},
        {"x-goog-api-key": "{key}"},
        {"api-key": "{key}"},
        {"x-litellm-api-key": "{key}"},
        {"X-LiteLLM-API-Key": "Bearer {key}"},
        {"Authorization": "Bearer {key}", "x-api-key": OWN, "x-litellm-api-key": OWN},
        {"Authorization": "Bearer {key}", "x-litellm-api-key": "Bearer {key}", "X-Other": "{key}"},
    ],
)
def test_the_local_key_is_replaced_by_the_proxys_wherever_it_is(served: RawServed, headers: dict[str, str]) -> None:
    assert _ask(served, headers).status == 200
    (request,) = served.upstream.received
    assert request.values("authorization") == [f"Bearer {SECRET}"]
    for name in ("x-api-key", "x-goog-api-key", "api-key", "x-litellm-api-key", "x-other"):
        assert request.values(name) == []


def test_the_local_key_is_replaced_in_the_url_too(served: RawServed) -> None:
    path = "/v1beta/models/gemini-3-pro:streamGenerateContent?alt=sse&key={key}"
    assert _ask(served, {}, _with_key(served, path)).status == 200
    (request,) = served.upstream.received
    assert request.target == "/base/v1beta/models/gemini-3-pro:streamGenerateContent?alt=sse"
    assert request.values("authorization") == [f"Bearer {SECRET}"]


@pytest.mark.parametrize("form", ["{key}", "Bearer {key}"])
def test_a_subscription_reaches_the_proxy_beside_its_key(served: RawServed, form: str) -> None:
    headers = {"x-litellm-api-key": form, "Authorization": f"Bearer {OWN}"}
    assert _ask(served, headers).status == 200
    (request,) = served.upstream.received
    assert request.values("authorization") == [f"Bearer {OWN}"]
    assert request.values("x-litellm-api-key") in ([SECRET], [f"Bearer {SECRET}"])


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": f"Bearer {SECRET}"}, 401),
        ({"Authorization": "Bearer {key}x"}, 401),
        ({"Authorization": "Bearer {key}", "Host": "evil.example:{port}"}, 403),
        ({"Authorization": "Bearer {key}", "Host": "127.0.0.1"}, 403),
        ({"Authorization": "Bearer {key}", "Origin": "https://evil.example"}, 403),
        ({"Authorization": "Bearer {key}", "Origin": "null"}, 403),
        ({"Authorization": "Bearer {key}", "Origin": "http://127.0.0.1:{port}"}, 403),
        ({"Authorization": "Bearer {key}", "Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
def test_a_refusal_tells_nothing_and_nothing_is_passed_on(
    served: RawServed, headers: dict[str, str], status: int
) -> None:
    answer = _ask(served, headers)
    assert answer.status == status
    assert {name.lower() for name in answer.headers} == {"content-type", "content-length", "date"}
    assert served.upstream.received == []


def test_no_page_may_read_what_the_proxy_lets_all_pages_read(served: RawServed) -> None:
    answer = _ask(served, {"Authorization": "Bearer {key}"})
    assert answer.status == 200
    assert [name for name in answer.headers if name.lower().startswith(("access-control-", "set-cookie"))] == []


def test_a_page_of_an_allowed_origin_may(served: RawServed) -> None:
    page = {"Origin": ORIGIN}
    wanted = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    preflight = _ask(served, page | wanted, method="OPTIONS")
    assert (preflight.status, preflight.headers["Access-Control-Allow-Headers"]) == (204, "authorization")
    assert served.upstream.received == []
    for answer in (preflight, _ask(served, page), _ask(served, page | {"Authorization": "Bearer {key}"})):
        assert answer.headers.get_all("Access-Control-Allow-Origin") == [ORIGIN]
        assert "Access-Control-Allow-Credentials" not in answer.headers
    (request,) = served.upstream.received
    assert request.values("origin") == []


def test_cookies_of_other_servers_of_this_machine_are_not_passed_on(served: RawServed) -> None:
    headers = {"Authorization": "Bearer {key}", "Cookie": "session=of-another-server", "Proxy-Authorization": "Basic x"}
    assert _ask(served, headers).status == 200
    (request,) = served.upstream.received
    assert request.values("cookie") == []
    assert request.values("proxy-authorization") == []
