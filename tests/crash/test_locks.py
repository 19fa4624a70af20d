"""File systems that have no locks, or whose calls fail as those of a network do."""

from __future__ import annotations

import errno
import os

import pytest

from tests.crash.world import CASES, Case, Home, check_said, state

campaign = pytest.mark.campaign
LOCKS = ["ENOLCK", "EIO", "ENOSYS", "EOPNOTSUPP", "ESTALE", "EPERM", "EINVAL"]
FAILURES = [
    *(("flock", name) for name in LOCKS),
    *(("fsync", name) for name in ("EIO", "EINVAL", "ENOSPC", "EDQUOT")),
    *(("replace", name) for name in ("EBUSY", "EXDEV", "EACCES", "EIO", "ESTALE", "EPERM", "ENOSPC")),
    *(("fchmod", name) for name in ("EPERM", "EIO")),
    *(("stat", name) for name in ("ESTALE", "EIO")),
    *(("listdir", name) for name in ("ESTALE", "EIO")),
    *(("unlink", name) for name in ("EBUSY", "EACCES", "ESTALE")),
    *(("mkdir", name) for name in ("EIO", "ENOSPC")),
]
_NORMAL = [
    *(("config set", failure) for failure in FAILURES[:4]),
    *(("login", failure) for failure in (("flock", "ENOLCK"), ("fsync", "EIO"), ("replace", "EACCES"))),
    *(("token, renewed", failure) for failure in (("flock", "EIO"), ("fsync", "EIO"), ("replace", "EBUSY"))),
    *(("export codex --write", failure) for failure in (("flock", "EIO"), ("replace", "EXDEV"))),
    *(("models, first", failure) for failure in (("flock", "ENOSYS"), ("replace", "EIO"), ("mkdir", "ENOSPC"))),
    ("export codex --undo", ("unlink", "EACCES")),
    *(("skills create", failure) for failure in (("flock", "ENOLCK"), ("unlink", "EACCES"))),
]


def _meet(home: Home, case: Case, call: str, name: str, times: int) -> None:
    home.restore()
    if case.before is not None:
        case.before(home)
    before = state(home.path)
    refused = len(home.server.refused)
    fails = [[call, getattr(errno, name), str(home.path), times]]
    done = home.run(*case.words, stdin=case.stdin, exit=None, fails=fails)
    check_said(done, codes={1, 2, 5} if 5 in case.again else {1, 2})
    assert "UserWarning" not in done.stderr
    assert done.seconds < 9, f"it took {done.seconds:.1f} s"
    home.check(others=case.name != "logout --all")
    if case.is_cache and case.name != "mcp call" and call != "stat":  # what it is to read may be what fails
        assert done.code in case.again, done.stderr
    # What cannot be removed, of an undo, is its receipt: the documents are restored then, and stay so.
    if done.code not in case.again and not (call == "unlink" and case.name.endswith("--undo")):
        assert str(home.path) in done.stderr
        after = state(home.path)
        for names in home.documents.values():
            for document in names:
                assert before.get(document) == after.get(document), f"{document} was changed by what failed"
    if case.name.startswith(("token", "login")):
        home.run("token")
        assert len(home.server.refused) == refused, "a refresh token was used twice"
    home.run(*case.words, stdin=case.stdin, exit={*case.again})
    if case.after is not None:
        case.after(home)
    home.check(others=case.name != "logout --all")
    if case.sweeps is not None:
        home.run(*case.sweeps, stdin=case.stdin or "sk-again-0123456789")
    if call not in {"unlink", "listdir"}:
        assert home.strays() == []


@pytest.mark.parametrize(("name", "failure"), _NORMAL, ids=str)
def test_a_call_that_fails_loses_nothing(home: Home, name: str, failure: tuple[str, str]) -> None:
    _meet(home, CASES[name], *failure, 1000)


@campaign
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", CASES)
def test_any_call_that_fails_once_or_always_loses_nothing(home: Home, name: str) -> None:
    for call, code in FAILURES:
        for times in (1, 1000):
            if not (name == "token, renewed" and times == 1 and call in {"replace", "fsync"}):
                try:
                    _meet(home, CASES[name], call, code, times)
                except AssertionError as error:
                    raise AssertionError(f"{call} {code} {times} times: {error}") from error


@pytest.mark.parametrize("call", ["replace", "fsync"])
def test_the_renewed_pair_is_never_asked_for_before_the_vault_has_proved_that_it_can_be_written(
    home: Home, call: str
) -> None:
    refresh = home.sign_in(left=-1)
    done = home.run("token", exit=1, fails=[[call, errno.EIO, str(home.path), 1]])
    assert os.strerror(errno.EIO).lower() in done.stderr.lower()
    assert refresh not in home.server.rotated
    home.run("token")
