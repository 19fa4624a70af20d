"""The config file: one table of keys, profiles read from it, and edits that keep the user's comments."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from litellmctl.errors import ConfigFailure, UsageFailure, suggestion
from litellmctl.settings import environment, files, paths, values
from litellmctl.settings.base_url import normalize

if TYPE_CHECKING:
    from pathlib import Path

    import tomlkit

DEFAULT_PROFILE = "default"
_PROFILE_NAME = r"[A-Za-z0-9_][A-Za-z0-9_-]*"
_HEADER_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
MASK = "********"


class Key(NamedTuple):
    """A setting: its name, what it does, how a text on the command line becomes its value, and its default."""

    name: str
    help: str
    read: Callable[[str, str], Any]
    type: type
    default: Any = None
    secret: bool = False


def _read_text(text: str, _named: str) -> str:
    return text


def _read_bool(text: str, named: str) -> bool:
    known = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
    if text.lower() not in known:
        raise UsageFailure(f'{named} takes true or false, not "{text}"')
    return known[text.lower()]


def _read_url(text: str, named: str) -> str:
    return normalize(text, named=named)


def _read_reference(text: str, named: str) -> str:
    if values.parse(text, named=named).is_literal:
        raise UsageFailure(
            f"{named} takes a reference, since a key on the command line stays in the shell's history",
            remedy=f"litellmctl config set {named} '$NAME' (or '!command that prints the key')",
        )
    return text


def _read_header_name(text: str, named: str) -> str:
    if not re.fullmatch(_HEADER_NAME, text):
        raise UsageFailure(f'{named}: "{text}" is not a header name')
    return text


def _read_profile(text: str, named: str) -> str:
    if not re.fullmatch(_PROFILE_NAME, text):
        raise UsageFailure(f'{named}: "{text}" is not a profile name', remedy="use letters, digits, - and _")
    return text


PROFILE_KEYS = {
    key.name: key
    for key in (
        Key("base_url", "The proxy's base URL.", _read_url, str),
        Key("api_key", 'The key: "$NAME" or "!command".', _read_reference, str, secret=True),
        Key("gcloud", "Use Google application default credentials.", _read_bool, bool, default=False),
        Key("headers", "Extra request headers (headers.NAME).", _read_text, dict, secret=True),
        Key("key_header", "The header that carries the key.", _read_header_name, str, default="Authorization"),
        Key("allow_insecure_http", "Permit plain HTTP to other machines.", _read_bool, bool, default=False),
        Key("ca_bundle", "Certificate authorities to trust instead of the system's.", _read_text, str),
        Key("mcp", "Use MCP tools.", _read_bool, bool, default=True),
        Key("skills", "Use skills.", _read_bool, bool, default=True),
    )
}
GLOBAL_KEYS = {
    key.name: key
    for key in (
        Key("default_profile", "The profile that is used by default.", _read_profile, str, default=DEFAULT_PROFILE),
    )
}


class Profile(NamedTuple):
    """A named proxy as the config file tells of it; every value is as written there, checked for its type."""

    name: str
    table: Mapping[str, Any]

    def get(self, key: str) -> Any:
        """Return the setting, or its default."""
        return self.table.get(key, PROFILE_KEYS[key].default)

    @property
    def base_url(self) -> str | None:
        """The canonical base URL, where there is one."""
        text = self.table.get("base_url")
        return None if text is None else normalize(text, named=self.named("base_url"))

    @property
    def api_key(self) -> values.Value | None:
        """The key, not yet looked up."""
        text = self.table.get("api_key")
        return None if text is None else values.parse(text, named=self.named("api_key"))

    @property
    def headers(self) -> dict[str, values.Value]:
        """The extra headers, not yet looked up."""
        return {
            name: values.parse(text, named=self.named(f"headers.{name}"))
            for name, text in self.table.get("headers", {}).items()
        }

    def named(self, key: str) -> str:
        """Return the full name of a setting, as `config get` takes it."""
        return f"profiles.{self.name}.{key}"


class Config:
    """What config.toml says. Reading it never changes it; a file that cannot be parsed is exit 2."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of_user(cls) -> Config:
        """Return the config of this user."""
        return cls(paths.config_dir() / "config.toml")

    @cached_property
    def table(self) -> dict[str, Any]:
        """The file's content, each key known and of its type."""
        try:
            data = self.path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except OSError as error:
            raise ConfigFailure(f"cannot read {self.path}: {files.reason(error)}") from None
        return _parse(data, self.path)

    @property
    def profile_names(self) -> list[str]:
        """The profiles in the file, and `default`."""
        names = list(self.table.get("profiles", {}))
        return names if DEFAULT_PROFILE in names else [DEFAULT_PROFILE, *names]

    @property
    def default_profile(self) -> str:
        """The profile that is used where nobody chooses one."""
        return str(self.table.get("default_profile", DEFAULT_PROFILE))

    def profile(self, name: str) -> Profile:
        """Return the profile of that name; `default` always exists."""
        if name not in self.profile_names:
            raise UsageFailure(
                f'no profile "{name}" in {self.path}.{suggestion(name, self.profile_names)}',
                remedy=f"litellmctl config set profiles.{name}.base_url https://..."
                if re.fullmatch(_PROFILE_NAME, name)
                else "litellmctl config list --profiles",
            )
        return Profile(name, self.table.get("profiles", {}).get(name, {}))


def _parse(data: bytes, path: Path) -> dict[str, Any]:
    import tomllib

    try:
        table = tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ConfigFailure(f"{path} is not UTF-8 (byte {error.start})") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigFailure(
            f"{path} is not valid TOML: {error}", remedy=f"mend {path}; it was left untouched"
        ) from None
    except RecursionError:
        raise ConfigFailure(f"{path} is nested too deeply", remedy=f"mend {path}; it was left untouched") from None
    _check(table, path)
    return table


def _check(table: dict[str, Any], path: Path) -> None:
    for name, value in table.items():
        if name == "profiles":
            continue
        _check_key(name, value, GLOBAL_KEYS, name, path)
    profiles = table.get("profiles", {})
    if not isinstance(profiles, dict) or not all(isinstance(profile, dict) for profile in profiles.values()):
        raise ConfigFailure(f"{path}: profiles is not a table of tables", remedy="write [profiles.NAME]")
    for profile, settings in profiles.items():
        if not re.fullmatch(_PROFILE_NAME, profile):
            raise ConfigFailure(f'{path}: "{profile}" is not a profile name', remedy="use letters, digits, - and _")
        for name, value in settings.items():
            _check_key(name, value, PROFILE_KEYS, f"profiles.{profile}.{name}", path)


def _check_key(name: str, value: Any, keys: Mapping[str, Key], full: str, path: Path) -> None:
    if name not in keys:
        raise ConfigFailure(
            f'{path}: no setting is called "{full}".{suggestion(name, list(keys))}', remedy="litellmctl config list"
        )
    if not isinstance(value, keys[name].type):
        raise ConfigFailure(f"{path}: {full} is not a {_TYPE_NAMES[keys[name].type]}")
    if name == "key_header" and not re.fullmatch(_HEADER_NAME, str(value)):
        raise ConfigFailure(f'{path}: {full}: "{value}" is not a header name')
    if isinstance(value, dict):
        for header, text in value.items():
            if not isinstance(text, str) or not re.fullmatch(_HEADER_NAME, header):
                raise ConfigFailure(f'{path}: {full}: "{header}" is not a header with a text')


_TYPE_NAMES = {str: "text", bool: "boolean (true or false)", dict: "table"}


class Address(NamedTuple):
    """Where a setting stands in the file: the way to its table, its name there, and what it is."""

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
            raise UsageFailure(f'"{text}" names no setting', remedy="write it as profiles.NAME.KEY")
        profile, parts = _read_profile(parts[1], text), parts[2:]
    table: tuple[str, ...] = ("profiles", profile)
    if parts[0] == "headers" and len(parts) > 1:
        header = _read_header_name(".".join(parts[1:]), text)
        return Address((*table, "headers"), header, Key(header, "", _read_text, str, secret=True))
    if len(parts) == 1 and parts[0] in PROFILE_KEYS:
        return Address(table, parts[0], PROFILE_KEYS[parts[0]])
    known = [*GLOBAL_KEYS, *PROFILE_KEYS]
    raise UsageFailure(f'no setting is called "{text}".{suggestion(parts[-1], known)}', remedy="litellmctl config list")


def shown(key: Key, value: Any) -> Any:
    """Return a setting as it may be shown: literals of what can be a secret are masked, references are not."""
    if isinstance(value, dict):
        return {name: shown(key, text) for name, text in value.items()}
    if not key.secret or not isinstance(value, str):
        return value
    try:
        return MASK if values.parse(value, named=key.name).is_literal else value
    except ConfigFailure:
        return MASK


def find(config: Config, address: Address) -> Any:
    """Return the setting as it stands in the file, or None."""
    table: Any = config.table
    for part in (*address.table, address.name):
        table = table.get(part) if isinstance(table, dict) else None
    return table


def set_value(config: Config, address: Address, text: str) -> Any:
    """Write a setting, keep everything else in the file, and return the value as it was understood."""
    if address.key.type is dict:
        raise UsageFailure(f"{address.full} is a table", remedy=f"litellmctl config set {address.full}.NAME VALUE")
    value = address.key.read(text, address.full)

    def change(document: tomlkit.TOMLDocument) -> bool:
        import tomlkit

        table: Any = document
        for part in address.table:
            if part not in table:
                inline = isinstance(table, tomlkit.items.InlineTable)
                table[part] = tomlkit.inline_table() if inline else tomlkit.table(is_super_table=part == "profiles")
            table = table[part]
        table[address.name] = value
        return True

    _edit(config, change, private=address.key.secret)
    return value


def unset_value(config: Config, address: Address) -> bool:
    """Remove a setting, and the tables that this leaves empty; return whether it was there."""

    def change(document: tomlkit.TOMLDocument) -> bool:
        tables: list[Any] = [document]
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


def remove_profile(config: Config, name: str) -> bool:
    """Remove a whole profile; return whether it was there."""
    return unset_value(config, Address(("profiles",), name, GLOBAL_KEYS["default_profile"]))


def _edit(config: Config, change: Callable[[tomlkit.TOMLDocument], bool], *, private: bool = False) -> bool:
    import tomlkit

    try:
        with files.locked(config.path):
            try:
                before = config.path.read_bytes()
            except FileNotFoundError:
                before = b""
            _parse(before, config.path)  # a file that cannot be read is left untouched
            document = tomlkit.parse(before.decode("utf-8-sig"))
            if not change(document):
                return False
            data = tomlkit.dumps(document).encode()
            config.__dict__["table"] = _parse(data, config.path)  # never write what could not be read again
            files.write_atomically(config.path, data, durable=True, private=private)
    except OSError as error:
        raise ConfigFailure(f"cannot write {config.path}: {files.reason(error)}") from None
    return True


def selected_profile(config: Config, chosen: str | None) -> Profile:
    """Return the profile that the option, the variable or the file chooses, in this order."""
    return config.profile(chosen or environment.get("LITELLMCTL_PROFILE") or config.default_profile)
