"""What a profile says about TLS: the authorities to trust, and the client certificate for its own proxy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from litellmctl.auth.sources import urls_of_variables
from litellmctl.errors import ConfigFailure
from litellmctl.foundation.urls import origin
from litellmctl.proxy.client_certificate import NOTHING, ClientCertificate, Shown
from litellmctl.proxy.tls import Trust
from litellmctl.settings import environment
from litellmctl.settings.definitions import DEFAULT_PROFILE

if TYPE_CHECKING:
    from litellmctl.settings.config import Profile


def trust(profile: Profile) -> Trust:
    """Return the authorities to trust: of the profile, of a variable, else those of the operating system."""
    bundle = profile.get("ca_bundle")
    if bundle:
        return Trust(bundle, profile.named("ca_bundle"))
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        bundle = environment.get(name)
        if bundle:
            return Trust(bundle, name)
    return Trust()


def client_certificate(profile: Profile) -> ClientCertificate | None:
    """Return the profile's client certificate; None if none is set. Raises a failure for a key without one."""
    file, key = profile.get("client_cert"), profile.get("client_key")
    named, key_named = profile.named("client_cert"), profile.named("client_key")
    if not file and key:
        raise ConfigFailure(f"{key_named} is set, but {named} is not", remedy=f"litellmctl config set {named} FILE.pem")
    return ClientCertificate(file, key, named, key_named) if file else None


def shown_to(profile: Profile, base_url: str, login_url: str | None) -> tuple[ClientCertificate | None, Shown]:
    """Return the certificate to show a proxy, if it is the profile's own, and what errors say about it.

    `login_url` is where the profile is signed in.
    """
    named = profile.named("client_cert")
    certificate = client_certificate(profile)
    if certificate is None or not base_url.startswith("https:"):
        return None, NOTHING._replace(remedy=NOTHING.remedy.replace("client_cert", named))
    own = _own_urls(profile, login_url)
    if own and origin(base_url) not in map(origin, own):
        remedy = f"litellmctl config set {profile.named('base_url')} {base_url}, if it is for this one"
        return None, Shown(None, remedy, f"{named} is for {own[0]}")
    return certificate, Shown(certificate.file)


def _own_urls(profile: Profile, login_url: str | None) -> Sequence[str]:
    """Return the proxies of the profile: its base_url, else those of its login and of the variables."""
    if profile.base_url is not None:
        return [profile.base_url]
    variables = urls_of_variables() if profile.name == DEFAULT_PROFILE else []
    return [*([] if login_url is None else [login_url]), *variables]
