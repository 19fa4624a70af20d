"""`logout`: remove a stored login."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from litellmctl.commands.base import command, pass_app
from litellmctl.errors import Failure
from litellmctl.terminal.data import Listing

if TYPE_CHECKING:
    from litellmctl.app import App
    from litellmctl.settings.config import Profile

FIELDS = {
    "profile": "Profile name.",
    "base_url": "Base URL of the proxy; null if the profile was not signed in.",
    "key_alias": "Virtual key that login created; null if none.",
    "key_deleted": "Whether that key was deleted at the proxy; null if there was none.",
}


@command(
    "logout",
    fields=FIELDS,
    examples="""
    # Sign out of the profile in use
    $ litellmctl logout
    # Sign out of all profiles, and delete the virtual keys that login created
    $ litellmctl logout --all --revoke-key
    # Which virtual keys were kept?
    $ litellmctl logout --all --json | jq '.[] | select(.key_deleted == false)'
    """,
)
@click.option("--all", "everyone", is_flag=True, help="Sign out of all profiles.")
@click.option("--revoke-key", is_flag=True, help="Delete the virtual key that login created.")
@click.option("--keep-key", is_flag=True, help="Keep the virtual key without asking.")
@pass_app
def logout(app: App, *, everyone: bool, revoke_key: bool, keep_key: bool) -> Listing | None:
    """Sign out and remove the stored login.

    The secret is removed from the keyring or file, and single sign-on that is refreshed automatically is revoked at the
    proxy. The virtual key that login created is deleted only if you confirm. The URL is kept for the next login.
    """
    from litellmctl.auth.made_key import chosen
    from litellmctl.settings.config import profile_name

    choice = chosen(revoke_key=revoke_key, keep_key=keep_key)
    logins = app.logins.read()
    names = list(logins.by_profile) if everyone else [profile_name(app.config, app.options.profile)]
    if everyone and not names:
        app.console.note("No profile is signed in.")
    rows = []
    for name in names:
        profile = _profile(app, name, known=name in logins.by_profile or name in logins.urls)
        try:
            rows.append(_sign_out(app, profile, revoke_key=choice))
        except Failure as failure:
            if len(names) == 1:
                raise
            app.failures.append(failure)
    return Listing(rows) if app.options.wants_data else None


def _profile(app: App, name: str, *, known: bool) -> Profile:
    """Return the profile; one that is no longer in the config file can be signed out too."""
    from litellmctl.settings.config import Profile

    return Profile(name, {}) if known and name not in app.config.profile_names else app.config.profile(name)


def _sign_out(app: App, profile: Profile, *, revoke_key: bool | None) -> dict[str, Any]:
    from litellmctl.auth import made_key
    from litellmctl.auth.credential import LOCAL_KEY_PREFIX
    from litellmctl.auth.login import log_out

    connection = app.connection_of(profile)
    if connection.is_offline and revoke_key is None:
        revoke_key = False  # nothing could be deleted, so nothing is asked
    done = log_out(profile.name, connection.login_store(), connection.ask, app.console, revoke_key=revoke_key)
    if done is None:
        app.console.note(f"Profile {profile.name} is not signed in.")
    else:
        app.console.done(f"Signed out of {done.login.base_url} (profile {profile.name})")
        if made_key.is_alive(done.login) and not done.deleted_key:
            app.console.note(*made_key.kept(done.login, profile.name, needs_sign_in=True))
    remaining = connection.pair_without_login
    # A relay of ours has no other login than the one that is gone.
    if remaining is not None and not (remaining.credential.at_hand() or "").startswith(LOCAL_KEY_PREFIX):
        app.console.warn(f"{remaining.credential.origin} still gives access to {remaining.base_url}")
    made = done is not None and done.login.kind == "virtual_key"
    return {
        "profile": profile.name,
        "base_url": None if done is None else done.login.base_url,
        "key_alias": done.login.key_alias if done is not None else None,
        "key_deleted": done.deleted_key if done is not None and made else None,
    }
