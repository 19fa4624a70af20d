from __future__ import annotations

import os
from pathlib import Path

import pytest

from litellmctl.auth.changes import Seen, file_state, login_of
from litellmctl.auth.credential import ConfiguredKey, Pair
from litellmctl.settings.values import Value


@pytest.fixture
def config(tmp_path: Path) -> Path:
    folder = tmp_path / "config"
    folder.mkdir()
    return folder


def test_without_files_nothing_changes(config: Path) -> None:
    assert Seen.now() == Seen.now() == Seen(None, None)


@pytest.mark.parametrize("name", ["config.toml", "logins.json"])
def test_a_file_that_appears_is_replaced_or_removed_is_a_change(config: Path, name: str) -> None:
    states = [Seen.now()]
    (config / name).write_text("one")
    states.append(Seen.now())
    other = config / "other"
    other.write_text("two")
    os.replace(other, config / name)
    states.append(Seen.now())
    (config / name).unlink()
    states.append(Seen.now())
    assert states[0] == states[3]
    assert len(set(states)) == 3


def test_another_file_is_no_change(config: Path) -> None:
    before = Seen.now()
    (config / "secrets.json").write_text("{}")
    assert Seen.now() == before


def test_without_a_home_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("litellmctl.settings.paths.config_dir", lambda: None)
    assert Seen.now() == Seen.now()


def test_the_state_of_no_file_is_none(tmp_path: Path) -> None:
    assert file_state(str(tmp_path / "none")) is None


def test_a_pair_is_known_by_its_source_and_its_key() -> None:
    def pair(key: str, source: str = "env") -> Pair:
        return Pair("http://x", ConfiguredKey(source, "KEY", Value("literal", key, "KEY")), {})

    assert login_of(pair("a")) == login_of(pair("a"))
    assert login_of(pair("a")) != login_of(pair("b"))
    assert login_of(pair("a")) != login_of(pair("a", "config"))
