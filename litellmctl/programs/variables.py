"""The variables in which most libraries and programs look for a proxy and its key, and how shells set them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping


def variables(base_url: str, key: str) -> dict[str, str]:
    """Return the variables for a proxy, or a relay, with this base URL (without `/v1`)."""
    return {
        "OPENAI_BASE_URL": f"{base_url}/v1",
        "OPENAI_API_KEY": key,
        "ANTHROPIC_BASE_URL": base_url,
        "ANTHROPIC_AUTH_TOKEN": key,
        "LITELLM_BASE_URL": base_url,
        "LITELLM_API_KEY": key,
    }


def script(shell: str, values: Mapping[str, str]) -> str:
    """Return the lines that set variables in one of the `SHELLS`, without a final newline."""
    return "\n".join(SHELLS[shell](name, value) for name, value in values.items())


def _sh(name: str, value: str) -> str:
    import shlex

    return f"export {name}={shlex.quote(value)}"


def _fish(name: str, value: str) -> str:
    # In single quotes, fish lets a backslash escape itself and the quote.
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"set -gx {name} '{escaped}'"


def _powershell(name: str, value: str) -> str:
    # PowerShell accepts typographic quotes too; each is doubled.
    escaped = re.sub("(['\u2018\u2019\u201a\u201b])", r"\1\1", value)
    return f"$Env:{name} = '{escaped}'"


def _dotenv(name: str, value: str) -> str:
    # docker, python-dotenv and others take single quotes literally; a value with a single quote needs double quotes.
    if re.fullmatch(r"[\w:/.@%+,=-]*", value, re.ASCII):
        return f"{name}={value}"
    if "'" not in value:
        return f"{name}='{value}'"
    escaped = re.sub(r'(["\\$`])', r"\\\1", value)
    return f'{name}="{escaped}"'


SHELLS: dict[str, Callable[[str, str], str]] = {
    "sh": _sh,
    "bash": _sh,
    "zsh": _sh,
    "fish": _fish,
    "powershell": _powershell,
    "dotenv": _dotenv,
}
