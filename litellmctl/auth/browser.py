"""Whether there is a browser here that a person could look at, and opening it."""

from __future__ import annotations

import sys
from pathlib import Path

from litellmctl.settings import environment

_TEXT_BROWSERS = {"lynx", "w3m", "links", "links2", "elinks", "www-browser"}
_CONTAINER_FILES = ("/.dockerenv", "/run/.containerenv")


def is_here() -> bool:
    """Whether a browser on this machine is in front of the person: not over SSH, in a container, without a screen."""
    if environment.get("SSH_CONNECTION") or environment.get("SSH_TTY"):
        return False
    chosen = environment.get("BROWSER")
    if chosen is not None:
        return Path(chosen.split()[0]).name not in _TEXT_BROWSERS
    if environment.get("KUBERNETES_SERVICE_HOST") or any(Path(name).exists() for name in _CONTAINER_FILES):
        return False
    if sys.platform == "win32" or sys.platform == "darwin":
        has_screen = True
    else:
        has_screen = bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"))
    return has_screen


def show(link: str) -> bool:
    """Open the link; return whether a browser took it, as far as that can be told."""
    import webbrowser

    from litellmctl.foundation.threads import in_background

    def opened() -> bool:
        try:
            return webbrowser.open(link)
        except (webbrowser.Error, OSError, ValueError):
            return False

    # In a thread, since some browsers keep us waiting until they are closed.
    pending = in_background(opened)
    return not pending.wait(0.5) or pending.result()
