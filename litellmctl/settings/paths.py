"""Where our files lie. Our own paths are texts: pathlib takes 5 ms of every start to import (Python 3.11)."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from litellmctl.settings import environment

if TYPE_CHECKING:
    from pathlib import Path

APP = "litellmctl"


def config_dir() -> str:
    """Return the folder of config.toml and the stored logins. Nothing is created."""
    return _folder("LITELLMCTL_CONFIG_DIR", "XDG_CONFIG_HOME", ".config", "user_config_dir")


def cache_dir() -> str:
    """Return the folder of the caches; deleting it is always safe. Nothing is created."""
    return _folder("LITELLMCTL_CACHE_DIR", "XDG_CACHE_HOME", ".cache", "user_cache_dir")


def google_credentials_file() -> Path:
    """Return where Google's application default credentials lie, by Google's own rule."""
    from pathlib import Path

    named = environment.get("GOOGLE_APPLICATION_CREDENTIALS")
    if named:
        return Path(named)
    folder = environment.get("CLOUDSDK_CONFIG")
    if folder is None and sys.platform == "win32":
        folder = os.path.join(environment.get("APPDATA") or "", "gcloud")
    base = Path(folder) if folder else home() / ".config" / "gcloud"
    return base / "application_default_credentials.json"


def xdg_config_home() -> Path:
    """Return the base of other programs' config folders, by the XDG rule, which many follow on every system."""
    from pathlib import Path

    base = environment.get("XDG_CONFIG_HOME")
    return Path(base) if base and os.path.isabs(base) else home() / ".config"


def home() -> Path:
    """Return the user's home."""
    from pathlib import Path

    return Path(_home())


def _folder(own: str, xdg: str, below_home: str, windows: str) -> str:
    named = environment.get(own)
    if named:
        return os.path.abspath(named)
    base = environment.get(xdg)
    if base and os.path.isabs(base):
        return os.path.join(base, APP)
    if sys.platform == "win32":
        import platformdirs

        folder = str(getattr(platformdirs, windows)(APP, appauthor=False))
    else:
        folder = os.path.join(_home(), below_home, APP)
    return folder


def _home() -> str:
    found = os.path.expanduser("~")
    # No HOME and no entry in the user database, as in some containers.
    return os.getcwd() if found == "~" else found
