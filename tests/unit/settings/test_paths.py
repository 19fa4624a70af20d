from __future__ import annotations

import os
from pathlib import Path

import pytest

from litellmctl.errors import ConfigFailure
from litellmctl.settings import environment, paths

pytestmark = pytest.mark.skipif(os.name == "nt", reason="platformdirs decides there")


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LITELLMCTL_CONFIG_DIR")
    monkeypatch.delenv("LITELLMCTL_CACHE_DIR")


def test_by_default_files_lie_below_the_home_on_every_unix(home: Path) -> None:
    assert Path(paths.config_dir()) == home / ".config" / "litellmctl"
    assert Path(paths.cache_dir()) == home / ".cache" / "litellmctl"
    assert not list(home.iterdir())


def test_our_own_variables_go_before_those_of_xdg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "/xdg/config")
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg/cache")
    assert Path(paths.config_dir()) == Path("/xdg/config/litellmctl")
    assert Path(paths.cache_dir()) == Path("/xdg/cache/litellmctl")
    monkeypatch.setenv("LITELLMCTL_CONFIG_DIR", "/own/config")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LITELLMCTL_CACHE_DIR", "relative")
    assert Path(paths.config_dir()) == Path("/own/config")
    assert Path(paths.cache_dir()) == tmp_path / "relative"


@pytest.mark.parametrize("value", ["", "  ", "relative/folder"])
def test_an_xdg_folder_that_is_empty_or_relative_is_ignored(
    home: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", value)
    assert Path(paths.config_dir()) == home / ".config" / "litellmctl"


def test_google_credentials_lie_where_google_says(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "application_default_credentials.json"
    assert paths.google_credentials_file() == home / ".config" / "gcloud" / name
    monkeypatch.setenv("CLOUDSDK_CONFIG", "/sdk")
    assert paths.google_credentials_file() == Path("/sdk") / name
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/own.json")
    assert paths.google_credentials_file() == Path("/own.json")


@pytest.mark.parametrize(("value", "found"), [(" key ", "key"), ("", None), (" \t", None), ("0", "0"), (None, None)])
def test_a_variable_is_its_text_without_white_space_and_empty_is_unset(
    monkeypatch: pytest.MonkeyPatch, value: str | None, found: str | None
) -> None:
    if value is not None:
        monkeypatch.setenv("LITELLM_API_KEY", value)
    assert environment.get("LITELLM_API_KEY") == found


@pytest.mark.parametrize(("value", "is_set"), [("1", True), ("true", True), ("0", False), ("", False), (" 0 ", False)])
def test_a_flag_is_set_unless_it_is_0(monkeypatch: pytest.MonkeyPatch, value: str, is_set: bool) -> None:
    monkeypatch.setenv("LITELLM_OFFLINE", value)
    assert environment.flag("LITELLM_OFFLINE") is is_set


@pytest.mark.parametrize(("value", "seconds"), [(None, 5.0), ("", 5.0), ("0", 0.0), ("250", 0.25), (" 1500 ", 1.5)])
def test_milliseconds_become_seconds(monkeypatch: pytest.MonkeyPatch, value: str | None, seconds: float) -> None:
    if value is not None:
        monkeypatch.setenv("LITELLM_DISCOVERY_TIMEOUT_MS", value)
    assert environment.milliseconds("LITELLM_DISCOVERY_TIMEOUT_MS", 5.0) == seconds


@pytest.mark.parametrize("value", ["5s", "-1", "1.5", "1e3", "٣", "²", "9" * 400, "9" * 5000])
def test_what_are_no_milliseconds_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("LITELLM_DISCOVERY_TIMEOUT_MS", value)
    with pytest.raises(ConfigFailure, match=f'LITELLM_DISCOVERY_TIMEOUT_MS is "{value}"'):
        environment.milliseconds("LITELLM_DISCOVERY_TIMEOUT_MS", 5.0)
