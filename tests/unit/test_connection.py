"""What a connection says: that the network is not to be used, and by which option or variable."""

from __future__ import annotations

from pathlib import Path

import pytest

from litellmctl.auth.login_file import LoginFile
from litellmctl.connection import Connection
from litellmctl.errors import Unavailable
from litellmctl.options import Options
from litellmctl.settings.config import Profile


class Said:
    """A listener that remembers."""

    can_prompt = False
    stderr_is_terminal = True

    def __init__(self) -> None:
        self.texts: list[str] = []

    def note(self, text: str) -> None:
        self.texts.append(text)

    warn = trace = note


def connection(tmp_path: Path, said: Said, **options: bool) -> Connection:
    profile = Profile("work", {"base_url": "http://127.0.0.1:9", "api_key": "sk-a"})
    return Connection(profile, Options().replaced(**options), LoginFile(tmp_path), said)


@pytest.mark.parametrize(
    ("option", "variable", "reason", "remedy"),
    [
        (True, None, "--offline is set", "run it without --offline"),
        (False, "1", "LITELLM_OFFLINE is set", "unset LITELLM_OFFLINE"),
        (True, "1", "--offline is set", "run it without --offline, and unset LITELLM_OFFLINE"),
    ],
)
def test_what_switches_the_network_off_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: bool, variable: str | None, reason: str, remedy: str
) -> None:
    if variable:
        monkeypatch.setenv("LITELLM_OFFLINE", variable)
    offline = connection(tmp_path, Said(), offline=option)
    assert (offline.is_offline, offline.offline_reason) == (True, reason)
    with pytest.raises(Unavailable) as failure:
        offline.client()
    assert failure.value.message == f"this needs the network, but {reason}"
    assert (failure.value.remedy, failure.value.code) == (remedy, "offline")


def test_ignored_variables_are_named_once_and_not_where_the_data_names_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LITELLM_API_KEY", "sk-b")
    said = Said()
    named = connection(tmp_path, said)
    for _ in range(2):
        named.client()
        named.note_shadowed()
    assert len(said.texts) == 1
    assert said.texts[0].startswith("LITELLM_API_KEY is ignored: profiles.work.api_key is used")
    silent = Said()
    unnamed = connection(tmp_path, silent)
    unnamed.names_ignored = False
    unnamed.client()
    assert silent.texts == []
    found = unnamed.ignored()
    assert found is not None
    assert found.names == ("LITELLM_API_KEY",)
