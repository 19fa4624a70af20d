from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litellmctl.errors import ConfigFailure, ExitCode, UsageFailure
from litellmctl.settings import config as settings
from litellmctl.settings.config import Config, selected_profile
from litellmctl.settings.definitions import MASK, PROFILE_KEYS, shown
from litellmctl.settings.edit import find, locate, remove_profile, set_value, unset_value
from tests.conftest import Run

WORK = """\
# My proxies.
default_profile = "work"  # until March

[profiles.work]
# the big one
base_url = "https://llm.example.com/v1/"
api_key = "!op read op://team/litellm/key"
headers = { x-team = "$TEAM", "x-note" = "hello" }
mcp = false

[profiles.home]
api_key = "sk-literal-secret"
gcloud = true
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config" / "config.toml"


@pytest.fixture
def config(path: Path) -> Config:
    """A config of three profiles: work, home, and default, which is always there."""
    return written(path, WORK)


def written(path: Path, text: str | bytes) -> Config:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return Config(path)


def put(config: Config, name: str, text: str) -> Any:
    return set_value(config, locate(name, "default"), text)


def drop(config: Config, name: str) -> bool:
    return unset_value(config, locate(name, "default"))


# Reading


def test_without_a_file_there_is_the_profile_default(path: Path) -> None:
    config = Config(path)
    assert (config.profile_names, config.default_profile) == (["default"], "default")
    profile = config.profile("default")
    assert (profile.base_url, profile.api_key, profile.headers) == (None, None, {})
    assert not path.parent.exists()


def test_a_profile_is_as_written_and_has_defaults_for_the_rest(config: Config) -> None:
    work = config.profile("work")
    assert work.base_url == "https://llm.example.com"
    assert work.api_key is not None
    assert (work.api_key.kind, work.api_key.text) == ("command", "op read op://team/litellm/key")
    assert {name: value.kind for name, value in work.headers.items()} == {"x-team": "variable", "x-note": "literal"}
    assert {
        name: work.get(name) for name in PROFILE_KEYS if name not in {"base_url", "api_key", "headers", "mcp_headers"}
    } == {
        "gcloud": False,
        "key_header": "Authorization",
        "allow_insecure_http": False,
        "ca_bundle": None,
        "mcp": False,
        "skills": True,
    }


def test_the_profile_comes_from_the_option_else_the_variable_else_the_file(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert selected_profile(config, None).name == "work"
    monkeypatch.setenv("LITELLMCTL_PROFILE", "home")
    assert selected_profile(config, None).name == "home"
    assert selected_profile(config, "default").name == "default"


def test_a_profile_that_is_not_there_is_refused_with_the_nearest(config: Config) -> None:
    with pytest.raises(UsageFailure) as failure:
        config.profile("wrok")
    assert failure.value.message == f'no profile "wrok" in {config.path}. Did you mean "work"?'
    assert failure.value.remedy == "litellmctl config set profiles.wrok.base_url https://..."
    with pytest.raises(UsageFailure) as failure:
        config.profile("../x")
    assert failure.value.remedy == "litellmctl config list --profiles"


def test_a_byte_order_mark_is_no_trouble(path: Path) -> None:
    assert written(path, b"\xef\xbb\xbf" + WORK.encode()).default_profile == "work"


BROKEN = [
    ("default_profile = \n", " is not valid TOML: Invalid value (at line 1, column 19)"),
    ("[profiles.work]\nmcp = yes\n", " is not valid TOML: Invalid value (at line 2, column 7)"),
    (
        "[profiles.a]\n[profiles.a]\n",
        " is not valid TOML: Cannot declare ('profiles', 'a') twice (at line 2, column 12)",
    ),
    (b'default_profile = "\xff"', " is not UTF-8 (byte 19)"),
    (b"default_profile = " + b"[" * 100_000, " is nested too deeply"),
    (b"default_profile = " + b"1" * 5000, " has a number that is too long"),
    ('defualt_profile = "a"', ': no setting is called "defualt_profile". Did you mean "default_profile"?'),
    ('[profiles.a]\nbase_ulr = ""', ': no setting is called "profiles.a.base_ulr". Did you mean "base_url"?'),
    ("[profiles.a]\nzzz = 1", ': no setting is called "profiles.a.zzz".'),
    ("[profile.a]\nmcp = true", ': no setting is called "profile".'),
    ("default_profile = 1", ": default_profile is not a text"),
    ("[profiles.a]\nbase_url = 1", ": profiles.a.base_url is not a text"),
    ("[profiles.a]\napi_key = ['sk']", ": profiles.a.api_key is not a text"),
    ("[profiles.a]\nmcp = 1", ": profiles.a.mcp is not a boolean (true or false)"),
    ('[profiles.a]\ngcloud = "true"', ": profiles.a.gcloud is not a boolean (true or false)"),
    ('[profiles.a]\nheaders = "x"', ": profiles.a.headers is not a table"),
    ("[profiles.a]\nheaders = { x = 1 }", ': profiles.a.headers: "x" is not a header with a text'),
    ('[profiles.a]\nheaders = { "a b" = "1" }', ': profiles.a.headers: "a b" is not a header with a text'),
    ('[profiles.a]\nheaders = { "" = "1" }', ': profiles.a.headers: "" is not a header with a text'),
    ('[profiles.a]\nkey_header = "x key"', ': profiles.a.key_header: "x key" is not a header name'),
    ("[profiles.a]\nkey_header = 1", ": profiles.a.key_header is not a text"),
    ("profiles = 1", ": profiles is not a table of tables"),
    ("[profiles]\nmcp = true", ": profiles is not a table of tables"),
    ('[profiles."a b"]', ': "a b" is not a profile name'),
    ('[profiles."-a"]', ': "-a" is not a profile name'),
    ('[profiles."../a"]', ': "../a" is not a profile name'),
]


@pytest.mark.parametrize(("text", "words"), BROKEN, ids=[words for _, words in BROKEN])
def test_a_file_that_is_not_right_is_refused_by_place_and_left_untouched(
    path: Path, text: str | bytes, words: str
) -> None:
    config = written(path, text)
    before = path.read_bytes()
    for use in (
        lambda: config.profile_names,
        lambda: put(config, "mcp", "false"),
        lambda: drop(config, "mcp"),
        lambda: remove_profile(config, "a"),
    ):
        with pytest.raises(ConfigFailure) as failure:
            use()
        assert failure.value.message.startswith(f"{path}{words}")
        assert failure.value.exit_code is ExitCode.USAGE
    assert path.read_bytes() == before
    assert sorted(file.name for file in path.parent.iterdir()) == ["config.toml", "config.toml.lock"]


def test_a_folder_in_place_of_the_file_is_refused(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(ConfigFailure, match="is a directory"):
        _ = Config(path).table


def test_a_bad_url_is_refused_by_the_name_of_its_setting(path: Path) -> None:
    profile = written(path, '[profiles.work]\nbase_url = "example.com"').profile("work")
    with pytest.raises(UsageFailure, match=r"profiles\.work\.base_url has no scheme"):
        _ = profile.base_url


# Names of settings


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("default_profile", "default_profile"),
        ("base_url", "profiles.work.base_url"),
        ("headers", "profiles.work.headers"),
        ("headers.x-team", "profiles.work.headers.x-team"),
        ("headers.x.y", "profiles.work.headers.x.y"),
        ("profiles.home.mcp", "profiles.home.mcp"),
        ("profiles.new.headers.X-Team", "profiles.new.headers.X-Team"),
    ],
)
def test_a_setting_is_named_whole_or_within_the_profile_in_use(text: str, full: str) -> None:
    assert locate(text, "work").full == full


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("base_ulr", 'no setting is called "base_ulr". Did you mean "base_url"?'),
        ("profiles.work.api_kye", 'no setting is called "profiles.work.api_kye". Did you mean "api_key"?'),
        ("profiles.work.mcp.x", 'no setting is called "profiles.work.mcp.x".'),
        ("default_profile.x", 'no setting is called "default_profile.x".'),
        ("", 'no setting is called "".'),
        ("profiles", '"profiles" names no setting'),
        ("profiles.work", '"profiles.work" names no setting'),
        ("profiles..mcp", 'profiles..mcp: "" is not a profile name'),
        ("profiles.a b.mcp", 'profiles.a b.mcp: "a b" is not a profile name'),
        ("headers.", 'headers.: "" is not a header name'),
        ("headers.a b", 'headers.a b: "a b" is not a header name'),
        ("headers.x:y", 'headers.x:y: "x:y" is not a header name'),
    ],
)
def test_a_name_that_is_no_setting_is_refused(text: str, words: str) -> None:
    with pytest.raises(UsageFailure) as failure:
        locate(text, "work")
    assert failure.value.message.startswith(words)


# Writing


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("profiles.new.base_url", "HTTPS://New.example/v1/", "https://new.example"),
        ("profiles.new.api_key", "$NEW_KEY", "$NEW_KEY"),
        ("profiles.new.api_key", "${NEW_KEY}", "${NEW_KEY}"),
        ("profiles.new.api_key", "!pass new", "!pass new"),
        ("profiles.new.headers.x-team", 'a "quoted" $$ text\\', 'a "quoted" $$ text\\'),
        ("profiles.new.key_header", "x-litellm-api-key", "x-litellm-api-key"),
        ("profiles.new.ca_bundle", "/etc/ssl/ä.pem", "/etc/ssl/ä.pem"),
        ("default_profile", "home", "home"),
        ("profiles.work.mcp", "TRUE", True),
        *(("mcp", text, True) for text in ("true", "1", "yes", "on")),
        *(("gcloud", text, False) for text in ("false", "0", "no", "Off")),
    ],
)
def test_what_is_set_is_there_afterwards_and_all_else_stays(
    config: Config, path: Path, name: str, text: str, value: object
) -> None:
    before = tomllib.loads(WORK)
    assert put(config, name, text) == value
    address = locate(name, "default")
    assert find(config, address) == find(Config(path), address) == value
    after = tomllib.loads(path.read_text())
    drop(Config(path), name)
    assert find(Config(path), address) is None
    for comment in ("# My proxies.", "# until March" if name != "default_profile" else "", "# the big one"):
        assert comment in path.read_text()
    assert {**before, "profiles": {**before["profiles"]}}.keys() == {**after}.keys()
    for profile, table in before["profiles"].items():
        for key in table.keys() - {address.name}:
            assert after["profiles"][profile][key] == table[key]


def test_the_first_setting_makes_the_file_for_the_user_alone(path: Path) -> None:
    put(Config(path), "base_url", "https://llm.example.com")
    assert path.read_text() == '[profiles.default]\nbase_url = "https://llm.example.com"\n'
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_a_change_touches_only_its_own_line(config: Config, path: Path) -> None:
    put(config, "profiles.work.mcp", "true")
    assert path.read_text() == WORK.replace("mcp = false", "mcp = true")


@pytest.mark.parametrize("text", ["sk-secret", "$$literal", "$!literal", ""])
def test_a_key_on_the_command_line_is_refused_without_repeating_it(config: Config, path: Path, text: str) -> None:
    with pytest.raises(UsageFailure) as failure:
        put(config, "profiles.work.api_key", text)
    assert failure.value.message.startswith("profiles.work.api_key takes a reference")
    assert not text or text not in f"{failure.value.message} {failure.value.remedy}"
    assert path.read_text() == WORK


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("profiles.work.api_key", "$not a name", 'starts with "$" but is not a variable reference'),
        ("profiles.work.mcp", "maybe", 'profiles.work.mcp takes true or false, not "maybe"'),
        ("profiles.work.base_url", "example.com", "profiles.work.base_url has no scheme"),
        ("profiles.work.base_url", "https://me:secret@example.com", "contains a user name or password"),
        ("profiles.work.key_header", "x key", '"x key" is not a header name'),
        ("profiles.work.headers", "x", "profiles.work.headers is a table"),
        ("default_profile", "a b", '"a b" is not a profile name'),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_and_nothing_is_written(
    config: Config, path: Path, name: str, text: str, words: str
) -> None:
    with pytest.raises(UsageFailure) as failure:
        put(config, name, text)
    assert words in failure.value.message
    assert path.read_text() == WORK


def test_a_header_joins_the_others_however_they_are_written(path: Path) -> None:
    for text in (
        '[profiles.a]\nheaders = { x = "1" }\n',
        '[profiles.a]\nheaders.x = "1"\nmcp = true\n',
        '[profiles.a.headers]\nx = "1"\n',
        '[profiles.a]\nmcp = true\n[profiles.b]\n[profiles.a.headers]\nx = "1"\n',
        'profiles.a.headers.x = "1"\n',
    ):
        config = written(path, text)
        put(config, "profiles.a.headers.y", "2")
        assert config.table["profiles"]["a"]["headers"] == {"x": "1", "y": "2"}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('[profiles]\na = { base_url = "https://a.example" }\n', "profiles.a.headers.x"),
        ("profiles = {}\n", "profiles.a.headers.x"),
    ],
)
def test_a_header_can_be_added_where_the_profile_is_an_inline_table(path: Path, text: str, name: str) -> None:
    config = written(path, text)
    put(config, name, "1")
    assert find(Config(path), locate(name, "default")) == "1"


def test_what_is_unset_is_gone_with_the_tables_that_this_leaves_empty(config: Config, path: Path) -> None:
    for name in ("profiles.work.headers.x-team", "profiles.work.headers.x-note", "profiles.home.api_key"):
        assert drop(config, name)
    assert "headers" not in path.read_text()
    assert drop(config, "profiles.home.gcloud")
    assert Config(path).profile_names == ["default", "work"]
    assert "# the big one" in path.read_text()


def test_unsetting_what_is_not_there_changes_nothing(config: Config, path: Path) -> None:
    before = path.stat().st_mtime_ns
    assert not drop(config, "profiles.work.ca_bundle")
    assert not drop(config, "profiles.none.mcp")
    assert not remove_profile(config, "none")
    assert not drop(Config(path.with_name("none.toml")), "default_profile")
    assert (path.read_text(), path.stat().st_mtime_ns) == (WORK, before)
    assert not path.with_name("none.toml").exists()


@pytest.mark.parametrize(
    "text",
    [
        '[profiles.a]\nmcp = true\n[profiles.b]\nmcp = true\n[profiles.a.headers]\nx = "1"\n',
        "profiles.a.mcp = true\nprofiles.b.mcp = true\n",
    ],
)
def test_a_setting_of_a_profile_in_two_places_can_be_unset(path: Path, text: str) -> None:
    config = written(path, text)
    assert drop(config, "profiles.a.mcp")
    assert find(Config(path), locate("profiles.a.mcp", "default")) is None


def test_a_profile_goes_as_a_whole(config: Config, path: Path) -> None:
    assert remove_profile(config, "home")
    assert Config(path).profile_names == ["default", "work"]
    assert path.read_text() == WORK[: WORK.index("[profiles.home]")]


def test_a_link_to_the_dotfiles_stays_a_link(config: Config, path: Path, tmp_path: Path) -> None:
    target = tmp_path / "dotfiles.toml"
    path.rename(target)
    path.symlink_to(target)
    put(config, "profiles.work.mcp", "true")
    assert path.is_symlink()
    assert target.read_text() == WORK.replace("mcp = false", "mcp = true")


def test_the_mode_stays_where_no_secret_is_added(config: Config, path: Path) -> None:
    path.chmod(0o644)
    put(config, "profiles.work.mcp", "true")
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_reference_to_a_key_tightens_the_file(config: Config, path: Path) -> None:
    path.chmod(0o644)
    put(config, "profiles.work.headers.x-token", "sk-literal")
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_folder_that_cannot_be_written_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "config").touch()
    with pytest.raises(ConfigFailure, match="cannot write"):
        put(Config(tmp_path / "config" / "config.toml"), "mcp", "true")


NAMES = st.from_regex(r"[a-z_][a-z0-9_-]{0,4}", fullmatch=True)
# What a shell can pass: no NUL and no lone surrogate.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
COMMENTS = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Cc"]), max_size=10)


@given(
    profiles=st.dictionaries(NAMES, st.dictionaries(NAMES, TEXTS, max_size=2), max_size=3),
    comments=st.lists(COMMENTS, min_size=8, max_size=8),
    profile=NAMES,
    header=NAMES,
    value=TEXTS,
)
def test_whatever_is_set_reads_back_and_every_comment_stays(
    tmp_path_factory: pytest.TempPathFactory,
    profiles: dict[str, dict[str, str]],
    comments: list[str],
    profile: str,
    header: str,
    value: str,
) -> None:
    path = tmp_path_factory.mktemp("config") / "config.toml"
    remarks = [f"# {number} {text}" for number, text in enumerate(comments)]
    lines = [remarks.pop()]
    for name, headers in profiles.items():
        lines += [f"[profiles.{name}] {remarks.pop()}", "mcp = false", f"[profiles.{name}.headers]", remarks.pop()]
        lines += [f"{key} = {settings_text(text)}" for key, text in headers.items()]
    remarks = [line for line in lines if line.startswith("#")]
    config = written(path, "\n".join(lines))
    expected = tomllib.loads("\n".join(lines))
    expected.setdefault("profiles", {}).setdefault(profile, {}).setdefault("headers", {})[header] = value
    put(config, f"profiles.{profile}.headers.{header}", value)
    text = path.read_bytes().decode()
    assert tomllib.loads(text) == Config(path).table == config.table == expected
    assert [line for line in text.split("\n") if line.startswith("#")] == remarks


def settings_text(text: str) -> str:
    """Return `text` as a basic string of TOML."""
    return '"' + "".join(f"\\U{ord(char):08x}" for char in text) + '"'


# Showing


@pytest.mark.parametrize(
    ("name", "value", "visible"),
    [
        ("api_key", "sk-secret", MASK),
        ("api_key", "$$secret", MASK),
        ("api_key", "$broken reference", MASK),
        ("api_key", "$NAME", "$NAME"),
        ("api_key", "!op read key", "!op read key"),
        ("headers", {"a": "secret", "b": "${NAME}"}, {"a": MASK, "b": "${NAME}"}),
        ("base_url", "https://llm.example.com", "https://llm.example.com"),
        ("mcp", True, True),
    ],
)
def test_what_can_be_a_secret_is_masked_and_references_are_not(name: str, value: object, visible: object) -> None:
    assert shown(PROFILE_KEYS[name], value) == visible


def test_every_setting_says_what_it_does() -> None:
    assert all(key.help for key in (*settings.GLOBAL_KEYS.values(), *settings.PROFILE_KEYS.values()))


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


def test_a_change_that_would_not_mean_what_it_should_is_not_written(path: Path) -> None:
    before = "profiles.a = {}\nprofiles.b = { mcp = true }\n"
    config = written(path, before)
    with pytest.raises(ConfigFailure, match="could not be changed without losing something in it") as caught:
        set_value(config, locate("base_url", "default"), "https://llm.example.com")
    assert "[profiles.NAME]" in str(caught.value.remedy)
    assert path.read_text() == before
    assert config.table == {"profiles": {"a": {}, "b": {"mcp": True}}}


@pytest.mark.parametrize("name", ["ca_bundle", "headers.x-team"])
def test_a_text_that_is_not_unicode_is_refused(path: Path, name: str) -> None:
    config = written(path, WORK)
    with pytest.raises(UsageFailure, match="holds half a character"):
        set_value(config, locate(name, "work"), "/etc/\udcff.pem")
    assert path.read_text() == WORK
