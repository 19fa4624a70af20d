from __future__ import annotations

import json
from typing import Any, NamedTuple, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litellmctl.proxy import device
from litellmctl.proxy.client import Answer, Client
from litellmctl.proxy.device import Ready, Started, Team, TeamWanted, _teams
from litellmctl.proxy.oauth import Grant, NotOffered
from litellmctl.proxy.session import BoundAuth

RED = {"team_id": "lab-red", "team_alias": "Red team", "team_models": []}
BLUE = {"team_id": "lab-blue", "team_alias": "Blue team", "team_models": []}

JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([*RED, "x"]), inner, max_size=3),
    max_leaves=8,
)


class OneAnswer(NamedTuple):
    """As much of a client as `start` takes."""

    fields: dict[str, Any]
    base_url: str = "https://llm.example.com"

    def send(self, method: str, path: str) -> Answer:
        assert (method, path) == ("POST", "/sso/cli/start")
        return Answer(200, {}, iter([json.dumps(self.fields).encode()]), lambda: None, BoundAuth(self.base_url, None))


@pytest.mark.parametrize(
    ("seconds", "kept"),
    [
        (1, 1.0),
        (900, 900.0),
        (1.5, 1.5),
        # What cannot be a time counts as not told.
        (None, 600.0),
        (0, 600.0),
        (-5, 600.0),
        ("900", 600.0),
        (True, 600.0),
        (1e308, 600.0),
        (10**400, 600.0),
        (float("nan"), 600.0),
        (float("inf"), 600.0),
        ([900], 600.0),
    ],
)
def test_how_long_a_sign_in_waits(seconds: Any, kept: float) -> None:
    fields = {"login_id": "cli-1", "poll_secret": "x", "user_code": "ABCD-EFGH", "expires_in": seconds}
    started = device.start(cast("Client", OneAnswer(fields)))
    assert not isinstance(started, NotOffered)
    assert started.expires_in == kept


@pytest.mark.parametrize(
    ("fields", "teams"),
    [
        ({}, []),
        ({"teams": None, "team_details": None}, []),
        ({"teams": "lab-red", "team_details": RED}, []),
        ({"teams": [], "team_details": []}, []),
        ({"teams": ["lab-red"]}, [Team("lab-red")]),
        ({"teams": ["lab-red"], "team_details": [RED]}, [Team("lab-red", "Red team")]),
        ({"team_details": [RED]}, [Team("lab-red", "Red team")]),
        ({"teams": ["lab-red"], "team_details": [{**RED, "team_alias": None}]}, [Team("lab-red")]),
        ({"teams": ["lab-red"], "team_details": [{**RED, "team_alias": 7}]}, [Team("lab-red")]),
        ({"teams": ["a", 7, None, ["b"]], "team_details": [7, None, {"team_alias": "x"}]}, [Team("a")]),
        # Older proxies tell only some of them.
        ({"teams": ["z", "lab-red"], "team_details": [RED]}, [Team("lab-red", "Red team"), Team("z")]),
        # Two of one name stay apart, and in the same order each time.
        (
            {"team_details": [{**RED, "team_id": "2"}, {**RED, "team_id": "1"}]},
            [Team("1", "Red team"), Team("2", "Red team")],
        ),
    ],
)
def test_the_teams_of_an_answer(fields: dict[str, Any], teams: list[Team]) -> None:
    assert _teams(fields) == teams


@given(
    st.permutations([RED, BLUE, {"team_id": "x", "team_alias": None}, {"team_id": "y", "team_alias": "A"}]),
    st.randoms(),
)
def test_the_order_of_the_answer_does_not_matter(details: list[dict[str, Any]], random: Any) -> None:
    ids = [detail["team_id"] for detail in details]
    random.shuffle(ids)
    assert [team.id for team in _teams({"teams": ids, "team_details": details})] == ["y", "lab-blue", "lab-red", "x"]


@given(JSON, JSON)
def test_whatever_stands_there_is_a_list_of_teams(listed: Any, details: Any) -> None:
    teams = _teams({"teams": listed, "team_details": details})
    assert len({team.id for team in teams}) == len(teams)
    assert all(isinstance(team.id, str) and isinstance(team.alias, str | None) for team in teams)


@pytest.mark.parametrize(
    "value",
    [
        Started("https://x", "ABCD-EFGH", False, 600.0, "hidden", "hidden"),
        Ready(Grant("hidden"), [Team("lab-red")]),
        TeamWanted([Team("lab-red")]),
    ],
)
def test_what_is_secret_is_not_shown(value: Any) -> None:
    assert "hidden" not in f"{value!r} {value} {[value]}"


def test_nothing_that_a_sign_in_shows_repeats_its_secret() -> None:
    secret = "poll-secret-0123456789"
    fields = {
        "login_id": f"cli {secret}",
        "poll_secret": secret,
        "user_code": secret.upper(),
        "verification_uri_complete": f"https://llm.example.com/sso?of={secret}",
    }
    started = device.start(cast("Client", OneAnswer(fields)))
    assert not isinstance(started, NotOffered)
    assert started.poll_secret == secret
    assert (started.login_id, started.user_code) == ("cli ***", "***")
    assert started.link == "https://llm.example.com/sso?of=***"
