"""The composition root: the parts of one run of the program, each made on first use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from litellmctl.options import Options

if TYPE_CHECKING:
    from litellmctl.auth.login_file import LoginFile
    from litellmctl.catalogs import Catalogs
    from litellmctl.connection import Connection, Listener
    from litellmctl.errors import Failure
    from litellmctl.settings.config import Config, Profile
    from litellmctl.terminal.console import Console
    from litellmctl.terminal.data import Column


class App:
    """One run of the program.

    `failures` are those of a command that carried on: they are reported after its data, and the first one decides the
    exit code. Those in `read_failures` only decide it: the data show them. `returned_fields` are the fields of the data
    that the command returns, `returned_columns` those that its table may have, and `returned_parts` the keys of fields
    that are objects.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.options = Options()
        self.failures: list[Failure] = []
        self.read_failures: list[Failure] = []
        self.returned_fields: list[str] = []
        self.returned_columns: Sequence[Column] = ()
        self.returned_parts: Mapping[str, Sequence[str]] = {}
        self._warned: set[str] = set()
        self._kept: set[str] = set()

    @cached_property
    def config(self) -> Config:
        """The config file."""
        from litellmctl.settings.config import Config

        return Config.of_user()

    @cached_property
    def profile(self) -> Profile:
        """The profile in use."""
        from litellmctl.settings.config import selected_profile

        return selected_profile(self.config, self.options.profile)

    @cached_property
    def logins(self) -> LoginFile:
        """The stored logins of all profiles."""
        from litellmctl.auth.login_file import LoginFile

        return LoginFile.of_user()

    @cached_property
    def connection(self) -> Connection:
        """The way to the proxy of the profile in use."""
        return self.connection_of(self.profile)

    def connection_of(self, profile: Profile, options: Options | None = None) -> Connection:
        """Return the way to the proxy of another profile, or with other options."""
        from litellmctl.connection import Connection

        options = options or self.options
        return Connection(profile, options, self.logins, self.console, warned=self._warned, kept=self._kept)

    def connect_afresh(self, listener: Listener) -> Connection:
        """Return the way to the proxy of the profile in use, with the config and the logins as they are now."""
        from litellmctl.auth.login_file import LoginFile
        from litellmctl.connection import Connection
        from litellmctl.settings.config import Config

        profile = Config.of_user().profile(self.profile.name)
        return Connection(profile, self.options, LoginFile.of_user(), listener, warned=self._warned, kept=self._kept)

    @cached_property
    def catalogs(self) -> Catalogs:
        """The models, tools and skills of the proxy in use."""
        return self.catalogs_of(self.connection)

    def catalogs_of(self, connection: Connection) -> Catalogs:
        """Return the models, tools and skills of another proxy."""
        from litellmctl.catalogs import Catalogs

        return Catalogs(connection, self.console)
