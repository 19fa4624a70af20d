"""Signing in and out where there is a keyring: one in memory, in this process, that can be locked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import keyring
import keyring.core
import pytest
from keyring import errors
from keyring.backend import KeyringBackend

from tests.conftest import Run
from tests.contract.signing_in import KEY, SECOND, accept, kept, login_of, secrets_in, sign_in, signed_out
from tests.fake_proxy import FakeProxy
from tests.logins import OLD_REFRESH, Files


class Memory(KeyringBackend):
    """A keyring whose methods named in `locked` fail. It has no priority, so that nobody finds it by himself."""

    def __init__(self) -> None:
        super().__init__()
        self.items: dict[str, str] = {}
        self.locked: set[str] = set()

    def get_password(self, service: str, username: str) -> str | None:
        self._need("get")
        return self.items.get(username)

    def set_password(self, service: str, username: str, password: str) -> None:
        self._need("set")
        self.items[username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._need("delete")
        del self.items[username]

    def _need(self, method: str) -> None:
        if method in self.locked:
            raise errors.KeyringLocked


@pytest.fixture
def memory() -> Iterator[Memory]:
    """The keyring of this process."""
    before = keyring.core._keyring_backend
    made = Memory()
    keyring.set_keyring(made)
    yield made
    keyring.core._keyring_backend = before


@pytest.fixture
def fake(proxy: FakeProxy, env: dict[str, str], memory: Memory) -> FakeProxy:
    """A proxy that no variable names, for somebody with a keyring."""
    signed_out(env)
    del env["LITELLMCTL_KEYRING"]
    return proxy


def discarded(home: Path) -> list[list[str]]:
    """Return the secrets that are still to be removed."""
    found: list[list[str]] = json.loads((home / "config/logins.json").read_text())["discarded"]
    return found


def test_the_secret_goes_into_the_keyring_alone_and_leaves_it(
    run: Run, fake: FakeProxy, home: Path, memory: Memory
) -> None:
    accept(fake)
    assert " (keyring)\n" in sign_in(run, fake).stderr
    login = login_of(home)
    assert (login["storage"], list(memory.items), secrets_in(home)) == ("keyring", [login["id"]], {})
    assert KEY.encode() not in b"".join(kept(home).values())
    assert run("token") == f"{KEY}\n"
    run("logout")
    assert (memory.items, discarded(home)) == ({}, [])


@pytest.mark.parametrize("method", ["get", "set"])
def test_a_keyring_that_is_locked_is_exit_1_and_the_login_before_is_still_there(
    run: Run, fake: FakeProxy, home: Path, memory: Memory, method: str
) -> None:
    accept(fake)
    sign_in(run, fake)
    before = kept(home), dict(memory.items)
    memory.locked = {method}
    failure = sign_in(run, fake, "--json", key=SECOND, exit=1).error
    assert (failure["code"], failure["message"]) == ("keyring", "cannot use the keyring: it is locked")
    assert failure["remedy"].startswith("unlock it, or ")
    assert (kept(home), memory.items) == before
    memory.locked = set()
    assert run("token") == f"{KEY}\n"


def test_a_login_is_replaced_and_what_cannot_be_removed_of_it_is_removed_later(
    run: Run, fake: FakeProxy, home: Path, memory: Memory
) -> None:
    accept(fake)
    sign_in(run, fake)
    first = login_of(home)["id"]
    memory.locked = {"delete"}
    sign_in(run, fake, key=SECOND)
    second = login_of(home)["id"]
    assert (run("token"), set(memory.items), discarded(home)) == (f"{SECOND}\n", {first, second}, [["keyring", first]])
    memory.locked = set()
    sign_in(run, fake)
    assert (list(memory.items), discarded(home)) == ([login_of(home)["id"]], [])


def test_a_secret_that_remains_from_before_is_told_at_logout(
    run: Run, fake: FakeProxy, home: Path, memory: Memory
) -> None:
    accept(fake)
    sign_in(run, fake)
    first = login_of(home)["id"]
    memory.locked = {"delete"}
    sign_in(run, fake, "--storage", "file", key=SECOND)
    failure = run("logout", "--json", exit=1).error
    assert failure["message"] == "the secret of profile default is still in the keyring: it is locked"
    assert failure["remedy"] == "fix that, and run litellmctl logout again"
    assert (secrets_in(home), list(memory.items), discarded(home)) == ({}, [first], [["keyring", first]])
    memory.locked = set()
    run("logout")
    assert (memory.items, discarded(home)) == ({}, [])


@pytest.mark.parametrize("refresh_token", [OLD_REFRESH, None])
def test_a_sign_in_that_is_replaced_is_revoked_only_where_its_refresh_token_can_be_read(
    run: Run, fake: FakeProxy, home: Path, memory: Memory, refresh_token: str | None
) -> None:
    files = Files(home / "config")
    files.keep(fake.url, left=3600)
    files.vault.put(files.login.id, files.secret._replace(refresh_token=refresh_token))
    accept(fake)
    if refresh_token is not None:
        fake.on("/revoke", {}, method="POST")
    sign_in(run, fake)
    assert ("/revoke" in fake.asked) is (refresh_token is not None)
    assert secrets_in(home) == {}


def test_a_secret_that_cannot_be_read_is_never_a_reason_to_use_another_credential(
    run: Run, fake: FakeProxy, memory: Memory
) -> None:
    accept(fake)
    sign_in(run, fake)
    memory.locked = {"get"}
    failure = run("token", "--json", exit=1, LITELLM_BASE_URL=fake.url, LITELLM_API_KEY="sk-other").error
    assert failure["message"] == "cannot read the stored login from the keyring: it is locked"
    assert failure["remedy"] == "unlock the keyring, or litellmctl login --storage file"
    memory.locked = set()
    memory.items.clear()
    failure = run("token", "--json", exit=1, LITELLM_BASE_URL=fake.url, LITELLM_API_KEY="sk-other").error
    assert failure["message"] == "the secret of the stored login is no longer in the keyring"
    assert failure["remedy"] == "litellmctl login"


def test_nothing_is_renewed_where_the_keyring_could_not_keep_it(
    run: Run, fake: FakeProxy, home: Path, memory: Memory
) -> None:
    files = Files(home / "config")
    files.keep(fake.url, left=-1, storage="keyring")
    memory.items[files.login.id] = files.secret.dump()
    memory.locked = {"set"}
    failure = run("token", "--json", exit=1).error
    assert failure["code"] == "keyring"
    assert failure["message"] == "cannot refresh the token, because the keyring cannot be written: it is locked"
    assert failure["remedy"] == "litellmctl login --sso --storage file"
    assert fake.requests == []
