"""Every command that reads, against the recorded answers of each release; live/test_releases.py has the real ones."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.conftest import Run
from tests.contract.signing_in import signed_out
from tests.releases import KEY, VERSIONS, commands, played


@pytest.fixture(params=VERSIONS)
def release(request: pytest.FixtureRequest) -> str:
    version: str = request.param
    return version


@pytest.fixture
def asked(release: str, env: dict[str, str]) -> Iterator[list[str]]:
    """What the release is asked; the user is signed out."""
    signed_out(env)
    with played(release) as (url, asked):
        env["LITELLM_BASE_URL"] = url
        yield asked


@pytest.mark.usefixtures("asked")
def test_every_command_that_reads_ends_as_it_must(release: str, run: Run) -> None:
    for command in commands(release):
        result = run(*command.words.split(), exit=command.exit_code, stdin=command.stdin)
        shown = result + result.stderr
        assert re.search(command.prints, shown, re.MULTILINE), f"{command.words}: {shown}"


def test_a_call_is_sent_once(release: str, run: Run, asked: list[str]) -> None:
    run("mcp", "call", "add", "a=2", LITELLM_API_KEY=KEY)
    assert len([request for request in asked if request.endswith("/tools/call")]) == 1
