"""Printing the results of MCP tools: text on stdout, what is not text named on stderr or saved as files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from litellmctl.errors import Rejected
from litellmctl.foundation.text import clean_text, counted, dump_json
from litellmctl.terminal.render import Data, Record, Text
from litellmctl.tools.result import failed, save

if TYPE_CHECKING:
    from litellmctl.app import App
    from litellmctl.tools.calls import Outcome
    from litellmctl.tools.result import Attachment, Result
    from litellmctl.tools.tool import Tool

# Attachments of one result that are named, and that are saved: a malicious proxy may send any number.
_MAX_NAMED = 20
_MAX_SAVED = 1000


def printed(
    app: App, tool: Tool, result: Result, *, structured: bool, output_dir: str | None, remedy: str | None = None
) -> Record | Data | Text | None:
    """Return what to print of a result. Raises `Rejected` if the tool reported an error, with its text on stderr.

    With --json, that failure is added to `app.failures` instead, and the whole result is returned. `remedy` helps
    against this error; by default the tool is shown.
    """
    failure = failed(tool.path)
    if remedy is not None:
        failure = failure.changed(remedy=remedy)
    texts = _texts(app, result, output_dir)
    if app.options.wants_json and not structured:
        if result.is_error:
            app.failures.append(failure)
        return Record(result.whole)
    if result.is_error:
        for text in texts or ([] if result.structured is None else [dump_json(result.structured)]):
            app.console.quote(text)
        raise failure
    if not structured and texts:
        text = "\n".join(map(clean_text, texts))
        return Text(app.console.quoted(text) if app.console.stdout_is_terminal else text)
    if result.structured is not None:
        return Data(result.structured)
    if structured:
        raise Rejected("rejected", f"{tool.path} returned no structured content", remedy="remove --structured")
    return None


def many(app: App, outcomes: Iterator[Outcome]) -> Iterator[str]:
    """Yield a line of JSON for each outcome; the first failure is added to `app.failures`."""
    done = failures = 0
    for outcome in outcomes:
        done += 1
        if outcome.failure is not None:
            failures += 1
            if failures == 1:
                app.failures.append(outcome.failure)
        app.console.progress(f"{counted(done, 'call')}, {failures} failed")
        yield outcome.text
    app.console.progress("")
    if failures:
        app.console.note(f"{failures} of {counted(done, 'call')} failed; the first error is below.")


def _texts(app: App, result: Result, output_dir: str | None) -> list[str]:
    """Return the texts of a result; name its attachments, and save them if there is a folder for them."""
    texts: list[str] = []
    attachments = 0
    for piece in result.pieces():
        if isinstance(piece, str):
            texts.append(piece)
            continue
        if piece.text is not None:
            texts.append(piece.text)
            if output_dir is None:
                continue
        attachments += 1
        if attachments <= (_MAX_NAMED if output_dir is None else _MAX_SAVED):
            _attachment(app, piece, output_dir, is_named=attachments <= _MAX_NAMED)
    if attachments > _MAX_NAMED:
        app.console.note(f"[and {attachments - _MAX_NAMED:,} more]")
    if output_dir is not None and attachments > _MAX_SAVED:
        app.console.warn(f"saved only the first {_MAX_SAVED:,} of {attachments:,} attachments (--json prints all)")
    if result.strange:
        app.console.note(f"[{counted(result.strange, 'unknown content block')}] (--json prints all)")
    return texts


def _attachment(app: App, piece: Attachment, output_dir: str | None, *, is_named: bool) -> None:
    """Save an attachment if there is a folder for it, and name it."""
    say: Callable[[str], None] = app.console.note
    words = f"[{piece.words}]"
    if piece.link is not None:
        pass  # only a client that speaks MCP itself can read it
    elif output_dir is None:
        words += " (--output-dir saves it)" if piece.data is not None else ""
    elif piece.data is None:
        say, words = app.console.warn, f"cannot save the {piece.words}"
    else:
        words += f" saved as {save(piece, output_dir)}"
    if is_named:
        say(words)
