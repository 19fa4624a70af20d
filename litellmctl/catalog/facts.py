"""The facts of a model in a row of a proxy's answer, checked field by field, and those that two rows share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from litellmctl.catalog import prices
from litellmctl.catalog.model import ABILITIES, EFFORTS, MODALITIES, Cost, Model
from litellmctl.catalog.prices import MAX_TOKENS, Prices, number

# Abilities that name a kind of input or output, beside those of `supports`.
_INPUTS = {
    "vision": "image",
    "image_input": "image",
    "embedding_image_input": "image",
    "audio_input": "audio",
    "pdf_input": "pdf",
    "video_input": "video",
}
_OUTPUTS = {"audio_output": "audio"}
_FLAGS = (*ABILITIES, *_INPUTS, *_OUTPUTS, "reasoning")
_FLAG_KEYS = tuple((name, f"supports_{name}") for name in _FLAGS)
_EFFORT_KEYS = tuple((name, f"supports_{name}_reasoning_effort") for name in EFFORTS)
# Kinds of input and output, where the mode alone determines them.
_BY_MODE: dict[str | None, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "chat": (("text",), ("text",)),
    "responses": (("text",), ("text",)),
    "completion": (("text",), ("text",)),
    "decisions": (("text",), ("text",)),
    "evaluation": (("text",), ("text",)),
    "extraction": (("text",), ("text",)),
    "search": (("text",), ("text",)),
    "vector_store": (("text",), ("text",)),
    "ocr": (("image", "pdf"), ("text",)),
    "realtime": (("text", "audio"), ("text", "audio")),
    "embedding": (("text",), ()),
    "rerank": (("text",), ()),
    "moderation": (("text",), ()),
    "moderations": (("text",), ()),
    "guardrail": (("text",), ()),
    "image_generation": (("text",), ("image",)),
    "image_edit": (("text", "image"), ("image",)),
    "video_generation": (("text",), ("video",)),
    "audio_transcription": (("audio",), ("text",)),
    "audio_speech": (("text",), ("audio",)),
}
# The modes that LiteLLM knows; a proxy may name others.
MODES = tuple(filter(None, _BY_MODE))
# The kinds of input of an embedding model, by its prices.
_EMBEDDED = {
    "image": "image",
    "image_token": "image",
    "audio_per_second": "audio",
    "audio_token": "audio",
    "video_per_second": "video",
    "video_token": "video",
}
# For a model that it does not know, LiteLLM up to 1.71 says false for all of these; later releases say null.
_FILLED_IN = tuple(
    f"supports_{name}"
    for name in (
        "embedding_image_input",
        "assistant_prefill",
        "audio_input",
        "audio_output",
        "function_calling",
        "pdf_input",
        "prompt_caching",
        "reasoning",
        "tool_choice",
        "vision",
        "web_search",
    )
)
_MAX_WORD = 100


class Facts(NamedTuple):
    """Facts of a deployment, or of several that share a name; None is unknown.

    `flags` follows `_FLAGS`. `modes` has what was said, chat where nothing was. `agrees` is false where two sources
    contradicted each other.
    """

    modes: frozenset[str]
    mode_is_known: bool
    providers: frozenset[str]
    context_window: int | None
    max_output_tokens: int | None
    flags: tuple[bool | None, ...]
    efforts: frozenset[str] | None
    prices: Prices
    deployments: int | None
    agrees: bool = True

    def merged(self, other: Facts) -> Facts:
        """Return what holds for both: the smaller limit, the higher price, shared abilities."""
        return Facts(
            self.modes | other.modes,
            self.mode_is_known or other.mode_is_known,
            self.providers | other.providers,
            _both(min, self.context_window, other.context_window),
            _both(min, self.max_output_tokens, other.max_output_tokens),
            tuple(map(_shared, self.flags, other.flags)),
            None if self.efforts is None or other.efforts is None else self.efforts & other.efforts,
            self.prices.merged(other.prices),
            None if self.deployments is None or other.deployments is None else self.deployments + other.deployments,
            self.agrees and other.agrees,
        )

    def model(self, name: str, source: str, *, trusts_zeros: bool = False) -> Model:
        """Return the model that these facts describe; `trusts_zeros` as of `Prices.cost`."""
        known = dict(zip(_FLAGS, self.flags, strict=True))
        mode = next(iter(self.modes)) if self.mode_is_known else None
        takes, gives = _BY_MODE.get(mode, ((), ()))
        inputs = {*takes, *(what for flag, what in _INPUTS.items() if known[flag])}
        if mode == "embedding":
            inputs.update(_EMBEDDED[per] for of, per in self.prices.others if of == "input" and per in _EMBEDDED)
        outputs = {*gives, *(what for flag, what in _OUTPUTS.items() if known[flag])}
        cost = self.prices.cost(trusts_zeros=trusts_zeros)
        efforts = None if self.efforts is None else [effort for effort in EFFORTS if effort in self.efforts]
        return {
            "id": name,
            "mode": mode,
            "providers": sorted(self.providers) or None,
            "context_window": self.context_window,
            "max_output_tokens": self.max_output_tokens,
            "input": [what for what in MODALITIES if what in inputs] if inputs or mode in _BY_MODE else None,
            "output": [what for what in MODALITIES if what in outputs] if outputs or mode in _BY_MODE else None,
            "reasoning": known["reasoning"],
            "reasoning_efforts": efforts,
            "supports": {name: known[name] for name in ABILITIES},
            "cost": cost,
            "deployments": self.deployments,
            "complete": self.agrees and self.prices.agrees and mode is not None and self._has_what_matters(mode, cost),
            "source": source,
        }

    def _has_what_matters(self, mode: str, cost: Cost) -> bool:
        gives = _BY_MODE.get(mode, ((), ("?",)))[1]
        if self.context_window is None or self.prices.tiers is None or (gives and self.max_output_tokens is None):
            return False
        return not any(
            level["input"] is None or (gives and level["output"] is None) for level in (cost, *cost["tiers"])
        )


def of_deployment(row: Mapping[str, Any]) -> Facts:
    """Return the facts of a row of `/model/info`."""
    info, params = row.get("model_info"), row.get("litellm_params")
    if not isinstance(info, dict):
        return nothing(1)
    found = prices.of_deployment(info, params)
    if info.get(_FILLED_IN[0]) is False and _is_filled_in(info, params):
        info = {key: value for key, value in info.items() if value is not False}
    return _of_info(info, found, deployments=1)


def of_group(group: Mapping[str, Any]) -> Facts:
    """Return the facts of a row of `/model_group/info`.

    Its abilities are plain booleans that are false where nothing is known, so only true says something; and it
    reports a group's best deployment.
    """
    told = {key: value for key, value in group.items() if value is not False and value != []}
    providers = group.get("providers")
    info = {**told, "reasoning_effort_levels": told.get("supported_reasoning_efforts")}
    facts = _of_info(info, prices.of_group(group), deployments=None)
    names = frozenset(filter(None, map(_word, providers))) if isinstance(providers, list) else frozenset()
    return facts._replace(providers=names)


def of_entry(entry: Mapping[str, Any]) -> Facts:
    """Return the facts of an entry of `/v1/models`: mode and limits of a group's first deployment."""
    return _of_info(
        {key: entry.get(key) for key in ("mode", "max_input_tokens", "max_output_tokens")},
        prices.UNKNOWN,
        deployments=None,
    )


def nothing(deployments: int | None) -> Facts:
    """Return facts that are all unknown."""
    return _of_info({}, prices.UNKNOWN, deployments=deployments)


def completed(first: Facts, second: Facts) -> Facts:
    """Return `first` with its gaps filled from `second`, which is about the same name.

    Of two limits the smaller one counts. Where a mode or a limit is contradicted, the facts do not agree.
    """
    pairs = [
        (first.context_window, second.context_window),
        (first.max_output_tokens, second.max_output_tokens),
        (first.modes if first.mode_is_known else None, second.modes if second.mode_is_known else None),
    ]
    return Facts(
        first.modes if first.mode_is_known else second.modes,
        first.mode_is_known or second.mode_is_known,
        first.providers | second.providers,
        _least(first.context_window, second.context_window),
        _least(first.max_output_tokens, second.max_output_tokens),
        tuple(theirs if mine is None else mine for mine, theirs in zip(first.flags, second.flags, strict=True)),
        second.efforts if first.efforts is None else first.efforts,
        first.prices.completed(second.prices),
        second.deployments if first.deployments is None else first.deployments,
        first.agrees and second.agrees and all(mine is None or theirs in {None, mine} for mine, theirs in pairs),
    )


def _is_filled_in(info: Mapping[str, Any], params: object) -> bool:
    """Whether the abilities that a row denies are those of a model that LiteLLM does not know.

    It knows a mode of those that it knows, but the user may have said one; then it has no limit and no price.
    """
    knows = info.get("mode") is not None and (
        any(info.get(key) is not None for key in ("max_tokens", "max_input_tokens", "max_output_tokens"))
        or prices.is_priced(info, params)
    )
    return not knows and all(_flag(info.get(key)) is not None for key in _FILLED_IN)


def _of_info(info: Mapping[str, Any], found: Prices, *, deployments: int | None) -> Facts:
    get = info.get
    mode, provider = _word(get("mode")), _word(get("litellm_provider"))
    return Facts(
        frozenset((mode or "chat",)),
        mode is not None,
        frozenset((provider,) if provider else ()),
        _tokens(get("max_input_tokens")),
        _tokens(get("max_output_tokens")),
        tuple([flag if (flag := get(key)) is True or flag is False else None for _, key in _FLAG_KEYS]),
        _efforts(info),
        found,
        deployments,
    )


def _efforts(info: Mapping[str, Any]) -> frozenset[str] | None:
    """Return the reasoning efforts by LiteLLM's own rule (its reasoning_effort_capability.py).

    Declared levels win; else the per-level flags: medium and high go without saying, minimal and low (and none, but
    for Azure) unless denied, the others only where they are granted.
    """
    reasoning = info.get("supports_reasoning")
    if reasoning is False:
        return frozenset()
    declared = info.get("reasoning_effort_levels")
    if isinstance(declared, list):
        return frozenset(effort for effort in declared if isinstance(effort, str)).intersection(EFFORTS)
    flags = {name: flag for name, key in _EFFORT_KEYS if (flag := info.get(key)) is True or flag is False}
    if not flags:
        return None
    unless_denied = {"minimal", "low"} if info.get("litellm_provider") == "azure" else {"none", "minimal", "low"}
    return frozenset(
        {"medium", "high"}
        | {name for name in unless_denied if flags.get(name) is not False}
        | {name for name, flag in flags.items() if flag}
    )


def _word(value: object) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= _MAX_WORD else None


def _flag(value: object) -> bool | None:
    return value if value is True or value is False else None


def _tokens(value: object) -> int | None:
    if type(value) is int:
        return value if 0 < value <= MAX_TOKENS else None
    found = number(value)
    return int(found) if found is not None and found.is_integer() and 0 < found <= MAX_TOKENS else None


def _both(choose: Any, mine: Any, theirs: Any) -> Any:
    return None if mine is None or theirs is None else choose(mine, theirs)


def _least(mine: int | None, theirs: int | None) -> int | None:
    return min((limit for limit in (mine, theirs) if limit is not None), default=None)


def _shared(mine: bool | None, theirs: bool | None) -> bool | None:
    if mine is False or theirs is False:
        return False
    return None if mine is None or theirs is None else True
