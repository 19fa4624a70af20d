"""All settings, in one table: it checks the file, reads the command line and is the help."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from litellmctl.errors import ConfigFailure, UsageFailure
from litellmctl.foundation.urls import normalize
from litellmctl.settings import values

DEFAULT_PROFILE = "default"
PROFILE_NAME = r"[A-Za-z0-9_][A-Za-z0-9_-]*"
HEADER_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
MASK = "********"
# The settings that are tables, and the pattern of the names in them.
TABLES = {"headers": HEADER_NAME, "mcp_headers": rf"[A-Za-z0-9._-]+:{HEADER_NAME}"}


class Key(NamedTuple):
    """A setting: its name, what it does, how a text on the command line becomes its value, and its default."""

    name: str
    help: str
    read: Callable[[str, str], Any]
    type: type
    default: Any = None
    secret: bool = False


def read_text(text: str, _named: str) -> str:
    """Return the text as it is."""
    return text


def _read_bool(text: str, named: str) -> bool:
    known = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
    if text.lower() not in known:
        raise UsageFailure(f'{named} must be true or false, not "{text}"')
    return known[text.lower()]


def _read_url(text: str, named: str) -> str:
    return normalize(text, named=named)


def _read_reference(text: str, named: str) -> str:
    if values.parse(text, named=named).is_literal:
        raise UsageFailure(
            f"{named} must be a reference, since a key on the command line stays in the shell's history",
            remedy=f"litellmctl config set {named} '$NAME' (or '!command that prints the key')",
        )
    return text


def read_header_name(text: str, named: str, table: str = "headers") -> str:
    """Return the text if it is a valid header name for this table. Raises a failure otherwise."""
    if not re.fullmatch(TABLES[table], text):
        form = " (expected SERVER:NAME)" if table == "mcp_headers" else ""
        raise UsageFailure(f'{named}: "{text}" is not a valid header name{form}')
    return text


def read_profile_name(text: str, named: str) -> str:
    """Return the text if it is a valid profile name. Raises a failure otherwise."""
    if not re.fullmatch(PROFILE_NAME, text):
        raise UsageFailure(f'{named}: "{text}" is not a valid profile name', remedy="use letters, digits, - and _")
    return text


PROFILE_KEYS = {
    key.name: key
    for key in (
        Key("base_url", "Base URL of the proxy.", _read_url, str),
        Key("api_key", 'Key, as "$NAME" or "!command".', _read_reference, str, secret=True),
        Key("gcloud", "Use Google application default credentials.", _read_bool, bool, default=False),
        Key("headers", "Extra request headers (headers.NAME).", read_text, dict, secret=True),
        Key("key_header", "Header that carries the key.", read_header_name, str, default="Authorization"),
        Key("allow_insecure_http", "Allow plain HTTP to other machines.", _read_bool, bool, default=False),
        Key("ca_bundle", "Certificate authorities to trust, instead of the system's (PEM file).", read_text, str),
        Key("client_cert", "Client certificate for a gateway (PEM file).", read_text, str),
        Key("client_key", "Private key of client_cert, if in a file of its own.", read_text, str),
        Key("mcp", "Use MCP tools.", _read_bool, bool, default=True),
        Key("mcp_headers", "Headers for MCP servers (mcp_headers.SERVER:NAME).", read_text, dict, secret=True),
        Key("skills", "Use skills.", _read_bool, bool, default=True),
    )
}
GLOBAL_KEYS = {
    key.name: key
    for key in (Key("default_profile", "Profile to use by default.", read_profile_name, str, default=DEFAULT_PROFILE),)
}


def shown(key: Key, value: Any) -> Any:
    """Return a setting as it may be printed: secrets are masked, references to them are not."""
    if isinstance(value, dict):
        return {name: shown(key, text) for name, text in value.items()}
    if not key.secret or not isinstance(value, str):
        return value
    try:
        return MASK if values.parse(value, named=key.name).is_literal else value
    except ConfigFailure:
        return MASK
