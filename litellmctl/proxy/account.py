"""The owner, budget and limits of a credential, the proxy's version, and keys made and deleted for their owner."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from litellmctl.errors import AuthFailure, Failure
from litellmctl.foundation.threads import together
from litellmctl.proxy.client import CATALOG_BYTES
from litellmctl.proxy.error_answers import failure_of, is_missing_resource, is_spent_budget, words_of
from litellmctl.proxy.oauth import fields_of, optional_text, token_of

if TYPE_CHECKING:
    from litellmctl.proxy.client import Client

_MODELS = "/v1/models"
_MAX_MONEY = 1e15
# The user of the master key: LITELLM_PROXY_ADMIN_NAME in litellm/constants.py.
_MASTER_USER = "default_user_id"
_LIMITED_TO = r"Only allowed to call routes: \[([^\]]*)\]"
_MAX_ROUTES, _MAX_TEAM = 20, 600


class Account(NamedTuple):
    """What the proxy knows about a credential; None is unknown. Money is in US dollars, times are the proxy's texts.

    `budget_scope` says which budget `spend` and `max_budget` are about: that of the `key`, of the `team_member` or of
    the `user`. `is_master` is true for the proxy's master key. `routes` are those that the key is limited to.
    """

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
    budget_scope: str | None = None
    is_master: bool = False
    routes: tuple[str, ...] | None = None


class Verified(NamedTuple):
    """A credential that the proxy accepts.

    `models` is how many it may use (None: unknown), `warning` what its owner should know, `date` the proxy's clock, as
    in its Date header. `routes` are those that the key is limited to, where it may not list models.
    """

    models: int | None
    warning: str | None
    date: str | None
    routes: tuple[str, ...] | None = None


class VirtualKey(NamedTuple):
    """A new key, and when it expires, in the proxy's words."""

    key: str
    expires: str | None

    def __repr__(self) -> str:
        """Omit the key, which must not be printed."""
        return f"VirtualKey({self.expires!r})"


def verify(client: Client) -> Verified:
    """Check with one request whether the proxy accepts the credential. Raises the failure if it does not.

    A key over its budget is accepted, and so is one that may not list models, such as a key for MCP only.
    """
    answer = client.get(_MODELS, cap=CATALOG_BYTES)
    date = answer.headers.get("date")
    if answer.status == 200:
        count = sum(1 for _ in answer.rows(f"{client.base_url}{_MODELS}", is_bare=False))  # none of them is kept
        return Verified(count, None if count else "this key is not allowed to use any model", date)
    is_spent = is_spent_budget(answer.head())
    failure = client.failure(answer, _MODELS)
    if is_spent:
        return Verified(None, failure.message, date)
    if failure.code == "forbidden":
        routes = routes_in(failure.words)
        if routes is not None:
            return Verified(None, None, date, routes)
        other = client.get("/model/info", cap=CATALOG_BYTES)
        other.close()
        if other.status == 200:
            return Verified(None, None, date)
    raise failure


def routes_in(words: str | None) -> tuple[str, ...] | None:
    """Return the routes that a key is limited to; None where the proxy refused it for another reason.

    LiteLLM says so only after it knows the key (RouteChecks.is_virtual_key_allowed_to_call_route).
    """
    match = re.search(_LIMITED_TO, words or "")
    return None if match is None else tuple(re.findall(r"'([^']{1,200})'", match[1])[:_MAX_ROUTES])


def account(client: Client, team_id: str | None = None, *, asks_team: bool = False) -> Account:
    """Ask /key/info and /user/info about the credential. What the proxy does not say is unknown.

    `team_id` is the team that the credential is known to be for: a single-sign-on token has no /key/info. `asks_team`:
    ask for the user's own budget in that team too.
    """
    (key, is_unknown), (user, _) = together(lambda: _asked(client, "/key/info"), lambda: _asked(client, "/user/info"))
    info = _object(key.get("info"))
    person = _object(user.get("user_info"))
    user_id = optional_text(info, "user_id") or optional_text(user, "user_id")
    team = optional_text(info, "team_id") or team_id
    # The master key alone has no row as a key and this user, or none in older proxies; the row of that user may have
    # another role, which LiteLLM does not use.
    is_master = is_unknown and bool(user) and user_id in {None, _MASTER_USER}
    scope, budget = _budget(client, team if asks_team else None, info, person)
    return Account(
        user_id=user_id,
        user_email=optional_text(person, "user_email"),
        team_id=team,
        team_alias=_alias(user.get("teams"), team),
        role="proxy_admin" if is_master else optional_text(person, "user_role"),
        spend=_money(budget, "spend"),
        max_budget=_money(budget, "max_budget"),
        budget_reset_at=optional_text(budget, "budget_reset_at"),
        key_expires=optional_text(info, "expires"),
        key_alias=optional_text(info, "key_alias"),
        budget_scope=scope if _money(budget, "spend") is not None or _money(budget, "max_budget") is not None else None,
        is_master=is_master,
        routes=_texts(info.get("allowed_routes")),
    )


def _budget(
    client: Client, team: str | None, info: dict[str, Any], person: dict[str, Any]
) -> tuple[str, dict[str, Any]]:
    """Return whose budget limits the credential, and its fields: its own, else its user's in the team, else its user's.

    A key without a budget counts for what its user spent, where the proxy says that.
    """
    if info.get("max_budget") is not None:
        return "key", info
    member = _member(client, team) if team is not None else {}
    if member.get("max_budget") is not None:
        return "team_member", member
    return ("user", person) if person else ("key", info)


def _member(client: Client, team: str) -> dict[str, Any]:
    """Return the budget of the user as a member of a team; {} if unknown, as from older proxies."""
    name = quote(team.encode("utf-8", "replace"), safe="")
    if len(name) > _MAX_TEAM or not name.strip("."):
        return {}
    found, _ = _asked(client, f"/team/{name}/members/me")
    return {**_object(found.get("litellm_budget_table")), "spend": found.get("spend")}


def version(client: Client) -> str | None:
    """Return the proxy's version; None if unknown. Older proxies have it at the second path."""
    for path in ("/public/model_hub/info", "/health/readiness"):
        found = optional_text(_asked(client, path)[0], "litellm_version")
        if found is not None:
            return found[:40]
    return None


def has_single_sign_on(client: Client) -> bool | None:
    """Return whether single sign-on is configured at the proxy; None if it does not say."""
    path = "/.well-known/litellm-ui-config"
    answer = client.get(path)
    if answer.status != 200:
        failure = client.failure(answer, path)
        if answer.status >= 500 or answer.status == 429 or failure.code == "tls":
            raise failure
        return None
    found = fields_of(answer.json(f"{client.base_url}{path}"), client.base_url).get("sso_configured")
    return found if isinstance(found, bool) else None


def make_key(client: Client, alias: str, team_id: str | None, expires: str | None = None) -> VirtualKey:
    """Make a virtual key for the caller; `expires` is its lifetime (`30d`), None what the proxy's policy says."""
    path = "/key/generate"
    body: dict[str, Any] = {"key_alias": alias, "metadata": {"made_by": "litellmctl login"}}
    if team_id is not None:
        body["team_id"] = team_id
    if expires is not None:
        body["duration"] = expires
    answer = client.send("POST", path, json=body)
    if answer.status != 200:
        raise client.failure(answer, path)
    where = f"{client.base_url}{path}"
    fields = fields_of(answer.json(where, tokens=["key"]), where)
    return VirtualKey(token_of(fields, "key", where), optional_text(fields, "expires"))


def delete_key(client: Client, key: str) -> None:
    """Delete a key with its own rights; one that the proxy no longer knows, or that has expired, is gone already."""
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


def _asked(client: Client, path: str) -> tuple[dict[str, Any], bool]:
    """Return the object at a path, and whether LiteLLM says that it does not have it; {} where this key gets none.

    Only a refused key is an error.
    """
    try:
        answer = client.get(path)
        if answer.status != 200:
            is_unknown = answer.status == 404 and is_missing_resource(404, answer.head())
            answer.close()
            return {}, is_unknown
        return _object(answer.json(path)), False
    except AuthFailure:
        raise
    except Failure:
        return {}, False


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _money(fields: dict[str, Any], name: str) -> float | None:
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # JSON as Python reads it has NaN, Infinity, and integers that no float holds.
    return float(value) if abs(value) < _MAX_MONEY else None


def _texts(value: Any) -> tuple[str, ...] | None:
    """Return the texts in a list; None without any."""
    texts = [one[:200] for one in value[:_MAX_ROUTES] if isinstance(one, str)] if isinstance(value, list) else []
    return tuple(texts) or None


def _alias(teams: Any, team: str | None) -> str | None:
    for one in teams if isinstance(teams, list) else []:
        if isinstance(one, dict) and team is not None and one.get("team_id") == team:
            return optional_text(one, "team_alias")
    return None
