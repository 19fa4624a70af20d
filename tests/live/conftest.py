"""The lab: a real LiteLLM proxy with PostgreSQL and single sign-on (../shared/lab)."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import requests

LAB = Path(__file__).parents[3] / "shared" / "lab"
# The release that the lab runs (env.sh there).
LITELLM = os.environ.get("LAB_LITELLM", "1.106.2")
# As they are when the tests begin: each test's own environment has none of them.
_GIVEN = {name: os.environ[name] for name in ("LAB_URL", "LAB_MASTER_KEY", "LAB_IDP_URL") if os.environ.get(name)}


@dataclass
class Lab:
    """The running lab, and what a test asks of it as its administrator."""

    url: str
    master_key: str
    idp_url: str
    _made: list[str] = field(default_factory=list)

    def ask(self, method: str, path: str, *, key: str | None = None, **options: Any) -> requests.Response:
        session = requests.Session()
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {key or self.master_key}"
        with session:
            return session.request(method, self.url + path, timeout=30, **options)

    def new_key(self, **options: Any) -> str:
        answer = self.ask("POST", "/key/generate", json=options)
        answer.raise_for_status()
        self._made.append(answer.json()["key"])
        return self._made[-1]

    def sign_in(self, user: str, team: str | None = None) -> str:
        """Sign in with the scripted browser, as a person would; return the session token."""
        started = self.ask("POST", "/sso/cli/start").json()
        address = f"{self.url}/sso/key/generate?" + urlencode({"source": "litellm-cli", "key": started["login_id"]})
        subprocess.run(
            [sys.executable, LAB / "browser.py", address, "--user", user, "--code", started["user_code"]],
            env={**os.environ, "LAB_IDP_URL": self.idp_url},
            check=True,
            timeout=60,
            stdout=subprocess.DEVNULL,
        )
        poll = self.ask(
            "GET",
            f"/sso/cli/poll/{started['login_id']}",
            params={"team_id": team} if team else {},
            headers={"x-litellm-cli-poll-secret": started["poll_secret"]},
        ).json()
        return str(poll["key"])

    def expired_session(self) -> str:
        home = Path(os.environ.get("LAB_HOME", "/tmp/lab"))
        command = [home / "venv/bin/python", LAB / "mint_cli_token.py", "-1"]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout.strip()

    def close(self) -> None:
        if self._made:
            self.ask("POST", "/key/delete", json={"keys": self._made})


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """The lab: the one that the variables name, or the one in ../shared/lab, started where it does not run."""
    given = dict(_GIVEN)
    started = False
    if not given and (LAB / "up.sh").exists():
        started = not _is_up()
        done = subprocess.run([LAB / "up.sh"], capture_output=True, text=True, check=True, timeout=900)
        given = dict(re.findall(r"^export (\w+)=(\S+)$", done.stdout, re.MULTILINE))
    if not given:
        pytest.skip("no lab: LAB_URL is not set and ../shared/lab is not here")
    running = Lab(given["LAB_URL"], given["LAB_MASTER_KEY"], given["LAB_IDP_URL"])
    yield running
    running.close()
    if started:
        subprocess.run([LAB / "down.sh"], check=True, timeout=120)


def _is_up() -> bool:
    try:
        with socket.create_connection(("127.0.0.1", int(os.environ.get("LAB_PORT", "4100"))), timeout=2):
            return True
    except OSError:
        return False


@pytest.fixture
def as_user(env: dict[str, str], lab: Lab) -> Callable[[str], None]:
    """Make a key the one that the program uses, at the lab."""

    def use(key: str) -> None:
        env.update({"LITELLM_BASE_URL": lab.url, "LITELLM_API_KEY": key})

    return use


@pytest.fixture(scope="session")
def expired_key(lab: Lab) -> str:
    key = lab.new_key(duration="1s")
    time.sleep(2)
    return key
