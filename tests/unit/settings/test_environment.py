from __future__ import annotations

import pytest

from litellmctl.errors import ConfigFailure
from litellmctl.settings import environment


@pytest.mark.parametrize(("value", "found"), [(" key ", "key"), ("", None), (" \t", None), ("0", "0"), (None, None)])
def test_a_variable_is_its_text_without_white_space_and_empty_is_unset(
    monkeypatch: pytest.MonkeyPatch, value: str | None, found: str | None
) -> None:
    if value is not None:
        monkeypatch.setenv("LITELLM_API_KEY", value)
    assert environment.get("LITELLM_API_KEY") == found


@pytest.mark.parametrize(("value", "is_set"), [("1", True), ("true", True), ("0", False), ("", False), (" 0 ", False)])
def test_a_flag_is_set_unless_it_is_0(monkeypatch: pytest.MonkeyPatch, value: str, is_set: bool) -> None:
    monkeypatch.setenv("LITELLM_OFFLINE", value)
    assert environment.flag("LITELLM_OFFLINE") is is_set


@pytest.mark.parametrize(("value", "seconds"), [(None, 5.0), ("", 5.0), ("0", 0.0), ("250", 0.25), (" 1500 ", 1.5)])
def test_milliseconds_become_seconds(monkeypatch: pytest.MonkeyPatch, value: str | None, seconds: float) -> None:
    if value is not None:
        monkeypatch.setenv("LITELLM_DISCOVERY_TIMEOUT_MS", value)
    assert environment.milliseconds("LITELLM_DISCOVERY_TIMEOUT_MS", 5.0) == seconds


@pytest.mark.parametrize("value", ["5s", "-1", "1.5", "1e3", "٣", "²", "9" * 400, "9" * 5000])
def test_what_are_no_milliseconds_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("LITELLM_DISCOVERY_TIMEOUT_MS", value)
    with pytest.raises(ConfigFailure, match=f'LITELLM_DISCOVERY_TIMEOUT_MS is "{value}"'):
        environment.milliseconds("LITELLM_DISCOVERY_TIMEOUT_MS", 5.0)
