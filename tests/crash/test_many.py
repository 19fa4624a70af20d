"""Many processes of mixed commands on one home: no update is lost, and each refresh token is used once."""

from __future__ import annotations

import random
import time
import tomllib
from typing import Any

import pytest

from litellmctl.auth.login_file import LoginFile
from tests.crash.world import FIRST, KEY, SECOND, Done, Home, check_said

campaign = pytest.mark.campaign
_BATCH = 200


class Crowd:
    """Who works on one home: what they do, and what of it has to be there afterwards.

    Each write is to something of its own, a setting or a profile that nobody else changes in the same batch, so that
    whatever was acknowledged (exit 0) has to be there.
    """

    def __init__(self, home: Home, seed: int) -> None:
        self._home = home
        self._chance = random.Random(seed)
        self.settings: dict[str, str] = {}
        self.keys: dict[str, str | None] = {}
        self.run = 0

    def batch(self, size: int) -> list[tuple[dict[str, Any], Any]]:
        """Return that many jobs, each with what follows from its success."""
        makers = [self._set, self._login, self._logout, self._read, self._read, self._renew, self._export]
        self._taken: set[str] = set()
        self._set_now = 0
        return [self._chance.choice(makers)() for _ in range(size)]

    def _set(self) -> tuple[dict[str, Any], Any]:
        self.run += 1
        # The names come again with each batch: a file of thousands of profiles is slow to change, and the lock's
        # patience of 10 s ends where 50 wait for it.
        self._set_now += 1
        name = f"profiles.p{self._set_now}.base_url"
        value = f"https://p{self.run}.example.invalid"
        return self._home.job("config", "set", name, value), lambda: self.settings.update({name: value})

    def _own_profile(self) -> str | None:
        """Return a profile that nobody else uses in this batch."""
        name = f"q{self._chance.randrange(40)}"
        if name in self._taken:
            return None
        self._taken.add(name)
        return name

    def _login(self) -> tuple[dict[str, Any], Any]:
        profile = self._own_profile()
        if profile is None:
            return self._read()
        self.run += 1
        key = f"{KEY}-{self.run}"
        words = ("login", "--with-token", "--base-url", "{url}", "--profile", profile)
        return self._home.job(*words, stdin=key), lambda: self.keys.update({profile: key})

    def _logout(self) -> tuple[dict[str, Any], Any]:
        profile = self._own_profile()
        if profile is None or self.keys.get(profile) is None:
            return self._read()
        return self._home.job("logout", "--profile", profile), lambda: self.keys.update({profile: None})

    def _renew(self) -> tuple[dict[str, Any], Any]:
        return self._home.job("token"), None

    def _read(self) -> tuple[dict[str, Any], Any]:
        words = self._chance.choice(
            [
                ("models", "--refresh"),
                ("mcp", "list", "--refresh"),
                ("skills", "list"),
                ("prompt-section",),
                ("whoami",),
                ("refresh",),
                ("config", "list"),
                ("token", "--profile", "work"),
            ]
        )
        return self._home.job(*words), None

    def _export(self) -> tuple[dict[str, Any], Any]:
        words = self._chance.choice([("--write", *FIRST), ("--write", *SECOND), ("--undo",)])
        return self._home.job("export", "opencode", *words), None


def _ended(job: dict[str, Any], done: Done) -> None:
    """Each ends well, or says why not: a document that another process changed first is the only reason there is."""
    if done.code != 0:
        assert job["words"][:2] == ["export", "opencode"], f"{job['words']}: exit {done.code}\n{done.stderr}"
        check_said(done, codes={1, 5})
        assert "has just changed it" in done.stderr or "nothing to undo" in done.stderr or "since" in done.stderr
    assert done.seconds < 50, f"{job['words']} took {done.seconds:.0f} s"


def _look(home: Home, crowd: Crowd) -> None:
    home.check()
    home.check_secrets_are_known()
    assert home.strays() == []
    table = tomllib.loads((home.config / "config.toml").read_text())["profiles"]
    for name, value in crowd.settings.items():
        assert table[name.split(".")[1]]["base_url"] == value, f"{name} is lost"
    logins, secrets = LoginFile(home.config).read(), home.secrets()
    for profile, key in crowd.keys.items():
        found = logins.by_profile.get(profile)
        assert (None if found is None else secrets[found.id]["token"]) == key, f"the login of {profile} is lost"
    assert home.server.refused == [], "a refresh token was used twice"
    # However the writes and undos came, undoing what is left gives what the user had, byte for byte.
    (document,) = home.documents["opencode"]
    original = home.stages("opencode")[0][document]
    while home.run("export", "opencode", "--undo", exit={0, 5}).code == 0:
        pass
    assert (home.path / document).read_bytes() == original
    assert list((home.config / "exports").glob("opencode.*.json")) == []


def _work(home: Home, crowd: Crowd, size: int, many: int) -> None:
    home.sign_in(left=-1)
    rotated = len(home.server.rotated)
    jobs = crowd.batch(size)
    renewals = sum(job["words"] == ["token"] for job, _ in jobs)
    for (job, then), done in zip(jobs, home.nursery.batch([job for job, _ in jobs], many=many), strict=True):
        _ended(job, done)
        if then is not None and done.code == 0:
            then()
    assert len(home.server.rotated) - rotated <= 1
    assert renewals == 0 or len(home.server.rotated) - rotated == 1


def test_ten_processes_lose_nothing_of_each_other(home: Home) -> None:
    home.server.refused.clear()
    crowd = Crowd(home, 1)
    _work(home, crowd, 60, 10)
    _look(home, crowd)


def test_as_many_settings_as_there_were_processes(home: Home) -> None:
    home.nursery.batch(
        [home.job("config", "set", f"profiles.work.headers.x-{number}", "1") for number in range(30)], many=15
    )
    table = tomllib.loads((home.config / "config.toml").read_text())["profiles"]["work"]["headers"]
    assert set(table) == {f"x-{number}" for number in range(30)}


@campaign
@pytest.mark.timeout(1800)
def test_fifty_processes_for_a_minute_lose_nothing_of_each_other(home: Home) -> None:
    home.server.refused.clear()
    crowd, count, end = Crowd(home, 2), 0, time.monotonic() + 60
    while time.monotonic() < end:
        _work(home, crowd, _BATCH, 50)
        count += _BATCH
        home.check()
    _look(home, crowd)
    print(f"\n{count} commands, 50 at a time; {len(crowd.settings)} settings, {len(crowd.keys)} profiles")
