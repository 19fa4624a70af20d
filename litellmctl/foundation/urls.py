"""URLs: base URLs in their canonical form, origins to compare, and which of them are this machine."""

from __future__ import annotations

import re

from litellmctl.errors import UsageFailure

# More often than a server and the gateways in front of it decode a path.
_MAX_DECODED = 8
_PORTS = {"http": 80, "https": 443}
# Of a host name, in characters (RFC 1035, section 2.3.4).
_MAX_LABEL = 63
_MAX_HOST = 253
# The canonical form of most URLs, but for slashes at the end: scheme, host, port and path.
_PLAIN = r"(https?)://([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)(?::([1-9][0-9]{0,4}))?((?:/[A-Za-z0-9._~-]+)*)/*"


def normalize(text: str, *, named: str = "the base URL") -> str:
    """Return the canonical base URL: no trailing slash, no `/v1`, scheme and host in lower case, no default port.

    `named` is how errors name the source of the text. Two texts that name the same proxy give the same result.
    """
    url = text.strip()
    if not url:
        raise UsageFailure(f"{named} is empty", remedy="use https://HOST")
    if re.search(r"[\x00-\x20\x7f-\x9f\\]", url):
        raise UsageFailure(f"{named} contains a space, a backslash or a control character", remedy="remove it")
    if "://" not in url:
        raise UsageFailure(f'{named} has no scheme: "{_no_userinfo(url)}"', remedy=f"use {_with_scheme(url)}")
    plain = re.fullmatch(_PLAIN, url)
    is_port = plain is not None and (plain[3] is None or _PORTS[plain[1]] != int(plain[3]) < 2**16)
    if plain and is_port and ".." not in plain[2] and len(plain[2]) <= _MAX_LABEL:
        return f"{plain[1]}://{plain[2]}{':' + plain[3] if plain[3] else ''}{_without_v1(plain[4])}"
    from urllib.parse import urlsplit  # it takes 7 ms to import

    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # whose text may repeat a password
        raise _invalid(named) from None
    if parts.scheme not in _PORTS:
        raise UsageFailure(f'{named} is not an http or https URL: "{_no_userinfo(url)}"', remedy="use https://...")
    if parts.username is not None or parts.password is not None:
        raise UsageFailure(
            f"{named} contains a user name or password, which would end up in logs",
            remedy="remove the part before @, and set LITELLM_API_KEY instead",
        )
    host = _checked_host(parts.hostname or "", named)
    if parts.query or parts.fragment or url.endswith(("?", "#")):
        raise UsageFailure(f"{named} has a query or a fragment", remedy="remove everything from ? or # on")
    path = _without_v1(re.sub(r"/+", "/", parts.path).rstrip("/"))
    shown = f"[{host}]" if ":" in host else host
    suffix = "" if port is None or port == _PORTS[parts.scheme] else f":{port}"
    return f"{parts.scheme}://{shown}{suffix}{path}"


def _with_scheme(text: str) -> str:
    """Return the URL that was meant by a text without a scheme, or what a URL looks like."""
    meant = _no_userinfo(text).lstrip("/")
    try:
        normalize(f"https://{meant}")
    except UsageFailure:
        return "https://HOST"
    return f"https://{meant}" if re.match(r"[\w\[]", meant) else "https://HOST"


def _checked_host(host: str, named: str) -> str:
    """Return a host name, or an IPv6 address in its shortest form (IPv4 if it maps one).

    Raises a failure if no request can be sent there.
    """
    if not host:
        raise UsageFailure(f"{named} has no host name", remedy="use https://HOST")
    if not re.fullmatch(r"[^/?#%\[\]@*.][^/?#%\[\]@*]*(%[0-9a-z]+)?", host) or ".." in host:
        shown = ascii(host)[1:-1][:_MAX_HOST]
        raise UsageFailure(f'{named} has an invalid host name: "{shown}"', remedy="use https://HOST")
    if ":" in host:
        from ipaddress import IPv6Address

        address, zone, name = host.partition("%")
        try:
            found = IPv6Address(address)
            # Every system takes IPv4 to a mapped address, if it goes there at all: [::ffff:127.0.0.1] is 127.0.0.1.
            return str(found.ipv4_mapped) if found.ipv4_mapped and not zone else f"{found.compressed}{zone}{name}"
        except ValueError:
            raise _invalid(named) from None
    labels = host.rstrip(".").split(".")
    if len(host) > _MAX_HOST or any(len(label) > _MAX_LABEL for label in labels):
        raise UsageFailure(f"{named} has a host name that is too long", remedy="check the host name")
    if not host.isascii():
        # The conversion that requests does (RFC 5891); importing it takes 20 ms.
        from urllib3.exceptions import LocationParseError
        from urllib3.util import parse_url

        try:
            parse_url(f"https://{host}")
        except LocationParseError:
            shown = ascii(host)[1:-1][:_MAX_HOST]
            raise UsageFailure(
                f'{named} has an invalid host name: "{shown}"',
                remedy="type the host name by hand, or use its ASCII form (xn--...)",
            ) from None
    return host


def _without_v1(path: str) -> str:
    while path.endswith("/v1"):
        path = path.removesuffix("/v1").rstrip("/")
    return path


def is_loopback(url: str) -> bool:
    """Whether the URL's host is this machine for sure: `localhost`, or a loopback address in its usual form.

    Not `localhost.`, `NAME.localhost` or `127.999.999.999`, which are names that some resolvers ask DNS for; not
    `127.1`, `0x7f.1` or `127.0.0.01`, which are addresses to some and not to others; and not `0.0.0.0`.
    """
    plain = re.fullmatch(_PLAIN, url)
    if plain:
        host = plain[2]
    else:
        from urllib.parse import urlsplit

        try:
            host = urlsplit(url).hostname or ""
        except ValueError:  # which `normalize` tells of
            return False
    if host in {"localhost", "127.0.0.1", "::1"}:
        return True
    if not host.startswith("127.") and ":" not in host:
        return False
    from ipaddress import IPv6Address, ip_address  # it takes 3 ms to import

    try:
        address = ip_address(host)
    except ValueError:
        return False
    if not isinstance(address, IPv6Address):
        return address.is_loopback
    # A zone could name another interface. Mapped addresses never leave the machine: its IPv4 takes them.
    mapped = address.ipv4_mapped
    return address.scope_id is None and (address.is_loopback if mapped is None else mapped.is_loopback)


def is_below(url: str, base_url: str) -> bool:
    """Whether a URL is below the base URL, however often its path is decoded and its dot segments are resolved.

    Servers treat `%2e%2e`, `..;x=1`, a backslash or two slashes differently: if one of these ways may lead above the
    base URL, the URL is not below it.
    """
    base = base_url.rstrip("/") + "/"
    if not url.startswith(base):
        return False
    from urllib.parse import unquote

    path = re.split("[?#]", url[len(base) :], maxsplit=1)[0]
    for _ in range(_MAX_DECODED):
        if _climbs(path):
            return False
        # What else decodes to a dot, a slash and a backslash: UTF-8 that is too long, and the escapes of IIS.
        known = re.sub("(?i)%u00", "%", re.sub("(?i)%c0%ae", ".", re.sub("(?i)%c0%af|%c1%9c", "/", path)))
        decoded = unquote(known)
        if decoded == path:
            return True
        path = decoded
    return False


def _climbs(path: str) -> bool:
    """Whether dot segments of a relative path lead above where it starts."""
    if not path.isascii():
        from unicodedata import normalize

        path = normalize("NFKC", path)  # there are other full stops
    depth = 0
    for segment in re.split(r"[/\\]", path):
        # Some servers cut off parameters, some white space, and some end a text at a NUL.
        name = re.split("[;?#]", segment, maxsplit=1)[0]
        if re.sub("[^!-~]", "", name) == "..":
            depth -= 1
        elif re.sub(r"[\x00-\x20.\x7f]", "", name):
            depth += 1
        if depth < 0:
            return True
    return False


def require_secure(url: str, *, allowed: bool) -> None:
    """Refuse plain HTTP to another machine unless `allowed`."""
    if url.startswith("http:") and not allowed and not is_loopback(url):
        raise UsageFailure(
            f"{url} is plain HTTP: others could read the key",
            remedy=f"use https{url[4:]}, or pass --allow-insecure-http",
        )


def origin(url: str) -> tuple[str, str, int | None] | None:
    """Return scheme, host and port, equal for two spellings of one server; None if it is not an http URL."""
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
    host = parts.hostname or "nowhere"
    return f"{f'[{host}]' if ':' in host else host}{port}"


def _invalid(named: str) -> UsageFailure:
    return UsageFailure(f"{named} is not a valid URL: invalid host or port", remedy="use https://HOST:PORT")


def _no_userinfo(url: str) -> str:
    return url.rsplit("@", 1)[-1]
