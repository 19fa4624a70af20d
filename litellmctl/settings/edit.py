"""Finding and changing single settings in the config file, so that the user's comments survive."""

from __future__ import annotations

import codecs
import os
from collections.abc import Callable
from typing import Any, NamedTuple

from litellmctl.errors import ConfigFailure, UsageFailure, suggestion
from litellmctl.foundation import files, line_ends, locks
from litellmctl.settings.config import Config, parse
from litellmctl.settings.definitions import (
    GLOBAL_KEYS,
    PROFILE_KEYS,
    TABLES,
    Key,
    read_header_name,
    read_profile_name,
    read_text,
)

# Makes the table that is missing in another, under a name.
NewTable = Callable[[Any, str], Any]


class Address(NamedTuple):
    """A setting in the file: the path to its table, its name there, and its definition."""

    table: tuple[str, ...]
    name: str
    key: Key

    @property
    def full(self) -> str:
        """The dotted name."""
        return ".".join((*self.table, self.name))


def locate(text: str, profile: str) -> Address:
    """Find the setting that `text` names: `default_profile`, `profiles.NAME.KEY`, or a KEY of the profile in use."""
    if text in GLOBAL_KEYS:
        return Address((), text, GLOBAL_KEYS[text])
    parts = text.split(".")
    if parts[0] == "profiles":
        if len(parts) < 3:
            raise UsageFailure(f'"{text}" is not a setting', remedy="write it as profiles.NAME.KEY")
        profile, parts = read_profile_name(parts[1], text), parts[2:]
    table: tuple[str, ...] = ("profiles", profile)
    if parts[0] in TABLES and len(parts) > 1:
        header = read_header_name(".".join(parts[1:]), text, parts[0])
        return Address((*table, parts[0]), header, Key(header, "", read_text, str, secret=True))
    if len(parts) == 1 and parts[0] in PROFILE_KEYS:
        return Address(table, parts[0], PROFILE_KEYS[parts[0]])
    known = [*GLOBAL_KEYS, *PROFILE_KEYS]
    raise UsageFailure(f'unknown setting "{text}"{suggestion(parts[-1], known)}', remedy="litellmctl config --help")


def find(config: Config, address: Address) -> Any:
    """Return the setting as written in the file, or None."""
    table: Any = config.table
    for part in (*address.table, address.name):
        table = table.get(part) if isinstance(table, dict) else None
    return table


def set_value(config: Config, address: Address, text: str) -> Any:
    """Write a setting, unless it has that value already, and return the value as it was understood."""
    if address.key.type is dict:
        raise UsageFailure(f"{address.full} is a table", remedy=f"litellmctl config set {address.full}.NAME VALUE")
    if any("\ud800" <= character <= "\udfff" for character in text):  # such as a file's name that is not UTF-8
        raise UsageFailure(f"{address.full} contains invalid Unicode (a lone surrogate)", remedy="write it in UTF-8")
    value = address.key.read(text, address.full)

    def change(document: Any, new_table: NewTable) -> bool:
        table = document
        for part in address.table:
            if part not in table:
                table[part] = new_table(table, part)
            table = table[part]
        if table.get(address.name) == value:
            return False
        table[address.name] = value
        return True

    _edit(config, change, private=address.key.secret)
    return value


def unset_value(config: Config, address: Address) -> bool:
    """Remove a setting, and the tables that this leaves empty; return whether it was there."""

    def change(document: Any, _: NewTable) -> bool:
        tables = [document]
        for part in address.table:
            if part not in tables[-1]:
                return False
            tables.append(tables[-1][part])
        if address.name not in tables[-1]:
            return False
        del tables[-1][address.name]
        for depth in range(len(tables) - 1, 0, -1):
            if len(tables[depth]) == 0:
                del tables[depth - 1][address.table[depth - 1]]
        return True

    return _edit(config, change)


def is_last(config: Config, address: Address) -> bool:
    """Whether a setting, which may be the last one of a table, is all that its profile has in the file."""
    if address.table[:1] != ("profiles",):
        return False
    table = config.table.get("profiles", {}).get(address.table[1], {})
    for name in (*address.table[2:], address.name):
        if not isinstance(table, dict) or list(table) != [name]:
            return False
        table = table[name]
    return True


def remove_profile(config: Config, name: str) -> bool:
    """Remove a whole profile; return whether it was there."""
    return unset_value(config, Address(("profiles",), name, GLOBAL_KEYS["default_profile"]))


def _edit(config: Config, change: Callable[[Any, NewTable], bool], *, private: bool = False) -> bool:
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        with locks.locked(config.path):
            try:
                before = files.read(config.path)
            except FileNotFoundError:
                before = b""
            expected = parse(before, config.path)  # a file that cannot be read is left untouched
            if not change(expected, lambda _table, _name: {}):
                return False
            try:
                text = before.decode("utf-8-sig")
                document = tomlkit.parse(text)
                change(document, _new_table)
                mark = codecs.BOM_UTF8 if before.startswith(codecs.BOM_UTF8) else b""
                data = mark + line_ends.with_own(tomlkit.dumps(document), text).encode()
                config.table = _checked(data, config.path, expected)
            except (TOMLKitError, _Lost):
                raise ConfigFailure(
                    f"cannot change {config.path} without losing something in it; nothing was written",
                    remedy=f"change {config.path} by hand, or write each profile as [profiles.NAME]",
                ) from None
            files.write_atomically(config.path, data, durable=True, private=private)
    except OSError as error:
        raise ConfigFailure(
            f"cannot write {files.place(error, config.path)}: {files.reason(error)}",
            remedy=files.remedy(
                error, f"make {os.path.dirname(config.path)} writable, or export LITELLMCTL_CONFIG_DIR=/another/folder"
            ),
        ) from None
    return True


class _Lost(Exception):
    """The new file would not have the meaning that it should have."""


def _checked(data: bytes, path: str, expected: dict[str, Any]) -> dict[str, Any]:
    """Return the meaning of a new file, if it is the expected one: tomlkit errs on unusual forms of tables."""
    try:
        found = parse(data, path)
    except ConfigFailure:
        raise _Lost from None
    if found != expected:
        raise _Lost
    return found


def _new_table(table: Any, name: str) -> Any:
    import tomlkit

    if isinstance(table, tomlkit.items.InlineTable):
        return tomlkit.inline_table()
    return tomlkit.table(is_super_table=name == "profiles")
