"""The environment of the proxy, in which nothing of the user's is, and of the command that uses it."""

from __future__ import annotations

import os
import shutil
import site
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

from litellmctl.settings.key_command import CHAIN

# What programs need to run at all, and what Python needs to find the packages that we found.
_NEEDED = (
    "PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONHOME", "PYTHONPATH",
    # Windows
    "PATHEXT", "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "NUMBER_OF_PROCESSORS", "PROCESSOR_ARCHITECTURE",
)  # fmt: skip
_HOMES = ("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "TMPDIR", "TEMP", "TMP")
_NOWHERE = "http://127.0.0.1:9"


def of_proxy(user: Mapping[str, str], home: Path, key: str) -> dict[str, str]:
    """Return the proxy's environment: no key, no setting and no home of the user's, so no account can be used."""
    return {
        **{name: user[name] for name in _NEEDED if name in user},
        **dict.fromkeys(_HOMES, str(home)),
        # The home is another one, and the user's own packages are below the real one.
        "PYTHONUSERBASE": site.getuserbase(),
        "PYTHONUTF8": "1",
        "PYTHONUNBUFFERED": "1",
        "LITELLM_MASTER_KEY": key,
        # Otherwise LiteLLM loads the first `.env` in the folders above its own, the project's around a virtual
        # environment for one, with whatever keys are in it.
        "LITELLM_MODE": "PRODUCTION",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_ENABLE_MCP_STDIO": "true",
        # The names that LiteLLM allows by itself do not include python3.11.
        "LITELLM_MCP_STDIO_EXTRA_COMMANDS": Path(sys.executable).name,
        "LITELLM_DONT_SHOW_FEEDBACK_BOX": "true",
        # What has no mock answer, speech for example, would go to a real provider: send it nowhere.
        **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), _NOWHERE),
        "NO_PROXY": "127.0.0.1,localhost",
    }


def of_python(proxy: Mapping[str, str]) -> dict[str, str]:
    """Return what the MCP server's Python needs of the proxy's environment."""
    return {name: value for name, value in proxy.items() if name.startswith("PYTHON")}


def of_command(user: Mapping[str, str], base_url: str, key: str, folder: Path) -> dict[str, str]:
    """Return the command's environment: the user's, but the sandbox is the only proxy in it.

    `folder` is for its settings and caches, so that no stored login is found.
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
