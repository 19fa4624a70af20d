"""The MCP part of `export`: `litellmctl mcp serve` as a server that an agent starts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from litellmctl.errors import AuthFailure, ConfigFailure, Failure, Rejected, Unavailable, UsageFailure, suggestion
from litellmctl.foundation.text import clean

if TYPE_CHECKING:
    from pathlib import Path

    from litellmctl.app import App
    from litellmctl.auth.credential import Pair
    from litellmctl.programs.changes import Change, FileChange
    from litellmctl.programs.mcp_host import Bridge, McpHost
    from litellmctl.programs.program import Export
    from litellmctl.tools.tool import Offer

_PLAIN = "litellmctl"
# Of the name of a server in that of an entry: models get it in the name of each tool.
_MAX_NAME = 24
# Settings of ours in the environment, which an agent may keep from us.
_SETTINGS = ("LITELLMCTL_AUTH", "LITELLMCTL_ALLOW_INSECURE_HTTP", "LITELLMCTL_KEYRING")


class Wanted(NamedTuple):
    """The options of `export --mcp`: `entry` names the entry, `servers` are those of --server."""

    entry: str
    servers: Sequence[str]
    per_server: bool
    read_only: bool
    project: Path | None


def part(app: App, host: McpHost, wanted: Wanted) -> Export:
    """Return the changes to the agent's file. Models are never requested; tools if they have to be chosen."""
    from dataclasses import replace

    app.catalogs.require_mcp()
    variables = _variables(app)
    bridges = _bridges(app, wanted, variables)
    made = host.mcp(bridges, wanted.project)
    name = app.profile.name
    files = [replace(change, changes=[_narrowed(one, name) for one in change.changes]) for change in made.files]
    warnings = [*made.warnings, *_overwritten(files), *(_nothing_to_read(app, wanted) if wanted.read_only else [])]
    if variables:
        warnings.append(_variables_warning(app, host, variables))
    if wanted.project is not None and bridges[0].command[0] == _PLAIN and not bridges[0].variables:
        app.console.note(
            f"The entry runs {_PLAIN} from the PATH, so that others can use the file; each person signs in."
        )
    elif wanted.project is not None:
        warnings.append("the entry has paths of this machine: do not commit the file")
    return replace(made, files=files, warnings=warnings)


def current_folder() -> Path:
    """Return the folder of --project."""
    from pathlib import Path

    try:
        return Path.cwd()
    except OSError:
        raise UsageFailure("--project: the current folder no longer exists", remedy="cd to the project") from None


def say_sign_in(app: App) -> None:
    """Say how to sign in, if there is no credential: the agent would start, and have no tools."""
    from litellmctl.auth.login_file import login_command

    try:
        _ = app.connection.pair
    except AuthFailure:
        app.console.note(f"First:  {login_command(app.profile.name)}")
    except Failure as failure:
        app.console.warn(f"there will be no tools: {failure.message}")


def _bridges(app: App, wanted: Wanted, variables: Sequence[str]) -> list[Bridge]:
    from litellmctl.programs.mcp_host import Bridge
    from litellmctl.settings import environment, paths

    words = _words(app, wanted)
    proxy = _proxy(app)
    named = [(wanted.entry, f"LiteLLM{proxy}", [word for name in wanted.servers for word in _server_words(name)])]
    if wanted.per_server or wanted.servers:
        names = _server_names(app, wanted)
        if wanted.per_server:
            entries = zip(_entry_names(wanted.entry, names), names, strict=True)
            named = [(entry, f"{name}{proxy}", [*_server_words(name), "--bare-names"]) for entry, name in entries]
    reads = [*variables, *filter(environment.get, _SETTINGS)]
    _require_text([*words, *paths.variables().values()])
    return [Bridge(entry, title, [*words, *more], paths.variables(), reads) for entry, title, more in named]


def _require_text(words: Sequence[str]) -> None:
    """Refuse a path that no file of an agent can hold, since it is not UTF-8."""
    for word in words:
        if not word.isprintable() and re.search(r"[\ud800-\udfff]", word):
            raise ConfigFailure(
                f"cannot write {clean(word)} into the file of an agent: the path is not valid UTF-8",
                remedy="move it to a folder with a name in UTF-8",
            )


def _words(app: App, wanted: Wanted) -> list[str]:
    """Return the words that serve all tools. Those in a project's file are for other machines too, if they can be."""
    import shutil

    from litellmctl import own_command
    from litellmctl.settings.definitions import DEFAULT_PROFILE

    own = own_command.executable()
    words = [own] if own else own_command.command()
    profile = app.options.words(app.profile.name)
    if wanted.project is not None:
        if shutil.which(_PLAIN):
            words = [_PLAIN]
        if app.profile.name == DEFAULT_PROFILE:
            profile = profile[2:]
    return [*words, "mcp", "serve", *profile, *(["--read-only"] if wanted.read_only else [])]


def _server_words(name: str) -> list[str]:
    return [f"--server={name}"] if name.startswith("-") else ["--server", name]


def _proxy(app: App) -> str:
    """Return the proxy for a title, if it is known."""
    from urllib.parse import urlsplit

    with suppress(Failure):
        if base_url := app.connection.known_base_url:
            return f" ({urlsplit(base_url).netloc})"
    return ""


def _server_names(app: App, wanted: Wanted) -> list[str]:
    """Return the names of the servers with an entry of their own. Refuses a server that the proxy does not list."""
    from litellmctl.foundation.sentences import listed

    try:
        offer = app.catalogs.tools().offer
    except (AuthFailure, Unavailable) as failure:
        if wanted.per_server and not wanted.servers:
            raise
        app.console.warn(f"cannot check --server: {failure.message}")
        return list(dict.fromkeys(wanted.servers))
    names = [_server_name(offer, name) for name in wanted.servers] or [server.name for server in offer.servers]
    if odd := [name for name in names if not name.isprintable()]:
        app.console.warn(f"skipped {listed(odd)}: a command cannot name it")
        names = [name for name in names if name not in odd]
    if not names:
        raise Rejected("not_found", "this key has no MCP servers", remedy="litellmctl mcp servers")
    return list(dict.fromkeys(names))


def _server_name(offer: Offer, text: str) -> str:
    found = offer.servers_named(text)
    if not found:
        known = [name for server in offer.servers for name in (server.name, server.alias) if name]
        near = suggestion(text, known)
        raise Rejected("not_found", f'no MCP server "{text}"{near}', remedy="litellmctl mcp servers")
    return found[0].name


def _nothing_to_read(app: App, wanted: Wanted) -> list[str]:
    """Return a warning if --read-only leaves no tool; none if the proxy cannot say so now."""
    from litellmctl.bridge.listing import Choice, ToolList

    with suppress(Failure):
        problem = ToolList.of_catalog(app.catalogs.tools(), Choice(wanted.servers, read_only=True)).problem
        if problem is not None:
            return [f"there will be no tools: {problem.message}"]
    return []


def _entry_names(entry: str, servers: Sequence[str]) -> list[str]:
    """Return names that every agent takes: each with that of a server, and different from the others."""
    names: list[str] = []
    for server in servers:
        short = re.sub(r"[^A-Za-z0-9_-]+", "_", server).strip("_-")[:_MAX_NAME] or "server"
        same = sum(name == f"{entry}-{short}" or name.startswith(f"{entry}-{short}--") for name in names)
        names.append(f"{entry}-{short}{f'--{same + 1}' if same else ''}")
    return names


def _variables(app: App) -> list[str]:
    """Return the names of the variables in which the credential is, or that lead to it; none for a login."""
    try:
        pair = app.connection.pair
    except Failure:
        return []
    return list(dict.fromkeys([*_of_credential(pair), *_of_headers(app, pair)]))


def _of_credential(pair: Pair) -> list[str]:
    from litellmctl.auth.credential import ConfiguredKey
    from litellmctl.auth.sources import ENVIRONMENT_PAIRS
    from litellmctl.settings import environment

    credential = pair.credential
    if isinstance(credential, ConfiguredKey) and credential.value.kind == "variable":
        return [credential.value.text]
    key = credential.origin.partition(" ")[0]
    for url, keys in ENVIRONMENT_PAIRS:
        if credential.source in {"gcloud", "helper", "env"} and key in keys:
            return [name for name in (url, key, "LITELLM_HEADERS") if environment.get(name)]
    return []


def _of_headers(app: App, pair: Pair) -> list[str]:
    values = [*pair.headers.values(), *app.profile.mcp_headers.values()]
    return [value.text for value in values if value.kind == "variable"]


def _variables_warning(app: App, host: McpHost, variables: Sequence[str]) -> str:
    from litellmctl.auth.login_file import login_command
    from litellmctl.foundation.sentences import listed

    names, login = listed(variables).replace(", ", " and "), login_command(app.profile.name)
    if host.hides_keys:
        return f"{host.title} does not pass {names} on to MCP servers: sign in with {login}"
    return f"{host.title} must be started with {names} set, or sign in with {login}"


def _narrowed(change: Change, profile: str) -> Change:
    """Return the change with entries for other profiles left alone: several may have theirs in one file."""
    from dataclasses import replace

    from litellmctl.programs.changes import Block, Members, Put
    from litellmctl.programs.mcp_host import profile_of
    from litellmctl.settings.definitions import DEFAULT_PROFILE

    if isinstance(change, Block) and profile != DEFAULT_PROFILE:
        return replace(change, name=f"{change.name} of {profile}")
    if not isinstance(change, Members | Put):
        return change
    owns = change.owns
    # In a list, nothing but the name tells that an item is to be replaced.
    names = [item.get("name") for item in change.items] if isinstance(change, Put) else []

    def owned(value: Any) -> bool:
        is_replaced = isinstance(value, Mapping) and value.get("name") in names
        return owns(value) and (is_replaced or profile_of(value) in {None, profile})

    return replace(change, owns=owned)


def _overwritten(files: Sequence[FileChange]) -> list[str]:
    """Return warnings about entries of the same name that are not ours, and about ours that would have more tools."""
    from litellmctl.foundation.sentences import listed
    from litellmctl.programs import copies, documents

    found = []
    for change in files:
        with suppress(ConfigFailure, documents.Unfit):  # which --diff and --write report
            before = copies.read(change.path)
            found += [
                f'this replaces another entry "{name}" in {change.path}: pass --id NAME to keep it'
                for name in documents.overwritten(change, before)
            ]
            found += [
                f'this drops {listed(options)} from the entry "{name}" in {change.path}'
                for name, options in documents.widened(change, before).items()
            ]
    return found
