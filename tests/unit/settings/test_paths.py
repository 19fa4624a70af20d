from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from litellmctl.auth.login_file import LoginFile
from litellmctl.auth.vault import KeyringVault, NoKeyring
from litellmctl.errors import ConfigFailure
from litellmctl.settings import paths
from litellmctl.settings.config import Config

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


@pytest.fixture(params=["no home", "relative", ".", "~"])
def homeless(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without a home: neither variable nor entry in the user database, or a variable that is no absolute path."""
    if request.param == "no home":
        monkeypatch.delenv("HOME", raising=False)

        def nobody(_: int) -> None:
            raise KeyError("getpwuid(): uid not found")

        monkeypatch.setattr("pwd.getpwuid", nobody)
    else:
        monkeypatch.setenv("HOME", request.param)


@pytest.mark.usefixtures("homeless")
class TestWithoutAHome:
    def test_nothing_of_ours_lies_in_the_current_folder(self) -> None:
        assert paths.config_dir() is None
        assert paths.cache_dir() is None
        assert paths.google_credentials_file() is None
        assert paths.home_if_any() is None

    @pytest.mark.parametrize(
        ("needed", "names"),
        [
            (paths.required_config_dir, ["HOME", "LITELLMCTL_CONFIG_DIR"]),
            (paths.required_cache_dir, ["HOME", "LITELLMCTL_CACHE_DIR"]),
            (paths.home, ["HOME"]),
            (paths.xdg_config_home, ["HOME"]),
            (lambda: paths.expanded("~/bundle.pem"), ["HOME"]),
            (lambda: Config.of_user().path, ["HOME", "LITELLMCTL_CONFIG_DIR"]),
            (lambda: LoginFile.of_user().path, ["HOME", "LITELLMCTL_CONFIG_DIR"]),
        ],
    )
    def test_what_needs_a_folder_names_the_variables(self, needed: Callable[[], object], names: list[str]) -> None:
        with pytest.raises(ConfigFailure) as failure:
            needed()
        assert failure.value.remedy == ", or ".join(f"export {name}=/a/folder" for name in names)
        assert "HOME is not" in failure.value.message

    def test_variables_still_say_where_files_lie(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XDG_CONFIG_HOME", "/xdg")
        monkeypatch.setenv("LITELLMCTL_CACHE_DIR", "/own/cache")
        monkeypatch.setenv("CLOUDSDK_CONFIG", "/sdk")
        assert paths.config_dir() == paths.required_config_dir() == "/xdg/litellmctl"
        assert paths.cache_dir() == paths.required_cache_dir() == "/own/cache"
        assert paths.google_credentials_file() == Path("/sdk/application_default_credentials.json")
        assert paths.xdg_config_home() == Path("/xdg")

    def test_there_are_no_settings_and_no_logins(self) -> None:
        assert Config.of_user().table == {}
        assert Config.of_user().profile_names == ["default"]
        assert LoginFile.of_user().read().by_profile == {}

    def test_the_keyring_is_not_asked_since_it_would_read_its_settings_here(self) -> None:
        outcome = KeyringVault().get("id")
        assert isinstance(outcome, NoKeyring)
        assert outcome.reason == "no home folder"


@pytest.mark.parametrize("path", ["/a/bundle.pem", "bundle.pem", "~nobody-of-that-name"])
def test_a_path_that_begins_with_a_home_is_expanded(path: str, home: Path) -> None:
    assert paths.expanded("~/bundle.pem") == str(home / "bundle.pem")
    if path.startswith("~"):
        with pytest.raises(ConfigFailure, match="cannot expand ~ in"):
            paths.expanded(path)
    else:
        assert paths.expanded(path) == path


def test_google_credentials_lie_where_google_says(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "application_default_credentials.json"
    assert paths.google_credentials_file() == home / ".config" / "gcloud" / name
    monkeypatch.setenv("CLOUDSDK_CONFIG", "/sdk")
    assert paths.google_credentials_file() == Path("/sdk") / name
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/own.json")
    assert paths.google_credentials_file() == Path("/own.json")
