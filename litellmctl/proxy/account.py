"""Whose key it is, what it may spend, which proxy this is; and keys made and deleted on behalf of their owner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from litellmctl.errors import AuthFailure, Failure
from litellmctl.foundation.threads import together
from litellmctl.proxy.client import CATALOG_BYTES
from litellmctl.proxy.error_answers import failure_of, is_missing_resource, is_spent_budget, words_of
from litellmctl.proxy.oauth import fields_of, optional_text, token_of

if TYPE_CHECKING:
    from litellmctl.proxy.client import Client

_MODELS = "/v1/models"
_MAX_MONEY = 1e15


class Account(NamedTuple):
    """What the proxy tells about a credential; None is unknown. Money is in US dollars, times are the proxy's texts."""

    user_id: str | None = None
    user_email: str | None = None
    team_id: str | None = None
    team_alias: str | None = None
    role: str | None = None
    spend: float | None = None
    max_budget: float | None = None
    budget_reset_at: str | None = None
    key_expires: str | None = None
    key_alias: str | None = None


class Verified(NamedTuple):
    """A credential that the proxy takes.

    `models` is how many it may use (None: the proxy does not say), `warning` what its owner should know, `date` the
    proxy's own clock, as in its Date header.
    """

    models: int | None
    warning: str | None
    date: str | None


class VirtualKey(NamedTuple):
    """A key that was made, and until when it is good, in the proxy's words."""

    key: str
    expires: str | None

    def __repr__(self) -> str:
        """Leave out what must not be printed."""
        return f"VirtualKey({self.expires!r})"


def verify(client: Client) -> Verified:
    """Find out with one request whether the proxy takes the credential; raises the failure where it does not.

    A key over its budget, or one that may not list models, is a key all the same; one that may do nothing is not.
    """
    answer = client.get(_MODELS, cap=CATALOG_BYTES)
    date = answer.headers.get("date")
    if answer.status == 200:
        count = sum(1 for _ in answer.rows(f"{client.base_url}{_MODELS}", is_bare=False))  # none of them is kept
        return Verified(count, None if count else "this key may use no model", date)
    is_spent = is_spent_budget(answer.head())
    failure = client.failure(answer, _MODELS)
    if is_spent:
        return Verified(None, failure.message, date)
    if failure.code == "forbidden":
        other = client.get("/model/info", cap=CATALOG_BYTES)
        other.close()
        if other.status == 200:
            return Verified(None, None, date)
    raise failure


def account(client: Client, team_id: str | None = None) -> Account:
    """Ask /key/info and /user/info who this is. What is not told, or not for this key, is unknown.

    `team_id` is the team that the credential is known to be for: a single-sign-on token is no key that the proxy
    tells about.
    """
    key, user = together(lambda: _asked(client, "/key/info"), lambda: _asked(client, "/user/info"))
    info = _object(key.get("info"))
    person = _object(user.get("user_info"))
    # A key's own budget says what this credential may spend; where it has none, its user's does.
    budget = info if info.get("max_budget") is not None or not person else person
    team = optional_text(info, "team_id") or team_id
    return Account(
        user_id=optional_text(info, "user_id") or optional_text(user, "user_id"),
        user_email=optional_text(person, "user_email"),
        team_id=team,
        team_alias=_alias(user.get("teams"), team),
        role=optional_text(person, "user_role"),
        spend=_money(budget, "spend"),
        max_budget=_money(budget, "max_budget"),
        budget_reset_at=optional_text(budget, "budget_reset_at"),
        key_expires=optional_text(info, "expires"),
        key_alias=optional_text(info, "key_alias"),
    )


def version(client: Client) -> str | None:
    """Return the proxy's version, where it tells: newer ones do at the first path, older ones at the second."""
    for path in ("/public/model_hub/info", "/health/readiness"):
        found = optional_text(_asked(client, path), "litellm_version")
        if found is not None:
            return found[:40]
    return None


def has_single_sign_on(client: Client) -> bool | None:
    """Return whether the proxy says that single sign-on is configured; None where it does not say."""
    path = "/.well-known/litellm-ui-config"
    answer = client.get(path)
    if answer.status != 200:
        failure = client.failure(answer, path)
        if answer.status >= 500 or answer.status == 429 or failure.code == "tls":
            raise failure
        return None
    found = fields_of(answer.json(f"{client.base_url}{path}"), client.base_url).get("sso_configured")
    return found if isinstance(found, bool) else None


def make_key(client: Client, alias: str, team_id: str | None) -> VirtualKey:
    """Make a virtual key for the caller, which the proxy's policy may let expire."""
    path = "/key/generate"
    body: dict[str, Any] = {"key_alias": alias, "metadata": {"made_by": "litellmctl login"}}
    if team_id is not None:
        body["team_id"] = team_id
    answer = client.send("POST", path, json=body)
    if answer.status != 200:
        raise client.failure(answer, path)
    where = f"{client.base_url}{path}"
    fields = fields_of(answer.json(where, tokens=["key"]), where)
    return VirtualKey(token_of(fields, "key", where), optional_text(fields, "expires"))


def delete_key(client: Client, key: str) -> None:
    """Delete a key, by itself; one that the proxy does not know any more, or that has expired, is gone already."""
    path = "/key/delete"
    client.auth.keep(key)
    answer = client.send("POST", path, json={"keys": [key]})
    if answer.status == 200:
        fields_of(answer.json(f"{client.base_url}{path}"), f"{client.base_url}{path}")
        return
    body = answer.read()
    _, kind = words_of(body)
    # A gateway says nothing about the key, nor does a proxy without the route.
    is_gone = is_missing_resource(answer.status, body)
    if not is_gone and kind not in {"token_not_found_in_db", "expired_key"}:
        raise failure_of(
            answer.status,
            body,
            url=client.base_url,
            path=path,
            headers=answer.headers,
            hide=client.auth.hidden,
        )


def _asked(client: Client, path: str) -> dict[str, Any]:
    """Return the object at a path; {} where this key gets none. Only a refused key is an error."""
    try:
        answer = client.get(path)
        if answer.status != 200:
            answer.close()
            return {}
        return _object(answer.json(path))
    except AuthFailure:
        raise
    except Failure:
        return {}


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _money(fields: dict[str, Any], name: str) -> float | None:
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # JSON as Python reads it has NaN, Infinity, and integers that no float holds.
    return float(value) if abs(value) < _MAX_MONEY else None


def _alias(teams: Any, team: str | None) -> str | None:
    for one in teams if isinstance(teams, list) else []:
        if isinstance(one, dict) and team is not None and one.get("team_id") == team:
            return optional_text(one, "team_alias")
    return None
