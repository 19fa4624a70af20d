"""The HTTP session: a key bound to its URL, only the authorities that are trusted, the environment's proxies."""

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

if TYPE_CHECKING:
    import ssl

    from litellmctl.proxy import tls

CONNECTIONS = 32
# What a header says that is named so is no secret, unless its name says that too: other texts hold it for good reasons.
_TELLS = r"(?i)\b(accept|agent|content|customer|email|encoding|lang|language|model|models|name|org|organization|project"
_TELLS += r"|region|tag|tags|team|tenant|toolsets|type|user|version)\b"
_IS_SECRET = r"(?i)auth|cookie|cred|jwt|key|pass|secret|session|sign|token"  # noqa: S105  # a pattern


class NoAuth(AuthBase):
    """No credential. Where a request has no auth at all, requests would add one from `.netrc`."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Leave the request as it is."""
        return request


class BoundAuth(AuthBase):
    """The key and the extra headers, attached only to requests below the base URL that they were given for.

    `key` is None where there is none yet, as before a sign-in; `renew` returns a newer key, or None.
    """

    def __init__(
        self,
        base_url: str,
        key: str | None,
        *,
        key_header: str = "Authorization",
        headers: Mapping[str, str] | None = None,
        renew: Callable[[], str | None] = lambda: None,
    ) -> None:
        # As requests will write it (punycode, percent-encoding), so that the comparison below holds.
        self._base = requests.Request("GET", base_url + "/").prepare().url or base_url
        self._key_header = key_header
        self._headers = dict(headers or {})
        self._secrets: set[str] = set()
        # What the proxy says is data to go on with, while what it says went wrong is only shown.
        self.data, self._words = Hider([]), Hider(self._headers.values())
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
        """Keep secret from now on what is sent besides the key, or was given instead of it."""
        if self._secrets.issuperset(secrets):
            return
        self._secrets = {*self._secrets, *secrets}
        self.data = Hider(self._secrets)
        self._words = Hider([*self._secrets, *self._headers.values()])

    def keep_headers(self, headers: Mapping[str, str]) -> None:
        """Keep secret what these headers say, but those that are named for what is no secret."""
        self.keep(*(value for name, value in headers.items() if _is_secret(name)))

    def hidden(self, text: str) -> str:
        """Return a text without all that is secret and all values of headers, which some proxies repeat in errors."""
        return self._words.hidden(text)

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


def _is_secret(name: str) -> bool:
    """Whether a header's value is kept out of data too."""
    words = name.replace("_", "-")
    return re.search(_TELLS, words) is None or re.search(_IS_SECRET, words) is not None


class _Adapter(HTTPAdapter):
    """Trusts exactly what the context trusts: requests itself would add certifi's authorities to it."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__(pool_maxsize=CONNECTIONS)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools with our context."""
        super().init_poolmanager(*args, **kwargs, ssl_context=self._context)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Make the pools behind an HTTP proxy with our context."""
        return super().proxy_manager_for(proxy, **kwargs, ssl_context=self._context)

    def cert_verify(self, conn: Any, *_: Any, **__: Any) -> None:
        """Leave the authorities to the context."""
        conn.cert_reqs = "CERT_REQUIRED"
        conn.ca_certs = None
        conn.ca_cert_dir = None


class _Session(requests.Session):
    """Leaves redirects to `Client`: even where it does not follow them, requests reads the body and the target."""

    def get_redirect_target(self, _resp: requests.Response) -> str | None:
        """Return no target."""
        return None


def make_session(url: str, trust: tls.Trust, *, loopback: bool) -> requests.Session:
    """Return a session for requests to the host of `url`.

    The environment's HTTP proxies are used except for loopback; nothing else of requests' own reading of the
    environment (`.netrc`, certificate bundles) is. No cookie is kept: the key says who we are, and nothing else does.
    """
    session = _Session()
    session.trust_env = False
    session.auth = NoAuth()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    session.headers.update(
        {"User-Agent": f"litellmctl/{__version__}", "Accept": "application/json", "Accept-Encoding": "gzip, deflate"}
    )
    if not loopback:
        session.proxies.update(requests.utils.get_environ_proxies(url))
    if url.startswith("https:"):
        session.mount("https://", _Adapter(trust.context()))
    else:
        session.mount("http://", HTTPAdapter(pool_maxsize=CONNECTIONS))
    return session
