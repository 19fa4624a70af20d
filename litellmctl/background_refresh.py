"""A refresh of the cached lists in the background, in a process of its own."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from litellmctl import own_command

if TYPE_CHECKING:
    from litellmctl.options import Options


def start(options: Options, profile: str) -> None:
    """Start `litellmctl refresh --background` for the same proxy and credential; a failure to start is silent.

    Its streams are the null device, so that `litellmctl models | cat` returns at once, and its session is its own, so
    that closing the terminal does not stop it.
    """
    import subprocess

    command = own_command.command("refresh", "--background", "--quiet", "--profile", profile)
    for name, value in (("--base-url", options.base_url), ("--auth", options.auth)):
        if value is not None:
            command += [name, value]
    if options.allow_insecure_http:
        command.append("--allow-insecure-http")
    detached = 0
    if sys.platform == "win32":
        detached = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
    with suppress(OSError, ValueError):
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=sys.platform != "win32",
            creationflags=detached,
        )
        process.returncode = 0  # no one waits for it: without this, subprocess would warn about that
