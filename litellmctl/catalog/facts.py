"""What one row of a proxy's answer tells of a model, checked field by field, and what two of them tell together."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from litellmctl.catalog.model import ABILITIES, EFFORTS, MODALITIES, Model

# Abilities that say what goes in or comes out, beside those of `supports`.
_INPUTS = {"vision": "image", "audio_input": "audio", "pdf_input": "pdf", "video_input": "video"}
_OUTPUTS = {"audio_output": "audio"}
_FLAGS = (*ABILITIES, *_INPUTS, *_OUTPUTS, "reasoning")
_FLAG_KEYS = tuple((name, f"supports_{name}") for name in _FLAGS)
_EFFORT_KEYS = tuple((name, f"supports_{name}_reasoning_effort") for name in EFFORTS)
_PRICES = (
    ("input", "input_cost_per_token"),
    ("output", "output_cost_per_token"),
    ("cache_read", "cache_read_input_token_cost"),
    ("cache_write", "cache_creation_input_token_cost"),
)
# What goes in and what comes out, where the mode alone tells.
_BY_MODE: dict[str | None, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "chat": (("text",), ("text",)),
    "responses": (("text",), ("text",)),
    "completion": (("text",), ("text",)),
    "embedding": (("text",), ()),
    "rerank": (("text",), ()),
    "moderation": (("text",), ()),
    "image_generation": (("text",), ("image",)),
    "video_generation": (("text",), ("video",)),
    "audio_transcription": (("audio",), ("text",)),
    "audio_speech": (("text",), ("audio",)),
}
_MAX_TOKENS = 2**53
_MAX_WORD = 100


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts of a deployment, or of several that share a name; None is unknown.

    `flags` follows `_FLAGS`, `prices` `_PRICES` in US dollars per million tokens. `modes` has what was said, chat
    where nothing was. `agrees` is false where two sources contradicted each other.
    """

    modes: frozenset[str]
    mode_is_known: bool
    providers: frozenset[str]
    context_window: int | None
    max_output_tokens: int | None
    flags: tuple[bool | None, ...]
    efforts: frozenset[str] | None
    prices: tuple[float | None, ...]
    deployments: int | None
    agrees: bool = True

    def merged(self, other: Facts) -> Facts:
        """Return what holds whichever of the two answers: the smaller limit, the higher price, shared abilities."""
        return Facts(
            self.modes | other.modes,
            self.mode_is_known or other.mode_is_known,
            self.providers | other.providers,
            _both(min, self.context_window, other.context_window),
            _both(min, self.max_output_tokens, other.max_output_tokens),
            tuple(map(_shared, self.flags, other.flags)),
            None if self.efforts is None or other.efforts is None else self.efforts & other.efforts,
            tuple(_both(max, mine, theirs) for mine, theirs in zip(self.prices, other.prices, strict=True)),
            None if self.deployments is None or other.deployments is None else self.deployments + other.deployments,
            self.agrees and other.agrees,
        )

    def model(self, name: str, source: str) -> Model:
        """Return the model that these facts describe."""
        known = dict(zip(_FLAGS, self.flags, strict=True))
        mode = next(iter(self.modes)) if self.mode_is_known else None
        takes, gives = _BY_MODE.get(mode, ((), ()))
        inputs = {*takes, *(what for flag, what in _INPUTS.items() if known[flag])}
        outputs = {*gives, *(what for flag, what in _OUTPUTS.items() if known[flag])}
        prices = dict(zip((name for name, _ in _PRICES), self.prices, strict=True))
        efforts = None if self.efforts is None else [effort for effort in EFFORTS if effort in self.efforts]
        return Model(
            id=name,
            mode=mode,
            providers=sorted(self.providers) or None,
            context_window=self.context_window,
            max_output_tokens=self.max_output_tokens,
            input=[what for what in MODALITIES if what in inputs] if inputs or mode in _BY_MODE else None,
            output=[what for what in MODALITIES if what in outputs] if outputs or mode in _BY_MODE else None,
            reasoning=known["reasoning"],
            reasoning_efforts=efforts,
            supports={name: known[name] for name in ABILITIES},
            cost={
                "input": prices["input"],
                "output": prices["output"],
                "cache_read": prices["cache_read"],
                "cache_write": prices["cache_write"],
            },
            deployments=self.deployments,
            complete=self.agrees and mode is not None and self._has_what_matters(mode, prices),
            source=source,
        )

    def _has_what_matters(self, mode: str, prices: Mapping[str, float | None]) -> bool:
        known = self.context_window is not None and prices["input"] is not None
        gives = _BY_MODE.get(mode, ((), ("?",)))[1]
        return known and (not gives or (self.max_output_tokens is not None and prices["output"] is not None))


def of_deployment(row: Mapping[str, Any]) -> Facts:
    """Return the facts of a row of `/model/info`."""
    info = row.get("model_info")
    return _of_info(info if isinstance(info, dict) else {}, deployments=1)


def of_group(group: Mapping[str, Any]) -> Facts:
    """Return the facts of a row of `/model_group/info`.

    Its abilities are plain booleans that are false where nothing is known, so only true says something; and it
    reports a group's best deployment.
    """
    told = {key: value for key, value in group.items() if value is not False and value != []}
    providers = group.get("providers")
    info = {**told, "reasoning_effort_levels": told.get("supported_reasoning_efforts")}
    facts = _of_info(info, deployments=None)
    names = frozenset(filter(None, map(_word, providers))) if isinstance(providers, list) else frozenset()
    return replace(facts, providers=names)


def of_entry(entry: Mapping[str, Any]) -> Facts:
    """Return the facts of an entry of `/v1/models`: mode and limits of a group's first deployment."""
    return _of_info(
        {key: entry.get(key) for key in ("mode", "max_input_tokens", "max_output_tokens")}, deployments=None
    )


def nothing(deployments: int | None) -> Facts:
    """Return facts of which none is known."""
    return _of_info({}, deployments=deployments)


def completed(first: Facts, second: Facts) -> Facts:
    """Return `first` with its gaps filled from `second`, which speaks of the same name.

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
        tuple(theirs if mine is None else mine for mine, theirs in zip(first.prices, second.prices, strict=True)),
        second.deployments if first.deployments is None else first.deployments,
        first.agrees and second.agrees and all(mine is None or theirs in {None, mine} for mine, theirs in pairs),
    )


def _of_info(info: Mapping[str, Any], *, deployments: int | None) -> Facts:
    get = info.get
    mode, provider = _word(get("mode")), _word(get("litellm_provider"))
    return Facts(
        frozenset((mode or "chat",)),
        mode is not None,
        frozenset((provider,) if provider else ()),
        _tokens(get("max_input_tokens")),
        _tokens(get("max_output_tokens")),
        tuple([_flag(get(key)) for _, key in _FLAG_KEYS]),
        _efforts(info),
        tuple([_price(get(key)) for _, key in _PRICES]),
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
    flags = {name: flag for name, key in _EFFORT_KEYS if (flag := _flag(info.get(key))) is not None}
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


def _number(value: object) -> float | None:
    """Return a finite number that is not negative, also from the text of one, as config files have it."""
    if value is None or isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number + 0.0 if math.isfinite(number) and number >= 0 else None  # -0.0 becomes 0.0


def _tokens(value: object) -> int | None:
    number = _number(value)
    return int(number) if number is not None and number.is_integer() and 0 < number <= _MAX_TOKENS else None


def _price(value: object) -> float | None:
    number = _number(value)
    # Ten digits: 0.075 and not 0.07500000000000001. A price of more than a dollar a token is none.
    return float(f"{number * 1e6:.10g}") if number is not None and number <= 1 else None


def _both(choose: Any, mine: Any, theirs: Any) -> Any:
    return None if mine is None or theirs is None else choose(mine, theirs)


def _least(mine: int | None, theirs: int | None) -> int | None:
    return min((limit for limit in (mine, theirs) if limit is not None), default=None)


def _shared(mine: bool | None, theirs: bool | None) -> bool | None:
    if mine is False or theirs is False:
        return False
    return None if mine is None or theirs is None else True
