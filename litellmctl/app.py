"""What a command has at hand: options, settings, credential, client and catalogs, each made on first use."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING

from litellmctl.errors import Failure, Unavailable
from litellmctl.settings import environment

if TYPE_CHECKING:
    import requests

    from litellmctl.auth.credential import Credential, Pair
    from litellmctl.auth.login import Desk
    from litellmctl.auth.logins import Login, LoginFile
    from litellmctl.auth.stored import StoredLogin
    from litellmctl.auth.vault import Secret, Vault
    from litellmctl.console import Console
    from litellmctl.lists import Lists
    from litellmctl.proxy.client import Client
    from litellmctl.proxy.deadline import Deadline
    from litellmctl.proxy.signin import Grant
    from litellmctl.proxy.tls import Trust
    from litellmctl.settings.config import Config, Profile
    from litellmctl.settings.values import Value
    from litellmctl.skills.stores import Stores

REQUEST_SECONDS = 20.0
DAY_SECONDS = 86400.0


class Options:
    """The shared options, as given before and after the subcommand."""

    profile: str | None = None
    base_url: str | None = None
    auth: str | None = None
    output: str | None = None
    json: bool = False
    fields: tuple[str, ...] | None = None
    timeout: float | None = None
    offline: bool = False
    allow_insecure_http: bool = False
    verbose: bool = False

    @property
    def wants_json(self) -> bool:
        """Whether the data is to be JSON."""
        return self.output in {"json", "jsonl"} if self.output else self.json


class App:
    """One run of the program. Heavy imports are inside, so that a command pays only for what it uses.

    `failures` are those of a command that carried on: they are reported after its data, and the first one decides the
    exit code. `returned_fields` are the fields of the data that the command returns.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.options = Options()
        self.failures: list[Failure] = []
        self._said_the_end = False
        self.returned_fields: list[str] = []

    @cached_property
    def config(self) -> Config:
        """The config file."""
        from litellmctl.settings.config import Config

        return Config.of_user()

    @cached_property
    def profile(self) -> Profile:
        """The profile in use."""
        from litellmctl.settings.config import selected_profile

        return selected_profile(self.config, self.options.profile)

    @property
    def is_offline(self) -> bool:
        """Whether the network is forbidden."""
        return self.options.offline or environment.flag("LITELLM_OFFLINE")

    @cached_property
    def pair(self) -> Pair:
        """The proxy and the credential in use."""
        from litellmctl.auth.sources import Resolver
        from litellmctl.settings.base_url import normalize

        wanted = self.options.base_url
        pair = Resolver(self.console.warn, self._google_session, self._stored_pair).resolve(
            self.profile,
            base_url=None if wanted is None else normalize(wanted, named="--base-url"),
            auth=self.options.auth or environment.get("LITELLMCTL_AUTH"),
        )
        self.require_secure(pair.base_url, self.profile)
        return pair

    def require_secure(self, base_url: str, profile: Profile) -> None:
        """Refuse plain HTTP to another machine, unless the user permits it."""
        from litellmctl.settings.base_url import require_secure

        require_secure(
            base_url,
            allowed=self.options.allow_insecure_http
            or environment.flag("LITELLMCTL_ALLOW_INSECURE_HTTP")
            or bool(profile.get("allow_insecure_http")),
        )

    @cached_property
    def logins(self) -> LoginFile:
        """The stored logins."""
        from litellmctl.auth.logins import LoginFile
        from litellmctl.settings.paths import config_dir

        return LoginFile(config_dir())

    def vault(self, storage: str) -> Vault:
        """Return where secrets lie: the `keyring`, or the `file`."""
        from litellmctl.auth.vault import FileVault, KeyringVault

        if storage == "file":
            return FileVault(self.logins.folder)
        return KeyringVault(self._note_the_keyring if self.console.can_prompt else None)

    def _note_the_keyring(self) -> None:
        self.console.note("Waiting for the keyring, which may be asking you to unlock it ...")

    def stored_login(self, profile: Profile) -> StoredLogin | None:
        """Return the credential that `login` stored for a profile."""
        login = self.logins.login(profile.name)
        if login is None:
            return None
        from litellmctl.auth.stored import Renewal, StoredLogin

        renewal = Renewal(partial(self._renew, profile), self.console.warn)
        return StoredLogin(profile.name, login, self.logins, self.vault(login.storage), renewal)

    def desk(self, base_url: str, profile: Profile) -> Desk:
        """Return where this profile signs in to and out of a proxy."""
        from litellmctl.auth.login import Desk
        from litellmctl.proxy.deadline import Deadline

        def connect(key: str | None) -> Client:
            return self.connect(base_url, profile, Deadline(None), key=key)

        return Desk(self.console, self.logins, self.vault, connect, seconds=self.request_seconds)

    @property
    def request_seconds(self) -> float:
        """How long a single request may take that is not about models."""
        return self.options.timeout or REQUEST_SECONDS

    def use(self, profile: Profile) -> None:
        """Go on with the stored login of this profile."""
        # It goes first by itself; insisting on it would hide which variables lose.
        self.options.base_url, self.options.auth = None, "stored" if environment.get("LITELLMCTL_AUTH") else None
        self.__dict__.update(profile=profile)
        for name in ("pair", "lists"):
            self.__dict__.pop(name, None)

    def pair_without_login(self, profile: Profile) -> Pair | None:
        """Return what signs this profile in where no login is stored."""
        from litellmctl.auth.sources import Resolver

        try:
            return Resolver(self.console.warn, self._google_session).resolve(profile)
        except Failure:
            return None

    def _stored_pair(self, profile: Profile) -> Pair | None:
        credential = self.stored_login(profile)
        if credential is None:
            return None
        from litellmctl.auth.credential import Pair

        base_url = credential.login.base_url
        return Pair(base_url, credential, profile.headers_for(base_url), profile.get("key_header"))

    def _renew(self, profile: Profile, login: Login, secret: Secret) -> Grant:
        """Exchange a login's refresh token at its proxy."""
        from litellmctl.auth.logins import login_command
        from litellmctl.proxy import pkce
        from litellmctl.proxy.deadline import Deadline

        self.require_online("renewing the token")
        client = self.connect(login.base_url, profile, Deadline(self.request_seconds))
        client.refused_remedy = login_command(profile.name, login)
        session, token = login.session, secret.refresh_token
        assert session is not None
        assert token is not None
        return client.deadline.run(lambda: pkce.refresh(client, session, token))

    def name_shadowed(self) -> None:
        """Tell a person, once, which variables are set and not used: a key that loses surprises people."""
        if self.pair.shadowed and self.console.stderr_is_terminal:
            self.console.note(
                f"{' and '.join(self.pair.shadowed)} not used: {self.pair.credential.origin} goes first "
                "(--auth chooses another source)"
            )

    def require_online(self, what: str) -> None:
        """Refuse to touch the network where that is forbidden."""
        if self.is_offline:
            raise Unavailable(
                "offline",
                f"{what} needs the network, and it is switched off",
                remedy="leave out --offline, and unset LITELLM_OFFLINE",
            )

    def client(self, deadline: Deadline, *, more_headers: Mapping[str, Value] | None = None) -> Client:
        """Return a client for the proxy in use. The credential is looked up here, before any time is counted."""
        pair = self.pair
        self.require_online("this")
        with deadline.paused():
            key = pair.credential.secret()
        self.note_the_end(pair.credential)
        headers = {**pair.headers, **(more_headers or {})}
        return self.connect(pair.base_url, self.profile, deadline, key=key, headers=headers, credential=pair.credential)

    def connect(
        self,
        base_url: str,
        profile: Profile,
        deadline: Deadline,
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
        from litellmctl.proxy.client import Client
        from litellmctl.proxy.session import BoundAuth, make_session
        from litellmctl.settings.base_url import is_loopback

        self.require_online("this")
        headers = profile.headers_for(base_url) if headers is None else headers
        key_header = profile.get("key_header")
        replaced = forbidden_headers(list(headers), key_header)
        for name in replaced:
            self.console.warn(f"the header {name} is not sent: headers never replace the key or frame a request")
        texts = {
            name: checked(value.resolve(), named=value.named) for name, value in headers.items() if name not in replaced
        }
        auth = BoundAuth(base_url, key, key_header=key_header, headers=texts)
        session = make_session(base_url, self._trust(profile), loopback=is_loopback(base_url))
        client = Client(base_url, auth, session, deadline, self._trace_request)
        if credential is not None:
            auth.renew, client.refused_remedy = credential.renewed, credential.remedy
        return client

    def note_the_end(self, credential: Credential) -> None:
        """Say that a virtual key is about to end, since nothing renews it."""
        left = None if credential.expires_at is None else credential.expires_at - time.time()
        if credential.kind == "virtual_key" and left is not None and 0 < left < DAY_SECONDS and not self._said_the_end:
            self._said_the_end = True
            self.console.note(f"{credential.origin} ends in {age_text(left)}: {credential.remedy}")

    @staticmethod
    def _trust(profile: Profile) -> Trust:
        from litellmctl.proxy.tls import Trust

        bundle = profile.get("ca_bundle")
        if bundle:
            return Trust(bundle, profile.named("ca_bundle"))
        for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
            bundle = environment.get(name)
            if bundle:
                return Trust(bundle, name)
        return Trust()

    def _google_session(self) -> requests.Session:
        from litellmctl.proxy.session import make_session

        self.require_online("an access token from Google")
        return make_session("https://oauth2.googleapis.com", self._trust(self.profile), loopback=False)

    def _trace_request(self, method: str, path: str, outcome: str, seconds: float) -> None:
        if self.options.verbose:
            self.console.trace(f"{method} {path} {outcome} {seconds * 1000:.0f} ms")

    @cached_property
    def lists(self) -> Lists:
        """The models and the MCP tools."""
        from litellmctl.lists import Lists

        return Lists(self)

    def skills(self, seconds: float | None = None) -> Stores:
        """Return the proxy's stores of skills; a request takes at most `seconds`, where --timeout does not say."""
        from litellmctl.errors import ConfigFailure
        from litellmctl.proxy.deadline import Deadline
        from litellmctl.skills.stores import UPLOAD_SECONDS, Stores

        if not self.profile.get("skills"):
            named = self.profile.named("skills")
            raise ConfigFailure(f"skills are switched off: {named} is false", remedy=f"litellmctl config unset {named}")
        limit = self.options.timeout or seconds or REQUEST_SECONDS
        longest = self.options.timeout or UPLOAD_SECONDS
        return Stores(lambda: self.client(Deadline(None)), self.lists.skill_cache, self.console.warn, limit, longest)


def age_text(seconds: float) -> str:
    """Return an age for a person: 40 seconds, 3 minutes, 5 hours, 2 days."""
    for size, name in ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {name}{'' if count == 1 else 's'}"
    return "0 seconds"


def timestamp(seconds: float) -> str:
    """Return seconds since 1970 as RFC 3339 in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
