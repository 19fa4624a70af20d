"""Claude Code (https://code.claude.com): docs/en/settings-reference, env-vars, llm-gateway-connect, model-config.

For MCP servers: docs/en/mcp, and what `claude mcp add` and `claude mcp list` do. As 2.1.197 does it.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from litellmctl.foundation import files
from litellmctl.foundation.text import dump_json
from litellmctl.programs.changes import FileChange, Fill, Put, Set, having
from litellmctl.programs.copies import member
from litellmctl.programs.mcp_entries import EntriesHost
from litellmctl.programs.model_facts import skipped, with_id
from litellmctl.programs.program import Export, Exporter, Launch, Provider, Wish, end_of_options, shell_words
from litellmctl.settings import environment, paths

if TYPE_CHECKING:
    from litellmctl.catalog.model import Model

# The name in the proxy's marketplace.json, which Claude Code expects as the key.
_MARKETPLACE = "litellm"
_DESCRIPTION = "From LiteLLM"
# Claude Code sends another name for these: aliases, names with [1m] (a context window), and with outer white space.
_NOT_VERBATIM = re.compile(r"(?is)default|best|opusplan|fable|opus|sonnet|haiku|.*\[\d+m\]|\s.*|.*\s")
_FAMILIES = ("fable", "opus", "sonnet", "haiku")

# The window that it assumes for unknown models, the smallest one that it accepts, and the output that it asks for.
_ASSUMED_WINDOW, _LEAST_WINDOW, _ASSUMED_OUTPUT = 1_000_000, 100_000, 32_000

_BASE_URL, _TOKEN, _MODEL = "ANTHROPIC_BASE_URL", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_MODEL"
_HEADERS = "ANTHROPIC_CUSTOM_HEADERS"
# What would send requests elsewhere, or with another key; and a sign-in at claude.ai.
_OVERRIDING = (
    *("CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_USE_FOUNDRY", "CLAUDE_CODE_USE_MANTLE"),
    *("CLAUDE_CODE_USE_ANTHROPIC_AWS", "CLAUDE_CODE_USE_GATEWAY", "ANTHROPIC_UNIX_SOCKET"),
    *("CLAUDE_CODE_API_KEY_FILE_DESCRIPTOR", "ANTHROPIC_API_KEY", _TOKEN),
)
_SIGN_IN = ("CLAUDE_CODE_OAUTH_TOKEN",)
# Headers by which LiteLLM takes a key: those of another proxy in the user's own headers would override ours.
_KEY_HEADERS = ("authorization", "x-api-key", "api-key", "x-goog-api-key", "x-litellm-api-key")
# Longer settings go into a file: Linux has 128 KiB for an argument, and Windows quotes none reliably.
_MAX_ARGUMENT = 100_000
_FILE = "settings.json"


class ClaudeCode(Exporter, EntriesHost):
    """`apiKeyHelper`, ANTHROPIC_BASE_URL and the rows of /model in settings.json; the selected model is kept.

    One run gets the same from `--settings`, which overrides all settings files but those of an administrator.

    MCP servers are in `mcpServers` of .claude.json, which Claude Code itself rewrites all the time, or of .mcp.json in
    a folder and those above it, which the user must approve. It replaces `${NAME}` in both. A tool is
    `mcp__SERVER__TOOL`, whatever its length.
    """

    name = "claude-code"
    title = "Claude Code"
    executable = "claude"
    takes_command = True
    needs_catalog = True
    takes_subscription = True
    model_options = ("--model",)
    without_model = frozenset(
        {
            *("agents", "auth", "auto-mode", "config", "doctor", "gateway", "install", "mcp", "plugin", "plugins"),
            *("project", "setup-token", "update", "upgrade", "-v"),
        }
    )
    install = "npm install -g @anthropic-ai/claude-code"
    has_project_file = True
    first: ClassVar[Mapping[str, Any]] = {"type": "stdio"}
    prefix = "mcp__{}__"

    def path(self) -> Path:
        """Return the user's settings.json, in CLAUDE_CONFIG_DIR."""
        named = environment.get("CLAUDE_CONFIG_DIR")
        return (Path(named) if named else paths.home() / ".claude") / "settings.json"

    def mcp_path(self, project: Path | None = None) -> Path:
        """Return the user's .claude.json, which is not in the folder of settings.json by default, or a .mcp.json."""
        if project:
            return project / ".mcp.json"
        named = environment.get("CLAUDE_CONFIG_DIR")
        older = self.path().with_name(".config.json")
        return older if os.path.exists(older) else (Path(named) if named else paths.home()) / ".claude.json"

    def how_to_see(self, names: Sequence[str], project: Path | None) -> list[str]:  # noqa: ARG002
        """Return the command that connects to each server."""
        return ["claude, and approve the server" if project else "claude mcp list   (after a restart: /mcp)"]

    def what_hides(self, names: Sequence[str], project: Path | None) -> list[str]:
        """Return warnings about entries for this folder, which override the user's, and servers that it has off."""
        try:
            here = project or Path.cwd()
        except OSError:  # it was removed
            return []
        of_user = self.mcp_path()
        own = member(member(self.settings_in(of_user), "projects"), here.as_posix())
        local, off = member(own, "mcpServers"), own.get("disabledMcpServers")
        of_project = {} if project else member(self.settings_in(here / ".mcp.json"), "mcpServers")
        found = []
        for name in names:
            if name in local:
                found.append(
                    f'the entry "{name}" for {here} in {of_user} overrides it: claude mcp remove -s local {name}'
                )
            elif name in of_project:
                found.append(f'the entry "{name}" in {here / ".mcp.json"} overrides it there')
            if isinstance(off, list) and name in off:
                found.append(f'"{name}" is switched off in {here}: enable it with /mcp in Claude Code')
        return found

    def export(self, provider: Provider) -> Export:
        """Return the settings: model names, and the context windows that are smaller than Claude Code assumes."""
        changes: list[Set | Put | Fill] = [
            Set(("apiKeyHelper",), shell_words(provider.command)),
            Set(("env", _BASE_URL), provider.base_url),
            Put(("modelPicker", "options"), _rows(provider.models), having("description", _DESCRIPTION)),
        ]
        if windows := _windows(provider.models):
            changes.append(Fill(("modelSettings",), windows))
        notes = [
            "claude --model MODEL",
            "unset ANTHROPIC_API_KEY ANTHROPIC_AUTH_TOKEN  # also in its settings, or it sends them to the proxy",
        ]
        if provider.with_skills:
            source = {"source": "url", "url": f"{provider.base_url}/claude-code/marketplace.json"}
            changes.append(Set(("extraKnownMarketplaces", _MARKETPLACE, "source"), source))
            notes.append(f"/plugin install NAME@{_MARKETPLACE}")
        return Export([FileChange(self.path(), "json", changes)], notes=notes, warnings=_refused(provider.models))

    def lacks_default(self, arguments: Sequence[str], models: Sequence[Model]) -> bool:
        """Whether no model is named, and the proxy has none of Claude Code's families."""
        words, theirs = _without_settings(arguments)
        if theirs is None or not self.lacks_model(words) or self._names_model(theirs):
            return False
        return not any(_of_family(models, family) for family in _FAMILIES)

    def launch(self, provider: Provider, wish: Wish) -> Launch:
        """Return `--settings` with a key command; settings with a secret are in a file, and never an argument.

        Claude Code reads one `--settings`: what the user's own one has is kept in ours.
        """
        words, theirs = _without_settings(wish.arguments)
        if theirs is None:
            # It reports what is wrong with the user's --settings, and ends.
            return Launch(variables={_BASE_URL: provider.base_url})
        named = self.named_model(words)
        # An alias is resolved by Claude Code itself: the variables of `_aliases` say to which model.
        chosen = wish.model or self._instead_of_default(provider.models, words, theirs)
        model = named or chosen
        own = {_BASE_URL: provider.base_url, **_limits(with_id(provider.models, model))}
        own |= self._aliases(provider, model, theirs)
        secret = self._secrets(provider, wish, theirs)
        variables = {**own, **secret}
        overriding = _OVERRIDING if wish.subscription else (*_OVERRIDING, *_SIGN_IN)
        unset = [name for name in overriding if name not in variables]
        runs_command = provider.command and not wish.subscription
        text = dump_json(
            {
                "modelPicker": {"options": _rows(provider.models)},
                "modelSettings": _windows(provider.models),
                **theirs,
                "apiKeyHelper": shell_words(provider.command) if runs_command else "",
                "env": {**member(theirs, "env"), **dict.fromkeys(unset, ""), **variables},
            }
        )
        arguments = ["--model", chosen] if chosen and not named else []
        warnings = _refused([one for one in provider.models if one["id"] == model and model not in _FAMILIES])
        if wish.model is None and self.lacks_default(wish.arguments, provider.models):
            warnings.append(self.default_model_warning())
        is_short = sys.platform != "win32" and len(text.encode()) <= _MAX_ARGUMENT
        if is_short and not secret and not theirs:
            return Launch(["--settings", text, *arguments], variables, unset, warnings=warnings)
        arguments = ["--settings", str(wish.folder / _FILE), *arguments]
        return Launch(arguments, variables, unset, {_FILE: text}, warnings, user_arguments=words)

    def _instead_of_default(self, models: Sequence[Model], words: Sequence[str], theirs: dict[str, Any]) -> str | None:
        """Return the model to start with where no model is named, and the proxy has no Opus, which is the default."""
        if not self.lacks_model(words) or self._names_model(theirs) or _of_family(models, "opus"):
            return None
        return next((names[0] for family in _FAMILIES if len(names := _of_family(models, family)) == 1), None)

    def _secrets(self, provider: Provider, wish: Wish, theirs: dict[str, Any]) -> dict[str, str]:
        """Return the variables with the key, and the user's own headers where they would override it."""
        before = [line for line in self._own_variable(_HEADERS, theirs).splitlines() if line.strip()]
        kept = [line for line in before if line.partition(":")[0].strip().lower() not in _KEY_HEADERS]
        if wish.subscription:
            return {_HEADERS: "\n".join([*kept, f"x-litellm-api-key: {provider.key}"])}
        headers = {_HEADERS: "\n".join(kept)} if kept != before else {}
        return headers if provider.command else {**headers, _TOKEN: provider.key}

    def _aliases(self, provider: Provider, model: str | None, theirs: dict[str, Any]) -> dict[str, str]:
        """Return the variables for the models of Claude Code's aliases, which it also uses for work in the background.

        The proxy may not have its default models. Where it has several of a family, Claude Code's default is kept, and
        where it has none, the best of another family stands in: the default is of one family.
        """
        known = {one["id"] for one in provider.models}
        chosen = [model] if model in known else []
        found, missing = {}, []
        for family in _FAMILIES:
            variable = f"ANTHROPIC_DEFAULT_{family.upper()}_MODEL"
            names = _of_family(provider.models, family) or chosen
            if (own := self._own_variable(variable, theirs)) in known:
                found[variable] = own
            elif len(names) == 1:
                found[variable] = names[0]
            elif not names:
                missing.append(variable)
        return {**dict.fromkeys(missing, next(iter(found.values()))), **found} if found else {}

    def _names_model(self, theirs: dict[str, Any]) -> bool:
        """Whether the user's own settings or variables name a model."""
        named = any(settings and settings.get("model") for settings in self._settings(theirs))
        return named or bool(self._own_variable(_MODEL, theirs))

    def _own_variable(self, name: str, theirs: dict[str, Any]) -> str:
        """Return the value of a variable of the user; empty if it has none."""
        for settings in self._settings(theirs):
            found = member(settings or {}, "env").get(name)
            if isinstance(found, str):
                return found
        return ""

    def _settings(self, theirs: dict[str, Any]) -> Iterator[dict[str, Any] | None]:
        """Return the user's settings, those first that override others, and at last the environment as settings."""
        folder = Path(".claude")
        yield theirs
        yield from map(_read, (folder / "settings.local.json", folder / "settings.json", self.path()))
        yield {"env": environment.snapshot()}


def _without_settings(arguments: Sequence[str]) -> tuple[Sequence[str], dict[str, Any] | None]:
    """Return the user's arguments without `--settings`, and its settings; None for those that cannot be read."""
    end = end_of_options(arguments)
    words, value, index = [], None, 0
    while index < end:
        option, is_joined, joined = arguments[index].partition("=")
        if option != "--settings":
            words.append(arguments[index])
        elif is_joined:
            value = joined
        elif index + 1 < end:
            index += 1
            value = arguments[index]
        else:
            return arguments, None
        index += 1
    if value is None:
        return arguments, {}
    theirs = _parsed(value) if value.lstrip().startswith("{") else _read(Path(value))
    return [*words, *arguments[end:]], theirs


def _read(path: Path) -> dict[str, Any] | None:
    """Return the settings in a file; None if Claude Code could not read it either."""
    with suppress(OSError, UnicodeDecodeError):
        return _parsed(files.read(path, foreign=True).decode("utf-8"))
    return None


def _parsed(text: str) -> dict[str, Any] | None:
    with suppress(ValueError, RecursionError):
        found = json.loads(text.removeprefix("\ufeff"))
        return found if isinstance(found, dict) else None
    return None


def _verbatim(models: Sequence[Model]) -> list[Model]:
    return [model for model in models if not _NOT_VERBATIM.fullmatch(model["id"])]


def _refused(models: Sequence[Model]) -> list[str]:
    names = [model["id"] for model in models]
    return skipped(list(filter(_NOT_VERBATIM.fullmatch, names)), "Claude Code uses another model for this name")


def _rows(models: Sequence[Model]) -> list[dict[str, str]]:
    """Return the rows of /model."""
    return [{"model": model["id"], "description": _DESCRIPTION} for model in _verbatim(models)]


def _windows(models: Sequence[Model]) -> dict[str, dict[str, int]]:
    """Return the settings of models with a smaller context window than Claude Code assumes."""
    return {
        model["id"]: {"autoCompactWindow": model["context_window"]}
        for model in _verbatim(models)
        if model["context_window"] and _LEAST_WINDOW <= model["context_window"] < _ASSUMED_WINDOW
    }


def _limits(model: Model | None) -> dict[str, str]:
    """Return the variables for the limits of the model that a session starts with."""
    found = {}
    if model and model["context_window"]:
        found["CLAUDE_CODE_MAX_CONTEXT_TOKENS"] = str(model["context_window"])
    if model and (model["max_output_tokens"] or _ASSUMED_OUTPUT) < _ASSUMED_OUTPUT:
        found["CLAUDE_CODE_MAX_OUTPUT_TOKENS"] = str(model["max_output_tokens"])
    return found


def _of_family(models: Sequence[Model], family: str) -> list[str]:
    return [model["id"] for model in models if family in model["id"].lower()]
