"""Single sign-on by authorization code with PKCE (RFC 7636, RFC 8252) at LiteLLM's own authorization server.

Shapes: tests/contract/shapes/pkce_*.json. The proxy describes it at /.well-known/litellm-cli-auth, contract version 1.
"""

from __future__ import annotations

import hashlib
import secrets
import shlex
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from litellmctl.errors import AuthFailure, Unavailable, UsageFailure
from litellmctl.foundation.text import short
from litellmctl.foundation.urls import normalize, origin
from litellmctl.proxy.error_answers import failure_of
from litellmctl.proxy.error_words import said_in
from litellmctl.proxy.oauth import (
    Grant,
    NotOffered,
    Session,
    client_id_of,
    fields_of,
    optional_seconds,
    optional_text,
    public_client,
    text_of,
    token_of,
    unexpected,
)

if TYPE_CHECKING:
    from litellmctl.proxy.client import Client

DISCOVERY_PATH = "/.well-known/litellm-cli-auth"
_CONTRACT_VERSION = 1
_MAX_URL = 2000
_SECRET_FIELDS = ("code", "code_verifier", "refresh_token", "token")
_TOKENS = ("access_token", "refresh_token")
# How much of a URL that is not the proxy's is shown in a sentence.
_MAX_SHOWN = 200


class Endpoints(NamedTuple):
    """The endpoints of the proxy's authorization server, all on the proxy's own origin, and its tokens' audience."""

    authorization: str
    token: str
    registration: str
    revocation: str
    resource: str


class Challenge(NamedTuple):
    """A code verifier, and the challenge (S256) that is sent before it."""

    verifier: str
    challenge: str

    def __repr__(self) -> str:
        """Omit the secrets."""
        return f"Challenge({self.challenge!r})"

    @classmethod
    def new(cls) -> Challenge:
        """Make one (RFC 7636, section 4)."""
        verifier = secrets.token_urlsafe(64)
        digest = hashlib.sha256(verifier.encode("ascii")).digest()
        return cls(verifier, urlsafe_b64encode(digest).rstrip(b"=").decode("ascii"))


def discover(client: Client) -> Endpoints | NotOffered:
    """Return the endpoints of the proxy's authorization server.

    A document that names another origin is refused: a code or a refresh token would be sent there.
    """
    where = f"{client.base_url}{DISCOVERY_PATH}"
    answer = client.get(DISCOVERY_PATH)
    if answer.status in {401, 403, 404, 405, 501}:
        answer.close()
        return NotOffered("the proxy does not offer PKCE")
    if answer.status != 200:
        raise client.failure(answer, DISCOVERY_PATH)
    document = fields_of(answer.json(where), where)
    version = document.get("contract_version")
    if version != _CONTRACT_VERSION or isinstance(version, bool):
        return NotOffered("the proxy's PKCE has an unsupported contract version")
    methods = document.get("code_challenge_methods_supported")
    if not isinstance(methods, list) or "S256" not in methods:
        return NotOffered("the proxy's PKCE does not support S256")
    issuer = text_of(document, "issuer", where)
    if _canonical(issuer) != client.base_url:
        own = _canonical(issuer)
        use = f"--base-url {shlex.quote(own)}" if own and len(own) <= _MAX_SHOWN else "--flow device"
        raise _foreign(where, f"it is issued for {short(issuer, _MAX_SHOWN)}", f"litellmctl login --sso {use}")
    names = ("authorization_endpoint", "token_endpoint", "registration_endpoint", "revocation_endpoint", "resource")
    urls = [text_of(document, name, where) for name in names]
    for name, url in zip(names, urls, strict=True):
        if origin(url) is None or origin(url) != origin(client.base_url):
            raise _foreign(where, f"its {name} is at {short(url, _MAX_SHOWN)}", "litellmctl login --sso --flow device")
        if len(url) > _MAX_URL:  # it is a part of the link that a person opens or copies
            raise unexpected(where, f"{name} has more than {_MAX_URL:,} characters")
    return Endpoints(*urls)


class Attempt(NamedTuple):
    """A sign-in under way: this program as a client, and the address to which the browser returns."""

    endpoints: Endpoints
    client_id: str
    redirect_uri: str
    state: str
    challenge: Challenge

    @property
    def session(self) -> Session:
        """The part that is stored."""
        return Session(self.client_id, self.endpoints.token, self.endpoints.revocation, self.endpoints.resource)

    @property
    def link(self) -> str:
        """The link that the user opens (RFC 6749, section 4.1.1)."""
        joint = "&" if "?" in self.endpoints.authorization else "?"
        query = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "state": self.state,
            "code_challenge": self.challenge.challenge,
            "code_challenge_method": "S256",
            "resource": self.endpoints.resource,
        }
        return self.endpoints.authorization + joint + urlencode(query)


def begin(client: Client, endpoints: Endpoints, redirect_uri: str, state: str) -> Attempt:
    """Register this program as a public client (RFC 7591), for a sign-in that ends at `redirect_uri`."""
    answer = _post(client, endpoints.registration, json=public_client(redirect_uri))
    client_id = client_id_of(answer, endpoints.registration)
    return Attempt(endpoints, client_id, redirect_uri, state, Challenge.new())


def redeem(client: Client, attempt: Attempt, code: str) -> Grant:
    """Exchange the code for a token (RFC 6749, section 4.1.3)."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": attempt.redirect_uri,
        "client_id": attempt.client_id,
        "code_verifier": attempt.challenge.verifier,
        "resource": attempt.endpoints.resource,
    }
    return _grant(_post(client, attempt.endpoints.token, form=form), attempt.endpoints.token)


def refresh(client: Client, session: Session, refresh_token: str) -> Grant:
    """Exchange a refresh token, which works once, for a new pair (RFC 6749, section 6)."""
    form = {
        "grant_type": "refresh_token",
        "refresh_token": refresh_token,
        "client_id": session.client_id,
        "resource": session.resource,
    }
    return _grant(_post(client, session.token_endpoint, form=form), session.token_endpoint)


def revoke(client: Client, session: Session, refresh_token: str) -> None:
    """Revoke a refresh token (RFC 7009)."""
    form = {"token": refresh_token, "token_type_hint": "refresh_token", "client_id": session.client_id}
    _post(client, session.revocation_endpoint, form=form)


def _post(client: Client, url: str, *, form: Mapping[str, str] | None = None, json: Any = None) -> dict[str, Any]:
    # These fields are secrets, which some servers repeat in errors.
    client.auth.keep(*((form or {}).get(name, "") for name in _SECRET_FIELDS))
    answer = client.send("POST", url, form=form, json=json)
    if answer.status in {200, 201}:
        return fields_of(answer.json(url, tokens=_TOKENS), url)
    body, hide = answer.read(), client.auth.hidden
    said = said_in(body, hide)
    if answer.status in {400, 401, 403} and said.words is not None and said.may_be_litellm:
        raise AuthFailure(
            "auth_failed",
            f"{client.base_url} refused the sign-in: {said.words}",
            remedy=client.refused_remedy,
            status=answer.status,
        )
    path = urlsplit(url).path
    raise failure_of(answer.status, body, url=client.base_url, path=path, headers=answer.headers, hide=hide)


def _grant(answer: dict[str, Any], where: str) -> Grant:
    """Return the grant in a token response, which needs `expires_in` and a refresh token."""
    seconds = optional_seconds(answer, "expires_in")
    if seconds is None:
        raise unexpected(where, "no expires_in")
    return Grant(
        token=token_of(answer, "access_token", where),
        expires_in=seconds,
        refresh_token=token_of(answer, "refresh_token", where),
        user_id=optional_text(answer, "user_id"),
        team_id=optional_text(answer, "team_id"),
    )


def _canonical(url: str) -> str | None:
    """Return an issuer in the form of a base URL, to compare the two (RFC 8414, section 3.3); None if it is invalid."""
    try:
        return normalize(url)
    except UsageFailure:
        return None


def _foreign(where: str, why: str, remedy: str) -> Unavailable:
    return Unavailable("bad_response", f"cannot trust {where}: {why}, which is not this proxy", remedy=remedy)
