"""Other programs' files: what is exported is read back, whatever stood there stays, and undo takes it away again."""

from __future__ import annotations

import json
import shlex
import tempfile
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml as pyyaml
from hypothesis import assume
from hypothesis import strategies as st
from ruamel.yaml import YAML

from litellmctl.catalog.facts import of_deployment
from litellmctl.catalog.model import Model
from litellmctl.errors import Failure
from litellmctl.programs.changes import FileChange, Fill, Members, Put, Set, having
from litellmctl.programs.documents import changed
from litellmctl.programs.jsonc import parse
from litellmctl.programs.mcp_host import owns_bridge
from litellmctl.programs.program import Exporter, Launch, Provider, Wish
from litellmctl.programs.receipts import Receipts, diff
from litellmctl.programs.registry import exporters
from tests.fuzz.strategies import as_json, damaged, fuzz, mostly, numbers, plain_texts, scalars, texts, trees
from tests.fuzz.test_catalog import infos
from tests.unit.programs.test_documents import toml_files, yaml_files
from tests.unit.programs.test_jsonc import texts as jsonc_files

EXPORTERS = exporters()
each = pytest.mark.parametrize("exporter", EXPORTERS.values(), ids=EXPORTERS)
# Those that read the key from a variable take the fixed key of a relay too.
EITHER = [
    (one, relayed) for one in EXPORTERS.values() for relayed in (False, True) if one.reads_variable or not relayed
]
either = pytest.mark.parametrize(
    ("exporter", "relayed"), EITHER, ids=[f"{one.name}{'-relayed' * relayed}" for one, relayed in EITHER]
)
LOCAL_KEY = "sk-local-0123456789abcdefghijklmnopqrstuvwxyz-_ABCDEFG"
# A model's name is what a proxy says, without half characters, which its catalog has not.
names = mostly(st.sampled_from(["gpt-4o", "claude-sonnet-4", "kimi-k2", "a/b:c"]), plain_texts.filter(bool))
models = st.lists(st.tuples(names, infos), max_size=4, unique_by=lambda pair: pair[0]).map(
    lambda pairs: [of_deployment({"model_info": info}).model(name, "model_info") for name, info in pairs]
)


def provider(some: list[Model], id_: str = "litellm", *, relayed: bool = False) -> Provider:
    if relayed:
        return Provider(id_, "LiteLLM (llm.example.com)", "http://127.0.0.1:20123", some, (), key=LOCAL_KEY)
    command = ["/opt/my tools/litellmctl", "token", "--profile", "it's", "--base-url", "https://llm.example.com"]
    return Provider(id_, "LiteLLM (llm.example.com)", "https://llm.example.com", some, command, with_skills=True)


def read(change: FileChange, text: str) -> Any:
    """Return what a file means to a parser that is not ours."""
    text = text.removeprefix("\ufeff")
    if change.format == "json":
        return json.loads(text)
    if change.format == "toml":
        return tomllib.loads(text)
    if change.format == "yaml":
        return YAML(typ="safe", pure=True).load(text)
    return [shlex.split(line) if "$'" not in line else None for line in text.splitlines() if not line.startswith("#")]


# Which names each program gets, of what its files mean: where its own format says them.
NAMES = {
    "opencode": lambda found: list(found[0]["provider"]["litellm"]["models"]),
    "codex": lambda _: None,
    "claude-code": lambda found: [one["model"] for one in found[0]["modelPicker"]["options"]],
    "pi": lambda found: [one["id"] for one in found[0]["providers"]["litellm"]["models"]],
    "crush": lambda _: None,
    "aider": lambda found: [one.removeprefix("openai/") for one in found[1]],
    "continue": lambda found: [one["model"] for one in found[0]["models"]],
    "zed": lambda found: [
        one["name"] for one in found[0]["language_models"]["openai_compatible"]["litellm"]["available_models"]
    ],
    "llm": lambda found: [one["model_name"] for one in found[0] or []],
    "goose": lambda found: [one["name"] for one in found[0]["models"]],
}


@either
@fuzz(models, share=0.5)
def test_what_is_exported_reads_back_as_the_same_models(exporter: Exporter, relayed: bool, some: list[Model]) -> None:
    export = exporter.export(provider(some, relayed=relayed))
    written = [changed(change, None) for change in export.files]
    found = [read(change, text) for change, text in zip(export.files, written, strict=True) if text]
    for change, text in zip(export.files, written, strict=True):
        if change.format == "yaml":  # aider, llm and others read it with PyYAML
            assert pyyaml.safe_load(text) == read(change, text)
        assert changed(change, text or None) == text
        text.encode()
    if len(found) == len(export.files):
        listed = NAMES[exporter.name](found)
        own = [model["id"] for model in some]
        if listed is not None:
            assert listed == [name for name in own if name in listed]
            assert len(listed) == len(own) or export.warnings


@fuzz(models)
def test_prices_and_limits_are_those_of_the_catalog(some: list[Model]) -> None:
    """What no exporter leaves out: the numbers of the programs that have fields for them."""
    by_name = {model["id"]: model for model in some}
    pi = read_first(EXPORTERS["pi"], some)["providers"]["litellm"]["models"]
    for one in pi:
        model = by_name[one["id"]]
        assert one.get("contextWindow") == model["context_window"]
        assert one.get("maxTokens") == model["max_output_tokens"]
        assert "cost" not in one or one["cost"]["input"] == model["cost"]["input"]
    for one in read_first(EXPORTERS["goose"], some)["models"]:
        model = by_name[one["name"]]
        assert one.get("context_limit") == model["context_window"]
        price = model["cost"]["input"]
        assert (one.get("input_token_cost") is None) is (price is None)
        assert price is None or one["input_token_cost"] * 1e6 == pytest.approx(price)


def read_first(exporter: Exporter, some: list[Model]) -> Any:
    change = exporter.export(provider(some)).files[0]
    return read(change, changed(change, None))


class Started(NamedTuple):
    """A program, the name that it gives the proxy, and its models."""

    name: str
    models: list[str]


def of_opencode(launch: Launch, _: str) -> Started:
    """Read what opencode merges: the file, and over it the inline settings."""
    inline = json.loads(launch.variables["OPENCODE_CONFIG_CONTENT"])["provider"]["litellm"]
    named = json.loads(launch.files.get("opencode.json", '{"provider": {"litellm": {"models": {}}}}'))
    return Started("litellm", list({**named["provider"]["litellm"]["models"], **inline.get("models", {})}))


def of_pi(launch: Launch, text: str) -> Started:
    name, body = json.loads(f"[{text.removeprefix('export default (pi) => pi.registerProvider(')[:-3]}]")
    return Started(name, [one["id"] for one in body["models"]])


# What a run gives to the programs whose models are in a text: its file, and how that is read.
RUNS: dict[str, tuple[str, Callable[[Launch, str], Started]]] = {
    "opencode": ("opencode.json", of_opencode),
    "pi": ("litellm.js", of_pi),
}


@pytest.mark.parametrize("name", RUNS)
@fuzz(models, st.booleans())
def test_a_run_gets_the_same_models_as_an_export_and_no_file_has_the_key(
    name: str, some: list[Model], has_command: bool
) -> None:
    given = replace(provider(some), key=LOCAL_KEY, **({} if has_command else {"command": ()}))
    exporter = EXPORTERS[name]
    launch = exporter.launch(given, Wish((), some[0]["id"] if some else None, Path("/run")))
    file, read_run = RUNS[name]
    started = read_run(launch, launch.files.get(file, ""))
    export = exporter.export(provider(some))
    found = [read(change, changed(change, None)) for change in export.files]
    assert started == Started("litellm", NAMES[name](found))
    assert LOCAL_KEY not in "".join([*launch.arguments, *launch.files.values()])
    assert LOCAL_KEY not in launch.variables.get("OPENCODE_CONFIG_CONTENT", "")
    assert all("\0" not in value for value in launch.variables.values())


# --- what stood there before ---

files_of = {
    "json": jsonc_files().map(lambda pair: pair[0]),
    "toml": toml_files().map(lambda pair: pair[0]),
    "yaml": yaml_files().map(lambda pair: pair[0]),
    "text": plain_texts,
}


def meaning(change: FileChange, text: str) -> Any:
    return parse(text).value if change.format == "json" else read(change, text)


def set_by(change: FileChange) -> list[tuple[str, ...]]:
    return [one.keys for one in change.changes if isinstance(one, Set | Put | Fill)]


def is_kept(old: Any, new: Any, ours: list[tuple[str, ...]], here: tuple[str, ...] = ()) -> bool:
    """Whether all that was there still is, but for what we set."""
    if here in ours and here:
        return True
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return all(key in new and is_kept(one, new[key], ours, (*here, key)) for key, one in old.items())
    return bool(repr(old) == repr(new) or old == new)


@either
@fuzz(models, st.data(), share=0.5)
def test_a_file_that_was_there_keeps_the_rest_and_undo_brings_it_back(
    exporter: Exporter, relayed: bool, some: list[Model], data: st.DataObject
) -> None:
    export = exporter.export(provider(some, relayed=relayed))
    with tempfile.TemporaryDirectory() as folder:
        changes = []
        before: dict[Path, bytes | None] = {}
        for number, change in enumerate(export.files):
            path = Path(folder) / "theirs" / f"{number}"
            text = data.draw(st.none() | files_of[change.format])
            if text is not None:
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(text.encode())
            before[path] = None if text is None else text.encode()
            changes.append(FileChange(path, change.format, change.changes))
        receipts = Receipts(f"{folder}/ours", exporter.name)
        try:
            planned = receipts.plan(changes, LOCAL_KEY if relayed else "")
        except Failure as failure:
            assert failure.exit_code in {1, 2}
            assert failure.remedy
            assert all(content(path) == was for path, was in before.items())
            return
        for one in planned:
            assert LOCAL_KEY not in diff(one)
        written = receipts.write(planned)
        for change in changes:
            was = before[change.path]
            now = content(change.path)
            if was is not None and now is not None and change.format != "text":
                assert is_kept(meaning(change, was.decode()) or {}, meaning(change, now.decode()) or {}, set_by(change))
            elif was is not None and now is not None:
                assert now.decode().startswith(was.decode()) or ">>> litellmctl" in was.decode()
        assert receipts.write(receipts.plan(changes)) == []
        if written:
            assert {one.path for one in receipts.undo()} == {one.path for one in written}
            assert receipts.count == 0
        assert all(content(path) == was for path, was in before.items())
        assert (Path(folder) / "theirs").exists() == any(was is not None for was in before.values())


def content(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


# --- any file, any change ---

keys = st.lists(mostly(st.sampled_from(["a", "b"]), plain_texts), min_size=1, max_size=3).map(tuple)
plain_trees = trees(
    scalars.map(lambda one: one.encode("utf-8", "replace").decode() if isinstance(one, str) else one), plain_texts
)
changes_of = st.one_of(
    st.builds(Set, keys, plain_trees),
    st.builds(
        lambda where, some: Put(where, [{"n": "x", "v": one} for one in some], having("n", "x")),
        keys,
        st.lists(plain_trees, max_size=2),
    ),
    st.builds(Fill, keys, st.dictionaries(plain_texts, plain_trees, max_size=2)),
    st.builds(
        lambda where, some, command: Members(where, {name: {"command": command, "v": v} for name, v in some.items()}, owns_bridge),
        keys,
        st.dictionaries(mostly(st.sampled_from(["a", "b"]), plain_texts), plain_trees, max_size=2),
        st.sampled_from(["litellmctl mcp serve", "npx"]),
    ),
)  # fmt: skip
yaml_pieces = st.lists(
    st.sampled_from(["a", "b", ": ", ":\n", "  ", "command: litellmctl mcp serve\n", "- ", "\n", "[", "]", "{", "}", ",", "&x ", "*x", "!!set ", "? ", "|\n", ">-\n", "'", '"', "# c\n", "---\n", "...\n", "<<: ", "0x" + "f" * 5000, ".nan", "2020-01-01", "~", "\t", "\r\n", "!t ", "%YAML 1.1\n", "1_000", "0o7", "\ufeff", "=", '"\\UFFFFFFFF"']),
    max_size=12,
).map("".join)  # fmt: skip
toml_pieces = st.lists(
    st.sampled_from(["a", "b", " = ", "1", "\n", "[a]\n", "[[a]]\n", "[a.b]\n", "[b.a]\n", "a.b = 1\n", "b = {}\n", "a = []\n", "[a.a]\n", "[b.b]\n", "command = 'litellmctl mcp serve'\n", "a = {b = 1}\n", "x = 0x" + "f" * 5000 + "\n", "n = nan\n", "# c\n", "'x'", '"""', "[", "]", "{", "}", ",", "\r\n", "d = 1979-05-27T07:32:00Z\n", "t = 07:32:00\n"]),
    max_size=9,
).map("".join)  # fmt: skip
any_files = {
    "json": damaged(files_of["json"].map(str.encode)).map(lambda data: data.decode("utf-8", "replace")) | texts,
    "toml": damaged(files_of["toml"].map(str.encode)).map(lambda data: data.decode("utf-8", "replace")) | toml_pieces,
    "yaml": damaged(files_of["yaml"].map(str.encode)).map(lambda data: data.decode("utf-8", "replace")) | yaml_pieces,
}


@pytest.mark.parametrize("kind", ["json", "toml", "yaml"])
@fuzz(st.data(), st.lists(changes_of, min_size=1, max_size=2))
def test_any_file_is_changed_as_it_should_be_or_refused(kind: str, data: st.DataObject, some: list[Any]) -> None:
    text = data.draw(any_files[kind])
    if kind == "toml":
        assume(not has_null(some))
    try:
        after = changed(FileChange(Path("/their.file"), kind, some), text)
    except Failure as failure:
        assert failure.exit_code == 2
        assert failure.remedy
        return
    change = FileChange(Path("/their.file"), kind, some)
    if kind == "toml":
        found = read(change, after)
        if len(some) == 1 and isinstance(some[0], Set):
            for key in some[0].keys:
                found = found[key]
            assert found == some[0].value
    if len(some) == 1:  # the second of two may undo the first
        assert changed(change, after) == after


def has_null(value: Any) -> bool:
    if isinstance(value, Set | Fill):
        return has_null(value.value)
    if isinstance(value, Put):
        return has_null(list(value.items))
    if isinstance(value, Members):
        return has_null(dict(value.members))
    if isinstance(value, dict):
        return any(map(has_null, value.values()))
    return any(map(has_null, value)) if isinstance(value, list) else value is None


# --- receipts ---

receipts_of = st.builds(
    lambda path, before, folders, digest, entries: {"written_at": "x", "files": [{"path": path, "before": before, "made_folders": folders, "after_sha256": digest, **entries}]},
    mostly(st.just("THEIRS"), texts, numbers),
    mostly(st.sampled_from([None, "aGVsbG8="]), st.sampled_from(["é", 5])),
    mostly(st.lists(texts, max_size=2), texts, st.none()),
    mostly(st.just("DIGEST"), texts),
    mostly(st.sampled_from([{}, {"entries": {"format": "json", "keys": [["a"]]}}]), st.sampled_from([{"entries": 1}, {"entries": {"format": "x", "keys": [1, None]}}])),
)  # fmt: skip


@fuzz(
    damaged(receipts_of.map(as_json)),
    st.sampled_from(["pi.000001.json", "pi.old.json", "pi.٣.json", "pi.000001.x.json"]),
)
def test_any_receipt_is_undone_or_refused_and_nothing_else_is_touched(data: bytes, name: str) -> None:
    from hashlib import sha256

    with tempfile.TemporaryDirectory() as folder:
        theirs, other = Path(folder) / "theirs", Path(folder) / "other"
        theirs.write_bytes(b"ours now")
        other.mkdir()
        data = data.replace(b"THEIRS", str(theirs).encode()).replace(
            b"DIGEST", sha256(b"ours now").hexdigest().encode()
        )
        receipt = Path(folder) / "exports" / name
        receipt.parent.mkdir()
        receipt.write_bytes(data)
        receipts = Receipts(folder, "pi")
        try:
            assert receipts.undo()
        except Failure as failure:
            assert failure.exit_code in {1, 5}
            assert failure.remedy
            assert theirs.read_bytes() == b"ours now"
            assert receipt.read_bytes() == data
        else:
            kept = theirs.read_bytes() if theirs.exists() else None
            assert kept in {None, b"hello", b"ours now"}
            # What was edited since is left alone.
            assert kept == b"ours now" or sha256(b"ours now").hexdigest().encode() in data
        assert other.is_dir()
