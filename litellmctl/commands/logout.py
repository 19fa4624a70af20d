"""`logout`: forget a stored login."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from litellmctl.commands.base import command, pass_app
from litellmctl.errors import Failure

if TYPE_CHECKING:
    from litellmctl.app import App
    from litellmctl.settings.config import Profile


@command(
    "logout",
    examples="""
    # Sign the profile in use out
    $ litellmctl logout
    # All of them, and delete the virtual keys that login made
    $ litellmctl logout --all --revoke-key
    # Who is still signed in?
    $ litellmctl config list --profiles --json | jq '.[] | select(.signed_in)'
    """,
)
@click.option("--all", "everyone", is_flag=True, help="Sign all profiles out.")
@click.option("--revoke-key", is_flag=True, help="Delete the virtual key that login made, at the proxy.")
@pass_app
def logout(app: App, *, everyone: bool, revoke_key: bool) -> None:
    """Forget the stored login of the profile.

    Its secret is removed from the keyring or file, and a sign-in by PKCE is revoked at the proxy. The URL is kept for
    the next login.
    """
    from litellmctl.settings.config import profile_name

    logins = app.logins.read()
    names = list(logins.by_profile) if everyone else [profile_name(app.config, app.options.profile)]
    if everyone and not names:
        app.console.note("No profile is signed in.")
    for name in names:
        profile = _profile(app, name, known=name in logins.by_profile or name in logins.urls)
        try:
            _sign_out(app, profile, revoke_key=revoke_key)
        except Failure as failure:
            if len(names) == 1:
                raise
            app.failures.append(failure)


def _profile(app: App, name: str, *, known: bool) -> Profile:
    """Return the profile, also one that has gone from the config file but was signed in."""
    from litellmctl.settings.config import Profile

    return Profile(name, {}) if known and name not in app.config.profile_names else app.config.profile(name)


def _sign_out(app: App, profile: Profile, *, revoke_key: bool) -> None:
    from litellmctl.auth.login import log_out

    connection = app.connection_of(profile)
    login = log_out(profile.name, connection.login_store(), connection.ask, app.console, revoke_key=revoke_key)
    if login is None:
        app.console.note(f"Profile {profile.name} is not signed in.")
    else:
        app.console.done(f"Signed out of {login.base_url} (profile {profile.name})")
    remaining = connection.pair_without_login
    if remaining is not None:
        app.console.warn(f"{remaining.credential.origin} still signs in to {remaining.base_url}")
