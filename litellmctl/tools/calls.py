"""Calls of one tool: arguments from the command line, files and JSONL lines; each call is made once."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from litellmctl.errors import AuthFailure, Failure, Rejected, UsageFailure
from litellmctl.foundation import files
from litellmctl.foundation.text import counted, cut, dump_json
from litellmctl.proxy import mcp
from litellmctl.tools.arguments import MAX_BYTES, Item, build, check, parse_item, parse_object
from litellmctl.tools.result import Result, failed, read_result
from litellmctl.tools.schema import Schema

if TYPE_CHECKING:
    from litellmctl.proxy.client import Client
    from litellmctl.tools.tool import Offer, Tool


# The longest line, its line break, and one byte more.
_MAX_LINE = MAX_BYTES + 3
_MAX_IN_MEMORY = 2**20
# Bad lines that an error names, and the characters of each.
_MAX_BAD = 10
_MAX_PROBLEM = 200


class Line(NamedTuple):
    """A line of JSONL and its number in the file."""

    number: int
    data: bytes


class Outcome(NamedTuple):
    """The outcome of one line: the line to print, and the failure, if any."""

    text: str
    failure: Failure | None


class Caller:
    """Calls a tool of an offer.

    `connect` makes the client, once the first arguments are valid; `current` returns the key that replaces the last
    one; `forget` drops the cached tools when they turn out to be outdated; `seconds` limits each call; `stdin` returns
    stdin, and is called only if an argument names it; `explain` returns a refusal with what is known about the server.
    """

    def __init__(
        self,
        offer: Offer,
        tool: Tool,
        connect: Callable[[], Client],
        current: Callable[[str], str],
        forget: Callable[[], None],
        *,
        checks: bool,
        seconds: float,
        stdin: Callable[[], IO[bytes] | None],
        explain: Callable[[Failure], Failure] = lambda failure: failure,
    ) -> None:
        self._tool = tool
        self._name = offer.name_to_call(tool)
        self._path = mcp.OLD_CALL if offer.call_path == mcp.OLD_CALL else mcp.CALL
        self._connect = connect
        self._current = current
        self._forget = forget
        self._checks = checks
        self._seconds = seconds
        self._stdin = stdin
        self._explain = explain
        self._client: Client | None = None
        self._unconnected: Failure | None = None
        self._renew: Callable[[], str | None] | None = None
        self._lock = threading.Lock()

    def read_items(self, items: Sequence[str]) -> list[Item]:
        """Return the arguments that were given one by one, with files and stdin read."""
        return [parse_item(item, self._text) for item in items]

    def arguments(self, base: dict[str, Any], items: Sequence[Item]) -> dict[str, Any]:
        """Return the arguments: the object `base` overridden by the items, checked if the caller checks."""
        schema = Schema(self._tool.input_schema)  # a new one for each call, since its steps are limited
        arguments = build(schema, items, base)
        try:
            size = len(json.dumps(arguments, ensure_ascii=False).encode())
        except UnicodeEncodeError:
            raise UsageFailure("the arguments contain invalid Unicode (a lone surrogate)") from None
        except RecursionError:
            raise UsageFailure("the arguments are nested too deeply") from None
        if size > MAX_BYTES:
            raise UsageFailure(f"the arguments are larger than {MAX_BYTES // 2**20} MiB")
        if self._checks:
            check(schema, arguments, self._tool.path)
        return arguments

    def read_object(self, text: str) -> dict[str, Any]:
        """Return the arguments object of --args: JSON, @FILE or -."""
        if text == "-" or text.startswith("@"):
            return parse_object(self._text(text.removeprefix("@")), named=f"--args {text}")
        return parse_object(text, named="--args")

    def call(self, arguments: dict[str, Any]) -> Result:
        """Call the tool, once. A refusal refreshes the key or drops the cached list, for the next call."""
        client = self._ready()
        key = client.auth.key
        tool = self._tool
        try:
            answer = mcp.call(client, self._seconds, tool.server_id, self._name, arguments, path=self._path)
        except AuthFailure as failure:
            if failure.status == 401:
                with suppress(Failure):
                    client.auth.renewed(key)
            raise self._explained(failure) from None
        except Rejected as failure:
            if failure.code == "not_found":
                self._forget()
            raise self._explained(failure) from None
        client.auth.renew = self._renew  # the key works; once it expires, it may be refreshed again
        return read_result(answer, client.base_url, tool.name)

    def _explained(self, failure: Failure) -> Failure:
        """Return a refusal, explained by what is known of the server, and for releases that do not list its id."""
        tool = self._tool
        explained = self._explain(failure)
        if explained is not failure:
            return explained
        if failure.code == "not_found" and self._name != tool.name:
            return failure.changed(
                message=f"cannot call {tool.path}: several servers have a tool named {cut(tool.name)}, "
                "and this release of LiteLLM cannot tell them apart",
                remedy="ask the proxy's administrator to upgrade LiteLLM",
            )
        if failure.code == "forbidden" and tool.server_id == tool.server:
            return failure.adding("the server's ID is unknown, and some releases refuse its name").changed(
                remedy="ask the proxy's administrator for a key that may list MCP servers (/v1/mcp/server)"
            )
        return failure

    def lines(self, source: str, base: dict[str, Any], items: Sequence[Item]) -> Iterator[Line]:
        """Yield the lines of a file, or of stdin for `-`, that are not blank, after checking all of them.

        The file is read twice; a pipe is copied to a temporary file for that.
        """
        with self._open(source) as opened, _rereadable(opened) as file:
            start = file.tell()
            self._require_good(_lines(file), base, items)
            file.seek(start)
            yield from _lines(file)

    def line(self, line: Line, base: dict[str, Any], items: Sequence[Item]) -> Outcome:
        """Call the tool with one line of JSONL; never raises a failure."""
        try:
            result = self.call(self._line_arguments(line, base, items))
            whole = dump_json(result.whole)
        except Failure as failure:
            named = failure.because(f"line {line.number}")
            return Outcome(dump_json({"error": named.as_dict()}), named)
        return Outcome(whole, failed(self._tool.path).because(f"line {line.number}") if result.is_error else None)

    def _require_good(self, lines: Iterator[Line], base: dict[str, Any], items: Sequence[Item]) -> None:
        """Refuse lines that cannot be sent, before the first call: a call cannot be undone."""
        bad = 0
        problems: list[UsageFailure] = []
        for line in lines:
            try:
                self._line_arguments(line, base, items)
            except UsageFailure as failure:
                bad += 1
                if bad <= _MAX_BAD:
                    shown = f"line {line.number}: {cut(failure.message, _MAX_PROBLEM)}"
                    problems.append(failure.changed(message=shown))
            except Failure as failure:
                raise failure.because(f"line {line.number}") from None
        if problems:
            more = f"; and {counted(bad - _MAX_BAD, 'more line')}" if bad > _MAX_BAD else ""
            named = "; ".join(problem.message for problem in problems)
            raise problems[0].changed(message=f"{named}{more}; no call was made")

    def _line_arguments(self, line: Line, base: dict[str, Any], items: Sequence[Item]) -> dict[str, Any]:
        if len(line.data.rstrip(b"\r\n")) > MAX_BYTES:
            raise UsageFailure(f"larger than {MAX_BYTES // 2**20} MiB")
        try:
            text = line.data.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise UsageFailure("not UTF-8 text") from None
        try:
            own = parse_object(text, named=None)
        except UsageFailure as failure:
            raise failure.changed(remedy="write one JSON object per line") from None
        return self.arguments({**base, **own}, items)

    def _ready(self) -> Client:
        """Return the client, with a key that has not expired."""
        with self._lock:
            if self._unconnected is not None:
                raise self._unconnected.with_traceback(None)
            if self._client is None:
                try:
                    self._client = self._connect()
                except Failure as failure:
                    self._unconnected = failure  # it would fail for the other lines too
                    raise
                self._renew = self._client.auth.renew
            auth = self._client.auth
            if auth.key is not None:
                auth.key = self._current(auth.key)
            return self._client

    def _text(self, name: str) -> str:
        """Return the text of a file, or of stdin for `-`."""
        with self._open(name) as file:
            return _decoded(file.read(MAX_BYTES + 1), name)

    def _open(self, name: str) -> AbstractContextManager[IO[bytes]]:
        if name != "-":
            return _opened(name)
        stdin = self._stdin()
        if stdin is None:
            raise UsageFailure("cannot read stdin: it is closed", remedy="pass the input with a pipe, or with < FILE")
        return nullcontext(stdin)


@contextmanager
def _rereadable(file: IO[bytes]) -> Iterator[IO[bytes]]:
    """Yield a file that can be read twice: the file itself, or a temporary copy."""
    if file.seekable():
        yield file
        return
    import shutil
    import tempfile

    try:
        with tempfile.SpooledTemporaryFile(_MAX_IN_MEMORY) as copy:
            shutil.copyfileobj(file, copy)
            copy.seek(0)
            yield copy
    except OSError as error:
        raise Failure("file", f"cannot write a temporary file: {files.reason(error)}") from None


def _lines(file: IO[bytes]) -> Iterator[Line]:
    """Yield the lines that are not blank; of a line that is too long, the beginning."""
    number = 0
    while data := file.readline(_MAX_LINE):
        number += 1
        rest = data
        while len(rest) == _MAX_LINE and not rest.endswith(b"\n"):
            rest = file.readline(_MAX_LINE)
        if not data.isspace():
            yield Line(number, data)


def read_file(name: str) -> str:
    """Return the text of a file."""
    with _opened(name) as file:
        return _decoded(file.read(MAX_BYTES + 1), name)


def _opened(name: str) -> IO[bytes]:
    try:
        return Path(name).open("rb")
    except OSError as error:
        raise UsageFailure(f"cannot read {name}: {files.reason(error)}") from None


def _decoded(data: bytes, name: str) -> str:
    if len(data) > MAX_BYTES:
        raise UsageFailure(f"{name} is larger than {MAX_BYTES // 2**20} MiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageFailure(f"{name} is not UTF-8 text") from None
