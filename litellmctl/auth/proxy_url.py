"""The base URL in what people type at `login`: without a scheme, or copied from a browser."""

from __future__ import annotations

import re

from litellmctl.errors import UsageFailure
from litellmctl.foundation.urls import is_loopback, normalize

_MAX_CHARACTERS = 2000
# What the proxy's own pages show behind its base URL: the dashboard, its sign-in, and the API's documentation.
_PAGE = r"(?i)(https?://[^/?#]+(?:/[^?#]*?)??)(?:/(?:ui|sso/key/generate|fallback/login)(?:[/?#].*)?|/?#/.*)"
_KEY = r"(?:sk-|litellm_login_)[^.:/]*|eyJ[^:/]*"


def typed_base_url(text: str, *, named: str = "the URL") -> str:
    """Return the canonical base URL that a person means.

    A missing scheme is http for this machine and https elsewhere, and a page of the proxy is cut off (`/ui/login`).
    `named` says in errors what was typed; a key typed by mistake is refused, and never repeated.
    """
    url = text.strip()
    if len(url) > _MAX_CHARACTERS:
        raise UsageFailure(f"{named} has more than {_MAX_CHARACTERS:,} characters", remedy="pass https://HOST")
    if re.fullmatch(_KEY, url):
        raise UsageFailure(
            f"{named} looks like an API key", remedy="pass the URL as https://HOST, and the key with --with-token"
        )
    if "://" not in url:
        # "file:/etc" has a scheme, but "llm.example.com:4000" does not.
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:(?!\d)", url) and "@" not in url:
            raise UsageFailure(f"{named} is not an http or https URL", remedy="pass https://HOST")
        url = f"{'http' if is_loopback(f'http://{url}') else 'https'}://{url}" if url else url
    page = re.fullmatch(_PAGE, url)
    return normalize(page[1] if page else url, named=named)
