"""Calls of one tool: arguments from the command line, files and lines, and each call made once."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from litellmctl.errors import AuthFailure, Failure, Rejected, UsageFailure
from litellmctl.foundation import files
from litellmctl.foundation.text import dump_json
from litellmctl.proxy import mcp
from litellmctl.tools.arguments import MAX_BYTES, Item, build, check, parse_item, parse_object
from litellmctl.tools.result import Result, failed, read_result
from litellmctl.tools.schema import Schema

if TYPE_CHECKING:
    from litellmctl.proxy.client import Client
    from litellmctl.tools.tool import Tool


# A line as long as may be, its end, and a byte more.
_MAX_LINE = MAX_BYTES + 3


class Outcome(NamedTuple):
    """What became of one line: the line to print, and the failure if it was one."""

    text: str
    failure: Failure | None


class Caller:
    """Calls a tool.

    `connect` makes the client, when the first arguments are known to be good; `current` gives the key to use now for
    the one used last; `forget` drops the cached tools, which turned out to be old; `seconds` bounds each call.
    """

    def __init__(
        self,
        tool: Tool,
        connect: Callable[[], Client],
        current: Callable[[str], str],
        forget: Callable[[], None],
        *,
        checks: bool,
        seconds: float,
        stdin: IO[bytes] | None,
    ) -> None:
        self._tool = tool
        self._connect = connect
        self._current = current
        self._forget = forget
        self._checks = checks
        self._seconds = seconds
        self._stdin = stdin
        self._client: Client | None = None
        self._unconnected: Failure | None = None
        self._renew: Callable[[], str | None] | None = None
        self._lock = threading.Lock()

    def read_items(self, items: Sequence[str]) -> list[Item]:
        """Return the single arguments that were given, files and stdin read."""
        return [parse_item(item, self._text) for item in items]

    def arguments(self, base: dict[str, Any], items: Sequence[Item]) -> dict[str, Any]:
        """Return the arguments: the whole object, and over it the single items; checked, unless told not to."""
        schema = Schema(self._tool.input_schema)  # one for each call: each has its own number of steps
        arguments = build(schema, items, base)
        try:
            size = len(json.dumps(arguments, ensure_ascii=False).encode())
        except UnicodeEncodeError:
            raise UsageFailure("the arguments hold a text that is not Unicode") from None
        except RecursionError:
            raise UsageFailure("the arguments are nested too deeply") from None
        if size > MAX_BYTES:
            raise UsageFailure(f"the arguments are larger than {MAX_BYTES // 2**20} MiB")
        if self._checks:
            check(schema, arguments, self._tool.path)
        return arguments

    def read_object(self, text: str) -> dict[str, Any]:
        """Return the arguments object that --args gives: JSON, @FILE or -."""
        if text == "-" or text.startswith("@"):
            return parse_object(self._text(text.removeprefix("@")), named=f"--args {text}")
        return parse_object(text, named="--args")

    def call(self, arguments: dict[str, Any]) -> Result:
        """Call the tool, once. What the proxy answers to that renews key or list for the next call."""
        client = self._ready()
        key = client.auth.key
        tool = self._tool
        try:
            answer = mcp.call(client, self._seconds, tool.server_id, tool.name, arguments)
        except AuthFailure as failure:
            if failure.status == 401:
                with suppress(Failure):
                    client.auth.renewed(key)
            raise
        except Rejected as failure:
            if failure.code == "not_found":
                self._forget()
            raise
        client.auth.renew = self._renew  # the key is good; when it ends, it may be renewed again
        return read_result(answer, client.base_url)

    def line(self, line: bytes, base: dict[str, Any], items: Sequence[Item]) -> Outcome:
        """Call the tool with one line of JSONL; never raises a failure."""
        try:
            if len(line.rstrip(b"\r\n")) > MAX_BYTES:
                raise UsageFailure(f"the line is larger than {MAX_BYTES // 2**20} MiB")
            try:
                text = line.decode("utf-8-sig")
            except UnicodeDecodeError:
                raise UsageFailure("the line is not UTF-8") from None
            result = self.call(self.arguments({**base, **parse_object(text, named="the line")}, items))
            whole = dump_json(result.whole)
        except Failure as failure:
            return Outcome(dump_json({"error": failure.as_dict()}), failure)
        return Outcome(whole, failed(self._tool.path) if result.is_error else None)

    def lines(self, source: str) -> Iterator[bytes]:
        """Yield the lines of a file, or of stdin for `-`, not blank ones; of one that is too long, its beginning."""
        with self._open(source) as file:
            while line := file.readline(_MAX_LINE):
                rest = line
                while len(rest) == _MAX_LINE and not rest.endswith(b"\n"):
                    rest = file.readline(_MAX_LINE)
                if not line.isspace():
                    yield line

    def _ready(self) -> Client:
        """Return the client, with a key that has not ended."""
        with self._lock:
            if self._unconnected is not None:
                raise self._unconnected.with_traceback(None)
            if self._client is None:
                try:
                    self._client = self._connect()
                except Failure as failure:
                    self._unconnected = failure  # no line after this one will do better
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
        if self._stdin is None:
            raise UsageFailure("there is no stdin to read")
        return nullcontext(self._stdin)


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
