"""Files of ours, damaged or of another version: read, or a documented failure, and never changed by reading."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import strategies as st

from litellmctl.__main__ import main
from litellmctl.auth import adc
from litellmctl.auth.login_file import Login, LoginFile, Logins
from litellmctl.auth.stored_credential import Renewal, StoredCredential
from litellmctl.auth.vault import FileVault, Found, Missing, Refused, Secret, _packed, _unpacked
from litellmctl.catalog.cache import Catalog, CatalogCache
from litellmctl.catalog.facts import nothing
from litellmctl.errors import ERROR_CODES, Failure
from litellmctl.foundation import processes
from litellmctl.foundation.line_cache import LineCache
from litellmctl.foundation.text import dump_json
from litellmctl.sandbox import resident
from litellmctl.skills.cache import Known, Part, SkillCache
from litellmctl.tools.cache import ToolCache, ToolCatalog
from litellmctl.tools.tool import Offer, Server, read_offer
from tests.conftest import _Stream
from tests.fuzz.strategies import as_json, damaged, fuzz, json_texts, loose_values, mostly, objects, texts, values

URL = "https://llm.example.com"
KEY = "sk-fuzz-0123456789"
moments = st.one_of(
    st.floats(0, 2**33),
    st.integers(0, 2**33),
    st.sampled_from([2**40, 1e300, -1e300, 10**400, float("nan"), float("inf"), -1, True, "1"]),
)


def of_file(name: str, data: bytes, folder: str) -> Path:
    path = Path(folder) / name
    path.write_bytes(data)
    return path


# --- the program itself, with a damaged file in its folders ---


def run(folder: str, *words: str) -> tuple[int, str, str]:
    """Return exit code, stdout and stderr of the program in this process."""
    streams = [_Stream(), _Stream(), _Stream()]
    variables = {
        "HOME": folder,
        "LITELLMCTL_CONFIG_DIR": folder,
        "LITELLMCTL_CACHE_DIR": folder,
        "LITELLMCTL_KEYRING": "off",
        "LITELLM_OFFLINE": "1",
    }
    with (
        patch.dict(os.environ, variables),
        patch.object(sys, "stdin", streams[0]),
        patch.object(sys, "stdout", streams[1]),
        patch.object(sys, "stderr", streams[2]),
    ):
        code = main(list(words))
    return code, streams[1].text(), streams[2].text()


def told_well(folder: str, *words: str) -> int:
    code, stdout, stderr = run(folder, *words)
    assert "this is a bug" not in stderr, stderr
    assert "Traceback" not in stderr
    assert code in {int(exit_code) for exit_code, _ in ERROR_CODES.values()} | {0}
    if code:
        assert stdout == "" or words[0] in {"whoami", "auth"}  # which say who is signed in, and that nobody is
        assert ("Error: " in stderr and "Try: " in stderr) or json.loads(stderr.splitlines()[-1])["error"]["remedy"]
        assert KEY not in stderr
    return code


# --- logins and secrets ---

login_fields = objects(
    {
        "base_url": st.sampled_from([URL, "https://other.example.com"]),
        "id": st.sampled_from(["one", "two"]),
        "kind": st.sampled_from(["sso", "api_key", "pkce"]),
        "storage": st.sampled_from(["file", "keyring", "moon"]),
        "issued_at": moments,
        "expires_at": moments,
        "user_id": texts,
        **dict.fromkeys(["client_id", "token_endpoint", "revocation_endpoint", "resource"], texts),
    },
    values,
)
whole_login = st.just({"base_url": URL, "id": "one", "kind": "sso", "storage": "file"})
login_tables = st.builds(
    lambda whole, some, when: {**some, **whole, **when},
    whole_login,
    login_fields,
    st.fixed_dictionaries({"issued_at": moments}, optional={"expires_at": moments}),
)
versions = st.sampled_from([1, 1, 1, 1, 2, 0, 1.0, True, "1", None, 10**30])
login_files = st.builds(
    lambda version, table, others: {"version": version, "logins": table, **others},
    versions,
    mostly(
        st.dictionaries(st.just("default"), mostly(login_tables, login_fields, loose_values), min_size=1, max_size=1),
        loose_values,
    ),
    objects(
        {
            "urls": st.dictionaries(texts, st.just(URL), max_size=1),
            "discarded": st.lists(st.lists(texts, min_size=2, max_size=2), max_size=2),
        },
        values,
    ),
).map(as_json)
secret_fields = st.builds(
    lambda some, when: {"base_url": URL, "token": KEY, **when, **some},
    mostly(st.just({}), objects({"token": st.just(KEY), "refresh_token": texts, "issued_at": moments}, values)),
    st.fixed_dictionaries({"issued_at": moments}, optional={"expires_at": moments}),
)
secret_files = st.builds(
    lambda version, table: {"version": version, "secrets": table},
    versions,
    mostly(
        st.fixed_dictionaries({"one": mostly(secret_fields, loose_values)}, optional={"two": loose_values}),
        loose_values,
    ),
).map(as_json)


@fuzz(damaged(login_files), damaged(secret_files), share=2)
def test_any_logins_and_secrets_are_read_or_refused_and_stay(logins: bytes, secrets: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        paths = {of_file("logins.json", logins, folder): logins, of_file("secrets.json", secrets, folder): secrets}
        for words in (["token"], ["whoami"], ["models"], ["auth", "status"], ["config", "list"]):
            told_well(folder, *words)
        try:
            found = LoginFile(folder).read()
        except Failure as failure:
            assert failure.exit_code == 2
            assert failure.remedy
        else:
            for profile, login in found.by_profile.items():
                stored = StoredCredential(
                    profile, login, LoginFile(folder), FileVault(folder), Renewal(None, lambda _: None)
                )  # type: ignore[arg-type]
                assert stored.expires_at is None or isinstance(stored.expires_at, float | int)
                try:
                    stored.read()
                except Failure as failure:
                    assert failure.remedy
                else:
                    assert stored._secret is None
        for path, data in paths.items():
            kept = path.read_bytes()
            # A renewal first writes the secrets that are there, to see that it can.
            assert kept == data or (path.name == "secrets.json" and json.loads(kept) == json.loads(data))


@fuzz(damaged(secret_files), share=2)
def test_any_vault_is_read_or_refused_and_another_login_loses_nothing(data: bytes) -> None:
    new = Secret(URL, "sk-new", 1.5, None, None)
    with tempfile.TemporaryDirectory() as folder:
        path = of_file("secrets.json", data, folder)
        vault = FileVault(folder)
        before: Any = None
        try:
            outcome = vault.get("one")
            before = vault._read()
        except Failure as failure:
            assert failure.exit_code == 2
            assert failure.remedy
            for change in (lambda: vault.put("new", new), lambda: vault.remove("one")):
                with pytest.raises(Failure):
                    change()
            assert path.read_bytes() == data
            return
        assert path.read_bytes() == data
        assert isinstance(outcome, Found | Missing | Refused)
        assert KEY not in repr(outcome)
        vault.put("new", new)
        assert vault.get("new") == Found(new)
        # What another version wrote there is kept as it is.
        assert repr({name: one for name, one in vault._read().items() if name != "new"}) == repr(
            {name: one for name, one in before.items() if name != "new"}
        )
        assert repr(vault.get("one")) == repr(outcome)


sent = st.floats(0, 2**40) | st.integers(0, 2**40)
secrets_of = st.builds(Secret, json_texts, json_texts.filter(bool), sent, st.none() | sent, st.none() | json_texts)


@fuzz(st.dictionaries(json_texts, secrets_of, max_size=3), json_texts, secrets_of)
def test_a_vault_gives_back_what_it_was_given(secrets: dict[str, Secret], last: str, secret: Secret) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for login, one in secrets.items():
            FileVault(folder).put(login, one)
        FileVault(folder).put(last, secret)
        for login, one in {**secrets, last: secret}.items():
            assert FileVault(folder).get(login) == Found(one)
        FileVault(folder).remove(last)
        assert FileVault(folder).get(last) == Missing()
        for login, one in secrets.items():
            assert login == last or FileVault(folder).get(login) == Found(one)


@fuzz(secrets_of, st.integers(0, 4000))
def test_a_packed_secret_is_unpacked(secret: Secret, length: int) -> None:
    text = secret._replace(token=secret.token + "x" * length).dump()
    packed = _packed(text)
    assert _unpacked(packed) == text
    assert len(packed.encode("utf-16-le")) <= 2560 or len(text) > 1200


@fuzz(texts | st.text(st.characters(min_codepoint=0x4000, max_codepoint=0xBFFF), max_size=30))
def test_any_item_of_a_keyring_is_unpacked_or_not_ours(text: str) -> None:
    with suppress(ValueError):
        assert isinstance(_unpacked(text), str)


logins_of = st.builds(
    Login, json_texts, json_texts, json_texts, json_texts, sent, st.none() | sent, *[st.none() | json_texts] * 8
)
all_logins = st.builds(
    Logins,
    st.dictionaries(json_texts, logins_of, max_size=3),
    st.dictionaries(json_texts, json_texts, max_size=2),
    st.lists(st.tuples(json_texts, json_texts), max_size=2),
)


@fuzz(all_logins)
def test_logins_come_back_as_they_were_written(logins: Logins) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = LoginFile(folder)
        file.write(logins)
        once = Path(file.path).read_bytes()
        assert file.read() == logins
        file.write(file.read())
        assert Path(file.path).read_bytes() == once


@fuzz(
    damaged(
        objects(
            {"type": st.just("authorized_user"), "client_id": texts, "client_secret": texts, "refresh_token": texts}
        ).map(as_json)
    )
)
def test_googles_credentials_are_read_or_not_used(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = of_file("adc.json", data, folder)
        try:
            info = adc.read(path)
        except adc.UnusableADC as error:
            assert str(path) in str(error)
        else:
            assert info["type"] == "authorized_user"
        assert path.read_bytes() == data


# --- caches ---

THEN = 1_790_000_000.25
OFFER = read_offer({"tools": [{"name": "t", "inputSchema": {}, "mcp_info": {"server_name": "s"}}]}, [])
MODELS = [nothing(1).model(name, "model_info") for name in ("a", "é", "\u2028")]
CACHES: dict[str, tuple[type[LineCache], Callable[[Any], None], list[list[str]]]] = {
    "models": (
        CatalogCache,
        lambda cache: cache.write(
            Catalog.of_models(URL, "model_info", MODELS, lambda: ["a note"])._replace(fetched_at=THEN)
        ),
        [["models"], ["models", "--json"], ["models", "show", "a"], ["export", "pi"]],
    ),
    "tools": (
        ToolCache,
        lambda cache: cache.write(ToolCatalog(THEN, OFFER)),
        [["mcp", "list"], ["mcp", "servers"], ["mcp", "show", "s/t"]],
    ),
    "skills": (
        SkillCache,
        lambda cache: cache.write({"hub": Part([Known("hub", "1", "a", True, "x")], THEN, THEN)}),
        [["prompt-section"], ["prompt-section", "--style", "json"]],
    ),
}
# Fields of a header that another version may have written, or nobody.
headers = objects(
    {
        "fetched_at": moments,
        "listed": st.integers(-1, 9),
        "notes": st.lists(texts, max_size=2),
        "source": texts,
        "servers": st.just([list(Server("s", None, None, None, 1))])
        | st.lists(st.lists(values, max_size=7), max_size=2),
        "parts": st.dictionaries(
            st.sampled_from(["hub", "api", "x"]), st.lists(moments | values, max_size=4), max_size=2
        ),
        "schema": st.sampled_from([1, 1, 2]),
    }
)


def own_identity(folder: str, kind: str) -> list[str]:
    """Have the program make its key and say how its cache file is called, by the file that it looks for."""
    from litellmctl.app import App
    from litellmctl.terminal.console import Console

    app = App(Console(None, None, None))
    cache = {
        "models": lambda: app.catalogs.model_cache,
        "tools": lambda: app.catalogs.tool_cache,
        "skills": lambda: app.catalogs.skill_cache,
    }[kind]()
    return list(cache._identity)


@pytest.mark.parametrize("kind", CACHES)
@fuzz(st.data())
def test_any_cache_is_read_or_counts_as_none(kind: str, data: st.DataObject) -> None:
    made, write, commands = CACHES[kind]
    with (
        tempfile.TemporaryDirectory() as folder,
        patch.dict(
            os.environ,
            {
                "LITELLM_BASE_URL": URL,
                "LITELLM_API_KEY": KEY,
                "LITELLMCTL_CONFIG_DIR": folder,
                "LITELLMCTL_CACHE_DIR": folder,
                "LITELLMCTL_KEYRING": "off",
            },
        ),
    ):
        cache = made(folder, "default", URL, own_identity(folder, kind))
        write(cache)
        path = Path(cache._file(create=False) or "")
        whole = path.read_bytes()
        first = made(folder, "default", URL, cache._identity).read()  # type: ignore[attr-defined]
        assert first
        if data.draw(st.booleans()):
            head, _, rest = whole.partition(b"\n")
            new = {**json.loads(head), **data.draw(headers), "total": rest.count(b"\n"), "crc32": zlib.crc32(rest)}
            other = as_json(new) + b"\n" + rest
        else:
            other = data.draw(damaged(st.just(whole)))
        path.write_bytes(other)
        found = made(folder, "default", URL, cache._identity).read()  # type: ignore[attr-defined]
        if other == whole:
            assert dump_json(found) == dump_json(first)
        for words in commands:
            told_well(folder, *words)
        assert path.read_bytes() == other
        key = Path(folder) / "key"
        key.write_bytes(data.draw(st.binary(max_size=40)))
        told_well(folder, *commands[0])


names = texts | st.sampled_from(["a", "b"])
offers = st.builds(
    lambda rows, listed: read_offer({"tools": rows}, listed),
    st.lists(
        objects(
            {
                "name": names,
                "title": texts,
                "inputSchema": values,
                "annotations": values,
                "mcp_info": st.builds(lambda one: {"server_name": one}, names),
            },
            values,
        ),
        max_size=3,
    ),
    st.lists(st.builds(lambda one: {"server_name": one}, names), max_size=2),
)


@fuzz(offers, st.floats(0, 2**33))
def test_tools_come_out_of_the_cache_as_they_went_in_but_for_half_characters(offer: Offer, moment: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        cache = ToolCache(folder, "default", URL, ["secret"])
        cache.write(ToolCatalog(moment, offer))
        found = cache.read()
        assert found is not None
        assert dump_json(found.offer.tools) == dump_json(offer.tools)
        cache.write(found)
        assert cache.read() == found


# --- the sandbox's state ---

states = objects(
    {
        "base_url": st.just("http://127.0.0.1:1"),
        "key": st.just("sk-x"),
        "pid": st.sampled_from([-1, 0, 1, 2, 2**31, 2**40, 10**400, "1/../1", "self", "\0", None, True]),
        "start_time": st.sampled_from([None, "", "1", 5]),
        "started_at": moments,
    },
    values,
).map(lambda one: {name: one[name] for name in one if name in {"base_url", "key", "pid", "start_time", "started_at"}})


@fuzz(damaged(states.map(as_json)), share=2)
def test_any_note_of_a_sandbox_is_read_or_counts_as_none(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder, patch.dict(os.environ, {"LITELLMCTL_CACHE_DIR": folder}):
        (Path(folder) / "sandbox").mkdir()
        path = of_file("sandbox/state.json", data, folder)
        found = resident.running()
        if found is not None:  # a process of that number began at that time: nobody guesses that
            assert processes.start_time(found.pid) == found.start_time
            assert found.start_time
            assert found.pid > 1
        assert told_well(folder, "sandbox", "status") == 0
        assert path.read_bytes() == data


@fuzz(
    st.binary(max_size=60)
    | st.lists(st.sampled_from([b"1", b" ", b"(", b")", b"Z", b"S", b"x"]), max_size=60).map(b"".join)
)
def test_any_line_of_ps_is_a_time_or_none(data: bytes) -> None:
    started = processes.parse_ps(data.decode("ascii", "replace"))
    assert started is None or isinstance(started, str)
