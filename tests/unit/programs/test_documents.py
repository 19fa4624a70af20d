"""The files of other programs: what they mean afterwards is what they meant, and the change; the rest stays as it is."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from litellmctl.errors import ConfigFailure
from litellmctl.programs.changes import Block, Change, FileChange, Fill, Members, Put, Set, having
from litellmctl.programs.documents import Unfit, changed, overwritten, restored, widened
from litellmctl.programs.mcp_host import owns_bridge
from tests.effort import less_than

PATH = Path("/home/me/their.file")
NASTY = [
    *(
        "no",
        "on",
        "Y",
        "null",
        "~",
        "1.10",
        "0x1f",
        "1_000",
        "1:30",
        "2024-01-01",
        "=",
        "<<",
        ".inf",
        "-",
        "- a",
        "a: b",
    ),
    *("a #b", "#", "'", '"', 'it\'s "q"', "a/b", "a\nb", "\ta", " a ", "$HOME", "${{ x }}", "{env:X}", "%", "@a", "`"),
    *("!a", "&a", "*a", "|", ">", "[", "]", "{", "}", ",", "?", ":", "é", "日本", "😀", "\x00", "\x7f", "\x9b1m"),
    *("\u2028", "\ufeff", "\\", "\\n", "a\r\nb", "true", "key:", "---", "..."),
]


def edit(format: str, before: str | None, *changes: Change) -> str:
    return changed(FileChange(PATH, format, changes), before)


def yaml(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def is_within(some: list[str], every: list[str]) -> bool:
    rest = iter(every)
    return all(one in rest for one in some)


OWN = {"name": "Ours", "args": ["a", "b"], "auth": {"command": "c d", "timeout_ms": 5}}

# YAML's parser is slow.
fewer = settings(max_examples=settings.default.max_examples // 3)

# ---- what files there are ----

names = st.from_regex(r"[a-z]{1,4}", fullmatch=True)
plain = st.one_of(st.integers(0, 99), st.booleans(), st.sampled_from(["a", "b c", "d/e", "http://x:1/v1"]))
trees = st.recursive(
    plain,
    lambda inner: st.lists(inner, min_size=1, max_size=3) | st.dictionaries(names, inner, min_size=1, max_size=3),
    max_leaves=8,
)
documents = st.dictionaries(names, trees, min_size=1, max_size=4)
remarks = st.sampled_from(["", "", "# it's a: remark\n", "\n", "\n# - two\n#lines\n"])
behind = st.sampled_from(["", "", " # of - this: line", "  "])


def in_yaml(value: Any, draw: st.DrawFn, indent: str = "") -> str:
    """Return the lines of a mapping or list in blocks, as different people write them."""
    by = draw(st.sampled_from(["  ", "    "]))
    lines = []
    for key, one in value.items() if isinstance(value, dict) else enumerate(value):
        lines.append(re.sub("(?m)^(?=.)", indent, draw(remarks)))
        head = f"{indent}{key}:" if isinstance(value, dict) else f"{indent}-"
        if isinstance(one, dict) and isinstance(value, list) and draw(st.booleans()):
            inner = in_yaml(one, draw, indent + "  ")
            if inner.startswith(f"{indent}  ") and "#" not in inner.split("\n", 1)[0]:
                lines.append(f"{head} {inner[len(indent) + 2 :]}")
                continue
        if isinstance(one, dict | list):
            flow = draw(st.booleans())
            below = "" if isinstance(one, list) and isinstance(value, dict) and draw(st.booleans()) else by
            text = f" {json.dumps(one)}\n" if flow else f"{draw(behind)}\n{in_yaml(one, draw, indent + below)}"
            lines.append(f"{head}{text}")
        elif isinstance(one, str):
            style = draw(st.sampled_from(["plain", '"', "'", "|-", ">-", "|", ">", "|+"]))
            text = {"plain": one, '"': json.dumps(one), "'": f"'{one}'"}.get(style, f"{style}\n{indent}  {one}")
            lines.append(f"{head} {text}{draw(behind) if style[0] not in '|>' else ''}\n")
        else:
            lines.append(f"{head} {json.dumps(one)}{draw(behind)}\n")
    return "".join(lines)


@st.composite
def yaml_files(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    value = draw(documents)
    text = draw(st.sampled_from(["", "---\n", "# mine\n", "%YAML 1.2\n---\n"])) + in_yaml(value, draw)
    text += draw(st.sampled_from(["", "", "# the end\n", "\n\n"]))
    if draw(st.booleans()):
        text = text.removesuffix("\n")
    # A text in a block may end with line breaks, or with that of the file, which need not be there.
    return draw(st.sampled_from(["", "\ufeff"])) + text.replace("\n", draw(st.sampled_from(["\n", "\r\n"]))), yaml(text)


@st.composite
def toml_files(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    value: dict[str, Any] = {}
    lines = []
    for name in sorted(draw(st.sets(names, max_size=3))):
        own, key = draw(st.sampled_from([(value, name), (value.setdefault("providers", {}), f"providers.{name}")]))
        own[name] = draw(plain)
        lines.append(f"{draw(remarks)}{key} = {json.dumps(own[name])}{draw(behind)}\n")
    for table in sorted(draw(st.sets(names.map(str.upper), max_size=3))):
        keys = [table, *draw(st.lists(names, max_size=2))]
        inner = value
        for key in keys:
            inner = inner.setdefault(key, {})
        lines.append(f"{draw(remarks)}[{'.'.join(keys)}]{draw(behind)}\n")
        for name in sorted(draw(st.sets(names, max_size=3))):
            inner[name] = draw(plain)
            lines.append(f"{draw(st.sampled_from(['', '  ']))}{name}   ={json.dumps(inner[name])}{draw(behind)}\n")
    text = "".join(lines)
    if draw(st.booleans()):
        text = text.removesuffix("\n")
    return draw(st.sampled_from(["", "\ufeff"])) + text.replace("\n", draw(st.sampled_from(["\n", "\r\n"]))), value


# ---- what becomes of them ----


@fewer
@given(yaml_files())
def test_yaml_means_what_it_meant_and_the_change_and_no_line_is_touched(found: tuple[str, dict[str, Any]]) -> None:
    before, value = found
    items = [{"name": "x", "is": "ours"}, {"name": "y", "is": "ours", "more": ["no"]}]
    changes = [
        Set(("their-base",), "http://127.0.0.1:1/v1"),
        Set(("OWN", "deep"), OWN),
        Put(("MODELS",), items, having("is", "ours")),
    ]
    after = edit("yaml", before, *changes)
    own = {"their-base": "http://127.0.0.1:1/v1", "OWN": {"deep": OWN}, "MODELS": items}
    assert yaml(after) == {**value, **own}
    assert is_within(complete(before), complete(after))
    assert edit("yaml", after, *changes) == after
    # Once more, with something else.
    again = edit("yaml", after, Set(("their-base",), "http://other"), Put(("MODELS",), items[:1], having("is", "ours")))
    assert yaml(again) == {**value, **own, "their-base": "http://other", "MODELS": items[:1]}
    assert is_within(complete(before), complete(again))


@fewer
@given(yaml_files(), st.data())
def test_yaml_changes_one_value_and_no_other_line(found: tuple[str, dict[str, Any]], data: st.DataObject) -> None:
    before, value = found
    key = data.draw(st.sampled_from(sorted(value)))
    after = edit("yaml", before, Set((key,), OWN))
    assert yaml(after) == {**value, key: OWN}
    lines = complete(before)
    above = next(number for number, line in enumerate(lines) if line.startswith(f"{key}:"))
    assert complete(after)[:above] == lines[:above]


@fewer
@given(yaml_files(), st.lists(st.booleans(), max_size=4))
def test_yaml_keeps_the_items_of_a_list_that_are_the_users(found: tuple[str, dict[str, Any]], ours: list[bool]) -> None:
    before, value = found
    newline = "\r\n" if "\r\n" in before else "\n"
    start = before if before.endswith("\n") else before + newline
    value = yaml(start.removeprefix("\ufeff"))
    listed = [f"  - is: {'ours' if own else 'theirs'} # {n}{newline}    n: {n}{newline}" for n, own in enumerate(ours)]
    text = f"{start}LIST:{newline}" + "".join(listed) + f"last: 1{newline}"
    if text.count("last:") > 1:
        return
    new = {"is": "ours", "n": "new"}
    after = edit("yaml", text, Put(("LIST",), [new], having("is", "ours")))
    kept = [{"is": "theirs", "n": n} for n, own in enumerate(ours) if not own]
    assert yaml(after) == {**value, "LIST": [*kept, new], "last": 1}
    assert is_within(complete(start), complete(after))
    for own, lines in zip(ours, listed, strict=True):
        assert own is not (lines in after)


@given(toml_files())
def test_toml_means_what_it_meant_and_the_change_and_no_line_is_touched(found: tuple[str, dict[str, Any]]) -> None:
    before, value = found
    after = edit("toml", before, Set(("providers", "ours"), OWN))
    theirs = value.get("providers", {})
    assert tomllib.loads(after.removeprefix("\ufeff")) == {**value, "providers": {**theirs, "ours": OWN}}
    assert is_within(complete(before), complete(after))
    assert edit("toml", after, Set(("providers", "ours"), OWN)) == after
    again = edit("toml", after, Set(("providers", "ours"), {"name": "other"}))
    other = {**theirs, "ours": {"name": "other"}}
    assert tomllib.loads(again.removeprefix("\ufeff")) == {**value, "providers": other}
    assert is_within(complete(before), complete(again))


def complete(text: str) -> list[str]:
    """Return the lines with their line breaks; the last one of a file may get one that it had not."""
    text = text.removeprefix("\ufeff")
    newline = "\r\n" if "\r\n" in text else "\n"
    return (text if not text or text.endswith("\n") else text + newline).splitlines(keepends=True)


@given(st.text(max_size=12) | st.sampled_from(NASTY), st.sampled_from(["json", "toml", "yaml"]))
def test_any_text_arrives_as_it_is(text: str, format: str) -> None:
    if any("\ud800" <= character <= "\udfff" for character in text):
        return
    value = {"name": text, "names": [text], "in": {text: {"x": 1}}}
    after = edit(format, None, Set(("providers", "ours"), value))
    read = {"json": json.loads, "toml": tomllib.loads, "yaml": yaml}[format]
    assert read(after) == {"providers": {"ours": value}}
    assert after.encode().decode() == after
    # What a proxy names stands in JSON and YAML: a terminal acts on none of it.
    assert format == "toml" or not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", after)


@fewer
@given(st.text(max_size=12) | st.sampled_from(NASTY))
def test_yaml_means_the_same_to_programs_that_read_1_1(text: str) -> None:
    pyyaml = pytest.importorskip("yaml")
    items = [{"name": text, "is": "ours", "list": [text]}]
    for before in (None, "- {is: theirs}\n", "- is: theirs\n"):
        after = edit("yaml", before, Put((), items, having("is", "ours")))
        assert pyyaml.safe_load(after) == [*([{"is": "theirs"}] if before else []), *items]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a: 1\n", "a: 1\nbase: u\n"),
        ("a: 1", "a: 1\nbase: u\n"),
        ("# only a remark", "# only a remark\nbase: u\n"),
        ("", "base: u\n"),
        ("\n", "\nbase: u\n"),
        ("---\na: 1\n...\n", "---\na: 1\nbase: u\n...\n"),
        ("base: old # mine\nb: 2\n", "base: u # mine\nb: 2\n"),
        ("base: # mine\nb: 2\n", "base: u # mine\nb: 2\n"),
        ("base: {x: 1} # mine\n", "base: u # mine\n"),
        ("base:\n  - 1 # mine\n  # more\nb: 2\n", "base: u # mine\n  # more\nb: 2\n"),
        ("base: |\n  old\n  text\n\nb: 2\n", "base: u\nb: 2\n"),
        ("a: |+\n  text\n\n", "a: |+\n  text\n\nbase: u\n"),
        ("a: &x\n    b: 1 # c\nd: *x\n", "a: &x\n    b: 1 # c\nd: *x\nbase: u\n"),
        ("a:    'x'   # aligned\nb:    [ 1,2 ]\nn: ~\nt: True\n", None),
        ("'base': old\n", "base: u\n"),
        ("2024-01-01: a\n1: b\nnull: c\n", None),
        ("a: !theirs {b: 1}\n", None),
    ],
)
def test_yaml_looks_as_if_written_by_hand(before: str, after: str | None) -> None:
    assert edit("yaml", before, Set(("base",), "u")) == (after or before + "base: u\n")


OPEN = [
    "|\n        to the end",
    "|+\n        to\n\n        the end",
    ">\n        to\n        the end",
    "!!str &a |\n        # the end",
]


@pytest.mark.parametrize("text", OPEN)
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a: 1\nt: {}", "a: 1\nbase: u\nt: {}"),
        ("t: {}", "base: u\nt: {}"),
        ("a:\n- {}", "base: u\na:\n- {}"),
        ("a:\n    - b: 1\n      c: {}", "base: u\na:\n    - b: 1\n      c: {}"),
        ("a: 1\n\n# of t\n# too\nt: {}", "a: 1\n\nbase: u\n# of t\n# too\nt: {}"),
        ("base: old # mine\nt: {}", "base: u # mine\nt: {}"),
    ],
)
def test_yaml_is_added_above_a_text_that_only_the_end_of_the_file_ends(text: str, before: str, after: str) -> None:
    before, after = before.replace("{}", text), after.replace("{}", text)
    assert edit("yaml", before, Set(("base",), "u")) == after
    assert yaml(after) == {**yaml(before), "base": "u"}
    assert edit("yaml", before.replace("\n", "\r\n"), Set(("base",), "u")) == after.replace("\n", "\r\n")


@pytest.mark.parametrize("text", ["|-\n    to the end", ">-\n    a\n    b", '"a\n    b"', "a\n    b"])
def test_yaml_is_added_below_a_text_of_which_the_line_break_is_no_part(text: str) -> None:
    assert edit("yaml", f"t: {text}", Set(("base",), "u")) == f"t: {text}\nbase: u\n"


@pytest.mark.parametrize("text", OPEN)
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("- a\n# mine\n- {}", "- a\n- is: ours\n# mine\n- {}"),
        ("- is: ours\n  old: 1\n- b\n- c: {}", "- b\n- is: ours\n- c: {}"),
        ("- a\n- is: ours\n  old: {}", "- a\n- is: ours\n"),
        ("- a\n- is: ours\n  old: 1", "- a\n- is: ours\n"),
    ],
)
def test_yaml_has_items_added_above_such_a_text(text: str, before: str, after: str) -> None:
    before, after = before.replace("{}", text), after.replace("{}", text)
    put = Put((), [{"is": "ours"}], having("is", "ours"))
    assert edit("yaml", before, put) == after
    assert edit("yaml", after, put) == after
    assert [one for one in yaml(after) if not put.owns(one)] == [one for one in yaml(before) if not put.owns(one)]


def test_yaml_in_a_flow_is_changed_too() -> None:
    after = edit(
        "yaml",
        "{a: 1, models: [{name: x}]} # mine\n",
        Set(("base",), "u"),
        Put(("models",), [{"name": "o/1"}], having("name", "o/", is_prefix=True)),
    )
    assert yaml(after) == {"a": 1, "models": [{"name": "x"}, {"name": "o/1"}], "base": "u"}
    assert "# mine" in after


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        ("yaml", "name: Mine # !\n", "name: Mine # !\nversion: '1'\nenv:\n  A: a\n  B: b\n"),
        ("yaml", "# mine\nenv:\n  B: mine # !\n", "# mine\nenv:\n  B: mine # !\n  A: a\nname: Ours\nversion: '1'\n"),
        ("yaml", "{env: , name: x}\n", "{env: {A: a, B: b}, name: x, version: '1'}\n"),
        ("json", '{"name": null, "env": {/* ! */}}', '{"name": "Ours", "env": {"A": "a", "B": "b"}, "version": "1"}'),
        ("json", '{"env": {"B": 1 /* ! */}}', '{"env": {"B": 1, "A": "a"}, "name": "Ours", "version": "1"}'),
        ("toml", 'name = "Mine" # !\n', 'name = "Mine" # !\nversion = "1"\n[env]\nA = "a"\nB = "b"\n'),
    ],
)
def test_only_what_is_missing_is_filled_in(kind: str, before: str, after: str) -> None:
    ours = Fill((), {"name": "Ours", "version": "1", "env": {"A": "a", "B": "b"}})
    made = edit(kind, before, ours)
    read = {"json": json.loads, "toml": tomllib.loads, "yaml": yaml}[kind]
    assert read(re.sub(r"/\*.*?\*/", "", made)) == read(after)
    assert ("!" in made) is ("!" in before)
    assert edit(kind, made, ours) == made
    assert edit(kind, made, Fill(("env",), {"A": "z", "B": "z"})) == made
    assert read(edit(kind, None, ours)) == {"name": "Ours", "version": "1", "env": {"A": "a", "B": "b"}}


@pytest.mark.parametrize("before", ["env: text\n", "env: [1]\n"])
def test_what_is_something_else_is_not_filled(before: str) -> None:
    assert edit("yaml", before, Fill(("env",), {"A": "a"})) == before


def test_items_are_ours_by_what_their_mark_begins_with() -> None:
    before = "models:\n  - name: litellm/a\n  - name: litellm\n  - name: litellm2/a\n  - model: x\n  - text\n"
    after = edit("yaml", before, Put(("models",), [{"name": "litellm/b"}], having("name", "litellm/", is_prefix=True)))
    assert after == before.replace("  - name: litellm/a\n", "") + "  - name: litellm/b\n"


def test_several_changes_to_json_are_made_in_one_go() -> None:
    changes = [Set((f"openai/{number}",), {"mode": "chat", "n": number}) for number in range(1000)]
    before = '{\n  // mine\n  "openai/7": {"mine": true},\n  "other": 1 // too\n}\n'
    after = edit("json", before, *changes)
    assert after.startswith(
        '{\n  // mine\n  "openai/7": {\n    "mode": "chat",\n    "n": 7\n  },\n  "other": 1, // too\n  "openai/0"'
    )
    assert edit("json", after, *changes) == after


@pytest.mark.parametrize("format", ["json", "toml", "yaml"])
def test_line_breaks_and_the_byte_order_mark_stay(format: str) -> None:
    before = {"json": '\ufeff{\r\n  "a": 1\r\n}\r\n', "toml": "\ufeffa = 1\r\n", "yaml": "\ufeffa: 1\r\n"}[format]
    after = edit(format, before, Set(("providers", "ours"), OWN))
    assert after.startswith(before[: before.index("1") + 1])
    assert after.count("\n") == after.count("\r\n") > 3
    assert edit(format, after, Set(("providers", "ours"), OWN)) == after


OURS = '[providers.ours]\nname = "Ours"\n'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('providers.a.name = "x"\nmodel = "y"\n', f'providers.a.name = "x"\nmodel = "y"\n\n{OURS}'),
        ("a = 1 # !\nproviders.'a b'.n = [\n 1\n]\nb = 2", f"a = 1 # !\nproviders.'a b'.n = [\n 1\n]\nb = 2\n\n{OURS}"),
        ('providers.ours.name = "old"\nproviders.a.n = 1\nz = 1\n', f"providers.a.n = 1\nz = 1\n\n{OURS}"),
        (
            "providers.a.n = 1\nz = 1\n[[t]]\nproviders.a = 1\n",
            f"providers.a.n = 1\nz = 1\n[[t]]\nproviders.a = 1\n\n{OURS}",
        ),
        ("[providers]\na.n = 1\nz = 1\n[t]\n", None),
        ("x.providers.a = 1\nx.y = 1\n", None),
        ("providers.a = 1\nproviders.b.c = 2\nz = 1979-05-27T07:32:00Z\n", None),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_toml_with_dotted_keys_gets_a_table_of_ours(before: str, after: str | None, newline: str) -> None:
    before = before.replace("\n", newline)
    made = edit("toml", before, Set(("providers", "ours"), {"name": "Ours"}))
    if after is not None:
        assert made == after.replace("\n", newline)
    theirs = tomllib.loads(before)
    assert tomllib.loads(made) == {**theirs, "providers": {**theirs.get("providers", {}), "ours": {"name": "Ours"}}}
    assert edit("toml", made, Set(("providers", "ours"), {"name": "Ours"})) == made
    assert edit("toml", made, Set(("providers", "ours"), {"name": "New"})) == made.replace("Ours", "New")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f"{OURS}# of t\n\n# too\n[t]\n", '[providers.ours]\nname = "New"\n# of t\n\n# too\n[t]\n'),
        (f"{OURS}[providers.ours.auth]\nc = 1\n\n# of t\n[t]\n", '[providers.ours]\nname = "New"\n\n# of t\n[t]\n'),
        (f"{OURS}# the end", '[providers.ours]\nname = "New"\n# the end'),
        (f"providers.a.n = 1\nz = 1\n\n{OURS}# of t\n[t]\n", None),
        ("providers = {a = {n = 1}} # mine\n", 'providers = {a = {n = 1},ours = {name = "New"}} # mine\n'),
    ],
)
def test_toml_keeps_the_remarks_between_a_table_of_ours_and_the_next(before: str, after: str | None) -> None:
    made = edit("toml", before, Set(("providers", "ours"), {"name": "New"}))
    assert made == (after or before.replace('"Ours"', '"New"'))


@pytest.mark.parametrize(("most", "few"), [("\n", "\r\n"), ("\r\n", "\n")])
@pytest.mark.parametrize(
    ("format", "lines"),
    [
        ("json", ["{", '  "a": 1,', "", '  "b": [', "    2", "  ]", "}"]),
        ("toml", ["a = 1", "", "# x", "[b]", 'c = """', '2"""']),
        ("yaml", ["a: 1", "", "# x", "b:", "  - |", "    2", "    3"]),
    ],
)
def test_new_lines_end_as_most_lines_do_and_the_others_as_they_did(
    format: str, lines: list[str], most: str, few: str
) -> None:
    for at in range(2, len(lines) - 1):
        theirs = [line + (few if number in {1, at} else most) for number, line in enumerate(lines)]
        after = edit(format, "".join(theirs), Set(("own",), OWN))
        kept = [line for line in theirs if line.strip() not in {"]", "}"}]  # behind which JSON has a comma
        assert is_within(kept, after.splitlines(keepends=True))
        new = after
        for line in kept:
            new = new.replace(line, "", 1)
        assert new.count(most) > 3
        assert new.count("\n") - new.count("\r\n") == (new.count("\n") if most == "\n" else 0)


@pytest.mark.parametrize(
    ("format", "text", "where"),
    [
        ("json", '{\n  "a": 1,\n  b\n}', "line 3, column 3"),
        ("json", '\ufeff{"a" 1}', "line 1, column 6"),
        ("json", '{"a": 1, "a": 2}', "line 1, column 10"),
        ("json", "nothing", "line 1, column 1"),
        ("toml", 'a = 1\nb = "x\n', "line 2, column 7"),
        ("toml", "a = 1\na = 2\n", "line 2"),
        ("toml", "a =", "line 1"),
        ("yaml", "a: 1\n b: 2\n", "line 2, column 3"),
        ("yaml", "a: 1\na: 2\n", "line 2, column 1"),
        ("yaml", "a: [1\n", "line 2"),
        ("yaml", "a: 1\n---\nb: 2\n", "line 2"),
        ("yaml", "a: \x00\n", ""),
        ("yaml", "\ta: 1\n", "line 1, column 1"),
    ],
)
def test_a_file_that_is_not_valid_is_refused_with_the_place(format: str, text: str, where: str) -> None:
    with pytest.raises(ConfigFailure) as caught:
        edit(format, text, Set(("providers", "ours"), OWN))
    assert str(PATH) in caught.value.message
    assert where in caught.value.message
    assert caught.value.message.startswith(f"cannot change {PATH}: ")
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("format", "text", "change"),
    [
        ("json", "[]", Set(("a",), 1)),
        ("json", '{"a": [1]}', Set(("a", "b"), 1)),
        ("json", '{"a": "text"}', Set(("a", "b"), 1)),
        ("toml", "a = 1\n", Set(("a", "b"), 1)),
        ("toml", "[[a]]\nb = 1\n", Set(("a", "b"), 1)),
        ("yaml", "- 1\n", Set(("a",), 1)),
        ("yaml", "text\n", Set(("a",), 1)),
        ("yaml", "a: text\n", Set(("a", "b"), 1)),
        ("yaml", "a: {b: 1}\n", Put(("a",), [], having("is", "ours"))),
        ("yaml", "a: 1\n", Put((), [], having("is", "ours"))),
    ],
)
def test_what_is_something_else_than_it_should_be_is_not_overwritten(format: str, text: str, change: Change) -> None:
    with pytest.raises(ConfigFailure, match=r"is not an? |could not be changed"):
        edit(format, text, change)


@pytest.mark.parametrize("before", ["a:\n", "a: ~\n", "a: null # none\n", "b: 1\na:\n\n"])
def test_what_is_null_in_yaml_is_as_good_as_missing(before: str) -> None:
    assert yaml(edit("yaml", before, Set(("a", "b"), 1)))["a"] == {"b": 1}
    assert yaml(edit("yaml", before, Put(("a",), [{"is": "ours"}], having("is", "ours"))))["a"] == [{"is": "ours"}]


def test_text_between_our_marks_is_ours() -> None:
    first = edit("text", None, Block("litellm", "one $1 \\1\n"))
    assert first == "# >>> litellmctl litellm >>>\none $1 \\1\n# <<< litellmctl litellm <<<\n"
    assert edit("text", first, Block("litellm", "one $1 \\1\n")) == first
    both = edit("text", f"mine\n{first}more\n", Block("work", "two"), Block("litellm", "three"))
    assert both == (
        "mine\n# >>> litellmctl litellm >>>\nthree\n# <<< litellmctl litellm <<<\nmore\n\n"
        "# >>> litellmctl work >>>\ntwo\n# <<< litellmctl work <<<\n"
    )
    assert edit("text", "mine", Block("litellm", "one")).startswith("mine\n\n# >>>")


def test_text_keeps_its_line_breaks() -> None:
    before = "mine\r\n"
    after = edit("text", before, Block("litellm", "one\ntwo"))
    assert after.startswith(before)
    assert after.count("\n") == after.count("\r\n") == 6
    assert edit("text", after, Block("litellm", "one\ntwo")) == after


@pytest.mark.parametrize("format", ["toml", "yaml"])
def test_a_number_of_thousands_of_hexadecimal_digits_stays(format: str) -> None:
    line = ("x = " if format == "toml" else "x: ") + "0x" + "f" * 5000 + "\n"
    assert edit(format, line, Set(("own",), "new")).startswith(line)


def test_json_with_two_byte_order_marks_is_left_as_it_is() -> None:
    with pytest.raises(ConfigFailure, match="a second byte order mark"):
        edit("json", "\ufeff\ufeff{}", Set(("own",), "new"))


@pytest.mark.parametrize(
    "change", [Set(("own", "a"), 1), Fill(("own",), {"a": 1}), Put(("own", "a"), [{"n": "x"}], having("n", "x"))]
)
def test_a_null_in_the_place_of_an_object_of_json_is_an_empty_one(change: Change) -> None:
    after = json.loads(edit("json", '{"own": null, "theirs": null}', change))
    assert after["theirs"] is None
    assert list(after["own"]) == ["a"]


@pytest.mark.parametrize("size", [10, 100, 1000, 100_000])
def test_blocks_that_are_begun_and_never_ended_take_linear_time(size: int) -> None:
    block = Block("aider", "export X=1")
    before = "# >>> litellmctl aider >>>\n" * size
    with less_than(0.05 + size * 1e-5):
        after = changed(FileChange(PATH, "text", [block]), before)
    assert after.startswith(before)


# ---- entries of MCP servers ----

BRIDGE = {"command": "/opt/litellmctl", "args": ["mcp", "serve"]}
OTHER = {"command": "npx", "args": ["-y", "other"]}
REMOVED = {
    "json": [
        (
            '{\n  // all\n  "s": {\n    "a": BRIDGE, // ours\n    "b": OTHER, // b\n    "c": BRIDGE\n  }\n}\n',
            '{\n  // all\n  "s": {\n    // ours\n    "b": OTHER // b\n  }\n}\n',
        ),
        ('{"s": {"a": BRIDGE, "b": OTHER}, "t": 1}', '{"s": {"b": OTHER}, "t": 1}'),
        ('{"s": {"b": OTHER, "a": BRIDGE}}', '{"s": {"b": OTHER}}'),
        ('{"s": {"b": OTHER, /* x */ "a": BRIDGE, }}', '{"s": {"b": OTHER, /* x */ }}'),
        ('{"s": {"a": BRIDGE}}', '{"s": {}}'),
        ('{\r\n\t"s": {\r\n\t\t"a": BRIDGE\r\n\t}\r\n}', '{\r\n\t"s": {\r\n\t}\r\n}'),
    ],
    "toml": [
        (
            "[s.b] # b\nOTHER\n\n# c\n[s.a]\nBRIDGE\n[s.a.env]\nX = '1'\n\n# t\n[t]\n",
            "[s.b] # b\nOTHER\n\n# c\n\n# t\n[t]\n",
        ),
        ("x = 1\n\n[s.a]\nBRIDGE\n", "x = 1\n"),
        ("[s.a]\nBRIDGE\n\n[t]\n", "[t]\n"),
        ("[s.a]\r\nBRIDGE\r\n\r\n[t]\r\n", "[t]\r\n"),
        ("[ s . 'a' ]\nBRIDGE\n[t]\nu = '''\n[s.a]\n'''\n", "[t]\nu = '''\n[s.a]\n'''\n"),
        ("[s]\nb = 1\na = {command = 'litellmctl', args = ['mcp', 'serve']} # a\nc = 2\n", "[s]\nb = 1\nc = 2\n"),
        ("[s]\n[s.a]\nBRIDGE\n", "[s]\n"),
        ("[s.b]\nOTHER\n[t]\nx = [\n  ['s.a'],\n]\n[s.a]\nBRIDGE\n", "[s.b]\nOTHER\n[t]\nx = [\n  ['s.a'],\n]\n"),
    ],
    "yaml": [
        (
            "# all\ns:\n  a:\n    command: litellmctl\n    args: [mcp, serve]\n  # b\n  b: {command: x} # c\nt: 1\n",
            "# all\ns:\n  # b\n  b: {command: x} # c\nt: 1\n",
        ),
        ("s:\n  b: 1 # c\n  a: litellmctl mcp serve # d\n\n\nt: 1\n", "s:\n  b: 1 # c\n\n\nt: 1\n"),
        ("s:\n  a: litellmctl mcp serve\nt: 1", "s: {}\nt: 1"),
        ("s:\r\n  a: >-\r\n    litellmctl\r\n    mcp serve\r\n  b: 1\r\n", "s:\r\n  b: 1\r\n"),
        ("s: {a: litellmctl mcp serve, b: 1} # c\n", "s: {b: 1} # c\n"),
        ("s: {b: 1,  # b\n  a: litellmctl mcp serve\n}\n", "s: {b: 1,  # b\n  \n}\n"),
        ("s: {a: litellmctl mcp serve}   # c\n", "s: {}   # c\n"),
        ("x: {s: {a: litellmctl mcp serve}}\n", "x: {s: {a: litellmctl mcp serve}}\n"),
    ],
}
IN_TOML = {"BRIDGE": "command = '/opt/litellmctl'\nargs = ['mcp', 'serve']", "OTHER": "command = 'npx'"}


@pytest.mark.parametrize(
    ("format", "before", "after"), [(kind, *one) for kind, some in REMOVED.items() for one in some]
)
def test_entries_of_ours_are_removed_and_the_rest_stays_byte_for_byte(format: str, before: str, after: str) -> None:
    newline = "\r\n" if "\r\n" in before else "\n"
    for name, value in {"BRIDGE": BRIDGE, "OTHER": OTHER}.items():
        text = IN_TOML[name].replace("\n", newline) if format == "toml" else json.dumps(value)
        before, after = before.replace(name, text), after.replace(name, text)
    change = Members(("s",), {}, owns_bridge)
    assert edit(format, before, change) == after
    assert edit(format, after, change) == after


def as_value(format: str, text: str) -> Any:
    text = text.removeprefix("\ufeff")
    return json.loads(text) if format == "json" else tomllib.loads(text) if format == "toml" else yaml(text)


@pytest.mark.parametrize("format", ["json", "toml", "yaml"])
@fewer
@given(st.data())
def test_entries_come_and_go_and_nothing_else_does(format: str, data: st.DataObject) -> None:
    if format == "json":
        text = json.dumps(data.draw(documents), indent=data.draw(st.sampled_from([None, 1, 2, "\t"])))
    else:
        text, _ = data.draw(toml_files() if format == "toml" else yaml_files())
    value = as_value(format, text) or {}
    where = data.draw(st.sampled_from([("servers",), ("settings", "servers")]))
    ours = Members(where, {"one": BRIDGE, "two": {**BRIDGE, "env": {"X": "1"}}}, owns_bridge)
    both = edit(format, text, ours)
    assert edit(format, both, ours) == both
    mine = edit(format, both, Set((*where, "mine"), OTHER))
    one = edit(format, mine, Members(where, {"two": BRIDGE}, owns_bridge))
    none = edit(format, one, Members(where, {}, owns_bridge))
    for after, left in ((one, {"two": BRIDGE, "mine": OTHER}), (none, {"mine": OTHER})):
        expected: Any = left
        for key in reversed(where):
            expected = {key: expected}
        assert as_value(format, after) == {**value, **expected}
        if format != "json":
            assert is_within(text.removeprefix("\ufeff").splitlines(), after.removeprefix("\ufeff").splitlines())


@pytest.mark.parametrize(
    ("format", "before"),
    [
        ("json", '{"s": {"a": {"command": "litellmctl", "args": ["mcp", "serve"], "off": true, "env": {"X": "1"}}}}'),
        ("toml", "[s.a]\ncommand = 'litellmctl' # c\nargs = ['mcp', 'serve']\noff = true # mine\n[s.a.env]\nX = '1'\n"),
        (
            "yaml",
            "s:\n  a:\n    command: litellmctl\n    off: true # mine\n    args: [mcp, serve]\n    env: {X: '1'}\n",
        ),
    ],
)
def test_what_a_user_added_to_an_entry_of_ours_stays_without_its_words(format: str, before: str) -> None:
    after = edit(format, before, Members(("s",), {"a": BRIDGE}, owns_bridge))
    assert as_value(format, after) == {"s": {"a": {**BRIDGE, "off": True}}}
    if format != "json":
        assert "true # mine" in after


@pytest.mark.parametrize(
    ("format", "before"),
    [
        ("json", '{"s": [1]}'),
        ("json", '{"s": "x"}'),
        ("toml", "s = 1\n"),
        ("toml", "[[s]]\na = 1\n"),
        ("yaml", "s: [1]\n"),
    ],
)
def test_members_of_what_is_no_mapping_are_not_set(format: str, before: str) -> None:
    with pytest.raises(ConfigFailure, match="is not a"):
        edit(format, before, Members(("s",), {"a": BRIDGE}, owns_bridge))


def test_tables_of_toml_that_are_apart_are_changed_where_they_are() -> None:
    before = (
        "[s.b]\ncommand = 'x'\n\n[t]\nx = 1\n\n[s.a]\ncommand = 'litellmctl'\nargs = ['mcp', 'serve']\noff = true\n"
    )
    after = edit("toml", before, Members(("s",), {"a": BRIDGE, "c": BRIDGE}, owns_bridge))
    assert after.startswith("[s.b]\ncommand = 'x'\n\n")
    assert "[t]\nx = 1\n" in after
    assert tomllib.loads(after)["s"] == {"b": {"command": "x"}, "a": {**BRIDGE, "off": True}, "c": BRIDGE}


def test_entries_of_others_that_would_be_replaced_are_named() -> None:
    change = FileChange(PATH, "json", [Members(("s",), {"a": BRIDGE, "b": BRIDGE, "c": BRIDGE}, owns_bridge)])
    before = json.dumps({"s": {"a": BRIDGE, "b": OTHER}})
    assert overwritten(change, before) == ["b"]
    assert overwritten(change, None) == overwritten(change, '{"s": []}') == []
    items = FileChange(PATH, "yaml", [Put(("s",), [{"name": "a", **BRIDGE}], having("name", "a"))])
    assert overwritten(items, f"s: [{{name: a}}, {{name: b}}, {json.dumps('x')}]") == ["a"]
    assert overwritten(FileChange(PATH, "text", [Block("a", "b")]), "x") == []
    with pytest.raises(Unfit):
        overwritten(change, "{")


def test_options_of_entries_for_fewer_tools_that_would_be_dropped_are_named() -> None:
    def entry(*more: str) -> dict[str, Any]:
        return {"command": "/bin/litellmctl", "args": ["mcp", "serve", *more]}

    before = json.dumps({"s": {"a": entry("--read-only", "--tool=x"), "b": entry("--server", "x"), "c": OTHER}})
    change = FileChange(PATH, "json", [Members(("s",), {"a": entry()}, owns_bridge)])
    assert widened(change, before) == {"a": ["--tool", "--read-only"]}
    kept = FileChange(PATH, "json", [Members(("s",), {"new": entry("--read-only")}, owns_bridge)])
    assert widened(kept, before) == {"a": ["--tool"]}
    assert widened(kept, None) == widened(kept, '{"s": []}') == {}


def test_entries_are_restored_beside_what_was_edited_since() -> None:
    keys = [("s",)]
    before = json.dumps({"x": 1, "s": {"a": OTHER, "own": OTHER, "old": BRIDGE}})
    now = json.dumps({"x": 2, "s": {"a": BRIDGE, "b": BRIDGE, "own": {"command": "new"}, "new": OTHER}})
    after = json.loads(restored(PATH, "json", keys, before, now))
    assert after == {"x": 2, "s": {"a": OTHER, "own": {"command": "new"}, "new": OTHER, "old": BRIDGE}}
    assert json.loads(restored(PATH, "json", keys, None, now))["s"] == {"own": {"command": "new"}, "new": OTHER}
    for bad in ("{", '{"s": 1}'):
        with pytest.raises(ConfigFailure):
            restored(PATH, "json", keys, before, bad)


def test_aliases_that_stand_for_billions_of_values_are_refused() -> None:
    lines = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)]
    with pytest.raises(ConfigFailure, match="its aliases stand for too many values"):
        changed(ENTRY, "".join(["a0: &a0 [x]\n", *lines]))


@pytest.mark.parametrize("text", ["a: &a [1]\nb: *a\nc: [*a, *a]\n", "a: &a [*a]\n", "a: &a\n  b: *a\n"])
def test_other_aliases_are_kept(text: str) -> None:
    assert changed(ENTRY, text).startswith(text)


ENTRY = FileChange(Path("config.yaml"), "yaml", [Members(("extensions",), {"litellm": {}}, owns_bridge)])
