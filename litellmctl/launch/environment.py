"""The environment of a program that runs with the proxy, in which litellmctl finds the same proxy and profile."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from litellmctl.foundation.urls import is_loopback
from litellmctl.settings import environment
from litellmctl.settings.definitions import DEFAULT_PROFILE

if TYPE_CHECKING:
    from litellmctl.connection import Connection
    from litellmctl.programs.program import Launch, Provider

# The user's variables for a proxy and its key, which may name another proxy than the one in use.
_FOREIGN = (
    *("LITELLM_BASE_URL", "LITELLM_API_KEY", "LITELLM_API_KEY_HELPER", "LITELLM_GCLOUD_TOKEN_AUTH"),
    *("LITELLM_PROXY_URL", "LITELLM_PROXY_API_KEY", "LITELLM_HEADERS"),
)
# The sources of a credential in variables, and which variable that is.
_VARIABLES = {
    "gcloud": "LITELLM_GCLOUD_TOKEN_AUTH",
    "helper": "LITELLM_API_KEY_HELPER",
    "env": "LITELLM_API_KEY",
}
_HTTP_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
_LOOPBACK = ("127.0.0.1", "localhost")


class Changes(NamedTuple):
    """What is different from the user's environment: variables that are `set`, and names that are `unset`."""

    set: Mapping[str, str]
    unset: Sequence[str]

    def applied(self, user: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of the program."""
        return {**{name: value for name, value in user.items() if name not in self.unset}, **self.set}


def changes(connection: Connection, provider: Provider, launch: Launch, *, relayed: bool) -> Changes:
    """Return the changes for a program: the variables of its launch, and those of litellmctl itself.

    None of the user's variables for a proxy stays beside ours, but those that the credential in use is from.
    """
    user = environment.snapshot()
    own, kept = _of_litellmctl(connection, provider, relayed=relayed)
    variables = {**launch.variables, **own, **_without_http_proxy(user, provider.base_url)}
    foreign = [name for name in _FOREIGN if name not in kept]
    unset = [name for name in dict.fromkeys([*foreign, *launch.unset]) if name in user and name not in variables]
    return Changes(variables, unset)


def _of_litellmctl(connection: Connection, provider: Provider, *, relayed: bool) -> tuple[dict[str, str], list[str]]:
    """Return the variables with which litellmctl chooses the same proxy and credential in the program.

    Besides, return the names of those that the user has and that stay, because the credential is from them.
    """
    options, pair = connection.options, connection.pair
    own = {"LITELLMCTL_PROFILE": connection.profile.name}
    if options.allow_insecure_http:
        own["LITELLMCTL_ALLOW_INSECURE_HTTP"] = "1"
    source = pair.credential.source
    if source == "gcloud" and connection.profile.get("gcloud"):
        source = "config"
    if options.auth is not None or options.base_url is not None or relayed:
        # Through a relay, the variables have another URL and key than the profile: these are not to be reported.
        own["LITELLMCTL_AUTH"] = source
    if source not in _VARIABLES:
        return own, []
    if relayed:
        # Another profile than the default one takes variables only for its own proxy.
        own |= {"LITELLMCTL_PROFILE": DEFAULT_PROFILE, "LITELLMCTL_AUTH": "env"}
        return {**own, "LITELLM_BASE_URL": provider.base_url, "LITELLM_API_KEY": provider.key}, []
    own["LITELLM_BASE_URL"] = pair.base_url
    if source == "env":
        own["LITELLM_API_KEY"] = provider.key
    return own, [_VARIABLES[source], "LITELLM_HEADERS"]


def _without_http_proxy(user: Mapping[str, str], base_url: str) -> dict[str, str]:
    """Return the variables that keep requests to loopback, as to a relay, away from the user's HTTP proxy."""
    if not is_loopback(base_url) or not any(user.get(name) or user.get(name.lower()) for name in _HTTP_PROXIES):
        return {}
    known = user.get("no_proxy") or user.get("NO_PROXY") or ""
    hosts = ",".join([*filter(None, [known]), *(host for host in _LOOPBACK if host not in known.split(","))])
    return {"NO_PROXY": hosts} if sys.platform == "win32" else {"NO_PROXY": hosts, "no_proxy": hosts}
