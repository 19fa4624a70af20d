"""`models` against a real proxy with a database: each kind of key, each source, the same facts."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
import requests

from tests.conftest import Run
from tests.effort import until
from tests.live.conftest import Lab
from tests.server import Handler, Server

pytestmark = pytest.mark.database

AsUser = Callable[[str], None]
CHAT = ["claude-sonnet", "codex", "gpt-4o", "homemade", "limited", "pool"]


def ids(text: str) -> list[str]:
    return [model["id"] for model in json.loads(text)]


def own(names: list[str]) -> list[str]:
    """Leave out what the wildcard groq/* stands for: that depends on LiteLLM's price list."""
    return [name for name in names if not name.startswith("groq/")]


def test_the_master_key_sees_every_model(run: Run, lab: Lab, as_user: AsUser) -> None:
    as_user(lab.master_key)
    names = ids(run("models", "--json"))
    assert own(names) == CHAT
    assert "groq/openai/gpt-oss-120b" in names
    everything = ids(run("models", "--all", "--json"))
    assert {"embed", "groq/whisper-large-v3"} <= set(everything)
    assert not [name for name in everything if "*" in name]


def test_as_a_user_pipes_it_into_jq(lab: Lab, as_user: AsUser, env: dict[str, str]) -> None:
    as_user(lab.master_key)
    command = '"$0" -m litellmctl models --json | jq -r ".[].id"'
    done = subprocess.run(
        ["bash", "-c", command, sys.executable], env=env, capture_output=True, text=True, timeout=60, check=True
    )
    assert own(done.stdout.split()) == CHAT


def test_a_virtual_key_sees_its_own_models(run: Run, lab: Lab, as_user: AsUser) -> None:
    as_user(lab.new_key(models=["gpt-4o", "embed", "groq/*"], user_id="one"))
    assert own(ids(run("models", "--json"))) == ["gpt-4o"]
    assert own(ids(run("models", "--all", "--json"))) == ["embed", "gpt-4o"]


def test_a_key_that_may_not_read_model_info_gets_metadata_through_the_fallback(
    run: Run, lab: Lab, as_user: AsUser
) -> None:
    as_user(lab.new_key(allowed_routes=["/v1/models", "/model_group/info"], models=["gpt-4o", "pool", "embed"]))
    result = run("models", "--json", "-v")
    assert "GET /model/info 403" in result.stderr
    models = {model["id"]: model for model in result.json}
    assert sorted(models) == ["gpt-4o", "pool"]
    assert {model["source"] for model in models.values()} == {"models_list"}
    prices = {"input": 2.5, "output": 10, "cache_read": None, "cache_write": None, "tiers": [], "other": []}
    assert models["gpt-4o"]["cost"] == prices
    assert models["gpt-4o"]["context_window"] == 128000
    # Too little is told of a group: its largest limits, its highest prices.
    assert (models["pool"]["context_window"], models["pool"]["cost"]["input"]) == (128000, 30)
    assert models["pool"]["deployments"] is None


@pytest.mark.parametrize("routes", [["/v1/models"], ["llm_api_routes"]])
def test_other_narrow_keys_see_their_models_too(run: Run, lab: Lab, as_user: AsUser, routes: list[str]) -> None:
    as_user(lab.new_key(allowed_routes=routes, models=["gpt-4o"]))
    assert ids(run("models", "--json")) == ["gpt-4o"]


def test_a_single_sign_on_token_sees_the_users_models(run: Run, lab: Lab, as_user: AsUser) -> None:
    as_user(lab.sign_in("solo"))
    assert own(ids(run("models", "--json"))) == CHAT


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("invalid", "Authentication Error, Invalid"),
        ("garbage", "LiteLLM Virtual Key expected"),
        ("expired", "Expired Key"),
        ("blocked", "Key is blocked"),
        ("expired session", ""),
    ],
)
def test_a_refused_key_is_exit_4_in_the_proxys_own_words(
    run: Run, lab: Lab, as_user: AsUser, expired_key: str, kind: str, words: str
) -> None:
    if kind == "blocked":
        key = lab.new_key()
        lab.ask("POST", "/key/block", json={"key": key}).raise_for_status()
    else:
        key = {"invalid": "sk-" + "0" * 32, "garbage": "not-a-key", "expired": expired_key}.get(
            kind
        ) or lab.expired_session()
    as_user(key)
    result = run("models", "--json", exit=4)
    assert result == ""
    assert result.error["code"] == "auth_failed"
    assert words in result.error["message"]
    assert key not in result.stderr


def test_an_overdrawn_key_is_told_so(run: Run, lab: Lab, as_user: AsUser) -> None:
    routes = ["/v1/models", "/v1/chat/completions"]
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]}
    for options, exit_code in (({"allowed_routes": routes}, 5), ({}, 0)):
        key = lab.new_key(max_budget=1e-7, **options)
        lab.ask("POST", "/v1/chat/completions", key=key, json=body)
        # What was spent is counted a moment later.
        until(lambda key=key: lab.ask("GET", "/v1/models", key=key).status_code != 200, "the end of the budget")
        as_user(key)
        result = run("models", exit=exit_code)
        # /model/info still answers such a key; /v1/models, which spells wildcards out, does not.
        assert "Budget has been exceeded" in result.stderr
        assert key not in result.stderr


class Older:
    """A proxy of another generation: the lab, but for paths that it refuses or does not have."""

    def __init__(self, lab: Lab, refused: dict[str, int]) -> None:
        class Answering(Handler):
            def _serve(self) -> None:
                status, body = refused.get(self.path, 0), b'{"detail": "no"}'
                if not status:
                    headers = {"Authorization": self.headers["Authorization"]}
                    with requests.Session() as session:
                        session.trust_env = False
                        answer = session.get(lab.url + self.path, headers=headers, timeout=30)
                    status, body = answer.status_code, answer.content
                self.send(status, body)

            do_GET = _serve

        self._server = Server(Answering)
        self.url = self._server.url
        self._server.begin()

    def close(self) -> None:
        self._server.close()
        assert not self._server.errors


@pytest.fixture
def older(lab: Lab) -> Iterator[Older]:
    proxy = Older(lab, {"/model/info": 403, "/v1/models": 404})
    yield proxy
    proxy.close()


def test_the_pool_has_the_same_facts_from_model_info_and_from_health(
    run: Run, lab: Lab, as_user: AsUser, older: Older, env: dict[str, str]
) -> None:
    as_user(lab.master_key)
    direct = run("models", "show", "pool", "--json").json
    env["LITELLM_BASE_URL"] = older.url
    health = run("models", "show", "pool", "--json", "--timeout", "30").json
    assert (direct["source"], health["source"]) == ("model_info", "health")
    assert {**direct, "source": ""} == {**health, "source": ""}
    assert (direct["context_window"], direct["max_output_tokens"], direct["deployments"]) == (8192, 4096, 2)
    assert (direct["cost"]["input"], direct["cost"]["output"]) == (30, 60)
    assert direct["input"] == ["text"]
    assert direct["supports"]["function_calling"] is True


def test_health_names_what_is_unhealthy(run: Run, lab: Lab, as_user: AsUser, older: Older, env: dict[str, str]) -> None:
    as_user(lab.master_key)
    env["LITELLM_BASE_URL"] = older.url
    result = run("models", "--refresh", "--json", "--timeout", "30")
    assert "skipped openai/gpt-4o-mini: the proxy reports it as unhealthy" in result.stderr
    assert {"gpt-4o", "pool", "codex"} <= set(ids(result))


def test_a_change_at_the_proxy_is_what_refresh_tells(run: Run, lab: Lab, as_user: AsUser) -> None:
    as_user(lab.master_key)
    run("refresh")
    new = {
        "model_name": "test-refresh",
        "litellm_params": {"model": "openai/gpt-4o", "api_key": "sk-none", "mock_response": "hello"},
    }
    made = lab.ask("POST", "/model/new", json=new).json()
    try:
        assert run("refresh", "--json").json["added"] == ["test-refresh"]
    finally:
        lab.ask("POST", "/model/delete", json={"id": made["model_id"]})
    assert run("refresh", "--json").json["removed"] == ["test-refresh"]
