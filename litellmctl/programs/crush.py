"""Crush (https://github.com/charmbracelet/crush): README.md, docs/config/README.md and internal/shellconfig/*.go."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litellmctl.programs.changes import Block, FileChange
from litellmctl.programs.model_facts import skipped
from litellmctl.programs.program import Export, Exporter, Provider
from litellmctl.settings import environment, paths

if TYPE_CHECKING:
    from litellmctl.catalog.model import Model


class Crush(Exporter):
    """`provider add` and `model add` in crushrc, which is Bash on every system.

    Crush expands the key for every request to a model. So the file has the command itself, whose output is not
    expanded again.
    """

    name = "crush"
    title = "Crush"
    executable = "crush"

    def path(self) -> Path:
        """Return the user's crushrc, not that of a project."""
        named = environment.get("CRUSH_GLOBAL_CONFIG")
        return (Path(named) if named else paths.xdg_config_home() / "crush") / "crushrc"

    def export(self, provider: Provider) -> Export:
        """Return the block with the provider and its models."""
        add = _line(
            "provider add",
            provider.id,
            name=provider.name,
            type="openai-compat",
            base_url=re.sub(r"[$`'\"\\]", lambda found: f"%{ord(found[0]):X}", provider.v1),
            api_key=f"$({shlex.join(provider.command)})",
            discover_models=False,
        )
        refused = [model["id"] for model in provider.models if "\0" in model["id"]]
        text = "\n".join([add, *(_model(provider.id, one) for one in provider.models if one["id"] not in refused)])
        return Export(
            [FileChange(self.path(), "text", [Block(provider.id, text)])],
            notes=[f"crush run --model {provider.id}/MODEL, or choose it in crush with ctrl+l"],
            warnings=skipped(refused, "Bash does not allow NUL characters"),
        )


def _model(provider_id: str, model: Model) -> str:
    takes, most, window = model["input"], model["max_output_tokens"], model["context_window"]
    return _line(
        "model add",
        f"{provider_id}/{model['id']}",
        name=model["id"],
        context_window=window,
        # Crush requests this many tokens each time, and the prompt needs room too.
        default_max_tokens=most if most and window and most < window else None,
        can_reason=model["reasoning"],
        supports_images=None if takes is None else "image" in takes,
        price_input=model["cost"]["input"],
        price_output=model["cost"]["output"],
        price_cache_create=model["cost"]["cache_write"],
        price_cache_hit=model["cost"]["cache_read"],
    )


def _line(command: str, subject: str, **flags: Any) -> str:
    words = [f"--{name.replace('_', '-')} {_quoted(value)}" for name, value in flags.items() if value is not None]
    return " ".join([command, _quoted(subject), *words])


def _quoted(value: Any) -> str:
    """Return a value as one word of Bash, on one line."""
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    if text.isprintable():
        return shlex.quote(text)
    plain = re.compile(r"[^\W_]|[ _./:@-]", re.ASCII)
    return "$'" + "".join(char if plain.match(char) else _bytes(char) for char in text) + "'"


def _bytes(char: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in char.encode("utf-8", "replace"))
