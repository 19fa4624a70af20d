"""Settings that are set and unset: by which names, and that everything else in the file stays."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litellmctl.errors import ConfigFailure, UsageFailure
from litellmctl.settings.config import Config
from litellmctl.settings.edit import find, locate, remove_profile, set_value
from tests.unit.settings.config_file import WORK, drop, put, written


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
        ("base_ulr", 'unknown setting "base_ulr". Did you mean "base_url"?'),
        ("profiles.work.api_kye", 'unknown setting "profiles.work.api_kye". Did you mean "api_key"?'),
        ("profiles.work.mcp.x", 'unknown setting "profiles.work.mcp.x"'),
        ("default_profile.x", 'unknown setting "default_profile.x"'),
        ("", 'unknown setting ""'),
        ("profiles", '"profiles" is not a setting'),
        ("profiles.work", '"profiles.work" is not a setting'),
        ("profiles..mcp", 'profiles..mcp: "" is not a valid profile name'),
        ("profiles.a b.mcp", 'profiles.a b.mcp: "a b" is not a valid profile name'),
        ("headers.", 'headers.: "" is not a valid header name'),
        ("headers.a b", 'headers.a b: "a b" is not a valid header name'),
        ("headers.x:y", 'headers.x:y: "x:y" is not a valid header name'),
    ],
)
def test_a_name_that_is_no_setting_is_refused(text: str, words: str) -> None:
    with pytest.raises(UsageFailure) as failure:
        locate(text, "work")
    assert failure.value.message.startswith(words)


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
    assert failure.value.message.startswith("profiles.work.api_key must be a reference")
    assert not text or text not in f"{failure.value.message} {failure.value.remedy}"
    assert path.read_text() == WORK


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("profiles.work.api_key", "$not a name", 'starts with "$" but is not a variable reference'),
        ("profiles.work.mcp", "maybe", 'profiles.work.mcp must be true or false, not "maybe"'),
        ("profiles.work.base_url", "example.com", "profiles.work.base_url has no scheme"),
        ("profiles.work.base_url", "https://me:secret@example.com", "contains a user name or password"),
        ("profiles.work.key_header", "x key", '"x key" is not a valid header name'),
        ("profiles.work.headers", "x", "profiles.work.headers is a table"),
        ("default_profile", "a b", '"a b" is not a valid profile name'),
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


def test_a_change_that_would_not_mean_what_it_should_is_not_written(path: Path) -> None:
    before = "profiles.a = {}\nprofiles.b = { mcp = true }\n"
    config = written(path, before)
    with pytest.raises(ConfigFailure, match="without losing something in it") as caught:
        set_value(config, locate("base_url", "default"), "https://llm.example.com")
    assert "[profiles.NAME]" in str(caught.value.remedy)
    assert path.read_text() == before
    assert config.table == {"profiles": {"a": {}, "b": {"mcp": True}}}


@pytest.mark.parametrize("name", ["ca_bundle", "headers.x-team"])
def test_a_text_that_is_not_unicode_is_refused(path: Path, name: str) -> None:
    config = written(path, WORK)
    with pytest.raises(UsageFailure, match="contains invalid Unicode"):
        set_value(config, locate(name, "work"), "/etc/\udcff.pem")
    assert path.read_text() == WORK


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("# mine\r\n[profiles.a]\r\nmcp = true\r\n", "# mine\r\n[profiles.a]\r\nmcp = true\r\ngcloud = true\r\n"),
        ("# mine\r\n[profiles.a]\r\nmcp = true", "# mine\r\n[profiles.a]\r\nmcp = true\r\ngcloud = true\r\n"),
        ("[profiles.a]\r\ngcloud = false # x\r\n\r\n", "[profiles.a]\r\ngcloud = true # x\r\n\r\n"),
        ("# mine\n\n[profiles.a]\r\nmcp = true\n", "# mine\n\n[profiles.a]\r\nmcp = true\ngcloud = true\n"),
        ("# mine\r\n\r\n[profiles.a]\nmcp = true\r\n", "# mine\r\n\r\n[profiles.a]\nmcp = true\r\ngcloud = true\r\n"),
        ("\r\n", "\r\n[profiles.a]\r\ngcloud = true\r\n"),
        ("# mine", "# mine\n[profiles.a]\ngcloud = true\n"),
        ("", "[profiles.a]\ngcloud = true\n"),
    ],
)
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_lines_end_as_the_files_own_do_and_the_byte_order_mark_stays(
    path: Path, before: str, after: str, mark: str
) -> None:
    config = written(path, mark + before)
    put(config, "profiles.a.gcloud", "true")
    assert path.read_bytes() == (mark + after).encode()
    assert Config(path).table == config.table
    put(config, "profiles.a.headers.x-team", "1")
    lines = path.read_bytes().removeprefix(mark.encode()).splitlines(keepends=True)
    assert lines[: after.count("\n")] == after.encode().splitlines(keepends=True)
    assert drop(config, "profiles.a.gcloud")
    assert drop(config, "profiles.a.headers.x-team")
    if "mcp" in before and not before.endswith("true"):
        assert path.read_bytes().rstrip() == (mark + before).encode().rstrip()
