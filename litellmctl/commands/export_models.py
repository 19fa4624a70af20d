"""The models of `export`: the proxy as a provider, directly or through a relay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from litellmctl.errors import UsageFailure, suggestion

if TYPE_CHECKING:
    from litellmctl.app import App
    from litellmctl.catalog.model import Model
    from litellmctl.programs.program import Exporter, Provider


def provider(
    app: App, globs: Sequence[str], provider_id: str, key_command: str | None, *, with_skills: bool, relayed: bool
) -> Provider:
    """Return the proxy with the chosen models, as a provider of this name."""
    import shlex
    from urllib.parse import urlsplit

    from litellmctl.catalog.selection import Selection
    from litellmctl.own_command import token_command
    from litellmctl.programs.program import Provider

    base_url = app.connection.pair.base_url
    try:
        words = shlex.split(key_command) if key_command else token_command(app.profile.name, base_url)
    except ValueError:
        words = []
    if not words:
        raise UsageFailure(
            "--key-command is not a valid command", remedy="write it as --key-command 'op read op://team/litellm/key'"
        )
    catalog = app.catalogs.models()
    models: list[Model] = Selection(globs=globs).apply(catalog.models)
    if not models:
        near = suggestion(globs[0], [model["id"] for model in catalog.models]) if globs else ""
        raise UsageFailure(f"no models match{near}", remedy="litellmctl models")
    made = Provider(
        id=provider_id,
        name=f"LiteLLM ({urlsplit(base_url).netloc})",
        base_url=base_url,
        models=models,
        command=words,
        with_skills=with_skills,
    )
    return _through_relay(app, made) if relayed else made


def require_relay_of_use(program: Exporter, key_command: str | None, mode: str) -> None:
    """Refuse --serve for a program that needs no relay. `mode` is the option to keep."""
    if key_command is not None:
        raise UsageFailure("use only one of --serve, --key-command", remedy="litellmctl export --help")
    if not program.reads_variable:
        raise UsageFailure(
            f"--serve: {program.title} needs no relay, since it runs litellmctl token for the key",
            remedy=" ".join(filter(None, ["litellmctl export", program.name, mode])),
        )


def say_what_starts_the_relay(app: App) -> None:
    """Say how to start the relay, now and at login."""
    import sys

    from litellmctl.relay import resident

    name = app.profile.name
    if resident.running(name) is None:
        app.console.note(f"First:  {resident.command(name, '--background')}")
    if sys.platform != "win32":
        unit = "launchd" if sys.platform == "darwin" else "systemd"
        app.console.note(f"To start the relay at login:  {resident.command(name, '--unit', unit)}")


def _through_relay(app: App, provider: Provider) -> Provider:
    """Return the provider with the profile's relay in place of the proxy."""
    from dataclasses import replace

    from litellmctl.relay import resident
    from litellmctl.relay.local_key import default_port, local_key

    name = app.profile.name
    base_url = f"http://127.0.0.1:{default_port(name)}"
    known = resident.running(name)
    if known is not None and known.base_url != base_url:
        app.console.warn(f"the relay runs on {known.base_url}, and these settings are for {base_url}: omit its --port")
    return replace(provider, base_url=base_url, command=(), key=local_key(name))
