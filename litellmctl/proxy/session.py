"""The HTTP session: a key bound to its URL, on a route that trusts only what the user trusts."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from litellmctl import __version__
from litellmctl.foundation.hiding import Hider
from litellmctl.foundation.urls import is_below
from litellmctl.proxy.route import Route

if TYPE_CHECKING:
    import ssl

    from litellmctl.proxy import tls
    from litellmctl.proxy.client_certificate import ClientCertificate
    from litellmctl.proxy.http_proxy import HttpProxy

CONNECTIONS = 32
# Headers with these words in their names are not secret, unless the name says so: other texts repeat them.
_TELLS = r"(?i)\b(accept|account|agent|app|application|content|customer|email|encoding|env|environment|group|lang"
_TELLS += r"|language|model|models|name|org|organization|project|provider|region|service|stage|tag|tags|team|tenant"
_TELLS += r"|toolsets|type|user|version|workspace)\b"
_IS_SECRET = r"(?i)auth|cookie|cred|jwt|(?<!port)key|pass|secret|session|sign|token"  # noqa: S105  # a pattern
# Words and short numbers, as production or us-east-1: not random, and parts of other names.
_WORD = r"[a-z]{1,15}|[A-Z][a-z]{0,14}|[A-Z]{1,15}|[A-Za-z0-9]{1,4}"
_WORDS = rf"(?:{_WORD})(?:[^A-Za-z0-9]+(?:{_WORD}))*[^A-Za-z0-9]*"


class NoAuth(AuthBase):
    """No credential. Where a request has no auth at all, requests would add one from `.netrc`."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Leave the request as it is."""
        return request


class BoundAuth(AuthBase):
    """The key and the extra headers, attached only to requests below the base URL that they were given for.

    `key` is None before a sign-in; `renew` returns a newer key, or None. `kept` are the secrets of all clients of a
    run: a proxy may repeat to one client what another one sent or received.
    """

    def __init__(
        self,
        base_url: str,
        key: str | None,
        *,
        key_header: str = "Authorization",
        headers: Mapping[str, str] | None = None,
        renew: Callable[[], str | None] = lambda: None,
        kept: set[str] | None = None,
    ) -> None:
        # As requests will write it (punycode, percent-encoding), so that the comparison below holds.
        self._base = requests.Request("GET", base_url + "/").prepare().url or base_url
        self._key_header = key_header
        self._headers = dict(headers or {})
        self._kept: set[str] = set() if kept is None else kept
        self._values: set[str] = set()
        self._hiders: tuple[int, Hider, Hider] | None = None
        self.keep_headers(self._headers)
        self._key: str | None = None
        self.key = key
        self.renew: Callable[[], str | None] | None = renew
        self._lock = threading.Lock()

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Attach the key, unless the request goes elsewhere."""
        if is_below(request.url or "", self._base):
            bearer = self._key_header.lower() == "authorization"
            request.headers.update(self._headers)
            if self.key is not None:
                request.headers[self._key_header] = f"Bearer {self.key}" if bearer else self.key
        return request

    @property
    def key(self) -> str | None:
        """The key; one that it had before is still a secret."""
        return self._key

    @key.setter
    def key(self, key: str | None) -> None:
        self._key = key
        self.keep(*([] if key is None else [key]))

    def keep(self, *secrets: str) -> None:
        """Hide these from now on: secrets that are sent besides the key, or that replace it."""
        self._kept.update(secrets)

    def keep_headers(self, headers: Mapping[str, str]) -> None:
        """Hide the values of these headers; in data only those that look secret by their name or value."""
        self._values.update(headers.values())
        self.keep(*(value for name, value in headers.items() if _is_secret(name, value)))

    @property
    def data(self) -> Hider:
        """Hides secrets in data that is used further; `hidden` hides more in texts that are only shown."""
        return self._current[0]

    def hidden(self, text: str) -> str:
        """Return a text without secrets and without values of headers, which some proxies repeat in errors."""
        return self._current[1].hidden(text)

    @property
    def _current(self) -> tuple[Hider, Hider]:
        # What is kept only ever grows, in any thread.
        secrets = self._kept.copy()
        known = len(secrets) + len(self._values)
        if self._hiders is None or self._hiders[0] != known:
            self._hiders = known, Hider(secrets), Hider(secrets | self._values)
        return self._hiders[1:]

    def renewed(self, refused: str | None) -> bool:
        """Fetch a newer key than the one that was refused, at most once; return whether there is one."""
        with self._lock:
            if self.key != refused:
                return True  # another thread was refused too, and quicker
            renew, self.renew = self.renew, None
            key = renew() if renew else None
            if key is not None:
                self.key = key
            return key is not None


def _is_secret(name: str, value: str) -> bool:
    """Whether a header's value is hidden in data too: a model with that value in its name could not be used."""
    words = name.replace("_", "-")
    if re.search(_IS_SECRET, words):
        return True
    return re.search(_TELLS, words) is None and re.fullmatch(_WORDS, value) is None


class _Adapter(HTTPAdapter):
    """Trusts exactly what the context trusts, where requests would add certifi's authorities; signs in to a proxy."""

    def __init__(self, context: ssl.SSLContext | None, http_proxy: HttpProxy | None) -> None:
        self._context = context
        self._http_proxy = http_proxy
        super().__init__(pool_maxsize=CONNECTIONS)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools with our context."""
        super().init_poolmanager(*args, **kwargs, ssl_context=self._context)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Make the pools behind an HTTP proxy with our context."""
        from litellmctl.proxy.tunnel import TunnelPool

        manager = super().proxy_manager_for(proxy, **kwargs, ssl_context=self._context)
        manager.pool_classes_by_scheme = {**manager.pool_classes_by_scheme, "https": TunnelPool}
        return manager

    def proxy_headers(self, _proxy: str) -> dict[str, str]:
        """Return the header that signs in to the HTTP proxy: its URL has neither user nor password."""
        signs_in = self._http_proxy.authorization if self._http_proxy else None
        return {"Proxy-Authorization": signs_in} if signs_in else {}

    def cert_verify(self, conn: Any, *_: Any, **__: Any) -> None:
        """Leave the authorities to the context."""
        conn.cert_reqs = "CERT_REQUIRED"
        conn.ca_certs = None
        conn.ca_cert_dir = None


class Session(requests.Session):
    """Leaves redirects to `Client`: even where it does not follow them, requests reads the body and the target.

    `http_proxy` is the one that its requests go through.
    """

    http_proxy: HttpProxy | None = None

    def get_redirect_target(self, _resp: requests.Response) -> str | None:
        """Return no target."""
        return None


def make_session(
    url: str, trust: tls.Trust, *, loopback: bool, certificate: ClientCertificate | None = None
) -> Session:
    """Return a session for requests to the host of `url`. Raises as `Route.to`, which has the arguments."""
    return session_on(Route.to(url, trust, loopback=loopback, certificate=certificate))


def session_on(route: Route) -> Session:
    """Return a session for requests on this route.

    Nothing of requests' own reading of the environment (`.netrc`, certificate bundles, proxies) is used. No cookie is
    kept: the key says who we are, and nothing else does.
    """
    session = Session()
    session.trust_env = False
    session.auth = NoAuth()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    session.headers.update(
        {"User-Agent": f"litellmctl/{__version__}", "Accept": "application/json", "Accept-Encoding": "gzip, deflate"}
    )
    session.http_proxy = route.http_proxy
    if route.http_proxy is not None:
        session.proxies[route.scheme] = route.http_proxy.url
    session.mount(f"{route.scheme}://", _Adapter(route.context, route.http_proxy))
    return session
