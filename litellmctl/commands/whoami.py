"""`whoami`: which credential is in use, whose it is, and what it may spend."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from litellmctl.commands.base import command, pass_app
from litellmctl.commands.login import KINDS
from litellmctl.errors import AuthFailure, Failure
from litellmctl.foundation.text import clean
from litellmctl.foundation.times import age_text, optional_timestamp
from litellmctl.terminal.render import Record, fact_lines

if TYPE_CHECKING:
    from litellmctl.app import App
    from litellmctl.auth.credential import Pair
    from litellmctl.proxy.account import Account
    from litellmctl.proxy.client import Client

FIELDS = {
    "profile": "The profile in use.",
    "base_url": "Its proxy.",
    "signed_in": "Whether the proxy takes the credential; null where it could not be asked.",
    "kind": "What it is: api_key, sso, pkce, virtual_key, gcloud, helper.",
    "source": "Where it is from: stored, config, gcloud, helper, env.",
    "storage": "Where a stored one's secret lies: keyring or file.",
    "user_id": "Whose it is.",
    "user_email": "Their address.",
    "team_id": "The team that it is for.",
    "team_alias": "The team's name.",
    "role": "The user's role at the proxy.",
    "expires_at": "Until when it is good, in UTC; null where nobody said.",
    "renewable": "Whether it is renewed by itself.",
    "models": "How many models it may use.",
    "spend": "What was spent, in US dollars.",
    "max_budget": "What may be spent, in US dollars.",
    "budget_reset_at": "When spending starts anew.",
    "proxy_version": "The proxy's version.",
    "shadowed": "The variables that are set and not used.",
}


@command(
    "whoami",
    fields=FIELDS,
    examples="""
    # Who am I, where, until when, and what is left to spend?
    $ litellmctl whoami
    # In a script: sign in again only where that is needed
    $ litellmctl whoami -q > /dev/null || litellmctl login --sso
    # What is spent
    $ litellmctl whoami --json | jq .spend
    """,
)
@pass_app
def whoami(app: App) -> Record:
    """Show who is signed in where, with what, and until when.

    The proxy is asked; it exits 4 where it refuses the credential, and 3 where it cannot be asked. Offline, what is
    known here is told.
    """
    row: dict[str, Any] = dict.fromkeys(FIELDS)
    row |= {"profile": app.profile.name, "signed_in": False, "renewable": False, "shadowed": []}
    try:
        pair = app.connection.pair
    except AuthFailure as failure:
        app.failures.append(failure)
        row["base_url"] = app.connection.known_base_url
        return Record(row, "\n".join(_lines(row)))
    row |= _known_here(app, pair)
    if not app.connection.is_offline:
        try:
            row |= _asked(app, row)
        except Failure as failure:
            row["signed_in"] = False if isinstance(failure, AuthFailure) else None
            app.failures.append(failure)
    row["expires_at"] = optional_timestamp(pair.credential.expires_at) or row["expires_at"]
    return Record(row, "\n".join(_lines(row)))


def _known_here(app: App, pair: Pair) -> dict[str, Any]:
    """Return what is known without the network, and without opening the vault."""
    credential = pair.credential
    catalog = app.catalogs.model_cache.read()
    known = {
        "base_url": pair.base_url,
        "signed_in": None,
        "kind": credential.kind,
        "source": credential.source,
        "expires_at": None,
        "models": len(catalog.lines) if catalog else None,
        "shadowed": list(pair.shadowed),
    }
    if credential.source == "stored":
        from litellmctl.auth.stored_credential import StoredCredential

        assert isinstance(credential, StoredCredential)
        login = credential.login
        known |= {name: getattr(login, name) for name in ("storage", "user_id", "user_email", "team_id", "team_alias")}
        known["renewable"] = login.session is not None
    return known


def _asked(app: App, known: dict[str, Any]) -> dict[str, Any]:
    """Return what the proxy tells; raises where it does not take the credential."""
    from litellmctl.foundation.threads import together
    from litellmctl.foundation.times import parse_time
    from litellmctl.proxy import account

    client = app.connection.client()

    team_id = known["team_id"]

    def ask(client: Client) -> tuple[account.Verified, Account, str | None]:
        verified = account.verify(client)
        told, version = together(lambda: account.account(client, team_id), lambda: account.version(client))
        return verified, told, version

    with app.console.working(f"Asking {client.base_url} ..."):
        verified, told, version = client.call(app.connection.request_seconds, ask)
    if verified.warning:
        app.console.warn(verified.warning)
    facts = {
        "user_id": told.user_id,
        "user_email": told.user_email,
        "team_id": told.team_id,
        "team_alias": told.team_alias,
        "role": told.role,
        "expires_at": optional_timestamp(parse_time(told.key_expires)),
        "spend": told.spend,
        "max_budget": told.max_budget,
        "budget_reset_at": optional_timestamp(parse_time(told.budget_reset_at)),
        "proxy_version": version,
    }
    if known["models"] is None:
        facts["models"] = verified.models
    return {"signed_in": True, **{name: value for name, value in facts.items() if value is not None}}


def _lines(row: dict[str, Any]) -> list[str]:
    """Return the facts that are known, for a person."""
    state = {True: "yes", False: "no", None: "not known: the proxy was not asked"}[row["signed_in"]]
    facts: list[tuple[str, Any]] = [("profile", row["profile"]), ("proxy", row["base_url"]), ("signed in", state)]
    if row["kind"] is not None:
        place = {"keyring": ", in the keyring", "file": ", in a file"}.get(row["storage"], "")
        facts.append(("with", f"{KINDS.get(row['kind'], row['kind'])} ({row['source']}{place})"))
    alias = row["team_alias"]
    facts += [
        ("user", " ".join(filter(None, [row["user_email"], f"({row['user_id']})" if row["user_id"] else None]))),
        ("team", f"{alias} ({row['team_id']})" if alias else row["team_id"]),
        ("role", row["role"]),
        ("good until", _until(row)),
        ("models", row["models"]),
        ("spent", _spent(row)),
        ("proxy version", row["proxy_version"]),
        ("not used", ", ".join(row["shadowed"])),
    ]
    return fact_lines([(name, clean(str(value))) for name, value in facts if value not in {None, ""}])


def _until(row: dict[str, Any]) -> str | None:
    from litellmctl.foundation.times import parse_time

    end = parse_time(row["expires_at"])
    if end is None:
        return None
    left = end - time.time()
    words = f"{row['expires_at']} ({age_text(left + 59) if left > 0 else 'over'})"
    return f"{words}, renewed by itself" if row["renewable"] else words


def _spent(row: dict[str, Any]) -> str | None:
    if row["spend"] is None:
        return None
    words = f"${row['spend']:.4g}"
    if row["max_budget"] is not None:
        words += f" of ${row['max_budget']:.10g}"
    if row["budget_reset_at"] is not None:
        words += f", starts anew {row['budget_reset_at']}"
    return words
