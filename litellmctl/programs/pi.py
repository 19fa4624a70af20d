"""Pi (https://pi.dev): docs/models.md and dist/core/model-config.js of npm's @earendil-works/pi-coding-agent.

For one run: docs/custom-provider.md, dist/core/provider-composer.js and dist/cli/args.js of 1.6.0.

MCP is built in: docs/mcp.md and dist/extensions/mcp of 1.6.0, with dist/config.js and dist/naming.js of its pi-mcp. A
tool is `mcp__ENTRY__TOOL`, cut to 64 characters with a hash. A server gets all variables of Pi's own.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from litellmctl.catalog.model import EFFORTS, PRICES
from litellmctl.foundation.text import dump_json
from litellmctl.programs import jsonc
from litellmctl.programs.changes import FileChange, Set
from litellmctl.programs.copies import member, object_in
from litellmctl.programs.mcp_entries import WAIT_SECONDS, EntriesHost
from litellmctl.programs.model_facts import known, priced
from litellmctl.programs.program import (
    KEY_VARIABLE,
    Export,
    Exporter,
    Launch,
    Provider,
    Wish,
    key_variables,
    shell_words,
)
from litellmctl.settings import environment, paths

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from litellmctl.catalog.model import Model, Tier
    from litellmctl.programs.mcp_host import Bridge

# Pi's thinking levels have the names of LiteLLM's reasoning efforts, except one.
_LEVELS = {"off" if effort == "none" else effort: effort for effort in EFFORTS}
_CLAUDE = r"(?i)(?<![a-z])(?:anthropic/|(?:claude|fable|opus|sonnet|haiku)(?![a-z]))"
_KIMI = r"(?i)(?<![a-z])(?:moonshotai|moonshot|kimi)(?![a-z])"
# Moonshot refuses parameters that it does not know.
_KIMI_RESPONSES = {"supportsDeveloperRole": False, "supportsStrictMode": False}
_KIMI_CHAT = {**_KIMI_RESPONSES, "supportsReasoningEffort": False, "maxTokensField": "max_tokens"}
_COMPAT = {"supportsStore": False}
# What models.json may lack, a provider of an extension must have: Pi's own defaults (`modelFromJson`).
_DEFAULTS = {
    "reasoning": False,
    "input": ["text"],
    "cost": {"input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0},
    "contextWindow": 128_000,
    "maxTokens": 16_384,
}
_EXTENSION = "litellm.js"
# Pi starts without MCP if its settings have this extension.
_WITHOUT_MCP = "-builtin:mcp"


class Pi(Exporter, EntriesHost):
    """`providers.ID` in models.json, and `mcpServers.NAME` in mcp.json.

    Pi runs our command for the key in a shell, for each request; an MCP server without a shell.
    """

    name = "pi"
    title = "Pi"
    executable = "pi"
    takes_command = True
    needs_catalog = True
    install = "npm install -g @earendil-works/pi-coding-agent"
    model_options = ("--model", "--models", "--provider", "--list-models")
    without_model = frozenset({"install", "remove", "uninstall", "update", "list", "config", "auth", "mcp"})
    has_project_file = True
    reference = re.compile(r"^~(?=$|[/\\])")
    off = ("enabled", False)
    # Pi shows a model the description of a server, and no tool before the model searches for one.
    initial: ClassVar[Mapping[str, Any]] = {"description": "Tools behind a LiteLLM proxy.", "timeout": WAIT_SECONDS}

    def path(self) -> Path:
        """Return models.json in PI_CODING_AGENT_DIR."""
        named = environment.get("PI_CODING_AGENT_DIR")
        return (Path(paths.expanded(named)) if named else paths.home() / ".pi" / "agent") / "models.json"

    def mcp_path(self, project: Path | None = None) -> Path:
        """Return mcp.json beside models.json, or that of a project, whose entries replace those of the same name."""
        return project / ".pi" / "mcp.json" if project else self.path().with_name("mcp.json")

    def entry_name(self, name: str) -> str:
        """Return the name with no other characters than Pi allows; `-` and `_` are the same to it."""
        return re.sub(r"[^A-Za-z0-9_-]", "_", name)

    def entry(self, bridge: Bridge) -> dict[str, Any]:
        """Return an entry. Of its texts, Pi takes only the variables for references."""
        variables = {name: re.sub(r"^!|\$", r"$\g<0>", value) for name, value in bridge.variables.items()}
        return super().entry(replace(bridge, variables=variables))

    def how_to_see(self, names: Sequence[str], project: Path | None) -> list[str]:  # noqa: ARG002
        """Return the command that lists the tools; in a project that the user does not trust, Pi reads no file."""
        return ["pi, and trust the project" if project else "pi mcp list   (in a session: /reload, then /mcp)"]

    def what_hides(self, names: Sequence[str], project: Path | None) -> list[str]:  # noqa: ARG002
        """Return a warning if MCP is switched off as a whole."""
        path = self.path().with_name("settings.json")
        extensions = self.settings_in(path).get("extensions")
        is_off = isinstance(extensions, list) and _WITHOUT_MCP in extensions
        return [f'Pi starts no MCP servers: remove "{_WITHOUT_MCP}" from extensions in {path}'] if is_off else []

    def launch(self, provider: Provider, wish: Wish) -> Launch:
        """Return an extension that registers the provider, so that sessions, settings and sign-ins stay the user's."""
        if not self.without_model.isdisjoint(wish.arguments[:1]):
            return Launch()  # these would take our options for their own
        name = _free_name(provider.id, self.path())
        body = _body(provider)
        body["models"] = [
            {**_DEFAULTS, **one, "compat": {**_COMPAT, **one.get("compat", {})}} for one in body["models"]
        ]
        text = f"export default (pi) => pi.registerProvider({json.dumps(name)}, {json.dumps(body)});\n"
        arguments, warnings = ["--extension", str(wish.folder / _EXTENSION)], []
        if self.lacks_model(wish.arguments):
            if wish.model is None:
                warnings.append(self.default_model_warning())
            else:
                arguments += ["--provider", name, "--model", wish.model]
        return Launch(
            arguments=arguments,
            variables={} if provider.command else key_variables(provider),
            files={_EXTENSION: text},
            warnings=warnings,
        )

    def export(self, provider: Provider) -> Export:
        """Return the provider with its models."""
        change = FileChange(self.path(), "json", [Set(("providers", provider.id), _body(provider))])
        return Export([change], notes=[f"pi --provider {provider.id} --model MODEL"])


def _body(provider: Provider) -> dict[str, Any]:
    """Return the provider as models.json and extensions have it."""
    return {
        "name": provider.name,
        "baseUrl": provider.v1,
        "api": "openai-completions",
        "apiKey": f"!{shell_words(provider.command)}" if provider.command else f"${KEY_VARIABLE}",
        "compat": _COMPAT,
        "models": [_model(model) for model in provider.models],
    }


def _free_name(name: str, path: Path) -> str:
    """Return a name for the provider under which nothing of the user's would override its key.

    A sign-in that Pi has stored for the name would, and headers in models.json are sent with whatever is registered.
    """
    signed_in = object_in(path.with_name("auth.json"), jsonc.value)
    providers = member(object_in(path, jsonc.value), "providers")
    with_headers = [one for one, entry in providers.items() if '"headers"' in dump_json(entry)]
    while name in signed_in or name in with_headers:
        name += "-run"
    return name


def _model(model: Model) -> dict[str, Any]:
    takes, efforts = model["input"], model["reasoning_efforts"]
    reasoning = True if model["reasoning"] is None and efforts else model["reasoning"]
    levels = {level: effort if effort in efforts else None for level, effort in _LEVELS.items()} if efforts else None
    return known(
        id=model["id"],
        name=model["id"] if _is_complete(model) else f"{model['id']} (incomplete metadata)",
        api="openai-responses" if model["mode"] == "responses" else None,
        reasoning=reasoning,
        thinkingLevelMap=levels if reasoning else None,
        input=None if takes is None else [what for what in ("text", "image") if what in takes] or None,
        contextWindow=model["context_window"],
        maxTokens=model["max_output_tokens"],
        cost=_cost(model),
        compat=_compat(model),
    )


def _is_complete(model: Model) -> bool:
    """Whether Pi knows all prices and limits, so that it does not assume any."""
    first, tiers = priced(model["cost"])
    levels = [level[name] for level in (first, *tiers) for name in PRICES]  # type: ignore[literal-required]
    return None not in (*levels, model["context_window"], model["max_output_tokens"])


def _cost(model: Model) -> dict[str, Any] | None:
    """Return all four prices, as Pi needs them; it takes 0 for a missing one.

    A request larger than a tier's `inputTokensAbove` pays the tier's prices for all of its tokens.
    """
    first, tiers = priced(model["cost"])
    levels = [_rates(level) for level in (first, *tiers)]
    if levels[0] is None:
        return None
    above = [
        {"inputTokensAbove": tier["above"], **rates}
        for tier, rates in zip(tiers, levels[1:], strict=True)
        if rates is not None
    ]
    return {**levels[0], "tiers": above} if above else levels[0]


def _rates(prices: Tier) -> dict[str, Any] | None:
    if prices["input"] is None or prices["output"] is None:
        return None
    return {
        "input": prices["input"],
        "output": prices["output"],
        "cacheRead": prices["cache_read"] or 0,
        "cacheWrite": prices["cache_write"] or 0,
    }


def _compat(model: Model) -> dict[str, Any] | None:
    """Return settings for the models of two makers, which Pi recognizes only by their own URLs."""
    responses, makers = model["mode"] == "responses", set(model["providers"] or ())
    if re.search(_KIMI, model["id"]) or makers == {"moonshot"}:
        return _KIMI_RESPONSES if responses else _KIMI_CHAT
    if not responses and (re.search(_CLAUDE, model["id"]) or makers == {"anthropic"}):
        return {"cacheControlFormat": "anthropic"}  # without it, prompt caching does nothing
    return None
