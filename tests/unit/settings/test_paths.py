from __future__ import annotations

import os
from pathlib import Path

import pytest

from litellmctl.settings import paths

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
