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
# Words of LiteLLM's (`supports_NAME`) that stand elsewhere than under `supports` here.
MODALITY_WORDS = {
    "vision": ("input", "image"),
    "audio_input": ("input", "audio"),
    "pdf_input": ("input", "pdf"),
    "video_input": ("input", "video"),
    "audio_output": ("output", "audio"),
}
# What `--supports` takes.
ABILITY_WORDS = (*ABILITIES, "reasoning", *MODALITY_WORDS)
MODALITIES = ("text", "image", "audio", "pdf", "video")
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

    `of` is input or output, None where LiteLLM does not say.
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
    """A model that the key may use; None is unknown. The keys are API: they are only ever added to."""

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
    """Whether the model is listed by default: chat and responses, and no mode counts as chat."""
    return model["mode"] in CHAT_MODES


FIELDS: dict[str, str] = {
    "id": "The public name, as requests name it.",
    "mode": "chat, responses, embedding, image_generation ...",
    "providers": "The providers behind it.",
    "context_window": "The most input tokens.",
    "max_output_tokens": "The most output tokens.",
    "input": "What it takes: text, image, audio, pdf, video.",
    "output": "What it gives.",
    "reasoning": "Whether it can reason.",
    "reasoning_efforts": "The efforts that it takes.",
    "supports": "An object of abilities: function_calling, response_schema, prompt_caching ...",
    "cost": "An object: input, output, cache_read, cache_write in US dollars per million tokens; tiers (above so many "
    "tokens) and other prices (per image, second ...).",
    "deployments": "How many deployments share the name.",
    "complete": "Whether all facts that matter for its mode are known.",
    "source": "Where the proxy told of it: model_info, models_list, health.",
}
# What `--sort` takes, each with what it means.
SORT_FIELDS: dict[str, str] = {
    **{name: text for name, text in FIELDS.items() if name not in {"cost", "supports"}},
    **{f"cost.{name}": "US dollars per million tokens." for name in PRICES},
    **{f"supports.{name}": "" for name in ABILITIES},
}
