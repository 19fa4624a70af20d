"""GitHub Copilot CLI (https://docs.github.com/copilot): `copilot help providers` of 1.0.102."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litellmctl.programs.model_facts import with_id
from litellmctl.programs.program import Launch, Program, Provider, Wish, shell_words

if TYPE_CHECKING:
    from litellmctl.catalog.model import Model

_PREFIX = "COPILOT_PROVIDER_"
# Those of another provider that the user may have.
_ALL = (
    *("BASE_URL", "TYPE", "API_KEY", "API_KEY_COMMAND", "BEARER_TOKEN", "WIRE_API", "TRANSPORT", "AZURE_API_VERSION"),
    *("HEADERS", "MODEL_ID", "WIRE_MODEL", "MAX_PROMPT_TOKENS", "MAX_OUTPUT_TOKENS"),
)
_EFFORT = "--reasoning-effort"


class Copilot(Program):
    """Variables for a provider of the user's own, with which it needs no sign-in at GitHub."""

    title = "Copilot CLI"
    executable = "copilot"
    takes_command = True
    needs_model = True
    needs_catalog = True
    model_options = ("--model",)
    without_model = frozenset(
        {
            *("app", "config", "help", "instruction", "login", "mcp", "memories", "plugin", "sessions", "skill"),
            *("update", "version"),
        }
    )
    install = "npm install -g @github/copilot"

    def launch(self, provider: Provider, wish: Wish) -> Launch:
        """Return the variables for the provider, and for the limits of the model that it starts with."""
        named = self.named_model(wish.arguments)
        name = named or wish.model
        model = with_id(provider.models, name)
        wire = "responses" if model and model["mode"] == "responses" else "completions"
        own = {"TYPE": "openai", "BASE_URL": provider.v1, "WIRE_API": wire, **_limits(model)}
        if provider.command:
            own["API_KEY_COMMAND"] = shell_words(provider.command)
        else:
            own["API_KEY"] = provider.key
        variables = {f"{_PREFIX}{word}": value for word, value in own.items()}
        if wish.model and named is None:
            variables["COPILOT_MODEL"] = wish.model
        return Launch(
            arguments=self._effort(model, wish) if name else (),
            variables=variables,
            unset=[f"{_PREFIX}{word}" for word in _ALL if word not in own],
        )

    def _effort(self, model: Model | None, wish: Wish) -> list[str]:
        """Return the option without which it asks models to reason that cannot, such as gpt-4o, and gets an error."""
        given = any(word.partition("=")[0] in (_EFFORT, "--effort") for word in wish.arguments)
        is_prompt = self.without_model.isdisjoint(wish.arguments[:1])
        return [_EFFORT, "none"] if is_prompt and not given and not (model and model["reasoning"]) else []


def _limits(model: Model | None) -> dict[str, str]:
    found = {}
    if model and model["context_window"]:
        found["MAX_PROMPT_TOKENS"] = str(model["context_window"])
    if model and model["max_output_tokens"]:
        found["MAX_OUTPUT_TOKENS"] = str(model["max_output_tokens"])
    return found
