"""`api`: any request to the proxy, for what has no command of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import IO, TYPE_CHECKING, Any

import click

from litellmctl.commands.base import command, completes, pass_app
from litellmctl.errors import UsageFailure
from litellmctl.foundation.text import clean, dump_json, indented_json
from litellmctl.terminal.data import Bytes

if TYPE_CHECKING:
    from litellmctl.app import App
    from litellmctl.proxy.answer import Answer
    from litellmctl.proxy.client import Client

# A completion may take long until its first word.
SILENT_SECONDS = 600.0
# More JSON than that is printed as it comes on a terminal too.
_MAX_INDENTED = 2**20
_TEXT_TYPES = ("text/", "application/json", "application/xml", "application/javascript", "application/x-ndjson")


@command(
    "api",
    examples="""
    # What did this key spend?
    $ litellmctl api /key/info
    # A chat completion, streamed if the request asks for it
    $ litellmctl api /v1/chat/completions --input request.json
    # A new team
    $ litellmctl api /team/new -f team_alias=research -F max_budget=50
    # All pages of a list
    $ litellmctl api /key/list --paginate
    # The spend as a number
    $ litellmctl api /key/info | jq .info.spend
    """,
)
@click.argument("path", metavar="PATH")
@click.option("-X", "--method", metavar="METHOD", help="Request method (default: GET, or POST with a body).")
@click.option(
    "-f", "--raw-field", "texts", multiple=True, metavar="NAME=TEXT", help="Field with a text value (repeatable)."
)
@click.option(
    "-F", "--field", "values", multiple=True, metavar="NAME=JSON", help="Field with a JSON value or @FILE (repeatable)."
)
@click.option(
    "--input", "source", metavar="FILE|-", shell_complete=completes("files"), help="File to send as the body."
)
@click.option("-H", "--header", "headers", multiple=True, metavar="NAME:VALUE", help="Request header (repeatable).")
@click.option("-i", "--include", is_flag=True, help="Print the response's status and headers too.")
@click.option("--paginate", is_flag=True, help="Request and print all pages of a list.")
@pass_app
def api(
    app: App,
    *,
    path: str,
    method: str | None,
    texts: Sequence[str],
    values: Sequence[str],
    source: str | None,
    headers: Sequence[str],
    include: bool,
    paginate: bool,
) -> Bytes:
    """Send any request to the proxy and print the response.

    Fields make a JSON body; in a GET, or with --input, they make the query. The body of the response is printed
    unchanged, also for an error; on a terminal JSON is indented. The status decides the exit code. The key is sent to
    this proxy only, and a request that may change something is never retried.
    """
    from litellmctl.proxy.passthrough import ask, pages, path_of

    fields = [*(_field(text, "-f") for text in texts), *(_json_field(text) for text in values)]
    own_headers = dict(_header(app, text) for text in headers)
    has_body = source is not None or bool(fields and not paginate)
    verb = (("POST" if has_body else "GET") if method is None else method).upper()
    if not verb.isascii() or not verb.isalpha():
        raise UsageFailure(f'--method: "{verb}" is not a valid method', remedy="use GET, POST, PUT, PATCH or DELETE")
    if paginate and (verb != "GET" or source is not None):
        raise UsageFailure("--paginate needs a GET request", remedy="add -X GET, or remove --paginate")
    where = path_of(path, app.connection.pair.base_url)
    app.connection.note_shadowed()
    body: bytes | IO[bytes] | None = None
    params: list[tuple[str, str]] = []
    if verb == "GET" or source is not None:
        params = [(name, value if isinstance(value, str) else dump_json(value)) for name, value in fields]
    elif fields:
        body = _object(fields)
    if source is not None:
        body = _opened(app, source)
    if body is not None and "content-type" not in {name.lower() for name in own_headers}:
        own_headers["Content-Type"] = "application/json"
    timeout = app.options.timeout
    client = app.connection.client().within(timeout, silence=timeout or SILENT_SECONDS)
    client.auth.keep_headers(own_headers)
    if paginate:
        return Bytes(_printed(app, client, pages(client, where, params, own_headers), where, include=include))
    try:
        answer = client.deadline.run(lambda: ask(client, verb, where, params=params, headers=own_headers, body=body))
    finally:
        if source not in {None, "-"} and not isinstance(body, bytes | None):
            body.close()
    return Bytes(_printed(app, client, iter([answer]), where, include=include))


def _printed(app: App, client: Client, answers: Iterator[Answer], path: str, *, include: bool) -> Iterator[bytes]:
    """Yield the responses as they are printed; the first status of an error decides the exit code."""
    from litellmctl.proxy.passthrough import failure_and_body

    for answer in answers:
        kind = answer.headers.get("content-type", "").split(";")[0].strip().lower()
        is_text = not kind or kind.startswith(_TEXT_TYPES) or kind.endswith(("+json", "+xml"))
        if app.console.stdout_is_terminal and not is_text:
            answer.close()
            raise UsageFailure(
                f"the response is {client.auth.hidden(kind)[:100]}, which a terminal cannot show",
                remedy="redirect it to a file: litellmctl api ... > FILE",
            )
        if include:
            lines = [f"HTTP {answer.status}", *(f"{name}: {value}" for name, value in answer.headers.items()), "", ""]
            yield "\n".join(map(clean, lines)).encode("utf-8", "replace")
        failure, chunks = failure_and_body(client, answer, path)
        if failure is not None:
            app.failures.append(failure)
        if app.console.stdout_is_terminal and (kind == "application/json" or kind.endswith("+json")):
            chunks = _indented(chunks)
        last = b""
        for chunk in chunks:
            last = chunk or last
            yield chunk
        if app.console.stdout_is_terminal and last and not last.endswith(b"\n"):
            yield b"\n"


def _indented(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield JSON with indents, or what comes as it comes: too much for a person to read, or not JSON."""
    held: list[bytes] = []
    size = 0
    for chunk in chunks:
        held.append(chunk)
        size += len(chunk)
        if size > _MAX_INDENTED:
            yield from held
            yield from chunks
            return
    body = b"".join(held)
    try:
        text = indented_json(body.decode())
    except UnicodeDecodeError:
        text = None
    yield body if text is None else text.encode("utf-8", "surrogatepass")


def _field(text: str, option: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UsageFailure(f'{option}: "{text[:40]}" is not NAME=VALUE', remedy=f"write it as {option} name=value")
    return name, value


def _json_field(text: str) -> tuple[str, Any]:
    name, value = _field(text, "-F")
    if value.startswith("@"):
        from litellmctl.tools.calls import read_file

        return name, read_file(value[1:])
    from litellmctl.tools.arguments import parse_json

    try:
        return name, parse_json(value, named=f"-F {name}")
    except UsageFailure as failure:
        raise failure.changed(remedy=f"use -f {name}=... for text") from None


def _object(fields: Sequence[tuple[str, Any]]) -> bytes:
    names = [name for name, _ in fields]
    for name in names:
        if names.count(name) > 1:
            raise UsageFailure(f'the field "{name}" is given twice', remedy=f"pass a list: -F '{name}=[...]'")
    import json

    try:
        return json.dumps(dict(fields), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise UsageFailure("a field contains invalid Unicode (a lone surrogate)") from None


def _header(app: App, text: str) -> tuple[str, str]:
    import re

    from litellmctl.auth.sources import forbidden_headers
    from litellmctl.settings.definitions import HEADER_NAME

    name, colon, value = text.partition(":")
    value = value.strip()
    if not colon or not re.fullmatch(HEADER_NAME, name) or not value.isascii() or not value.isprintable():
        raise UsageFailure("-H needs NAME:VALUE", remedy="write it as -H 'x-team: red'")
    if forbidden_headers([name], app.profile.get("key_header")):
        raise UsageFailure(f"-H {name}: litellmctl sets this header itself", remedy=f"remove -H {name}")
    return name, value


def _opened(app: App, source: str) -> IO[bytes]:
    """Return the file to send, which is read while it is sent."""
    from litellmctl.foundation import files

    if source == "-":
        if app.console.stdin_is_terminal or app.console.stdin_bytes is None:
            raise UsageFailure(
                "--input -: stdin is a terminal", remedy="pass a file: --input FILE", code="input_required"
            )
        return app.console.stdin_bytes
    if not source:
        raise UsageFailure("--input: the file name is empty", remedy="pass a file: --input FILE")
    try:
        return open(source, "rb")
    except OSError as error:
        raise UsageFailure(f"cannot read {source}: {files.reason(error)}") from None
    except ValueError:
        raise UsageFailure("--input: a file name cannot contain a NUL character") from None
