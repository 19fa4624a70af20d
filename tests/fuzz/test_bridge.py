"""The bridge: whatever a client or a server sends, what goes out is protocol, and the session goes on."""

from __future__ import annotations

import io
import json
from typing import Any

from hypothesis import strategies as st

from litellmctl.bridge.lines import read_lines
from litellmctl.bridge.results import acceptable
from litellmctl.bridge.session import PROTOCOL_VERSIONS, Session
from tests.fuzz.strategies import fuzz

_CODES = {-32700, -32600, -32601, -32602, -32603}
_METHODS = [
    *("initialize", "ping", "tools/list", "tools/call", "logging/setLevel", "resources/list", "server/discover", ""),
    *("notifications/initialized", "notifications/cancelled", "notifications/progress"),
]
_values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
_ids: Any = st.integers(0, 3) | st.sampled_from(["a", "", None, True, 1.5, [], {}]) | _values
_params = _values | st.fixed_dictionaries(
    {},
    optional={
        "protocolVersion": st.sampled_from(PROTOCOL_VERSIONS) | _values,
        "name": st.sampled_from(["echo", "odd", "broken"]) | _values,
        "arguments": st.dictionaries(st.text(max_size=5), _values, max_size=3) | _values,
        "cursor": _values,
        "level": st.sampled_from(["debug", "error"]) | _values,
        "requestId": _ids,
    },
)
_messages = st.fixed_dictionaries(
    {"jsonrpc": st.just("2.0") | _values, "method": st.sampled_from(_METHODS) | _values},
    optional={"id": _ids, "params": _params, "result": _values, "error": _values},
)
_lines = (
    st.binary(max_size=40)
    | (_messages | _values | st.lists(_messages | _values, max_size=4)).map(lambda value: json.dumps(value).encode())
    | st.builds(lambda message, cut: json.dumps(message).encode()[:cut], _messages, st.integers(0, 80))
    | st.builds(lambda depth, text: text * depth, st.integers(1, 5000), st.sampled_from([b"[", b'{"a":', b"9", b" "]))
)
_BEGIN = b'{"jsonrpc":"2.0","id":"begin","method":"initialize","params":{"protocolVersion":"%s"}}'
_LAST = b'{"jsonrpc":"2.0","id":"last one","method":"ping"}'


class _Toolbox:
    """Tools that return what they got, with something odd in it."""

    def __init__(self, tools: list[dict[str, Any]], odd: Any) -> None:
        self._tools = tools
        self._odd = odd

    def tools(self) -> list[dict[str, Any]]:
        return self._tools

    def call(self, name: str, arguments: dict[str, Any]) -> Any:
        if name == "broken":
            raise ZeroDivisionError
        return self._odd if name == "odd" else {"content": [], "structuredContent": arguments}

    def instructions(self) -> str:
        return ""


@fuzz(st.lists(_lines, max_size=8), st.sampled_from(PROTOCOL_VERSIONS), _values)
def test_a_session_survives_any_lines(lines: list[bytes], version: str, odd: Any) -> None:
    sink = io.BytesIO()
    source = io.BytesIO(b"\n".join([_BEGIN % version.encode(), *lines, b"", _LAST]))
    seen: list[str] = []
    tools = [{"name": "echo", "inputSchema": {"type": "object"}, "outputSchema": {"type": "object"}}]
    Session(
        source,
        sink,
        _Toolbox(tools, odd),  # type: ignore[arg-type]
        on_request=lambda method, about, outcome, seconds: seen.append(f"{method}{about}{outcome}{seconds}"),
    ).run()
    ids = []
    for line in sink.getvalue().decode().split("\n")[:-1]:
        answers = json.loads(line)
        for answer in answers if isinstance(answers, list) else [answers]:
            assert answer["jsonrpc"] == "2.0"
            assert set(answer) in ({"jsonrpc", "id", "result"}, {"jsonrpc", "id", "error"})
            assert "error" not in answer or answer["error"]["code"] in _CODES
            ids.append(answer["id"])
    assert ids.count("begin") == ids.count("last one") == 1
    assert len(seen) >= len(ids)


_members = ["text", "data", "mimeType", "uri", "name", "blob", "resource", "annotations", "_meta", "icons", "size"]
_blocks = _values | st.builds(
    lambda kind, members: {"type": kind, **members},
    st.sampled_from(["text", "image", "audio", "resource", "resource_link", "video"]),
    st.dictionaries(
        st.sampled_from(_members),
        _values | st.sampled_from(["AAAA", "a:b", {"uri": "a:b", "text": ""}, {"uri": "a:b", "blob": "AA"}]),
    ),
)
_results = st.fixed_dictionaries(
    {},
    optional={
        "content": st.lists(_blocks, max_size=4) | _values,
        "structuredContent": _values,
        "isError": _values,
        "_meta": _values,
        "more": _values,
    },
)
_NEEDED = {
    "text": {"text"},
    "image": {"data", "mimeType"},
    "audio": {"data", "mimeType"},
    "resource_link": {"uri", "name"},
    "resource": {"resource"},
}


@fuzz(_results, st.sampled_from(PROTOCOL_VERSIONS), st.none() | st.dictionaries(st.text(max_size=5), _values))
def test_a_result_is_what_clients_accept(result: dict[str, Any], version: str, schema: dict[str, Any] | None) -> None:
    before = json.dumps(result)
    found = acceptable(result, version, schema)
    assert json.dumps(result) == before
    for block in found["content"]:
        assert _NEEDED[block["type"]] <= set(block)
        assert None not in block.values()
    assert isinstance(found.get("structuredContent", {}), dict)
    assert isinstance(found.get("isError", True), bool)
    assert isinstance(found.get("_meta", {}), dict)
    assert acceptable(found, version, schema) == found


class _Pieces(io.BytesIO):
    def __init__(self, data: bytes, sizes: list[int]) -> None:
        super().__init__(data)
        self._sizes = sizes

    def read1(self, size: int | None = -1, /) -> bytes:
        return super().read1(self._sizes.pop() if self._sizes else size)


@fuzz(st.lists(st.binary(max_size=20), max_size=8), st.lists(st.integers(1, 30), max_size=20))
def test_lines_do_not_depend_on_their_pieces(lines: list[bytes], sizes: list[int]) -> None:
    data = b"\n".join(lines)
    assert list(read_lines(_Pieces(data, sizes))) == [line for line in data.split(b"\n") if line.strip()]
