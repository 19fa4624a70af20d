"""The HTTP proxy on the way to a host: which variable names it, what it says, and for which hosts it is not used."""

from __future__ import annotations

import os
import re
from base64 import b64encode
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote_to_bytes, urlsplit
from urllib.request import getproxies, getproxies_environment, proxy_bypass

from litellmctl.errors import Unavailable, UsageFailure
from litellmctl.foundation.text import clean, cut
from litellmctl.foundation.urls import host_of, normalize

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

_SCHEME = r"([A-Za-z][A-Za-z0-9+.-]*)://"
_MAX_SHOWN = 100
# The status by which an HTTP proxy asks for a sign-in (RFC 9110, section 15.5.8).
SIGN_IN = 407


class HttpProxy(NamedTuple):
    """An HTTP proxy: its URL without user and password, where it is set, and the header that signs in to it.

    `secrets` are texts that must not be shown.
    """

    url: str
    named: str
    authorization: str | None = None
    secrets: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Return it without its secrets."""
        return f"HttpProxy({self.url!r}, {self.named!r})"

    @property
    def host(self) -> str:
        """Host and port, for a sentence."""
        return host_of(self.url)


def of_url(url: str) -> HttpProxy | None:
    """Return the HTTP proxy on the way to `url`, which is not loopback; None where there is none.

    The variable of the URL's scheme overrides ALL_PROXY, as for curl and requests. Raises `Unavailable` if it names
    something other than an HTTP proxy.
    """
    proxies = getproxies()
    scheme = url.split(":", 1)[0]
    found = next((name for name in (scheme, "all") if proxies.get(name)), None)
    if found is None or _is_exempt(url):
        return None
    return _parsed(proxies[found].strip(), _variable(found), url)


def _variable(name: str) -> str:
    """Return the variable that names the proxy for a scheme; on macOS and Windows the system may do so instead."""
    names = (f"{name}_proxy", f"{name.upper()}_PROXY")
    return next((one for one in names if os.environ.get(one)), "the system's proxy setting")


def _parsed(text: str, named: str, url: str) -> HttpProxy:
    """Read `[scheme://][user[:password]@]host[:port]`, as people write it: passwords hold raw `#`, `/`, `@` and `%`."""
    prefix = re.match(_SCHEME, text)
    scheme = prefix[1].lower() if prefix else "http"
    userinfo, at, address = (text[prefix.end() :] if prefix else text).rpartition("@")
    if scheme.startswith("socks"):
        where = cut(clean(re.split(r"[/?#]", address)[0]), _MAX_SHOWN)
        why = f"{named} names a SOCKS proxy ({scheme}://{where}), which is not supported"
        raise _unusable(url, why, f"set {_for_scheme(url)} to an HTTP proxy, or {_exempting(url)}")
    try:
        # Only host and port count; they are valid if they are valid in a base URL.
        address = normalize(f"{scheme}://{re.split(r'[/?#]', address)[0]}")
    except UsageFailure:
        remedy = f"use http://HOST:PORT or http://USER:PASSWORD@HOST:PORT, or {_exempting(url)}"
        raise _unusable(url, f"{named} is not the address of an HTTP proxy", remedy) from None
    if not at:
        return HttpProxy(address, named)
    user, _, password = userinfo.partition(":")
    # A "%" that begins no escape stands for itself.
    plain = unquote_to_bytes(user) + b":" + unquote_to_bytes(password)
    encoded = b64encode(plain).decode("ascii")
    secrets = {password, unquote_to_bytes(password).decode("latin-1"), encoded} - {""}
    return HttpProxy(address, named, f"Basic {encoded}", tuple(secret for secret in secrets if secret.isascii()))


def _unusable(url: str, why: str, remedy: str) -> Unavailable:
    return Unavailable("unreachable", f"cannot reach {url}: {why}", remedy=remedy, may_have_acted=False)


def _for_scheme(url: str) -> str:
    return f"{url.split(':', 1)[0].upper()}_PROXY"


def _exempting(url: str) -> str:
    return f"set NO_PROXY={urlsplit(url).hostname} to bypass it"


def _is_exempt(url: str) -> bool:
    """Whether NO_PROXY (or the system, where it names the proxy) says to go to the URL's host without one."""
    if not getproxies_environment():
        return bool(proxy_bypass(urlsplit(url).netloc))
    listed = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return any(_is_covered(host, port, entry) for entry in re.split(r"[,\s]+", listed.lower()) if entry)


def _is_covered(host: str, port: int, entry: str) -> bool:
    """Whether an entry of NO_PROXY covers a host: `*`, a name with what is below it, an address or a range, a pattern.

    `.example.com` is the same as `example.com`; `*.example.com` is only what is below it. A port may follow.
    """
    from fnmatch import fnmatchcase
    from ipaddress import ip_network

    # "[::1]:443" and "host:443", but "::1" is an address.
    match = re.fullmatch(r"\[([^\]]*)\](?::(\d{1,5}))?|([^:]*)(?::(\d{1,5}))?", entry)
    name = entry if match is None else match[1] if match[1] is not None else match[3]
    wanted = match and (match[2] or match[4])
    if wanted and int(wanted) != port:
        return False
    address = _address(host)
    if address is not None:
        try:
            return address in ip_network(name, strict=False)
        except ValueError:
            return fnmatchcase(host, name)  # `*`, and 192.168.* as Windows has it
    name = name.strip(".") if "*" not in name else name
    return fnmatchcase(host, name) if "*" in name else bool(name) and (host == name or host.endswith(f".{name}"))


def _address(host: str) -> IPv4Address | IPv6Address | None:
    """Return the IP address that a host is (an IPv4 one where it stands in an IPv6 one); None for a name."""
    from ipaddress import IPv6Address, ip_address

    try:
        address = ip_address(host.split("%", 1)[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
