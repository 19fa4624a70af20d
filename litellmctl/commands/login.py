"""`login`: sign in to a proxy, and stay signed in."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import click

from litellmctl.auth.sign_in_choices import FLOWS, Choices
from litellmctl.auth.vault import STORAGES
from litellmctl.commands.base import command, pass_app
from litellmctl.errors import Failure, UsageFailure
from litellmctl.foundation.text import counted
from litellmctl.foundation.times import age_text, timestamp
from litellmctl.settings import environment

if TYPE_CHECKING:
    from litellmctl.app import App
    from litellmctl.auth.login import LoggedIn
    from litellmctl.catalogs import Catalogs
    from litellmctl.connection import Connection
    from litellmctl.options import Options
    from litellmctl.settings.config import Profile

KINDS = {
    "api_key": "API key",
    "sso": "single sign-on",
    "pkce": "single sign-on by PKCE",
    "virtual_key": "virtual key",
}


@command(
    "login",
    examples="""
    # Answer the questions
    $ litellmctl login
    # Single sign-on; over SSH the link works in any browser
    $ litellmctl login --sso --base-url https://llm.example.com
    # In a script, with a key from somewhere safe
    $ op read op://team/litellm/key | litellmctl login --with-token --base-url https://llm.example.com
    # A second proxy; and which ones there are
    $ litellmctl login --profile work && litellmctl config list --profiles --json | jq
    """,
)
@click.option("--sso", is_flag=True, help="Sign in with single sign-on, in a browser.")
@click.option("--with-token", is_flag=True, help="Read an API key or token from stdin; ask for it on a terminal.")
@click.option(
    "--flow",
    metavar="FLOW",
    type=click.Choice(FLOWS),
    help="Force a kind of single sign-on: pkce, device or paste.",
)
@click.option("--no-browser", is_flag=True, help="Print the link, and open no browser.")
@click.option(
    "--callback-port",
    metavar="PORT",
    type=click.IntRange(1, 65535),
    help="Let the browser come back to this port of 127.0.0.1 (a free one).",
)
@click.option("--team", metavar="ID", help="Sign in with this team, where you are in several.")
@click.option(
    "--virtual-key/--no-virtual-key",
    default=None,
    help="Make a virtual key after single sign-on and store that instead, or don't ask.",
)
@click.option(
    "--storage",
    metavar="WHERE",
    type=click.Choice(STORAGES),
    help="Keep the secret in the keyring or in a file (the keyring where there is one).",
)
@pass_app
def login(app: App, /, **options: Any) -> None:
    """Sign in to a proxy once, and store that for the profile.

    Without --sso or --with-token it asks. The key or token is verified first; then it is kept in the operating
    system's keyring, or where there is none in a file that only you may read, and is renewed where that can be done.
    """
    from litellmctl.auth.flows import SignIn
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
    if not (choices.sso or choices.with_token or app.console.can_prompt):
        raise UsageFailure(
            "how you sign in cannot be asked here",
            remedy="pass --sso, or --with-token and give the key on stdin",
            code="input_required",
        )
    profile, is_new = _profile(app)
    connection = app.connection_of(profile)
    connection.require_online("login")
    _ = app.catalogs_of(connection).discovery_seconds  # a bad setting is told before anything is stored
    base_url = _base_url(app, connection, asks=not (choices.sso or choices.with_token))
    connection.require_secure(base_url)
    done = log_in(
        profile.name,
        SignIn(app.console, connection.connect(base_url), choices, connection.request_seconds),
        connection.login_store(),
        connection.ask,
        app.console,
        virtual_key=options["virtual_key"],
        storage=options["storage"],
    )
    if is_new:
        profile = _made(app, profile.name, base_url)
        app.console.note(f"Made the profile {profile.name}.")
    signed_in = app.connection_of(profile, _options_of_login(app))
    catalogs = app.catalogs_of(signed_in)
    models = _count_of_models(app, catalogs, done)
    catalogs.refresh_tools()
    _report(app, done, models)
    signed_in.note_shadowed()


def _options_of_login(app: App) -> Options:
    """Return the options for going on with the login that was stored."""
    # It goes first by itself; insisting on it would hide which variables lose.
    return app.options.replaced(base_url=None, auth="stored" if environment.get("LITELLMCTL_AUTH") else None)


def _profile_words(app: App) -> list[str]:
    return ["--profile", app.options.profile] if app.options.profile else []


def _means_sso(options: dict[str, Any]) -> bool:
    """Whether single sign-on was asked for, by its own option or by one that only it has."""
    named = ["--sso"] if options["sso"] else []
    others = ("flow", "no_browser", "callback_port", "team")
    named += [f"--{option.replace('_', '-')}" for option in others if options[option]]
    if named and options["with_token"]:
        raise UsageFailure(f"--with-token does not go with {named[0]}", remedy="leave out one of the two")
    return bool(named)


def _profile(app: App) -> tuple[Profile, bool]:
    """Return the profile that signs in, and whether it is a new one."""
    from litellmctl.settings.config import Profile, profile_name
    from litellmctl.settings.definitions import PROFILE_NAME

    name = profile_name(app.config, app.options.profile)
    if name in app.config.profile_names:
        return app.config.profile(name), False
    if not re.fullmatch(PROFILE_NAME, name):
        raise UsageFailure(f'"{name}" is not a profile name', remedy="use letters, digits, - and _")
    return Profile(name, {}), True


def _base_url(app: App, connection: Connection, *, asks: bool) -> str:
    """Return the proxy to sign in to: the one that was named, or the known one, which a person may correct."""
    from litellmctl.foundation.urls import is_loopback, normalize

    known = connection.known_base_url
    if known is not None and (app.options.base_url is not None or not (asks and app.console.can_prompt)):
        return known
    while True:
        typed = app.console.ask("Proxy URL", flag="--base-url URL", default=known)
        if "://" not in typed:  # as people say it
            scheme = "http" if is_loopback(f"http://{typed}") else "https"
            typed = f"{scheme}://{typed}"
        try:
            return normalize(typed, named="this")
        except UsageFailure as failure:
            app.console.warn(f"{failure.message}{f' ({failure.remedy})' if failure.remedy else ''}")


def _made(app: App, name: str, base_url: str) -> Profile:
    """Write the new profile into the config file, which is what makes it one."""
    from litellmctl.settings.config import Config
    from litellmctl.settings.edit import locate, set_value

    set_value(app.config, locate(f"profiles.{name}.base_url", name), base_url)
    return Config(app.config.path).profile(name)


def _count_of_models(app: App, catalogs: Catalogs, done: LoggedIn) -> str:
    """Fetch the models, and say how many there are; the login is good without."""
    count, listed = done.models, done.models
    if catalogs.discovery_seconds > 0:
        try:
            catalog = catalogs.fetch_models()
            count, listed = len(catalog.lines), catalog.listed
        except Failure as failure:
            app.console.warn(f"the models could not be listed: {failure.message}")
    if count is None:
        return ""
    others = f", {listed} of them for chat" if listed != count else ""
    return f"{counted(count, 'model')}{others}. "


def _report(app: App, done: LoggedIn, models: str) -> None:
    entry = done.login
    team = entry.team_alias or entry.team_id
    who = f" as {done.who}" if done.who else ""
    app.console.done(f"Signed in to {entry.base_url}{who}{f', team {team}' if team else ''} ({KINDS[entry.kind]})")
    until = ""
    if entry.expires_at is not None:
        left = age_text(max(0.0, entry.expires_at - time.time() + 59))
        until = f", good until {timestamp(entry.expires_at)} ({left})"
    renewed = ", and renewed by itself" if entry.session is not None else ""
    app.console.note(f"{models}The secret is in {done.where}{until}{renewed}.")
