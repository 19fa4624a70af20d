"""`whoami` at the lab: the master key, keys with limits, and people who sign in with single sign-on."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.live.conftest import Lab

pytestmark = pytest.mark.database

Use = Callable[[str], None]


@pytest.fixture
def member_budget(lab: Lab) -> Iterator[float]:
    """A budget of user `one` in the red team."""
    about = {"team_id": "lab-red", "user_id": "one"}
    lab.ask("POST", "/team/member_update", json={**about, "max_budget_in_team": 3.5}).raise_for_status()
    yield 3.5
    lab.ask("POST", "/team/member_update", json={**about, "max_budget_in_team": None}).raise_for_status()


def test_the_master_key_is_an_administrator(run: Run, lab: Lab, as_user: Use) -> None:
    as_user(lab.master_key)
    found = run("whoami", "--json").json
    assert (found["signed_in"], found["role"], found["kind"]) == (True, "proxy_admin", "api_key")
    assert "master key (LITELLM_API_KEY)" in run("whoami", terminal=True)


def test_a_key_for_mcp_only_is_signed_in(run: Run, lab: Lab, as_user: Use) -> None:
    as_user(lab.new_key(allowed_routes=["mcp_routes"]))
    result = run("whoami", "--json")
    assert (result.json["signed_in"], result.json["routes"], result.json["models"]) == (True, ["mcp_routes"], None)
    assert result.stderr == ""


def test_a_key_with_a_budget_of_its_own(run: Run, lab: Lab, as_user: Use) -> None:
    as_user(lab.new_key(user_id="one", max_budget=5, budget_duration="1d"))
    found = run("whoami", "--json").json
    assert (found["budget_scope"], found["max_budget"]) == ("key", 5)
    assert found["budget_reset_at"] > time.strftime("%Y-%m-%d")


@pytest.mark.parametrize("kind", ["key", "single sign-on"])
def test_a_member_of_a_team_spends_the_budget_there(
    run: Run, lab: Lab, home: Path, member_budget: float, kind: str
) -> None:
    token = lab.sign_in("one", team="lab-red") if kind != "key" else lab.new_key(user_id="one", team_id="lab-red")
    run("login", "--with-token", "--base-url", lab.url, stdin=f"{token}\n")
    path = home / "config/logins.json"
    content = json.loads(path.read_text())
    content["logins"]["default"]["team_id"] = "lab-red"  # as `login --sso` knows it
    path.write_text(json.dumps(content))
    found = run("whoami", "--json").json
    assert (found["team_id"], found["budget_scope"], found["max_budget"]) == ("lab-red", "team_member", member_budget)
    assert found["role"] == "internal_user"
