"""Checks that run at the same time and are reported in order, causes first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from litellmctl.errors import Failure
from litellmctl.foundation import unexpected
from litellmctl.foundation.threads import Pending, in_background

OK, WARN, FAIL, SKIP = "ok", "warn", "fail", "skip"


class Finding(NamedTuple):
    """The result of a check: its status, details, remedy (a command or a sentence), and the failure if it failed."""

    status: str
    detail: str
    remedy: str | None = None
    failure: Failure | None = None

    @classmethod
    def of(cls, failure: Failure) -> Finding:
        """Return the finding for a failure."""
        return cls(FAIL, failure.message, failure.remedy or "litellmctl doctor -v", failure)


class Check(NamedTuple):
    """A check: its name, the checks that have to pass before it, and its function."""

    name: str
    after: Sequence[str]
    run: Callable[[], Finding]


def examine(checks: Sequence[Check]) -> Iterator[tuple[str, Finding]]:
    """Run the checks, each in a thread of its own as soon as those before it are done; yield them in their order.

    A check is skipped if one before it failed, which would be the cause of its own failure.
    """
    pending: dict[str, Pending[Finding]] = {}
    for check in checks:
        pending[check.name] = in_background(partial(_finding, check, pending))
    for check in checks:
        yield check.name, pending[check.name].result()


def _finding(check: Check, pending: Mapping[str, Pending[Finding]]) -> Finding:
    """Return the finding of a check, once those before it are done."""
    before = {name: pending[name].result() for name in check.after}
    for name, finding in before.items():
        if finding.status == FAIL:
            return Finding(SKIP, f"needs {name}")
        if finding.status == SKIP:
            return Finding(SKIP, finding.detail)
    try:
        return check.run()
    except Failure as failure:
        return Finding.of(failure)
    except Exception as error:  # noqa: BLE001
        return Finding.of(unexpected.failure_of(error))
