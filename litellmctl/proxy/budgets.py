"""Budgets that are used up, where no retry helps: the words of LiteLLM's releases, and the owner of the budget."""

from __future__ import annotations

import re

from litellmctl.foundation.text import clean, cut

_MAX_NAME = 60
# `BudgetExceededError` of key, user, team, team member, organization, project, tag, end user and model (auth_checks.py,
# model_max_budget_limiter.py), those of sessions and users (hooks), and that of providers (budget_limiter.py). Their
# status is 400 in 1.65 to 1.77, 429 later, 422 in 1.106, and an administrator may set another.
_SPENT = r"(?i)budget (?:has been )?exceeded|exceeded ?budget|crossed budget|max budget limit reached"
_KIND = "budget_exceeded"
_OWNERS = r"(Key|User|End User|TeamMember|Team|Organization|Project|Tag|Model access group)=([^\s,]+)"


def is_spent(words: str | None, kind: str | None) -> bool:
    """Whether the words and the type of an error say that a budget is used up."""
    return kind == _KIND or re.search(_SPENT, words or "") is not None


def named(words: str | None) -> str:
    """Return the budget that is used up: `the budget of team blue`; `the budget` if its owner is unknown."""
    text = words or ""
    model = re.search(r"exceeded budget for model=([^\s,]+)", text)
    if model is not None:
        return f"the budget for model {_name(model[1])}"
    member = re.search(r"User=([^\s,]+) in Team=([^\s,]+)", text)
    if member is not None:
        return f"the budget of user {_name(member[1])} in team {_name(member[2])}"
    owner = re.search(_OWNERS, text)
    if owner is not None:
        what = {"TeamMember": "team member"}.get(owner[1], owner[1].lower())
        return "the budget of this key" if what == "key" else f"the budget of {what} {_name(owner[2])}"
    other = re.search(r"for (provider|session) ([\w-]+)", text)
    return f"the budget of {other[1]} {_name(other[2])}" if other is not None else "the budget"


def _name(text: str) -> str:
    return cut(clean(text), _MAX_NAME)
