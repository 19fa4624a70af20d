from __future__ import annotations

import random
import re
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litellmctl.errors import ExitCode, Rejected, UsageFailure
from litellmctl.skills.skill import API, HUB, Skill, find, matching, ordered, read_api, read_hub, several

# As a proxy of LiteLLM 1.106.2 answers (tests/contract/shapes/plugins_get.master.json and skills_get.list.json).
HUB_ROW = {
    "id": "56cc3abc-bb92-4e43-a772-7119bc197bfb",
    "name": "greet",
    "version": "1.2.0",
    "description": "Says hello",
    "source": {"source": "github", "repo": "org/greet"},
    "author": {"name": "Lab", "email": "lab@example.com"},
    "homepage": "https://example.com",
    "keywords": ["hi"],
    "category": "fun",
    "domain": "Talk",
    "namespace": "hello",
    "enabled": True,
    "created_at": "2026-11-22T09:21:51.464000+00:00",
    "updated_at": "2026-11-22T09:21:51.999000+00:00",
    "created_by": "default_user_id",
}
API_ROW = {
    "id": "litellm_skill_e688d2b5",
    "created_at": "2026-11-22T09:21:52.051000+00:00",
    "display_title": "My skill",
    "latest_version": None,
    "source": "custom",
    "type": "skill",
    "updated_at": "2026-11-22T09:21:52.051000+00:00",
    "description": "Says hi",
    "search_score": None,
}
JSON = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.lists(st.text(max_size=3), max_size=2)
)
NO_TIMES: list[Any] = [
    *("", "soon", "2026-13-01", "2026-11-22T25:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"),
    *("2026\ud800", "\u0662026-11-22", 1_790_000_000, None, [], True),
]
NOT_TEXT = [None, "", 5, True, [], ["a"], {}, {"a": 1}]


def skill(name: str | None, skill_id: str = "1", store: str = API, **more: Any) -> Skill:
    return Skill(name, skill_id, store, True, None, more.pop("description", None), None, None, more)


# Reading what the stores tell


def test_an_entry_of_the_hub_is_read_as_it_is_told() -> None:
    found = read_hub(HUB_ROW)
    assert found is not None
    assert found.raw == HUB_ROW
    assert found._replace(raw={}) == Skill(
        "greet",
        "56cc3abc-bb92-4e43-a772-7119bc197bfb",
        HUB,
        True,
        "1.2.0",
        "Says hello",
        {"source": "github", "repo": "org/greet"},
        "2026-11-22T09:21:51Z",
        {
            "author": {"name": "Lab", "email": "lab@example.com"},
            "homepage": "https://example.com",
            "keywords": ["hi"],
            "category": "fun",
            "domain": "Talk",
            "namespace": "hello",
            "created_at": "2026-11-22T09:21:51Z",
            "created_by": "default_user_id",
        },
    )
    assert list(found.row) == ["name", "id", "store", "enabled", "version", "description", "source", "updated_at"]
    assert found.label == "greet"


def test_an_entry_of_the_api_is_read_as_it_is_told() -> None:
    found = read_api(API_ROW)
    assert found is not None
    assert found._replace(raw={}) == Skill(
        "My skill",
        "litellm_skill_e688d2b5",
        API,
        True,
        None,
        "Says hi",
        "custom",
        "2026-11-22T09:21:52Z",
        {"created_at": "2026-11-22T09:21:52Z"},
    )
    assert list(found.row) == ["name", "id", "store", "enabled", "version", "description", "source", "updated_at"]


def test_what_is_not_told_is_none() -> None:
    hub, api = read_hub({"name": "greet"}), read_api({"id": "1"})
    assert hub is not None
    assert api is not None
    assert hub[:-2] == ("greet", "greet", HUB, True, None, None, None, None)
    assert api[:-2] == (None, "1", API, True, None, None, None, None)
    assert set(hub.more.values()) == set(api.more.values()) == {None}
    assert (hub.label, api.label) == ("greet", "1")


@pytest.mark.parametrize(
    "bad", [*(row for row in NOT_TEXT if not isinstance(row, dict)), {}, {"id": 5, "name": 5}], ids=repr
)
def test_what_is_no_entry_is_left_out(bad: Any) -> None:
    assert read_hub(bad) is None
    assert read_api(bad) is None


@pytest.mark.parametrize("value", NOT_TEXT, ids=repr)
def test_a_text_that_is_none_is_not_told(value: Any) -> None:
    assert read_hub({**HUB_ROW, "name": value}) is None
    assert read_api({**API_ROW, "id": value}) is None
    hub = read_hub(
        {**HUB_ROW, **dict.fromkeys(["id", "version", "description", "homepage", "category", "updated_at"], value)}
    )
    api = read_api(
        {**API_ROW, **dict.fromkeys(["display_title", "latest_version", "description", "created_at"], value)}
    )
    assert hub is not None
    assert api is not None
    assert (hub.id, hub.version, hub.description, hub.updated_at, hub.more["homepage"]) == ("greet", *[None] * 4)
    assert (api.name, api.version, api.description, api.more["created_at"]) == (None, None, None, None)


@pytest.mark.parametrize(("told", "enabled"), [(True, True), (False, False), (None, True), ("false", True), (0, True)])
def test_an_entry_is_enabled_unless_it_is_told_that_it_is_not(told: Any, enabled: bool) -> None:
    found = read_hub({**HUB_ROW, "enabled": told})
    assert found is not None
    assert found.enabled is enabled
    api = read_api({**API_ROW, "enabled": told})
    assert api is not None
    assert api.enabled


@pytest.mark.parametrize(
    ("told", "moment"),
    [
        ("2026-11-22T09:21:51.545000+00:00", "2026-11-22T09:21:51Z"),
        ("2026-11-22T09:21:51.999999Z", "2026-11-22T09:21:51Z"),
        ("2026-11-22T09:21:51", "2026-11-22T09:21:51Z"),
        ("2026-11-22 09:21:51+02:00", "2026-11-22T07:21:51Z"),
        ("2026-12-31T23:30:00-05:30", "2027-01-01T05:00:00Z"),
        ("2026-11-22", "2026-11-22T00:00:00Z"),
        ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
        *((bad, None) for bad in NO_TIMES),
    ],
)
def test_times_are_in_utc(told: Any, moment: str | None) -> None:
    for row in (
        read_hub({**HUB_ROW, "updated_at": told, "created_at": told}),
        read_api({**API_ROW, "updated_at": told, "created_at": told}),
    ):
        assert row is not None
        assert row.updated_at == row.more["created_at"] == moment


@given(st.datetimes(min_value=datetime(1900, 1, 2), timezones=st.one_of(st.none(), st.timezones())))  # noqa: DTZ001
def test_any_time_is_rfc_3339(moment: datetime) -> None:
    found = read_api({"id": "1", "updated_at": moment.isoformat()})
    assert found is not None
    if found.updated_at is not None:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", found.updated_at)


@given(st.dictionaries(st.sampled_from([*HUB_ROW, *API_ROW]), JSON, max_size=8))
def test_any_row_is_read_or_left_out(row: dict[str, Any]) -> None:
    for found in (read_hub(row), read_api(row)):
        if found is not None:
            assert found.id
            assert isinstance(found.id, str)
            for text in (found.name, found.version, found.description, found.updated_at):
                assert text is None or (isinstance(text, str) and text)


# Their order


def test_skills_are_in_the_order_of_their_names_whatever_their_letters() -> None:
    wanted = [
        skill("alpha", "9"),
        skill("Beta", "8"),
        skill("beta", "3", HUB),
        skill(None, "c7"),
        skill("delta", "1"),
        skill("delta", "2"),
        skill("delta", "0", HUB),
        skill("Élan", "5"),
    ]
    for seed in range(10):
        assert ordered(random.Random(seed).sample(wanted, len(wanted))) == wanted


@given(
    st.lists(
        st.builds(skill, st.none() | st.text(max_size=2), st.text(min_size=1, max_size=2), st.sampled_from([HUB, API])),
        max_size=6,
    ),
    st.randoms(),
)
def test_the_order_does_not_depend_on_what_was_told_first(skills: list[Skill], chance: random.Random) -> None:
    shuffled = chance.sample(skills, len(skills))
    assert ordered(shuffled) == ordered(skills)


# Finding one


def test_a_skill_is_found_by_its_name_or_id() -> None:
    skills = [skill("review", "1"), skill("release", "2", HUB), skill(None, "3")]
    for one in skills:
        assert find(skills, one.id) == one
        assert find(skills, one.label) == one


def test_an_id_goes_before_a_name() -> None:
    by_id, by_name = skill("other", "review"), skill("review", "2")
    for skills in ([by_id, by_name], [by_name, by_id]):
        assert find(skills, "review") == by_id
        assert find([*skills, skill("review", "3")], "review") == by_id


def test_a_name_of_several_is_refused_with_their_ids() -> None:
    skills = [skill("review", "b"), skill("review", "a"), skill("review", "c", HUB), skill("other", "d")]
    for seed in range(5):
        with pytest.raises(UsageFailure) as info:
            find(random.Random(seed).sample(skills, 4), "review")
        assert info.value.exit_code == ExitCode.USAGE
        assert info.value.message == '3 skills are named "review": a (api), b (api), c (hub)'
        assert info.value.remedy == "use the ID"
    assert several(skills[:2], "review").message == '2 skills are named "review": a (api), b (api)'


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("reviw", ' Did you mean "review"?'),
        ("REVIEW", ' Did you mean "review"?'),
        ("litellm_skill_e688d2b", ' Did you mean "litellm_skill_e688d2b5"?'),
        ("zzz", ""),
        ("", ""),
    ],
)
def test_a_name_of_none_suggests_the_nearest(text: str, hint: str) -> None:
    skills = [skill("review", "1"), skill(None, "litellm_skill_e688d2b5")]
    with pytest.raises(Rejected) as info:
        find(skills, text)
    assert (info.value.code, info.value.exit_code) == ("not_found", ExitCode.REJECTED)
    assert info.value.message == f'no skill "{text}".{hint}'.removesuffix(".")
    assert info.value.remedy == "litellmctl skills list --all"


def test_nothing_is_found_in_nothing() -> None:
    with pytest.raises(Rejected, match='no skill "review"'):
        find([], "review")


# Searching without the proxy


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("review", True),
        ("REV", True),
        ("pull request", True),
        ("PULL", True),
        ("git", True),
        ("STRASSE", True),
        ("", True),
        ("nope", False),
        ("review pull", False),
        ("1", False),
    ],
)
def test_a_skill_matches_by_name_description_or_keyword(text: str, matches: bool) -> None:
    one = skill("review", "1", description="Reviews a pull request, Straße", keywords=["Git", 5, None])
    assert matching(one, text) is matches


@pytest.mark.parametrize("keywords", [None, "git", 5, {"git": 1}, [], [None, 5, ["git"]]])
def test_keywords_that_are_none_match_nothing(keywords: Any) -> None:
    assert not matching(skill(None, "1", keywords=keywords), "git")
