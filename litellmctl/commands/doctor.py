"""`doctor`: what is wrong between this machine and the proxy, and how to fix it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import click

from litellmctl.commands.base import command, pass_app
from litellmctl.foundation.sentences import sentence
from litellmctl.terminal.data import Listing, Row, Text
from litellmctl.terminal.streams import DIM, GREEN, RED, YELLOW

if TYPE_CHECKING:
    from litellmctl.app import App
    from litellmctl.doctor.checks import Checks
    from litellmctl.terminal.console import Console

FIELDS = {
    "check": "Name of the check.",
    "status": "Result: ok, warn, fail or skip.",
    "detail": "What was found.",
    "remedy": "Command or advice that fixes it; null if nothing is wrong.",
}
# The mark of each status, what stands for it where it cannot be shown, and its colour.
_MARKS = {"ok": ("✓", "+", GREEN), "warn": ("!", "!", YELLOW), "fail": ("✗", "x", RED), "skip": ("-", "-", DIM)}
_WIDTH = 16


@command(
    "doctor",
    fields=FIELDS,
    examples="""
    # What is wrong?
    $ litellmctl doctor
    # Text to paste into an issue, without your keys, hosts, users and paths
    $ litellmctl doctor --report
    # How to fix what fails
    $ litellmctl doctor --json | jq -r '.[] | select(.status == "fail") | .remedy'
    """,
)
@click.option("--report", is_flag=True, help="Print text that is safe to paste into an issue.")
@pass_app
def doctor(app: App, *, report: bool) -> Listing | Text:
    """Diagnose problems and suggest fixes.

    The checks run at the same time. They are listed so that the first failure is the cause of those below:
    configuration, connection, credential, what the proxy offers, this machine. Exits with the code of the first
    failure.
    """
    from litellmctl.doctor.checks import Checks

    # Failures that a person has just read in the list are not printed again.
    are_read = app.console.stdout_is_terminal and not report and not app.options.wants_json
    rows = _rows(app, Checks(app), are_read=are_read and not app.console.json_errors)
    if report:
        from litellmctl.doctor.report import report_text

        return Text(report_text(app, list(rows)))
    return Listing(rows, line=partial(_line, app.console))


def _rows(app: App, checks: Checks, *, are_read: bool) -> Iterator[Row]:
    from litellmctl.doctor.runner import examine

    failures = app.read_failures if are_read else app.failures
    for name, finding in examine(checks.in_order()):
        if finding.failure is not None and not failures:
            failures.append(finding.failure)
        remedy = finding.remedy and sentence(finding.remedy)
        yield {"check": name, "status": finding.status, "detail": sentence(finding.detail), "remedy": remedy}


def _line(console: Console, row: Row) -> str:
    """Return a check for a terminal: the mark, the name and what was found; below, how to fix it."""
    mark, plain, color = _MARKS[row["status"]]
    mark = console.mark(mark, plain)
    text = console.labelled(f"{mark} {row['check'].ljust(_WIDTH)} ", row["detail"])
    if row["remedy"] and row["status"] in {"warn", "fail"}:
        text += "\n" + console.labelled(f"{'':{_WIDTH + 2}} Try: ", row["remedy"], indent=_WIDTH + 8)
    return console.style(mark, color) + text[len(mark) :]
