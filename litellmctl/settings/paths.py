"""The paths of our files, as texts: importing pathlib takes 5 ms of every start (Python 3.11).

The current folder is never used, since it may be a stranger's checkout: without a home folder, as in a container whose
user is not in the user database, files of ours exist only where a variable says.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from litellmctl.errors import ConfigFailure
from litellmctl.settings import environment

if TYPE_CHECKING:
    from pathlib import Path

APP = "litellmctl"
_CONFIG, _CACHE = "LITELLMCTL_CONFIG_DIR", "LITELLMCTL_CACHE_DIR"


def config_dir() -> str | None:
    """Return the folder of config.toml and the stored logins; None without a home folder. Creates nothing."""
    return _folder(_CONFIG, "XDG_CONFIG_HOME", ".config", "user_config_dir")


def cache_dir() -> str | None:
    """Return the folder of the caches, which may always be deleted; None without a home folder. Creates nothing."""
    return _folder(_CACHE, "XDG_CACHE_HOME", ".cache", "user_cache_dir")


def required_config_dir() -> str:
    """Return the folder of config.toml and the stored logins. Raises a failure that names the variables."""
    return _required(config_dir(), "no folder for the config file and the logins", _CONFIG)


def required_cache_dir() -> str:
    """Return the folder of the caches. Raises a failure that names the variables."""
    return _required(cache_dir(), "no folder for caches", _CACHE)


def variables() -> dict[str, str]:
    """Return the variables by which another process, without those of this one, finds the same folders."""
    named = {_CONFIG: config_dir(), _CACHE: cache_dir()}
    usual = {
        _CONFIG: _folder("", "", ".config", "user_config_dir"),
        _CACHE: _folder("", "", ".cache", "user_cache_dir"),
    }
    return {name: folder for name, folder in named.items() if folder is not None and folder != usual[name]}


def google_credentials_file() -> Path | None:
    """Return the path of Google's application default credentials, by Google's rule; None without a home folder."""
    from pathlib import Path

    named = environment.get("GOOGLE_APPLICATION_CREDENTIALS")
    if named:
        return Path(named)
    folder = environment.get("CLOUDSDK_CONFIG")
    if folder is None:
        base = environment.get("APPDATA") if sys.platform == "win32" else home_if_any()
        below = ["gcloud"] if sys.platform == "win32" else [".config", "gcloud"]
        folder = None if base is None else os.path.join(base, *below)
    return None if folder is None else Path(folder) / "application_default_credentials.json"


def xdg_config_home() -> Path:
    """Return the base of other programs' config folders, by the XDG rule, which many follow on all systems."""
    from pathlib import Path

    base = environment.get("XDG_CONFIG_HOME")
    return Path(base) if base and os.path.isabs(base) else home() / ".config"


def home() -> Path:
    """Return the user's home folder. Raises a failure if there is none."""
    from pathlib import Path

    return Path(_required(home_if_any(), "no home folder"))


def home_if_any() -> str | None:
    """Return the user's home folder; None if there is none, or HOME is a path below the current folder."""
    found = os.path.expanduser("~")  # "~", if HOME is unset and the user is not in the user database
    return found if os.path.isabs(found) else None


def expanded(path: str) -> str:
    """Return a path with `~` replaced. Raises a failure if that home folder is unknown."""
    found = os.path.expanduser(path)
    if path.startswith("~") and not os.path.isabs(found):
        raise _homeless(f"cannot expand ~ in {path}")
    return found


def _folder(own: str, xdg: str, below_home: str, windows: str) -> str | None:
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
        folder = os.path.join(home_if_any() or "", below_home, APP)
    return folder if os.path.isabs(folder) else None


def _required(folder: str | None, message: str, *variables: str) -> str:
    if folder is None:
        raise _homeless(message, *variables)
    return folder


def _homeless(message: str, *variables: str) -> ConfigFailure:
    variable = "USERPROFILE" if sys.platform == "win32" else "HOME"
    is_set = environment.get(variable) is not None
    why = "is not an absolute path" if is_set else "is not set, and this user is not in the user database"
    remedy = ", or ".join(f"export {name}=/a/folder" for name in (variable, *variables))
    return ConfigFailure(f"{message}: {variable} {why}", remedy=remedy)
