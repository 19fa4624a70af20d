"""JSON-RPC messages; what a session makes of them is in test_session.py."""

from __future__ import annotations

import json

import pytest

from litellmctl.bridge.lines import TooLong
from litellmctl.bridge.messages import Message, Refusal, batch, error, key_of, notification, parse, read_message, result


def _id_of(head: bytes, tail: bytes = b"") -> object:
    with pytest.raises(Refusal) as refused:
        parse(TooLong(head, tail))
    return json.loads(refused.value.id)


@pytest.mark.parametrize(
    ("head", "tail", "number"),
    [
        (b'{"id":1,"x', b"", 1),
        (b'{"jsonrpc":"2.0","id":1,"x', b"", 1),
        (b' { "jsonrpc" : "2.0" , "id" : "a" , "x', b"", "a"),
        (b'{"jsonrpc":"2.0","id":-5,"x', b"", -5),
        (b'{"method":"x', b'y","jsonrpc":"2.0","id":7}', 7),
        (b'{"method":"x', b'y","id":"b"} \r', "b"),
        (b'{"method":"x', b'"params":{"a":1,"id":7}}', None),
        (b'{"params":{"id":1,"x', b"", None),
        (b'{"method":"{\\"id\\":1,"x', b"", None),
        (b'{"id":1.5,"x', b"", None),
        (b'{"id":null,"x', b"", None),
        (b'{"id":"\xff","x', b"", None),
        (b'{"id":"a\\"","x', b"", None),
        (b'[{"id":1,"x', b"", None),
        (b"", b"", None),
    ],
)
def test_the_id_of_a_message_that_is_too_long_is_found_where_it_is_certain(
    head: bytes, tail: bytes, number: object
) -> None:
    assert _id_of(head, tail) == number


def test_a_message_is_read() -> None:
    value = {"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"a": 1}}
    assert read_message(value) == Message("ping", {"a": 1}, 1, "1")
    assert read_message({"jsonrpc": "2.0", "method": "x"}) == Message("x", {}, None, "null")


def test_ids_of_two_types_are_two() -> None:
    assert key_of(1) == key_of(1.0)
    assert key_of(1) != key_of("1")
    assert key_of(True) is key_of(None) is key_of([]) is None


def test_what_is_sent_is_one_line() -> None:
    texts = [
        result("1", '{"a":"\\n"}'),
        error(Refusal(-32601, "line\nbreak \u2028 \x85 \ud800", '"a"')),
        notification("notifications/message", {"data": "\n\r"}),
    ]
    for text in [*texts, batch(texts)]:
        assert not set(text) & set("\n\r\x85\ud800")
        json.loads(text.encode())
