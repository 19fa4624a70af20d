"""Gateways that ask for a client certificate: what is shown to whom, and what is said where that does not do."""

from __future__ import annotations

import datetime as dt
import os
import re
import ssl
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from tests.answers import http
from tests.conftest import Run
from tests.contract.signing_in import KEY, USER, accept, sign_in
from tests.fake_proxy import FakeProxy, row

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
# What nginx answers with "ssl_verify_client optional" or "on" (ngx_http_special_response.c of nginx 1.25.3).
NGINX = (
    "<html>\r\n<head><title>400 {0}</title></head>\r\n<body>\r\n<center><h1>400 Bad Request</h1></center>\r\n"
    "<center>{0}</center>\r\n<hr><center>nginx/1.25.3</center>\r\n</body>\r\n</html>\r\n"
)


class Demanding:
    """Sets up a server that asks for a certificate of `clients`, and knows who came."""

    def __init__(
        self,
        authority: trustme.CA,
        clients: trustme.CA,
        version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
        *,
        asks: ssl.VerifyMode = ssl.CERT_REQUIRED,
    ) -> None:
        self._certificate = authority.issue_cert("127.0.0.1")
        self._clients, self._version, self._asks = clients, version, asks

    def configure_cert(self, context: ssl.SSLContext) -> None:
        self._certificate.configure_cert(context)
        self._clients.configure_trust(context)
        context.minimum_version = context.maximum_version = self._version
        context.verify_mode = self._asks


Gateways = Callable[..., FakeProxy]


@pytest.fixture
def gateways(authority: trustme.CA, clients: trustme.CA) -> Iterator[Gateways]:
    """Start gateways that ask for a certificate of `clients`."""
    started: list[FakeProxy] = []

    def start(version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3, **options: Any) -> FakeProxy:
        gateway = FakeProxy(Demanding(authority, clients, version, **options))
        started.append(gateway)
        return gateway

    yield start
    for gateway in started:
        gateway.close()
        assert not gateway.unexpected
        assert not gateway.unused


@pytest.fixture(scope="module")
def clients() -> trustme.CA:
    """The authority of the certificates that gateways take."""
    return trustme.CA(organization_name="Clients")


@pytest.fixture
def own(clients: trustme.CA, home: Path) -> trustme.LeafCert:
    """A certificate that gateways take: alice.pem and alice.key, and both in both.pem, in the user's home."""
    leaf = clients.issue_cert("alice@example.com", common_name="alice")
    write(home / "alice.pem", leaf.cert_chain_pems[0].bytes())
    write(home / "alice.key", leaf.private_key_pem.bytes())
    write(home / "both.pem", leaf.private_key_and_cert_chain_pem.bytes())
    return leaf


def write(path: Path, data: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(data)
    path.chmod(mode)
    return path


@pytest.fixture
def user(run: Run, env: dict[str, str], authority: trustme.CA, home: Path) -> Callable[..., None]:
    """Be a user of a gateway, with these settings."""
    authority.cert_pem.write_to_path(str(home / "ca.pem"))
    env["SSL_CERT_FILE"] = str(home / "ca.pem")
    env["LITELLM_API_KEY"] = KEY

    def use(gateway: FakeProxy, **settings: str) -> None:
        env["LITELLM_BASE_URL"] = gateway.url
        for name, value in settings.items():
            run("config", "set", name, value)

    return use


User = Callable[..., None]


def peers(gateway: FakeProxy, path: str, body: Any = None, **options: Any) -> list[str | None]:
    """Answer a path, and return the list of whose certificates were shown for it (None: no certificate)."""
    seen: list[str | None] = []

    def respond(handler: BaseHTTPRequestHandler) -> None:
        shown = handler.connection.getpeercert()  # type: ignore[attr-defined]
        subject = dict(pair for part in (shown or {}).get("subject", ()) for pair in part)
        seen.append(subject.get("commonName"))
        handler.wfile.write(http({"data": []} if body is None else body, "Connection: close"))

    gateway.on(path, respond=respond, **options)
    return seen


# What is shown


@pytest.mark.parametrize("version", VERSIONS, ids=["1.2", "1.3"])
@pytest.mark.parametrize(
    "settings", [{"client_cert": "both.pem"}, {"client_cert": "alice.pem", "client_key": "alice.key"}]
)
@pytest.mark.parametrize("where", ["absolute", "~", "relative"])
@pytest.mark.usefixtures("own")
def test_the_certificate_is_shown_to_the_gateway_that_asks_for_it(
    run: Run,
    gateways: Gateways,
    user: User,
    version: ssl.TLSVersion,
    settings: dict[str, str],
    where: str,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gateway = gateways(version)
    monkeypatch.chdir(home)
    folder = {"absolute": f"{home}/", "~": "~/", "relative": ""}[where]
    user(gateway, **{name: folder + file for name, file in settings.items()})
    seen = peers(gateway, "/model/info", {"data": [row("gpt")]})
    result = run("models", "--json")
    assert [one["id"] for one in result.json] == ["gpt"]
    assert result.stderr == ""
    assert seen == ["alice"]


@pytest.mark.usefixtures("own")
def test_a_bundle_of_the_profile_and_a_certificate_go_together(
    run: Run, gateways: Gateways, user: User, env: dict[str, str], home: Path
) -> None:
    gateway = gateways()
    user(gateway, client_cert="~/both.pem", ca_bundle=str(home / "ca.pem"))
    del env["SSL_CERT_FILE"]
    gateway.models(row("gpt"))
    assert run("models", "--json").json[0]["id"] == "gpt"


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize(
    ("words", "path"),
    [(["api", "/v1/models"], "/v1/models"), (["refresh"], "/model/info"), (["mcp", "list"], "/mcp-rest/tools/list")],
)
def test_every_command_shows_it(run: Run, gateways: Gateways, user: User, words: list[str], path: str) -> None:
    gateway = gateways()
    user(gateway, client_cert="~/both.pem")
    seen = peers(gateway, path, {"tools": [], "data": []}, times=None)
    for other in {"/model/info", "/v1/mcp/server", "/mcp-rest/tools/list"} - {path}:
        gateway.on(other, {"tools": [], "data": []} if "tools" in other or "model" in other else [], times=None)
    run(*words)
    assert seen
    assert set(seen) == {"alice"}


@pytest.mark.usefixtures("own")
def test_a_sign_in_shows_it_and_so_does_the_login_that_it_stores(
    run: Run, gateways: Gateways, user: User, env: dict[str, str]
) -> None:
    gateway = gateways()
    user(gateway, client_cert="~/both.pem")
    for name in ("LITELLM_BASE_URL", "LITELLM_API_KEY"):
        del env[name]
    env["LITELLMCTL_KEYRING"] = "off"
    accept(gateway, "gpt", user=USER).on("/mcp/tools/list", {"detail": "Not Found"}, status=404, times=None)
    sign_in(run, gateway)
    seen = peers(gateway, "/v1/files")
    run("api", "/v1/files")
    assert seen == ["alice"]


# To whom it is shown


@pytest.mark.usefixtures("own")
def test_a_profile_shows_it_to_its_own_proxy_only(run: Run, gateways: Gateways, user: User) -> None:
    own, other = gateways(asks=ssl.CERT_OPTIONAL), gateways(asks=ssl.CERT_OPTIONAL)
    user(other, client_cert="~/both.pem", base_url=own.url)
    seen, seen_elsewhere = peers(own, "/v1/models"), peers(other, "/v1/models", times=None)
    run("api", "/v1/models", LITELLM_BASE_URL=None)
    run("api", "/v1/models", "--base-url", other.url, LITELLM_BASE_URL=None)
    run("api", "/v1/models", "--base-url", other.url)
    assert seen == ["alice"]
    assert seen_elsewhere == [None, None]


@pytest.mark.usefixtures("own")
def test_another_profile_does_not_show_it(run: Run, gateways: Gateways, user: User) -> None:
    gateway = gateways(asks=ssl.CERT_OPTIONAL)
    user(gateway, client_cert="~/both.pem")
    run("config", "set", "profiles.work.base_url", gateway.url)
    run("config", "set", "profiles.work.api_key", "$KEY_OF_WORK")
    seen = peers(gateway, "/v1/models")
    run("--profile", "work", "api", "/v1/models", KEY_OF_WORK="sk-work")
    assert seen == [None]


@pytest.mark.usefixtures("own")
def test_a_redirect_to_another_origin_is_not_followed_with_it(run: Run, gateways: Gateways, user: User) -> None:
    gateway, elsewhere = gateways(), gateways(asks=ssl.CERT_OPTIONAL)
    user(gateway, client_cert="~/both.pem")
    gateway.on("/model/info", status=307, headers={"Location": f"{elsewhere.url}/model/info"})
    assert run("models", "--json", exit=3).error["code"] == "bad_response"
    assert elsewhere.requests == []


@pytest.mark.usefixtures("own")
def test_a_gateway_that_it_is_not_for_is_told_from_one_without(run: Run, gateways: Gateways, user: User) -> None:
    own, other = gateways(), gateways()
    user(other, client_cert="~/both.pem", base_url=own.url)
    error = run("api", "/v1/models", "--base-url", other.url, "--json", exit=3).error
    assert error["message"].endswith(
        f"requires a client certificate, and profiles.default.client_cert is for {own.url}"
    )
    assert error["remedy"].startswith(f"litellmctl config set profiles.default.base_url {other.url}")


# Where there is none, or the gateway does not take it


@pytest.mark.parametrize("version", VERSIONS, ids=["1.2", "1.3"])
@pytest.mark.parametrize("words", [["models"], ["api", "/v1/models"], ["whoami"], ["api", "/v1/x", "-F", "a=1"]])
def test_a_gateway_that_asks_where_none_is_set(
    run: Run, gateways: Gateways, user: User, version: ssl.TLSVersion, words: list[str]
) -> None:
    gateway = gateways(version)
    user(gateway)
    error = run(*words, "--json", exit=3).error
    assert error["code"] == "tls"
    assert re.search("requires? a client certificate", error["message"])
    assert "none is set" in error["message"]
    assert error["remedy"].startswith("litellmctl config set profiles.default.client_cert ")
    assert gateway.requests == []


@pytest.mark.parametrize("version", VERSIONS, ids=["1.2", "1.3"])
def test_a_certificate_that_the_gateway_does_not_take(
    run: Run, gateways: Gateways, user: User, version: ssl.TLSVersion, home: Path
) -> None:
    stranger = trustme.CA(organization_name="Somebody Else").issue_cert("eve@example.com")
    write(home / "eve.pem", stranger.private_key_and_cert_chain_pem.bytes())
    gateway = gateways(version)
    user(gateway, client_cert="~/eve.pem")
    error = run("models", "--json", exit=3).error
    assert error["code"] == "tls"
    assert error["message"].startswith(f"{gateway.url} does not accept the client certificate {home}/eve.pem (")
    assert "administrator" in error["remedy"]
    assert gateway.requests == []


@pytest.mark.parametrize(
    ("status", "words"),
    [(400, "No required SSL certificate was sent"), (496, "anything"), (403, "Client certificate required")],
)
@pytest.mark.parametrize("command", [["whoami"], ["login", "--sso", "--no-browser"]])
def test_a_page_that_asks_for_one(
    run: Run, gateways: Gateways, user: User, status: int, words: str, command: list[str]
) -> None:
    gateway = gateways(asks=ssl.CERT_OPTIONAL)
    user(gateway)
    page = NGINX.format(words).encode()
    for path in ("/model/info", "/v1/models", "/key/info", "/user/info", "/.well-known/litellm-ui-config"):
        gateway.on(path, page, status=status, headers={"Content-Type": "text/html"}, times=None)
    error = run(*command, "--json", exit=3).error
    assert (error["code"], error["status"]) == ("tls", status)
    assert error["message"] == f"{gateway.url} requires a client certificate, and none is set"
    assert error["remedy"].startswith("litellmctl config set profiles.default.client_cert ")


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize(("status", "words"), [(400, "The SSL certificate error"), (495, "x"), (496, "x")])
def test_a_page_that_refuses_it(run: Run, gateways: Gateways, user: User, status: int, words: str, home: Path) -> None:
    gateway = gateways()
    user(gateway, client_cert="~/both.pem")
    gateway.on("/model/info", NGINX.format(words).encode(), status=status, headers={"Content-Type": "text/html"})
    error = run("models", "--json", exit=3).error
    assert error["message"] == f"{gateway.url} does not accept the client certificate {home}/both.pem (status {status})"


def test_an_error_of_the_proxys_own_is_none_of_a_gateways(run: Run, gateways: Gateways, user: User) -> None:
    gateway = gateways(asks=ssl.CERT_OPTIONAL)
    user(gateway)
    words = "client certificate required"
    gateway.on("/v1/models", {"error": {"message": words, "type": "x", "code": "400"}}, status=400)
    assert run("whoami", "--json", exit=5).error["code"] == "rejected"


# Files that cannot be used


def expired(home: Path, days: int) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "alice")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now + dt.timedelta(days=days - 10))
        .not_valid_after(now + dt.timedelta(days=days))
        .sign(key, SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write(home / "alice.pem", made.public_bytes(Encoding.PEM))
    write(home / "alice.key", private)


def encrypted(home: Path, form: PrivateFormat) -> None:
    key = load_pem_private_key((home / "alice.key").read_bytes(), None)
    write(home / "alice.key", key.private_bytes(Encoding.PEM, form, BestAvailableEncryption(b"secret")))


def replaced(home: Path, name: str, make: Callable[[Path], object]) -> None:
    (home / name).unlink()
    make(home / name)


def swapped(home: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    write(home / "alice.key", key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


BROKEN: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "no certificate": (
        lambda home: (home / "alice.pem").unlink(),
        "alice.pem: no such file",
        "set",
    ),
    "no key": (lambda home: (home / "alice.key").unlink(), "alice.key: no such file", "set"),
    "a folder": (lambda home: replaced(home, "alice.pem", Path.mkdir), "alice.pem: is a directory", "set"),
    "empty": (lambda home: write(home / "alice.pem", b""), "has no certificate in PEM format", "openssl x509"),
    "DER": (lambda home: write(home / "alice.pem", b"\x30\x82\x01\x00"), "has no certificate in PEM", "openssl x509"),
    "damaged": (
        lambda home: write(home / "alice.pem", (home / "alice.pem").read_bytes()[:200]),
        "the certificate or the key is damaged",
        "set",
    ),
    "damaged key": (
        lambda home: write(home / "alice.key", (home / "alice.key").read_bytes()[:100]),
        "the certificate or the key is damaged",
        "set",
    ),
    "a certificate as key": (
        lambda home: write(home / "alice.key", (home / "alice.pem").read_bytes()),
        "alice.key has no private key in PEM format",
        "client_key",
    ),
    "another key": (swapped, "does not match the key in", "client_key"),
    "passphrase": (lambda home: encrypted(home, PrivateFormat.PKCS8), "has a passphrase", "openssl pkey -in"),
    "old passphrase": (
        lambda home: encrypted(home, PrivateFormat.TraditionalOpenSSL),
        "has a passphrase",
        "openssl pkey -in",
    ),
    "expired": (lambda home: expired(home, -1), "expired at", "a new one"),
    "not yet good": (lambda home: expired(home, 20), "is not valid until 20", "clock"),
    "huge": (lambda home: write(home / "alice.pem", b"x" * (2**20 + 1)), "is larger than 1 MiB", "set"),
}
if hasattr(os, "mkfifo"):
    BROKEN["a pipe"] = (lambda home: replaced(home, "alice.key", os.mkfifo), "is not a file, but a named pipe", "set")
    BROKEN["a device"] = (
        lambda home: replaced(home, "alice.key", lambda path: path.symlink_to("/dev/zero")),
        "is not a file, but a device",
        "set",
    )


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_cannot_be_used_is_an_error_before_any_request(
    run: Run, gateways: Gateways, user: User, home: Path, name: str
) -> None:
    gateway = gateways()
    user(gateway, client_cert="~/alice.pem", client_key="~/alice.key")
    spoil, words, remedy = BROKEN[name]
    spoil(home)
    error = run("api", "/v1/models", "--json", exit=2).error
    assert error["code"] == "config"
    assert error["message"].startswith("profiles.default.client_")
    assert words in error["message"]
    assert remedy in error["remedy"]
    report = run("doctor", "--json", exit=2).json
    assert (report[0]["check"], report[0]["status"], report[0]["detail"]) == ("configuration", "fail", error["message"])
    assert gateway.requests == []


def test_a_key_without_a_certificate_is_an_error(run: Run, gateways: Gateways, user: User) -> None:
    user(gateways(), client_key="~/alice.key")
    error = run("api", "/v1/models", "--json", exit=2).error
    assert error["message"] == "profiles.default.client_key is set, but profiles.default.client_cert is not"
    assert error["remedy"] == "litellmctl config set profiles.default.client_cert FILE.pem"


@pytest.mark.usefixtures("own")
def test_a_certificate_without_its_key_names_the_setting_for_the_key(run: Run, gateways: Gateways, user: User) -> None:
    user(gateways(), client_cert="~/alice.pem")
    error = run("api", "/v1/models", "--json", exit=2).error
    assert error["message"].endswith("alice.pem has no private key in PEM format")
    assert error["remedy"] == "litellmctl config set profiles.default.client_key KEY.pem"


@pytest.mark.usefixtures("own")
def test_the_way_out_of_a_passphrase_works(
    run: Run, gateways: Gateways, user: User, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encrypted(home, PrivateFormat.PKCS8)
    gateway = gateways()
    user(gateway, client_cert="~/alice.pem", client_key="~/alice.key")
    monkeypatch.chdir(home)
    remedy = run("api", "/v1/models", "--json", exit=2).error["remedy"]
    assert remedy == (
        f"openssl pkey -in {home}/alice.key -out KEY.pem && litellmctl config set profiles.default.client_key KEY.pem"
    )


@pytest.mark.usefixtures("own")
def test_a_profile_with_a_broken_certificate_still_lists_what_is_cached(
    run: Run, gateways: Gateways, user: User, home: Path
) -> None:
    gateway = gateways()
    user(gateway, client_cert="~/both.pem")
    gateway.models(row("gpt"))
    run("models")
    (home / "both.pem").unlink()
    assert run("models", "--json").json[0]["id"] == "gpt"


# A key that others may read


@pytest.mark.skipif(sys.platform == "win32", reason="modes of POSIX")
@pytest.mark.usefixtures("own")
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_key_that_others_may_read_is_warned_about_once(
    run: Run, gateways: Gateways, user: User, home: Path, mode: int
) -> None:
    (home / "both.pem").chmod(mode)
    gateway = gateways()
    user(gateway, client_cert="~/both.pem")
    accept(gateway, "gpt", user=USER)
    result = sign_in(run, gateway, LITELLMCTL_KEYRING="off", LITELLM_BASE_URL=None, LITELLM_API_KEY=None)
    warning = f"Warning: others can read the private key in {home}/both.pem: chmod go-rwx {home}/both.pem"
    assert result.stderr.splitlines().count(warning) == 1
    gateway.on("/health/liveliness", "I'm alive!", times=None)
    found = {one["check"]: one for one in run("doctor", "--json", exit=None).json}
    assert found["files"]["status"] == "warn"
    assert f"{home}/both.pem is readable by others" in found["files"]["detail"]
    assert f"chmod go-rwx {home}/both.pem" in found["files"]["remedy"]
    assert stat.S_IMODE((home / "both.pem").stat().st_mode) == mode
    gateway.unexpected.clear()


@pytest.mark.usefixtures("own")
def test_a_certificate_that_everybody_may_read_is_as_it_should_be(
    run: Run, gateways: Gateways, user: User, home: Path
) -> None:
    (home / "alice.pem").chmod(0o644)
    gateway = gateways()
    user(gateway, client_cert="~/alice.pem", client_key="~/alice.key")
    gateway.on("/v1/models", {"data": []})
    assert run("api", "/v1/models").stderr == ""


# Doctor


@pytest.mark.parametrize("version", VERSIONS, ids=["1.2", "1.3"])
def test_doctor_says_that_one_is_asked_for(run: Run, gateways: Gateways, user: User, version: ssl.TLSVersion) -> None:
    user(gateways(version))
    found = {one["check"]: one for one in run("doctor", "--json", exit=3).json}
    assert found["tls"]["status"] == "fail"
    assert re.search("requires? a client certificate", found["tls"]["detail"])
    assert "config set profiles.default.client_cert" in found["tls"]["remedy"]
    assert found["proxy"]["detail"] == "needs tls"


@pytest.mark.parametrize("version", VERSIONS, ids=["1.2", "1.3"])
def test_doctor_says_that_one_is_set(
    run: Run, gateways: Gateways, user: User, version: ssl.TLSVersion, own: trustme.LeafCert
) -> None:
    assert own
    gateway = gateways(version)
    user(gateway, client_cert="~/both.pem")
    gateway.on("/health/liveliness", "I'm alive!", times=None)
    found = {one["check"]: one for one in run("doctor", "--json", exit=None).json}
    assert found["tls"]["status"] == "ok"
    assert found["tls"]["detail"].endswith("; a client certificate is set")
    gateway.unexpected.clear()


def test_a_connection_that_breaks_for_another_reason_is_no_matter_of_certificates(
    run: Run, user: User, authority: trustme.CA
) -> None:
    gateway = FakeProxy(authority.issue_cert("127.0.0.1"))
    hung = threading.Event()

    def drop(handler: BaseHTTPRequestHandler) -> None:
        hung.set()
        handler.connection.close()

    try:
        user(gateway)
        gateway.on("/v1/models", respond=drop, times=None)
        error = run("api", "/v1/models", "--json", exit=3).error
        assert hung.is_set()
        assert "client certificate" not in error["message"]
    finally:
        gateway.close()
