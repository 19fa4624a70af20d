"""Single sign-on with a code that the user types into any browser, while this program polls the proxy.

Endpoints: POST /sso/cli/start, GET /sso/key/generate in the browser, GET /sso/cli/poll/LOGIN. Shapes:
tests/contract/shapes/sso_cli_*.json.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlencode

from litellmctl.errors import AuthFailure, Unavailable
from litellmctl.foundation.urls import origin
from litellmctl.proxy.oauth import (
    Grant,
    NotOffered,
    fields_of,
    optional_seconds,
    optional_text,
    text_of,
    token_of,
    unexpected,
)

if TYPE_CHECKING:
    from litellmctl.proxy.client import Client

START_PATH = "/sso/cli/start"
_SECRET_HEADER = "x-litellm-cli-poll-secret"  # noqa: S105  # a header's name
_EXPIRES_IN = 600.0
# A person reads and types these: LiteLLM's IDs have 40 characters, its codes 9.
_MAX_SHOWN = 200


class Started(NamedTuple):
    """A sign-in that waits for the user: the link, the code to enter there, and the lifetime of both in seconds.

    `login_id` and `poll_secret` are for `poll`: both together are worth the token.
    """

    link: str
    user_code: str
    code_is_in_link: bool
    expires_in: float
    login_id: str
    poll_secret: str

    def __repr__(self) -> str:
        """Omit the secrets."""
        return f"Started({self.expires_in!r})"


class Team(NamedTuple):
    """A team of the user."""

    id: str
    alias: str | None = None


class Pending(NamedTuple):
    """The user has not signed in yet, or was refused, which the proxy does not say."""


class TeamWanted(NamedTuple):
    """The user is signed in and has to choose one of these teams."""

    teams: list[Team]


class Ready(NamedTuple):
    """The token, and the teams of the user."""

    grant: Grant
    teams: list[Team]


def is_offered(client: Client) -> bool:
    """Whether the proxy has this sign-in (since LiteLLM 1.82), without starting one."""
    answer = client.get(START_PATH)
    answer.close()
    return answer.status == 405  # it takes POST only


def start(client: Client) -> Started | NotOffered:
    """Start a sign-in."""
    where = f"{client.base_url}{START_PATH}"
    answer = client.send("POST", START_PATH)
    if answer.status in {404, 405}:
        answer.close()
        return NotOffered("the proxy does not offer device codes")
    if answer.status != 200:
        raise client.failure(answer, START_PATH)
    fields = fields_of(answer.json(where, tokens=["poll_secret"]), where)
    login_id, user_code = (text_of(fields, name, where) for name in ("login_id", "user_code"))
    if max(len(login_id), len(user_code)) > _MAX_SHOWN:
        raise unexpected(where, "login_id or user_code is too long")
    query = urlencode({"source": "litellm-cli", "key": login_id})
    complete = optional_text(fields, "verification_uri_complete")
    own = (
        complete is not None
        and origin(complete) == origin(client.base_url)
        and complete.isprintable()
        and len(complete) <= 5 * _MAX_SHOWN
    )
    return Started(
        link=complete if own and complete else f"{client.base_url}/sso/key/generate?{query}",
        user_code=user_code,
        code_is_in_link=own,
        expires_in=optional_seconds(fields, "expires_in") or _EXPIRES_IN,
        login_id=login_id,
        poll_secret=token_of(fields, "poll_secret", where),
    )


def poll(client: Client, started: Started, team: str | None = None) -> Pending | TeamWanted | Ready:
    """Return whether the user has signed in; `team` is the team to sign in with.

    A sign-in that is over is exit 4. A temporary failure, such as a status of 429 or 5xx, raises `Unavailable`.
    """
    path = f"/sso/cli/poll/{quote(started.login_id, safe='')}"
    shown = f"{client.base_url}/sso/cli/poll"
    client.auth.keep(started.poll_secret)
    headers = {_SECRET_HEADER: started.poll_secret}
    answer = client.get(path, {"team_id": team} if team else None, headers=headers)
    if answer.status == 403 and team:
        raise client.failure(answer, "/sso/cli/poll")
    if answer.status in {400, 403, 404, 410}:
        failure = client.failure(answer, "/sso/cli/poll")
        if isinstance(failure, Unavailable):
            raise failure  # a gateway's page
        raise AuthFailure(
            "auth_failed",
            f"the sign-in at {client.base_url} expired, or the proxy lost it",
            remedy="sign in again; if that fails at once, the proxy's replicas need a shared cache",
            status=answer.status,
        )
    if answer.status != 200:
        raise client.failure(answer, "/sso/cli/poll")
    fields = fields_of(answer.json(shown, tokens=["key"]), shown)
    status = fields.get("status")
    if status == "pending":
        return Pending()
    if status != "ready":
        raise unexpected(shown, "unknown status" if isinstance(status, str) else "no status")
    teams = _teams(fields)
    if fields.get("requires_team_selection") and not team:
        return TeamWanted(teams)
    grant = Grant(
        token=token_of(fields, "key", shown),
        expires_in=optional_seconds(fields, "expires_in"),
        user_id=optional_text(fields, "user_id"),
        team_id=optional_text(fields, "team_id"),
    )
    return Ready(grant, teams)


def _teams(fields: dict[str, Any]) -> list[Team]:
    """Return the teams, sorted by name, since the proxy's order varies."""
    aliases = {}
    details = fields.get("team_details")
    for detail in details if isinstance(details, list) else []:
        if isinstance(detail, dict) and isinstance(detail.get("team_id"), str):
            alias = detail.get("team_alias")
            aliases[detail["team_id"]] = alias if isinstance(alias, str) else None
    listed = fields.get("teams")
    ids = {one for one in (listed if isinstance(listed, list) else []) if isinstance(one, str)} | set(aliases)
    return sorted((Team(one, aliases.get(one)) for one in ids), key=lambda team: (team.alias or team.id, team.id))
