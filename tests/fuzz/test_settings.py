"""What the user configures: the config file, single settings, values, base URLs, variables."""

from __future__ import annotations

import json
import os
import re
import tempfile
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import assume
from hypothesis import strategies as st

from litellmctl.auth.sources import environment_headers
from litellmctl.errors import ConfigFailure, UsageFailure
from litellmctl.foundation.urls import is_loopback, normalize, origin
from litellmctl.settings import environment, values
from litellmctl.settings.config import Config, parse
from litellmctl.settings.definitions import GLOBAL_KEYS, PROFILE_KEYS, shown
from litellmctl.settings.edit import Address, find, locate, remove_profile, set_value, unset_value
from tests.fuzz.strategies import NASTY, as_json, damaged, fuzz, mostly, plain_texts, texts
from tests.fuzz.strategies import values as json_values

# --- the file ---

comments = st.sampled_from(["", "", "# mine\n", "\n", "\n  # it's = [odd]\n\n"])
behind = st.sampled_from(["", "", " # behind", "\t#x"])
newlines = st.sampled_from(["\n", "\n", "\r\n"])
profile_names = st.sampled_from(["default", "work", "a-b", "_", "0"])
setting_texts = st.sampled_from(["$KEY", "!pass show x", "a # b", 'say "hi"', "é", "", "C:\\x", "two\nlines", "'"])
SETTINGS: dict[str, st.SearchStrategy[Any]] = {
    "base_url": st.sampled_from(["https://llm.example.com", "http://127.0.0.1:4000/x"]),
    "api_key": setting_texts,
    "gcloud": st.booleans(),
    "key_header": st.sampled_from(["x-api-key", "Authorization"]),
    "allow_insecure_http": st.booleans(),
    "ca_bundle": setting_texts,
    "client_cert": setting_texts,
    "client_key": setting_texts,
    "mcp": st.booleans(),
    "skills": st.booleans(),
}
header_tables = st.dictionaries(st.sampled_from(["x-team", "X.y", "a"]), setting_texts, max_size=2)


def in_toml(value: Any, draw: st.DrawFn) -> str:
    if isinstance(value, bool):
        return json.dumps(value)
    text = json.dumps(value, ensure_ascii=draw(st.booleans()))
    if "'" not in value and "\n" not in value and draw(st.booleans()):
        return f"'{value}'"
    return f'""{text}""' if draw(st.booleans()) and not value.endswith('"') else text


@st.composite
def config_files(draw: st.DrawFn) -> bytes:
    """Return a config file as different people write them."""
    lines = [draw(comments)]
    if draw(st.booleans()):
        lines.append(f'default_profile = "{draw(profile_names)}"{draw(behind)}\n')
    profiles = draw(st.lists(profile_names, max_size=3, unique=True))
    style = draw(st.sampled_from(["tables", "tables", "dotted", "inline"]))
    if style == "dotted" and profiles:
        lines.append("[profiles]\n")
    for name in profiles:
        settings = {
            key: draw(SETTINGS[key]) for key in draw(st.lists(st.sampled_from(list(SETTINGS)), max_size=4, unique=True))
        }
        headers = draw(header_tables)
        if style == "inline":
            inner = ", ".join(f"{key} = {in_toml(one, draw)}" for key, one in settings.items())
            lines.append(f"{draw(comments)}profiles.{name} = {{ {inner} }}{draw(behind)}\n")
            continue
        if style == "tables":
            lines.append(f"{draw(comments)}[profiles.{name}]{draw(behind)}\n")
        before = f"{name}." if style == "dotted" else draw(st.sampled_from(["", "  "]))
        lines += [
            f"{draw(comments)}{before}{key} ={draw(st.sampled_from([' ', '']))}{in_toml(one, draw)}{draw(behind)}\n"
            for key, one in settings.items()
        ]
        if headers and style == "tables" and draw(st.booleans()):
            lines.append(f"[profiles.{name}.headers]\n")
            lines += [f"{json.dumps(key)} = {in_toml(one, draw)}{draw(behind)}\n" for key, one in headers.items()]
        elif headers:
            inner = ", ".join(f"{json.dumps(key)} = {in_toml(one, draw)}" for key, one in headers.items())
            lines.append(f"{before}headers = {{{inner}}}\n")
    text = "".join(lines)
    if draw(st.booleans()):
        text = text.removesuffix("\n")
    return draw(st.sampled_from(["", "", "\ufeff"])).encode() + text.replace("\n", draw(newlines)).encode()


toml_values = st.one_of(
    st.sampled_from(["1", "0x" + "f" * 5000, "9" * 5000, "1e9999", "nan", "2020-01-01", "25:00:00", "'x'", '"\\uD800"', "[1, [2]]", "{a.b = 1}"]),
    st.sampled_from(["[" * 2000 + "]" * 2000, "{a=" * 900 + "1" + "}" * 900, "1979-05-27T07:32:00+25:00", "true", '"$X"', '"""', "'''a'''"]),
    json_values.map(json.dumps),
)  # fmt: skip
toml_keys = st.sampled_from(
    [
        *GLOBAL_KEYS,
        *PROFILE_KEYS,
        "profiles",
        "profiles.default",
        "profiles.a.b",
        '""',
        "'a b'",
        "profiles.work.base_url",
    ]
)
toml_lines = st.lists(
    st.one_of(
        st.builds(lambda key, value: f"{key} = {value}", toml_keys, toml_values),
        st.builds(
            lambda left, key, right: f"{left}{key}{right}",
            st.sampled_from(["[", "[["]),
            toml_keys,
            st.sampled_from(["]", "]]"]),
        ),
        texts,
    ),
    max_size=6,
).map(lambda lines: "\n".join(lines).encode("utf-8", "surrogatepass"))


@fuzz(damaged(config_files()) | toml_lines, share=2)
def test_any_config_file_is_read_or_refused(data: bytes) -> None:
    try:
        table = parse(data, "config.toml")
    except ConfigFailure as failure:
        assert failure.exit_code == 2
        assert failure.message.startswith("config.toml")
        assert "Traceback" not in failure.message
        return
    assert set(table) <= {*GLOBAL_KEYS, "profiles"}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.toml"
        path.write_bytes(data)
        config = Config(path)
        for name in config.profile_names:
            profile = config.profile(name)
            for setting in ("base_url", "api_key", "headers", "mcp_headers"):
                try:
                    getattr(profile, setting)
                except UsageFailure as failure:
                    assert failure.exit_code == 2
            for key, value in profile.table.items():
                shown(PROFILE_KEYS[key], value)
        assert path.read_bytes() == data


# --- changing a setting ---

addresses = st.builds(
    lambda profile, key: f"profiles.{profile}.{key}",
    profile_names,
    st.sampled_from([*SETTINGS, "headers.x-team", "headers.X.y", "headers.new", "mcp_headers.srv:X-Key"]),
) | st.just("default_profile")
good_texts = {
    "base_url": st.sampled_from(["https://new.example.com/v1/", "http://localhost:1"]),
    "api_key": st.sampled_from(["$NEW", "!new command"]),
    "default_profile": profile_names,
    "key_header": st.just("x-new"),
}


def text_for(name: str) -> st.SearchStrategy[str]:
    key = name.rsplit(".", 1)[-1]
    if key in {"gcloud", "allow_insecure_http", "mcp", "skills"}:
        return st.sampled_from(["true", "no", "1", "OFF"])
    return good_texts.get(key, plain_texts)


def remarks(data: bytes) -> list[str]:
    """Return the comments that cannot be anything else."""
    return [line.strip() for line in data.decode("utf-8-sig").splitlines() if line.strip().startswith("#")]


def is_odd(before: bytes) -> bool:
    """Whether profiles are written as inline tables, or by dotted keys below [profiles], which nobody does.

    tomlkit loses its way in several of the first, and cannot add a table to the second.
    """
    return re.search(rb"(?m)^(profiles\.[\w-]+ = \{|[\w-]+\.(base_url|headers) = )", before) is not None


def without(table: Any, path: tuple[str, ...]) -> Any:
    """Return the settings without one, and without the tables that this leaves empty."""
    if not isinstance(table, dict):
        return table
    rest = {
        name: without(one, path[1:]) if path and name == path[0] else one
        for name, one in table.items()
        if path != (name,)
    }
    return {name: one for name, one in rest.items() if one != {}}


@fuzz(config_files(), addresses, st.data(), share=2)
def test_setting_and_unsetting_keeps_the_comments_and_everything_else(
    before: bytes, name: str, data: st.DataObject
) -> None:
    text = data.draw(text_for(name))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.toml"
        path.write_bytes(before)
        try:
            old = parse(before, str(path))
        except ConfigFailure:
            assume(False)  # two styles that TOML does not let stand together
        config = Config(path)
        address = locate(name, "default")
        try:
            value = set_value(config, address, text)
        except ConfigFailure as failure:
            # tomlkit cannot, and nothing is lost. In tables as everybody writes them it can.
            assert is_odd(before)
            assert "without losing something" in failure.message
            assert path.read_bytes() == before
            return
        after = path.read_bytes()
        assert find(Config(path), address) == value == find(config, address)
        way = (*address.table, address.name)
        assert without(tomllib.loads(after.decode("utf-8-sig")), way) == without(old, way)
        assert remarks(after) == remarks(before)
        set_value(Config(path), address, text)
        assert path.read_bytes() == after
        try:
            assert unset_value(Config(path), address)
        except ConfigFailure as failure:
            assert is_odd(before)
            assert "without losing something" in failure.message
            assert path.read_bytes() == after
            return
        assert find(Config(path), address) is None
        assert without(Config(path).table, way) == without(old, way)
        assert not unset_value(Config(path), address)


@fuzz(config_files(), profile_names)
def test_removing_a_profile_keeps_the_others(before: bytes, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.toml"
        path.write_bytes(before)
        try:
            old = parse(before, str(path))
        except ConfigFailure:
            assume(False)
        was_there = name in old.get("profiles", {})
        try:
            assert remove_profile(Config(path), name) == was_there
        except ConfigFailure as failure:
            assert is_odd(before)
            assert "without losing something" in failure.message
            assert path.read_bytes() == before
            return
        assert without(Config(path).table, ("profiles", name)) == without(old, ("profiles", name))
        assert name not in Config(path).table.get("profiles", {})


@fuzz(
    config_files() | damaged(config_files()),
    mostly(st.sampled_from([*GLOBAL_KEYS, *PROFILE_KEYS, "headers.x", "mcp_headers.s:x"]), texts),
    mostly(st.sampled_from(["true", "false", "5", "https://h/v1", "$X", "!x y", "x"]), texts),
    share=2,
)
def test_any_text_for_any_setting_is_a_value_or_refused_and_the_file_stays(before: bytes, name: str, text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.toml"
        path.write_bytes(before)
        config = Config(path)
        try:
            address = locate(name, "work")
            value = set_value(config, address, text)
        except UsageFailure as failure:
            assert failure.exit_code == 2
            assert path.read_bytes() == before
            return
        assert find(Config(path), address) == value


@fuzz(
    texts
    | st.lists(
        st.sampled_from(["profiles", "work", "headers", "mcp_headers", "api_key", "a", "", "x:y"]), max_size=5
    ).map(".".join)
)
def test_any_name_is_a_setting_whose_full_name_is_that_setting_or_refused(name: str) -> None:
    try:
        address = locate(name, "work")
    except UsageFailure as failure:
        assert failure.exit_code == 2
        return
    assert isinstance(address, Address)
    again = locate(address.full, "other")
    assert (again.table, again.name) == (address.table, address.name)


# --- values ---


@fuzz(texts)
def test_any_text_is_a_value_that_says_what_it_is(text: str) -> None:
    try:
        value = values.parse(text, named="x")
    except ConfigFailure:
        assert text.startswith("$")
        return
    assert (
        value.text not in repr(value) or value.text in "Value('literal', named='x')command" or value.kind != "literal"
    )
    if value.is_literal:
        assert value.resolve() == (text.removeprefix("$"))
        escaped = values.parse(value.text if value.text[:1] not in {"$", "!"} else f"${value.text}", named="x")
        assert escaped == value
    else:
        assert text[0] in "$!"


# --- base URLs ---

hosts = st.sampled_from(
    [
        "h",
        "H.example.com",
        "127.0.0.1",
        "[::1]",
        "[fe80::1%25eth0]",
        "localhost",
        "a..b",
        "münchen.de",
        "xn--mnchen-3ya.de",
        "h.",
    ]
)
urls = st.one_of(
    st.builds(
        lambda scheme, user, host, port, path, rest: f"{scheme}{user}{host}{port}{path}{rest}",
        mostly(
            st.sampled_from(["https://", "http://", "HTTPS://"]),
            st.sampled_from(["ftp://", "//", "", "https:/", "https:///"]),
        ),
        mostly(st.just(""), st.sampled_from(["u@", "u:sk-secret@", "@"])),
        mostly(hosts, texts),
        mostly(
            st.sampled_from(["", ":443", ":80", ":4000"]),
            st.sampled_from([":0", ":", ":99999", ":x", ":٣", ":+1", ": 1"]),
        ),
        mostly(
            st.lists(st.sampled_from(["/", "/v1", "/V1", "/a", "/..", "/.", "//", "/%2e", "/v1/"]), max_size=4).map(
                "".join
            ),
            texts,
        ),
        mostly(st.just(""), st.sampled_from(["?", "?a=b", "#", "#f", ";x"])),
    ),
    texts,
)


@fuzz(urls, share=3)
def test_a_base_url_is_canonical_or_refused(text: str) -> None:
    try:
        url = normalize(text)
    except UsageFailure as failure:
        assert failure.exit_code == 2
        assert "sk-secret" not in failure.message + (failure.remedy or "")
        return
    assert normalize(url) == url
    assert normalize(f"{url}/v1/") == url
    assert normalize(f" {url}/\n") == url
    assert re.match(r"https?://[^/@?#\s]+(/|$)", url)
    assert not url.endswith(("/", "/v1"))
    assert not any(
        one in url for one in NASTY if len(one) == 1 and (ord(one) < 33 or 127 <= ord(one) < 160 or one == "\\")
    )
    assert origin(url) is None or origin(url) == origin(text.strip())
    assert is_loopback(url) == is_loopback(f"{url}/v1")


# --- variables ---

READERS: dict[str, Callable[[], Any]] = {
    "LITELLM_DISCOVERY_TIMEOUT_MS": lambda: environment.milliseconds("LITELLM_DISCOVERY_TIMEOUT_MS", 5.0),
    "LITELLM_CLI_JWT_EXPIRATION_HOURS": lambda: environment.hours("LITELLM_CLI_JWT_EXPIRATION_HOURS", 24.0),
    "LITELLM_HEADERS": environment_headers,
    "LITELLM_OFFLINE": lambda: environment.flag("LITELLM_OFFLINE"),
}
variable_texts = st.one_of(
    plain_texts.map(lambda text: text.replace("\0", "")),
    st.sampled_from(
        [
            "1",
            "0",
            "nan",
            "inf",
            "-1",
            "1e5",
            "1e999",
            "9" * 400,
            "9" * 5000,
            "٣",
            "0x1",
            "1_0",
            "[" * 9000,
            '{"a":' * 9000,
        ]
    ),
    json_values.map(as_json).map(bytes.decode),
    st.dictionaries(texts | st.just("x-team"), texts, max_size=2).map(as_json).map(bytes.decode),
)


@pytest.mark.parametrize("name", READERS)
@fuzz(variable_texts)
def test_any_variable_is_a_value_or_a_documented_failure(name: str, text: str) -> None:
    with patch.dict(os.environ, {name: text}):
        try:
            found = READERS[name]()
        except ConfigFailure as failure:
            assert failure.exit_code == 2
            assert failure.remedy
            return
    if isinstance(found, float):
        assert 0 <= found < 2**40
    elif isinstance(found, dict):
        assert all(re.fullmatch(r"[!-~]+", one) for one in found)
