"""The report of the checks for an issue, which identifies neither the user nor the proxy.

The proxy's words may name any host, user or deployment: only our own words are kept.
"""

from __future__ import annotations

import getpass
import platform
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import getproxies

from litellmctl import __version__
from litellmctl.errors import Failure
from litellmctl.foundation.sentences import sentence
from litellmctl.settings import environment, paths

if TYPE_CHECKING:
    from litellmctl.app import App
    from litellmctl.terminal.render import Row

_PACKAGES = ("click", "requests", "urllib3", "keyring", "truststore")
# Each begins after a character that it cannot contain, so that a text is scanned once.
_ADDRESS = r"(?<![\w.+-])[\w.+-]+@[\w-]+\.[\w.-]+"
_KEY = r"\b(?:sk-|eyJ|litellm_login_)[\w.-]+"
_IP = r"\b\d{1,3}(?:\.\d{1,3}){3}\b|(?<![\w:])(?:[0-9A-Fa-f]{0,4}:){2,}[0-9A-Fa-f]{0,4}(?:%\w+)?(?![\w:])"
_URL = r"(?<=://)(?:[^\s/@]*@)?(?!HOST\b)[^\s/:,;\"')\\|]+|(?<=://)\[[^\]\s/]*\]"
# The checks of this machine, with findings in our words and the user's only.
_LOCAL = frozenset(
    ("configuration", "name_resolution", "clock", "keyring", "files", "caches", "variables", "program"),
)
_ISSUER = r'issued by ".*"'
# These are ours to the end: why the proxy cannot be reached, and its version.
_OURS = r"cannot reach .*|.* runs LiteLLM (?:\d[\w.+-]{0,30}|\(version unknown\))"
_OMITTED = " (the rest is omitted)"


def report_text(app: App, rows: Sequence[Row]) -> str:
    """Return the report, as Markdown."""
    lines = [
        f"litellmctl {__version__}, Python {sys.version.split()[0]}, {platform.platform()}",
        ", ".join(f"{name} {_version(name)}" for name in _PACKAGES),
        "",
        "| check | status | detail |",
        "| --- | --- | --- |",
    ]
    hidden = _hidden(app)
    for row in rows:
        detail = _our_words(row["check"], sentence(row["detail"])).replace("|", "\\|")
        for text, stand_in in hidden:
            # A short host or profile, such as `litellm`, may be part of other words.
            flags = re.IGNORECASE if re.search(r"[./\\]", text) else 0
            detail = re.sub(rf"(?<![\w-]){re.escape(text)}(?![\w-])", stand_in, detail, flags=flags)
        for pattern, stand_in in ((_KEY, "KEY"), (_URL, "HOST"), (_ADDRESS, "USER"), (_IP, "ADDRESS")):
            detail = re.sub(pattern, stand_in, detail)
        lines.append(f"| {row['check']} | {row['status']} | {detail} |")
    return "\n".join(lines)


def _our_words(check: str, detail: str) -> str:
    """Return our own part of a finding: others' words are behind a colon or in quotation marks."""
    if check == "tls":  # only the issuer is not ours
        return re.sub(_ISSUER, "issued by AUTHORITY", detail)
    if check in _LOCAL or re.fullmatch(_OURS, detail):
        return detail
    ours = re.split(r': |"| runs LiteLLM ', detail, maxsplit=1)[0]
    return detail if ours == detail else f"{ours.rstrip()}{_OMITTED}"


def _hidden(app: App) -> list[tuple[str, str]]:
    """Return the texts that identify the user or the proxy, the longest first, each with its placeholder."""
    home = paths.home_if_any()
    found: list[tuple[str, str]] = [(home, "~")] if home and len(home) > 1 else []
    with suppress(Exception):  # the user may have no name
        found.append((getpass.getuser(), "USER"))
    try:
        profiles = [app.config.profile(name).base_url for name in app.config.profile_names]
        urls = [*profiles, *app.logins.read().urls.values()]
        found += [(app.profile.name, "PROFILE")] if app.profile.name != "default" else []
    except Failure:
        urls = []
    with suppress(Failure):
        urls.append(app.connection.pair.base_url)
    urls += [environment.get(name) for name in ("LITELLM_BASE_URL", "LITELLM_PROXY_URL")]
    urls += getproxies().values()
    urls.append(app.options.base_url)
    for url in filter(None, urls):
        host = urlsplit(url if "://" in url else f"//{url}").hostname
        if host and host != "localhost":
            found.append((host, "HOST"))
    return sorted(set(found), key=lambda pair: -len(pair[0]))


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "?"
