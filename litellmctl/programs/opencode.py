"""opencode (https://opencode.ai): packages/core/src/v1/config/provider.ts of anomalyco/opencode, docs providers.mdx.

Which files it reads, and which providers it hides: packages/opencode/src/config/config.ts, paths.ts and
provider/provider.ts, as in 1.18.33. MCP: mcp/index.ts and mcp/catalog.ts there, and docs mcp-servers.mdx: a tool is
`ENTRY_TOOL`, whatever its length, and a server gets all variables of opencode's own.
"""

from __future__ import annotations

import json
import os
import re
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from litellmctl.catalog.model import PRICES
from litellmctl.foundation.globs import covers
from litellmctl.programs import jsonc
from litellmctl.programs.changes import Change, FileChange, Fill, Set
from litellmctl.programs.copies import member, object_in
from litellmctl.programs.mcp_entries import WAIT_SECONDS, EntriesHost
from litellmctl.programs.model_facts import known, priced, skipped
from litellmctl.programs.program import KEY_VARIABLE, Export, Exporter, Launch, Provider, Wish, key_variables
from litellmctl.settings import environment, paths

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from litellmctl.catalog.model import Model, Tier
    from litellmctl.programs.mcp_host import Bridge

# opencode merges these in this order: the last one wins.
_NAMES = ("config.json", "opencode.json", "opencode.jsonc")
_CONTENT = "OPENCODE_CONFIG_CONTENT"
_SCHEMA = "https://opencode.ai/config.json"
# A variable holds 32,767 characters on Windows, and 128 KiB on Linux: that is a few hundred models.
_MOST_CHARACTERS = 30_000
_THRESHOLD = 200_000
# opencode replaces these by a variable or a file before it parses the JSON.
_REFERENCES = ("{env:", "{file:")
_REFERENCE = f"{{env:{KEY_VARIABLE}}}"
# opencode 1.18.33 does not start with a model of this name: JavaScript objects have these members.
_OF_OBJECTS = frozenset(
    {
        "__defineGetter__",
        "__defineSetter__",
        "__lookupGetter__",
        "__lookupSetter__",
        "__proto__",
        "constructor",
        "hasOwnProperty",
        "isPrototypeOf",
        "propertyIsEnumerable",
        "toLocaleString",
        "toString",
        "valueOf",
    }
)


class Opencode(Exporter, EntriesHost):
    """`provider.ID` and `mcp.NAME` in opencode.jsonc if it exists, else in opencode.json.

    opencode runs no command for the key: it reads that from a variable.
    """

    name = "opencode"
    title = "opencode"
    executable = "opencode"
    needs_catalog = True
    install = "npm install -g opencode-ai"
    key_from = "reads the key from LITELLM_API_KEY."
    reads_variable = True
    has_project_file = True
    mapping = "mcp"
    reference = re.compile("|".join(map(re.escape, _REFERENCES)))
    off = ("enabled", False)
    initial: ClassVar[Mapping[str, Any]] = {"timeout": WAIT_SECONDS * 1000}
    prefix = "{}_"

    def path(self) -> Path:
        """Return the user's file that overrides the others, not that of a project."""
        return _named() or _overriding(paths.xdg_config_home() / "opencode")

    def mcp_path(self, project: Path | None = None) -> Path:
        """Return the user's file, or that of a project, which opencode merges over it."""
        return _overriding(project) if project else self.path()

    def mcp(self, bridges: Sequence[Bridge], project: Path | None = None) -> Export:
        """Return an entry for each. opencode starts it without a question, also that of a project."""
        made = super().mcp(bridges, project)
        (change,) = made.files
        return replace(made, files=[replace(change, changes=[Fill((), {"$schema": _SCHEMA}), *change.changes])])

    def entry(self, bridge: Bridge) -> dict[str, Any]:
        """Return an entry with the command as one list."""
        variables = dict(bridge.variables)
        return known(type="local", command=[*bridge.command], environment=variables or None)

    def how_to_see(self, names: Sequence[str], project: Path | None) -> list[str]:  # noqa: ARG002
        """Return the command that starts the servers and says whether it could."""
        return ["opencode mcp list   (after a restart: /mcps)"]

    def what_hides(self, names: Sequence[str], project: Path | None) -> list[str]:
        """Return what switches a server or its tools off in the file, or in one that is merged over it."""
        return [warning for name in names for warning in _hidden(name, self.mcp_path(project), project)]

    def misreads(self, name: str) -> bool:
        """Whether it would replace a part of the name, or not start with it."""
        return super().misreads(name) or _means_more(name)

    def launch(self, provider: Provider, wish: Wish) -> Launch:
        """Return the provider as inline settings, which opencode merges after those of all the user's files.

        Only what an organization or an administrator prescribes comes later.
        """
        theirs, warnings = _inline()
        body, refused = _body(provider, _REFERENCE)
        settings = {path: _settings(path) for path in _read_in(Path.cwd())}
        settings[Path(_CONTENT)] = theirs
        body |= _all_listed(settings.values(), provider.id, list(body["models"]))
        content = {**theirs, **{change.keys[-1]: change.value for _, change, _ in _shown(settings, provider.id)}}
        arguments: list[str] = []
        takes_model = _starts_session(wish) and self.lacks_model(wish.arguments)
        if wish.model is not None:
            content["model"] = f"{provider.id}/{wish.model}"
            # The option overrides the model of an agent in the user's files too.
            arguments = ["-m", content["model"]] if takes_model else []
            warnings += skipped([name for name in refused if name == wish.model], "opencode cannot use this name")
        elif takes_model:
            warnings.append(self.default_model_warning())
        variables = key_variables(provider)
        files_: dict[str, str] = {}
        if len(json.dumps(body)) > _MOST_CHARACTERS:
            models = {"provider": {provider.id: {"models": body.pop("models")}}}
            files_["opencode.json"] = json.dumps(_merged_into(_named_settings(), models))
            variables["OPENCODE_CONFIG"] = str(wish.folder / "opencode.json")
        content = _merged_into(content, {"provider": {provider.id: body}})
        return Launch(
            arguments=arguments,
            variables={**variables, _CONTENT: json.dumps(content)},
            files=files_,
            warnings=warnings,
        )

    def export(self, provider: Provider) -> Export:
        """Return the provider with its models."""
        body, refused = _body(provider, provider.key or _REFERENCE)
        own = self.path()
        settings = {path: _settings(path) for path in [*(path for path in _globals() if path != own), own]}
        schema = Fill((), {"$schema": _SCHEMA})
        changes: dict[Path, list[Change]] = {own: [schema, Set(("provider", provider.id), body)]}
        warnings = skipped(refused, "opencode cannot use this name")
        for path, change, verb in _shown(settings, provider.id):
            changes.setdefault(path, []).append(change)
            warnings.append(f"{change.keys[-1]} in {path} hides {provider.id} from opencode: this export {verb} it")
        start = f"opencode -m {provider.id}/MODEL"
        return Export(
            [FileChange(path, "json", ones) for path, ones in changes.items()],
            notes=[start if provider.key else f'eval "$(litellmctl env)" && {start}'],
            warnings=[*warnings, *_merged(settings, own, provider.id)],
        )


def _body(provider: Provider, key: str) -> tuple[dict[str, Any], list[str]]:
    """Return the provider as a member of `provider`, and the names of models that opencode cannot use."""
    refused = [model["id"] for model in provider.models if _means_more(model["id"])]
    body = {
        "npm": "@ai-sdk/openai-compatible",
        "name": provider.name,
        "options": {"baseURL": provider.v1, "apiKey": key},
        "models": {model["id"]: _model(model) for model in provider.models if model["id"] not in refused},
    }
    return body, refused


def _starts_session(wish: Wish) -> bool:
    """Whether this is `opencode`, with a path or without, or `opencode run`: only these have the option."""
    first = wish.arguments[0] if wish.arguments else "-"
    return first == "run" or first[:1] in {"-", "."} or os.path.isabs(first)  # any other may be a command


def _inline() -> tuple[dict[str, Any], list[str]]:
    """Return the user's own inline settings, and a warning if they cannot be read."""
    text = environment.get(_CONTENT)
    if not text:
        return {}, []
    try:
        found = jsonc.value(text)
    except ValueError:
        found = None
    return (found, []) if isinstance(found, dict) else ({}, [f"ignored {_CONTENT}: it is not a JSON object"])


def _read_in(folder: Path | None) -> list[Path]:
    """Return the files that opencode reads when it is started in a folder, in their order: the last one wins.

    None is a folder that was removed.
    """
    named = _named()
    found = [*_globals(), *([named] if named else [])]
    project = [] if folder is None or _is_on("OPENCODE_DISABLE_PROJECT_CONFIG") else _project(folder)
    found += [one / name for one in reversed(project) for name in _NAMES[1:]]
    own = environment.get("OPENCODE_CONFIG_DIR")
    folders = [*(one / ".opencode" for one in project), paths.home() / ".opencode", *([Path(own)] if own else [])]
    return [*found, *(one / name for one in folders for name in _NAMES[1:])]


def _project(folder: Path) -> list[Path]:
    """Return a folder and those above it, up to the root of its repository."""
    above = [folder, *folder.parents]
    root = next((number for number, one in enumerate(above) if os.path.lexists(one / ".git")), len(above))
    return above[: root + 1]


def _is_on(variable: str) -> bool:
    return (environment.get(variable) or "").lower() in {"1", "true"}


def _all_listed(settings: Iterable[dict[str, Any]], name: str, models: list[str]) -> dict[str, Any]:
    """Return the lists that make opencode show all models of the provider, if a file of the user hides some."""
    found = [one for each in settings if (one := member(member(each, "provider"), name))]
    shown = {"whitelist": models, "blacklist": []}
    return {key: value for key, value in shown.items() if any(key in one for one in found)}


def _merged_into(settings: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """Return the settings with more merged into them, as opencode merges them: objects member by member."""
    merged = dict(settings)
    for name, value in more.items():
        old = merged.get(name)
        merged[name] = _merged_into(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _named_settings() -> dict[str, Any]:
    """Return the settings in the file that OPENCODE_CONFIG names, with its references to files made absolute."""
    path = _named()
    if path is None:
        return {}
    folder = os.path.dirname(os.path.abspath(path))

    def absolute(found: re.Match[str]) -> str:
        named = found[1]
        path = named if named.startswith("~") else os.path.normpath(os.path.join(folder, named)).replace(os.sep, "/")
        return f"{{file:{path}}}"

    return _settings(path, lambda text: re.sub(r"\{file:([^}]+)\}", absolute, text))


def _named() -> Path | None:
    named = environment.get("OPENCODE_CONFIG")
    return Path(named) if named else None


def _globals() -> list[Path]:
    return [paths.xdg_config_home() / "opencode" / name for name in _NAMES]


def _overriding(folder: Path) -> Path:
    """Return the file of a folder that overrides the other."""
    *_, plain, commented = (folder / name for name in _NAMES)
    return commented if os.path.exists(commented) else plain


def _managed() -> Path:
    """Return the folder of the administrator's settings, which override all others."""
    if sys.platform == "win32":
        folder = Path(environment.get("ProgramData") or r"C:\ProgramData") / "opencode"
    elif sys.platform == "darwin":
        folder = Path("/Library/Application Support/opencode")
    else:
        folder = Path("/etc/opencode")
    return folder


def _hidden(name: str, own: Path, project: Path | None) -> Iterator[str]:
    """Yield a warning for each file that switches an MCP server or its tools off: its own, or one merged over it."""
    folder = project
    with suppress(OSError):  # it was removed
        folder = project or Path.cwd()
    files = [*_read_in(folder), *(_managed() / one for one in _NAMES[1:])]
    before = files.index(own) if own in files else 0
    for path in files[before:]:
        settings = _settings(path)
        if path != own and member(member(settings, "mcp"), name).get("enabled") is False:
            yield f'"{name}" is switched off: remove enabled from its entry in {path}'
        # The last pattern that covers all tools of the server counts.
        rules = [*member(settings, "tools").items(), *member(settings, "permission").items()]
        last = next((rule for rule in reversed(rules) if covers(rule[0], f"{name}_")), None)
        if last and last[1] in (False, "deny"):
            yield f'{path} hides the tools of {name} from opencode: "{last[0]}"'


def _settings(path: Path, prepare: Callable[[str], str] = str) -> dict[str, Any]:
    """Return the settings in a file of opencode; none if it cannot be read, which a write would report."""
    return object_in(path, lambda text: jsonc.value(prepare(text)))


def _shown(settings: dict[Path, dict[str, Any]], name: str) -> Iterator[tuple[Path, Set, str]]:
    """Yield the file and the change that make opencode show the provider, and whether that adds or removes it.

    `settings` has the files in their order: a list in a later file replaces that in an earlier one.
    """
    for key, is_right, verb in (("enabled_providers", True, "adds"), ("disabled_providers", False, "removes")):
        path = next((path for path in reversed(settings) if key in settings[path]), None)
        names = settings[path][key] if path else None
        # An empty list of enabled providers hides all. opencode itself refuses what is not a list.
        if path and isinstance(names, list) and (name in names) is not is_right:
            new = [*names, name] if is_right else [one for one in names if one != name]
            yield path, Set((key,), new), verb


def _merged(settings: dict[Path, dict[str, Any]], own: Path, name: str) -> list[str]:
    """Return a warning for each other file that has the provider too."""
    return [
        f"{path} also has provider.{name}: opencode merges both, and {own} overrides it"
        for path, found in settings.items()
        if path != own and name in member(found, "provider")
    ]


def _means_more(name: str) -> bool:
    return name in _OF_OBJECTS or any(reference in name for reference in _REFERENCES)


def _model(model: Model) -> dict[str, Any]:
    first, tiers = priced(model["cost"])
    cost = _rates(first)
    limit = known(context=model["context_window"], output=model["max_output_tokens"])
    modalities = known(input=model["input"], output=model["output"])
    return known(
        name=model["id"],
        # opencode needs both or none of each of these.
        limit=limit if len(limit) == 2 else None,
        cost=cost and known(**cost, context_over_200k=_over_200k(tiers)),
        modalities=modalities if len(modalities) == 2 else None,
        attachment=None if model["input"] is None else bool({"image", "pdf"} & set(model["input"])),
        reasoning=model["reasoning"],
        tool_call=model["supports"].get("function_calling"),
    )


def _rates(prices: Tier) -> dict[str, Any] | None:
    if prices["input"] is None or prices["output"] is None:
        return None
    return known(**{name: prices[name] for name in PRICES})  # type: ignore[literal-required]


def _over_200k(tiers: Sequence[Tier]) -> dict[str, Any] | None:
    """Return the prices above 200,000 tokens, the only threshold that opencode supports.

    A later tier is put there too, as in opencode's own list of models (models.dev).
    """
    within = [tier for tier in tiers if tier["above"] <= _THRESHOLD]
    return _rates((within[-1:] or tiers)[0]) if tiers else None
