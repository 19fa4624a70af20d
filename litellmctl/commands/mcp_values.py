"""The values that `mcp credentials set` gets: from a file, from stdin, or typed at a terminal; never an argument."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from litellmctl.errors import UsageFailure, suggestion
from litellmctl.foundation import files
from litellmctl.foundation.sentences import listed
from litellmctl.foundation.text import counted
from litellmctl.server_credentials.values import MAX_BYTES, value_of, variables_in

if TYPE_CHECKING:
    from litellmctl.app import App
    from litellmctl.server_credentials.credentials import ServerCredential

_FROM_STDIN = "--file FILE, or the value on stdin"


def given_key(app: App, wanted: ServerCredential, file: str | None) -> str:
    """Return the key, from the file, stdin or a person."""
    if file is not None:
        return value_of(_read(file), named=file)
    if app.console.can_prompt:
        if wanted.scopes:
            app.console.hint(f"{wanted.server} uses your key for: {listed(wanted.scopes)}.")
        if wanted.help_url:
            app.console.hint(f"Get one at {wanted.help_url}")
    return _typed(app, f"Key for {wanted.server}", "the key")


def given_variables(
    app: App, wanted: ServerCredential, file: str | None, env: Sequence[str], env_file: str | None
) -> dict[str, str]:
    """Return values by name, as the options say; without --env and --env-file, those that are missing."""
    names = [variable.name for variable in wanted.variables]
    found = {} if env_file is None else _from_dotenv(app, env_file, names)
    if env or env_file is not None:
        bare = _from_options(found, wanted, names, env)
        if len(bare) > 1 and not app.console.can_prompt:
            raise UsageFailure("stdin can have the value of one variable only", remedy="pass --env-file - for several")
    else:
        # In a script it must not depend on what is set already which variable gets the value.
        bare = wanted.missing if wanted.missing and app.console.can_prompt and file is None else names
        if len(bare) > 1 and (file is not None or not app.console.can_prompt):
            raise UsageFailure(
                f"MCP server {wanted.server} has several variables: {listed(bare)}",
                remedy="pass --env NAME for one of them, or --env-file FILE",
            )
        if file is not None:
            return {bare[0]: value_of(_read(file), named=file)}
    described = {variable.name: variable.description for variable in wanted.variables}
    for name in bare:
        if app.console.can_prompt and described[name]:
            app.console.hint(f"{name}: {described[name]}")
        found[name] = _typed(app, f"{name} for {wanted.server}", name)
    return found


def _from_options(
    found: dict[str, str], wanted: ServerCredential, names: Sequence[str], env: Sequence[str]
) -> list[str]:
    """Add the values that --env refers to; return the names for which a value has to be asked."""
    bare = []
    for text in env:
        name, equals, value = text.partition("=")
        if name not in names:
            near = suggestion(name, names)
            raise UsageFailure(
                f'MCP server {wanted.server} has no variable "{name}"{near}', remedy=f"pass one of {listed(names)}"
            )
        if equals:
            found[name] = _referred(name, value)
        elif name not in bare:
            bare.append(name)
    return bare


def _from_dotenv(app: App, name: str, names: Sequence[str]) -> dict[str, str]:
    shown = "stdin" if name == "-" else name
    data = _stdin(app) if name == "-" else _read(name)
    if len(data) > MAX_BYTES:
        raise UsageFailure(f"{shown} is larger than {MAX_BYTES // 1024} KiB")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageFailure(f"{shown} is not UTF-8 text") from None
    found, others = variables_in(text, names, named=shown)
    if others:
        app.console.note(f"Ignored {counted(others, 'other variable')} in {shown}.")
    return found


def _referred(name: str, text: str) -> str:
    """Return the value of `$VARIABLE` or `@FILE`. A literal value is refused: the process list would show it."""
    from litellmctl.settings import values

    if text.startswith("@"):
        return value_of(_read(text[1:]), named=f"{name} in {text[1:]}")
    parsed = values.parse(text, named=f"--env {name}")
    if parsed.kind != "variable":
        raise UsageFailure(
            f"--env {name}: the value would be visible in the process list",
            remedy=f"pass --env {name} and the value on stdin, or '{name}=$VARIABLE', or {name}=@FILE",
        )
    return value_of(parsed.resolve(), named=f"the variable {parsed.text}")


def _typed(app: App, question: str, named: str) -> str:
    """Return what a person types, else what is on stdin."""
    if app.console.stdin_is_terminal:
        return value_of(app.console.ask_hidden(question, flag=_FROM_STDIN), named=named)
    return value_of(_stdin(app), named=f"{named} on stdin")


def _stdin(app: App) -> bytes:
    stdin = app.console.stdin_bytes
    if stdin is None:
        raise UsageFailure("cannot read stdin: it is closed", remedy="pass the value with a pipe, or with --file FILE")
    return stdin.read(MAX_BYTES + 1)


def _read(name: str) -> bytes:
    """Return the beginning of a file, a little more than a value may have."""
    try:
        with Path(name).open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = files.reason(error) if isinstance(error, OSError) else "not a valid file name"
        raise UsageFailure(f"cannot read {name}: {reason}") from None
