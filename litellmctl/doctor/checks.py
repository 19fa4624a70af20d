"""The checks of the configuration, the network, the proxy, and this machine."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import time
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from litellmctl.doctor.runner import OK, SKIP, WARN, Check, Finding
from litellmctl.errors import AuthFailure, ConfigFailure, Failure, Rejected, Unavailable
from litellmctl.foundation import files
from litellmctl.foundation.sentences import listed
from litellmctl.foundation.text import counted
from litellmctl.foundation.times import age_text, timestamp
from litellmctl.settings import environment

if TYPE_CHECKING:
    from litellmctl.app import App
    from litellmctl.auth.credential import Pair
    from litellmctl.proxy.client import Client
    from litellmctl.proxy.http_proxy import HttpProxy

SECONDS = 10.0
_SKEW_WARN, _SKEW_FAIL = 60.0, 300.0
_CREDENTIALS = "litellmctl mcp credentials"
_EXPIRES_SOON = 14 * 86400.0


class Checks:
    """The checks of a user's installation and its proxy."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._seconds = app.options.timeout or SECONDS
        self._date: tuple[str | None, float] = None, 0.0
        self._trouble: Failure | None = None
        self._is_limited = False

    def in_order(self) -> list[Check]:
        """Return the checks, each after those that may explain its failure."""
        way = ["configuration"]
        return [
            Check("configuration", [], self._configuration),
            Check("name_resolution", way, self._name_resolution),
            Check("tls", [*way, "name_resolution"], self._tls),
            Check("proxy", [*way, "name_resolution", "tls"], self._proxy),
            Check("clock", ["proxy"], self._clock),
            Check("credential", ["proxy"], self._credential),
            Check("discovery", ["credential"], self._discovery),
            Check("mcp", ["credential"], self._mcp),
            Check("mcp_credentials", ["credential"], self._mcp_credentials),
            Check("skills", ["credential"], self._skills),
            Check("sign_in", ["proxy"], self._sign_in),
            Check("keyring", [], self._keyring),
            Check("files", [], self._files),
            Check("caches", way, self._caches),
            Check("variables", way, self._variables),
            Check("program", [], self._program),
        ]

    @cached_property
    def _pair(self) -> Pair | None:
        """The proxy and its credential; None without a credential, which a later check reports."""
        self._app.connection.names_ignored = False  # a check does
        try:
            return self._app.connection.pair
        except AuthFailure as failure:
            self._trouble = failure
            return None

    @cached_property
    def base_url(self) -> str | None:
        """The URL of the proxy, also without a credential for it; None if there is none."""
        if self._pair is not None:
            return self._pair.base_url
        url = self._app.connection.known_base_url
        if url is not None:
            self._app.connection.require_secure(url)
        return url

    @property
    def _url(self) -> str:
        assert self.base_url is not None
        return self.base_url

    def _client(self, *, with_key: bool = True) -> Client:
        if with_key:
            return self._app.connection.client()
        headers = None if self._pair is None else self._pair.headers
        return self._app.connection.connect(self._url, headers=headers)

    def _configuration(self) -> Finding:
        app = self._app
        profile = app.profile
        if self.base_url is None:
            raise self._trouble or ConfigFailure("no proxy configured", remedy="litellmctl login")
        certificate = app.connection.certificate
        if certificate is not None:
            certificate.expires_at()  # raises for one that cannot be used, which explains all later failures
        where = app.config.path if app.config.table else "no config file"
        return Finding(OK, f"profile {profile.name} at {self._url} ({where})")

    def _name_resolution(self) -> Finding:
        if self._app.connection.is_offline:
            return Finding(SKIP, self._app.connection.offline_reason)
        http_proxy = self._http_proxy()
        if http_proxy is not None:
            return Finding(OK, f"done by the HTTP proxy {http_proxy.host}")
        host = urlsplit(self._url).hostname or ""
        if _is_address(host):
            return Finding(OK, f"{host} is an IP address")
        from litellmctl.foundation.deadline import Deadline

        try:
            found = Deadline(self._seconds).run(lambda: socket.getaddrinfo(host, None, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError):
            raise Unavailable(
                "unreachable",
                f'cannot resolve "{host}"',
                remedy="check the base URL (litellmctl config get base_url) and the network",
            ) from None
        addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
        return Finding(OK, f"{host} resolves to {', '.join(addresses[:4])}")

    def _tls(self) -> Finding:
        parts = urlsplit(self._url)
        if parts.scheme != "https":
            return Finding(OK, "not used (plain HTTP)")
        if self._http_proxy():
            return Finding(OK, "checked through the HTTP proxy")
        from litellmctl.proxy import tls

        shown = tls.certificate(parts.hostname or "", parts.port or 443, self._seconds)
        end = None if shown is None else shown.expires_at
        left = None if end is None else end - time.time()
        until = "" if end is None else f", expires {timestamp(end)}"
        unread = "no certificate (see the check of the proxy)"
        certificate = self._app.connection.certificate
        if certificate is not None:  # without which a server of TLS 1.2 ends the handshake
            unread = "the proxy's certificate was not read"
        detail = f'issued by "{shown.issuer}"{until}' if shown else unread
        if left is not None and left < 0:
            raise Unavailable(
                "tls",
                f"the certificate of {parts.hostname} has expired: {detail}",
                remedy="ask the proxy's administrator to renew the certificate",
            )
        try:
            client = self._client(with_key=False)
            client.call(self._seconds, lambda client: client.get("/health/liveliness").close())
        except Unavailable as failure:
            if failure.code == "tls":
                raise
        if left is not None and left < _EXPIRES_SOON:
            return Finding(
                WARN, f"{detail}, which is soon", f"ask the administrator of {parts.hostname} to renew the certificate"
            )
        end = None if certificate is None else certificate.expires_at()
        if end is not None and end - time.time() < _EXPIRES_SOON:
            words = f"{detail}; the client certificate expires {timestamp(end)}, which is soon"
            return Finding(WARN, words, "ask for a new client certificate")
        return Finding(OK, detail if certificate is None else f"{detail}; a client certificate is set")

    def _proxy(self) -> Finding:
        from litellmctl.proxy import account

        def ask(client: Client) -> str | None:
            path = "/health/liveliness"
            answer = client.get(path)
            self._date = answer.headers.get("date"), time.time()
            if answer.status != 200:
                raise client.failure(answer, path)
            answer.json(f"{client.base_url}{path}")
            return account.version(client)

        version = self._client(with_key=False).call(self._seconds, ask)
        return Finding(OK, f"{self._url} runs LiteLLM {version or '(version unknown)'}")

    def _clock(self) -> Finding:
        from litellmctl.foundation.times import clock_difference

        date, seen_at = self._date
        ahead = clock_difference(date)
        if ahead is None:
            return Finding(SKIP, "the proxy does not send its time")
        ahead -= time.time() - seen_at
        words = f"this machine's clock is {age_text(abs(ahead))} {'ahead of' if ahead > 0 else 'behind'} the proxy's"
        if abs(ahead) >= _SKEW_WARN:
            remedy = "sudo timedatectl set-ntp true" if sys.platform == "linux" else "set this machine's clock"
            failure = Failure("config", words, remedy=remedy)
            return Finding.of(failure) if abs(ahead) >= _SKEW_FAIL else Finding(WARN, words, remedy)
        return Finding(OK, words if abs(ahead) >= 5 else "this machine and the proxy agree")

    def _credential(self) -> Finding:
        from litellmctl.proxy import account

        pair = self._pair
        if pair is None:
            raise self._trouble or AuthFailure("auth_required", "no credential", remedy="litellmctl login")
        client = self._client()
        verified = client.call(self._seconds, account.verify)
        end = pair.credential.expires_at
        until = "" if end is None else f", expires {timestamp(end)}"
        detail = f"{pair.credential.origin} is accepted{until}"
        if verified.warning:
            return Finding(WARN, f"{detail}: {verified.warning}", "litellmctl whoami")
        self._is_limited = verified.routes is not None
        return Finding(OK, f"{detail}, for some routes only: {listed(verified.routes)}" if verified.routes else detail)

    def _discovery(self) -> Finding:
        from litellmctl.catalog.reduction import Reducer
        from litellmctl.proxy.discovery import discover

        if self._app.catalogs.discovery_seconds == 0:
            return Finding(SKIP, "disabled (LITELLM_DISCOVERY_TIMEOUT_MS=0)")
        if self._is_limited:
            return Finding(SKIP, "this key is not allowed to list models")
        steps: list[str] = []
        reducer = Reducer()
        limit = self._app.options.timeout or max(SECONDS, self._app.catalogs.discovery_seconds)
        source = self._client().call(limit, lambda client: discover(client, reducer, steps.append))
        count = len(list(reducer.models(source)))
        detail = f"{counted(count, 'model')} from {source}"
        if skipped := reducer.reasons:
            # The names are the proxy's: behind a colon, where a report omits them.
            more = " (all: litellmctl models --all)" if len(skipped) > 1 else ""
            detail += f", {len(skipped)} skipped: {skipped[0].removeprefix('skipped ')}{more}"
        if source == "model_info":
            return Finding(OK, detail)
        return Finding(
            WARN,
            f"{detail}, with fewer facts: {steps[0]}",
            "ask the proxy's administrator for a key of the default type",
        )

    def _mcp(self) -> Finding:
        from litellmctl.proxy import mcp
        from litellmctl.server_credentials.wanted import missing
        from litellmctl.tools.tool import KEY, SIGN_IN, read_offer

        if not self._app.catalogs.uses_mcp:
            return Finding(SKIP, f"disabled ({self._app.profile.named('mcp')} is false)")
        try:
            client = self._app.catalogs.mcp_client()
            limit = self._app.options.timeout or 3 * SECONDS
            answer, servers = client.call(limit, lambda client: (mcp.tools(client), mcp.servers(client)))
        except Rejected:
            return Finding(SKIP, "this proxy has no MCP tools")
        except AuthFailure as refusal:
            return _not_allowed("use MCP", refusal)
        offer = read_offer(answer, servers)
        # What the user has to set is another check's.
        own = {KEY, SIGN_IN}
        down = [f"{one.name} ({one.status})" for one in offer.servers if not one.is_ok and missing(one) not in own]
        if down:
            return Finding(WARN, f"unavailable servers: {listed(down)}", "litellmctl mcp servers")
        return Finding(OK, f"{counted(len(offer.tools), 'tool')} on {counted(len(offer.servers), 'server')}")

    def _mcp_credentials(self) -> Finding:
        from litellmctl.proxy.mcp_credentials import keeps_none
        from litellmctl.server_credentials.credentials import SET, ServerCredentials

        if not self._app.catalogs.uses_mcp:
            return Finding(SKIP, f"disabled ({self._app.profile.named('mcp')} is false)")
        try:
            found = ServerCredentials(self._client, self._seconds).all()
        except Failure as failure:
            if keeps_none(failure):
                return Finding(SKIP, failure.message)
            if failure.code == "forbidden":
                return _not_allowed("keep credentials for MCP servers", failure)
            return Finding(WARN, failure.message, failure.remedy)
        unset = [one for one in found if one.status not in {SET, None}]
        if unset:
            names = listed([f"{one.server} ({one.wants} {one.status})" for one in unset])
            return Finding(WARN, f"not set: {names}", unset[0].remedy if len(unset) == 1 else _CREDENTIALS)
        known = counted(sum(one.status == SET for one in found), "credential")
        return Finding(OK, f"{known} set" if found else "no MCP server needs a credential of your own")

    def _skills(self) -> Finding:
        from litellmctl.proxy.skills import is_missing
        from litellmctl.skills.skill import STORE_NAMES, STORES

        if not self._app.profile.get("skills"):
            return Finding(SKIP, f"disabled ({self._app.profile.named('skills')} is false)")
        try:
            found = self._app.catalogs.skills(self._seconds).listed()
        except Failure as failure:
            if is_missing(failure):
                return Finding(SKIP, "this proxy has no skills, which need LiteLLM 1.80 or newer")
            if failure.code == "forbidden":
                return _not_allowed("list skills", failure)
            return Finding(WARN, failure.message, failure.remedy)
        there = [store for store in STORES if store not in found.problems]
        for store, problem in found.problems.items():
            if not is_missing(problem):
                return Finding(WARN, f"{STORE_NAMES[store]}: {problem.message}", problem.remedy)
        counts = [f"{sum(one.store == store for one in found.skills)} in {STORE_NAMES[store]}" for store in there]
        return Finding(OK, " and ".join(counts))

    def _sign_in(self) -> Finding:
        from litellmctl.proxy import account, device, pkce
        from litellmctl.proxy.oauth import NotOffered

        client = self._client(with_key=False)
        try:
            single = client.call(self._seconds, account.has_single_sign_on)
            if single is False:
                return Finding(OK, "API keys only, no single sign-on")
            has_pkce = not isinstance(client.call(self._seconds, pkce.discover), NotOffered)
            has_device = client.call(self._seconds, device.is_offered)
        except Failure as failure:
            return Finding(WARN, failure.message, failure.remedy)
        ways = [name for name, there in (("PKCE", has_pkce), ("device code", has_device)) if there]
        by = ", ".join(ways) or "pasted token"
        unsure = "" if single else ", if it is configured, which the proxy does not say"
        return Finding(OK, f"single sign-on ({by}){unsure}")

    def _keyring(self) -> Finding:
        from litellmctl.auth.vault import KeyringVault, NoKeyring, Refused

        stored = [name for name, login in self._app.logins.read().by_profile.items() if login.storage == "keyring"]
        outcome = KeyringVault().probe()
        if isinstance(outcome, Refused | NoKeyring):
            if stored:
                raise Failure(
                    "keyring",
                    f"cannot use the keyring, which has the login of profile {stored[0]}: {outcome.reason}",
                    remedy=f"unlock the keyring, or litellmctl login --profile {stored[0]} --storage file",
                )
            return Finding(OK, f"not used, logins are kept in a private file ({outcome.reason})")
        return Finding(OK, outcome.where)

    def _files(self) -> Finding:
        from litellmctl.doctor.our_files import exposure, holds_secret, key_files
        from litellmctl.settings import paths

        is_secret, keys = False, list[str]()
        with suppress(Failure):
            is_secret = holds_secret(self._app.config)
            keys = key_files(self._app.config)
        return exposure(paths.config_dir(), paths.cache_dir(), config_is_secret=is_secret, keys=keys)

    def _caches(self) -> Finding:
        from litellmctl.settings.paths import cache_dir

        named = cache_dir()
        if named is None:
            return Finding(WARN, "not used, without a home folder", 'export LITELLMCTL_CACHE_DIR="$(mktemp -d)"')
        folder = Path(named)
        # Not Path.exists(), which raises an error for a folder that may not be entered.
        there = next((path for path in (folder, *folder.parents) if os.path.exists(path)), folder)
        if not os.path.isdir(there) or not os.access(there, os.W_OK):
            return Finding(WARN, f"{there} is not writable", 'export LITELLMCTL_CACHE_DIR="$(mktemp -d)"')
        if self._pair is None:
            return Finding(OK, f"{folder}: empty for this profile")
        lists = self._app.catalogs
        models, tools = lists.model_cache.read(), lists.tool_cache.read() if lists.uses_mcp else None
        ages = [f"{what} {age_text(found.age)} old" for what, found in (("models", models), ("tools", tools)) if found]
        return Finding(OK, f"{folder}: {', '.join(ages) or 'empty'}")

    def _variables(self) -> Finding:
        if environment.flag("LITELLM_OFFLINE"):
            return Finding(WARN, "LITELLM_OFFLINE is set, so nothing is refreshed", "unset LITELLM_OFFLINE")
        ignored = self._app.connection.ignored() if self._pair else None
        if ignored is not None:
            return Finding(WARN, ignored.reason, f"unset {' '.join(ignored.names)}")
        return Finding(OK, "no ignored variables")

    def _program(self) -> Finding:
        from litellmctl import __version__
        from litellmctl.own_command import executable

        ours = executable()
        first = shutil.which("litellmctl")
        detail = f"litellmctl {__version__}, Python {sys.version.split()[0]}"
        if ours is None or first is None or _same(first, ours):
            return Finding(OK, detail)
        folder = os.path.dirname(ours)
        return Finding(WARN, f"{detail} at {ours}, but PATH finds {first} first", f'export PATH="{folder}:$PATH"')

    def _http_proxy(self) -> HttpProxy | None:
        from litellmctl.foundation.urls import is_loopback
        from litellmctl.proxy import http_proxy

        return None if is_loopback(self._url) else http_proxy.of_url(self._url)


def _not_allowed(what: str, refusal: Failure) -> Finding:
    """Return the finding for what the key may not do, with the proxy's reason, if that is more than its routes."""
    from litellmctl.proxy.account import routes_in

    reason = "" if refusal.words is None or routes_in(refusal.words) is not None else f": {refusal.words}"
    return Finding(SKIP, f"this key is not allowed to {what}{reason}")


def _is_address(host: str) -> bool:
    from ipaddress import ip_address

    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _same(one: str, other: str) -> bool:
    """Whether two paths are one program: the same file, or two that run the same interpreter's litellmctl."""
    try:
        if os.path.samefile(one, other):
            return True
        # It may be a pipe, in a folder of another user.
        return files.read(os.path.realpath(one), foreign=True) == files.read(os.path.realpath(other), foreign=True)
    except OSError:
        return False
