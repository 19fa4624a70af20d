"""Clocks that are 26 hours off, when the token came or later: what is still known of its end."""

from __future__ import annotations

import time

import pytest

from litellmctl.auth import lifetime
from litellmctl.auth.lifetime import Clock, Lifetime, Standing

HOUR = 3600.0
OFF = 26 * HOUR
LIFE = 24 * HOUR
# When the token came, and when the machine started, by the proxy's clock.
CAME, START = 1_790_000_000.0, 1_789_000_000.0
GOOD, DUE, ENDED = Standing


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


class Machine:
    """A machine whose clock is `ahead` of the proxy's, `passed` seconds after the token came."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.passed, self.ahead, self.start = 0.0, 0.0, START
        monkeypatch.setattr(time, "time", lambda: CAME + self.passed + self.ahead)
        monkeypatch.setattr(lifetime, "booted_at", lambda: self.start + self.ahead)

    def token(self, *, told: bool = True) -> Lifetime:
        """Get a token now; `told` is whether the proxy says what time it is."""
        clock = Clock.of_difference(self.ahead if told else None)
        return Lifetime(time.time(), time.time() + LIFE, Clock.parse(clock.text))


@pytest.mark.parametrize("passed", [0, 1, 12, 23, 23.95, 24, 25, 26, 27, 40, 49, 51, 200])
@pytest.mark.parametrize(("then", "now"), [(OFF, 0.0), (-OFF, 0.0), (OFF, OFF), (-OFF, -OFF), (0.0, 0.0)])
@pytest.mark.parametrize("restarted", [False, True])
def test_a_token_is_never_taken_for_good_after_its_end_nor_for_ended_before(
    machine: Machine, passed: float, then: float, now: float, restarted: bool
) -> None:
    machine.ahead = then
    token = machine.token()
    machine.ahead, machine.passed = now, passed * HOUR
    if restarted:
        machine.start += 0.5 * HOUR
    really = token.standing(CAME + machine.passed)
    assert really is (ENDED if passed >= 24 else DUE if passed > 23.9 else GOOD)
    standing = token.standing_now()
    assert standing in {really, None}  # None: the proxy is asked for the time
    if then == now and not restarted:
        assert standing is really  # without a request, however wrong the clock is
    if then == OFF and now == 0 and passed < 25:
        assert standing is really  # the clock that was put right is known by tokens of the future


@pytest.mark.parametrize(("now", "passed", "known"), [(-OFF, 1, None), (-OFF, 25, None), (OFF, 1, ENDED), (0, 1, GOOD)])
def test_a_clock_that_was_right_when_the_token_came(
    machine: Machine, now: float, passed: float, known: Standing | None
) -> None:
    token = machine.token()
    assert token.clock == Clock()
    machine.ahead, machine.passed = now, passed * HOUR
    assert token.standing_now() is known
    assert token.has_begun(CAME + machine.passed)


def test_where_the_proxy_told_no_time_a_token_of_the_future_is_not_trusted(machine: Machine) -> None:
    machine.ahead = OFF
    token = machine.token(told=False)
    machine.ahead, machine.passed = 0.0, HOUR
    assert token.standing_now() is None
    assert not token.has_begun(CAME + machine.passed)


@pytest.mark.parametrize("ahead", [OFF, -OFF, 0.0])
def test_a_token_without_an_end_is_good_by_any_clock(machine: Machine, ahead: float) -> None:
    machine.ahead = ahead
    token = machine.token()._replace(expires_at=None)
    for now in (OFF, -OFF, 0.0):
        machine.ahead = now
        assert token.standing_now() is GOOD
        assert token.end() is None


@pytest.mark.parametrize(("then", "now"), [(OFF, 0.0), (-OFF, -OFF), (OFF, OFF), (0.0, 0.0)])
def test_the_end_is_shown_by_todays_clock(machine: Machine, then: float, now: float) -> None:
    machine.ahead = then
    token = machine.token()
    machine.ahead, machine.passed = now, HOUR
    assert token.end() == pytest.approx(CAME + LIFE + now)
    assert token.end(5.0) == pytest.approx(CAME + LIFE + 5)


@pytest.mark.parametrize("off", [119.0, -119.0, 0.0, None])
def test_a_clock_that_is_off_a_little_is_right(off: float | None) -> None:
    assert Clock.of_difference(off) == Clock()
    assert Clock().text is None


@pytest.mark.parametrize("text", [None, "", "1", "1 2 3", "x y", "nan nan", "inf 1", "1e99 1", "0x1 1", "\ud800 1"])
def test_what_is_not_a_clock_is_a_right_one(text: str | None) -> None:
    assert Clock.parse(text) == Clock()


def test_a_clock_survives_its_text_and_the_machines_start_is_one() -> None:
    clock = Clock.of_difference(OFF)
    parsed = Clock.parse(clock.text)
    assert parsed.ahead == OFF
    assert parsed.booted_at == pytest.approx(lifetime.booted_at(), abs=2)
    assert lifetime.booted_at() < time.time()
