"""The route to a host: TLS with the authorities that are trusted, and the HTTP proxy on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Self

from litellmctl.proxy import http_proxy

if TYPE_CHECKING:
    import ssl

    from litellmctl.proxy import tls
    from litellmctl.proxy.client_certificate import ClientCertificate
    from litellmctl.proxy.http_proxy import HttpProxy


class Route(NamedTuple):
    """How requests reach a host: its `scheme`, the context of TLS (None for plain HTTP), and the HTTP proxy, if any."""

    scheme: str
    context: ssl.SSLContext | None
    http_proxy: HttpProxy | None

    @classmethod
    def to(cls, url: str, trust: tls.Trust, *, loopback: bool, certificate: ClientCertificate | None = None) -> Self:
        """Return the route to the host of `url`, which is shown the `certificate` if it asks for one.

        The environment's HTTP proxies are used except for loopback. Raises `Unavailable` where the environment names a
        proxy that cannot be used, and `ConfigFailure` for a bundle or a certificate that cannot be used.
        """
        proxy = None if loopback else http_proxy.of_url(url)
        if not url.startswith("https:"):
            return cls("http", None, proxy)
        context = trust.context()
        if certificate is not None:
            certificate.load_into(context)
        return cls("https", context, proxy)
