"""Every command that reads, against real proxies of other releases (releases.py)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import pytest

from tests.conftest import Run
from tests.contract.signing_in import signed_out
from tests.live.releases import OLDER, VERSIONS, Release, install, installed, running
from tests.releases import commands

CAMPAIGN = os.environ.get("LITELLMCTL_CAMPAIGN") == "1"


@pytest.fixture(
    scope="module",
    params=[pytest.param(version, marks=[] if version == OLDER else pytest.mark.campaign) for version in VERSIONS],
)
def release(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    """A running proxy of a release; a campaign installs it where it is not."""
    version: str = request.param
    if CAMPAIGN:
        install(version)
    if not installed(version):
        pytest.skip(f"LiteLLM {version} is not installed: python -m tests.live.releases install {version}")
    with running(version, tmp_path_factory.mktemp(version)) as release:
        yield release


@pytest.mark.timeout(900)
def test_every_command_that_reads_ends_as_it_must(release: Release, run: Run, env: dict[str, str]) -> None:
    signed_out(env)
    env["LITELLM_BASE_URL"] = release.url
    for command in commands(release.version, release.key):
        result = run(*command.words.split(), exit=command.exit_code, stdin=command.stdin)
        shown = result + result.stderr
        assert re.search(command.prints, shown, re.MULTILINE), f"{command.words}: {shown}"
