"""The values that a TAB offers, out of caches and the config file only."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from click.shell_completion import CompletionItem

from litellmctl.app import App

if TYPE_CHECKING:
    import click

Completer = Callable[["click.Context", "click.Parameter", str], list[CompletionItem]]

# Nobody reads the descriptions of more.
_MAX_DESCRIBED = 200


def _values(read: Callable[[App], Iterable[tuple[str, str]]]) -> Completer:
    """Return the completer of a parameter whose values `read` gives, each with what it means."""

    def completer(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        app = context.find_object(App)
        if app is None:
            return []
        return [
            CompletionItem(value, help=text)
            for value, text in read(app)
            if value.startswith(incomplete) and not value.startswith("-")  # which would be an option
        ]

    return completer


def _joined(read: Callable[[App], Iterable[tuple[str, str]]]) -> Completer:
    """Return the completer of the last of several values that are joined by commas."""
    complete = _values(read)

    def completer(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        before, comma, last = incomplete.rpartition(",")
        return [
            CompletionItem(f"{before}{comma}{item.value}", help=item.help)
            for item in complete(context, parameter, last)
            if item.value not in before.split(",")
        ]

    return completer


def _models(app: App) -> Iterable[tuple[str, str]]:
    import json

    catalog = app.catalogs.model_cache.read()
    if catalog is None:
        return
    if len(catalog.lines) > _MAX_DESCRIBED:
        decode = json.JSONDecoder().raw_decode
        for line in catalog.lines:
            yield decode(line, len('{"id": '))[0], ""
        return
    for line in catalog.lines:
        model = json.loads(line)
        window = model["context_window"]
        yield model["id"], ", ".join([model["mode"] or "chat", *([f"{window} tokens"] if window else [])])


def _tools(app: App) -> Iterable[tuple[str, str]]:
    catalog = app.catalogs.tool_cache.read()
    return [(tool.path, tool.description or "") for tool in catalog.offer.tools] if catalog else []


def _servers(app: App) -> Iterable[tuple[str, str]]:
    catalog = app.catalogs.tool_cache.read()
    return [(server.name, server.status or "") for server in catalog.offer.servers] if catalog else []


def _skills(app: App) -> Iterable[tuple[str, str]]:
    for part in app.catalogs.skill_cache.read().values():
        for skill in part.skills:
            yield skill.name or skill.id, skill.description or ""


def _profiles(app: App) -> Iterable[tuple[str, str]]:
    return [(name, app.config.profile(name).base_url or "") for name in app.config.profile_names]


def _programs(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the known programs that are installed; a path, and what follows a program, is left to the shell."""
    import shutil

    from litellmctl.programs.registry import EXECUTABLES, program

    names = [] if context.params.get("words") else [name for name in EXECUTABLES if name.startswith(incomplete)]
    found = [(name, program(name)) for name in names if shutil.which(name)]
    items = [CompletionItem(name, help=known.title) for name, known in found if known is not None]
    return items or [CompletionItem("", type="file")]


def _config_keys(app: App) -> Iterable[tuple[str, str]]:
    from litellmctl.settings.definitions import GLOBAL_KEYS, PROFILE_KEYS

    for key in (*GLOBAL_KEYS.values(), *PROFILE_KEYS.values()):
        yield key.name, key.help
    for profile in app.config.profile_names:
        for key in PROFILE_KEYS.values():
            yield f"profiles.{profile}.{key.name}", key.help


def _abilities(_app: App) -> Iterable[tuple[str, str]]:
    from litellmctl.catalog.model import ABILITY_WORDS

    return [(name, "") for name in ABILITY_WORDS]


def _input_kinds(_app: App) -> Iterable[tuple[str, str]]:
    from litellmctl.catalog.model import MODALITIES

    return [(name, "") for name in MODALITIES]


def _modes(app: App) -> Iterable[tuple[str, str]]:
    from litellmctl.catalog.facts import MODES

    catalog = app.catalogs.model_cache.read()
    found = {model["mode"] for model in catalog.models if model["mode"]} if catalog else set()
    return [(name, "") for name in sorted({*MODES, *found})]


def _providers(app: App) -> Iterable[tuple[str, str]]:
    catalog = app.catalogs.model_cache.read()
    found = {name for model in catalog.models for name in model["providers"] or ()} if catalog else set()
    return [(name, "") for name in sorted(found)]


def _sort_fields(_app: App) -> Iterable[tuple[str, str]]:
    from litellmctl.catalog.model import SORT_FIELDS

    return [*SORT_FIELDS.items(), ("price", SORT_FIELDS["cost.input"])]


def _fields(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the last of the fields that are separated by commas; those inside an object once it is named."""
    from litellmctl.terminal.fields import Fields

    command: Any = context.command
    fields = Fields(getattr(command, "fields", {}), getattr(command, "parts", {}))
    before, comma, last = incomplete.rpartition(",")
    return [
        CompletionItem(f"{before}{comma}{name}", help=text)
        for name, text in fields.meanings.items()
        if name.startswith(last.lower())
        and name not in before.split(",")
        and (name in fields.known or last.lower().startswith(name.partition(".")[0]))
    ]


def _arguments(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the parameters of the tool that was named: `NAME=`, and after it the values that it may have."""
    from litellmctl.tools.parameters import parameters
    from litellmctl.tools.schema import Schema, json_text
    from litellmctl.tools.tool import find

    app = context.find_object(App)
    catalog = app.catalogs.tool_cache.read() if app else None
    if catalog is None:
        return []
    schema = Schema(find(catalog.offer.tools, context.params["tool"]).input_schema)
    name, equals, _ = incomplete.partition("=")
    if not equals:
        given = {str(item).partition("=")[0].rstrip(":") for item in context.params.get("items") or ()}
        return [
            CompletionItem(f"{one.name}=", help=f"{one.type} {one.description}".strip(), partial=True)
            for one in parameters(schema)
            if one.name.startswith(incomplete) and one.name not in given and not one.name.startswith("-")
        ]
    part = schema.fields.get(name)
    is_boolean = any(one.get("type") == "boolean" for one in schema.alternatives(part))
    values = schema.allowed(part) or ([True, False] if is_boolean else [])
    items = [f"{name}={value if isinstance(value, str) else json_text(value)}" for value in values]
    return [CompletionItem(item) for item in items if item.startswith(incomplete)]


def _of_type(kind: str) -> Completer:
    return lambda _context, _parameter, _incomplete: [CompletionItem("", type=kind)]


COMPLETERS: dict[str, Completer] = {
    "models": _values(_models),
    "tools": _values(_tools),
    "servers": _values(_servers),
    "skills": _values(_skills),
    "profiles": _values(_profiles),
    "programs": _programs,
    "config keys": _values(_config_keys),
    "fields": _fields,
    "arguments": _arguments,
    "abilities": _joined(_abilities),
    "input kinds": _joined(_input_kinds),
    "modes": _values(_modes),
    "providers": _values(_providers),
    "sort fields": _values(_sort_fields),
    "files": _of_type("file"),
    "folders": _of_type("dir"),
}
