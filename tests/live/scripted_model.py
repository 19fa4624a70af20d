"""What models answer to agents, by each API that agents speak: a text, or the call of a tool, after a script."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler
from typing import Any, NamedTuple

from tests.answers import Respond
from tests.fake_proxy import FakeProxy, Request

# The IDs of the calls: that of the tool, and that of the agent's own tool which loads it.
_CALL, _SEARCH = "call_tool", "call_search"


def stream(*events: dict[str, Any], done: bool = True) -> Respond:
    """Answer with server-sent events, named as their types where they have one, and with OpenAI's end if `done`."""

    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.end_headers()
        for event in events:
            name = f"event: {event['type']}\n" if "type" in event else ""
            handler.wfile.write(f"{name}data: {json.dumps(event)}\n\n".encode())
        if done:
            handler.wfile.write(b"data: [DONE]\n\n")

    return respond


# --- Chat completions


def chat(text: str) -> Respond:
    """Answer with a text."""
    return _chat({"role": "assistant", "content": text}, "stop")


def chat_call(tool: str, arguments: Any, call_id: str = _CALL) -> Respond:
    """Answer with the call of a tool."""
    function = {"name": tool, "arguments": json.dumps(arguments)}
    call = {"index": 0, "id": call_id, "type": "function", "function": function}
    return _chat({"role": "assistant", "content": None, "tool_calls": [call]}, "tool_calls")


def _chat(delta: dict[str, Any], reason: str) -> Respond:
    base = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return stream(
        {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
        {**base, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]},
    )


# --- OpenAI's responses


def responses(text: str) -> Respond:
    """Answer with a text."""
    part = {"type": "output_text", "text": text, "annotations": []}
    item = {"id": "m", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
    at = {"output_index": 0, "item_id": "m", "content_index": 0}
    return _responses(
        item,
        {"type": "response.output_item.added", "output_index": 0, "item": {**item, "content": []}},
        {"type": "response.content_part.added", **at, "part": {**part, "text": ""}},
        {"type": "response.output_text.delta", **at, "delta": text},
    )


def responses_call(tool: str, arguments: Any, call_id: str = _CALL) -> Respond:
    """Answer with the call of a tool; `namespace/tool` is one in a namespace, which Codex has for each server."""
    namespace, _, name = tool.rpartition("/")
    item = {"id": "f", "type": "function_call", "call_id": call_id, "name": name, "status": "completed"}
    if namespace:
        item["namespace"] = namespace
    text = json.dumps(arguments)
    return _responses(
        {**item, "arguments": text},
        {"type": "response.output_item.added", "output_index": 0, "item": {**item, "arguments": ""}},
        {"type": "response.function_call_arguments.delta", "output_index": 0, "item_id": "f", "delta": text},
    )


def _responses(item: dict[str, Any], *events: dict[str, Any]) -> Respond:
    usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    answer = {"id": "r", "object": "response", "status": "completed", "model": "m", "output": [item], "usage": usage}
    return stream(
        {"type": "response.created", "response": {**answer, "status": "in_progress", "output": []}},
        *events,
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": answer},
    )


# --- Anthropic's messages


def messages(text: str) -> Respond:
    """Answer with a text."""
    return _messages({"type": "text", "text": ""}, {"type": "text_delta", "text": text}, "end_turn")


def messages_call(tool: str, arguments: Any, call_id: str = _CALL) -> Respond:
    """Answer with the call of a tool."""
    delta = {"type": "input_json_delta", "partial_json": json.dumps(arguments)}
    return _messages({"type": "tool_use", "id": call_id, "name": tool, "input": {}}, delta, "tool_use")


def _messages(block: dict[str, Any], delta: dict[str, Any], reason: str) -> Respond:
    usage = {"input_tokens": 1, "output_tokens": 1}
    message = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": usage}
    end = {"stop_reason": reason, "stop_sequence": None}
    return stream(
        {"type": "message_start", "message": {**message, "stop_reason": None, "stop_sequence": None}},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": end, "usage": {"output_tokens": 1}},
        {"type": "message_stop"},
    )


# --- Google's streamGenerateContent


def generated(text: str) -> Respond:
    """Answer with a text."""
    return _generated({"text": text})


def generated_call(tool: str, arguments: Any, _: str = _CALL) -> Respond:
    """Answer with the call of a tool, which has no ID here."""
    return _generated({"functionCall": {"name": tool, "args": arguments}})


def _generated(part: dict[str, Any]) -> Respond:
    content = {"role": "model", "parts": [part]}
    return stream({"candidates": [{"content": content, "finishReason": "STOP", "index": 0}]}, done=False)


# --- The script


class _Api(NamedTuple):
    """How a model answers by one API, and what a request of it says: tools by name, results by the ID of their call."""

    text: Callable[[str], Respond]
    call: Callable[..., Respond]
    tools: Callable[[Any], Iterable[tuple[str, str]]]
    results: Callable[[Any], Iterable[tuple[str, Any]]]


def _chat_tools(body: Any) -> Iterable[tuple[str, str]]:
    functions = [tool["function"] for tool in body.get("tools") or () if "function" in tool]
    return [(one["name"], one.get("description", "")) for one in functions]


def _chat_results(body: Any) -> Iterable[tuple[str, Any]]:
    return [(one["tool_call_id"], one["content"]) for one in body["messages"] if one["role"] == "tool"]


def _responses_tools(body: Any) -> Iterable[tuple[str, str]]:
    for tool in body.get("tools") or ():
        for one in tool.get("tools", ()):
            yield f"{tool['name']}/{one['name']}", one.get("description", "")
        yield tool.get("name", tool["type"]), tool.get("description", "")


def _responses_results(body: Any) -> Iterable[tuple[str, Any]]:
    return [(one["call_id"], one["output"]) for one in body["input"] if one.get("type") == "function_call_output"]


def _messages_tools(body: Any) -> Iterable[tuple[str, str]]:
    return [(tool["name"], tool.get("description", "")) for tool in body.get("tools") or ()]


def _messages_results(body: Any) -> Iterable[tuple[str, Any]]:
    blocks = [block for message in body["messages"] for block in message["content"] if isinstance(block, dict)]
    return [(block["tool_use_id"], block["content"]) for block in blocks if block["type"] == "tool_result"]


def _generated_tools(body: Any) -> Iterable[tuple[str, str]]:
    found = [one for tool in body.get("tools") or () for one in tool.get("functionDeclarations", ())]
    return [(one["name"], one.get("description", "")) for one in found]


def _generated_results(body: Any) -> Iterable[tuple[str, Any]]:
    parts = [part for content in body["contents"] for part in content["parts"]]
    return [(_CALL, part["functionResponse"]["response"]) for part in parts if "functionResponse" in part]


_APIS = {
    "/v1/chat/completions": _Api(chat, chat_call, _chat_tools, _chat_results),
    "/v1/responses": _Api(responses, responses_call, _responses_tools, _responses_results),
    "/v1/messages": _Api(messages, messages_call, _messages_tools, _messages_results),
    "/v1beta/models/{}:streamGenerateContent": _Api(generated, generated_call, _generated_tools, _generated_results),
}


class ScriptedModel:
    """A model that calls the tool whose name ends with `tool`, and then repeats what the tool answered.

    Where an agent has it load tools first, or call them from a script, it does. Whatever has neither the tool nor its result (a title for the
    session, say) is answered with "hello there". `offered` are all tools that agents offered: name -> description.
    """

    def __init__(self, tool: str, arguments: Any) -> None:
        self.offered: dict[str, str] = {}
        self._tool = tool
        self._arguments = arguments

    def serve(self, proxy: FakeProxy, *models: str) -> None:
        """Answer at this proxy for these models, as often as asked."""
        for pattern, api in _APIS.items():
            for path in {pattern.format(model) for model in models}:
                proxy.on(path, method="POST", respond=self._respond(api), times=None)

    def _respond(self, api: _Api) -> Respond:
        def respond(handler: BaseHTTPRequestHandler) -> None:
            request: Request = handler.asked  # type: ignore[attr-defined]
            self._answer(api, request.json)(handler)

        return respond

    def _answer(self, api: _Api, body: Any) -> Respond:
        tools, results = dict(api.tools(body)), dict(api.results(body))
        self.offered |= tools
        if _CALL in results:
            return api.text(f"The tool says: {_text(results[_CALL])}")
        if names := [name for name in tools if name.endswith(self._tool)]:
            return api.call(names[0], self._arguments)
        hidden = re.search(rf"\w*{re.escape(self._tool)}\b", json.dumps(body))
        if hidden and "tool_search" in tools and not results:
            return api.call("tool_search", {"query": f"select:{hidden[0]}"}, _SEARCH)
        if "codemode" in tools:  # Pi's, which calls tools that no model sees from scripts
            return api.call("codemode", {"code": self._script()})
        return api.text("hello there")

    def _script(self) -> str:
        """Return a script that calls the tool; where it is not there, it shows the tools that are."""
        ours = "ALL_TOOLS.filter(({name}) => name.startsWith('mcp__'))"
        called = f"tools[name]({json.dumps(self._arguments)})"
        return (
            f"const ours = {ours}; const name = ours.map(({{name}}) => name).find(name => name.endsWith('{self._tool}'));"
            f" return name ? await {called} : ours;"
        )


def _text(value: Any) -> str:
    """Return all text in a tool's result, however an agent wraps it."""
    if isinstance(value, dict):
        return _text([one for name, one in value.items() if name != "type"])
    return " ".join(map(_text, value)) if isinstance(value, list) else str(value)
