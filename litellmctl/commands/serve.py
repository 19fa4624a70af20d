"""`serve`: a relay on loopback for programs that can hold nothing but a fixed key."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from litellmctl.commands.base import command, pass_app
from litellmctl.errors import Failure, Rejected, Unavailable, UsageFailure
from litellmctl.programs.variables import SHELLS, script, variables
from litellmctl.terminal.data import Ongoing, Record, Text

if TYPE_CHECKING:
    from litellmctl.app import App
    from litellmctl.foundation.resident import Resident
    from litellmctl.relay.relay import Exchange
    from litellmctl.terminal.aside import Aside

FIELDS = {
    "base_url": "Base URL of the relay; null if it is stopped.",
    "v1": "The same with /v1, for OpenAI's libraries; null if it is stopped.",
    "api_key": "Local key; null if the relay is stopped.",
    "pid": "Process ID; null if it is stopped.",
}
_UNITS = ("systemd", "launchd")
_PROBE_SECONDS = 3.0
# As browsers write them (RFC 6454); those of extensions and editors have schemes of their own.
_ORIGIN = r"[a-z][a-z0-9+.-]*://[^\s/?#@]+"


@command(
    "serve",
    fields=FIELDS,
    examples="""
    # Run the relay, and set up Cursor or any library with what it prints
    $ litellmctl serve
    # Run it in the background, and use it in this shell
    $ eval "$(litellmctl serve --background --env sh)"
    $ litellmctl serve --stop
    # Start it at login: on Linux with systemd, on macOS
    $ mkdir -p ~/.config/systemd/user
    $ litellmctl serve --unit systemd > ~/.config/systemd/user/litellmctl.service
    $ systemctl --user enable --now litellmctl
    $ litellmctl serve --unit launchd > ~/Library/LaunchAgents/litellmctl.plist
    $ launchctl bootstrap gui/$(id -u) ~/Library/LaunchAgents/litellmctl.plist
    # The key of a relay that runs
    $ litellmctl serve --status --json | jq -r .api_key
    """,
)
@click.option(
    "--port", type=click.IntRange(0, 65535), metavar="N", help="Port; 0: any free one (default: fixed per profile)."
)
@click.option("--new-key", is_flag=True, help="Replace the local key.")
@click.option(
    "--env",
    "shell",
    type=click.Choice(tuple(SHELLS)),
    metavar="SHELL",
    help="Print variables for sh, fish, powershell or dotenv.",
)
@click.option("--background", is_flag=True, help="Run in the background.")
@click.option("--status", is_flag=True, help="Show whether a relay of this profile is running.")
@click.option("--stop", is_flag=True, help="Stop the relay of this profile.")
@click.option("--idle", metavar="DURATION", help="Stop after this long without a request, such as 30m.")
@click.option(
    "--allow-origin",
    "origins",
    multiple=True,
    metavar="ORIGIN",
    help="Let web pages of this origin use it (repeatable).",
)
@click.option(
    "--unit", type=click.Choice(_UNITS), metavar="SYSTEM", help="Print a service file for systemd or launchd."
)
@click.option("--resident", is_flag=True, hidden=True)
@pass_app
@click.pass_context
def serve(context: click.Context, app: App, /, **chosen: Any) -> Ongoing | Record | Text | None:
    """Run a local relay to the proxy with a fixed key.

    Programs that can hold only a fixed key, such as Cursor, VS Code and most libraries, use the relay's URL and local
    key; the relay sends each request to the proxy with your current token. Port and key of a profile stay the same.

    It listens on 127.0.0.1 until Ctrl-C, and refuses requests of web pages and those without the local key. On a
    terminal it prints a line for each request. It needs an extra: pip install 'litellmctl[serve]'
    """
    options = _Options(app, **chosen)
    if options.unit is not None:
        return _unit(app, options)
    if options.status:
        return _status(app, options)
    if options.stop:
        _stop(app)
        return None
    from litellmctl.relay import extra

    extra.require("serve")
    return _in_background(app, options) if options.background else _in_foreground(context, app, options)


class _Options:
    """The command's options, checked. `idle` is in seconds."""

    def __init__(
        self,
        app: App,
        *,
        port: int | None,
        new_key: bool,
        shell: str | None,
        background: bool,
        status: bool,
        stop: bool,
        idle: str | None,
        origins: Sequence[str],
        unit: str | None,
        resident: bool,
    ) -> None:
        from litellmctl.foundation.times import parse_duration
        from litellmctl.relay.local_key import default_port

        modes = {"--background": background, "--status": status, "--stop": stop, "--unit": unit is not None}
        wanted = [name for name, is_wanted in modes.items() if is_wanted]
        if len(wanted) > 1:
            raise UsageFailure(f"use only one of {', '.join(modes)}", remedy=f"pass only {wanted[0]}")
        starts = {"--new-key": new_key, "--port": port is not None, "--idle": idle is not None}
        starts["--allow-origin"] = bool(origins)
        if status or stop:
            _refuse_beside(wanted[0], starts)
        if unit is not None:
            _refuse_beside("--unit", {"--new-key": new_key, "--env": shell is not None})
        if stop:
            _refuse_beside("--stop", {"--env": shell is not None})
        self.idle = None if idle is None else parse_duration(idle)
        if idle is not None and self.idle is None:
            raise UsageFailure(f'--idle "{idle}" is not a valid duration', remedy="pass a duration such as 30m or 2h")
        self.origins = [_origin(text) for text in origins]
        self.chosen_port = port
        self.port = default_port(app.profile.name) if port is None else port
        self.new_key, self.shell, self.unit = new_key, shell, unit
        self.background, self.status, self.stop, self.resident = background, status, stop, resident

    def words(self, app: App) -> list[str]:
        """Return the words that start the same relay in another process."""
        words = [*app.options.words(app.profile.name), "--port", str(self.port)]
        if app.options.timeout is not None:
            words += ["--timeout", f"{app.options.timeout:g}"]
        if self.idle is not None:
            words += ["--idle", f"{self.idle}s"]
        return words + [word for origin in self.origins for word in ("--allow-origin", origin)]


def _refuse_beside(mode: str, options: dict[str, bool]) -> None:
    for name, is_given in options.items():
        if is_given:
            raise UsageFailure(f"{name} cannot be used with {mode}", remedy=f"remove {name}")


def _origin(text: str) -> str:
    """Return the origin of a page as a browser sends it. Raises a failure for anything else."""
    origin = text.strip().lower().rstrip("/")
    if not re.fullmatch(_ORIGIN, origin, re.ASCII) or "*" in origin:
        raise UsageFailure(
            f'--allow-origin "{text}" is not a valid origin',
            remedy="pass scheme, host and port, such as http://localhost:3000",
        )
    return origin


def _in_foreground(context: click.Context, app: App, options: _Options) -> Ongoing:
    from litellmctl.relay import resident
    from litellmctl.relay.local_key import local_key, new_local_key
    from litellmctl.relay.relay import Relay
    from litellmctl.relay.serving import Serving
    from litellmctl.terminal.aside import Aside

    console, name = app.console, app.profile.name
    _look_up(app, probe=not options.resident)
    presence = resident.Presence(name, console.warn, in_background=options.resident)
    log = resident.Log(resident.log_path(name)) if options.resident else None
    aside = Aside(log or console)
    on_exchange = _shower(app, aside)
    with presence.starting():
        _refuse_new_key(options, name)
        key = new_local_key(name) if options.new_key else local_key(name)
        relay = Relay(
            lambda: app.connect_afresh(aside),
            key,
            origins=options.origins,
            listener=aside,
            on_exchange=on_exchange,
            on_refusal=on_exchange,
            connect_seconds=app.connection.request_seconds,
        )
        try:
            serving = context.with_resource(Serving(relay, options.port))
        except OSError as error:
            raise _cannot_listen(error, options.port, name) from None
        presence.begin(relay.base_url)
    context.call_on_close(presence.end)

    def work() -> None:
        if log is None:
            console.hint("Press Ctrl-C to stop.")
        elif log.stay():
            console.json_errors = False  # a failure from now on is for a person who reads the log
        else:
            return
        try:
            serving.run(
                idle_seconds=options.idle,
                tick=presence.keep,
                stopping=lambda: console.hint("Waiting for running requests (5 s at most); Ctrl-C again cuts them."),
            )
        finally:
            if not aside.close():
                console.abandon_stderr()

    return Ongoing(_record(app, options, _row(relay.base_url, key, os.getpid())), work)


def _look_up(app: App, *, probe: bool) -> None:
    """Look up the credential, so that a missing sign-in fails now; a proxy that cannot be reached may be back later."""
    from litellmctl.auth.login_file import login_command
    from litellmctl.auth.sources import SET_VARIABLES
    from litellmctl.relay.local_key import local_key

    connection = app.connection
    connection.require_online("serve")
    try:
        client = connection.client()
        if client.auth.key == local_key(app.profile.name):
            origin = connection.pair.credential.origin
            raise UsageFailure(
                f"{origin} is the local key of this relay, which needs another proxy behind it",
                remedy=f"{login_command(app.profile.name)}, or {SET_VARIABLES}",
            )
        if probe:
            seconds = min(_PROBE_SECONDS, connection.request_seconds)
            client.call(seconds, lambda client: client.get("/health/liveliness").close())
    except Unavailable as failure:
        app.console.warn(failure.message)


def _shower(app: App, aside: Aside) -> Callable[[Exchange], None]:
    """Return what prints a line for each request, where a person reads it or -v asks for it."""
    console = app.console
    shows = console.stderr_is_terminal and not console.quiet and not console.json_errors

    def on_exchange(exchange: Exchange) -> None:
        if shows or app.options.verbose:
            moment = time.time()
            aside.do(lambda: _show(app, exchange, moment))

    return on_exchange


def _show(app: App, exchange: Exchange, moment: float) -> None:
    from litellmctl.relay.request_line import request_line

    if app.console.json_errors:
        app.console.trace(f"{exchange.method} {exchange.path} {exchange.status} {exchange.seconds * 1000:.0f} ms")
    else:
        app.console.log(lambda columns: request_line(exchange, columns, now=moment))


def _refuse_new_key(options: _Options, profile: str) -> None:
    from litellmctl.relay import resident

    known = resident.running(profile) if options.new_key else None
    if known is not None:
        raise Failure(
            "relay",
            f"cannot replace the local key: the relay on {known.base_url} (pid {known.pid}) uses it",
            remedy=resident.command(profile, "--stop"),
        )


def _cannot_listen(error: OSError, port: int, profile: str) -> Failure:
    """Return the failure for a port that cannot be used, which names our own relay if it is there."""
    import errno

    from litellmctl.foundation import files, unexpected
    from litellmctl.relay import resident

    if error.errno in {errno.EACCES, errno.EPERM}:
        return Failure("relay", f"cannot listen on port {port}: {files.reason(error)}", remedy="pass another --port")
    if error.errno != errno.EADDRINUSE:
        reason = files.reason(error)
        return unexpected.exhausted(error) or Failure("relay", f"cannot listen on 127.0.0.1, port {port}: {reason}")
    known = resident.running(profile)
    if known is not None and known.base_url.endswith(f":{port}"):
        return Failure(
            "relay",
            f"port {port} is in use by the relay of profile {profile} (pid {known.pid})",
            remedy=f"{resident.command(profile, '--status')}, or {resident.command(profile, '--stop')}",
        )
    return Failure(
        "relay",
        f"port {port} is in use by another program",
        remedy="pass another --port, or --port 0 for any free one",
    )


def _in_background(app: App, options: _Options) -> Record | Ongoing:
    from litellmctl.relay import resident
    from litellmctl.relay.local_key import local_key, new_local_key

    name = app.profile.name
    known = resident.running(name)
    if known is None:
        _look_up(app, probe=True)
        if options.new_key:
            new_local_key(name)
        row, known = resident.start(name, options.words(app), app.console.warn)
        if row is not None:
            stop = resident.command(name, "--stop")
            return Ongoing(_record(app, options, row), lambda: app.console.hint(f"To stop it, run: {stop}"))
    assert known is not None
    _refuse_new_key(options, name)
    if options.chosen_port and not known.base_url.endswith(f":{options.port}"):
        raise Failure(
            "relay",
            f"the relay of profile {name} is already running on {known.base_url} (pid {known.pid})",
            remedy=resident.command(name, "--stop"),
        )
    if options.shell is None:  # a shell's startup file starts it each time, and says nothing
        app.console.note(f"The relay is already running (pid {known.pid}).")
    return _record(app, options, _row(known.base_url, local_key(name), known.pid))


def _status(app: App, options: _Options) -> Record:
    from litellmctl.relay import resident
    from litellmctl.relay.local_key import local_key

    name = app.profile.name
    known = resident.running(name)
    if known is not None:
        return _record(app, options, _row(known.base_url, local_key(name), known.pid), known)
    if options.shell is not None:
        remedy = resident.command(name, "--background", "--env", options.shell)
        raise Rejected("not_found", f"no relay of profile {name} is running", remedy=remedy)
    return Record(dict.fromkeys(FIELDS), f"No relay of profile {name} is running.")


def _stop(app: App) -> None:
    from litellmctl.relay import resident

    known = resident.stop(app.profile.name)
    if known is None:
        app.console.note(f"No relay of profile {app.profile.name} is running.")
    else:
        app.console.done(f"Stopped the relay on {known.base_url}")


def _row(base_url: str, key: str, pid: int) -> dict[str, Any]:
    return dict(zip(FIELDS, (base_url, f"{base_url}/v1", key, pid), strict=True))


def _record(app: App, options: _Options, row: dict[str, Any], known: Resident | None = None) -> Record:
    base_url, key = row["base_url"], row["api_key"]
    if options.shell is not None:
        return Record(row, script(options.shell, variables(base_url, key)), is_data=True)
    facts = [("Base URL", base_url), ("OpenAI URL", row["v1"]), ("Local key", key)]
    with suppress(Failure):
        facts.append(("Proxy", f"{app.connection.known_base_url} (profile {app.profile.name})"))
    facts.append(("Process", str(row["pid"])))
    if known is not None:
        from litellmctl.foundation.times import age_of, age_text
        from litellmctl.relay.resident import log_of

        facts.append(("Running for", age_text(age_of(known.started_at))))
        if (log := log_of(app.profile.name, known)) is not None:
            facts.append(("Log", log))
    return Record(row, facts=facts)


def _unit(app: App, options: _Options) -> Text:
    from litellmctl import own_command
    from litellmctl.relay import resident, units
    from litellmctl.settings import paths

    name = app.profile.name
    with suppress(Failure):
        credential = app.connection.pair.credential
        if credential.source in {"gcloud", "helper", "env"}:
            app.console.warn(f"a service does not have {credential.origin}: sign in with litellmctl login")
    own = own_command.executable()
    words = [*([own] if own else own_command.command()), "serve", *options.words(app)]
    folders = paths.variables()
    assert options.unit is not None
    path, command = units.place(options.unit, name)
    app.console.hint(f"To start it at login, save it as {path} and run: {command}")
    if options.unit == "systemd":
        return Text(units.systemd(name, words, folders))
    return Text(units.launchd(name, words, folders, resident.log_path(name)))
