from __future__ import annotations

import base64
import hashlib
import json
import re
from contextlib import suppress
from typing import Any, NamedTuple, cast
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litellmctl.auth.new_token import NewToken
from litellmctl.errors import Unavailable
from litellmctl.proxy import pkce
from litellmctl.proxy.client import Answer, Client
from litellmctl.proxy.oauth import Grant, NotOffered, Session
from litellmctl.proxy.pkce import Attempt, Challenge, Endpoints
from litellmctl.proxy.session import BoundAuth

HOST = "https://llm.example.com"


class OneAnswer(NamedTuple):
    """As much of a client as `discover` takes: every path is answered with this document."""

    base_url: str
    document: Any
    status: int = 200

    def get(self, path: str) -> Answer:
        assert path == "/.well-known/litellm-cli-auth"
        return Answer(
            self.status, {}, iter([json.dumps(self.document).encode()]), lambda: None, BoundAuth(self.base_url, None)
        )


def discover(base_url: str, document: Any) -> Endpoints | NotOffered:
    return pkce.discover(cast("Client", OneAnswer(base_url, document)))


def document(base_url: str, **changes: Any) -> dict[str, Any]:
    endpoints = {f"{name}_endpoint": f"{base_url}/{name}" for name in ("authorization", "token", "registration")}
    found = {"contract_version": 1, "issuer": base_url, **endpoints, "revocation_endpoint": f"{base_url}/revocation"}
    return {**found, "resource": base_url, "code_challenge_methods_supported": ["plain", "S256"], **changes}


def test_a_challenge_is_that_of_its_verifier() -> None:
    """RFC 7636, sections 4.1 and 4.2."""
    made = [Challenge.new() for _ in range(50)]
    for verifier, challenge in made:
        assert re.fullmatch(r"[A-Za-z0-9._~-]{43,128}", verifier)
        assert re.fullmatch(r"[A-Za-z0-9_-]{43}", challenge)
        assert base64.urlsafe_b64decode(challenge + "=") == hashlib.sha256(verifier.encode()).digest()
    assert len({verifier for verifier, _ in made}) == 50


@pytest.mark.parametrize(
    "value",
    [
        Challenge("hidden", "x"),
        Attempt(Endpoints(*"atrvx"), "client", "http://127.0.0.1:1/callback", "state", Challenge("hidden", "x")),
        Grant("hidden", 1.0, "hidden"),
        NewToken("hidden", "pkce", refresh_token="hidden"),
    ],
)
def test_what_is_secret_is_not_shown(value: Any) -> None:
    assert "hidden" not in f"{value!r} {value} {[value]}"


@given(st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"])))
def test_the_link_holds_exactly_what_was_given(client_id: str, resource: str) -> None:
    endpoints = Endpoints(f"{HOST}/authorize", f"{HOST}/token", f"{HOST}/register", f"{HOST}/revoke", resource)
    attempt = Attempt(endpoints, client_id, "http://127.0.0.1:1234/callback", "a&b=c", Challenge("v", "x-_"))
    assert attempt.link.isascii()
    assert attempt.link.isprintable()
    assert parse_qsl(urlsplit(attempt.link).query, keep_blank_values=True) == [
        ("response_type", "code"),
        ("client_id", client_id),
        ("redirect_uri", "http://127.0.0.1:1234/callback"),
        ("state", "a&b=c"),
        ("code_challenge", "x-_"),
        ("code_challenge_method", "S256"),
        ("resource", resource),
    ]
    # RFC 6749, section 3.1: the endpoint may have a query of its own, which is kept.
    tenant = attempt._replace(endpoints=endpoints._replace(authorization=f"{HOST}/authorize?tenant=a%20b"))
    assert tenant.link == attempt.link.replace("/authorize?", "/authorize?tenant=a%20b&")


@pytest.mark.parametrize(
    ("base_url", "issuer"),
    [
        (HOST, "https://LLM.example.com:443/"),
        (HOST, f"{HOST}/v1/"),
        ("http://[::1]:4000", "http://[::1]:4000"),
        (f"{HOST}/llm", f"{HOST}/llm/"),
    ],
)
def test_an_issuer_is_compared_as_base_urls_are(base_url: str, issuer: str) -> None:
    found = discover(base_url, document(base_url, issuer=issuer))
    assert found == Endpoints(
        *(f"{base_url}/{name}" for name in ("authorization", "token", "registration", "revocation")), base_url
    )


@pytest.mark.parametrize(
    ("base_url", "token"),
    [
        (HOST, "https://LLM.EXAMPLE.COM:443/token"),
        (HOST, "HTTPS://llm.example.com/elsewhere/token?x=1"),
        ("http://[::1]:4000", "http://[::1]:4000/token"),
        ("http://localhost", "http://localhost:80/token"),
        (f"{HOST}/llm", f"{HOST}/token"),
    ],
)
def test_an_endpoint_of_the_same_origin_may_be_anywhere_there(base_url: str, token: str) -> None:
    found = discover(base_url, document(base_url, token_endpoint=token))
    assert isinstance(found, Endpoints)
    assert found.token == token


@pytest.mark.parametrize(
    ("base_url", "token"),
    [
        (HOST, "http://llm.example.com/token"),
        (HOST, "https://llm.example.com:444/token"),
        (HOST, "https://llm.example.com./token"),
        (HOST, "https://example.com/token"),
        (HOST, "https://xllm.example.com/token"),
        (HOST, "https://llm.example.com@evil.example/token"),
        (HOST, "https://llm.example.com:443@evil.example/token"),
        (HOST, "https://evil.example\\@llm.example.com/token"),
        (HOST, "https://llm.example.com\\.evil.example/token"),
        (HOST, "https://evil.example#@llm.example.com/token"),
        (HOST, "https://evil.example?@llm.example.com/token"),
        (HOST, "https:/llm.example.com/token"),
        (HOST, "https:///llm.example.com/token"),
        (HOST, "https://[llm.example.com]/token"),
        (HOST, "https://llm.example.com:port/token"),
        (HOST, " "),
        ("http://[::1]:4000", "http://[::2]:4000/token"),
        ("http://127.0.0.1", "http://127.0.0.2/token"),
    ],
)
def test_an_endpoint_of_another_origin_is_refused(base_url: str, token: str) -> None:
    with pytest.raises(Unavailable) as failure:
        discover(base_url, document(base_url, token_endpoint=token))
    assert failure.value.code == "bad_response"


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=5,
    ),
    st.sampled_from([*document(HOST), None]),
)
def test_whatever_the_document_holds_is_an_answer_or_a_failure(value: Any, name: str | None) -> None:
    with suppress(Unavailable):
        found = discover(HOST, value if name is None else document(HOST, **{name: value}))
        assert isinstance(found, NotOffered) or all(isinstance(url, str) for url in found)


def test_whom_a_token_is_for_repeats_no_token_and_a_refresh_token_may_stay_the_same() -> None:
    token, refresh = "new-token-0123456789", "old-refresh-0123456789"
    fields = {"access_token": token, "refresh_token": refresh, "expires_in": 60}
    fields |= {"user_id": f"u {token}", "team_id": f"t {refresh}".upper()}

    class Refreshing(NamedTuple):
        """As much of a client as `refresh` takes."""

        auth: BoundAuth
        base_url: str = HOST

        def send(self, _method: str, _url: str, **_: Any) -> Answer:
            return Answer(200, {}, iter([json.dumps(fields).encode()]), lambda: None, self.auth)

    client, session = Refreshing(BoundAuth(HOST, None)), Session("c", f"{HOST}/token", f"{HOST}/revoke", HOST)
    assert tuple(pkce.refresh(cast("Client", client), session, refresh)) == (token, 60.0, refresh, "u ***", "T ***")
    assert client.auth.hidden(f"{token} {refresh}") == "*** ***"
