from __future__ import annotations

import contextlib
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litellmctl.errors import ExitCode, UsageFailure
from litellmctl.skills.manifest import MAX_BYTES, Manifest, checked_name, checked_text, read_manifest
from tests.effort import less_than

KIB, MIB = 2**10, 2**20
NOTHING = ("~", "null", "Null", "NULL")
# What YAML takes as it is between double quotes, beside what JSON escapes.
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp", "Cn"], exclude_characters="\ufeff"))
NAME = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=30).filter(
    lambda name: name not in NOTHING
)
# Of these front matter is made that may be anything.
PIECES = [
    *(
        "name",
        "a",
        ": ",
        ":",
        "\n",
        "\n  ",
        "\n ",
        "- ",
        "[",
        "]",
        "{",
        "}",
        ", ",
        "#",
        "|",
        "|-",
        ">",
        "|9-\n",
        "&a",
        "*a",
    ),
    *("!", "!!", "!!str ", "!!python/object:os.system ", '"', "'", "\\x", "\\", "? ", "%", "%YAML 1.2\n", "%TAG ! x\n"),
    *(
        "---\n",
        "...\n",
        "@",
        "`",
        "\t",
        "\x00",
        "\x1b",
        "\x85",
        "\u2028",
        "\ufeff",
        "é",
        "😀",
        "<<",
        "=",
        "~",
        "1e5",
        "\\ud800",
    ),
]


def skill(matter: str, body: str = "Do it.\n") -> bytes:
    """Return a SKILL.md with this front matter."""
    return f"---\n{matter}\n---\n{body}".encode()


def read(matter: str) -> Manifest:
    return read_manifest(skill(matter), "SKILL.md")


def refused(data: bytes | str) -> str:
    """Return the message of the failure that these bytes, or this front matter, lead to."""
    with pytest.raises(UsageFailure) as info:
        read_manifest(data if isinstance(data, bytes) else skill(data), "review/SKILL.md")
    failure = info.value
    assert (failure.code, failure.exit_code) == ("usage", ExitCode.USAGE)
    assert failure.message.startswith("review/SKILL.md")
    return failure.message


def outcome(data: bytes) -> Manifest | str:
    """Return what is read, or why nothing is."""
    try:
        return read_manifest(data, "SKILL.md")
    except UsageFailure as failure:
        return failure.message


# What is read


def test_name_description_and_instructions_are_read() -> None:
    data = skill("name: review\ndescription: Reviews a pull request.\nlicense: MIT", "# Review\n\nRead the diff.\n")
    assert read_manifest(data, "SKILL.md") == Manifest(
        "review", "Reviews a pull request.", "# Review\n\nRead the diff."
    )


@pytest.mark.parametrize(
    "data",
    [
        b"---\nname: a\ndescription: b\n---\nc\nd\n",
        b"---\r\nname: a\r\ndescription: b\r\n---\r\nc\r\nd\r\n",
        b"\xef\xbb\xbf---\nname: a\ndescription: b\n---\nc\nd",
        b"\xef\xbb\xbf---\r\nname: a\r\ndescription: b\r\n---\r\nc\r\nd",
        b"--- \t\nname: a\ndescription: b\n---\t \n\n\nc\nd\n\n",
        b"---\ndescription: b\n\n# comment\nname:   a   # comment\n\n---\nc\nd",
        b"---\n{name: a, description: b}\n---\nc\nd",
        b"---\n\"name\": 'a'\n'description': \"b\"\n---\nc\nd",
    ],
    ids=["LF", "CRLF", "BOM", "BOM and CRLF", "blanks", "comments", "flow", "quotes"],
)
def test_how_it_is_written_does_not_matter(data: bytes) -> None:
    assert read_manifest(data, "SKILL.md") == Manifest("a", "b", "c\nd")


@pytest.mark.parametrize("end", ["---", "---\n", "---  "])
def test_instructions_may_be_missing(end: str) -> None:
    assert read_manifest(f"---\nname: a\n{end}".encode(), "SKILL.md") == Manifest("a", "", "")


def test_only_the_first_line_of_dashes_ends_the_front_matter() -> None:
    body = "above\n---\nname: other\n---\nbelow"
    assert read_manifest(skill("name: a", body), "SKILL.md") == Manifest("a", "", body)


def test_dashes_that_are_not_a_line_of_their_own_end_nothing() -> None:
    assert read("name: a\ndescription: |\n  one\n  ---\n  two\nx: --- b\ny: ---").description == "one\n---\ntwo"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("plain words", "plain words"),
        ("one\n  two", "one two"),
        ("|\n  one\n   two\n\n  three", "one\n two\n\nthree"),
        ("|-\n  one\n  two", "one\ntwo"),
        ("|+\n  one\n\n", "one"),
        (">\n  one\n  two\n\n  three", "one two\nthree"),
        (">-\n  one: two\n  # three", "one: two # three"),
        ('"a: b # c\\n\\u00e4\\t\\U0001F389"', "a: b # c\nä\t🎉"),
        ("'it''s'", "it's"),
        ("日本語 🎉", "日本語 🎉"),
        ('"  spaces  "', "spaces"),
        ("a\\n", "a\\n"),
    ],
)
def test_descriptions_in_every_style(written: str, meant: str) -> None:
    assert read(f"name: a\ndescription: {written}").description == meant


@pytest.mark.parametrize(
    "text", ["1.10", "1", "0x10", "0o17", "1e3", ".inf", "true", "no", "yes", "2024-01-01", "12:30:45", "<<", "="]
)
def test_a_scalar_is_the_text_that_was_written(text: str) -> None:
    assert read(f"name: {text}\ndescription: {text}")[:2] == (text, text)


@pytest.mark.parametrize("nothing", ["", " ", "''", '""', *NOTHING, "# only a comment", '"  "'])
def test_no_description_is_an_empty_one(nothing: str) -> None:
    assert read(f"name: a\ndescription: {nothing}").description == ""
    assert read("name: a").description == ""


def test_aliases_are_what_they_stand_for() -> None:
    assert read("x: &text Says hello.\nname: a\ndescription: *text").description == "Says hello."
    assert read("base: &base {name: other}\nname: a\n<<: *base").name == "a"


def test_an_anchor_that_is_used_again_is_nothing_to_tell_of() -> None:
    assert read("x: &a one\ny: &a two\nname: *a").name == "two"  # a warning would be an error here


def test_aliases_of_aliases_cost_nothing() -> None:
    levels = [f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]" for n in range(20)]
    with less_than(5):
        assert read("a: &a [x]\n" + "\n".join(levels) + "\nname: laughs").name == "laughs"


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("!!str a", "a"),
        ("!!int 5", "5"),
        ("!!binary aGVsbG8=", "aGVsbG8="),
        ("!mine a", "a"),
        ("!!python/name:os.system a", "a"),
        ("! a", "a"),
    ],
)
def test_a_tag_makes_nothing_of_a_text(written: str, name: str) -> None:
    assert read(f"name: {written}").name == name


def test_a_tag_makes_no_object() -> None:
    for tag in (
        "python/object/apply:os.system [echo]",
        "python/object/new:os.system [[echo]]",
        "set {a, b}",
        "omap [a: b]",
    ):
        assert read(f"x: !!{tag}\nname: a").name == "a"
        assert "no name" in refused(f"name: !!{tag}")


@given(NAME, TEXT)
def test_what_is_written_in_quotes_is_read(name: str, description: str) -> None:
    lines = [
        f"{key}: {json.dumps(text, ensure_ascii=False)}" for key, text in (("name", name), ("description", description))
    ]
    found = read("\n".join(lines))
    assert found.name == name
    assert found.description == ("" if description in NOTHING else description.strip())


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0")))
def test_instructions_are_what_stands_below(body: str) -> None:
    assert read_manifest(skill("name: a", body), "SKILL.md").instructions == body.strip()


# What is refused


@pytest.mark.parametrize(
    "data", [b"", b"# Review\n", b"\n---\nname: a\n---\n", b" ---\nname: a\n---\n", b"name: a\n---\n"]
)
def test_a_file_without_front_matter(data: bytes) -> None:
    assert refused(data) == "review/SKILL.md has no front matter"


@pytest.mark.parametrize(
    "data",
    [b"---", b"---\n", b"---\nname: a", b"---\nname: a\n ---\n", b"---\nname: a\n----\n", b"---\nname: a\n---x\n"],
)
def test_front_matter_without_an_end(data: bytes) -> None:
    assert refused(data) == 'review/SKILL.md has front matter without a closing "---"'


def test_what_is_missing_is_shown_by_an_example() -> None:
    for data in (b"# Review\n", b"---\nname: a", skill("- a")):
        with pytest.raises(UsageFailure) as info:
            read_manifest(data, "SKILL.md")
        assert 'start the file with the lines "---", "name: my-skill"' in (info.value.remedy or "")


@pytest.mark.parametrize("matter", ["", "just text", "- name: a", "[name, a]", "# only a comment"])
def test_front_matter_that_is_no_mapping(matter: str) -> None:
    assert refused(matter).startswith("review/SKILL.md: the front matter is not a list of names and values")


@pytest.mark.parametrize(
    "line",
    [
        "description: a",
        "name:",
        "name: ''",
        'name: "  "',
        "name: [a]",
        "name: {a: b}",
        "Name: a",
        "name : &a",
        "<<: {name: a}",
    ],
)
def test_a_missing_name(line: str) -> None:
    assert refused(line) == "review/SKILL.md has no name in its front matter"


@pytest.mark.parametrize("nothing", NOTHING)
def test_a_name_that_is_nothing_is_none(nothing: str) -> None:
    assert refused(f"name: {nothing}") == "review/SKILL.md has no name in its front matter"


@pytest.mark.parametrize(
    "written",
    [
        '"a\\nb"',
        '"a\\0b"',
        '"\\e[31mred"',
        '"\\ud800"',
        '"\\u202egnp"',
        '"a\\u200bb"',
        '"a\\u2028b"',
        "a\u00a0b",
        "x" * 201,
        '"\\x9b"',
    ],
    ids=ascii,
)
def test_a_name_that_is_not_one_visible_line(written: str) -> None:
    assert refused(f"name: {written}") == "review/SKILL.md: the name must be one line of at most 200 characters"


def test_names_that_are_odd_are_names() -> None:
    for name in ("日本", "Größe", "a b", "a/b", "../a", "-rf", "x" * 200, "é" * 200, "🎉", "<skill>", "a#b"):
        assert read(f"name: {name}").name == checked_name(name, "x") == name


@pytest.mark.parametrize("written", ["[a]", "{a: b}", "\n  - a", "&x [*x]"])
def test_a_description_that_is_no_text(written: str) -> None:
    assert refused(f"name: a\ndescription: {written}") == "review/SKILL.md: the description is not a string"


def test_half_a_character_in_a_description() -> None:
    message = refused('name: a\ndescription: "\\ud83d"')
    assert message == "review/SKILL.md: the description contains invalid Unicode (a lone surrogate)"


def test_a_nul_character_is_refused_since_no_database_takes_it() -> None:
    assert "NUL" in refused('name: a\ndescription: "a\\0b"')
    assert "NUL" in refused(b"---\nname: a\n---\nbin\0ary\n")


@pytest.mark.parametrize(
    "data",
    [
        "---\nname: a\n---\n".encode("utf-16"),
        b"---\nname: \xff\n---\n",
        b"---\nname: a\n---\n\xe9t\xe9\n",
        b"---\nname: \xed\xa0\x80\n---\n",
        b"---\nname: a\n---\n\xf0\x9f\x8e",
        b"---\nname: \xc0\x80\n---\n",
    ],
    ids=["UTF-16", "no start byte", "Latin-1", "surrogate", "cut", "overlong NUL"],
)
def test_a_file_that_is_not_utf_8(data: bytes) -> None:
    assert refused(data) == "review/SKILL.md is not UTF-8 text"


@pytest.mark.parametrize(
    "text",
    [
        "---\nname: a§: b\n---\n",
        "---\nname: §*nope\n---\n",
        "---\nname: a\n§name: b\n---\n",
        "---\nname: a\ndescription: x§: y\n---\n",
        "---\nname: a\n§\tb: c\n---\n",
        "---\n§\tname: a\n---\n",
        "---\nname: §@a\n---\n",
        "---\nname: §`a`\n---\n",
        "---\nname: 'a§\n---\n",
        "---\nname: [a§\n---\n",
        "---\nname: a\n\n# comment\n\nx: {a: b}§}\n---\n",
        "---\nname: größe 日本 🎉§: b\n---\n",
        "---\nname: a\n...\n§x: y\n---\n",
        "\ufeff---\nname: §%a\n---\n",
        "---\r\nname: a\r\nx: §*b\r\n---\r\nbody\r\n",
        "--- \nname: a\n? §{a: b}\n: c\n---\n",
    ],
    ids=ascii,
)
def test_an_error_names_the_line_and_column_of_the_file(text: str) -> None:
    above = text[: text.index("§")].removeprefix("\ufeff")
    line, column = above.count("\n") + 1, len(above) - above.rfind("\n")
    message = refused(text.replace("§", "").encode())
    assert message.startswith(f"review/SKILL.md: line {line}, column {column}: not valid YAML: ")
    assert "\n" not in message


def test_a_key_that_is_given_twice_is_named() -> None:
    assert 'found duplicate key "name" with value "b" (original value: "a")' in refused("name: a\nname: b")


@pytest.mark.parametrize(
    "text", ["name: a\0b", "\0", "name: a\x1b[31m", "name: a\x07", "name: \ufffe", "name: \x7f"], ids=ascii
)
def test_a_control_character_is_not_yaml(text: str) -> None:
    assert "not valid YAML" in refused(text)


@pytest.mark.parametrize(
    "matter",
    [
        "name: a\nx: " + "[" * 500 + "]" * 500,
        "name: a\nx: " + "{a: " * 15_000,
        "name: a\nx:\n  " + "- " * 700 + "b",
        "name: a\nx:\n  " + "? " * 700 + "b",
        "name: a\n" + "\n".join(" " * n + "a:" for n in range(350)),
    ],
    ids=lambda text: text[:20],
)
def test_front_matter_nested_too_deeply(matter: str) -> None:
    with less_than(15):
        assert "YAML" in refused(matter)


@pytest.mark.parametrize("code", ["FFFFFFFF", "00110000"])
def test_an_escape_that_is_no_character(code: str) -> None:
    assert refused(f'name: "\\U{code}"') == "review/SKILL.md: the front matter is not valid YAML"


def test_front_matter_of_more_than_64_kib() -> None:
    assert refused("name: a\nx: " + "y" * 64 * KIB) == "review/SKILL.md: the front matter is larger than 64 KiB"
    assert read("name: a\nx: " + "y" * (64 * KIB - 11)).name == "a"


def test_a_file_of_more_than_1_mib() -> None:
    head = b"---\nname: a\n---\n"
    assert MAX_BYTES == MIB
    body = b"x" * (MIB - len(head))
    assert read_manifest(head + body, "SKILL.md").instructions == body.decode()
    assert "larger than 1 MiB" in refused(head + body + b"x")
    assert "larger than 1 MiB" in refused(b"\xff" * (MIB + 1))  # without looking at it


@pytest.mark.parametrize(
    "data", [b"---\nname: a\n" + b"---x\n" * 200_000, b"---" + b" " * 900_000 + b"x", b"---\n" * 250_000]
)
def test_a_large_file_that_is_no_skill_is_refused_quickly(data: bytes) -> None:
    with less_than(5):
        refused(data)


@given(st.lists(st.sampled_from(PIECES), max_size=16).map("".join))
def test_any_front_matter_is_read_or_refused(matter: str) -> None:
    found = outcome(skill(matter))
    assert found.name.isprintable() if isinstance(found, Manifest) else re.fullmatch("SKILL[.]md.+", found)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with pytest.raises(UsageFailure):
        read_manifest(data, "SKILL.md")


# Texts for a form


def test_a_text_of_a_form_may_have_1_mib() -> None:
    for text in ("", "a", "x" * MIB, "é" * (MIB // 2), "\x1b[31m\n\t", "🎉"):
        assert checked_text(text, "--description") is text
    for text in ("x" * (MIB + 1), "é" * (MIB // 2 + 1)):
        with pytest.raises(UsageFailure, match=r"^--description is larger than 1 MiB"):
            checked_text(text, "--description")


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb", "\ude00\ud83d"], ids=ascii)
def test_a_text_of_a_form_holds_whole_characters(text: str) -> None:
    with pytest.raises(UsageFailure, match=r"^--description contains invalid Unicode"):
        checked_text(text, "--description")


# What a parser of YAML has most work with, and what a pattern for the front matter has, of about n characters.
MATTERS = {
    "aliases": lambda n: "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 8)}]\n" for i in range(1, n // 60)),
    "merged": lambda n: "a0: &a0 {x: y}\n" + "".join(f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 8)}]}}\n" for i in range(1, n // 70)),
    "brackets": lambda n: "a: " + "[" * n,
    "braces": lambda n: "a: " + "{" * n,
    "items": lambda n: f"a: [{'x,' * (n // 2)}",
    "dashes": lambda n: "a:\n" + "- " * (n // 2),
    "questions": lambda n: "? " * (n // 2),
    "lines": lambda n: "a: x" + "\n  x" * (n // 4),
    "nearly ends": lambda n: "--- x\n" * (n // 6),
    "spaces that nearly end": lambda n: "---" + " " * n + "x",
}  # fmt: skip


@pytest.mark.parametrize("shape", MATTERS)
@pytest.mark.parametrize("size", [60, 600, 6000, 60_000])
def test_front_matter_takes_bounded_time_whatever_it_is_made_of(shape: str, size: int) -> None:
    with less_than(6), contextlib.suppress(UsageFailure):
        read_manifest(f"---\nname: x\n{MATTERS[shape](size)}\n---\nDo it.\n".encode(), "SKILL.md")
