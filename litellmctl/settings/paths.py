"""Where our files lie."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from litellmctl.settings import environment

APP = "litellmctl"


def config_dir() -> Path:
    """Return the folder of config.toml and the stored logins. Nothing is created."""
    return _folder("LITELLMCTL_CONFIG_DIR", "XDG_CONFIG_HOME", ".config", "user_config_dir")


def cache_dir() -> Path:
    """Return the folder of the caches; deleting it is always safe. Nothing is created."""
    return _folder("LITELLMCTL_CACHE_DIR", "XDG_CACHE_HOME", ".cache", "user_cache_dir")


def google_credentials_file() -> Path:
    """Return where Google's application default credentials lie, by Google's own rule."""
    named = environment.get("GOOGLE_APPLICATION_CREDENTIALS")
    if named:
        return Path(named)
    folder = environment.get("CLOUDSDK_CONFIG")
    if folder is None and sys.platform == "win32":
        folder = os.path.join(environment.get("APPDATA") or "", "gcloud")
    base = Path(folder) if folder else home() / ".config" / "gcloud"
    return base / "application_default_credentials.json"


def _folder(own: str, xdg: str, below_home: str, windows: str) -> Path:
    named = environment.get(own)
    if named:
        return Path(named).absolute()
    base = environment.get(xdg)
    if base and os.path.isabs(base):
        return Path(base) / APP
    if sys.platform == "win32":
        import platformdirs

        return Path(getattr(platformdirs, windows)(APP, appauthor=False))
    return home() / below_home / APP


def xdg_config_home() -> Path:
    """Return the base of other programs' config folders, by the XDG rule, which many follow on every system."""
    base = environment.get("XDG_CONFIG_HOME")
    return Path(base) if base and os.path.isabs(base) else home() / ".config"


def home() -> Path:
    """Return the user's home."""
    try:
        return Path.home()
    except RuntimeError:  # no HOME and no entry in the user database, as in some containers
        return Path.cwd()
