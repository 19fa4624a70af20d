"""Variables that name a proxy or a key, and are ignored because something else is used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from litellmctl.auth.credential import ConfiguredKey, Credential, Pair, key_in
from litellmctl.auth.sources import ENVIRONMENT_PAIRS, SOURCES, is_of_relay, url_of
from litellmctl.errors import Failure
from litellmctl.settings import environment
from litellmctl.settings.definitions import DEFAULT_PROFILE

_HEADERS = "LITELLM_HEADERS"
# What `litellmctl env` prints has one key under these three names.
_PRINTED_TOGETHER = ("LITELLM_API_KEY", "OPENAI_API_KEY", "ANTHROPIC_AUTH_TOKEN")


class Ignored(NamedTuple):
    """The variables that lose, what is used instead, and how to use the variables (None where no option does that)."""

    names: tuple[str, ...]
    winner: str
    remedy: str | None

    @property
    def reason(self) -> str:
        """Return the sentence without the remedy: which variables are ignored, and why."""
        *others, last = self.names
        names = f"{', '.join(others)} and {last} are" if others else f"{last} is"
        return f"{names} ignored: {self.winner} is used"

    @property
    def because(self) -> str:
        """Return the names, and what is used instead."""
        return f"{', '.join(self.names)} ({self.winner} is used)"

    @property
    def sentence(self) -> str:
        """Return the sentence with the remedy."""
        return f"{self.reason} ({self.remedy or f'unset {self.names[0]} if you do not need it'})"


def ignored_names(pair: Pair, wanted: str | None, skipped: frozenset[str] = frozenset()) -> Iterator[str]:
    """Yield the variables that are set and have no effect, in the order in which they are tried.

    One with the value that is used loses nothing, such as after `eval "$(litellmctl env)"`, nor does one for another
    proxy than --base-url (`wanted`) names; `skipped` are reported elsewhere. No keyring is opened and no command runs
    for it: where the key in use is not at hand, a variable counts as the same if it looks as `env` prints it.
    """
    used = _variable_of(pair.credential)
    for url_name, key_names in ENVIRONMENT_PAIRS:
        url = _url_if_valid(url_name)
        if (wanted is not None and url not in {None, wanted}) or is_of_relay(url, key_names):
            continue
        if environment.get(url_name) is not None and used not in key_names and url != pair.base_url:
            yield url_name
        for name in key_names:
            is_set = environment.flag(name) if SOURCES[name] == "gcloud" else environment.get(name) is not None
            if is_set and name not in {used, *skipped} and not _is_in_use(name, pair):
                yield name
    if environment.get(_HEADERS) is not None and used is None and not _are_sent(pair):
        yield _HEADERS


def ignored(
    pair: Pair, profile: str, wanted: str | None, skipped: frozenset[str], resolve: Callable[[str], Pair]
) -> Ignored | None:
    """Return the variables that lose against `pair`; None where there are none.

    `resolve` returns the pair from another source, to find out whether --auth helps.
    """
    names = tuple(ignored_names(pair, wanted, skipped))
    if not names:
        return None
    # Without the path of Google's credentials, which does not help here.
    winner = pair.credential.origin.split(" (")[0]
    return Ignored(names, winner, _remedy(names, pair, profile, resolve))


def _remedy(names: tuple[str, ...], pair: Pair, profile: str, resolve: Callable[[str], Pair]) -> str | None:
    keys = [name for name in names if name in SOURCES]
    for name in keys:
        it = "the variable" if len(names) == 1 else name
        try:
            found = resolve(SOURCES[name])
        except Failure:
            found = None
        if found is not None and _variable_of(found.credential) == name:
            return f"pass --auth {SOURCES[name]} to use {it}"
        # The variables' own proxy is the default profile's matter.
        url_name = next(url_name for url_name, key_names in ENVIRONMENT_PAIRS if name in key_names)
        if profile != DEFAULT_PROFILE and environment.get(url_name) is not None:
            return f"pass --profile {DEFAULT_PROFILE} --auth {SOURCES[name]} to use {it}"
    used = _variable_of(pair.credential)
    if keys and used is not None:
        return f"unset {used} to use {keys[0]}"
    if not keys and names[0] != _HEADERS:
        return None if _url_if_valid(names[0]) is None else f'pass --base-url "${names[0]}" to use that proxy'
    if not keys:
        return f"litellmctl config set profiles.{profile}.headers.NAME VALUE sets a header for the profile"
    return None


def _variable_of(credential: Credential) -> str | None:
    """Return the variable that the credential is from, if it is from one."""
    name = credential.origin.split(" ")[0]
    return name if name in SOURCES else None


def _is_in_use(name: str, pair: Pair) -> bool:
    """Whether what the variable says is what is used, though from elsewhere."""
    credential, text = pair.credential, environment.get(name) or ""
    if SOURCES[name] == "gcloud":
        return credential.kind == "gcloud"
    if SOURCES[name] == "helper":
        value = credential.value if isinstance(credential, ConfiguredKey) else None
        return value is not None and (value.kind, value.text) == ("command", text.removeprefix("!").strip())
    known = credential.at_hand()
    if known is not None:
        return key_in(text) == known
    return _url_if_valid("LITELLM_BASE_URL") == pair.base_url and all(
        environment.get(other) == text for other in (name, *_PRINTED_TOGETHER)
    )


def _are_sent(pair: Pair) -> bool:
    """Whether the headers that the variable names are sent as they are."""
    from litellmctl.auth.sources import environment_headers

    sent = {name.lower(): value for name, value in pair.headers.items() if value.kind != "command"}
    try:
        return all(
            name.lower() in sent and sent[name.lower()].resolve() == value.text
            for name, value in environment_headers().items()
        )
    except Failure:
        return False


def _url_if_valid(name: str) -> str | None:
    try:
        return url_of(name)
    except Failure:
        return None
