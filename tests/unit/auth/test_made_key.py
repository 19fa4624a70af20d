"""The virtual key that a login made: how it is named, and how long it may live."""

from __future__ import annotations

import json
import shlex
import time
from typing import Any

import pytest

from litellmctl.auth import made_key
from litellmctl.auth.login_file import Login
from litellmctl.errors import UsageFailure

URL = "https://llm.example.com"


def login(**facts: Any) -> Login:
    return Login(**{"base_url": URL, "id": "0", "kind": "virtual_key", "storage": "file", "issued_at": 0.0, **facts})


@pytest.mark.parametrize("alias", ["litellmctl-1a2b", 'a"b', "a'b; rm -rf ~", "a b", "ü"])
def test_the_command_for_a_kept_key_is_one_that_a_shell_takes_apart_again(alias: str) -> None:
    said, command = made_key.kept(login(key_alias=alias), "work", needs_sign_in=False)
    assert said == f'Kept the virtual key "{alias}" at {URL}. To delete it, run:'
    *words, field, option, profile = shlex.split(command)
    assert (words, option, profile) == (["litellmctl", "api", "/key/delete", "-F"], "--profile", "work")
    assert json.loads(field.removeprefix("key_aliases=")) == [alias]


def test_a_key_without_a_name_is_found_on_the_proxys_pages() -> None:
    said = f"Kept the virtual key of this login at {URL}. To delete it, open {URL}/ui (Virtual Keys)."
    assert made_key.kept(login(), "default", needs_sign_in=True) == (said, "")


@pytest.mark.parametrize(
    ("facts", "is_alive"),
    [({}, True), ({"expires_at": 2**40}, True), ({"expires_at": 1.0}, False), ({"kind": "api_key"}, False)],
)
def test_only_a_virtual_key_that_has_not_expired_is_alive(facts: dict[str, Any], is_alive: bool) -> None:
    assert time.time() > 1.0
    assert made_key.is_alive(login(**facts)) is is_alive


@pytest.mark.parametrize(("typed", "sent"), [("30d", "30d"), ("1MO", "1mo"), (" 5m ", "5m"), ("1200mo", "1200mo")])
def test_a_lifetime_is_as_litellm_takes_it(typed: str, sent: str) -> None:
    assert made_key.checked_duration(typed) == sent


@pytest.mark.parametrize(
    "typed", ["", "30", "mo", "30y", "-1d", "0s", "1.5h", "1d1h", "٣d", "99999mo", "9" * 5000 + "s"]
)
def test_any_other_lifetime_is_refused(typed: str) -> None:
    with pytest.raises(UsageFailure, match="is not a valid duration"):
        made_key.checked_duration(typed)


def test_one_of_two_options_may_be_given() -> None:
    assert made_key.chosen(revoke_key=True, keep_key=False) is True
    assert made_key.chosen(revoke_key=False, keep_key=True) is False
    assert made_key.chosen(revoke_key=False, keep_key=False) is None
    with pytest.raises(UsageFailure, match="only one of"):
        made_key.chosen(revoke_key=True, keep_key=True)
