from __future__ import annotations

import pytest

from litellmctl.errors import ConfigFailure, ExitCode
from litellmctl.settings.values import parse


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEAM_KEY", "sk-of-the-team")
    monkeypatch.setenv("EMPTY", "")
    monkeypatch.setenv("BLANK", "  ")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("sk-literal", "sk-literal"),
        ("", ""),
        ("$TEAM_KEY", "sk-of-the-team"),
        ("${TEAM_KEY}", "sk-of-the-team"),
        ("$$TEAM_KEY", "$TEAM_KEY"),
        ("$$", "$"),
        ("$!echo", "!echo"),
        ("a$TEAM_KEY", "a$TEAM_KEY"),
        (" $TEAM_KEY", " $TEAM_KEY"),
        ("a!b", "a!b"),
        ("!echo sk-printed", "sk-printed"),
        ("!  echo 'two words'", "two words"),
    ],
)
def test_a_value_is_what_it_refers_to(text: str, value: str) -> None:
    assert parse(text, named="api_key").resolve() == value


@pytest.mark.parametrize(
    "text", ["$", "$1", "${", "${TEAM_KEY", "$TEAM_KEY}", "$TEAM-KEY", "${}", "$TEAM_KEY ", "$TEAM_KEY\n", "$É"]
)
def test_a_dollar_that_starts_no_reference_is_refused_with_the_way_to_write_it(text: str) -> None:
    with pytest.raises(ConfigFailure) as failure:
        parse(text, named="profiles.work.api_key")
    assert failure.value.message == 'profiles.work.api_key starts with "$" but is not a variable reference'
    assert "$$" in str(failure.value.remedy)


@pytest.mark.parametrize("name", ["UNSET", "EMPTY", "BLANK"])
@pytest.mark.parametrize("form", ["$%s", "${%s}"])
def test_a_variable_that_is_not_set_is_named(name: str, form: str) -> None:
    value = parse(form % name, named="profiles.work.api_key")
    for look_up in (value.resolve, value.identity):
        with pytest.raises(ConfigFailure) as failure:
            look_up()
        assert failure.value.message == f"profiles.work.api_key refers to the variable {name}, which is not set"
        assert failure.value.remedy == f"export {name}=..."
        assert failure.value.exit_code is ExitCode.USAGE


def test_a_command_that_is_empty_is_refused_when_it_is_needed() -> None:
    with pytest.raises(ConfigFailure, match=r"profiles\.work\.api_key is an empty command"):
        parse("!", named="profiles.work.api_key").resolve()


def test_only_what_stands_in_the_file_itself_is_a_literal() -> None:
    assert [parse(text, named="x").is_literal for text in ("sk", "$$x", "$!x", "$X", "${X}", "!x")] == [True] * 3 + [
        False
    ] * 3


def test_the_identity_of_a_command_is_its_text_so_that_telling_it_runs_nothing() -> None:
    assert parse("!no-such-command", named="x").identity() == "command:no-such-command"


def test_another_key_in_the_same_variable_is_another_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    value = parse("$TEAM_KEY", named="x")
    before = value.identity()
    monkeypatch.setenv("TEAM_KEY", "sk-other")
    assert value.identity() != before
    assert parse("sk-literal", named="x").identity() != parse("sk-other", named="x").identity()


def test_a_literal_and_a_command_of_the_same_text_are_different() -> None:
    assert parse("echo", named="x").identity() != parse("!echo", named="x").identity()


def test_a_printed_value_does_not_show_its_text() -> None:
    assert "secret" not in repr([parse("sk-secret", named="api_key"), parse("!op read secret", named="api_key")])
