"""The config file as it is read: profiles, each setting checked. `keys` says which there are, `edit` changes them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any, NamedTuple

from litellmctl.errors import ConfigFailure, UsageFailure, suggestion
from litellmctl.foundation import files
from litellmctl.foundation.urls import normalize
from litellmctl.settings import environment, paths, values
from litellmctl.settings.definitions import (
    DEFAULT_PROFILE,
    GLOBAL_KEYS,
    HEADER_NAME,
    PROFILE_KEYS,
    PROFILE_NAME,
    TABLES,
    Key,
)


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
        return self._values("headers")

    @property
    def mcp_headers(self) -> dict[str, values.Value]:
        """The headers for MCP servers, named SERVER:HEADER, not yet looked up."""
        return self._values("mcp_headers")

    def _values(self, key: str) -> dict[str, values.Value]:
        return {
            name: values.parse(text, named=self.named(f"{key}.{name}"))
            for name, text in self.table.get(key, {}).items()
        }

    def headers_for(self, base_url: str) -> dict[str, values.Value]:
        """Return the extra headers for a proxy: none where the profile is about another one."""
        return self.headers if self.base_url in {None, base_url} else {}

    def named(self, key: str) -> str:
        """Return the full name of a setting, as `config get` takes it."""
        return f"profiles.{self.name}.{key}"


class Config:
    """What config.toml says. Reading it never changes it; a file that cannot be parsed is exit 2.

    Its path is None for a user without a home, who has no settings.
    """

    def __init__(self, path: str | os.PathLike[str] | None) -> None:
        self._path = None if path is None else os.fspath(path)

    @classmethod
    def of_user(cls) -> Config:
        """Return the config of this user."""
        folder = paths.config_dir()
        return cls(None if folder is None else os.path.join(folder, "config.toml"))

    @property
    def path(self) -> str:
        """The file. Raises a failure where there is no folder for it."""
        return self._path or os.path.join(paths.required_config_dir(), "config.toml")

    @cached_property
    def table(self) -> dict[str, Any]:
        """The file's content, each key known and of its type."""
        if self._path is None:
            return {}
        try:
            data = files.read(self.path)
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except OSError as error:
            from litellmctl.foundation import unexpected  # only on the way to an error

            raise unexpected.exhausted(error) or ConfigFailure(
                f"cannot read {files.place(error, self.path)}: {files.reason(error)}",
                remedy=files.remedy(error, f"make {self.path} readable"),
            ) from None
        return parse(data, self.path)

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
            try:
                path = self.path
            except ConfigFailure as failure:
                raise failure.because(f'no profile "{name}"') from None
            raise UsageFailure(
                f'no profile "{name}" in {path}.{suggestion(name, self.profile_names)}',
                remedy=f"litellmctl config set profiles.{name}.base_url https://..."
                if re.fullmatch(PROFILE_NAME, name)
                else "litellmctl config list --profiles",
            )
        return Profile(name, self.table.get("profiles", {}).get(name, {}))


def parse(data: bytes, path: str) -> dict[str, Any]:
    """Return the settings in a file's content, each known and of its type."""
    import tomllib

    try:
        table = tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ConfigFailure(
            f"{path} is not UTF-8 (byte {error.start})", remedy=f"mend {path}; it was left untouched"
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigFailure(
            f"{path} is not valid TOML: {error}", remedy=f"mend {path}; it was left untouched"
        ) from None
    except ValueError:  # Python's own limit of 4,300 digits, of which tomllib does not know
        raise ConfigFailure(
            f"{path} has a number that is too long", remedy=f"mend {path}; it was left untouched"
        ) from None
    except RecursionError:
        raise ConfigFailure(f"{path} is nested too deeply", remedy=f"mend {path}; it was left untouched") from None
    _check(table, path)
    return table


def _check(table: dict[str, Any], path: str) -> None:
    for name, value in table.items():
        if name == "profiles":
            continue
        _check_key(name, value, GLOBAL_KEYS, name, path)
    profiles = table.get("profiles", {})
    if not isinstance(profiles, dict) or not all(isinstance(profile, dict) for profile in profiles.values()):
        raise ConfigFailure(f"{path}: profiles is not a table of tables", remedy="write [profiles.NAME]")
    for profile, settings in profiles.items():
        if not re.fullmatch(PROFILE_NAME, profile):
            raise ConfigFailure(f'{path}: "{profile}" is not a profile name', remedy="use letters, digits, - and _")
        for name, value in settings.items():
            _check_key(name, value, PROFILE_KEYS, f"profiles.{profile}.{name}", path)


def _check_key(name: str, value: Any, keys: Mapping[str, Key], full: str, path: str) -> None:
    if name not in keys:
        raise ConfigFailure(
            f'{path}: no setting is called "{full}".{suggestion(name, list(keys))}', remedy="litellmctl config list"
        )
    if not isinstance(value, keys[name].type):
        raise ConfigFailure(
            f"{path}: {full} is not a {_TYPE_NAMES[keys[name].type]}", remedy=f"mend {path}; it was left untouched"
        )
    if name == "key_header" and not re.fullmatch(HEADER_NAME, str(value)):
        raise ConfigFailure(f'{path}: {full}: "{value}" is not a header name')
    if isinstance(value, dict):
        for header, text in value.items():
            if not isinstance(text, str) or not re.fullmatch(TABLES[name], header):
                raise ConfigFailure(f'{path}: {full}: "{header}" is not a header with a text')


_TYPE_NAMES = {str: "text", bool: "boolean (true or false)", dict: "table"}


def profile_name(config: Config, chosen: str | None) -> str:
    """Return the name that the option, the variable or the file chooses, in this order; it may be a new one."""
    return chosen or environment.get("LITELLMCTL_PROFILE") or config.default_profile


def selected_profile(config: Config, chosen: str | None) -> Profile:
    """Return the profile of that name."""
    return config.profile(profile_name(config, chosen))
