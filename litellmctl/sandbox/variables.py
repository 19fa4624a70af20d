"""The environment of the proxy, without anything of the user, and that of the command that uses it."""

from __future__ import annotations

import os
import shutil
import site
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

from litellmctl.settings.key_command import CHAIN

# Variables that programs need to run, and that Python needs to find its packages.
_NEEDED = (
    "PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONHOME", "PYTHONPATH",
    # Windows
    "PATHEXT", "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "NUMBER_OF_PROCESSORS", "PROCESSOR_ARCHITECTURE",
)  # fmt: skip
_HOMES = ("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "TMPDIR", "TEMP", "TMP")
_NOWHERE = "http://127.0.0.1:9"


def of_proxy(user: Mapping[str, str], home: Path, key: str) -> dict[str, str]:
    """Return the proxy's environment: without keys, settings and home folder of the user, so it has no account."""
    return {
        **{name: user[name] for name in _NEEDED if name in user},
        **dict.fromkeys(_HOMES, str(home)),
        # The user's own packages are in the real home folder.
        "PYTHONUSERBASE": site.getuserbase(),
        "PYTHONUTF8": "1",
        "PYTHONUNBUFFERED": "1",
        "LITELLM_MASTER_KEY": key,
        # Otherwise LiteLLM loads the first `.env` in the folders above its own, for example that of a project with a
        # virtual environment, and the keys in it.
        "LITELLM_MODE": "PRODUCTION",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_ENABLE_MCP_STDIO": "true",
        # LiteLLM's own list of allowed names does not include python3.11.
        "LITELLM_MCP_STDIO_EXTRA_COMMANDS": Path(sys.executable).name,
        "LITELLM_DONT_SHOW_FEEDBACK_BOX": "true",
        # Requests without a mock answer, such as speech, would go to a real provider: send them nowhere.
        **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), _NOWHERE),
        "NO_PROXY": "127.0.0.1,localhost",
    }


def of_python(proxy: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of the proxy's environment that the MCP server's Python needs."""
    return {name: value for name, value in proxy.items() if name.startswith("PYTHON")}


def of_command(user: Mapping[str, str], base_url: str, key: str, folder: Path) -> dict[str, str]:
    """Return the command's environment: that of the user, with the sandbox as the only proxy.

    `folder` is for its settings and caches, so that it finds no stored login.
    """
    path = user.get("PATH", os.defpath)
    if shutil.which("litellmctl", path=path) is None:
        path = os.pathsep.join([path, sysconfig.get_path("scripts")])
    return {
        **{name: value for name, value in user.items() if not name.upper().startswith("LITELLM") or name == CHAIN},
        "PATH": path,
        "LITELLM_BASE_URL": base_url,
        "LITELLM_API_KEY": key,
        "LITELLMCTL_CONFIG_DIR": str(folder / "config"),
        "LITELLMCTL_CACHE_DIR": str(folder / "cache"),
    }
