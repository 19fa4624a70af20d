"""Checks that run at the same time, and are told of in the order that finds the first cause."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from litellmctl.errors import Failure

OK, WARN, FAIL, SKIP = "ok", "warn", "fail", "skip"


class Finding(NamedTuple):
    """What a check found: its status, what it saw, the command or sentence that mends it, and the failure of a fail."""

    status: str
    detail: str
    remedy: str | None = None
    failure: Failure | None = None

    @classmethod
    def of(cls, failure: Failure) -> Finding:
        """Return the finding that a failure is."""
        return cls(FAIL, failure.message, failure.remedy or "litellmctl doctor -v, which names the requests", failure)


class Check(NamedTuple):
    """A check: its name, those without which it says nothing, and what it does."""

    name: str
    after: Sequence[str]
    run: Callable[[], Finding]


def examine(checks: Sequence[Check]) -> Iterator[tuple[str, Finding]]:
    """Run the checks, each in a thread of its own as soon as those before it are done; yield them in their order.

    One whose forerunner failed is skipped: what it would say has that cause.
    """
    findings: dict[str, Finding] = {}
    done = {check.name: threading.Event() for check in checks}

    def run(check: Check) -> None:
        try:
            for name in check.after:
                done[name].wait()
            broken = next((name for name in check.after if findings[name].status in {FAIL, SKIP}), None)
            if broken is not None and findings[broken].status == FAIL:
                findings[check.name] = Finding(SKIP, f"needs {broken}")
            elif broken is not None:
                findings[check.name] = Finding(SKIP, findings[broken].detail)
            else:
                findings[check.name] = check.run()
        except Failure as failure:
            findings[check.name] = Finding.of(failure)
        except Exception as error:  # noqa: BLE001
            findings[check.name] = Finding.of(
                Failure("internal", f"unexpected {type(error).__name__}: this is a bug in litellmctl")
            )
        finally:
            done[check.name].set()

    for check in checks:
        threading.Thread(target=run, args=(check,), daemon=True).start()
    for check in checks:
        while not done[check.name].wait(0.1):
            pass  # short, since Windows delivers Ctrl-C only between waits
        yield check.name, findings[check.name]
