"""`config`: profiles and settings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from litellmctl.commands.base import FormattedGroup, command, completes, group, pass_app
from litellmctl.errors import Rejected, UsageFailure
from litellmctl.foundation.text import clean
from litellmctl.settings import environment
from litellmctl.terminal.render import Listing, Row, Text

if TYPE_CHECKING:
    from litellmctl.app import App

# settings.config is imported where it is used: --help and --version do not need it.

LIST_FIELDS = {
    "key": "The setting's name.",
    "value": "Its value; a literal that can be a secret is masked.",
    "source": "Where it comes from: config.toml, a variable, or default.",
}
PROFILE_FIELDS = {
    "name": "The profile's name.",
    "base_url": "Its proxy.",
    "signed_in": "Whether it has a stored login.",
    "default": "Whether it is used where nobody chooses one.",
}


class _ConfigGroup(FormattedGroup):
    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the settings there are."""
        from litellmctl.settings.definitions import GLOBAL_KEYS, PROFILE_KEYS

        with formatter.section("Settings"):
            formatter.write_dl([(key.name, key.help) for key in (*GLOBAL_KEYS.values(), *PROFILE_KEYS.values())])
        super().format_epilog(ctx, formatter)


@group("config", cls=_ConfigGroup)
def config() -> None:
    """Read and change profiles and settings.

    A setting is named profiles.NAME.KEY, or KEY alone for the profile in use. Comments in the file are kept.
    """


def _profile_name(app: App) -> str:
    """Return the chosen profile's name without requiring that it exists: `set` may be about to make it."""
    from litellmctl.settings.config import profile_name

    return profile_name(app.config, app.options.profile)


@command(
    "get",
    examples="""
    # The proxy of the profile in use
    $ litellmctl config get base_url
    # As JSON
    $ litellmctl config get profiles.work.headers --json | jq keys
    """,
)
@click.argument("key", shell_complete=completes("config keys"))
@pass_app
def get(app: App, *, key: str) -> Text:
    """Print a setting."""
    from litellmctl.settings.definitions import shown
    from litellmctl.settings.edit import find, locate

    address = locate(key, _profile_name(app))
    value = find(app.config, address)
    if value is None:
        value = address.key.default
    if value is None:
        raise Rejected("not_found", f"{address.full} is not set", remedy=f"litellmctl config set {address.full} VALUE")
    return Text(_text(shown(address.key, value)))


@command(
    "set",
    examples="""
    # A second proxy, and its key from the environment
    $ litellmctl config set profiles.work.base_url https://llm.example.com
    $ litellmctl config set profiles.work.api_key '$WORK_KEY'
    # Use it from now on
    $ litellmctl config set default_profile work && litellmctl config list --json | jq
    """,
)
@click.argument("key", shell_complete=completes("config keys"))
@click.argument("value")
@pass_app
def set_(app: App, *, key: str, value: str) -> None:
    """Change a setting.

    api_key takes a reference only: '$NAME' for a variable, '!command' for a command that prints the key.
    """
    from litellmctl.settings.definitions import shown
    from litellmctl.settings.edit import locate, set_value

    address = locate(key, _profile_name(app))
    if address.full == "default_profile":
        app.config.profile(value)
    stored = set_value(app.config, address, value)
    app.console.done(f"Set {address.full} to {_text(shown(address.key, stored))} in {app.config.path}")
    variable = environment.get("LITELLMCTL_PROFILE")
    if address.full == "default_profile" and variable not in {None, stored}:
        app.console.warn(f"LITELLMCTL_PROFILE={variable} goes before it")


@command(
    "unset",
    examples="""
    # Forget a setting
    $ litellmctl config unset profiles.work.ca_bundle
    # Forget a whole profile
    $ litellmctl config unset profiles.work && litellmctl config list --profiles --json | jq
    """,
)
@click.argument("key", shell_complete=completes("config keys"))
@pass_app
def unset(app: App, *, key: str) -> None:
    """Remove a setting, or a whole profile (profiles.NAME)."""
    from litellmctl.settings.edit import locate, remove_profile, unset_value

    parts = key.split(".")
    if parts[0] == "profiles" and len(parts) == 2:
        name, removed = key, remove_profile(app.config, parts[1])
    else:
        address = locate(key, _profile_name(app))
        name, removed = address.full, unset_value(app.config, address)
    if removed:
        app.console.done(f"Removed {name} from {app.config.path}")
    else:
        app.console.note(f"{name} was not set")


@command(
    "list",
    fields=LIST_FIELDS | PROFILE_FIELDS,
    examples="""
    # Every setting, and where it comes from
    $ litellmctl config list
    # The proxies
    $ litellmctl config list --profiles --json | jq -r '.[].base_url'
    """,
)
@click.option("--profiles", is_flag=True, help="List the profiles instead.")
@pass_app
def list_(app: App, *, profiles: bool) -> Listing:
    """List the settings, or the profiles."""
    rows = list(_profiles(app) if profiles else _settings(app))
    known = PROFILE_FIELDS if profiles else LIST_FIELDS
    for name in app.options.fields or ():
        if name not in known:
            raise UsageFailure(f'there is no field "{name}" in this list', remedy=f"fields: {', '.join(known)}")
    app.returned_fields = list(known)
    return Listing(rows)


def _settings(app: App) -> Iterator[Row]:
    from litellmctl.settings.definitions import PROFILE_KEYS, shown

    table = app.config.table
    variable = environment.get("LITELLMCTL_PROFILE")
    yield {
        "key": "default_profile",
        "value": variable or app.config.default_profile,
        "source": "LITELLMCTL_PROFILE" if variable else _source("default_profile" in table),
    }
    for name in app.config.profile_names:
        settings: dict[str, Any] = table.get("profiles", {}).get(name, {})
        for key in PROFILE_KEYS.values():
            full = f"profiles.{name}.{key.name}"
            if isinstance(settings.get(key.name), dict):
                for header, text in settings[key.name].items():
                    yield {"key": f"{full}.{header}", "value": shown(key, text), "source": _source(there=True)}
            elif key.name in settings:
                yield {"key": full, "value": shown(key, settings[key.name]), "source": _source(there=True)}
            elif name == app.profile.name and key.default is not None:
                yield {"key": full, "value": key.default, "source": "default"}


def _source(there: bool) -> str:
    return "config.toml" if there else "default"


def _profiles(app: App) -> Iterator[Row]:
    current = app.profile.name
    logins = app.logins.read()
    for name in app.config.profile_names:
        login = logins.by_profile.get(name)
        base_url = app.config.profile(name).base_url if login is None else login.base_url
        yield {"name": name, "base_url": base_url, "signed_in": login is not None, "default": name == current}


@command(
    "path",
    examples="""
    # Where is it?
    $ litellmctl config path
    # In JSON
    $ litellmctl config path --json | jq -r .
    """,
)
@pass_app
def path(app: App) -> Text:
    """Print where the config file lies, whether or not it exists."""
    return Text(app.config.path)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "\n".join(f"{name}={text}" for name, text in value.items())
    return clean(str(value))


for _command in (get, set_, unset, list_, path):
    config.add_command(_command)
