from __future__ import annotations

from pathlib import Path

import pytest

from litellmctl.errors import ConfigFailure, ExitCode, UsageFailure
from litellmctl.settings.config import Config, selected_profile
from litellmctl.settings.definitions import PROFILE_KEYS
from litellmctl.settings.edit import remove_profile
from tests.unit.settings.config_file import WORK, drop, put, written


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
        "client_cert": None,
        "client_key": None,
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
    assert failure.value.message == (
        f'no profile "wrok": {config.path} has only default, work, home. Did you mean "work"?'
    )
    assert failure.value.remedy == "litellmctl config list --profiles"
    with pytest.raises(UsageFailure) as failure:
        config.profile("../x")
    assert failure.value.remedy == "litellmctl config list --profiles"


@pytest.mark.parametrize(
    ("origin", "name", "remedy"),
    [
        ("--profile", "wrok", "litellmctl config list --profiles"),
        ("--profile", "other", "litellmctl login --profile other, to create it"),
        ("--profile", "a b", "litellmctl config list --profiles"),
        ("LITELLMCTL_PROFILE", "wrok", "export LITELLMCTL_PROFILE=work"),
        ("LITELLMCTL_PROFILE", "other", "unset LITELLMCTL_PROFILE"),
        ("default_profile", "wrok", "litellmctl config set default_profile work"),
        ("default_profile", "other", "litellmctl config set default_profile default"),
    ],
)
def test_a_profile_that_is_not_there_is_refused_with_what_named_it_and_what_helps(
    path: Path, monkeypatch: pytest.MonkeyPatch, origin: str, name: str, remedy: str
) -> None:
    if origin == "LITELLMCTL_PROFILE":
        monkeypatch.setenv(origin, name)
    content = WORK.replace('default_profile = "work"', f'default_profile = "{name}"')
    assert content != WORK
    with pytest.raises(UsageFailure) as failure:
        selected_profile(written(path, content), name if origin == "--profile" else None)
    assert failure.value.message.startswith(f'no profile "{name}" (from {origin}): {path} has only default, work, home')
    assert failure.value.remedy == remedy


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
    (b"default_profile = " + b"1" * 5000, " contains a number that is too long"),
    ('defualt_profile = "a"', ': unknown setting "defualt_profile". Did you mean "default_profile"?'),
    ('[profiles.a]\nbase_ulr = ""', ': unknown setting "profiles.a.base_ulr". Did you mean "base_url"?'),
    ("[profiles.a]\nzzz = 1", ': unknown setting "profiles.a.zzz"'),
    ("[profile.a]\nmcp = true", ': unknown setting "profile"'),
    ("default_profile = 1", ": default_profile is not a string"),
    ("[profiles.a]\nbase_url = 1", ": profiles.a.base_url is not a string"),
    ("[profiles.a]\napi_key = ['sk']", ": profiles.a.api_key is not a string"),
    ("[profiles.a]\nmcp = 1", ": profiles.a.mcp is not a boolean (true or false)"),
    ('[profiles.a]\ngcloud = "true"', ": profiles.a.gcloud is not a boolean (true or false)"),
    ('[profiles.a]\nheaders = "x"', ": profiles.a.headers is not a table"),
    ("[profiles.a]\nheaders = { x = 1 }", ': profiles.a.headers: "x" is not a valid header with a string as its value'),
    (
        '[profiles.a]\nheaders = { "a b" = "1" }',
        ': profiles.a.headers: "a b" is not a valid header with a string as its value',
    ),
    (
        '[profiles.a]\nheaders = { "" = "1" }',
        ': profiles.a.headers: "" is not a valid header with a string as its value',
    ),
    ('[profiles.a]\nkey_header = "x key"', ': profiles.a.key_header: "x key" is not a valid header name'),
    ("[profiles.a]\nkey_header = 1", ": profiles.a.key_header is not a string"),
    ("profiles = 1", ": profiles is not a table of tables"),
    ("[profiles]\nmcp = true", ": profiles is not a table of tables"),
    ('[profiles."a b"]', ': "a b" is not a valid profile name'),
    ('[profiles."-a"]', ': "-a" is not a valid profile name'),
    ('[profiles."../a"]', ': "../a" is not a valid profile name'),
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
    with pytest.raises(ConfigFailure, match="is a directory") as failure:
        _ = Config(path).table
    assert failure.value.remedy == f"move {path} away"


def test_a_bad_url_is_refused_by_the_name_of_its_setting(path: Path) -> None:
    profile = written(path, '[profiles.work]\nbase_url = "example.com"').profile("work")
    with pytest.raises(UsageFailure, match=r"profiles\.work\.base_url has no scheme"):
        _ = profile.base_url
