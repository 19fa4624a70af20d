"""The program: the only place that maps exceptions to exit codes."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from litellmctl.errors import Failure
    from litellmctl.terminal.console import Console


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code. Nothing here or below calls `sys.exit`."""
    # Imported modules are not garbage: thirty collections would take 3 % of a start.
    gc.set_threshold(20_000)
    is_process = arguments is None
    if arguments is None:
        arguments = sys.argv[1:]
        _silence_the_interpreter()
    _open_closed_descriptors()
    code = _guarded(arguments)
    # Otherwise the interpreter flushes at its end, and turns a failure into 120, which we do not document.
    stdout_failed, _ = _let_go(sys.stdout), _let_go(sys.stderr)
    if is_process:
        # The last collection takes 12 % of `token`.
        gc.freeze()
    return code or (1 if stdout_failed else 0)


def _guarded(arguments: Sequence[str]) -> int:
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
        return 141
    except Exception as error:  # our own modules cannot be loaded, or the failure cannot be printed
        if _debugs():
            raise
        return _last_words(error, as_json="--json" in arguments)


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
    failures = [*app.failures, *app.read_failures]
    return int(failures[0].exit_code) if failures else 0


def _failure_of(error: Exception) -> Failure:
    import click

    from litellmctl.errors import Failure

    if isinstance(error, Failure):
        return error
    if isinstance(error, click.ClickException):
        from litellmctl.commands import usage_errors

        return usage_errors.failure_of(error)
    from litellmctl.foundation import unexpected

    return unexpected.failure_of(error)


def _complete(shell: str) -> int:
    """Print the candidates for a TAB; an error means no candidates and no message."""
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


def _debugs() -> bool:
    return os.environ.get("LITELLMCTL_DEBUG") == "1"


def _silence_the_interpreter() -> None:
    """Ignore the interpreter's warnings, which are for developers, also where an option turns them into errors."""
    if not _debugs():
        import warnings

        warnings.simplefilter("ignore")


def _let_go(stream: TextIO | None) -> bool:
    """Flush a stream for the last time; return whether that fails.

    After a failure its buffer goes to the null device, so that the interpreter does not try again.
    """
    if stream is None:
        return False
    try:
        stream.flush()
    except (OSError, ValueError):  # a closed one is a ValueError
        with suppress(OSError, ValueError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            os.close(null)
            stream.flush()
        return True
    return False


def _last_words(error: Exception, *, as_json: bool) -> int:
    """Print an error with the operating system alone, where our own modules do not work."""
    reason, remedy = type(error).__name__, "LITELLMCTL_DEBUG=1 litellmctl --version"
    if isinstance(error, MemoryError):
        reason, remedy = "out of memory", "close other programs, or raise the limit (ulimit -a shows the limits)"
    elif isinstance(error, OSError) and error.strerror:
        reason = error.strerror[:1].lower() + error.strerror[1:]
    message = f"cannot run: {reason}"
    text = f"Error: {message}\nTry:   {remedy}\n"
    if as_json:
        fields = f'"code":"system","message":"{message}","remedy":"{remedy}","status":null,"exit_code":1'
        text = f'{{"error":{{{fields}}}}}\n'
    with suppress(OSError):
        os.write(2, text.encode())
    return 1


def _open_closed_descriptors() -> None:
    """Open the null device for each standard descriptor that is closed: the next file would take its number."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


if __name__ == "__main__":
    sys.exit(main())
