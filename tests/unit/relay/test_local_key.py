from __future__ import annotations

import json
import os
import re
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from litellmctl.errors import ConfigFailure, Failure
from litellmctl.relay.local_key import _WELL_KNOWN, default_port, local_key, new_local_key


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The config folder of this user, which does not exist yet."""
    monkeypatch.setenv("LITELLMCTL_CONFIG_DIR", str(tmp_path / "config"))
    return tmp_path / "config"


def test_the_key_of_a_profile_stays_and_is_its_own(folder: Path):
    key = local_key("default")
    assert re.fullmatch(r"sk-local-[A-Za-z0-9_-]{43}", key)
    assert local_key("default") == key
    assert local_key("work") not in {key, local_key("other")}
    assert local_key("default") == key
    if os.name != "nt":
        assert stat.S_IMODE((folder / "local-keys.json").stat().st_mode) == 0o600
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_new_key_replaces_that_of_its_profile_alone():
    before, work = local_key("default"), local_key("work")
    new = new_local_key("default")
    assert new != before
    assert (local_key("default"), local_key("work")) == (new, work)


def test_what_else_is_in_the_file_is_kept(folder: Path):
    work = local_key("work")
    path = folder / "local-keys.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "more": {"of": "a newer release"}}))
    new_local_key("default")
    assert json.loads(path.read_text())["more"] == {"of": "a newer release"}
    assert local_key("work") == work


def test_all_who_ask_at_once_get_the_same_key():
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(local_key, ["default"] * 40))) == 1


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{", "not valid JSON: line 1, column 2"),
        ("\udcff", "not valid JSON"),
        ("[]", "version is not valid"),
        ("{}", "version is not valid"),
        ('{"version": 2}', "written by a newer litellmctl"),
        ('{"version": 1, "keys": []}', "keys is not valid"),
        ('{"version": 1, "keys": {"work": 5}}', "keys.work is not valid"),
        ('{"version": 1, "keys": {"work": "sk-local-short"}}', "keys.work is not valid"),
        ('{"version": 1, "keys": {"work": "sk-local-%s\\n"}}' % ("x" * 43), "keys.work is not valid"),
    ],
)
@pytest.mark.parametrize("ask", [local_key, new_local_key])
def test_a_damaged_file_is_an_error_and_stays(folder: Path, text: str, what: str, ask):
    folder.mkdir()
    path = folder / "local-keys.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ConfigFailure) as caught:
        ask("default")
    assert str(path) in caught.value.message
    assert what in caught.value.message
    expected = (
        "upgrade litellmctl" if "newer" in what else f"fix {path}, or move it away and run litellmctl serve --new"
    )
    assert (caught.value.remedy or "").startswith(expected)
    assert path.read_bytes() == text.encode("utf-8", "surrogateescape")


def test_a_folder_that_cannot_be_made_is_an_error_that_names_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("LITELLMCTL_CONFIG_DIR", str(tmp_path / "file" / "config"))
    with pytest.raises(Failure) as caught:
        local_key("default")
    assert (caught.value.code, str(tmp_path / "file") in caught.value.message) == ("file", True)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_folder_that_cannot_be_written_gives_the_key_that_is_there(folder: Path):
    key = local_key("default")
    folder.chmod(0o500)
    try:
        assert local_key("default") == key
        with pytest.raises(Failure) as caught:
            new_local_key("default")
        assert caught.value.remedy == f"make {folder} writable"
    finally:
        folder.chmod(0o700)


def test_without_a_home_the_variables_are_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("LITELLMCTL_CONFIG_DIR")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("HOME", ".")
    if os.name == "nt":
        pytest.skip("Windows knows the home without variables")
    with pytest.raises(ConfigFailure, match="no folder"):
        local_key("default")
    assert default_port("default") == default_port("default")


def test_the_port_stays_and_differs_between_profiles_and_folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    first = [default_port(name) for name in ("default", "work", "home")]
    assert first == [default_port(name) for name in ("default", "work", "home")]
    assert len(set(first)) == 3
    monkeypatch.setenv("LITELLMCTL_CONFIG_DIR", str(tmp_path / "of another user"))
    assert default_port("default") not in first


def test_the_same_folder_by_another_name_has_the_same_port(
    monkeypatch: pytest.MonkeyPatch, folder: Path, tmp_path: Path
):
    folder.mkdir()
    (tmp_path / "link").symlink_to(folder)
    port = default_port("default")
    monkeypatch.setenv("LITELLMCTL_CONFIG_DIR", str(tmp_path / "link"))
    assert default_port("default") == port


def test_no_port_is_well_known_or_given_to_outgoing_connections():
    ports = {default_port(f"profile-{number}") for number in range(30_000)}
    assert min(ports) >= 20_000
    assert max(ports) < 30_000
    assert not ports & _WELL_KNOWN
    # Many names have many ports: the hash spreads them.
    assert len(ports) > 9_000
