"""`login`: sign in to a proxy, and stay signed in."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import click

from litellmctl.auth.sign_in_choices import FLOWS, Choices
from litellmctl.auth.vault import STORAGES
from litellmctl.commands.base import command, pass_app
from litellmctl.commands.whoami import FIELDS as ACCOUNT_FIELDS
from litellmctl.errors import ConfigFailure, Failure, Unavailable, UsageFailure
from litellmctl.foundation.text import counted
from litellmctl.foundation.times import age_text, optional_timestamp, timestamp
from litellmctl.settings import environment
from litellmctl.settings.definitions import DEFAULT_PROFILE
from litellmctl.terminal.data import Record

if TYPE_CHECKING:
    from litellmctl.app import App
    from litellmctl.auth.flows import SignIn
    from litellmctl.auth.login import LoggedIn
    from litellmctl.catalogs import Catalogs
    from litellmctl.connection import Connection
    from litellmctl.options import Options
    from litellmctl.settings.config import Profile

# The fields of whoami that a login knows.
FIELDS = {
    name: ACCOUNT_FIELDS[name]
    for name in (
        *("profile", "base_url", "signed_in", "kind", "source", "storage", "user_id", "user_email", "team_id"),
        *("team_alias", "role", "expires_at", "renewable", "models", "shadowed"),
    )
}


@command(
    "login",
    fields=FIELDS,
    examples="""
    # Answer the questions
    $ litellmctl login
    # Single sign-on; over SSH, open the link in any browser
    $ litellmctl login llm.example.com --sso
    # In a script, with a key from a password manager
    $ op read op://work/llm/key | litellmctl login llm.example.com --with-token
    # A virtual key that expires, for a machine without a browser
    $ litellmctl login --sso --virtual-key --expires 30d
    # A second proxy, and the user's ID there
    $ litellmctl login --profile work --json | jq -r .user_id
    """,
)
@click.argument("url", metavar="[URL]", required=False)
@click.option("--sso", is_flag=True, help="Sign in with single sign-on, in a browser.")
@click.option("--with-token", is_flag=True, help="Read an API key or token from stdin.")
@click.option("--flow", metavar="FLOW", type=click.Choice(FLOWS), help="Kind of single sign-on: pkce, device or paste.")
@click.option("--no-browser", is_flag=True, help="Print the link without opening a browser.")
@click.option(
    "--callback-port",
    metavar="PORT",
    type=click.IntRange(1, 65535),
    help="Port for the browser callback (default: any free port).",
)
@click.option("--team", metavar="ID", help="Team to sign in with, by ID or name.")
@click.option(
    "--virtual-key/--no-virtual-key",
    default=None,
    help="Create a virtual key after single sign-on, and save that.",
)
@click.option("--expires", metavar="DURATION", help="Lifetime of the new virtual key, such as 12h or 30d.")
@click.option("--revoke-key", is_flag=True, help="Delete the virtual key of the replaced login.")
@click.option("--keep-key", is_flag=True, help="Keep the virtual key of the replaced login.")
@click.option(
    "--storage",
    metavar="WHERE",
    type=click.Choice(STORAGES),
    help="Where to save the secret: keyring (default) or file.",
)
@pass_app
def login(app: App, /, url: str | None, **options: Any) -> Record | None:
    """Sign in to a proxy and save the login.

    Without --sso or --with-token it asks how. The key or token is checked first, and then saved in the operating
    system's keyring, or without one in a file that only you can read. Single sign-on with a browser on this machine is
    refreshed automatically.
    """
    from litellmctl.auth import made_key
    from litellmctl.auth.login import log_in

    choices = Choices(
        sso=_means_sso(options),
        with_token=options["with_token"],
        flow=options["flow"],
        opens_browser=not options["no_browser"],
        callback_port=options["callback_port"] or 0,
        team=options["team"],
        again=" ".join(["litellmctl login --sso", *_profile_words(app)]),
    )
    expires = _expires(options)
    revoke_key = made_key.chosen(revoke_key=options["revoke_key"], keep_key=options["keep_key"])
    if not (choices.sso or choices.with_token or app.console.can_prompt):
        raise app.console.cannot_ask("how to sign in", "pass --sso or --with-token")
    _take_url(app, url)
    profile, is_new = _profile(app)
    connection = app.connection_of(profile)
    connection.require_online("login")
    _ = app.catalogs_of(connection).discovery_seconds  # a bad setting is an error before anything is stored
    sign_in = _sign_in(app, connection, choices)
    done = log_in(
        profile.name,
        sign_in,
        connection.login_store(),
        connection.ask,
        app.console,
        virtual_key=options["virtual_key"],
        expires=expires,
        storage=options["storage"],
        revoke_key=revoke_key,
    )
    if is_new:
        profile = _made(app, profile.name, done.login.base_url)
        variable = "" if app.options.profile else " (LITELLMCTL_PROFILE)"
        app.console.note(f"Created profile {profile.name}{variable}.")
    signed_in = app.connection_of(profile, _options_of_login(app))
    signed_in.names_expiry = False  # the report does
    catalogs = app.catalogs_of(signed_in)
    models = _count_of_models(app, catalogs, done)
    catalogs.refresh_tools()
    signed_in.note_shadowed()
    _report(app, profile.name, done, models)
    return Record(_row(profile.name, signed_in, done, models)) if app.options.wants_data else None


def _expires(options: dict[str, Any]) -> str | None:
    """Return the lifetime of the virtual key, which --virtual-key has to ask for."""
    from litellmctl.auth.made_key import checked_duration

    if options["expires"] is None:
        return None
    if not options["virtual_key"]:
        raise UsageFailure("--expires needs --virtual-key", remedy="pass --virtual-key too")
    return checked_duration(options["expires"])


def _take_url(app: App, url: str | None) -> None:
    """Let the argument be the proxy of this run; it has to agree with --base-url."""
    if url is None:
        return
    from litellmctl.auth.proxy_url import typed_base_url
    from litellmctl.foundation.urls import normalize

    found = typed_base_url(url)
    other = app.options.base_url
    if other is not None and normalize(other, named="--base-url") != found:
        raise UsageFailure("the URL and --base-url name different proxies", remedy="pass only one of them")
    app.options = app.options.replaced(base_url=found)


def _options_of_login(app: App) -> Options:
    """Return the options for using the login that was stored."""
    # It comes first by itself; insisting on it would hide which variables are ignored.
    return app.options.replaced(base_url=None, auth="stored" if environment.get("LITELLMCTL_AUTH") else None)


def _profile_words(app: App) -> list[str]:
    return ["--profile", app.options.profile] if app.options.profile else []


def _means_sso(options: dict[str, Any]) -> bool:
    """Whether single sign-on was chosen, by its own option or by one that only it has."""
    if options["team"] is not None and not options["team"].strip():
        raise UsageFailure("--team is empty", remedy="pass the ID or name of a team")
    named = ["--sso"] if options["sso"] else []
    others = ("flow", "no_browser", "callback_port", "team")
    named += [f"--{option.replace('_', '-')}" for option in others if options[option]]
    if named and options["with_token"]:
        raise UsageFailure(f"use only one of --with-token, {named[0]}", remedy=f"pass --with-token or {named[0]}")
    return bool(named)


def _profile(app: App) -> tuple[Profile, bool]:
    """Return the profile to sign in to, and whether it is a new one."""
    from litellmctl.settings.config import Profile, profile_name
    from litellmctl.settings.definitions import PROFILE_NAME

    name = profile_name(app.config, app.options.profile)
    if name in app.config.profile_names:
        return app.config.profile(name), False
    if not re.fullmatch(PROFILE_NAME, name):
        raise UsageFailure(f'"{name}" is not a valid profile name', remedy="use letters, digits, - and _")
    return Profile(name, {}), True


def _sign_in(app: App, connection: Connection, choices: Choices) -> SignIn:
    """Return the sign-in at the proxy that was named, else at the known one, which a person may correct."""
    from litellmctl.auth.flows import SignIn
    from litellmctl.auth.proxy_url import typed_base_url

    def at(base_url: str) -> SignIn:
        connection.require_secure(base_url)
        return SignIn(app.console, connection.connect(base_url), choices, connection.request_seconds)

    known = connection.known_base_url
    asks = app.console.can_prompt and not (choices.sso or choices.with_token)
    if known is not None and (app.options.base_url is not None or not asks):
        return at(known)
    if not app.console.can_prompt:
        way = "--sso" if choices.sso else "--with-token"
        raise app.console.cannot_ask("for the proxy's URL", f"litellmctl login https://HOST {way}")
    while True:
        typed = app.console.ask("Proxy URL", flag="--base-url URL", default=known)
        try:
            sign_in = at(typed_base_url(typed))
            sign_in.look()
        except ConfigFailure:
            raise
        except (UsageFailure, Unavailable) as failure:
            app.console.warn(f"{failure.message}{f' ({failure.remedy})' if failure.remedy else ''}")
        else:
            return sign_in


def _made(app: App, name: str, base_url: str) -> Profile:
    """Write the new profile into the config file, and return it."""
    from litellmctl.settings.config import Config
    from litellmctl.settings.edit import locate, set_value

    set_value(app.config, locate(f"profiles.{name}.base_url", name), base_url)
    return Config(app.config.path).profile(name)


def _count_of_models(app: App, catalogs: Catalogs, done: LoggedIn) -> tuple[int | None, int | None]:
    """Return how many models there are, and how many of them are listed; None is unknown, without harm to the login."""
    if catalogs.discovery_seconds > 0:
        try:
            catalog = catalogs.fetch_models()
        except Failure as failure:
            app.console.warn(f"cannot list the models: {failure.message}")
        else:
            return len(catalog.lines), catalog.listed
    return done.models, done.models


def _report(app: App, profile: str, done: LoggedIn, models: tuple[int | None, int | None]) -> None:
    """Say what was saved, on stderr; the last line is who is signed in, where."""
    entry, console = done.login, app.console
    count, listed = models
    facts = []
    if count is not None:
        facts.append(counted(count, "model") + (f", {listed} of them for chat" if listed != count else ""))
    if entry.session is not None:
        facts.append("the login is refreshed automatically")
    elif entry.expires_at is not None:
        left = age_text(max(0.0, entry.expires_at - time.time() + 59))
        facts.append(f"the login expires in {left} ({timestamp(entry.expires_at)})")
    if facts:
        said = "; ".join(facts)
        console.note(f"{said[:1].upper()}{said[1:]}.")
    team = entry.team_alias or entry.team_id
    who = f" as {done.who}" if done.who else ""
    named = "" if profile == DEFAULT_PROFILE else f"profile {profile}, "
    console.done(f"Signed in to {entry.base_url}{who}{f', team {team}' if team else ''} ({named}{entry.storage})")
    if done.is_first and console.stdout_is_terminal:
        console.hint(f"Next: litellmctl models{f' --profile {profile}' if named else ''}")


def _row(profile: str, connection: Connection, done: LoggedIn, models: tuple[int | None, int | None]) -> dict[str, Any]:
    """Return the login as `whoami` shows it."""
    entry = done.login
    ignored = connection.ignored()
    return {
        **{name: getattr(entry, name, None) for name in FIELDS},  # first, so that the order is that of the help
        "profile": profile,
        "signed_in": True,
        "source": "stored",
        "role": done.owner.role,
        "expires_at": optional_timestamp(entry.expires_at),
        "renewable": entry.session is not None,
        "models": models[0],
        "shadowed": list(ignored.names) if ignored else [],
    }
