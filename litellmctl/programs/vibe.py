"""Mistral Vibe (https://github.com/mistralai/mistral-vibe): vibe/core/config of 3.0.2, layers/environment.py."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from litellmctl.foundation.text import dump_json
from litellmctl.programs.model_facts import known
from litellmctl.programs.program import KEY_VARIABLE, Launch, Program, Provider, Wish, key_variables

if TYPE_CHECKING:
    from litellmctl.catalog.model import Model

# In characters: Windows takes 32,767 for all variables of a program, Linux 131,071 for each.
_LONGEST = 16_384


class Vibe(Program):
    """Variables that Vibe merges over config.toml; VIBE_HOME, with its sessions, stays in use."""

    title = "Mistral Vibe"
    executable = "vibe"
    needs_model = True
    needs_catalog = True
    model_options = ()
    without_model = frozenset({"mcp", "update", "help", "-v"})
    install = "uv tool install --python 3.12 mistral-vibe"

    def launch(self, provider: Provider, wish: Wish) -> Launch:
        """Return the provider and its models as JSON, and no other model is allowed.

        The chosen one is alone if all of them are too long, and in a saved session, which would keep its own model.
        """
        chosen = [model for model in provider.models if model["id"] == wish.model]
        offered = chosen if chosen and _is_saved(wish.arguments) else provider.models
        variables = _variables(provider, offered)
        if chosen and sum(map(len, variables.values())) > _LONGEST:
            variables = _variables(provider, chosen)
        if wish.model is not None:
            # The second one is for a session that is saved with a model that is not allowed.
            variables |= {"VIBE_ACTIVE_MODEL": wish.model, "VIBE_ROUTED_DEFAULT_MODEL": wish.model}
        return Launch(variables=variables)


def _is_saved(arguments: Sequence[str]) -> bool:
    return any(word in ("-c", "--continue") or word.partition("=")[0] == "--resume" for word in arguments)


def _variables(provider: Provider, models: Sequence[Model]) -> dict[str, str]:
    return {
        **key_variables(provider),
        "VIBE_PROVIDERS": dump_json([body(provider)]),
        "VIBE_MODELS": dump_json([_model(model, provider) for model in models]),
        "VIBE_ALLOWED_MODELS": dump_json([f"re:{re.escape(model['id'])}" for model in models]),
    }


def body(provider: Provider) -> dict[str, Any]:
    """Return the proxy as an item of `providers` in Vibe's config.toml."""
    return {
        "name": provider.id,
        "api_base": provider.v1,
        "api_key_env_var": KEY_VARIABLE,
        "api_style": "openai",
        "backend": "generic",
    }


def _model(model: Model, provider: Provider) -> dict[str, Any]:
    takes, cost = model["input"], model["cost"]
    return known(
        name=model["id"],
        provider=provider.id,
        alias=model["id"],
        input_price=cost["input"],
        output_price=cost["output"],
        cached_input_price=cost["cache_read"],
        max_context_length=model["context_window"],
        max_output_tokens=model["max_output_tokens"],
        supports_images=None if takes is None else "image" in takes,
    )
