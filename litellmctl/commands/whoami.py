"""`whoami`: the user, credential and budget in use."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from litellmctl.commands.base import command, pass_app
from litellmctl.errors import AuthFailure, Failure
from litellmctl.foundation.sentences import listed
from litellmctl.foundation.text import clean
from litellmctl.foundation.times import age_text, optional_timestamp
from litellmctl.terminal.data import Record

if TYPE_CHECKING:
    from litellmctl.app import App
    from litellmctl.auth.credential import Pair
    from litellmctl.auth.ignored_variables import Ignored
    from litellmctl.proxy.account import Account
    from litellmctl.proxy.client import Client

_KINDS = {
    "api_key": "API key",
    "sso": "single sign-on",
    "pkce": "single sign-on (PKCE)",
    "virtual_key": "virtual key",
    "gcloud": "Google access token",
    "helper": "key from a command",
}
_SCOPES = {"key": "key", "team_member": "team member", "user": "user"}
FIELDS = {
    "profile": "Profile in use.",
    "base_url": "Base URL of the proxy.",
    "signed_in": "Whether the proxy accepts the credential; null if unknown.",
    "kind": "Kind: api_key, sso, pkce, virtual_key, gcloud or helper.",
    "source": "Source: stored, config, gcloud, helper or env.",
    "storage": "Where a stored login keeps its secret: keyring or file.",
    "user_id": "User ID.",
    "user_email": "Email address of the user.",
    "team_id": "Team ID.",
    "team_alias": "Team name.",
    "role": "Role of the user; proxy_admin for the master key.",
    "expires_at": "Expiry time (UTC); null if unknown.",
    "renewable": "Whether the token is refreshed automatically.",
    "models": "Number of models that the key may use.",
    "spend": "Amount spent, in US dollars.",
    "max_budget": "Budget, in US dollars; null if unknown or unlimited.",
    "budget_reset_at": "Time of the next budget reset (UTC).",
    "proxy_version": "LiteLLM version of the proxy.",
    "shadowed": "Ignored variables.",
    "budget_scope": "Owner of the budget: key, team_member or user.",
    "routes": "Routes that the key is limited to; null if unknown or unlimited.",
    "key_alias": "Alias of the key.",
}


@command(
    "whoami",
    fields=FIELDS,
    examples="""
    # User, proxy, expiry and budget
    $ litellmctl whoami
    # In a script: sign in only if needed
    $ litellmctl whoami -q > /dev/null || litellmctl login --sso
    # Amount spent
    $ litellmctl whoami --json | jq .spend
    """,
)
@pass_app
def whoami(app: App) -> Record:
    """Show who you are signed in as.

    Exits 4 if the proxy refuses the credential, and 3 if the proxy cannot be reached. Offline, it shows what this
    machine knows.
    """
    row: dict[str, Any] = dict.fromkeys(FIELDS)
    row |= {"profile": app.profile.name, "signed_in": False, "renewable": False, "shadowed": []}
    app.connection.names_ignored = False  # they are in the data
    is_master = False
    try:
        pair = app.connection.pair
    except AuthFailure as failure:
        app.failures.append(failure)
        row["base_url"] = app.connection.known_base_url
        return Record(row, facts=_facts(row))
    row |= _known_here(app, pair)
    if not app.connection.is_offline:
        try:
            asked, is_master = _asked(app, row)
            row |= asked
        except Failure as failure:
            row["signed_in"] = False if isinstance(failure, AuthFailure) else None
            app.failures.append(failure)
    row["expires_at"] = optional_timestamp(pair.credential.expires_at) or row["expires_at"]
    ignored = app.connection.ignored()
    row["shadowed"] = list(ignored.names) if ignored else []
    where = pair.credential.origin.split(" (")[0] if pair.credential.source != "stored" else "stored login"
    unknown = app.connection.offline_reason if app.connection.is_offline else None
    return Record(row, facts=_facts(row, where, ignored, is_master=is_master, unknown=unknown))


def _known_here(app: App, pair: Pair) -> dict[str, Any]:
    """Return what is known without a request, and without opening the vault."""
    credential = pair.credential
    catalog = app.catalogs.model_cache.read()
    known = {
        "base_url": pair.base_url,
        "signed_in": None,
        "kind": credential.kind,
        "source": credential.source,
        "expires_at": None,
        "models": len(catalog.lines) if catalog else None,
    }
    if credential.source == "stored":
        from litellmctl.auth.stored_credential import StoredCredential

        assert isinstance(credential, StoredCredential)
        login = credential.login
        names = ("storage", "user_id", "user_email", "team_id", "team_alias", "key_alias")
        known |= {name: getattr(login, name) for name in names}
        known["renewable"] = login.session is not None
    return known


def _asked(app: App, known: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """Return what the proxy knows, and whether it is its master key. Raises if it does not accept the credential."""
    from litellmctl.foundation.threads import together
    from litellmctl.foundation.times import parse_time
    from litellmctl.proxy import account

    client = app.connection.client()

    team_id = known["team_id"]

    def ask(client: Client) -> tuple[account.Verified, Account, str | None]:
        verified = account.verify(client)
        found, version = together(
            lambda: account.account(client, team_id, asks_team=True), lambda: account.version(client)
        )
        return verified, found, version

    with app.console.working(f"Asking {client.base_url} ..."):
        verified, found, version = client.call(app.connection.request_seconds, ask)
    if verified.warning:
        app.console.warn(verified.warning)
    routes = verified.routes or found.routes
    facts = {
        "user_id": found.user_id,
        "user_email": found.user_email,
        "team_id": found.team_id,
        "team_alias": found.team_alias,
        "role": found.role,
        "expires_at": optional_timestamp(parse_time(found.key_expires)),
        "spend": found.spend,
        "max_budget": found.max_budget,
        "budget_reset_at": optional_timestamp(parse_time(found.budget_reset_at)),
        "proxy_version": version,
        "budget_scope": found.budget_scope,
        "routes": list(routes) if routes else None,
        "key_alias": found.key_alias,
    }
    if known["models"] is None:
        facts["models"] = verified.models
    is_master = found.is_master and known["kind"] not in {"sso", "pkce"}
    return {"signed_in": True, **{name: value for name, value in facts.items() if value is not None}}, is_master


def _facts(
    row: dict[str, Any],
    where: str = "",
    ignored: Ignored | None = None,
    *,
    is_master: bool = False,
    unknown: str | None = None,
) -> list[tuple[str, str]]:
    """Return the facts that are known, for a person.

    `where` is the variable, setting or login of the credential, `unknown` why the proxy was not asked.
    """
    state = {True: "yes", False: "no", None: f"unknown ({unknown})" if unknown else "unknown"}[row["signed_in"]]
    facts: list[tuple[str, Any]] = [("profile", row["profile"]), ("proxy", row["base_url"]), ("signed in", state)]
    if row["kind"] is not None:
        place = {"keyring": ", in the keyring", "file": ", in a file"}.get(row["storage"], "")
        kind = "master key" if is_master else _KINDS.get(row["kind"], row["kind"])
        facts.append(("credential", f"{kind} ({where}{place})"))
    facts += [
        ("key", row["key_alias"]),
        ("user", _named(row["user_email"], row["user_id"])),
        ("team", _named(row["team_alias"], row["team_id"])),
        ("role", row["role"]),
        ("expires", _expiry(row)),
        ("models", row["models"]),
        ("routes", f"only {listed(row['routes'])}" if row["routes"] else None),
        ("spent", _spent(row)),
        ("budget resets", row["budget_reset_at"]),
        ("proxy version", row["proxy_version"]),
        ("ignored variables", ignored and ignored.because),
    ]
    return [(name, clean(str(value))) for name, value in facts if value not in {None, ""}]


def _named(name: str | None, id_: str | None) -> str | None:
    return f"{name} ({id_})" if name and id_ else name or id_


def _expiry(row: dict[str, Any]) -> str | None:
    from litellmctl.foundation.times import parse_time

    end = parse_time(row["expires_at"])
    if end is None:
        return None
    left = end - time.time()
    words = f"{row['expires_at']} ({f'in {age_text(left + 59)}' if left > 0 else 'expired'})"
    return f"{words}, refreshed automatically" if row["renewable"] else words


def _spent(row: dict[str, Any]) -> str | None:
    if row["spend"] is None:
        return None
    words = _money(row["spend"])
    if row["max_budget"] is not None:
        words += f" of {_money(row['max_budget'])}"
        if row["budget_scope"]:
            words += f" (budget of the {_SCOPES[row['budget_scope']]})"
    return words


def _money(dollars: float) -> str:
    return f"${dollars:.4g}" if 0 < abs(dollars) < 0.01 else f"${dollars:,.2f}"
