"""Gateways that answer instead of the proxy behind them: their names, by headers and pages."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping

from litellmctl.foundation.text import clean, cut

_MAX_NAME = 40
_MAX_TITLE = 200
_HEAD = 2**16

# Headers that gateways add to their own answers, from their documentation.
_BY_HEADER = {
    "cf-ray": "Cloudflare",
    "x-amz-cf-id": "Amazon CloudFront",
    "x-amzn-errortype": "Amazon API Gateway",
    "x-amz-apigw-id": "Amazon API Gateway",
    "apigw-requestid": "Amazon API Gateway",
    "x-kong-response-latency": "Kong",
    "x-kong-request-id": "Kong",
    "x-azure-ref": "Azure Front Door",
    "ocp-apim-trace-location": "Azure API Management",
    "x-squid-error": "Squid",
    "gap-auth": "OAuth2 Proxy",
    "x-iinfo": "Imperva",
    "x-goog-iap-generated-response": "Google Identity-Aware Proxy",
}
# By the beginning of the Server header, in lower case. Other names are used as they are.
_BY_SERVER = {
    "awselb": "AWS load balancer",
    "microsoft-azure-application-gateway": "Azure Application Gateway",
    "microsoft-iis": "IIS",
    "microsoft-httpapi": "Windows HTTP.sys",
    "istio-envoy": "Envoy",
    "envoy": "Envoy",
    "cloudflare": "Cloudflare",
    "akamaighost": "Akamai",
    "bigip": "F5 BIG-IP",
}
# Servers that LiteLLM itself runs in.
_OURS = r"(?i)uvicorn|hypercorn|gunicorn|granian|python|basehttp"
_BY_BODY = (
    (r"(?i)oauth2[ -]proxy", "OAuth2 Proxy"),
    (r"(?i)missing subscription key|invalid subscription key", "Azure API Management"),
    (r"(?i)no API key found in request|no Route matched", "Kong"),
    (r"RBAC: access denied|Jwt is missing|Jwt verification fails", "Envoy"),
    (r"is not authorized to access this resource|Missing Authentication Token", "Amazon API Gateway"),
    (r"(?i)<title>[^<]*cloudflare", "Cloudflare"),
)
# Answers of TLS servers to plain HTTP (nginx, Go's net/http, Apache), with status 400.
_PLAIN_HTTP = r"(?i)plain HTTP request was sent to (?:the )?HTTPS|HTTP request to an HTTPS server|plain HTTP to an SSL"


def name_of(headers: Mapping[str, str], body: bytes, hide: Callable[[str], str] = str) -> str | None:
    """Return the name of the gateway that answered, None if unknown. `hide` removes secrets."""
    known = next((name for header, name in _BY_HEADER.items() if header in headers), None)
    if known is not None:
        return known
    text = body[:_HEAD].decode("utf-8", "replace")
    said = next((name for pattern, name in _BY_BODY if re.search(pattern, text)), None)
    server = headers.get("server", "").strip()
    if said is not None or not server or re.match(_OURS, server):
        return said
    found = next((name for start, name in _BY_SERVER.items() if server.lower().startswith(start)), None)
    return found or cut(clean(hide(re.split(r"[/\s(]", server)[0])), _MAX_NAME) or None


def words_of(body: bytes, hide: Callable[[str], str] = str) -> str | None:
    """Return the title of a page, or a short text; None if there is neither."""
    text = body[:_HEAD].decode("utf-8", "replace")
    title = re.search(r"(?is)<title[^<>]*>([^<]*)", text)
    if title is not None:
        text = html.unescape(title[1])
    elif text.lstrip()[:1] in {"<", "{", "["}:
        return None
    # What follows here is a part of the key and its hash.
    text = text.partition("Received API Key")[0]
    return cut(clean(hide(" ".join(text[: 10 * _MAX_TITLE].split()))), _MAX_TITLE) or None


def wants_tls(status: int, body: bytes) -> bool:
    """Whether an answer says that plain HTTP was sent to a port that speaks TLS."""
    return status == 400 and re.search(_PLAIN_HTTP, body[:_HEAD].decode("utf-8", "replace")) is not None
