"""The program: the only place that maps exceptions to exit codes."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from litellmctl.errors import Failure
    from litellmctl.terminal.console import Console


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code. Nothing here or below calls `sys.exit`."""
    # What is imported is no garbage: to look for it among that, thirty times, takes 3 % of a start.
    gc.set_threshold(10_000)
    _open_closed_descriptors()
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        if "_LITELLMCTL_COMPLETE" in os.environ:
            return _complete(os.environ["_LITELLMCTL_COMPLETE"])
        from litellmctl.terminal.console import Console

        console = Console.of_process()
        console.json_errors = "--json" in (arguments[: arguments.index("--")] if "--" in arguments else arguments)
        return _run(console, list(arguments))
    except KeyboardInterrupt:  # also while modules are imported
        return _interrupted()
    except BrokenPipeError:
        return _broken_pipe()


def _run(console: Console, arguments: list[str]) -> int:
    import click

    try:
        return _invoke(console, arguments)
    except click.exceptions.NoArgsIsHelpError as error:
        if not console.json_errors:
            console.help(error.format_message())
            return error.exit_code
        failure = _failure_of(error)
    except click.Abort:
        return _interrupted()
    except BrokenPipeError:
        raise
    except Exception as error:
        failure = _failure_of(error)
    console.error(failure)
    return int(failure.exit_code)


def _invoke(console: Console, arguments: list[str]) -> int:
    import click

    from litellmctl.app import App
    from litellmctl.cli import cli

    app = App(console)
    try:
        # Not cli.main(): that would turn a broken pipe into exit 1.
        with cli.make_context("litellmctl", arguments, obj=app, terminal_width=console.width) as context:
            cli.invoke(context)
    except click.exceptions.Exit as stop:
        console.flush()
        return stop.exit_code
    console.flush()
    for failure in app.failures:
        console.error(failure)
    return int(app.failures[0].exit_code) if app.failures else 0


def _failure_of(error: Exception) -> Failure:
    import click

    from litellmctl.errors import Failure, UsageFailure

    if isinstance(error, Failure):
        return error
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return UsageFailure("no command given", remedy="litellmctl --help")
    if isinstance(error, click.ClickException):
        context = error.ctx if isinstance(error, click.UsageError) else None
        message = " ".join(error.format_message().split())
        return UsageFailure(message, remedy=f"{context.command_path if context else 'litellmctl'} --help")
    if os.environ.get("LITELLMCTL_DEBUG") == "1":
        import traceback

        traceback.print_exception(error)
    return Failure(
        "internal",
        f"unexpected {type(error).__name__}: this is a bug in litellmctl",
        remedy="run it again with LITELLMCTL_DEBUG=1, and report what that prints",
    )


def _complete(shell: str) -> int:
    """Print what could be typed next; whatever goes wrong is no suggestion, and no message."""
    from litellmctl.app import App
    from litellmctl.terminal.console import Console

    app = App(Console(None, None, None))
    app.options.offline = True
    try:
        from litellmctl.cli import cli
        from litellmctl.completion.protocol import complete

        text = complete(cli, shell, app)
        console = Console(None, sys.stdout, None)
        console.write(text)
        console.flush()
    except BrokenPipeError:
        raise
    except Exception:
        return 0
    return 0


def _interrupted() -> int:
    if sys.stderr is not None:
        try:
            sys.stderr.write("\n" if sys.stderr.isatty() else "")
            sys.stderr.flush()
        except OSError:
            pass
    return 130


def _broken_pipe() -> int:
    # Whatever is still buffered must not be flushed into the broken pipe at exit: that prints an error.
    if sys.stdout is not None:
        try:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, sys.stdout.fileno())
        except (OSError, ValueError):
            pass
    return 141


def _open_closed_descriptors() -> None:
    """Put the null device where a standard descriptor is closed: else the next file opened would become it."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


if __name__ == "__main__":
    sys.exit(main())
