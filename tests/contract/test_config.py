"""`config`: reading and changing settings without losing anything of the user's."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from litellmctl.settings.definitions import MASK
from tests.conftest import Run
from tests.fake_proxy import FakeProxy
from tests.unit.settings.config_file import WORK, written

COMMENTED = """\
# my proxies
default_profile = "work"  # the one at work

[profiles.work]
base_url = "https://llm.example.com"   # do not change
api_key = "!op read op://team/litellm/key"
headers = { x-team = "$TEAM", x-secret = "hunter2" }
"""


@pytest.fixture
def config(home: Path) -> Path:
    path = home / "config" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text(COMMENTED)
    return path


def test_path_is_printed_whether_or_not_it_exists(run: Run, home: Path) -> None:
    assert run("config", "path") == f"{home / 'config' / 'config.toml'}\n"
    xdg = run("config", "path", LITELLMCTL_CONFIG_DIR=None, XDG_CONFIG_HOME="/xdg")
    assert xdg == "/xdg/litellmctl/config.toml\n"
    relative = run("config", "path", LITELLMCTL_CONFIG_DIR=None, XDG_CONFIG_HOME="relative")
    assert relative == f"{home}/.config/litellmctl/config.toml\n"


def test_get_prints_the_bare_value_or_the_default(run: Run, config: Path) -> None:
    assert run("config", "get", "base_url") == "https://llm.example.com\n"
    assert run("config", "get", "profiles.work.base_url", "--json").json == "https://llm.example.com"
    assert run("config", "get", "mcp") == "true\n"
    assert run("config", "get", "default_profile") == "work\n"
    assert run("config", "get", "headers.x-team") == "$TEAM\n"
    assert run("config", "get", "ca_bundle", exit=5).stderr.startswith("Error: profiles.work.ca_bundle is not set")


def test_literals_that_can_be_secrets_are_masked(run: Run, config: Path) -> None:
    for output in (run("config", "list"), run("config", "get", "headers"), run("config", "get", "headers.x-secret")):
        assert "hunter2" not in output
        assert "********" in output
    config.write_text('[profiles.default]\nbase_url = "https://a.example"\napi_key = "sk-literal"\n')
    assert run("config", "get", "api_key") == "********\n"


def test_set_keeps_comments_and_everything_else(run: Run, config: Path) -> None:
    result = run("config", "set", "profiles.work.mcp", "false")
    assert "Set profiles.work.mcp to false" in result.stderr
    assert config.read_text() == COMMENTED + "mcp = false\n"
    run("config", "set", "profiles.home.base_url", "HTTPS://Home.example.com:443/v1/")
    assert COMMENTED in config.read_text()
    assert run("config", "get", "profiles.home.base_url") == "https://home.example.com\n"


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_lines_end_as_those_of_the_file_do(run: Run, proxy: FakeProxy, config: Path, mark: bytes) -> None:
    before = mark + f'# mine\r\n[profiles.default]\r\nbase_url = "{proxy.url}"\r\n'.encode()
    config.write_bytes(before)
    run("config", "set", "mcp", "false")
    assert config.read_bytes() == before + b"mcp = false\r\n"
    run("config", "set", "profiles.work.headers.x-team", "$TEAM")
    run("config", "set", "default_profile", "work")
    assert config.read_bytes().count(b"\n") == config.read_bytes().count(b"\r\n") > 5
    run("config", "unset", "default_profile")
    run("config", "unset", "profiles.work")
    run("config", "unset", "mcp")
    after = config.read_bytes()
    assert [line for line in after.split(b"\r\n") if line] == [line for line in before.split(b"\r\n") if line]


def test_unset_removes_a_setting_or_a_profile_and_is_idempotent(run: Run, config: Path) -> None:
    run("config", "set", "profiles.home.base_url", "https://home.example.com")
    run("config", "unset", "profiles.home.base_url")
    assert config.read_text().rstrip() == COMMENTED.rstrip()
    assert "was not set" in run("config", "unset", "profiles.home.base_url").stderr
    run("config", "set", "profiles.home.base_url", "https://home.example.com")
    run("config", "unset", "profiles.home")
    assert "home.example" not in config.read_text()
    assert "# my proxies" in config.read_text()


def test_list_shows_where_each_value_comes_from(run: Run, config: Path) -> None:
    rows = {row["key"]: row for row in run("config", "list", "--json").json}
    assert rows["default_profile"] == {"key": "default_profile", "value": "work", "source": "config.toml"}
    assert rows["profiles.work.mcp"]["source"] == "default"
    assert run("config", "list", "--json", LITELLMCTL_PROFILE="default").json[0]["source"] == "LITELLMCTL_PROFILE"


def test_list_of_profiles(run: Run, config: Path) -> None:
    assert run("config", "list", "--profiles", "--json").json == [
        {"name": "default", "base_url": None, "signed_in": False, "default": False},
        {"name": "work", "base_url": "https://llm.example.com", "signed_in": False, "default": True},
    ]
    assert run("config", "list", "--profiles", "--fields", "name") == "default\nwork\n"
    run("config", "list", "--profiles", "--fields", "key", exit=2)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("bse_url", "x", 'Did you mean "base_url"?'),
        ("profiles.work", "x", "names no setting"),
        ("profiles.wo rk.mcp", "true", "not a profile name"),
        ("mcp", "maybe", "true or false"),
        ("base_url", "llm.example.com", "no scheme"),
        ("api_key", "sk-literal", "takes a reference"),
        ("key_header", "x y", "not a header name"),
        ("headers", "x", "is a table"),
        ("headers.a b", "x", "not a header name"),
        ("default_profile", "wrok", 'Did you mean "work"?'),
    ],
)
def test_a_bad_setting_is_exit_2_and_changes_nothing(run: Run, config: Path, key: str, value: str, words: str) -> None:
    result = run("config", "set", key, value, exit=2)
    assert words in result.stderr
    assert "sk-literal" not in result.stderr
    assert config.read_text() == COMMENTED


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[profiles.work\n", "line 1"),
        ('a = "b"\n', "no setting is called"),
        ("default_profile = 7\n", "not a text"),
        ("profiles = 7\n", "not a table"),
        ("[profiles]\nwork = 7\n", "not a table"),
        ("[profiles.work]\nmcp = 'yes'\n", "boolean"),
        ("[profiles.work]\nheaders = { a = 1 }\n", "header"),
        ("[profiles.'a b']\n", "not a profile name"),
        ("\xff", "not UTF-8"),
        ('default_profile = "gone"\n', 'no profile "gone"'),
    ],
)
def test_a_broken_file_is_exit_2_with_its_name_and_left_untouched(
    run: Run, config: Path, content: str, words: str
) -> None:
    config.write_bytes(content.encode("latin-1"))
    result = run("models", "--json", exit=2, LITELLM_BASE_URL="http://127.0.0.1:9", LITELLM_API_KEY="sk-x")
    assert result.error["code"] in {"config", "usage"}
    assert words in result.error["message"]
    assert str(config) in result.error["message"]
    if "gone" not in words:
        run("config", "set", "mcp", "true", exit=2)
    assert config.read_bytes() == content.encode("latin-1")


def test_the_file_is_private_a_link_is_followed_and_rights_are_kept(run: Run, home: Path, tmp_path: Path) -> None:
    run("config", "set", "mcp", "false")
    path = home / "config" / "config.toml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    target = tmp_path / "dotfiles.toml"
    path.rename(target)
    target.chmod(0o640)
    path.symlink_to(target)
    run("config", "set", "mcp", "true")
    assert path.is_symlink()
    assert "mcp = true" in target.read_text()
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    run("config", "set", "headers.x-team", "blue")  # may be a secret
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_a_variable_that_is_not_set_is_named(run: Run, config: Path) -> None:
    config.write_text('[profiles.default]\nbase_url = "https://llm.example.com"\napi_key = "$NO_SUCH"\n')
    result = run("models", exit=2)
    assert "profiles.default.api_key refers to the variable NO_SUCH" in result.stderr


def test_get_and_list_mask_keys(run: Run, home: Path) -> None:
    written(home / "config" / "config.toml", WORK.replace('"$TEAM"', '"blue-secret"'))
    assert run("config", "get", "profiles.home.api_key") == f"{MASK}\n"
    assert run("config", "get", "api_key") == "!op read op://team/litellm/key\n"
    assert run("config", "get", "headers.x-team") == f"{MASK}\n"
    assert run("config", "get", "headers") == f"x-team={MASK}\nx-note={MASK}\n"
    listed = {row["key"]: row["value"] for row in run("config", "list", "--json").json}
    assert listed["profiles.home.api_key"] == MASK
    assert listed["profiles.work.headers.x-team"] == MASK
    assert listed["profiles.work.api_key"] == "!op read op://team/litellm/key"
    assert listed["default_profile"] == "work"
    assert "secret" not in run("config", "list")


def test_set_refuses_a_key_and_says_nothing_of_it(run: Run, home: Path) -> None:
    refused = run("config", "set", "api_key", "sk-secret", exit=2)
    assert "takes a reference" in refused.stderr
    assert "sk-secret" not in refused + refused.stderr
    assert not (home / "config" / "config.toml").exists()
