"""URLs: base URLs in their canonical form, origins to compare, and which of them are this machine."""

from __future__ import annotations

import re

from litellmctl.errors import UsageFailure

_LOOPBACK = r"localhost|127(\.\d{1,3}){3}|::1"
_PORTS = {"http": 80, "https": 443}
# What most URLs are, in their canonical form but for slashes at the end: scheme, host, port and path.
_PLAIN = r"(https?)://([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)(?::([1-9][0-9]{0,4}))?((?:/[A-Za-z0-9._~-]+)*)/*"


def normalize(text: str, *, named: str = "the base URL") -> str:
    """Return the canonical base URL: no trailing slash, no `/v1`, scheme and host in lower case, no default port.

    `named` says in errors where the text came from. Two texts that name the same proxy give the same result.
    """
    url = text.strip()
    if not url:
        raise UsageFailure(f"{named} is empty", remedy="give it as https://HOST")
    if re.search(r"[\x00-\x20\x7f-\x9f\\]", url):
        raise UsageFailure(f"{named} contains a space, a backslash or a control character")
    if "://" not in url:
        raise UsageFailure(
            f'{named} has no scheme: "{_no_userinfo(url)}"', remedy=f"write it as https://{_no_userinfo(url)}"
        )
    plain = re.fullmatch(_PLAIN, url)
    if plain and ".." not in plain[2] and (plain[3] is None or _PORTS[plain[1]] != int(plain[3]) < 2**16):
        return f"{plain[1]}://{plain[2]}{':' + plain[3] if plain[3] else ''}{_without_v1(plain[4])}"
    from urllib.parse import urlsplit  # it takes 7 ms to import

    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # whose text may repeat a password
        raise UsageFailure(f"{named} is not a URL: its host or its port is not valid") from None
    if parts.scheme not in _PORTS:
        raise UsageFailure(f'{named} is not an http or https URL: "{_no_userinfo(url)}"', remedy="use https://...")
    if parts.username is not None or parts.password is not None:
        raise UsageFailure(
            f"{named} contains a user name or password, which would end up in logs",
            remedy="leave out the part before @, and give the key as LITELLM_API_KEY",
        )
    host = parts.hostname
    if not host or not re.fullmatch(r"[^/?#%\[\]@*.][^/?#%\[\]@*]*(%[0-9a-z]+)?", host) or ".." in host:
        raise UsageFailure(f"{named} has no host name", remedy="give it as https://HOST")
    if parts.query or parts.fragment or url.endswith(("?", "#")):
        raise UsageFailure(f"{named} has a query or a fragment", remedy="leave out all from ? or # on")
    path = _without_v1(re.sub(r"/+", "/", parts.path).rstrip("/"))
    shown = f"[{host}]" if ":" in host else host
    suffix = "" if port is None or port == _PORTS[parts.scheme] else f":{port}"
    return f"{parts.scheme}://{shown}{suffix}{path}"


def _without_v1(path: str) -> str:
    while path.endswith("/v1"):
        path = path.removesuffix("/v1").rstrip("/")
    return path


def is_loopback(url: str) -> bool:
    """Whether the URL's host is this machine by its name or address."""
    plain = re.fullmatch(_PLAIN, url)
    if plain:
        return re.fullmatch(_LOOPBACK, plain[2]) is not None
    from urllib.parse import urlsplit

    try:
        host = urlsplit(url).hostname
    except ValueError:  # which `normalize` tells of
        return False
    return re.fullmatch(_LOOPBACK, host or "") is not None


def require_secure(url: str, *, allowed: bool) -> None:
    """Refuse plain HTTP to another machine unless `allowed`."""
    if url.startswith("http:") and not allowed and not is_loopback(url):
        raise UsageFailure(
            f"{url} is plain HTTP: the key could be read on its way",
            remedy=f"use https{url[4:]}, or pass --allow-insecure-http",
        )


def origin(url: str) -> tuple[str, str, int | None] | None:
    """Return scheme, host and port, so that two spellings of one server are equal; None where it is no http URL."""
    from urllib.parse import urlsplit

    if not url.isprintable():
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not parts.hostname or parts.username or parts.password:
        return None
    return parts.scheme, parts.hostname, port or _PORTS[parts.scheme]


def host_of(url: str) -> str:
    """Return host and port of a URL, without the credentials that it may have."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "an invalid URL"
    return f"{parts.hostname or 'nowhere'}{port}"


def _no_userinfo(url: str) -> str:
    return url.rsplit("@", 1)[-1]
