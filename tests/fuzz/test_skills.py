"""SKILL.md and what stands around it: the front matter, archives, sources, rows of the stores."""

from __future__ import annotations

import io
import json
import re
from typing import Any

from hypothesis import strategies as st
from ruamel.yaml import YAML

from litellmctl.errors import Failure, UsageFailure
from litellmctl.proxy.json_stream import Malformed, rows
from litellmctl.skills import folder, hub_entry
from litellmctl.skills.manifest import Manifest, read_manifest
from litellmctl.skills.prompt_section import entry, section
from litellmctl.skills.skill import STORES, find, matching, ordered, read_api, read_hub
from tests.effort import less_than
from tests.fuzz.strategies import as_json, damaged, fuzz, loose_values, mostly, objects, pieces, plain_texts, texts

# Of 64 KiB nested as deeply as it goes; the parser is slow.
SECONDS = 15.0
PIECES = [
    *("---\n", "---", "...\n", "\n", "\r\n", " ", "  ", "\t", "name: ", "description: ", "name: a\n", "description: |\n  x\n", "metadata:\n  v: 1\n"),
    *('"\\UFFFFFFFF"', '"\\U00110000"', '"\\ud800"', '"\\x', '"\\0"', "'it''s'", '"', "'", "&a ", "*a", "&a [*a]", "!!binary ", "!!python/name:os.system ", "!<x>"),
    *("%YAML 1.1\n", "%YAML 999999999999.1\n", "%TAG ! tag:x,2000:\n", "? ", ": ", "- ", "[", "]", "{", "}", ",", "#", " # c\n", "<<: ", "|9\n", ">-\n", "@", "`", "~", "null"),
    *("[" * 1500, "- " * 1500, "{a: " * 900, "a: " * 50, "? " * 800, "&x " * 500, "\x00", "\x85", "\u2028", "\ufeff", "é", "\U0001f600"),
]  # fmt: skip
matters = st.lists(st.sampled_from(PIECES) | texts, max_size=12).map("".join)
named = st.builds("name: {}\ndescription: {}".format, texts.map(json.dumps), texts.map(json.dumps))


def enclosed(matter: str) -> str:
    return f"---\n{matter}\n---\nbody"


def outcome(data: bytes) -> Manifest | None:
    with less_than(SECONDS):
        try:
            found = read_manifest(data, "SKILL.md")
        except UsageFailure as failure:
            assert failure.exit_code == 2
            assert failure.message.startswith("SKILL.md")
            found = None
    return found


@fuzz(
    st.one_of(named.map(enclosed), matters.map(enclosed), matters, texts).map(
        lambda text: text.encode("utf-8", "surrogatepass")
    ),
    share=2,
)
def test_any_skill_md_is_read_or_refused(data: bytes) -> None:
    found = outcome(data)
    if found is not None:
        assert found.name == found.name.strip() != ""
        assert found.name.isprintable()
        assert "\0" not in found.instructions + found.description
        "".join(found).encode()


names = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp", "Cf", "Cn", "Co", "Zs"]), min_size=1, max_size=20
)
descriptions = st.text(st.characters(exclude_categories=["Cc", "Cs", "Cn", "Co"], include_characters="\n"), max_size=60)
extras = st.dictionaries(
    st.from_regex(r"[a-z-]{3,8}", fullmatch=True),
    st.integers() | st.booleans() | descriptions | st.lists(names, max_size=2),
    max_size=3,
)


@fuzz(names, descriptions, extras, plain_texts, st.sampled_from(["\n", "\r\n"]))
def test_a_manifest_that_is_written_is_read(
    name: str, description: str, extra: dict[str, Any], body: str, newline: str
) -> None:
    stream = io.StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False  # in braces it does not read all that it writes, such as ?0
    yaml.allow_unicode = True
    yaml.dump({**extra, "name": name, "description": description}, stream)
    body = body.replace("\0", "").replace("\r", "")
    text = f"---\n{stream.getvalue()}---\n{body}"
    found = outcome(text.replace("\n", newline).encode())
    nothing = {"~", "null", "Null", "NULL"}
    if name in nothing:
        assert found is None
    else:
        assert found == Manifest(name, "" if description in nothing else description.strip(), body.strip())


GOOD = b'---\nname: review\ndescription: "Reviews a change."\nmetadata:\n  version: 1.10\n---\n# Review\n\nRead it.\n'


@fuzz(damaged(st.just(GOOD)))
def test_a_damaged_skill_md_is_read_or_refused(data: bytes) -> None:
    outcome(data)


ARCHIVE = folder.pack(
    folder.Folder(
        {"SKILL.md": folder.SkillFile(GOOD), "bin/run": folder.SkillFile(b"x" * 50, True)}, read_manifest(GOOD, "")
    )
)


@fuzz(damaged(st.just(ARCHIVE)), share=2)
def test_a_damaged_archive_is_read_or_refused(data: bytes) -> None:
    try:
        found = folder._of_data(data, "a.zip")
    except Failure as failure:
        assert failure.exit_code == 2
        return
    assert not any(name.startswith("/") or ".." in name.split("/") or "\\" in name for name in found.entries)
    again = folder._of_data(folder.pack(found), "a.zip")
    assert again.entries == found.entries
    assert again.manifest == found.manifest


# --- the stores ---

hub_rows = objects(
    {
        "name": mostly(st.sampled_from(["a", "b"]), texts),
        "id": texts,
        "description": texts,
        "enabled": st.booleans(),
        "updated_at": texts,
        "keywords": st.lists(texts, max_size=2),
        "source": objects(
            {"source": st.sampled_from(["github", "url", "git-subdir"]), "url": texts, "repo": texts, "path": texts}
        ),
    }
)
api_rows = objects(
    {
        "id": mostly(st.sampled_from(["a", "skill_1"]), texts),
        "display_title": texts,
        "description": texts,
        "latest_version": texts,
        "updated_at": st.sampled_from(["2024-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00", "0001-01-01"]),
    }
)


@fuzz(
    st.lists(mostly(hub_rows, loose_values), max_size=4),
    st.lists(mostly(api_rows, loose_values), max_size=4),
    st.data(),
)
def test_skills_of_any_rows_are_whole_and_in_an_order_of_their_own(
    first: list[Any], second: list[Any], data: st.DataObject
) -> None:
    body = as_json({"plugins": first, "count": 1})
    try:
        first = list(rows(data.draw(pieces(body)), "plugins", is_bare=False))
    except Malformed:
        raise AssertionError(body) from None
    skills = [skill for skill in [*map(read_hub, first), *map(read_api, second)] if skill is not None]
    assert ordered(data.draw(st.permutations(ordered(skills)))) == ordered(skills) or len(
        {skill[:3] for skill in skills}
    ) < len(skills)
    for skill in skills:
        assert skill.id
        assert skill.store in STORES
        assert skill.updated_at is None or re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z", skill.updated_at)
        assert isinstance(hub_entry.source_text(skill.source), str)
        assert matching(skill, skill.label) or skill.name is None
        try:
            assert find(skills, skill.id).id == skill.id
        except UsageFailure as failure:
            assert failure.exit_code == 2
    entries = [entry(skill.name, skill.id, skill.store, skill.description) for skill in skills]
    for style in ("xml", "markdown", "json"):
        once = section(entries, style, None)
        assert section(data.draw(st.permutations(entries)), style, None) == once


STARTS = [
    "",
    "github:",
    "github:o/r",
    "github:o/r/p@",
    "https://h/x",
    "git@h:o/r",
    "git+https://h/x#p",
    "archive:https://h/x",
]


@fuzz(
    st.builds(
        "{}{}".format, st.sampled_from(STARTS), mostly(st.sampled_from(["", "/p", "@main", ".zip", "o/r"]), texts)
    ),
    mostly(st.none(), st.just("A" * 64), texts),
    st.booleans(),
)
def test_any_source_is_read_or_refused(text: str, digest: str | None, insecure: bool) -> None:
    try:
        found = hub_entry.read_source(text, digest, insecure=insecure)
    except Failure as failure:
        assert failure.exit_code == 2
        return
    assert all(isinstance(one, str) for one in found.values())
    assert isinstance(hub_entry.source_text(found), str)


@fuzz(st.lists(texts, max_size=9).map("-".join))
def test_a_slug_of_a_slug_is_that_slug(name: str) -> None:
    slug = folder.slug(name)
    assert re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", slug)
    assert len(slug) <= 64
    assert folder.slug(slug) == slug
