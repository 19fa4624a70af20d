"""How a run reaches the proxy of a profile: which pair of URL and credential, and clients that use it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Protocol, TypeVar

from litellmctl.errors import ConfigFailure, Failure, Unavailable
from litellmctl.foundation.times import DAY_SECONDS, age_text
from litellmctl.settings import environment

if TYPE_CHECKING:
    import requests

    from litellmctl.auth.credential import Credential, Pair
    from litellmctl.auth.login_file import Login, LoginFile
    from litellmctl.auth.login_store import LoginStore
    from litellmctl.auth.sources import Resolver
    from litellmctl.auth.stored_credential import StoredCredential
    from litellmctl.auth.vault import Secret, Vault
    from litellmctl.options import Options
    from litellmctl.proxy.client import Client
    from litellmctl.proxy.client_certificate import ClientCertificate, Shown
    from litellmctl.proxy.oauth import Grant
    from litellmctl.proxy.tls import Trust
    from litellmctl.settings.config import Profile
    from litellmctl.settings.values import Value

T = TypeVar("T")

REQUEST_SECONDS = 20.0


class Listener(Protocol):
    """Takes what a person should know; the terminal's console is one."""

    def note(self, text: str) -> None:
        """Take something that is said in passing."""

    def hint(self, text: str) -> None:
        """Take something that helps a person at a terminal, and nobody else."""

    def warn(self, text: str) -> None:
        """Take something that is not as it should be."""

    def trace(self, text: str) -> None:
        """Take a line of what -v asks for."""

    @property
    def can_prompt(self) -> bool:
        """Whether a person can answer."""


class Connection:
    """The way to the proxy of one profile.

    Heavy imports are inside, so that a command pays only for what it uses. Making one asks nothing of anybody. `warned`
    is what this run has warned of once, and `kept` what it keeps secret, in whichever connection.
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
        self._said_expiry = False
        self._kept = set() if kept is None else kept
        self._warned = set() if warned is None else warned
        self._renewing: Client | None = None
        self._ahead: float | None = None

    @cached_property
    def pair(self) -> Pair:
        """The proxy and the credential in use. Raises the failure where there are none."""
        pair = self._resolver(self._stored_pair).resolve(self.profile, base_url=self._wanted_url, auth=self._auth)
        self.require_secure(pair.base_url)
        return pair

    @property
    def pair_without_login(self) -> Pair | None:
        """The pair of this profile where no login is stored; None where there is none."""
        try:
            return self._resolver(lambda: None).resolve(self.profile)
        except Failure:
            return None

    @property
    def known_base_url(self) -> str | None:
        """Which proxy is meant, also where there is no credential for it; None where nothing names one."""
        from litellmctl.auth.sources import known_proxy

        logins, wanted = self._logins.read(), self._wanted_url
        login = logins.by_profile.get(self.profile.name)
        if login is not None and wanted is None and self._auth in {None, "stored"}:
            return login.base_url  # it goes first, also where it has expired
        return known_proxy(self.profile, wanted, logins.url(self.profile.name))

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

        return Resolver(self._listener.warn, self._google_session, stored, self._remembered_url)

    def _remembered_url(self) -> str | None:
        return self._logins.read().url(self.profile.name)

    @property
    def is_offline(self) -> bool:
        """Whether the network is forbidden."""
        return self.options.offline or environment.flag("LITELLM_OFFLINE")

    def require_online(self, what: str) -> None:
        """Refuse to touch the network where that is forbidden."""
        if self.is_offline:
            raise Unavailable(
                "offline",
                f"{what} needs the network, and it is switched off",
                remedy="leave out --offline, and unset LITELLM_OFFLINE",
            )

    def require_secure(self, base_url: str) -> None:
        """Refuse plain HTTP to another machine, unless the user permits it."""
        from litellmctl.foundation.urls import require_secure

        require_secure(
            base_url,
            allowed=self.options.allow_insecure_http
            or environment.flag("LITELLMCTL_ALLOW_INSECURE_HTTP")
            or bool(self.profile.get("allow_insecure_http")),
        )

    def vault(self, storage: str) -> Vault:
        """Return where secrets lie: the `keyring`, or the `file`."""
        from litellmctl.auth.vault import FileVault, KeyringVault

        if storage == "file":
            return FileVault(self._logins.folder)
        return KeyringVault(self._note_keyring if self._listener.can_prompt else None)

    def login_store(self) -> LoginStore:
        """Return where logins are kept and forgotten."""
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

        renewal = Renewal(
            self._renew, self._listener.warn, self._prepare_renewal, self._clock_ahead, lambda: self._ahead
        )
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

        self.require_online("renewing the token")
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
        """Ask a login's proxy by how many seconds this machine's clock is ahead; None where it does not say."""
        from litellmctl.foundation.times import clock_difference

        def ask(client: Client) -> float | None:
            answer = client.get("/health/liveliness")
            answer.close()
            return clock_difference(answer.headers.get("date"))

        return self.ask(login.base_url, None, ask)

    @property
    def request_seconds(self) -> float:
        """How long a single request may take that is not about models."""
        return self.options.timeout or REQUEST_SECONDS

    def client(self, *, more_headers: Mapping[str, Value] | None = None) -> Client:
        """Return a client for the proxy in use. The credential is looked up here, before any time is counted."""
        pair = self.pair
        self.require_online("this")
        key = pair.credential.secret()
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
        """Return a client for a proxy, with this key and these headers: by default no key, and the profile's own.

        `credential` is where the key is from: it may have a newer one, and knows what helps where it is refused.
        """
        from litellmctl.auth.credential import checked
        from litellmctl.auth.sources import forbidden_headers
        from litellmctl.foundation.urls import is_loopback
        from litellmctl.proxy.client import Client
        from litellmctl.proxy.session import BoundAuth, make_session

        self.require_online("this")
        headers = self.profile.headers_for(base_url) if headers is None else headers
        key_header = self.profile.get("key_header")
        replaced = forbidden_headers(list(headers), key_header)
        for name in replaced:
            self._listener.warn(f"the header {name} is not sent: headers never replace the key or frame a request")
        texts = {
            name: checked(value.resolve(), named=value.named) for name, value in headers.items() if name not in replaced
        }
        auth = BoundAuth(base_url, key, key_header=key_header, headers=texts, kept=self._kept)
        certificate, shown = self._certificate_for(base_url)
        session = make_session(base_url, self._trust(), loopback=is_loopback(base_url), certificate=certificate)
        if session.http_proxy is not None:
            auth.keep(*session.http_proxy.secrets)
        if certificate is not None:
            self._warn_of_exposed(certificate.key_file)
        client = Client(base_url, auth, session, self._trace_request, shown=shown)
        if credential is not None:
            auth.keep(*credential.came_with())
            auth.renew, client.refused_remedy = credential.renewed, credential.remedy
        return client

    def ask(self, base_url: str, key: str | None, work: Callable[[Client], T]) -> T:
        """Return what `work` makes of a client for a proxy with this key, within the time of a single request."""
        return self.connect(base_url, key=key).call(self.request_seconds, work)

    def note_shadowed(self) -> None:
        """Name, to a person, the variables that are set and not used: a key that loses surprises people."""
        if self.pair.shadowed:
            self._listener.hint(
                f"{' and '.join(self.pair.shadowed)} not used: {self.pair.credential.origin} goes first "
                "(--auth chooses another source)"
            )

    def note_expiry(self) -> None:
        """Say, once, that a virtual key is about to expire, since nothing renews it."""
        credential = self.pair.credential
        left = None if credential.expires_at is None else credential.expires_at - time.time()
        if credential.kind == "virtual_key" and left is not None and 0 < left < DAY_SECONDS and not self._said_expiry:
            self._said_expiry = True
            self._listener.note(f"{credential.origin} ends in {age_text(left)}: {credential.remedy}")

    def _trust(self) -> Trust:
        from litellmctl.proxy.tls import Trust

        bundle = self.profile.get("ca_bundle")
        if bundle:
            return Trust(bundle, self.profile.named("ca_bundle"))
        for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
            bundle = environment.get(name)
            if bundle:
                return Trust(bundle, name)
        return Trust()

    @property
    def certificate(self) -> ClientCertificate | None:
        """The profile's certificate for a gateway that asks for one; None where none is set."""
        file, key = self.profile.get("client_cert"), self.profile.get("client_key")
        named, key_named = self.profile.named("client_cert"), self.profile.named("client_key")
        if not file and key:
            raise ConfigFailure(
                f"{key_named} is set, but {named} is not", remedy=f"litellmctl config set {named} FILE.pem"
            )
        if not file:
            return None
        from litellmctl.proxy.client_certificate import ClientCertificate

        return ClientCertificate(file, key, named, key_named)

    def _certificate_for(self, base_url: str) -> tuple[ClientCertificate | None, Shown]:
        """Return the certificate to show a proxy, if it is the profile's own, and what its client says of it."""
        from litellmctl.foundation.urls import origin
        from litellmctl.proxy.client_certificate import NOTHING, Shown

        named = self.profile.named("client_cert")
        certificate = self.certificate
        if certificate is None or not base_url.startswith("https:"):
            return None, NOTHING._replace(remedy=NOTHING.remedy.replace("client_cert", named))
        own = self._own_urls
        if own and origin(base_url) not in map(origin, own):
            remedy = f"litellmctl config set {self.profile.named('base_url')} {base_url}, if it is for this one"
            return None, Shown(None, remedy, f"{named} is for {own[0]}")
        return certificate, Shown(certificate.file)

    @property
    def _own_urls(self) -> list[str]:
        """The proxies that the profile is about: its own, else where it is signed in, and those of the variables."""
        from litellmctl.auth.sources import urls_of_variables
        from litellmctl.settings.definitions import DEFAULT_PROFILE

        if self.profile.base_url is not None:
            return [self.profile.base_url]
        login = self._logins.login(self.profile.name)
        variables = urls_of_variables() if self.profile.name == DEFAULT_PROFILE else []
        return [*([] if login is None else [login.base_url]), *variables]

    def _warn_of_exposed(self, key_file: str) -> None:
        """Say, once, that others may read a private key."""
        from shlex import quote

        from litellmctl.proxy.client_certificate import may_be_read_by_others

        if key_file not in self._warned and may_be_read_by_others(key_file):
            self._warned.add(key_file)
            self._listener.warn(f"others may read the private key in {key_file}: chmod go-rwx {quote(key_file)}")

    def _google_session(self) -> requests.Session:
        from litellmctl.proxy.session import make_session

        self.require_online("an access token from Google")
        return make_session("https://oauth2.googleapis.com", self._trust(), loopback=False)

    def _trace_request(self, method: str, path: str, outcome: str, seconds: float) -> None:
        if self.options.verbose:
            self._listener.trace(f"{method} {path} {outcome} {seconds * 1000:.0f} ms")
