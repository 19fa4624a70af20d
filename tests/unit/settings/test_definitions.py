from __future__ import annotations

import pytest

from litellmctl.settings.definitions import GLOBAL_KEYS, MASK, PROFILE_KEYS, shown


@pytest.mark.parametrize(
    ("name", "value", "visible"),
    [
        ("api_key", "sk-secret", MASK),
        ("api_key", "$$secret", MASK),
        ("api_key", "$broken reference", MASK),
        ("api_key", "$NAME", "$NAME"),
        ("api_key", "!op read key", "!op read key"),
        ("headers", {"a": "secret", "b": "${NAME}"}, {"a": MASK, "b": "${NAME}"}),
        ("base_url", "https://llm.example.com", "https://llm.example.com"),
        ("mcp", True, True),
    ],
)
def test_what_can_be_a_secret_is_masked_and_references_are_not(name: str, value: object, visible: object) -> None:
    assert shown(PROFILE_KEYS[name], value) == visible


def test_every_setting_says_what_it_does() -> None:
    assert all(key.help for key in (*GLOBAL_KEYS.values(), *PROFILE_KEYS.values()))
