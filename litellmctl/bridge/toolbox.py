"""The tools of the proxy as an MCP client sees them: listed from the cache, called with a fresh key."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from litellmctl.bridge import problems
from litellmctl.bridge.access import Access
from litellmctl.bridge.latest import Latest
from litellmctl.bridge.listing import ToolList, several_servers, state_of
from litellmctl.errors import AuthFailure, Failure, Rejected, Unavailable, UsageFailure
from litellmctl.foundation import unexpected
from litellmctl.foundation.sentences import listed, sentence
from litellmctl.foundation.text import counted, cut
from litellmctl.foundation.threads import start_daemon
from litellmctl.server_credentials import wanted

if TYPE_CHECKING:
    from litellmctl.bridge.listing import Choice
    from litellmctl.catalogs import Catalogs
    from litellmctl.tools.tool import Server, Tool

# After the first list was read, so that the client's first requests have the processor.
_SETTLED_SECONDS = 0.5
# Names that were announced in one session, which a client may still call.
_MAX_NAMES = 20_000
_MAX_NAME = 100
# addWaitForPreviousParameter of tools.ts in Gemini CLI 0.61.0, which tells models to use it.
_ADDED = "wait_for_previous"


class Toolbox:
    """The tools that one session serves. All methods may be called from any thread, and never raise a `Failure`.

    `connect` returns the catalogs with config and logins as they are now. `on_change` is called (from any thread) when
    the list has changed after the client has read it; `on_message` gets a level of MCP's logging (`warning` ...) and a
    sentence. `seconds` limits each call.
    """

    def __init__(self, connect: Callable[[], Catalogs], choice: Choice, *, seconds: float) -> None:
        self._choice = choice
        self._seconds = seconds
        self._access = Access(connect)
        self._latest = Latest(self._access, choice, self._take)
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._woken = threading.Event()
        self._is_watching = False
        # What the client read last, and what it was last notified of.
        self._read: list[dict[str, Any]] | None = None
        self._notified: list[dict[str, Any]] | None = None
        # The server's id and the tool's name, by the names that were announced.
        self._announced: dict[str, tuple[str, str]] = {}
        self._said: set[str] = set()
        self.on_change: Callable[[], None] = lambda: None
        self.on_message: Callable[[str, str], None] = lambda *_: None

    def check(self) -> None:
        """Raise the failure for which no tool can be served as the options say; a slow proxy is none.

        A list is requested if none is cached that serves a tool.
        """
        choice = self._choice
        if choice.bare_names and len(set(choice.servers)) > 1:
            raise several_servers(choice.servers)
        listing = self._latest.listing()
        if listing.problem is not None and listing.problem.code != "timeout":
            raise listing.problem.changed()
        listing.require_bare_names()

    def tools(self) -> list[dict[str, Any]]:
        """Return all tools as `tools/list` has them; if there are none because of a problem, one that explains it."""
        try:
            listing = self._latest.listing()
            definitions = listing.definitions
        except Exception as error:  # noqa: BLE001
            definitions = [problems.tool_of(unexpected.failure_of(error))]
        else:
            self._say(listing)
            with self._lock:
                self._announce(listing)
        with self._lock:
            self._read = self._notified = definitions
            begins, self._is_watching = not self._is_watching, True
        if begins:
            try:
                start_daemon(self._watch)
            except Failure as failure:
                self.on_message("warning", failure.message)
        return definitions

    def call(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Call a tool, at most once, and return its result object; a problem is one with `isError`."""
        try:
            if name == problems.PROBLEM_TOOL:
                return self._looked_again()
            return self._called(name, arguments)
        except Failure as failure:
            return problems.result_of(failure)
        except Exception as error:  # noqa: BLE001
            return problems.result_of(unexpected.failure_of(error))

    def instructions(self) -> str:
        """Return what a model reads about the tools at the beginning of a session. Sends no request."""
        try:
            listing = self._latest.cached()
            profile = self._access.catalogs().connection.profile.name if listing is not None else ""
        except Exception:  # noqa: BLE001
            listing = None
        if listing is None or listing.problem is not None:
            return (
                "Tools of MCP servers behind a LiteLLM proxy. While they are missing, the tool "
                f"{problems.PROBLEM_TOOL} says why, and which command the user can run."
            )
        servers = list(dict.fromkeys(tool.server for tool in listing.tools if tool.server))
        of = f" of {counted(len(servers), 'MCP server')} ({listed(servers)})" if servers else ""
        names = "" if self._choice.bare_names else " Their names are mcp_SERVER_TOOL."
        where = f"behind a LiteLLM proxy (profile {cut(profile, _MAX_NAME)})"
        ask = "If a tool names a command, ask the user to run it."
        missing = f" Not available: {sentence('; '.join(listing.missing))}." if listing.missing else ""
        return f"{counted(len(listing.tools), 'tool')}{of} {where}.{names} {ask}{missing}"

    def close(self) -> None:
        """End what runs in the background."""
        self._closed.set()
        self._woken.set()

    def _watch(self) -> None:
        seconds = _SETTLED_SECONDS
        while True:
            self._woken.wait(seconds)
            if self._closed.is_set():
                return
            self._woken.clear()
            try:
                seconds = self._latest.tick()
            except Exception as error:  # noqa: BLE001  the next time may succeed
                self.on_message("warning", unexpected.failure_of(error).message)
                seconds = 60.0

    def _take(self, listing: ToolList) -> None:
        """Notify the client of a listing that differs from what it has read."""
        if self._read is None or self._closed.is_set():
            return
        self._say(listing)
        made = listing.definitions
        with self._lock:
            if not _differs(made, self._read):
                self._notified = self._read
                return
            if not _differs(made, self._notified):
                return
            self._notified = made
        self.on_change()

    def _say(self, listing: ToolList) -> None:
        """Say what the person should know of a listing, once until it changes."""
        warnings = set(map(sentence, listing.warnings))
        with self._lock:
            new = sorted(warnings - self._said)
            self._said = warnings
        for text in new:
            self.on_message("warning", text)

    def _announce(self, listing: ToolList) -> None:
        for name, tool in listing.by_name.items():
            self._announced.pop(name, None)
            self._announced[name] = tool.server_id, tool.name
        while len(self._announced) > _MAX_NAMES:
            del self._announced[next(iter(self._announced))]

    def _looked_again(self) -> dict[str, Any]:
        """Return what there is to say about the problem now, after another look."""
        listing = self._latest.refreshed()
        if listing.problem is not None:
            raise listing.problem.changed()
        names = listed(list(listing.by_name))
        return {"content": [problems.text_block(f"The problem is solved. The tools are: {names}")], "isError": False}

    def _found(self, name: str, listing: ToolList) -> Tool | None:
        """Return the tool that the client means: it may know an older list."""
        known = self._announced.get(name)
        if known is None:
            return listing.by_name.get(name)
        return next((tool for tool in listing.tools if (tool.server_id, tool.name) == known), None)

    def _called(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        listing = self._latest.listing()
        tool = self._found(name, listing)
        if tool is None:
            listing = self._latest.refreshed()
            tool = self._found(name, listing)
        if tool is None:
            if listing.problem is not None:
                raise listing.problem.changed()
            raise _unknown(name, was_known=name in self._announced)
        return self._call(listing, tool, arguments)

    def _call(self, listing: ToolList, tool: Tool, arguments: dict[str, Any]) -> dict[str, Any]:
        from litellmctl.tools.calls import Caller  # 100 ms, which the list of tools does not need

        catalogs, client = self._access.client()
        catalogs.require_mcp()
        key = client.auth.key
        caller = Caller(
            listing.offer,
            tool,
            lambda: client,
            lambda key: key,
            self._outdate,
            checks=False,
            seconds=self._seconds,
            stdin=lambda: None,
        )
        checked = caller.arguments(_checked(tool, arguments), [])
        server = listing.server_of(tool) or tool.server
        try:
            result = caller.call(checked)
        except Failure as failure:
            raise _explained(failure, server, has_newer_key=client.auth.key != key) from None
        remedy = wanted.remedy_of_result(server, result)
        if remedy is None:
            return result.whole
        content = [*result.blocks, problems.text_block(f"Ask the user to run: {remedy}")]
        return {**result.whole, "content": content}

    def _outdate(self) -> None:
        self._latest.outdate()
        self._woken.set()


def _differs(made: list[dict[str, Any]], other: list[dict[str, Any]] | None) -> bool:
    """Whether a client should read the list again: for other words about the same problem it need not."""
    if other is None:
        return True
    names = [[tool["name"] for tool in tools] for tools in (made, other)]
    return made != other and names != [[problems.PROBLEM_TOOL]] * 2


def _checked(tool: Tool, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments. Raises a failure that says what does not fit, for the model to correct."""
    from litellmctl.tools.arguments import mismatch
    from litellmctl.tools.schema import Schema
    from litellmctl.tools.validation import TooHard

    arguments = _without_added(tool, arguments)
    try:
        wrong = mismatch(Schema(tool.input_schema), arguments)
    except TooHard:
        return arguments  # the server checks them
    if wrong:
        raise UsageFailure(
            f"the arguments do not match the tool's schema, and no call was made: {wrong}",
            remedy="correct the arguments, and call the tool again",
        )
    return arguments


def _without_added(tool: Tool, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments without the one that Gemini CLI adds to the parameters of each tool, and does not remove."""
    own = tool.input_schema.get("properties") if isinstance(tool.input_schema, Mapping) else None
    if isinstance(own, Mapping) and _ADDED in own:
        return arguments
    return {name: value for name, value in arguments.items() if name != _ADDED}


def _explained(failure: Failure, server: Server | str, *, has_newer_key: bool) -> Failure:
    """Return the failure of a call with what it means here."""
    explained = wanted.explained(server, failure)
    if explained is not failure:
        return explained
    if isinstance(failure, AuthFailure) and failure.status == 401 and has_newer_key:
        return failure.adding("a newer key is used from now on").changed(remedy="call the tool again")
    if failure.code == "not_found" and not isinstance(server, str) and not server.is_ok:
        return Unavailable(
            "server_error",
            f"{state_of(server)}; the tool cannot be called now",
            remedy="litellmctl mcp servers",
            may_have_acted=False,
        )
    return failure


def _unknown(name: str, *, was_known: bool) -> Failure:
    shown = cut(name, _MAX_NAME)
    words = f'the MCP tool "{shown}" no longer exists' if was_known else f'no MCP tool "{shown}"'
    return Rejected("not_found", words, remedy="litellmctl mcp list")
