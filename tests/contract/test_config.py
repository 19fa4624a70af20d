"""`config`: reading and changing settings without losing anything of the user's."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from litellmctl.settings.definitions import MASK
from tests.conftest import Run
from tests.contract.signing_in import accept, sign_in
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
    assert "is not set" in run("config", "unset", "profiles.home.base_url").stderr
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
        ("profiles.work", "x", "is not a setting"),
        ("profiles.wo rk.mcp", "true", "not a valid profile name"),
        ("mcp", "maybe", "true or false"),
        ("base_url", "llm.example.com", "no scheme"),
        ("api_key", "sk-literal", "must be a reference"),
        ("key_header", "x y", "not a valid header name"),
        ("headers", "x", "is a table"),
        ("headers.a b", "x", "not a valid header name"),
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
        ('a = "b"\n', "unknown setting"),
        ("default_profile = 7\n", "not a string"),
        ("profiles = 7\n", "not a table"),
        ("[profiles]\nwork = 7\n", "not a table"),
        ("[profiles.work]\nmcp = 'yes'\n", "boolean"),
        ("[profiles.work]\nheaders = { a = 1 }\n", "header"),
        ("[profiles.'a b']\n", "not a valid profile name"),
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
    assert "must be a reference" in refused.stderr
    assert "sk-secret" not in refused + refused.stderr
    assert not (home / "config" / "config.toml").exists()


# A setting that has no effect, and the URL in use


def test_set_says_what_was_so_already_and_writes_nothing(run: Run, config: Path) -> None:
    before = config.stat().st_mtime_ns
    result = run("config", "set", "base_url", "https://llm.example.com/v1/")
    assert result.stderr == "profiles.work.base_url is already https://llm.example.com\n"
    assert run("config", "set", "headers.x-secret", "hunter2").stderr == (
        f"profiles.work.headers.x-secret is already {MASK}\n"
    )
    assert (config.read_text(), config.stat().st_mtime_ns) == (COMMENTED, before)
    assert "Set profiles.work.mcp to true" in run("config", "set", "mcp", "true").stderr  # the default, written down


def test_unset_says_what_was_not_set(run: Run, config: Path) -> None:
    assert run("config", "unset", "ca_bundle").stderr == "profiles.work.ca_bundle is not set.\n"
    assert run("config", "unset", "profiles.nosuch").stderr == "profiles.nosuch is not set.\n"
    assert config.read_text() == COMMENTED


def signed_in(run: Run, home: Path, fake: FakeProxy) -> None:
    accept(fake)
    sign_in(run, fake)


@pytest.mark.parametrize("key", ["profiles.blue", "profiles.blue.base_url", "profiles.blue.headers.x-team"])
def test_a_profile_that_is_signed_in_is_not_removed(run: Run, home: Path, fake: FakeProxy, key: str) -> None:
    accept(fake)
    sign_in(run, fake, "--profile", "blue")
    if "headers" in key:  # the last setting may be that of a table
        run("config", "set", key, "$TEAM")
        run("config", "unset", "profiles.blue.base_url")
    error = run("config", "unset", key, "--json", exit=5).error
    assert error["message"] == f"profile blue is signed in to {fake.url}"
    assert error["remedy"] == "litellmctl logout --profile blue"
    assert run("config", "get", "profiles.blue.base_url") == f"{fake.url}\n"
    run("config", "set", "profiles.blue.mcp", "false")
    run("config", "unset", key if key.count(".") > 1 else "profiles.blue.base_url")  # something remains of the profile
    run("logout", "--profile", "blue")
    run("config", "unset", "profiles.blue")
    assert "blue" not in run("config", "list", "--profiles")


def test_the_url_in_use_is_that_of_a_login(run: Run, home: Path, fake: FakeProxy) -> None:
    signed_in(run, home, fake)
    assert run("config", "get", "base_url") == f"{fake.url}\n"
    shown = run("config", "get", "base_url", terminal=True)
    assert (shown, shown.stderr) == (f"{fake.url}\n", "from the stored login\n")
    result = run("config", "set", "base_url", "https://other.example.com", NO_COLOR="1")
    assert f"Warning: profile default is signed in to {fake.url}, which stays in use" in result.stderr
    assert "litellmctl login --base-url https://other.example.com" in result.stderr
    assert run("config", "get", "base_url", "--json").json == fake.url
    rows = {row["key"]: row for row in run("config", "list", "--json").json}
    assert rows["profiles.default.base_url"] == {
        "key": "profiles.default.base_url",
        "value": fake.url,
        "source": "stored login",
    }
    assert "is already" in run("config", "set", "base_url", "https://other.example.com").stderr
    assert run("config", "set", "base_url", fake.url).stderr.count("\n") == 1  # no warning
    run("logout")
    run("config", "unset", "base_url")
    rows = {row["key"]: row for row in run("config", "list", "--json").json}
    assert rows["profiles.default.base_url"]["source"] == "last login"


def test_the_url_in_use_is_that_of_a_variable(run: Run, config: Path) -> None:
    url = "http://127.0.0.1:9"
    variables = {"LITELLM_BASE_URL": url, "LITELLMCTL_PROFILE": "default"}
    assert run("config", "get", "base_url", **variables) == f"{url}\n"
    rows = {row["key"]: row for row in run("config", "list", "--json", **variables).json}
    assert rows["profiles.default.base_url"]["source"] == "LITELLM_BASE_URL"
    assert rows["profiles.work.base_url"]["source"] == "config.toml"
    assert run("config", "get", "profiles.work.base_url", "--base-url", url, **variables) == "https://llm.example.com\n"
    assert run("config", "get", "base_url", "--base-url", "http://127.0.0.1:11", **variables).startswith(
        "http://127.0.0.1:11"
    )


def test_a_url_that_is_not_valid_is_listed_as_it_is(run: Run, config: Path) -> None:
    config.write_text('[profiles.default]\nbase_url = "x y"\n')
    rows = {row["key"]: row for row in run("config", "list", "--json").json}
    assert rows["profiles.default.base_url"] == {
        "key": "profiles.default.base_url",
        "value": "x y",
        "source": "config.toml",
    }
    assert "profiles.default.base_url" in run("config", "get", "base_url", exit=2).stderr


@pytest.mark.parametrize(
    ("words", "variables", "origin", "remedy"),
    [
        (["--profile", "nosuch"], {}, "--profile", "litellmctl login --profile nosuch, to create it"),
        ([], {"LITELLMCTL_PROFILE": "nosuch"}, "LITELLMCTL_PROFILE", "unset LITELLMCTL_PROFILE"),
        ([], {}, "default_profile", "litellmctl config set default_profile default"),
    ],
)
def test_a_profile_that_does_not_exist_is_refused_with_its_origin(
    run: Run, config: Path, words: list[str], variables: dict[str, str], origin: str, remedy: str
) -> None:
    if origin == "default_profile":
        config.write_text(COMMENTED.replace('"work"', '"nosuch"'))
    for command in ("models", "whoami", "token"):
        error = run(command, *words, "--json", exit=2, **variables).error
        assert error["message"].startswith(f'no profile "nosuch" (from {origin}): {config} has only default, work')
        assert error["remedy"] == remedy
    # What shows the profiles works all the same.
    listed = run("config", "list", "--profiles", *words, "--json", **variables).json
    assert {row["name"]: row["default"] for row in listed} == {"default": False, "work": False}
    run("config", "list", *words, **variables)
    if origin == "default_profile":
        run(*remedy.split()[1:])
        run("config", "list")
        assert run("models", exit=4).stderr


@pytest.mark.parametrize("words", [["config", "list"], ["config", "list", "--profiles"]])
def test_lists_fit_a_terminal(run: Run, config: Path, words: list[str]) -> None:
    run("config", "set", "profiles.work.ca_bundle", "/a/long/path/to/" + "some/folder/" * 20 + "ca.pem")
    run("config", "set", "profiles.home.base_url", "https://" + "very.long.name." * 12 + "example.com")
    for line in run(*words, terminal=True, NO_COLOR="1", COLUMNS="80").splitlines():
        assert len(line) <= 80
