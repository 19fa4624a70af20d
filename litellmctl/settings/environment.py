"""The environment variables that litellmctl reads, in one table, which is also their help."""

from __future__ import annotations

import os
import re

from litellmctl.errors import ConfigFailure

# The sources of credentials, in the order in which they are tried; --auth and LITELLMCTL_AUTH choose one.
AUTH_SOURCES = ("stored", "config", "gcloud", "helper", "env")

# Of milliseconds: eleven days.
_MAX_DIGITS = 10

# name -> what it does. `litellmctl help environment` and the README print this table.
VARIABLES: dict[str, str] = {
    "LITELLM_BASE_URL": "Base URL of the proxy.",
    "LITELLM_API_KEY": "Key for LITELLM_BASE_URL.",
    "LITELLM_API_KEY_HELPER": "Command that prints a key; overrides LITELLM_API_KEY.",
    "LITELLM_GCLOUD_TOKEN_AUTH": "1: use Google application default credentials; overrides both keys above.",
    "LITELLM_PROXY_URL": "Base URL of the proxy, used if LITELLM_BASE_URL has no key.",
    "LITELLM_PROXY_API_KEY": "Key for LITELLM_PROXY_URL.",
    "LITELLM_HEADERS": "JSON object of extra request headers, for a key from these variables.",
    "LITELLM_OFFLINE": "1: never use the network, only what is cached.",
    "LITELLM_DISCOVERY_TIMEOUT_MS": "Time limit for listing models (default: 5000); 0 never lists them.",
    "LITELLM_VERBOSE_DISCOVERY": "1: print on stderr how models are listed.",
    "LITELLM_CLI_JWT_EXPIRATION_HOURS": "Lifetime of a login if the proxy does not say (default: 24).",
    "LITELLMCTL_PROFILE": "Profile to use; --profile overrides it.",
    "LITELLMCTL_AUTH": "Credential source: stored, config, gcloud, helper or env; --auth overrides it.",
    "LITELLMCTL_ALLOW_INSECURE_HTTP": "1: allow plain HTTP to other machines.",
    "LITELLMCTL_KEYRING": "off: keep secrets in a private file instead of the keyring.",
    "LITELLMCTL_CONFIG_DIR": "Folder of config.toml and the stored logins (default: ~/.config/litellmctl).",
    "LITELLMCTL_CACHE_DIR": "Folder of the caches (default: ~/.cache/litellmctl).",
    "LITELLMCTL_KEY_COMMANDS": "Set for commands that print a key, so that none runs itself.",
    "LITELLMCTL_NO_INPUT": "Set: never prompt, like --no-input.",
    "LITELLMCTL_DEBUG": "1: show the traceback of an unexpected error.",
    "GOOGLE_APPLICATION_CREDENTIALS": "Google's application default credentials file.",
    "CLOUDSDK_CONFIG": "Folder of Google's application default credentials file.",
    "REQUESTS_CA_BUNDLE": "Certificate authorities to trust, instead of the system's.",
    "SSL_CERT_FILE": "The same, if REQUESTS_CA_BUNDLE is not set.",
    "HTTPS_PROXY": "HTTP proxy to use (also HTTP_PROXY, ALL_PROXY), but never for loopback.",
    "NO_PROXY": "Hosts to reach without the HTTP proxy.",
    "NO_COLOR": "Set: no colour. FORCE_COLOR=1 and CLICOLOR_FORCE=1 force it.",
    "COLUMNS": "Width of tables and messages (default: the terminal's).",
    "XDG_CONFIG_HOME": "Base of the config folder, if LITELLMCTL_CONFIG_DIR is not set.",
    "XDG_CACHE_HOME": "Base of the cache folder, if LITELLMCTL_CACHE_DIR is not set.",
    "BROWSER": "Browser for login; in a container, none is expected without it.",
    "DISPLAY": "On Linux, without it and WAYLAND_DISPLAY, login expects no browser.",
    "WAYLAND_DISPLAY": "Like DISPLAY.",
    "SSH_CONNECTION": "Set (or SSH_TTY): the browser is elsewhere, and login uses a device code.",
    "KUBERNETES_SERVICE_HOST": "Set: this is a container, and login expects no browser.",
    "CODEX_HOME": "Codex's folder, which export writes to.",
    "CLAUDE_CONFIG_DIR": "Claude Code's folder, which export writes to.",
    "CRUSH_GLOBAL_CONFIG": "Crush's config folder, which export writes to.",
    "GOOSE_PATH_ROOT": "Folder above goose's config folder, which export writes to.",
    "PI_CODING_AGENT_DIR": "Pi's folder, which export writes to.",
    "CONTINUE_GLOBAL_DIR": "Continue's folder, which export writes to.",
    "LLM_USER_PATH": "llm's folder, which export writes to.",
    "OPENCODE_CONFIG": "opencode's config file, which export writes to.",
    "QWEN_HOME": "Qwen Code's folder, which export writes to.",
    "COPILOT_HOME": "Copilot CLI's folder, which export writes to.",
    "HERMES_HOME": "Hermes' folder, which export writes to.",
    "CLINE_MCP_SETTINGS_PATH": "Cline's file of MCP servers, which export writes to.",
    "CLINE_DATA_DIR": "Cline's data folder, if CLINE_MCP_SETTINGS_PATH is not set.",
    "CLINE_DIR": "Folder above Cline's data folder, if CLINE_DATA_DIR is not set.",
    "VSCODE_PORTABLE": "Data folder of a portable VS Code, which export writes to.",
    "VSCODE_APPDATA": "Folder above VS Code's own, if VSCODE_PORTABLE is not set.",
    "ANTHROPIC_CUSTOM_HEADERS": "Claude Code's headers, which run keeps.",
    "ANTHROPIC_MODEL": "Claude Code's model, if run chooses none.",
    "GEMINI_CLI_HOME": "Folder above Gemini CLI's own, which run reads and export writes to.",
    "GEMINI_CLI_SYSTEM_SETTINGS_PATH": "Gemini CLI's administrator settings, which export reads.",
    "GEMINI_CLI_SYSTEM_DEFAULTS_PATH": "Gemini CLI's administrator defaults, which export reads.",
    "GEMINI_CLI_TRUSTED_FOLDERS_PATH": "Gemini CLI's trusted folders, which run keeps.",
    "GEMINI_MODEL": "Gemini CLI's model, if run chooses none.",
    "QWEN_CODE_SYSTEM_SETTINGS_PATH": "Qwen Code's administrator settings, which run reads.",
    "QWEN_CODE_SYSTEM_DEFAULTS_PATH": "Qwen Code's administrator defaults, which run keeps.",
    "CLAUDE_CODE_SESSION_ID": "Claude Code's session, which MCP calls name to the proxy's logs.",
    "CODEX_THREAD_ID": "The same for Codex.",
    "OPENCODE_SESSION_ID": "The same for opencode, where a plugin sets it.",
    "PI_SESSION_ID": "The same for Pi.",
    "CI": "Set: caches are refreshed in the foreground.",
}
# Where agents name their session to the processes that they start: Claude Code 2.1.332, Codex 0.171.0, Pi 1.6.0;
# opencode leaves it to plugins.
_SESSIONS = ("CLAUDE_CODE_SESSION_ID", "CODEX_THREAD_ID", "OPENCODE_SESSION_ID", "PI_SESSION_ID")
# What LiteLLM takes for the ID of a session.
_SESSION_ID = r"[A-Za-z0-9_-]{8,128}"


def get(name: str) -> str | None:
    """Return the variable's value without surrounding white space; None where it is unset or empty."""
    value = os.environ.get(name)
    return (value.strip() or None) if value else None


def is_empty(name: str) -> bool:
    """Whether the variable is set, to nothing."""
    return os.environ.get(name, "x").strip() == ""


def flag(name: str) -> bool:
    """Whether the variable is set, and not to `0`."""
    return (get(name) or "0") != "0"


def milliseconds(name: str, default: float) -> float:
    """Return the variable's milliseconds as seconds."""
    value = get(name)
    if value is None:
        return default
    if not (value.isascii() and value.isdigit() and len(value) < _MAX_DIGITS):
        raise ConfigFailure(f'{name} is "{value}", which is not a valid number of milliseconds', remedy=f"unset {name}")
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
        raise ConfigFailure(f'{name} is "{value}", which is not a valid number of hours', remedy=f"unset {name}")
    return found * 3600


def agent_session() -> str | None:
    """Return the ID of the session of the agent that runs this; None where no agent does."""
    return next((found for found in map(get, _SESSIONS) if found and re.fullmatch(_SESSION_ID, found)), None)


def snapshot() -> dict[str, str]:
    """Return a copy of the environment, for a process that we start."""
    return dict(os.environ)
