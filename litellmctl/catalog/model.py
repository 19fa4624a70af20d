"""What a model is: the JSON that `litellmctl models` prints."""

from __future__ import annotations

from typing import TypedDict

# What `supports` always has, in LiteLLM's own words (`supports_NAME` in /model/info).
ABILITIES = (
    "function_calling",
    "parallel_function_calling",
    "tool_choice",
    "response_schema",
    "system_messages",
    "assistant_prefill",
    "prompt_caching",
    "native_streaming",
    "web_search",
    "url_context",
    "computer_use",
)
# Words of LiteLLM's (`supports_NAME`) whose fact is not under `supports` here.
MODALITY_WORDS = {
    "vision": ("input", "image"),
    "audio_input": ("input", "audio"),
    "pdf_input": ("input", "pdf"),
    "video_input": ("input", "video"),
    "audio_output": ("output", "audio"),
}
# Abilities that a table names in one short word.
SHORT_WORDS = {"tools": "function_calling", "web": "web_search", "computer": "computer_use"}
MODALITIES = ("text", "image", "audio", "pdf", "video")
# The values of `--supports`: the words of a table, and LiteLLM's own.
ABILITY_WORDS = (*SHORT_WORDS, "reasoning", *MODALITIES[1:], *ABILITIES, *MODALITY_WORDS)
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
PRICES = ("input", "output", "cache_read", "cache_write")
CHAT_MODES = frozenset({None, "chat", "responses"})


class Tier(TypedDict):
    """Prices of a request whose input has more than `above` tokens, in US dollars per million tokens."""

    above: int
    input: float | None
    output: float | None
    cache_read: float | None
    cache_write: float | None


class OtherPrice(TypedDict):
    """A price in US dollars for one `per`: image, second, character, query, page ...

    `of` is input or output, None if unknown.
    """

    of: str | None
    per: str
    price: float


class Cost(TypedDict):
    """US dollars per million tokens; `tiers` are in order of their thresholds."""

    input: float | None
    output: float | None
    cache_read: float | None
    cache_write: float | None
    tiers: list[Tier]
    other: list[OtherPrice]


class Model(TypedDict):
    """A model that the key may use; None is unknown. The keys are API: none is ever removed or renamed."""

    id: str
    mode: str | None
    providers: list[str] | None
    context_window: int | None
    max_output_tokens: int | None
    input: list[str] | None
    output: list[str] | None
    reasoning: bool | None
    reasoning_efforts: list[str] | None
    supports: dict[str, bool | None]
    cost: Cost
    deployments: int | None
    complete: bool
    source: str


def is_chat(model: Model) -> bool:
    """Whether the model is listed by default: chat and responses; a model without a mode counts as chat."""
    return model["mode"] in CHAT_MODES


FIELDS: dict[str, str] = {
    "id": "Model ID, as requests name it.",
    "mode": "Mode: chat, responses, embedding, image_generation ...",
    "providers": "Providers of its deployments.",
    "context_window": "Context window, in tokens.",
    "max_output_tokens": "Maximum output, in tokens.",
    "input": "Input kinds: text, image, audio, pdf, video.",
    "output": "Output kinds.",
    "reasoning": "Whether it can reason.",
    "reasoning_efforts": "Reasoning efforts that it accepts.",
    "supports": "Abilities: function_calling, response_schema, prompt_caching ...",
    "cost": "Prices in US dollars per million tokens: input, output, cache_read, cache_write; tiers (prices above a "
    "number of tokens); other (prices per image, second ...).",
    "deployments": "Number of deployments with this name.",
    "complete": "Whether all facts that matter for its mode are known.",
    "source": "Source of the facts: model_info, models_list or health.",
}
# The keys of the fields that are objects.
PARTS = {"cost": (*PRICES, "tiers", "other"), "supports": ABILITIES}
_PRICE_HELP = {
    "input": "Price of input",
    "output": "Price of output",
    "cache_read": "Price of reading cached input",
    "cache_write": "Price of caching input",
}
# The fields by which models can be sorted, with their meanings.
SORT_FIELDS: dict[str, str] = {
    **{name: text for name, text in FIELDS.items() if name not in {"cost", "supports"}},
    **{f"cost.{name}": f"{text}, in US dollars per million tokens." for name, text in _PRICE_HELP.items()},
    **{f"supports.{name}": f"Whether it supports {name}." for name in ABILITIES},
}
