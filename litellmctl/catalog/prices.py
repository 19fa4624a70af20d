"""Prices of models: those in a proxy's row, and those that several deployments share.

The rules are LiteLLM's own (litellm_core_utils/llm_cost_calc/utils.py and tiered_pricing.py, and `get_model_info` of
utils.py): a request pays the prices of the highest threshold that its input exceeds, for all of its tokens.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache, reduce
from typing import Any, NamedTuple

from litellmctl.catalog.model import Cost, OtherPrice, Tier

MAX_TOKENS = 2**53
# More tiers than any provider has, and few enough to compare them all; beyond that, tiers are unknown.
_MAX_TIERS = 20
_MAX_OTHERS = 50
_MAX_KEY = 100
_MAX_PRICE = 1e6
_INPUT, _OUTPUT = "input_cost_per_token", "output_cost_per_token"
_KEYS = (_INPUT, _OUTPUT, "cache_read_input_token_cost", "cache_creation_input_token_cost")
_UNKNOWN = (None, None, None, None)
_ABOVE = re.compile(rf"({'|'.join(_KEYS)})_above_(.+)_tokens")
_THRESHOLD = re.compile(r"([0-9]{1,16})(k?)")
_PER = re.compile(r"(?:(input|output|ocr)_)?cost_per_(?!token|reasoning_token)(\w{1,40})")
# Prices of another service tier, or beyond a threshold that is not a number of tokens.
_VARIANT = re.compile(r"_(?:batch(?:es|_requests)|priority|flex|ultrafast|balanced|decisions)(?:_|$)|_above_")
# Modes that are priced by the token, so that a zero of a group, which has no other prices, may mean free.
_BY_TOKEN = frozenset({"chat", "responses", "completion", "embedding"})

_Four = tuple[float | None, ...]
_Level = tuple[int, _Four]
# What another price is for (input, output, None: unknown), and its unit.
_Other = tuple[str | None, str]


class Prices(NamedTuple):
    """Prices in US dollars of a deployment, or of several that share a name; None is unknown.

    `base` has input, output, cache read and cache write per million tokens. They are `doubted` where input and output
    are zeros that LiteLLM may have filled in. `tiers` has the same prices for input above so many tokens, in order;
    it is None if there are tiers, but unknown ones. `others` has prices for units other than a token.
    `agrees` is false where tiers contradict each other.
    """

    base: _Four = _UNKNOWN
    doubted: bool = False
    tiers: tuple[_Level, ...] | None = ()
    others: Mapping[_Other, float] = {}
    agrees: bool = True

    def merged(self, other: Prices) -> Prices:
        """Return what holds for both: the higher price, where both are known."""
        return Prices(
            _highest(self.base, other.base),
            self.doubted or other.doubted,
            self._merged_tiers(other) if self.tiers != () or other.tiers != () else (),
            {what: max(price, other.others[what]) for what, price in self.others.items() if what in other.others},
            self.agrees and other.agrees,
        )

    def _merged_tiers(self, other: Prices) -> tuple[_Level, ...] | None:
        if self.tiers is None or other.tiers is None:
            return None
        marks = sorted({above for above, _ in (*self.tiers, *other.tiers)})
        if len(marks) > _MAX_TIERS:
            return None
        levels = [(above, _highest(self._at(above), other._at(above))) for above in marks]
        return _changing(_highest(self.base, other.base), levels)

    def _at(self, above: int) -> _Four:
        """Return the prices of input that is larger than `above`."""
        found = self.base
        for start, prices in self.tiers or ():
            if start > above:
                break
            found = prices
        return found

    def completed(self, other: Prices) -> Prices:
        """Return these prices with their gaps filled from `other`, which is about the same deployments."""
        says_nothing = self.base[:2] == (None, None)
        theirs = other.base if says_nothing or not other.doubted else (None, None, *other.base[2:])
        return Prices(
            tuple([their if my is None else my for my, their in zip(self.base, theirs, strict=True)]),
            self.doubted or (says_nothing and other.doubted),
            other.tiers if self.tiers == () else self.tiers,
            self.others or other.others,
            self.agrees and other.agrees,
        )

    def cost(self, *, trusts_zeros: bool) -> Cost:
        """Return the prices as they are shown; doubted zeros are known only where they are trusted."""
        hides = self.doubted and not trusts_zeros
        first = _hidden(self.base) if hides else self.base
        return {
            "input": first[0],
            "output": first[1],
            "cache_read": first[2],
            "cache_write": first[3],
            "tiers": [_tier(above, _hidden(four) if hides else four) for above, four in self.tiers or ()],
            "other": [OtherPrice(of=of, per=per, price=dollars) for (of, per), dollars in self._sorted_others()],
        }

    def _sorted_others(self) -> list[tuple[_Other, float]]:
        return sorted(self.others.items(), key=str) if self.others else []


UNKNOWN = Prices()
_PER_QUERY: _Other = ("input", "query")


def number(value: object) -> float | None:
    """Return a finite number that is not negative, also from the text of one, as config files have it."""
    if value is None or isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found + 0.0 if math.isfinite(found) and found >= 0 else None  # -0.0 becomes 0.0


def price(value: object) -> float | None:
    """Return US dollars per million tokens, from those for one token."""
    if type(value) is float:
        return _per_million(value)
    found = number(value)
    return None if found is None else _per_million(found)


@lru_cache(maxsize=4096)  # ten thousand deployments have a few hundred prices
def _per_million(dollars: float) -> float | None:
    # Ten digits: 0.075 and not 0.07500000000000001. More than a dollar a token is not a price.
    return float(f"{dollars * 1e6:.10g}") + 0.0 if 0 <= dollars <= 1 else None


def of_deployment(info: Mapping[str, Any], params: object) -> Prices:
    """Return the prices in the `model_info` of a row of `/model/info`; `params` are its `litellm_params`.

    A price that LiteLLM does not know is the integer 0 up to 1.103, and in later releases too where it knows the other
    one of the two. What the user set in `litellm_params` is known, also 0.
    """
    found, sold_otherwise = _told(info)
    if found.base[0] != 0 and found.base[1] != 0:
        return found
    carried = params if isinstance(params, dict) else {}
    filled = [type(info.get(key)) is int and number(carried.get(key)) != 0 for key in (_INPUT, _OUTPUT)]
    return _without_zeros(found, filled, sold_otherwise=sold_otherwise)


def of_group(group: Mapping[str, Any]) -> Prices:
    """Return the prices of a row of `/model_group/info`, whose zeros may all be filled in.

    From 1.110 on `deployment_pricing` has those of the deployments that have any.
    """
    found, _ = _told({key: group[key] for key in (_INPUT, _OUTPUT, "input_cost_per_pixel") if key in group})
    deployments = group.get("deployment_pricing")
    told = [
        _told({**one["costs"], "tiered_pricing": one.get("tiered_pricing")})[0]
        for one in (deployments if isinstance(deployments, list) else ())
        if isinstance(one, dict) and isinstance(one.get("costs"), dict)
    ]
    if told:
        both = reduce(Prices.merged, told)
        found = found._replace(
            base=(*found.base[:2], *both.base[2:]),
            tiers=both.tiers,
            others={**both.others, **found.others},
            agrees=both.agrees,
        )
    mode = group.get("mode")
    by_token = mode is None or (isinstance(mode, str) and mode in _BY_TOKEN)
    sold_otherwise = bool(found.others) or found.tiers != () or not by_token
    return _without_zeros(found, [True, True], sold_otherwise=sold_otherwise)


def says_null(info: Mapping[str, Any]) -> bool:
    """Whether a row shows that the proxy's release says null where neither input nor output has a known price."""
    return (_INPUT in info or _OUTPUT in info) and info.get(_INPUT) is None and info.get(_OUTPUT) is None


def is_priced(info: Mapping[str, Any], params: object) -> bool:
    """Whether a row has a price that the user did not set in `litellm_params`: LiteLLM knows the model."""
    carried = params if isinstance(params, dict) else {}
    return any("cost" in key and value and carried.get(key) is None for key, value in info.items())


def _without_zeros(found: Prices, filled: Sequence[bool], *, sold_otherwise: bool) -> Prices:
    """Return the prices without the zeros that are not prices.

    A token is not free just because another unit has the price. Where both zeros may be filled in, other rows decide;
    beside another price, LiteLLM fills in a zero in every release.
    """
    zeros = [price == 0 for price in found.base[:2]]
    doubted = all(zeros) and all(filled) and not sold_otherwise
    unknown = [zero and not doubted and (sold_otherwise or fills) for zero, fills in zip(zeros, filled, strict=True)]
    pair = [None if gone else price for gone, price in zip(unknown, found.base, strict=False)]
    return found._replace(base=(*pair, *found.base[2:]), doubted=doubted)


def _told(info: Mapping[str, Any]) -> tuple[Prices, bool]:
    """Return the prices in a row, zeros included, and whether it has prices for more than input tokens."""
    get = info.get
    base = (price(get(_INPUT)), price(get(_OUTPUT)), price(get(_KEYS[2])), price(get(_KEYS[3])))
    more = [key for key, value in info.items() if value and "cost" in key and key not in _KEYS]  # once for each row
    tables = get("tiered_pricing")
    if not more and not tables:
        return Prices(base), False
    steps: dict[int | None, str] = {}
    others: dict[_Other, float] = {}
    sold_otherwise = False
    for key in more:
        kind = _kind(key) if len(key) <= _MAX_KEY else None
        if isinstance(kind, _Step):
            steps[kind.above] = kind.mark
        elif kind is not None and (amount := number(info[key])) != 0:  # "0" is nothing either
            sold_otherwise = True
            if amount is not None and amount <= _MAX_PRICE and len(others) < _MAX_OTHERS:
                others[kind] = max(amount, others.get(kind, 0))
    # A zero beside tiers is filled in, and not the price below the first tier.
    start = tuple([None if one == 0 else one for one in base[:2]]) + base[2:] if steps or tables else base
    tiers, agrees = _stepped(info, start, steps), True
    if tables:
        tiers, per_query, agrees = _of_tables(tables, start)
        if per_query is not None:
            others[_PER_QUERY] = per_query
    return Prices(
        base, tiers=tiers, others=others, agrees=agrees
    ), sold_otherwise or tiers != () or _PER_QUERY in others


class _Step(NamedTuple):
    """A threshold in tokens above which a price changes, None if unknown, and its mark in keys: `200k`."""

    above: int | None
    mark: str


@lru_cache(maxsize=4096)
def _kind(key: str) -> _Step | _Other | None:
    """Return what a key of prices means: a step of a tier, the price of another unit than a token, or nothing."""
    if found := _ABOVE.fullmatch(key):
        if "_above_" in found[2]:
            return None  # above_1hr_above_200k: how long the cache is kept
        threshold = _THRESHOLD.fullmatch(found[2])
        above = int(threshold[1]) * (1000 if threshold[2] else 1) if threshold else MAX_TOKENS + 1
        return _Step(above if above <= MAX_TOKENS else None, found[2])
    if (per := _PER.fullmatch(key)) and not _VARIANT.search(key):
        return (None if per[1] == "ocr" else per[1], per[2])
    return None


def _stepped(info: Mapping[str, Any], base: _Four, steps: Mapping[int | None, str]) -> tuple[_Level, ...] | None:
    """Return the tiers of `*_above_Nk_tokens`.

    A price that is null for a tier is that of the one below it. One that the row does not have at all is unknown: older
    releases have a dearer input and omit the price of the cache.
    """
    if None in steps or len(steps) > _MAX_TIERS:
        return None
    levels, found = [], base
    for above, mark in sorted((above, mark) for above, mark in steps.items() if above is not None):
        keys = [f"{key}_above_{mark}_tokens" for key in _KEYS]
        told = [info.get(key) for key in keys]
        found = tuple(
            [
                below if value is None and key in info else price(value)
                for key, value, below in zip(keys, told, found, strict=True)
            ]
        )
        levels.append((above, found))
    return _changing(base, levels)


class _Range(NamedTuple):
    start: int
    end: float
    prices: _Four


def _of_tables(tables: object, base: _Four) -> tuple[tuple[_Level, ...] | None, float | None, bool]:
    """Return the tiers of `tiered_pricing`, the price of a query by the number of results, and whether ranges agree.

    An entry has `range` (input tokens, the end included) and prices, those of a group in `costs`; one of a search
    `max_results_range` and a price per query.
    """
    if not isinstance(tables, list) or len(tables) > _MAX_TIERS:
        return None, None, True
    ranges: list[_Range] = []
    per_query: list[float | None] = []
    for entry in tables:
        found = _range(entry, base)
        if found is not None:
            ranges.append(found)
        elif isinstance(entry, dict) and "max_results_range" in entry:
            per_query.append(number(entry.get("input_cost_per_query")))
        else:
            return None, None, True
    known = [one for one in per_query if one is not None]
    tiers, agrees = _levels(base, ranges)
    return tiers, max(known) if known and len(known) == len(per_query) else None, agrees


def _range(entry: object, base: _Four) -> _Range | None:
    """Return the range of an entry; None if it has no valid one."""
    span = entry.get("range") if isinstance(entry, dict) else None
    if not isinstance(entry, dict) or not isinstance(span, list) or len(span) != 2:
        return None
    start, end = number(span[0]), math.inf if span[1] in (None, math.inf) else number(span[1])
    if start is None or not start.is_integer() or start > MAX_TOKENS or end is None or end <= start:
        return None
    if end != math.inf and not end.is_integer():
        return None
    costs = entry.get("costs")
    costs = costs if isinstance(costs, dict) else entry
    prices = [price(costs.get(key)) for key in _KEYS]
    if _OUTPUT not in costs:
        prices[1] = base[1]  # LiteLLM's own rule: a table of inputs alone does not make outputs free
    return _Range(int(start), end, tuple(prices))


def _levels(base: _Four, ranges: Sequence[_Range]) -> tuple[tuple[_Level, ...], bool]:
    """Return the prices from each end of a range on: unknown in a gap, the highest where ranges overlap.

    Above all ranges the last one goes on. The second value is whether no two overlap.
    """
    last = max((one.end for one in ranges), default=0)
    marks = sorted({one.start for one in ranges} | {int(one.end) for one in ranges if one.end < last})
    levels, agrees = [], True
    for mark in marks:
        found = [one.prices for one in ranges if one.start <= mark < one.end]
        agrees = agrees and len(found) < 2
        levels.append((mark, reduce(_highest, found) if found else _UNKNOWN))
    return _changing(base, levels), agrees


def _changing(base: _Four, levels: Iterable[_Level]) -> tuple[_Level, ...]:
    """Return the levels that differ from the one below."""
    found: list[_Level] = []
    for level in levels:
        if level[1] != (found[-1][1] if found else base):
            found.append(level)
    return tuple(found)


def _highest(mine: _Four, theirs: _Four) -> _Four:
    return tuple(
        [None if my is None or their is None else max(my, their) for my, their in zip(mine, theirs, strict=True)]
    )


def _tier(above: int, four: _Four) -> Tier:
    return Tier(above=above, input=four[0], output=four[1], cache_read=four[2], cache_write=four[3])


def _hidden(prices: _Four) -> _Four:
    return (None, None, *prices[2:])
