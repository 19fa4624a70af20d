"""The key bound to its URL, hidden from what is shown, and renewed by one thread for all."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
import requests
from requests.adapters import HTTPAdapter

from litellmctl.proxy.session import CONNECTIONS, BoundAuth, NoAuth, make_session
from litellmctl.proxy.tls import Trust

URL = "https://llm.example.com"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("the key sk-12345 is bad", "the key *** is bad"),
        ("SK-12345sk-12345", "******"),
        ("team-blue? no, Team-Blue!", "***? no, ***!"),
        ("code: 87654321", "code: ***"),
        ("short and sk-1234", "short and sk-1234"),
        ("a.b+c*d? a-b+c*d", "*** a-b+c*d"),
        ("", ""),
    ],
)
def test_the_key_the_headers_values_and_what_else_is_named_are_hidden_in_any_case(text: str, shown: str) -> None:
    auth = BoundAuth(URL, "sk-12345", headers={"x-team": "team-blue", "x-odd": "a.b+c*d?", "x-short": "short"})
    auth.keep("87654321")
    assert auth.hidden(text) == shown


def test_where_there_is_no_key_nothing_is_hidden() -> None:
    assert BoundAuth(URL, None).hidden("anything at all") == "anything at all"


def test_a_text_of_seven_characters_is_too_short_to_be_hidden_and_one_of_eight_is_not() -> None:
    assert BoundAuth(URL, "1234567").hidden("12345678") == "12345678"
    assert BoundAuth(URL, "12345678").hidden("12345678") == "***"


def test_a_key_that_was_renewed_stays_hidden() -> None:
    auth = BoundAuth(URL, "sk-first-0123456789", renew=lambda: "sk-second-0123456789")
    assert auth.renewed(auth.key)
    assert auth.hidden("sk-first-0123456789, sk-second-0123456789") == "***, ***"


SECRET_NAMES = ["x-secret", "cf-access-client-id", "x-mcp-github-authorization", "Cookie", "x-odd", "x-user-token"]
OPEN_NAMES = ["x-team", "X-User-Id", "x_model", "x-litellm-tags", "Accept-Language", "User-Agent", "x-mcp-lab-toolsets"]


@pytest.mark.parametrize("name", [*SECRET_NAMES, *OPEN_NAMES])
def test_data_holds_what_a_header_says_that_is_named_for_no_secret(name: str) -> None:
    """A team may have the name that a header says; in an error it is hidden all the same."""
    auth = BoundAuth(URL, None, headers={name: "what-1t5ay5"})
    alias = "***" if name in SECRET_NAMES else "what-1t5ay5"
    assert auth.data.hidden_in({"alias": "what-1t5ay5"}) == {"alias": alias}
    assert auth.hidden("no what-1t5ay5") == "no ***"


def test_of_many_threads_that_were_refused_one_renews_the_key_for_all() -> None:
    asked: list[int] = []

    def renew() -> str:
        asked.append(1)
        return "sk-new"

    auth = BoundAuth(URL, "sk-old", renew=renew)
    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(auth.renewed, ["sk-old"] * 8))
    assert (auth.key, len(asked)) == ("sk-new", 1)
    assert not auth.renewed("sk-new")
    assert (auth.key, len(asked)) == ("sk-new", 1)


def test_where_there_is_no_newer_key_the_old_one_stays_and_nobody_asks_again() -> None:
    asked: list[int] = []
    auth = BoundAuth(URL, "sk-old", renew=lambda: asked.append(1))
    assert [auth.renewed("sk-old"), auth.renewed("sk-old")] == [False, False]
    assert (auth.key, asked) == ("sk-old", [1])
    assert not BoundAuth(URL, "sk-old").renewed("sk-old")


@pytest.mark.parametrize(
    ("name", "value", "is_hidden"),
    [
        ("x-odd", "production", False),
        ("x-odd", "us-east-1/production_gpt-4o", False),
        ("anthropic-beta", "prompt-caching-2024-07-31", False),
        ("HTTP-Referer", "https://chat.example.com/Team_Blue", False),
        ("x-odd", "0f3c9a7e5b1d48aa", True),
        ("x-odd", "gateway-secret-99887766", True),
        ("x-odd", "AbCdEfGhIjKlMnOp", True),
        ("x-odd", "qkzjvhwxyqpldmtrsb", True),
        ("x-account", "123456789012", False),
        ("x-portkey-provider", "anthropic", False),
        ("x-portkey-api-key", "anthropic", True),
        ("CF-Access-Client-Secret", "correct horse battery", True),
        ("x-team-token", "production", True),
        ("x_api_key", "production", True),
    ],
)
def test_data_holds_plain_words_of_a_header_but_nothing_that_looks_drawn_by_lot(
    name: str, value: str, is_hidden: bool
) -> None:
    """A model whose name has such a word could not be named any more."""
    auth = BoundAuth(URL, None, headers={name: value})
    assert auth.data.hidden(f"gpt {value}") == ("gpt ***" if is_hidden else f"gpt {value}")
    assert auth.hidden(f"gpt {value}") == "gpt ***"


@pytest.mark.parametrize("name", ["Authorization", "AUTHORIZATION", "authorization"])
def test_the_key_is_a_bearer_token_in_authorization_however_that_is_written(name: str) -> None:
    prepared = requests.Request("GET", f"{URL}/x", auth=BoundAuth(URL, "sk-key", key_header=name)).prepare()
    assert prepared.headers["authorization"] == "Bearer sk-key"


def test_without_a_key_only_the_headers_go() -> None:
    auth = BoundAuth(URL, None, headers={"x-team": "blue"})
    assert requests.Request("GET", f"{URL}/x", auth=auth).prepare().headers == {"x-team": "blue"}
    assert requests.Request("GET", f"{URL}/x", auth=NoAuth()).prepare().headers == {}


@pytest.mark.parametrize("url", [URL, "http://127.0.0.1:4000"])
def test_a_session_reads_nothing_of_the_environment_but_proxies_and_those_not_for_loopback(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for scheme in ("http", "https"):
        monkeypatch.setenv(f"{scheme}_proxy", f"http://{scheme}.proxy.example:3128")
    monkeypatch.setenv("no_proxy", "other.example")
    with closing(make_session(url, Trust(), loopback=url != URL)) as session:
        assert not session.trust_env
        assert isinstance(session.auth, NoAuth)
        assert session.proxies == ({"https": "http://https.proxy.example:3128"} if url == URL else {})
        adapter = session.get_adapter(url)
        # As many connections as are used at once, or each further one is made anew.
        assert session.headers["Accept"] == "application/json"
        assert adapter.poolmanager.connection_pool_kw["maxsize"] == CONNECTIONS  # type: ignore[attr-defined]
    with closing(make_session("https://other.example", Trust(), loopback=False)) as session:
        assert session.proxies == {}


def test_tls_through_a_proxy_trusts_what_the_context_trusts_and_always_asks_for_a_certificate() -> None:
    trust = Trust()
    with closing(make_session(URL, trust, loopback=False)) as session:
        adapter = session.get_adapter(URL)
        assert isinstance(adapter, HTTPAdapter)
        behind = adapter.proxy_manager_for("http://proxy.example:3128", retries=7)
        own = adapter.poolmanager.connection_pool_kw["ssl_context"]
        assert behind.connection_pool_kw["ssl_context"] is own
        assert behind.connection_pool_kw["retries"].total == 7
        pool = adapter.poolmanager.connection_from_url(URL)
        pool.cert_reqs, pool.ca_certs, pool.ca_cert_dir = "CERT_NONE", "/a", "/b"
        adapter.cert_verify(pool, URL, False, None)
        assert (pool.cert_reqs, pool.ca_certs, pool.ca_cert_dir) == ("CERT_REQUIRED", None, None)


@pytest.mark.parametrize(
    ("base_url", "url", "sent"),
    [
        ("https://p.example", "https://p.example/x", True),
        ("https://p.example", "https://p.example/", True),
        ("https://p.example", "https://p.example.evil.example/x", False),
        ("https://p.example", "https://p.example@evil.example/x", False),
        ("https://p.example", "https://p.example:8443/x", False),
        ("https://p.example", "http://p.example/x", False),
        ("https://p.example/team", "https://p.example/team/x", True),
        ("https://p.example/team", "https://p.example/teams", False),
        ("https://p.example/team", "https://p.example/x", False),
        ("https://p.example/team", "https://p.example/team/../x", False),
        ("https://bücher.example", "https://bücher.example/x", True),
        ("https://bücher.example", "https://xn--bcher-kva.example/x", True),
        ("https://p.example/a b", "https://p.example/a b/x", True),
    ],
)
def test_the_key_goes_only_below_the_url_that_it_was_given_for(base_url: str, url: str, sent: bool) -> None:
    auth = BoundAuth(base_url, "sk-key", headers={"x-team": "blue"})
    prepared = requests.Request("GET", url, auth=auth).prepare()
    assert (prepared.headers.get("Authorization") == "Bearer sk-key") is sent
    assert ("x-team" in prepared.headers) is sent
