"""Reading the config file: profiles, each setting checked. `definitions` lists the settings, `edit` changes them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any, NamedTuple

from litellmctl.errors import ConfigFailure, UsageFailure, nearest, suggestion
from litellmctl.foundation import files
from litellmctl.foundation.sentences import listed
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
    """A named proxy in the config file; every value is as written there, checked for its type."""

    name: str
    table: Mapping[str, Any]

    def get(self, key: str) -> Any:
        """Return the setting, or its default."""
        return self.table.get(key, PROFILE_KEYS[key].default)

    @property
    def base_url(self) -> str | None:
        """The canonical base URL; None if none is set."""
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
        """Return the extra headers for a proxy: none if the profile is for another one."""
        return self.headers if self.base_url in {None, base_url} else {}

    def named(self, key: str) -> str:
        """Return the full name of a setting, as `config get` takes it."""
        return f"profiles.{self.name}.{key}"


class Config:
    """The content of config.toml. Reading never changes it; a file that cannot be parsed is exit 2.

    Its path is None for a user without a home folder, who has no settings.
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
        """The file. Raises a failure if there is no folder for it."""
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
        """The profile that is used by default."""
        return str(self.table.get("default_profile", DEFAULT_PROFILE))

    def profile(self, name: str, origin: str | None = None) -> Profile:
        """Return the profile of that name; `default` always exists. `origin` is what chose it: an option, say.

        Raises a failure for a profile that does not exist, which lists those that do.
        """
        if name not in self.profile_names:
            raise self._missing(name, origin)
        return Profile(name, self.table.get("profiles", {}).get(name, {}))

    def _missing(self, name: str, origin: str | None) -> UsageFailure:
        missing = f'no profile "{name}"{f" (from {origin})" if origin else ""}'
        try:
            path = self.path
        except ConfigFailure as failure:
            return failure.because(missing)
        names = self.profile_names
        near = nearest(name, names)
        message = f"{missing}: {path} has only {listed(names)}{suggestion(name, names)}"
        if origin == _VARIABLE:
            remedy = f"export {_VARIABLE}={near}" if near else f"unset {_VARIABLE}"
        elif origin == "default_profile":
            remedy = f"litellmctl config set default_profile {near or DEFAULT_PROFILE}"
        elif near is not None or not re.fullmatch(PROFILE_NAME, name):
            remedy = "litellmctl config list --profiles"
        else:
            remedy = f"litellmctl login --profile {name}, to create it"
        return UsageFailure(message, remedy=remedy)


def parse(data: bytes, path: str) -> dict[str, Any]:
    """Return the settings in a file's content, each known and of its type."""
    import tomllib

    try:
        table = tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ConfigFailure(
            f"{path} is not UTF-8 (byte {error.start})", remedy=f"fix {path}, which was not changed"
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigFailure(f"{path} is not valid TOML: {error}", remedy=f"fix {path}, which was not changed") from None
    except ValueError:  # Python's limit of 4,300 digits, which tomllib passes on
        raise ConfigFailure(
            f"{path} contains a number that is too long", remedy=f"fix {path}, which was not changed"
        ) from None
    except RecursionError:
        raise ConfigFailure(f"{path} is nested too deeply", remedy=f"fix {path}, which was not changed") from None
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
            raise ConfigFailure(
                f'{path}: "{profile}" is not a valid profile name', remedy="use letters, digits, - and _"
            )
        for name, value in settings.items():
            _check_key(name, value, PROFILE_KEYS, f"profiles.{profile}.{name}", path)


def _check_key(name: str, value: Any, keys: Mapping[str, Key], full: str, path: str) -> None:
    if name not in keys:
        raise ConfigFailure(
            f'{path}: unknown setting "{full}"{suggestion(name, list(keys))}', remedy="litellmctl config --help"
        )
    if not isinstance(value, keys[name].type):
        raise ConfigFailure(
            f"{path}: {full} is not a {_TYPE_NAMES[keys[name].type]}", remedy=f"fix {path}, which was not changed"
        )
    if name == "key_header" and not re.fullmatch(HEADER_NAME, str(value)):
        raise ConfigFailure(
            f'{path}: {full}: "{value}" is not a valid header name', remedy=f"fix {path}, which was not changed"
        )
    if isinstance(value, dict):
        for header, text in value.items():
            if not isinstance(text, str) or not re.fullmatch(TABLES[name], header):
                raise ConfigFailure(
                    f'{path}: {full}: "{header}" is not a valid header with a string as its value',
                    remedy=f"fix {path}, which was not changed",
                )


_VARIABLE = "LITELLMCTL_PROFILE"
_TYPE_NAMES = {str: "string", bool: "boolean (true or false)", dict: "table"}


def profile_name(config: Config, chosen: str | None) -> str:
    """Return the name that the option, the variable or the file chooses, in this order; it may be a new one."""
    return chosen or environment.get(_VARIABLE) or config.default_profile


def selected_profile(config: Config, chosen: str | None) -> Profile:
    """Return the chosen profile. Raises a failure for one that does not exist, which says what chose it."""
    by_variable = environment.get(_VARIABLE) is not None
    origin = "--profile" if chosen else _VARIABLE if by_variable else "default_profile"
    return config.profile(profile_name(config, chosen), origin)
