"""Which of our files and folders other users may read or write."""

from __future__ import annotations

import os
import shlex
import stat
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from litellmctl.doctor.runner import OK, SKIP, WARN, Finding
from litellmctl.foundation.files import is_strangers
from litellmctl.proxy.client_certificate import may_be_read_by_others
from litellmctl.settings import paths

if TYPE_CHECKING:
    from litellmctl.settings.config import Config

_WRITE, _READ = stat.S_IWGRP | stat.S_IWOTH, stat.S_IRGRP | stat.S_IROTH
_SHOWN = 3


class Exposed(NamedTuple):
    """A path of ours and its problem; the rights to remove (None if it belongs to another user)."""

    path: str
    what: str
    rights: str | None


def exposure(
    config_dir: str | None, cache_dir: str | None, *, config_is_secret: bool, keys: Sequence[str] = ()
) -> Finding:
    """Return the finding about our files, and the private `keys` that the config file names.

    `config_is_secret`: config.toml itself holds a key.
    """
    if os.name == "nt":
        return Finding(SKIP, "on Windows, files have the permissions of their folders")
    folders = [folder for folder in (config_dir, cache_dir) if folder is not None]
    folders += [os.path.join(folder, name) for folder in folders for name in ("exports", "sandbox", "serve")]
    folders = [folder for folder in folders if os.path.isdir(folder)]
    found = [Exposed(path, "is readable by others", "go-rwx") for path in keys if may_be_read_by_others(path)]
    found += [one for folder in folders for one in _in_folder(folder, config_is_secret)]
    # A user who may rename a folder of ours can replace it.
    above = {os.path.dirname(os.path.realpath(folder)) for folder in folders}
    found += [one for folder in sorted(_with_ancestors(above) - set(folders)) for one in _above(folder)]
    if not found:
        return Finding(OK, "only you can write your files and read your secrets")
    words = [f"{one.path} {one.what}" for one in found]
    more = f"; and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
    return Finding(WARN, f"{'; '.join(words[:_SHOWN])}{more}", _remedy(found))


def holds_secret(config: Config) -> bool:
    """Whether the config file contains a possible secret, and not just a reference to it."""
    from litellmctl.settings.definitions import PROFILE_KEYS, shown

    profiles: Mapping[str, Any] = config.table.get("profiles", {})
    return any(
        key.name in settings and shown(key, settings[key.name]) != settings[key.name]
        for settings in profiles.values()
        for key in PROFILE_KEYS.values()
    )


def key_files(config: Config) -> list[str]:
    """Return the files with private keys that the profiles name."""
    profiles: Mapping[str, Any] = config.table.get("profiles", {})
    named = [profile.get("client_key") or profile.get("client_cert") for profile in profiles.values()]
    return sorted({paths.expanded(path) for path in named if path})


def _in_folder(folder: str, config_is_secret: bool) -> Iterator[Exposed]:
    status = os.stat(folder)
    if is_strangers(status):
        yield _strangers(folder, status)
    elif status.st_mode & _WRITE:
        yield Exposed(folder, "is writable by others", "go-rwx")
    names: Sequence[str] = []
    with suppress(OSError):  # a folder that this user may not read
        names = sorted(os.listdir(folder))
    for name in names:
        path = os.path.join(folder, name)
        try:
            link, status = os.lstat(path), os.stat(path)
        except OSError:
            continue
        if stat.S_ISLNK(link.st_mode) and is_strangers(link):
            yield _strangers(path, link)
            continue
        if not stat.S_ISREG(status.st_mode):
            continue
        is_secret = config_is_secret if name == "config.toml" else name == "key" or name.endswith((".json", ".tmp"))
        if is_strangers(status):
            yield _strangers(path, status)
        elif status.st_mode & _WRITE:
            yield Exposed(path, "is writable by others", "go-rwx" if is_secret else "go-w")
        elif is_secret and status.st_mode & _READ:
            yield Exposed(path, "is readable by others", "go-rwx")


def _above(folder: str) -> Iterator[Exposed]:
    """Yield the problem of a folder above ours, whose rights need not be as narrow."""
    status = os.stat(folder)
    shared = stat.S_IWOTH if _is_own_group(status.st_gid) else _WRITE
    if is_strangers(status):
        yield _strangers(folder, status)
    elif status.st_mode & shared and not status.st_mode & stat.S_ISVTX:
        yield Exposed(folder, "is writable by others", "go-w" if shared == _WRITE else "o-w")


def _with_ancestors(folders: set[str]) -> set[str]:
    found: set[str] = set()
    for folder in folders:
        while folder not in found:
            found.add(folder)
            folder = os.path.dirname(folder)  # noqa: PLW2901
    return found


def _is_own_group(gid: int) -> bool:
    """Whether a group has no other members: many systems create one for each user, with the user's name."""
    if sys.platform != "win32":
        with suppress(ImportError, KeyError):
            import grp
            import pwd

            name = pwd.getpwuid(os.geteuid()).pw_name
            group = grp.getgrgid(gid)
            return group.gr_name == name and set(group.gr_mem) <= {name}
    return False


def _strangers(path: str, status: os.stat_result) -> Exposed:
    # By number, since the report for an issue names no user.
    return Exposed(path, f"belongs to another user (uid {status.st_uid})", None)


def _remedy(found: Sequence[Exposed]) -> str:
    """Return one command for everything that chmod can fix; a sentence for files of another user."""
    strangers = [shlex.quote(one.path) for one in found if one.rights is None]
    if strangers:
        return f"look at {' '.join(strangers[:_SHOWN])}, and ask its owner or your administrator"
    commands = []
    for rights in ("go-rwx", "go-w", "o-w"):
        paths = [shlex.quote(one.path) for one in found if one.rights == rights]
        if paths:
            commands.append(f"chmod {rights} {' '.join(paths)}")
    return " && ".join(commands)
