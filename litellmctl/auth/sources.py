"""Which proxy with which credential: the sources in order, as pairs of URL and credential."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from litellmctl.auth.credential import LOCAL_KEY_PREFIX, ConfiguredKey, Credential, Pair
from litellmctl.auth.login_file import login_command
from litellmctl.errors import AuthFailure, ConfigFailure, Failure, UsageFailure, suggestion
from litellmctl.foundation.urls import is_loopback, normalize
from litellmctl.settings import environment, paths, values
from litellmctl.settings.definitions import DEFAULT_PROFILE, HEADER_NAME

if TYPE_CHECKING:
    import requests

    from litellmctl.settings.config import Profile

# The variables that hold a key, each with the variable that holds the URL which the key was given for.
ENVIRONMENT_PAIRS = (
    ("LITELLM_BASE_URL", ("LITELLM_GCLOUD_TOKEN_AUTH", "LITELLM_API_KEY_HELPER", "LITELLM_API_KEY")),
    ("LITELLM_PROXY_URL", ("LITELLM_PROXY_API_KEY",)),
)
SET_VARIABLES = "export LITELLM_BASE_URL=https://HOST LITELLM_API_KEY=sk-..."
# The source, as --auth names it, of each of these variables.
SOURCES = {
    "LITELLM_GCLOUD_TOKEN_AUTH": "gcloud",
    "LITELLM_API_KEY_HELPER": "helper",
    "LITELLM_API_KEY": "env",
    "LITELLM_PROXY_API_KEY": "env",
}
# How to make each source of credentials but the stored login.
_TO_SET = {
    "config": "litellmctl config set {api_key} '$NAME'",
    "gcloud": "export LITELLM_GCLOUD_TOKEN_AUTH=1",
    "helper": "export LITELLM_API_KEY_HELPER='COMMAND'",
    "env": SET_VARIABLES,
}


class Resolver:
    """Finds the pair for a profile.

    `warn` takes a sentence about a source that cannot be used; `google_session` makes the HTTP session for Google;
    `stored` returns the profile's stored login, which comes first; `remembered` returns the URL of the profile's last
    login. `unusable` are the variables and settings that `warn` was called for.
    """

    def __init__(
        self,
        warn: Callable[[str], None],
        google_session: Callable[[], requests.Session],
        stored: Callable[[], Pair | None] = lambda: None,
        remembered: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._warn = warn
        self._google_session = google_session
        self._stored = stored
        self._remembered = remembered
        self.unusable: set[str] = set()

    def resolve(self, profile: Profile, *, base_url: str | None = None, auth: str | None = None) -> Pair:
        """Return the first pair that exists: for this URL and from this source, where the user asks for them.

        No keyring is opened and no command runs. Neither URL nor credential, or no credential: exit 4. A credential
        without URL: exit 2.
        """
        if auth is not None and auth not in environment.AUTH_SOURCES:
            # Click refuses a wrong --auth, so that it can only be the variable.
            raise UsageFailure(
                f'LITELLMCTL_AUTH is "{auth}", which is not a credential source'
                f"{suggestion(auth, list(environment.AUTH_SOURCES))}",
                remedy=f"use one of {', '.join(environment.AUTH_SOURCES)}, or unset LITELLMCTL_AUTH",
            )
        for url, credential, headers in self._candidates(profile, base_url, auth):
            # A key never travels to a URL that it was not given for.
            if url is None or base_url not in {None, url} or (auth is not None and not _is_of(credential, auth)):
                continue
            if credential.source == "env":
                credential.secret()  # refuses a key that cannot be sent, even where a cache would answer
            return Pair(url, credential, headers, profile.get("key_header"))
        raise _nothing(profile, base_url, auth, self._remembered)

    def _candidates(
        self, profile: Profile, wanted: str | None, auth: str | None
    ) -> Iterator[tuple[str | None, Credential, Mapping[str, values.Value]]]:
        login = self._stored() if auth in {None, "stored"} else None
        if login is not None:
            yield login.base_url, login.credential, login.headers
        url = profile.base_url
        own_key = False
        if url is not None:
            for credential in self._of_profile(profile, auth):
                own_key = True
                yield url, credential, profile.headers
        # A variable's key may join a profile's URL that has no key of its own, and --base-url; one whose URL variable
        # names another proxy may join neither.
        joinable = wanted or (None if own_key else url)
        headers = profile.headers if url is not None and joinable == url else {}
        for url_name, key_names in ENVIRONMENT_PAIRS:
            named = url_of(url_name)
            if named is None:
                base_url, extra = joinable, headers
            elif profile.name == DEFAULT_PROFILE or named == joinable:
                base_url, extra = named, headers if named == url and not own_key else {}
            else:
                continue
            for key_name in key_names:
                variable = self._of_variable(key_name, auth)
                if variable is not None:
                    yield base_url, variable, {**extra, **environment_headers()}

    def _of_profile(self, profile: Profile, auth: str | None) -> Iterator[Credential]:
        if profile.get("gcloud") and auth in {None, "config", "gcloud"}:
            credential = self._google(profile.named("gcloud"))
            if credential is not None:
                yield credential
        key = profile.api_key
        if key is not None:
            yield ConfiguredKey("config", profile.named("api_key"), key)

    def _of_variable(self, name: str, auth: str | None) -> Credential | None:
        if name == "LITELLM_GCLOUD_TOKEN_AUTH":
            return self._google(name) if environment.flag(name) and auth in {None, "gcloud"} else None
        text = environment.get(name)
        if text is None:
            return None
        if name == "LITELLM_API_KEY_HELPER":
            return ConfiguredKey("helper", name, values.Value("command", text.removeprefix("!"), name), "helper")
        return ConfiguredKey("env", name, values.Value("literal", text, name))

    def _google(self, named: str) -> Credential | None:
        from litellmctl.auth import adc

        path = paths.google_credentials_file()
        if path is None:
            why = "no home folder, where Google's credentials would be (set HOME or CLOUDSDK_CONFIG)"
        else:
            try:
                return adc.GoogleCredential(adc.read(path), f"{named} ({path})", self._google_session)
            except adc.UnusableADC as error:
                why = f"{error} (to create it: {adc.LOGIN})"
        self.unusable.add(named)
        self._warn(f"{named} is ignored: {why}")
        return None


class KnownProxy(NamedTuple):
    """The URL of a proxy, and where it is from: an option, a file, a variable or a login."""

    base_url: str
    source: str


def known_proxy(profile: Profile, wanted: str | None, remembered: str | None) -> KnownProxy | None:
    """Return which proxy is meant without a credential: the same for all commands.

    The one of `--base-url` (`wanted`), else the profile's, else for the default profile the variables', but not a
    relay's, else the one of the last login (`remembered`); None without any.
    """
    if wanted is not None:
        return KnownProxy(wanted, "--base-url")
    if profile.base_url is not None:
        return KnownProxy(profile.base_url, "config.toml")
    for name, key_names in ENVIRONMENT_PAIRS if profile.name == DEFAULT_PROFILE else ():
        url = url_of(name)
        if url is not None and not is_of_relay(url, key_names):
            return KnownProxy(url, name)
    return None if remembered is None else KnownProxy(remembered, "last login")


def is_of_relay(url: str | None, key_names: Sequence[str]) -> bool:
    """Whether the variables name a relay of ours, as `serve --env` sets them: no proxy to sign in to."""
    keys = [environment.get(name) or "" for name in key_names]
    return url is not None and is_loopback(url) and any(key.startswith(LOCAL_KEY_PREFIX) for key in keys)


def urls_of_variables() -> list[str]:
    """Return the proxies that the environment names."""
    return [url for url in (url_of(name) for name, _ in ENVIRONMENT_PAIRS) if url is not None]


def _nothing(profile: Profile, wanted: str | None, auth: str | None, remembered: Callable[[], str | None]) -> Failure:
    """Return why there is no pair, with what helps this profile."""
    if auth is not None:
        without_url = None if wanted or profile.base_url or profile.name != DEFAULT_PROFILE else _without_url(auth)
        if without_url is not None:
            return without_url
        to_sign_in = login_command(profile.name) + (f" --base-url {wanted}" if wanted else "")
        to_set = _TO_SET.get(auth, to_sign_in).format(api_key=profile.named("api_key"))
        is_variable = environment.get("LITELLMCTL_AUTH") == auth
        return AuthFailure(
            "auth_required",
            f'no credential from source "{auth}" for {wanted or f"profile {profile.name}"}',
            remedy=f"{to_set}, or {'unset LITELLMCTL_AUTH' if is_variable else 'run it without --auth'}",
        )
    by_default = profile.name == DEFAULT_PROFILE
    set_keys = [
        (name, url_of(url_name)) for url_name, names in ENVIRONMENT_PAIRS for name in names if environment.flag(name)
    ]
    own_key = profile.named("api_key") if profile.api_key is not None else None
    unplaced = own_key or (set_keys[0][0] if by_default and set_keys else None)
    # A key without a URL is a mistake, and no key for where the profile was signed in.
    known = known_proxy(profile, wanted, None if unplaced else remembered())
    if known is not None:
        url = known.base_url
        other = next((name for name, own in set_keys if own not in {None, url} and (by_default or wanted)), None)
        login = login_command(profile.name) + (f" --base-url {wanted}" if wanted else "")
        return AuthFailure(
            "auth_required",
            f"no credential for {url}" + (f": {other} is for another proxy" if other else _empty()),
            remedy=f"{login}, or export LITELLM_BASE_URL={url} LITELLM_API_KEY=sk-..."
            if by_default or wanted
            else f"{login}, or litellmctl config set {profile.named('api_key')} '$NAME'",
        )
    set_url = f"litellmctl config set {profile.named('base_url')} https://HOST"
    if unplaced is not None:
        url_name = next((url_name for url_name, names in ENVIRONMENT_PAIRS if unplaced in names), None)
        remedy = f"export {url_name}=https://HOST, or pass --base-url" if url_name else set_url
        return ConfigFailure(f"{unplaced} is set, but {url_name or profile.named('base_url')} is not", remedy=remedy)
    return AuthFailure(
        "auth_required",
        "no proxy and no credential configured" + ("" if by_default else f" for profile {profile.name}"),
        remedy=f"{login_command(profile.name)}, or {SET_VARIABLES if by_default else set_url}",
    )


def _empty() -> str:
    """Return which key variable is set to nothing, as a secret is in a CI job that may not see it."""
    names = [name for _, names in ENVIRONMENT_PAIRS for name in names if environment.is_empty(name)]
    return f": {names[0]} is empty" if names else ""


def _without_url(auth: str) -> Failure | None:
    """Return the failure for a source whose variable is set without the proxy that it is for; None otherwise."""
    for url_name, names in ENVIRONMENT_PAIRS:
        for name in names:
            if SOURCES[name] == auth and environment.flag(name) and url_of(url_name) is None:
                return ConfigFailure(
                    f"{name} is set, but {url_name} is not",
                    remedy=f"export {url_name}=https://HOST, or pass --base-url",
                )
    return None


def _is_of(credential: Credential, source: str) -> bool:
    return credential.source == source or (source == "config" and credential.origin.startswith("profiles."))


def url_of(name: str) -> str | None:
    """Return the base URL that a variable holds; None where it is unset. Raises a failure for one that is not a URL."""
    text = environment.get(name)
    return None if text is None else normalize(text, named=name)


def environment_headers() -> dict[str, values.Value]:
    """Return the headers of LITELLM_HEADERS. Raises a failure where it is not a JSON object of strings."""
    text = environment.get("LITELLM_HEADERS")
    if text is None:
        return {}
    import json

    try:
        headers = json.loads(text)
    except (ValueError, RecursionError):
        headers = None
    valid = isinstance(headers, dict) and all(
        isinstance(value, str) and re.fullmatch(HEADER_NAME, name) for name, value in headers.items()
    )
    if not valid:
        raise ConfigFailure(
            "LITELLM_HEADERS is not a JSON object of strings", remedy="""export LITELLM_HEADERS='{"x-team": "blue"}'"""
        )
    return {name: values.Value("literal", value, f"LITELLM_HEADERS ({name})") for name, value in headers.items()}


def forbidden_headers(names: Sequence[str], key_header: str) -> list[str]:
    """Return the names of headers that would replace the credential or frame the request."""
    reserved = {"authorization", key_header.lower(), "host", "content-length", "transfer-encoding", "connection"}
    return [name for name in names if name.lower() in reserved]
