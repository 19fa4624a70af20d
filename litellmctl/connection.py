"""How a run reaches the proxy of a profile: which pair of URL and credential, and clients that use it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Protocol, TypeVar

from litellmctl.errors import Failure, Unavailable
from litellmctl.foundation.times import DAY_SECONDS, age_text
from litellmctl.settings import environment

if TYPE_CHECKING:
    import requests

    from litellmctl.auth.credential import Credential, Pair
    from litellmctl.auth.ignored_variables import Ignored
    from litellmctl.auth.login_file import Login, LoginFile
    from litellmctl.auth.login_store import LoginStore
    from litellmctl.auth.sources import KnownProxy, Resolver
    from litellmctl.auth.stored_credential import StoredCredential
    from litellmctl.auth.vault import Secret, Vault
    from litellmctl.options import Options
    from litellmctl.proxy.client import Client
    from litellmctl.proxy.client_certificate import ClientCertificate, Shown
    from litellmctl.proxy.oauth import Grant
    from litellmctl.proxy.route import Route
    from litellmctl.settings.config import Profile
    from litellmctl.settings.values import Value

T = TypeVar("T")

REQUEST_SECONDS = 20.0
# Stands for the ignored variables among what was said already.
_NAMED = "ignored variables"


class Listener(Protocol):
    """Receives messages for the user, such as the terminal's console."""

    def note(self, text: str) -> None:
        """Receive a note."""

    def warn(self, text: str) -> None:
        """Receive a warning."""

    def trace(self, text: str) -> None:
        """Receive a line that -v prints."""

    @property
    def can_prompt(self) -> bool:
        """Whether a person can answer."""

    @property
    def stderr_is_terminal(self) -> bool:
        """Whether a person reads the messages."""


class Connection:
    """The way to the proxy of one profile.

    Heavy imports are inside, so that a command pays only for what it uses. Making one sends no request. `warned` holds
    what this run has said already, and `kept` its secrets, for all connections of the run. `names_ignored` and
    `names_expiry` are false for a command that says itself which variables are ignored, and when the login expires.
    """

    def __init__(
        self,
        profile: Profile,
        options: Options,
        logins: LoginFile,
        listener: Listener,
        *,
        warned: set[str] | None = None,
        kept: set[str] | None = None,
    ) -> None:
        self.profile = profile
        self.options = options
        self._logins = logins
        self._listener = listener
        self.names_ignored = True
        self.names_expiry = True
        self._kept = set() if kept is None else kept
        self._warned = set() if warned is None else warned
        self._unusable: frozenset[str] = frozenset()
        self._renewing: Client | None = None
        self._ahead: float | None = None

    @cached_property
    def pair(self) -> Pair:
        """The proxy and the credential in use. Raises a failure if there are none."""
        resolver = self._resolver(self._stored_pair)
        pair = resolver.resolve(self.profile, base_url=self._wanted_url, auth=self._auth)
        self._unusable = frozenset(resolver.unusable)
        self.require_secure(pair.base_url)
        return pair

    @property
    def pair_without_login(self) -> Pair | None:
        """The pair that this profile has without its stored login; None if there is none."""
        try:
            return self._resolver(lambda: None).resolve(self.profile)
        except Failure:
            return None

    @property
    def known_proxy(self) -> KnownProxy | None:
        """Which proxy is meant and where its URL is from, also without a credential for it; None if there is no URL."""
        from litellmctl.auth.sources import KnownProxy, known_proxy

        logins, wanted = self._logins.read(), self._wanted_url
        login = logins.by_profile.get(self.profile.name)
        if login is not None and wanted is None and self._auth in {None, "stored"}:
            return KnownProxy(login.base_url, "stored login")  # it comes first, also after it has expired
        return known_proxy(self.profile, wanted, logins.url(self.profile.name))

    @property
    def known_base_url(self) -> str | None:
        """The URL of the known proxy; None if there is none."""
        known = self.known_proxy
        return None if known is None else known.base_url

    @property
    def _wanted_url(self) -> str | None:
        from litellmctl.foundation.urls import normalize

        wanted = self.options.base_url
        return None if wanted is None else normalize(wanted, named="--base-url")

    @property
    def _auth(self) -> str | None:
        return self.options.auth or environment.get("LITELLMCTL_AUTH")

    def _resolver(self, stored: Callable[[], Pair | None]) -> Resolver:
        from litellmctl.auth.sources import Resolver

        return Resolver(self._warn_once, self._google_session, stored, self._remembered_url)

    def _remembered_url(self) -> str | None:
        return self._logins.read().url(self.profile.name)

    @property
    def is_offline(self) -> bool:
        """Whether the network must not be used."""
        return self.options.offline or environment.flag("LITELLM_OFFLINE")

    @property
    def offline_reason(self) -> str:
        """What switches the network off, in words: `--offline is set`, or the variable."""
        return f"{'--offline' if self.options.offline else 'LITELLM_OFFLINE'} is set"

    @property
    def online_remedy(self) -> str:
        """How to use the network again."""
        ways = ["run it without --offline"] if self.options.offline else []
        return ", and ".join([*ways, *(["unset LITELLM_OFFLINE"] if environment.flag("LITELLM_OFFLINE") else [])])

    def require_online(self, what: str) -> None:
        """Refuse to use the network where the user switched it off. `what` needs it: `this`, or a noun phrase."""
        if self.is_offline:
            raise Unavailable(
                "offline", f"{what} needs the network, but {self.offline_reason}", remedy=self.online_remedy
            )

    def require_secure(self, base_url: str) -> None:
        """Refuse plain HTTP to another machine, unless the user allows it."""
        from litellmctl.foundation.urls import require_secure

        require_secure(
            base_url,
            allowed=self.options.allow_insecure_http
            or environment.flag("LITELLMCTL_ALLOW_INSECURE_HTTP")
            or bool(self.profile.get("allow_insecure_http")),
        )

    def vault(self, storage: str) -> Vault:
        """Return the store of secrets: the `keyring`, or the `file`."""
        from litellmctl.auth.vault import FileVault, KeyringVault

        if storage == "file":
            return FileVault(self._logins.folder)
        return KeyringVault(self._note_keyring if self._listener.can_prompt else None)

    def login_store(self) -> LoginStore:
        """Return the store of logins."""
        from litellmctl.auth.login_store import LoginStore

        return LoginStore(self._logins, self.vault, self._listener.note)

    def _note_keyring(self) -> None:
        self._listener.note("Waiting for the keyring, which may be asking you to unlock it ...")

    def stored_credential(self) -> StoredCredential | None:
        """Return the credential that `login` stored for the profile."""
        login = self._logins.login(self.profile.name)
        if login is None:
            return None
        from litellmctl.auth.stored_credential import Renewal, StoredCredential

        renewal = Renewal(self._renew, self._warn_once, self._prepare_renewal, self._clock_ahead, lambda: self._ahead)
        return StoredCredential(self.profile.name, login, self._logins, self.vault(login.storage), renewal)

    def _stored_pair(self) -> Pair | None:
        credential = self.stored_credential()
        if credential is None:
            return None
        from litellmctl.auth.credential import Pair

        base_url = credential.login.base_url
        return Pair(base_url, credential, self.profile.headers_for(base_url), self.profile.get("key_header"))

    def _prepare_renewal(self, login: Login) -> None:
        """Make the client for `_renew`, which takes a moment."""
        from litellmctl.auth.login_file import login_command
        from litellmctl.foundation.times import clock_difference

        def look(response: requests.Response, **_: object) -> None:
            self._ahead = clock_difference(response.headers.get("date"))

        self.require_online("refreshing the token")
        self._renewing = client = self.connect(login.base_url)
        client.refused_remedy = login_command(self.profile.name, login)
        client.session.hooks["response"].append(look)

    def _renew(self, login: Login, secret: Secret) -> Grant:
        """Exchange a login's refresh token at its proxy."""
        from litellmctl.proxy import pkce

        client, session, token = self._renewing, login.session, secret.refresh_token
        assert client is not None
        assert session is not None
        assert token is not None
        return client.call(self.request_seconds, lambda client: pkce.refresh(client, session, token))

    def _clock_ahead(self, login: Login) -> float | None:
        """Ask a login's proxy by how many seconds this machine's clock is ahead; None if it does not say."""
        from litellmctl.foundation.times import clock_difference

        def ask(client: Client) -> float | None:
            answer = client.get("/health/liveliness")
            answer.close()
            return clock_difference(answer.headers.get("date"))

        return self.ask(login.base_url, None, ask)

    @property
    def request_seconds(self) -> float:
        """The time limit of a single request, but for models, in seconds."""
        return self.options.timeout or REQUEST_SECONDS

    def client(self, *, more_headers: Mapping[str, Value] | None = None) -> Client:
        """Return a client for the proxy in use. The credential is looked up first, outside of every time limit."""
        pair = self.pair
        self.require_online("this")
        try:
            key = pair.credential.secret()
        finally:  # a login that has expired, say: the variables may be what the user meant
            self.note_shadowed()
        self.note_expiry()
        headers = {**pair.headers, **(more_headers or {})}
        return self.connect(pair.base_url, key=key, headers=headers, credential=pair.credential)

    def connect(
        self,
        base_url: str,
        *,
        key: str | None = None,
        headers: Mapping[str, Value] | None = None,
        credential: Credential | None = None,
    ) -> Client:
        """Return a client for a proxy, with this key and these headers; by default without a key, and with the
        profile's headers.

        `credential` is where the key is from: it may have a newer one, and has the remedy for a refused key.
        """
        from litellmctl.proxy.client import Client
        from litellmctl.proxy.session import BoundAuth, session_on

        self.require_online("this")
        headers = self.profile.headers_for(base_url) if headers is None else headers
        key_header = self.profile.get("key_header")
        texts = self.texts(headers, key_header)
        auth = BoundAuth(base_url, key, key_header=key_header, headers=texts, kept=self._kept)
        route, shown = self.route(base_url)
        if route.http_proxy is not None:
            auth.keep(*route.http_proxy.secrets)
        client = Client(base_url, auth, session_on(route), self._trace_request, shown=shown)
        if credential is not None:
            auth.keep(*credential.came_with())
            auth.renew, client.refused_remedy = credential.renewed, credential.remedy
        return client

    def texts(self, headers: Mapping[str, Value], key_header: str) -> dict[str, str]:
        """Return headers as they are sent; those that litellmctl sets itself are dropped with a warning."""
        from litellmctl.auth.credential import checked
        from litellmctl.auth.sources import forbidden_headers

        replaced = forbidden_headers(list(headers), key_header)
        for name in replaced:
            self._warn_once(f"the header {name} is ignored: litellmctl sets it itself")
        return {
            name: checked(value.resolve(), named=value.named) for name, value in headers.items() if name not in replaced
        }

    def route(self, base_url: str) -> tuple[Route, Shown]:
        """Return the route to a proxy, and the client certificate that it is shown there."""
        from litellmctl.auth.tls_settings import shown_to, trust
        from litellmctl.foundation.urls import is_loopback
        from litellmctl.proxy.route import Route

        login = self._logins.login(self.profile.name) if self.profile.get("client_cert") else None
        certificate, shown = shown_to(self.profile, base_url, None if login is None else login.base_url)
        if certificate is not None:
            self._warn_of_exposed(certificate.key_file)
        return Route.to(base_url, trust(self.profile), loopback=is_loopback(base_url), certificate=certificate), shown

    def ask(self, base_url: str, key: str | None, work: Callable[[Client], T]) -> T:
        """Return what `work` makes of a client for a proxy with this key, within the time of a single request."""
        return self.connect(base_url, key=key).call(self.request_seconds, work)

    def ignored(self) -> Ignored | None:
        """Return the variables that are set for a proxy and lose against the pair in use; None if there are none.

        --auth and LITELLMCTL_AUTH choose a pair outright, so that nothing loses without the user's knowledge.
        """
        if self._auth is not None:
            return None
        from litellmctl.auth import ignored_variables
        from litellmctl.auth.sources import Resolver

        def resolve(auth: str) -> Pair:
            other = Resolver(lambda _: None, self._google_session)
            return other.resolve(self.profile, base_url=self._wanted_url, auth=auth)

        pair = self.pair
        return ignored_variables.ignored(pair, self.profile.name, self._wanted_url, self._unusable, resolve)

    def note_shadowed(self) -> None:
        """Name, once and on a terminal, the variables that are ignored."""
        if self.names_ignored and self._listener.stderr_is_terminal and _NAMED not in self._warned:
            self._warned.add(_NAMED)
            ignored = self.ignored()
            if ignored is not None:
                self._listener.warn(ignored.sentence)

    def note_expiry(self) -> None:
        """Say, once, that a virtual key is about to expire, since nothing renews it."""
        credential = self.pair.credential
        left = None if credential.expires_at is None else credential.expires_at - time.time()
        if credential.kind != "virtual_key" or credential.origin in self._warned or not self.names_expiry:
            return
        if left is not None and 0 < left < DAY_SECONDS:
            self._warned.add(credential.origin)
            self._listener.note(f"{credential.origin} expires in {age_text(left)}: {credential.remedy}")

    def _warn_once(self, text: str) -> None:
        if text not in self._warned:
            self._warned.add(text)
            self._listener.warn(text)

    @property
    def certificate(self) -> ClientCertificate | None:
        """The profile's client certificate; None if none is set."""
        from litellmctl.auth.tls_settings import client_certificate

        return client_certificate(self.profile)

    def _warn_of_exposed(self, key_file: str) -> None:
        from shlex import quote

        from litellmctl.proxy.client_certificate import may_be_read_by_others

        if may_be_read_by_others(key_file):
            self._warn_once(f"others can read the private key in {key_file}: chmod go-rwx {quote(key_file)}")

    def _google_session(self) -> requests.Session:
        from litellmctl.auth.tls_settings import trust
        from litellmctl.proxy.session import make_session

        self.require_online("an access token from Google")
        return make_session("https://oauth2.googleapis.com", trust(self.profile), loopback=False)

    def _trace_request(self, method: str, path: str, outcome: str, seconds: float) -> None:
        if self.options.verbose:
            self._listener.trace(f"{method} {path} {outcome} {seconds * 1000:.0f} ms")
