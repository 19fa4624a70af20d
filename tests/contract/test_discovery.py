"""Where the models come from, and what happens when the proxy does not tell."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from tests.answers import answering
from tests.conftest import Run
from tests.contract.test_doctor import healthy
from tests.fake_proxy import FakeProxy, error, row, shape

FORBIDDEN: dict[str, Any] = {"status": 403, "body": {"detail": "Virtual key is not allowed to call this route."}}
MISSING: dict[str, Any] = {"status": 404, "body": {"detail": "Not Found"}}


@pytest.mark.parametrize("refusal", [FORBIDDEN, MISSING, error(401, "not yours", "other_error")])
def test_falls_back_to_the_list_with_facts_of_the_groups(run: Run, proxy: FakeProxy, refusal: dict[str, Any]) -> None:
    proxy.on("/model/info", **refusal).on("/v1/models", shape("v1_models"))
    proxy.on("/model_group/info", shape("model_group_info"))
    models = {model["id"]: model for model in run("models", "--json").json}
    assert proxy.asked == ["/model/info", "/v1/models", "/model_group/info"]
    assert {model["source"] for model in models.values()} == {"models_list"}
    assert models["gpt-4o"]["cost"]["input"] == 2.5
    assert models["gpt-4o"]["supports"]["function_calling"] is True
    assert models["gpt-4o"]["deployments"] is None
    # A group's false stands for unknown too.
    assert models["gpt-4o"]["supports"]["web_search"] is None
    assert "embed" not in models


def test_of_list_and_group_the_smaller_limit_counts_and_a_difference_is_incomplete(run: Run, proxy: FakeProxy) -> None:
    entry = {"mode": "chat", "max_input_tokens": 64000, "max_output_tokens": 4096}
    group = {"providers": ["openai"], "mode": "chat", "input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6}
    proxy.on("/model/info", **FORBIDDEN)
    proxy.on("/v1/models", {"data": [{"id": "differs", **entry}, {"id": "agrees", **entry}]})
    proxy.on(
        "/model_group/info",
        {
            "data": [
                {"model_group": "differs", "max_input_tokens": 128000.0, "max_output_tokens": 4096.0, **group},
                {"model_group": "agrees", "max_input_tokens": 64000.0, "max_output_tokens": 4096.0, **group},
            ]
        },
    )
    models = {model["id"]: model for model in run("models", "--json").json}
    assert (models["differs"]["context_window"], models["differs"]["complete"]) == (64000, False)
    assert (models["agrees"]["context_window"], models["agrees"]["complete"]) == (64000, True)


@pytest.mark.parametrize("status", [403, 404, 500, 200])
def test_the_list_alone_is_enough(run: Run, proxy: FakeProxy, status: int) -> None:
    proxy.on("/model/info", **FORBIDDEN).on("/v1/models", {"data": [{"id": "gpt"}]})
    proxy.on("/model_group/info", b"<html>no</html>", status=status)
    (model,) = run("models", "--json").json
    assert (model["id"], model["context_window"], model["complete"]) == ("gpt", None, False)


def test_falls_back_to_health_and_asks_for_each_endpoint(run: Run, proxy: FakeProxy) -> None:
    info = shape("model_info")["data"]
    by_id: dict[str, list[Any]] = {}
    for one in info:
        by_id.setdefault(one["model_info"]["id"], []).append(one)
    health = shape("health")
    for endpoint in health["healthy_endpoints"]:
        rows = by_id[endpoint["model_id"]]
        if endpoint["model"].startswith("groq/"):  # the proxy answers with the wildcard's own row
            rows = [row("groq/*", max_input_tokens=5000)]
        proxy.on(f"/model/info?litellm_model_id={endpoint['model_id']}", {"data": rows})
    proxy.on("/model/info", **FORBIDDEN).on("/v1/models", **MISSING).on("/health", health)
    result = run("models", "--all", "--json")
    models = {model["id"]: model for model in result.json}
    assert models["pool"]["deployments"] == 2
    assert models["pool"]["context_window"] == 8192
    assert models["pool"]["cost"]["input"] == 30
    assert models["pool"]["input"] == ["text"]
    assert {model["source"] for model in models.values()} == {"health"}
    assert models["groq/meta-llama/llama-prompt-guard-2-22m"]["context_window"] == 5000
    assert "skipped openai/gpt-4o-mini: the proxy reports it as unhealthy" in result.stderr


def test_an_endpoint_without_id_or_detail_is_listed_with_its_facts_unknown(run: Run, proxy: FakeProxy) -> None:
    proxy.on("/model/info", **FORBIDDEN).on("/v1/models", **FORBIDDEN)
    endpoints = [{"model": "openai/no-id"}, {"model": "openai/no-detail", "model_id": "x"}, {"no": "model"}, "junk"]
    proxy.on("/health", {"healthy_endpoints": endpoints, "unhealthy_endpoints": []})
    proxy.on("/model/info?litellm_model_id=x", **FORBIDDEN)
    result = run("models", "--refresh", "--json")
    assert [(model["id"], model["complete"]) for model in result.json] == [
        ("openai/no-detail", False),
        ("openai/no-id", False),
    ]
    assert "skipped an entry (2 times): it has no name" in result.stderr


def test_a_deployment_that_health_names_twice_is_one(run: Run, proxy: FakeProxy) -> None:
    proxy.on("/model/info", **FORBIDDEN).on("/v1/models", **FORBIDDEN)
    proxy.on("/health", {"healthy_endpoints": [{"model": "openai/m", "model_id": "x"}] * 2})
    proxy.on("/model/info?litellm_model_id=x", {"data": [row("m")]})
    assert [model["deployments"] for model in run("models", "--json").json] == [1]


def test_health_details_are_asked_for_in_parallel(run: Run, proxy: FakeProxy) -> None:
    count, seconds = 64, 0.1
    running, most, lock = 0, 0, threading.Lock()

    def slow(handler: BaseHTTPRequestHandler) -> Any:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(seconds)
        with lock:
            running -= 1
        return {"data": [row(handler.path.split("=")[1], max_input_tokens=9)]}

    proxy.on("/model/info", **FORBIDDEN).on("/v1/models", **FORBIDDEN)
    proxy.on("/health", {"healthy_endpoints": [{"model": "m", "model_id": f"id{i}"} for i in range(count)]})
    for i in range(count):
        proxy.on(f"/model/info?litellm_model_id=id{i}", respond=answering(slow))
    assert len(run("models", "--json").json) == count
    assert 24 <= most <= 32


@pytest.mark.parametrize("kind", ["token_not_found_in_db", "expired_key", "auth_error"])
def test_health_is_not_asked_when_the_key_itself_is_refused(run: Run, proxy: FakeProxy, kind: str) -> None:
    proxy.on("/model/info", **error(401, "in the proxy's own words", kind))
    proxy.on("/v1/models", **error(401, "in the proxy's own words", kind))
    result = run("models", "--json", exit=4)
    assert result == ""
    assert proxy.asked == ["/model/info", "/v1/models"]
    assert result.error["code"] == "auth_failed"
    assert result.error["status"] == 401
    assert "in the proxy's own words" in result.error["message"]


def test_a_proxy_without_a_database_answers_a_wrong_key_with_400(run: Run, proxy: FakeProxy) -> None:
    proxy.on("/model/info", **error(400, "No connected db.", "no_db_connection"))
    assert run("models", "--json", exit=4).error["code"] == "auth_failed"


@pytest.mark.parametrize(
    ("answer", "exit_code", "code"),
    [
        (error(422, "Budget has been exceeded!", "budget_exceeded"), 5, "rejected"),
        (error(400, "bad request", "bad_request"), 5, "rejected"),
        ({"status": 500, "body": {"detail": {"error": "DB not connected"}}}, 3, "server_error"),
        ({"status": 418, "body": b"I am a teapot"}, 3, "bad_response"),
    ],
)
def test_any_other_status_is_an_error(
    run: Run, proxy: FakeProxy, answer: dict[str, Any], exit_code: int, code: str
) -> None:
    proxy.on("/model/info", **answer)
    result = run("models", "--json", exit=exit_code)
    assert (result, result.error["code"], result.error["exit_code"]) == ("", code, exit_code)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_passing_faults_are_tried_three_times(run: Run, proxy: FakeProxy, status: int) -> None:
    proxy.on("/model/info", {"error": {"message": "busy"}}, status=status, times=2).models(row("gpt"))
    assert run("models", "--json").json[0]["id"] == "gpt"
    assert len(proxy.requests) == 3


def test_a_long_retry_after_means_no_retry(run: Run, proxy: FakeProxy) -> None:
    proxy.on("/model/info", {"error": {"message": "busy"}}, status=429, headers={"Retry-After": "60"})
    result = run("models", "--timeout", "100", exit=3)  # not for want of time
    assert "busy" in result.stderr
    assert "retry after 60 s" in result.stderr


def test_a_500_is_not_tried_again(run: Run, proxy: FakeProxy) -> None:
    proxy.on("/model/info", {}, status=500)
    run("models", exit=3)


def test_nothing_anywhere_names_the_first_refusal(run: Run, proxy: FakeProxy) -> None:
    proxy.on("/model/info", **FORBIDDEN).on("/v1/models", **FORBIDDEN).on("/health", **FORBIDDEN)
    result = run("models", "--json", exit=4)
    assert result.error["code"] == "forbidden"
    assert "/model/info" in result.error["message"]


def test_a_wrong_path_is_not_found(run: Run, proxy: FakeProxy) -> None:
    for path in ("/model/info", "/v1/models", "/health"):
        proxy.on(path, **MISSING)
    assert run("models", "--json", exit=5).error["code"] == "not_found"


def test_some_web_server_is_no_proxy(run: Run, proxy: FakeProxy) -> None:
    for path in ("/model/info", "/v1/models", "/health"):
        proxy.on(path, b"<html>404</html>", status=404)
    assert run("models", "--json", exit=3).error["code"] == "bad_response"


def test_verbose_names_requests_and_steps_but_no_secret(run: Run, proxy: FakeProxy, env: dict[str, str]) -> None:
    proxy.models(row("gpt"))
    result = run("models", "-v", LITELLM_VERBOSE_DISCOVERY="1")
    assert "GET /model/info 200 " in result.stderr
    assert "/model/info: 1 deployment\n" in result.stderr
    assert env["LITELLM_API_KEY"] not in result + result.stderr


def test_placeholders_are_no_models(run: Run, proxy: FakeProxy) -> None:
    proxy.on("/model/info", **FORBIDDEN).on("/model_group/info", **FORBIDDEN)
    proxy.on("/v1/models", {"data": [{"id": "all-proxy-models"}, {"id": "acme/*"}, {"id": "gpt"}]})
    result = run("models", "--refresh", "--json")
    assert [model["id"] for model in result.json] == ["gpt"]
    assert "skipped all-proxy-models: it is a placeholder" in result.stderr
    assert "skipped acme/*" in result.stderr


def test_doctor_names_what_the_list_skips_and_a_report_does_not(run: Run, proxy: FakeProxy) -> None:
    rows = [row("gpt"), row("mix"), row("mix", mode="embedding"), row(" ")]
    healthy(proxy, **{"/model/info": {"body": {"data": rows}}})
    result = run("doctor", "--fields", "check,detail", LITELLMCTL_KEYRING="off")
    found = dict(line.split("\t") for line in result.splitlines())
    assert found["discovery"] == (
        "1 model from model_info, 2 skipped: an entry: it has no name (all: litellmctl models --all)"
    )
    report = run("doctor", "--report", LITELLMCTL_KEYRING="off")
    assert "1 model from model_info, 2 skipped" in report
    assert "it has no name" not in report
