from __future__ import annotations

import datetime as dt
import shutil
import ssl
import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID

from litellmctl.errors import ConfigFailure, ExitCode, Unavailable
from litellmctl.foundation.deadline import Deadline
from litellmctl.proxy.client import Answer, Client
from litellmctl.proxy.session import BoundAuth, make_session
from litellmctl.proxy.tls import Trust, read_certificate
from litellmctl.proxy.tls import certificate as shown_by
from tests.unit.conftest import Authority, Reply, Serve, Server


def get(url: str, trust: Trust) -> Answer:
    with closing(make_session(url, trust, loopback=True)) as session:
        return Client(url, BoundAuth(url, None), session, deadline=Deadline(10)).get("/model/info")


@pytest.fixture
def secure(serve: Serve, authority: Authority) -> Server:
    """A server on loopback with a certificate of "Example Corp"."""
    return serve(lambda _: Reply(body={}), tls=authority.server())


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_bundle_that_vouches_for_the_server_is_trusted(
    secure: Server, authority: Authority, kind: str, tmp_path: Path
) -> None:
    bundle = authority.file
    if kind == "folder":
        if shutil.which("openssl") is None:
            pytest.skip("no openssl to name the file by")
        # OpenSSL looks a certificate up by the hash of its name.
        certificate = x509.load_der_x509_certificate(authority.der)
        bundle = tmp_path / "certs"
        bundle.mkdir()
        (bundle / f"{subject_hash(certificate)}.0").write_bytes(authority.file.read_bytes())
    assert get(secure.url, Trust(str(bundle), "ca_bundle")).read() == b"{}"


def subject_hash(certificate: x509.Certificate) -> str:
    """Return the name under which OpenSSL looks for a certificate, as `openssl x509 -hash` prints it."""
    command = ["openssl", "x509", "-noout", "-subject_hash"]
    data = certificate.public_bytes(Encoding.PEM)
    return subprocess.run(command, input=data, capture_output=True, check=True, timeout=10).stdout.decode().strip()


def test_the_users_home_may_stand_in_the_name(secure: Server, authority: Authority, home: Path) -> None:
    (home / "ca.pem").write_bytes(authority.file.read_bytes())
    assert get(secure.url, Trust("~/ca.pem", "ca_bundle")).status == 200


@pytest.mark.parametrize("bundle", [None, "other"])
def test_a_certificate_that_nobody_vouches_for_is_a_tls_failure_with_its_issuer(
    secure: Server, bundle: str | None, tmp_path: Path
) -> None:
    if bundle is not None:
        (tmp_path / "other.pem").write_bytes(certificate("Somebody Else").public_bytes(Encoding.PEM))
        bundle = str(tmp_path / "other.pem")
    with pytest.raises(Unavailable) as failure:
        get(secure.url, Trust(bundle, "ca_bundle"))
    assert (failure.value.code, failure.value.exit_code) == ("tls", ExitCode.UNAVAILABLE)
    assert failure.value.message.startswith(
        f'the certificate of {secure.url} (issued by "Example Corp") is not trusted'
    )
    assert "ca_bundle" in str(failure.value.remedy)
    assert secure.requests == []


@pytest.mark.parametrize("name", ["example.com", "127.0.0.2"])
def test_a_certificate_for_another_host_is_a_tls_failure(serve: Serve, authority: Authority, name: str) -> None:
    server = serve(lambda _: Reply(), tls=authority.server(name))
    with pytest.raises(Unavailable, match="IP address mismatch"):
        get(server.url, Trust(str(authority.file), "ca_bundle"))
    assert server.requests == []


def test_a_server_that_speaks_no_tls_is_a_tls_failure(serve: Serve) -> None:
    url = serve(lambda _: Reply()).url.replace("http:", "https:")
    with pytest.raises(Unavailable, match=f"TLS with {url} failed") as failure:
        get(url, Trust())
    assert failure.value.code == "tls"


def test_a_bundle_replaces_all_other_authorities_even_after_requests_had_its_say(
    secure: Server, authority: Authority
) -> None:
    trust = Trust(str(authority.file), "ca_bundle")
    with closing(make_session(secure.url, trust, loopback=True)) as session:
        Client(secure.url, BoundAuth(secure.url, None), session, deadline=Deadline(10)).get("/x").read()
        pool = session.get_adapter(secure.url).poolmanager.connection_from_url(secure.url)  # type: ignore[attr-defined]
        context = pool.conn_kw.get("ssl_context") or pool.ssl_context
    assert context.get_ca_certs(binary_form=True) == [authority.der]


def test_a_bundle_replaces_all_other_authorities(authority: Authority) -> None:
    url = "https://llm.example.invalid"
    with closing(make_session(url, Trust(str(authority.file), "test"), loopback=False)) as session:
        adapter: Any = session.get_adapter(url)
        # What a connection really uses, after requests has had its say about authorities.
        request = requests.Request("GET", f"{url}/").prepare()
        pool = adapter.get_connection_with_tls_context(request, verify=True)
        adapter.cert_verify(pool, request.url, True, None)
        connection = pool._get_conn()
        assert connection.ca_certs is None
        assert connection.ssl_context.cert_store_stats()["x509_ca"] == 1


def test_neither_variable_nor_default_adds_to_a_bundle(
    secure: Server, authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "other.pem").write_bytes(certificate("Somebody Else").public_bytes(Encoding.PEM))
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(authority.file))
    with pytest.raises(Unavailable):
        get(secure.url, Trust(str(tmp_path / "other.pem"), "ca_bundle"))


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "No such file or directory"), (b"", "it has no certificates"), (b"text", "it has no certificates")],
)
def test_a_bundle_that_cannot_be_used_is_refused_by_the_name_of_its_setting(
    content: bytes | None, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigFailure) as failure:
        Trust(str(path), "profiles.work.ca_bundle").context()
    assert failure.value.message == f"profiles.work.ca_bundle: cannot use {path}: {reason}"


def test_every_context_checks_the_certificate_and_its_name(authority: Authority) -> None:
    for trust in (Trust(), Trust(str(authority.file), "ca_bundle")):
        context = trust.context()
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def certificate(
    issued_by: str,
    *,
    attribute: x509.ObjectIdentifier = NameOID.COMMON_NAME,
    string_type: _ASN1Type = _ASN1Type.UTF8String,
) -> x509.Certificate:
    """Return a certificate that a name in `attribute` issued."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "the subject")]))
        .issuer_name(x509.Name([x509.NameAttribute(attribute, issued_by, string_type)] if issued_by else []))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )


@pytest.mark.parametrize("attribute", [NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME])
@pytest.mark.parametrize("name", ["Corp Root", "Größe 日本", "x" * 64])
def test_the_issuer_is_its_common_name_or_organization(name: str, attribute: x509.ObjectIdentifier) -> None:
    assert read_certificate(certificate(name, attribute=attribute).public_bytes(Encoding.DER)).issuer == name


@pytest.mark.parametrize("string_type", ["BMPString", "UniversalString", "UTF8String", "PrintableString"])
def test_the_issuer_is_readable_in_every_string_type_of_asn_1(string_type: str) -> None:
    """Windows' own certificate services write BMPString: two bytes a character."""
    name = "Corp Root" if string_type == "PrintableString" else "Größe CA"
    built = certificate(name, string_type=_ASN1Type[string_type])
    assert read_certificate(built.public_bytes(Encoding.DER)).issuer == name


def test_the_common_name_goes_first(authority: Authority) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    now = dt.datetime.now(dt.UTC)
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "DE"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Corp"),
            x509.NameAttribute(NameOID.COMMON_NAME, "Corp Root"),
        ]
    )
    builder = x509.CertificateBuilder().subject_name(x509.Name([])).issuer_name(name).public_key(key.public_key())
    built = builder.serial_number(1).not_valid_before(now).not_valid_after(now).sign(key, SHA256())
    assert read_certificate(built.public_bytes(Encoding.DER)).issuer == "Corp Root"
    assert read_certificate(authority.der).issuer == "Example Corp"


def test_an_issuer_without_a_name_or_half_a_certificate_is_an_error_that_issuer_knows() -> None:
    with pytest.raises(ValueError, match="no name"):
        read_certificate(certificate("", attribute=NameOID.COMMON_NAME).public_bytes(Encoding.DER))
    data = certificate("Corp Root").public_bytes(Encoding.DER)
    for length in range(1, len(data)):
        with pytest.raises((ValueError, IndexError)):
            read_certificate(data[:length])


def test_the_issuer_of_a_server_is_read_whether_trusted_or_not(secure: Server, serve: Serve) -> None:
    port = urlsplit(secure.url).port
    assert port is not None
    shown = shown_by("127.0.0.1", port, 5)
    assert shown is not None
    assert shown.issuer == "Example Corp"
    assert shown.expires_at is not None
    assert shown.expires_at > time.time()
    plain = urlsplit(serve(lambda _: Reply()).url).port
    assert plain is not None
    assert shown_by("127.0.0.1", plain, 5) is None
    assert shown_by("127.0.0.1", 9, 5) is None
    assert shown_by("", port, 5) is None
