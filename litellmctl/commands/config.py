"""`config`: profiles and settings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from litellmctl.commands.base import FormattedGroup, command, completes, group, pass_app
from litellmctl.errors import Failure, Rejected, UsageFailure
from litellmctl.foundation.text import clean
from litellmctl.settings import environment
from litellmctl.terminal.data import Column, Listing, Row, Text

if TYPE_CHECKING:
    from litellmctl.app import App
    from litellmctl.auth.sources import KnownProxy

# settings.config is imported where it is used: --help and --version do not need it.

LIST_FIELDS = {
    "key": "Name of the setting.",
    "value": "Value; masked if it may be a secret.",
    "source": "Source: config.toml, a variable, stored login, last login or default.",
}
PROFILE_FIELDS = {
    "name": "Profile name.",
    "base_url": "Base URL of its proxy; null if unknown.",
    "signed_in": "Whether it has a stored login.",
    "default": "Whether it is the profile in use.",
}
_LIST_COLUMNS = (
    Column("KEY", lambda row: row["key"], field="key"),
    Column("VALUE", lambda row: _cell(row["value"]), field="value", least=16),
    Column("SOURCE", lambda row: row["source"], field="source", drop=1),
)
_PROFILE_COLUMNS = (
    Column("NAME", lambda row: row["name"], field="name"),
    Column("BASE URL", lambda row: _cell(row["base_url"]), field="base_url", least=16),
    Column("SIGNED IN", lambda row: _yes(row["signed_in"]), field="signed_in", drop=2),
    Column("IN USE", lambda row: _yes(row["default"]), field="default", drop=1),
)
# The sources of a URL, where a sentence needs other words than the list.
_WORDS = {"stored login": "the stored login", "last login": "the last login"}


class _ConfigGroup(FormattedGroup):
    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write all settings."""
        from litellmctl.settings.definitions import GLOBAL_KEYS, PROFILE_KEYS

        with formatter.section("Settings"):
            formatter.write_dl([(key.name, key.help) for key in (*GLOBAL_KEYS.values(), *PROFILE_KEYS.values())])
        super().format_epilog(ctx, formatter)


@group("config", cls=_ConfigGroup)
def config() -> None:
    """Show and change profiles and settings.

    A setting is profiles.NAME.KEY, or KEY alone for the profile in use. Comments in the file are kept.
    """


def _profile_name(app: App) -> str:
    """Return the chosen profile's name without requiring that it exists: `set` may be about to make it."""
    from litellmctl.settings.config import profile_name

    return profile_name(app.config, app.options.profile)


@command(
    "get",
    examples="""
    # The proxy in use
    $ litellmctl config get base_url
    # As JSON
    $ litellmctl config get profiles.work.headers --json | jq keys
    """,
)
@click.argument("key", shell_complete=completes("config keys"))
@pass_app
def get(app: App, *, key: str) -> Text:
    """Print a setting.

    base_url is the URL in use, which may come from a login or a variable.
    """
    from litellmctl.settings.definitions import shown
    from litellmctl.settings.edit import find, locate

    address = locate(key, _profile_name(app))
    value = find(app.config, address)
    if address.key.name == "base_url":
        known = _known_proxy(app, address.table[1])
        if known is not None:
            if known.source != "config.toml" and app.console.stderr_is_terminal:
                app.console.note(f"from {_WORDS.get(known.source, known.source)}")
            value = known.base_url
    if value is None:
        value = address.key.default
    if value is None:
        raise Rejected("not_found", f"{address.full} is not set", remedy=f"litellmctl config set {address.full} VALUE")
    return Text(_text(shown(address.key, value)))


def _known_proxy(app: App, name: str) -> KnownProxy | None:
    """Return the proxy that a profile uses, and where its URL is from; --base-url is about the profile in use."""
    from litellmctl.settings.config import Profile

    profile = app.config.profile(name) if name in app.config.profile_names else Profile(name, {})
    in_use = name == _profile_name(app)
    return app.connection_of(profile, app.options if in_use else app.options.replaced(base_url=None)).known_proxy


@command(
    "set",
    examples="""
    # A second proxy, with its key in a variable
    $ litellmctl config set profiles.work.base_url https://llm.example.com
    $ litellmctl config set profiles.work.api_key '$WORK_KEY'
    # Use it by default
    $ litellmctl config set default_profile work
    $ litellmctl config list --json | jq
    """,
)
@click.argument("key", shell_complete=completes("config keys"))
@click.argument("value")
@pass_app
def set_(app: App, *, key: str, value: str) -> None:
    """Change a setting.

    api_key takes only a reference: '$NAME' for a variable, '!command' for a command that prints the key.
    """
    from litellmctl.settings.definitions import shown
    from litellmctl.settings.edit import find, locate, set_value

    address = locate(key, _profile_name(app))
    if address.full == "default_profile":
        app.config.profile(value)
    before = find(app.config, address)
    stored = set_value(app.config, address, value)
    words = _text(shown(address.key, stored))
    if before == stored:
        app.console.note(f"{address.full} is already {words}")
    else:
        app.console.done(f"Set {address.full} to {words} in {app.config.path}")
    variable = environment.get("LITELLMCTL_PROFILE")
    if address.full == "default_profile" and variable not in {None, stored}:
        app.console.warn(f"LITELLMCTL_PROFILE={variable} overrides default_profile (unset LITELLMCTL_PROFILE)")
    if address.key.name == "base_url":
        _warn_of_login(app, address.table[1], stored)


def _warn_of_login(app: App, name: str, base_url: str) -> None:
    """Say that a stored login at another proxy stays in use."""
    from litellmctl.auth.login_file import login_command

    login = app.logins.login(name)
    if login is not None and login.base_url != base_url:
        app.console.warn(
            f"profile {name} is signed in to {login.base_url}, which stays in use "
            f"({login_command(name)} --base-url {base_url} signs in to the new URL)"
        )


@command(
    "unset",
    examples="""
    # Remove a setting
    $ litellmctl config unset profiles.work.ca_bundle
    # Remove a whole profile
    $ litellmctl config unset profiles.work
    $ litellmctl config list --profiles --json | jq
    """,
)
@click.argument("key", shell_complete=completes("config keys"))
@pass_app
def unset(app: App, *, key: str) -> None:
    """Remove a setting, or a whole profile (profiles.NAME)."""
    from litellmctl.settings.edit import is_last, locate, remove_profile, unset_value

    parts = key.split(".")
    if parts[0] == "profiles" and len(parts) == 2:
        _require_signed_out(app, parts[1])
        name, removed = key, remove_profile(app.config, parts[1])
    else:
        address = locate(key, _profile_name(app))
        if is_last(app.config, address):  # the profile would go with it
            _require_signed_out(app, address.table[1])
        name, removed = address.full, unset_value(app.config, address)
    if removed:
        app.console.done(f"Removed {name} from {app.config.path}")
    else:
        app.console.note(f"{name} is not set.")


def _require_signed_out(app: App, profile: str) -> None:
    """Refuse to remove a profile whose login would remain, with its secret, where no command can name it."""
    from litellmctl.settings.definitions import DEFAULT_PROFILE

    login = None if profile == DEFAULT_PROFILE else app.logins.read().by_profile.get(profile)
    if login is not None:
        raise Rejected(
            "rejected",
            f"profile {profile} is signed in to {login.base_url}",
            remedy=f"litellmctl logout --profile {profile}",
        )


@command(
    "list",
    fields=LIST_FIELDS | PROFILE_FIELDS,
    columns=(*_LIST_COLUMNS, *_PROFILE_COLUMNS),
    examples="""
    # All settings and their sources
    $ litellmctl config list
    # The proxies of all profiles
    $ litellmctl config list --profiles --json | jq -r '.[].base_url'
    """,
)
@click.option("--profiles", is_flag=True, help="List profiles instead of settings.")
@pass_app
def list_(app: App, *, profiles: bool) -> Listing:
    """List the settings, or the profiles."""
    rows = list(_profiles(app) if profiles else _settings(app))
    known = PROFILE_FIELDS if profiles else LIST_FIELDS
    for name in app.options.fields or ():
        if name not in known:
            raise UsageFailure(f'--fields: unknown field "{name}"', remedy=f"use {', '.join(known)}")
    app.returned_fields = list(known)
    return Listing(rows, _PROFILE_COLUMNS if profiles else _LIST_COLUMNS)


def _settings(app: App) -> Iterator[Row]:
    table = app.config.table
    variable = environment.get("LITELLMCTL_PROFILE")
    yield {
        "key": "default_profile",
        "value": variable or app.config.default_profile,
        "source": "LITELLMCTL_PROFILE" if variable else _source("default_profile" in table),
    }
    for name in app.config.profile_names:
        yield from _settings_of(app, name, table.get("profiles", {}).get(name, {}))


def _settings_of(app: App, name: str, settings: dict[str, Any]) -> Iterator[Row]:
    from litellmctl.settings.definitions import PROFILE_KEYS, shown

    in_use = name == _profile_name(app)
    for key in PROFILE_KEYS.values():
        full = f"profiles.{name}.{key.name}"
        value = settings.get(key.name)
        known = None
        if key.name == "base_url":
            with suppress(Failure):  # a URL that is not valid is listed as it is
                known = _known_proxy(app, name)
        if known is not None and known.source != "config.toml":
            yield {"key": full, "value": known.base_url, "source": known.source}
        elif isinstance(value, dict):
            for header, text in value.items():
                yield {"key": f"{full}.{header}", "value": shown(key, text), "source": _source(there=True)}
        elif key.name in settings:
            yield {"key": full, "value": shown(key, value), "source": _source(there=True)}
        elif in_use and key.default is not None:
            yield {"key": full, "value": key.default, "source": "default"}


def _source(there: bool) -> str:
    return "config.toml" if there else "default"


def _profiles(app: App) -> Iterator[Row]:
    # The name alone: this list is what helps where the chosen profile does not exist.
    current = _profile_name(app)
    logins = app.logins.read()
    for name in app.config.profile_names:
        known = _known_proxy(app, name)
        yield {
            "name": name,
            "base_url": None if known is None else known.base_url,
            "signed_in": name in logins.by_profile,
            "default": name == current,
        }


@command(
    "path",
    examples="""
    # The config file
    $ litellmctl config path
    # As JSON
    $ litellmctl config path --json | jq -r .
    """,
)
@pass_app
def path(app: App) -> Text:
    """Print the path of the config file, which may not exist yet."""
    return Text(app.config.path)


def _cell(value: Any) -> str:
    return "-" if value is None else _text(value)


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "\n".join(f"{name}={text}" for name, text in value.items())
    return clean(str(value))


for _command in (get, set_, unset, list_, path):
    config.add_command(_command)
