"""One session with an MCP client on two streams: JSON-RPC, one message a line.

Sources: the specification of each version (https://modelcontextprotocol.io/specification/2025-11-25 and so on), and
where it leaves a choice, what the servers of the official SDKs do (mcp 2.3.0, @modelcontextprotocol/sdk 1.32.2).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Any

import litellmctl
from litellmctl.bridge import messages
from litellmctl.bridge.batches import MAX_ANSWER_BYTES, Batch
from litellmctl.bridge.ending import Ending
from litellmctl.bridge.lines import MAX_LINE_BYTES, TooLong, read_lines
from litellmctl.bridge.messages import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    Message,
    Refusal,
    shown,
)
from litellmctl.bridge.notices import LEVELS, Notices
from litellmctl.bridge.outbox import Outbox
from litellmctl.bridge.pages import Pages
from litellmctl.bridge.pending import Queue, Request, Unanswered
from litellmctl.bridge.problems import error_result
from litellmctl.bridge.results import acceptable
from litellmctl.errors import Failure
from litellmctl.foundation import unexpected
from litellmctl.foundation.text import dump_json
from litellmctl.foundation.threads import start_daemon

if TYPE_CHECKING:
    from litellmctl.bridge.toolbox import Toolbox

# Newest first: the first is offered to a client whose own version is unknown. Later ones have no initialization, and
# their clients fall back to these where `server/discover` is not found.
PROTOCOL_VERSIONS = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
# Calls at a time; others wait.
MAX_CALLS = 32
# The only version with batches of JSON-RPC.
_BATCHES = "2025-03-26"
_MAX_BATCH = 100
_LISTS = 1

Reply = Callable[[str | None], None]


class Session:
    """A session with one client.

    `source` and `sink` are its streams; nothing but protocol is ever written to `sink`. `on_request` gets method, what
    it was about (the tool's name, or ""), outcome (`ok`, `error`, `cancelled` or a JSON-RPC code) and seconds, for a
    message that cannot be read too.
    """

    def __init__(
        self,
        source: IO[bytes],
        sink: IO[bytes],
        toolbox: Toolbox,
        *,
        on_request: Callable[[str, str, str, float], None] = lambda *_: None,
    ) -> None:
        self._source = source
        self._sink = sink
        self._toolbox = toolbox
        self._on_request = on_request
        self._ending = Ending()
        self._outbox = Outbox(sink, self._ending.over)
        self._pending = Unanswered(self._over)
        self._calls = Queue(MAX_CALLS, self._call)
        self._lists = Queue(_LISTS, self._list)
        self._pages = Pages()
        # Those that the client has read, and so insists on.
        self._output_schemas: dict[str, dict[str, Any]] = {}
        self._version = ""  # until the client has initialized the session
        self._notices = Notices(self._outbox)
        self._methods: dict[str, Callable[[Message], str]] = {
            "initialize": self._initialize,
            "ping": lambda _: "{}",
            "logging/setLevel": self._set_level,
        }

    def run(self) -> None:
        """Serve until the client closes `source`, and the requests that run are answered.

        Returns at once where the client no longer reads and waits for nothing. Raises BrokenPipeError if it did wait,
        another OSError if `sink` cannot be written, and a failure if the machine has no threads.
        """
        self._toolbox.on_change = self._notices.tools_changed
        self._toolbox.on_message = self._notices.say
        self._outbox.start()
        start_daemon(self._read)
        is_over = self._ending.wait(self._sink)
        if self._outbox.error is not None and not isinstance(self._outbox.error, BrokenPipeError):
            raise self._outbox.error
        if (not is_over or self._outbox.error is not None) and not self._is_idle:
            raise BrokenPipeError

    @property
    def _is_idle(self) -> bool:
        return self._pending.is_empty and self._outbox.is_empty

    def _read(self) -> None:
        try:
            for line in read_lines(self._source):
                try:
                    self._take(line)
                except Exception as error:  # noqa: BLE001  a bug of ours, or a lack of memory: the session goes on
                    self._refuse(_unexpected(error), self._outbox_put)
            self._pending.wait_until_empty()
        finally:
            self._outbox.finish()

    def _take(self, line: bytes | TooLong) -> None:
        try:
            value = messages.parse(line)
            if isinstance(value, list):
                self._take_batch(value, len(line))
                return
        except Refusal as refusal:
            self._refuse(refusal, self._outbox_put)
            return
        self._take_one(value, len(line), self._outbox_put)

    def _outbox_put(self, answer: str | None) -> None:
        if answer is not None:
            self._outbox.put(answer)

    def _take_batch(self, values: list[Any], size: int) -> None:
        if self._version != _BATCHES:
            raise Refusal(INVALID_REQUEST, f"batches are only in protocol version {_BATCHES}")
        if not 0 < len(values) <= _MAX_BATCH:
            raise Refusal(INVALID_REQUEST, f"a batch must have between 1 and {_MAX_BATCH} messages")
        answers = Batch(len(values), self._outbox.put)
        for value in values:
            self._take_one(value, size // len(values), answers.add, in_batch=True)

    def _take_one(self, value: Any, size: int, reply: Reply, *, in_batch: bool = False) -> None:
        """Answer a message, now or later; `reply` is called exactly once."""
        try:
            message = messages.read_message(value)
            if message is None:
                reply(None)
            elif message.key is None:
                self._notified(message)
                reply(None)
            elif in_batch and message.method == "initialize":
                self._refuse(Refusal(INVALID_REQUEST, "initialize must not be in a batch", message.id), reply)
            elif message.method in self._methods:
                self._answer_now(message, reply)
            else:
                self._begin(message, size, reply)
        except Refusal as refusal:
            self._refuse(refusal, reply, _method_of(value))

    def _refuse(self, refusal: Refusal, reply: Reply, method: str = "message", about: str = "") -> None:
        reply(messages.error(refusal))
        self._on_request(method, about, str(refusal.code), 0.0)

    def _answer_now(self, message: Message, reply: Reply) -> None:
        if message.method not in {"initialize", "ping"}:
            self._require_initialized(message)
        started = time.monotonic()
        try:
            result = self._methods[message.method](message)
        except Refusal:
            raise
        except Exception as error:  # noqa: BLE001
            raise _unexpected(error, message.id) from None
        reply(messages.result(message.id, result))
        self._on_request(message.method, "", "ok", time.monotonic() - started)

    def _require_initialized(self, message: Message) -> None:
        if not self._version:
            raise Refusal(INVALID_REQUEST, "the session is not initialized: send initialize first", message.id)

    def _begin(self, message: Message, size: int, reply: Reply) -> None:
        queue = {"tools/call": self._calls, "tools/list": self._lists}.get(message.method)
        if queue is None:  # also before initialization: newer clients find out so what a server speaks
            raise Refusal(METHOD_NOT_FOUND, f"method not found: {shown(message.method)}", message.id)
        self._require_initialized(message)
        about = _checked_name(message) if queue is self._calls else ""
        request = Request(message, about, size, reply)
        if not self._pending.add(request):
            # Without the id, which would be taken for the answer to the first one.
            text = f"a request with id {shown(message.id)} is still running; use each id once"
            raise Refusal(INVALID_REQUEST, text)
        try:
            queue.add(request)
        except Failure as failure:
            self._fail(request, INTERNAL_ERROR, failure.message)

    def _notified(self, message: Message) -> None:
        if message.method == "notifications/initialized" and self._version:
            self._notices.listen()
        elif message.method == "notifications/cancelled":
            key = messages.key_of(message.params.get("requestId"))
            request = None if key is None else self._pending.cancel(key)
            if request is not None:
                for queue in (self._calls, self._lists):
                    queue.drop(request)

    def _initialize(self, message: Message) -> str:
        asked = message.params.get("protocolVersion")
        if not isinstance(asked, str):
            raise Refusal(INVALID_PARAMS, "protocolVersion must be a string", message.id)
        version = asked if asked in PROTOCOL_VERSIONS else PROTOCOL_VERSIONS[0]
        answer = {
            "protocolVersion": version,
            "capabilities": {"tools": {"listChanged": True}, "logging": {}},
            "serverInfo": {"name": "litellmctl", "title": "LiteLLM proxy", "version": litellmctl.__version__},
        }
        instructions = self._toolbox.instructions()
        if instructions:
            answer["instructions"] = instructions
        self._version = version
        return dump_json(answer)

    def _set_level(self, message: Message) -> str:
        level = message.params.get("level")
        if level not in LEVELS:
            raise Refusal(INVALID_PARAMS, f"level must be one of {', '.join(LEVELS)}", message.id)
        self._notices.level = level
        return "{}"

    def _list(self, request: Request) -> None:
        try:
            page = self._page(request.params.get("cursor"))
            self._pending.answer(request, messages.result(request.id, page), "ok")
        except Refusal as refusal:
            self._fail(request, refusal.code, refusal.message)
        except Exception as error:  # noqa: BLE001
            self._fail(request, INTERNAL_ERROR, unexpected.failure_of(error).message)

    def _page(self, cursor: Any) -> str:
        if cursor is None:
            return self._pages.first(self._tools())
        if isinstance(cursor, str):
            return self._pages.next(cursor)
        raise Refusal(INVALID_PARAMS, "cursor must be a string")

    def _tools(self) -> list[dict[str, Any]]:
        tools = self._toolbox.tools()
        self._output_schemas = {tool["name"]: tool["outputSchema"] for tool in tools if tool.get("outputSchema")}
        return tools

    def _call(self, request: Request) -> None:
        if request.is_over:  # cancelled just now
            return
        try:
            self._pending.answer(request, *self._called(request))
        except Exception as error:  # noqa: BLE001
            self._fail(request, INTERNAL_ERROR, unexpected.failure_of(error).message)

    def _called(self, request: Request) -> tuple[str, str]:
        """Call a tool; return the answer and the outcome."""
        name = request.params["name"]
        result = self._toolbox.call(name, request.params.get("arguments") or {})
        try:
            result = acceptable(result, self._version, self._output_schemas.get(name))
            text = dump_json(result)
            is_error = bool(result.get("isError"))
            if len(text) > MAX_ANSWER_BYTES or len(text.encode()) > MAX_ANSWER_BYTES:
                text = _problem(f"the call was made, but its result is larger than {MAX_LINE_BYTES // 2**20} MiB")
                is_error = True
        except Failure:
            text, is_error = _problem("the call was made, but its result is nested too deeply"), True
        return messages.result(request.id, text), "error" if is_error else "ok"

    def _fail(self, request: Request, code: int, text: str) -> None:
        self._pending.answer(request, messages.error(Refusal(code, text, request.id)), str(code))

    def _over(self, request: Request, outcome: str) -> None:
        self._on_request(request.method, request.about, outcome, request.seconds)


def _unexpected(error: Exception, request_id: str = messages.NO_ID) -> Refusal:
    return Refusal(INTERNAL_ERROR, unexpected.failure_of(error).message, request_id)


def _method_of(value: Any) -> str:
    method = value.get("method") if isinstance(value, dict) else None
    return shown(method) if isinstance(method, str) else "message"


def _checked_name(message: Message) -> str:
    """Return the name of the tool to call, for people. Raises `Refusal` for params that are not those of a call."""
    name, arguments = message.params.get("name"), message.params.get("arguments")
    if not isinstance(name, str):
        raise Refusal(INVALID_PARAMS, "name must be a string", message.id)
    if not isinstance(arguments, dict | None):
        raise Refusal(INVALID_PARAMS, "arguments must be an object", message.id)
    return shown(name)


def _problem(text: str) -> str:
    """Return the JSON of a tool's result that is an error."""
    return dump_json(error_result(f"litellmctl: {text}"))
