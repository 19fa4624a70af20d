"""Codex (https://github.com/openai/codex): codex-rs/model-provider-info/src/lib.rs; docs.litellm.ai, Codex CLI.

For MCP servers: codex-rs/config/src/mcp_types.rs, codex-rs/rmcp-client/src/utils.rs. As 0.171.0 does it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from litellmctl.errors import ConfigFailure
from litellmctl.foundation.text import dump_json
from litellmctl.programs.changes import FileChange, Set
from litellmctl.programs.copies import read
from litellmctl.programs.mcp_entries import NEEDED, NOTHING, WAIT_SECONDS, EntriesHost, set_now
from litellmctl.programs.model_facts import with_id
from litellmctl.programs.program import KEY_VARIABLE, Export, Exporter, Launch, Provider, Wish, key_variables
from litellmctl.settings import environment, paths

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from litellmctl.programs.mcp_host import Bridge

_COMMAND_MILLISECONDS = 20_000
_RENEW_MILLISECONDS = 300_000
# Codex joins a provider of `-c` with one of the same name in config.toml, and refuses two ways to a key.
_RUN_ID = "litellmctl"
# Other credentials than the stored sign-in.
_OTHER_KEYS = ("CODEX_API_KEY", "CODEX_ACCESS_TOKEN", "OPENAI_API_KEY")


class Codex(Exporter, EntriesHost):
    """`model_providers.ID` in config.toml. Codex runs our command for the key, and refuses unknown settings.

    One run gets the same from `-c`, which overrides config.toml and its profiles.

    MCP servers are in `mcp_servers`, also of .codex/config.toml in a project that the user trusts. Codex replaces
    nothing in an entry. What it starts gets HOME, PATH and little else of its environment, and the variables that
    `env_vars` names. It waits 60 seconds for a call by default. A tool is `mcp__SERVER__TOOL`.
    """

    name = "codex"
    title = "Codex"
    executable = "codex"
    takes_command = True
    needs_catalog = True
    takes_subscription = True
    install = "npm install -g @openai/codex"
    has_project_file = True
    format = "toml"
    mapping = "mcp_servers"
    reference = NOTHING
    off = ("enabled", False)
    initial: ClassVar[Mapping[str, Any]] = {"tool_timeout_sec": WAIT_SECONDS}

    def path(self) -> Path:
        """Return config.toml in CODEX_HOME."""
        named = environment.get("CODEX_HOME")
        return (Path(named) if named else paths.home() / ".codex") / "config.toml"

    def mcp_path(self, project: Path | None = None) -> Path:
        """Return the user's config.toml, or that of a project."""
        return project / ".codex" / "config.toml" if project else self.path()

    def entry(self, bridge: Bridge) -> dict[str, Any]:
        """Return an entry with the names of variables that Codex would hide from us, not their values."""
        names = set_now(NEEDED, bridge.reads)
        return {**super().entry(bridge), **({"env_vars": names} if names else {})}

    def how_to_see(self, names: Sequence[str], project: Path | None) -> list[str]:  # noqa: ARG002
        """Return the command that lists the servers; /mcp in a session lists the tools."""
        return ["codex, and trust the project" if project else "codex mcp list   (after a restart: /mcp)"]

    def export(self, provider: Provider) -> Export:
        """Return the provider, without models: Codex asks the proxy about a model."""
        change = FileChange(self.path(), "toml", [Set(("model_providers", provider.id), _provider(provider))])
        return Export([change], notes=[f"codex -c model_provider={provider.id} -m MODEL"])

    def launch(self, provider: Provider, wish: Wish) -> Launch:
        """Return `-c` options with the provider. They have no key: a command prints it, or a variable has it."""
        named = self.named_model(wish.arguments)
        model = with_id(provider.models, named or wish.model)
        body = _provider(provider)
        if wish.subscription:
            body.pop("auth")
            body |= {"requires_openai_auth": True, "env_http_headers": {"x-litellm-api-key": KEY_VARIABLE}}
        elif not provider.command:
            body.pop("auth")
            body["env_key"] = KEY_VARIABLE
        settings: dict[str, Any] = {"model_provider": _RUN_ID, f"model_providers.{_RUN_ID}": body}
        if wish.model and named is None:
            settings["model"] = wish.model
        if model and model["context_window"]:
            settings["model_context_window"] = model["context_window"]
        needs_key = wish.subscription or not provider.command
        warnings = [] if named or wish.model or self._finds_model(provider) else [self.default_model_warning()]
        return Launch(
            arguments=[word for name, value in settings.items() for word in ("-c", f"{name}={_toml(value)}")],
            variables=key_variables(provider) if needs_key else {},
            unset=_OTHER_KEYS if wish.subscription else (),
            warnings=warnings,
        )

    def _finds_model(self, provider: Provider) -> bool:
        """Whether the user's settings name a model, or the proxy may have one of Codex's own."""
        if any(model["id"].startswith("gpt-") for model in provider.models):
            return True
        import tomllib

        try:
            return bool(tomllib.loads(read(self.path()) or "").get("model"))
        except (ConfigFailure, tomllib.TOMLDecodeError):
            return True  # which Codex reports


def _provider(provider: Provider) -> dict[str, Any]:
    """Return the provider, whose key our command prints."""
    command, *arguments = provider.command or [""]
    return {
        "name": provider.name,
        "base_url": provider.v1,
        "wire_api": "responses",
        "auth": {
            "command": command,
            "args": arguments,
            "timeout_ms": _COMMAND_MILLISECONDS,
            "refresh_interval_ms": _RENEW_MILLISECONDS,
        },
    }


def _toml(value: Any) -> str:
    """Return a value in one line of TOML, with double quotes, which a Windows shell may lose, only if they must be."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{name}={_toml(member)}" for name, member in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_toml, value)) + "]"
    if isinstance(value, str) and "'" not in value and value.isprintable():
        return f"'{value}'"
    # Texts, numbers and booleans of JSON are TOML too.
    return dump_json(value)
