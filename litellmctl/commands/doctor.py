"""`doctor`: what is wrong between this machine and the proxy, and what mends it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from litellmctl.commands.base import command, pass_app
from litellmctl.foundation.sentences import sentence
from litellmctl.terminal.render import Listing, Row, Text

if TYPE_CHECKING:
    from litellmctl.app import App
    from litellmctl.doctor.checks import Checks

FIELDS = {
    "check": "What was looked at.",
    "status": "ok, warn, fail or skip.",
    "detail": "What was seen.",
    "remedy": "What mends it.",
}
_MARKS = {"ok": "✓", "warn": "!", "fail": "✗", "skip": "-"}
_WIDTH = 16


@command(
    "doctor",
    fields=FIELDS,
    examples="""
    # What is wrong?
    $ litellmctl doctor
    # A text to paste into an issue: no key, host, user or path of yours is in it
    $ litellmctl doctor --report
    # What does not work, and what mends it
    $ litellmctl doctor --json | jq -r '.[] | select(.status == "fail") | .remedy'
    """,
)
@click.option("--report", is_flag=True, help="Print a text that is safe to paste into an issue.")
@pass_app
def doctor(app: App, *, report: bool) -> Listing | Text:
    """Find out what is wrong, and what mends it.

    The checks run at the same time and are listed in an order in which the first failure is the cause: the
    configuration, the way to the proxy, the credential, what the proxy offers, and this machine. Exits with the code of
    the first failure.
    """
    from litellmctl.doctor.checks import Checks

    rows = _rows(app, Checks(app))
    if report:
        from litellmctl.doctor.report import report_text

        return Text(report_text(app, list(rows)))
    return Listing(rows, line=_line)


def _rows(app: App, checks: Checks) -> Iterator[Row]:
    from litellmctl.doctor.runner import examine

    for name, finding in examine(checks.in_order()):
        if finding.failure is not None and not app.failures:
            app.failures.append(finding.failure)
        remedy = finding.remedy and sentence(finding.remedy)
        yield {"check": name, "status": finding.status, "detail": sentence(finding.detail), "remedy": remedy}


def _line(row: Row) -> str:
    mark = _MARKS[row["status"]]
    text = f"{mark} {row['check'].ljust(_WIDTH)} {row['detail']}"
    if row["remedy"] and row["status"] in {"warn", "fail"}:
        text += f"\n{'':{_WIDTH + 2}} Try: {row['remedy']}"
    return text
