"""The environment variables that litellmctl reads: one table, which also is the help about them."""

from __future__ import annotations

import os

from litellmctl.errors import ConfigFailure

# Where a credential can come from, in the order in which they are tried: --auth and LITELLMCTL_AUTH name one.
AUTH_SOURCES = ("stored", "config", "gcloud", "helper", "env")

# Of milliseconds: eleven days.
_MAX_DIGITS = 10

# name -> what it does. `litellmctl help environment` and the README print this table.
VARIABLES: dict[str, str] = {
    "LITELLM_BASE_URL": "The proxy's base URL.",
    "LITELLM_API_KEY": "The key for LITELLM_BASE_URL.",
    "LITELLM_API_KEY_HELPER": "A command that prints a key; goes before LITELLM_API_KEY.",
    "LITELLM_GCLOUD_TOKEN_AUTH": "Set and not 0: use Google application default credentials; goes before both.",
    "LITELLM_PROXY_URL": "Another proxy's base URL, used when LITELLM_BASE_URL has no key.",
    "LITELLM_PROXY_API_KEY": "The key for LITELLM_PROXY_URL.",
    "LITELLM_HEADERS": "A JSON object of extra request headers for a proxy named by these variables.",
    "LITELLM_OFFLINE": "1: never touch the network; use what is cached.",
    "LITELLM_DISCOVERY_TIMEOUT_MS": "How long looking for models may take (5000); 0 switches it off.",
    "LITELLM_VERBOSE_DISCOVERY": "1: print the steps of looking for models on stderr.",
    "LITELLM_CLI_JWT_EXPIRATION_HOURS": "How long a sign-in lasts where the proxy does not say (24).",
    "LITELLMCTL_PROFILE": "The profile to use; --profile goes first.",
    "LITELLMCTL_AUTH": "The source of the credential: stored, config, gcloud, helper or env; --auth goes first.",
    "LITELLMCTL_ALLOW_INSECURE_HTTP": "1: permit plain HTTP to other machines.",
    "LITELLMCTL_KEYRING": "off: keep secrets in a file that only you may read, not in the keyring.",
    "LITELLMCTL_CONFIG_DIR": "Where config.toml and the stored logins lie (~/.config/litellmctl).",
    "LITELLMCTL_CACHE_DIR": "Where caches lie (~/.cache/litellmctl).",
    "LITELLMCTL_KEY_COMMANDS": "Set for a command that prints a key: which of them run, so that none runs itself.",
    "LITELLMCTL_NO_INPUT": "Set: never prompt, as --no-input.",
    "LITELLMCTL_DEBUG": "1: show the traceback of an unexpected error.",
    "GOOGLE_APPLICATION_CREDENTIALS": "Google's own: the application default credentials file.",
    "CLOUDSDK_CONFIG": "Google's own: the folder in which that file lies by default.",
    "REQUESTS_CA_BUNDLE": "Certificate authorities to trust instead of the operating system's.",
    "SSL_CERT_FILE": "The same, where REQUESTS_CA_BUNDLE is not set.",
    "HTTPS_PROXY": "The HTTP proxy to go through (also HTTP_PROXY, ALL_PROXY); never used for loopback.",
    "NO_PROXY": "Hosts to reach without it.",
    "NO_COLOR": "Set: no colour. FORCE_COLOR=1 and CLICOLOR_FORCE=1 force it.",
    "XDG_CONFIG_HOME": "The base of the config folder, where LITELLMCTL_CONFIG_DIR is not set.",
    "XDG_CACHE_HOME": "The base of the cache folder, where LITELLMCTL_CACHE_DIR is not set.",
    "BROWSER": "The browser that login opens; set in a container, it says that there is one.",
    "DISPLAY": "With WAYLAND_DISPLAY unset too (Linux): there is no browser here.",
    "WAYLAND_DISPLAY": "As DISPLAY.",
    "SSH_CONNECTION": "Set: the browser is elsewhere, and login takes the device code (also SSH_TTY).",
    "KUBERNETES_SERVICE_HOST": "Set: this is a container, and there is no browser here.",
    "CODEX_HOME": "Codex's own: its folder, which export writes to.",
    "CLAUDE_CONFIG_DIR": "Claude Code's own: its folder, which export writes to.",
    "CRUSH_GLOBAL_CONFIG": "Crush's own: its config folder, which export writes to.",
    "GOOSE_PATH_ROOT": "goose's own: the folder above its config folder, which export writes to.",
    "PI_CODING_AGENT_DIR": "Pi's own: its folder, which export writes to.",
    "CONTINUE_GLOBAL_DIR": "Continue's own: its folder, which export writes to.",
    "LLM_USER_PATH": "llm's own: its folder, which export writes to.",
    "OPENCODE_CONFIG": "opencode's own: its config file, which export writes to.",
    "CI": "Set: caches are refreshed in the foreground.",
}


def get(name: str) -> str | None:
    """Return the variable's value without surrounding white space; None where it is unset or empty."""
    value = os.environ.get(name)
    return (value.strip() or None) if value else None


def flag(name: str) -> bool:
    """Whether the variable is set, and not to `0`."""
    return (get(name) or "0") != "0"


def milliseconds(name: str, default: float) -> float:
    """Return the variable's milliseconds as seconds."""
    value = get(name)
    if value is None:
        return default
    if not (value.isascii() and value.isdigit() and len(value) < _MAX_DIGITS):
        raise ConfigFailure(f'{name} is "{value}", not a number of milliseconds', remedy=f"unset {name}")
    return int(value) / 1000


def hours(name: str, default: float) -> float:
    """Return the variable's hours as seconds."""
    value = get(name)
    if value is None:
        return default * 3600
    try:
        found = float(value)
    except ValueError:
        found = 0.0
    if not 0 < found < 24 * 366 * 10:
        raise ConfigFailure(f'{name} is "{value}", not a number of hours', remedy=f"unset {name}")
    return found * 3600


def snapshot() -> dict[str, str]:
    """Return a copy of the environment, for a process that we start."""
    return dict(os.environ)
