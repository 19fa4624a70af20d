"""Whether there is a browser that the user can see, and how to open it.

The address to open is in the browser's arguments, which every user of the machine can read. So it is a file that only
this user can read, which leads to the link; or an address of ours that admits only this user (`loopback`).
"""

from __future__ import annotations

import os
import secrets
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from litellmctl.settings import environment

_TEXT_BROWSERS = {"lynx", "w3m", "links", "links2", "elinks", "www-browser"}
# These open a file with whatever edits its kind, or have the browser on another machine.
_OPENERS = {
    "xdg-open",
    "gio",
    "gvfs-open",
    "gnome-open",
    "exo-open",
    "sensible-browser",
    "wslview",
    "garcon-url-handler",
}
_SANDBOXES = {"snap", "flatpak"}
_ENDING = ("SIGTERM", "SIGHUP", "SIGQUIT", "SIGBREAK")
_PATIENCE_SECONDS = 5.0
_ABANDONED_SECONDS = 3600.0
_CONTAINER_FILES = ("/.dockerenv", "/run/.containerenv")


def is_here() -> bool:
    """Whether the user can see a browser of this machine: not over SSH, in a container, or without a screen."""
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


def reads_files() -> bool:
    """Whether the browser can read our files: not in a sandbox, nor if it is unknown which browser it is.

    Browsers from snap and flatpak read neither hidden folders nor /tmp.
    """
    from litellmctl.foundation.threads import in_background

    if sys.platform == "win32" or sys.platform == "darwin":
        reads = True
    else:
        # In a thread, since the standard library asks the desktop for its browser without a time limit.
        pending = in_background(_is_bare)
        reads = pending.wait(_PATIENCE_SECONDS) and pending.result()
    return reads


def _is_bare() -> bool:
    import webbrowser

    try:
        name = str(getattr(webbrowser.get(), "name", ""))
    except (webbrowser.Error, OSError, ValueError):
        return True
    found = shutil.which(name)
    if found is None or Path(name).name in _OPENERS or name.endswith(".sh"):
        return False
    if {*Path(found).parts, *Path(os.path.realpath(found)).parts} & _SANDBOXES:
        return False
    with suppress(OSError), open(found, "rb") as file:
        start = file.read(4096)
        return not (start.startswith(b"#!") and (b"/snap/" in start or b"flatpak" in start))
    return True


@contextmanager
def file_to(link: str) -> Iterator[str]:
    """Yield the address of a file that leads to the link and that only this user can read; it exists for the body.

    A signal that ends this process removes it too. Raises OSError or a failure if the file cannot be written.
    """
    from litellmctl.auth.loopback_page import redirect
    from litellmctl.foundation import files
    from litellmctl.settings import paths

    folder = os.path.join(paths.required_cache_dir(), "sign-in")
    path = os.path.join(folder, f"{secrets.token_hex(8)}.html")
    with _removed(path):
        files.write_atomically(path, redirect(link))
        _forget_abandoned(folder)
        yield Path(path).as_uri()


@contextmanager
def _removed(path: str) -> Iterator[None]:
    """Remove a file after the body, or before a signal ends this process that is neither handled nor ignored."""
    import signal
    import threading

    def end(number: int, _: object) -> None:
        with suppress(OSError):
            os.unlink(path)
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)

    numbers = [getattr(signal, name) for name in _ENDING if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():
        numbers = []  # only the main thread may handle signals
    taken = [number for number in numbers if signal.getsignal(number) == signal.SIG_DFL]
    try:
        for number in taken:
            signal.signal(number, end)
        yield
    finally:
        with suppress(OSError):
            os.unlink(path)
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


def _forget_abandoned(folder: str) -> None:
    """Remove the files of killed processes: no sign-in waits for so long."""
    with suppress(OSError), os.scandir(folder) as entries:
        for left in entries:
            if left.stat(follow_symlinks=False).st_mtime < time.time() - _ABANDONED_SECONDS:
                os.unlink(left)


def show(link: str) -> bool:
    """Open the link; return whether a browser accepted it, as far as that is known."""
    import webbrowser

    from litellmctl.foundation.threads import in_background

    def opened() -> bool:
        try:
            return webbrowser.open(link)
        except (webbrowser.Error, OSError, ValueError):
            return False

    # In a thread, since some browsers only return when they are closed.
    pending = in_background(opened)
    return not pending.wait(0.5) or pending.result()
