"""Spent budgets, in the words of LiteLLM's releases (BudgetExceededError and its kin)."""

from __future__ import annotations

import json

import pytest

from litellmctl.errors import ExitCode
from litellmctl.proxy.error_answers import failure_of

SPENT = [
    ("Budget has been exceeded! Current cost: 10.5, Max budget: 10.0", "the budget"),
    ("Budget has been exceeded! Key=key (sk-...5KYA) Current cost: 2, Max budget: 1", "the budget of this key"),
    ("Budget has been exceeded! Team=blue Current cost: 2, Max budget: 1", "the budget of team blue"),
    ("Budget has been exceeded! User=me in Team=blue Current cost: 2", "the budget of user me in team blue"),
    ("Budget has been exceeded! TeamMember=me Current cost: 2", "the budget of team member me"),
    ("Budget has been exceeded! Organization=o Current cost: 2", "the budget of organization o"),
    ("Budget has been exceeded! Project=p Current cost: 2", "the budget of project p"),
    ("Budget has been exceeded! Tag=batch Current cost: 2", "the budget of tag batch"),
    ("Budget has been exceeded! Model access group=big Current cost: 2", "the budget of model access group big"),
    ("ExceededBudget: User=me over budget. Spend=2, Budget=1", "the budget of user me"),
    ("ExceededBudget: End User=you over budget. Spend=2, Budget=1", "the budget of end user you"),
    ("ExceededBudget: Team=blue over 1d budget. Spend=2", "the budget of team blue"),
    ("ExceededBudget: Key over 1d budget. Spend=2", "the budget"),
    ("LiteLLM Virtual Key: x, key_alias: y, exceeded budget for model=gpt-4o", "the budget for model gpt-4o"),
    ("LiteLLM Team: t, exceeded budget for model=gpt-4o", "the budget for model gpt-4o"),
    ("Max budget limit reached.", "the budget"),
    ("Session budget exceeded for session s-1. Current spend: $2.0000", "the budget of session s-1"),
    (
        "No deployments available - crossed budget: Exceeded budget for provider openai: 2 >= 1",
        "the budget of provider openai",
    ),
    (f"Budget has been exceeded! Team={'x' * 400} Current cost: 2", f"the budget of team {'x' * 59}…"),
]


@pytest.mark.parametrize(("words", "whose"), SPENT)
def test_the_remedy_names_the_budget_that_is_spent(words: str, whose: str) -> None:
    body = json.dumps({"error": {"message": words, "type": "None"}}).encode()
    failure = failure_of(429, body, url="https://p", path="/x", headers={"retry-after": "5"})
    assert failure.message == f"https://p: {words}"
    assert str(failure.remedy).startswith(f"ask the proxy's administrator to raise {whose}, or wait")


@pytest.mark.parametrize(
    ("status", "code", "exit_code"),
    [
        (400, "rejected", ExitCode.REJECTED),
        (422, "rejected", ExitCode.REJECTED),
        (429, "rate_limited", ExitCode.UNAVAILABLE),
        (500, "server_error", ExitCode.UNAVAILABLE),
        (401, "forbidden", ExitCode.AUTH),
        (403, "forbidden", ExitCode.AUTH),
    ],
)
def test_a_spent_budget_has_the_exit_code_of_its_status(status: int, code: str, exit_code: ExitCode) -> None:
    failure = failure_of(
        status, b'{"error":{"message":"","type":"budget_exceeded"}}', url="https://p", path="/x", headers={}
    )
    assert (failure.code, failure.exit_code, failure.status) == (code, exit_code, status)
    assert failure.message == "https://p: the budget is used up"


@pytest.mark.parametrize("words", ["Rate limit exceeded", "the budget", "soft budget", "", "context length exceeded"])
def test_other_limits_are_no_budgets(words: str) -> None:
    body = json.dumps({"error": {"message": words, "type": "throttling_error"}}).encode()
    assert failure_of(429, body, url="https://p", path="/x", headers={}).remedy == "run it again later"
