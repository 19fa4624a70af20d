"""The shared options of a run, as values."""

from __future__ import annotations

from typing import Any


class Options:
    """The shared options, as given before and after the subcommand; None where one was not given.

    `timeout` is in seconds. Not a data class, which would cost a millisecond of every start.
    """

    profile: str | None = None
    base_url: str | None = None
    auth: str | None = None
    output: str | None = None
    json: bool = False
    fields: tuple[str, ...] | None = None
    timeout: float | None = None
    offline: bool = False
    allow_insecure_http: bool = False
    verbose: bool = False

    @property
    def wants_json(self) -> bool:
        """Whether the data is to be JSON."""
        return self.output in {"json", "jsonl"} if self.output else self.json

    @property
    def wants_data(self) -> bool:
        """Whether a command is to print data that it has beside what it says."""
        return bool(self.json or self.output or self.fields)

    def words(self, profile: str) -> list[str]:
        """Return the words that choose the same proxy and credential in another process."""
        words = ["--profile", profile]
        for name, value in (("--base-url", self.base_url), ("--auth", self.auth)):
            if value is not None:
                words += [name, value]
        return [*words, *(["--allow-insecure-http"] if self.allow_insecure_http else [])]

    def replaced(self, **values: Any) -> Options:
        """Return a copy with other values."""
        other = Options()
        other.__dict__.update(self.__dict__, **values)
        return other
