"""Texts of others: what terminals show, errors of a proxy, tokens, the line that a shell completes."""

from __future__ import annotations

import io
import json
import os
import re
from base64 import urlsafe_b64encode
from typing import Any
from unittest.mock import patch

from click.shell_completion import CompletionItem
from hypothesis import strategies as st

from litellmctl.auth import new_token
from litellmctl.auth.claims import claims_of, expiry_of
from litellmctl.completion import protocol
from litellmctl.errors import ERROR_CODES, Failure
from litellmctl.foundation import times
from litellmctl.foundation.text import clean, clean_text, dump_json
from litellmctl.foundation.urls import origin
from litellmctl.proxy import passthrough
from litellmctl.proxy.client import Answer
from litellmctl.proxy.error_answers import failure_of, words_of
from litellmctl.proxy.oauth import NotOffered
from litellmctl.proxy.pkce import discover
from litellmctl.proxy.session import BoundAuth
from litellmctl.terminal import hidden_input
from litellmctl.terminal.console import Console
from litellmctl.terminal.render import FORMATS, Layout, Listing, Record, render
from tests.fuzz.strategies import as_json, damaged, fuzz, loose_values, mostly, objects, pieces, plain_texts, texts

# Written anew, and not taken from the program: C0, DEL, C1, what changes the direction of writing, half characters.
ACTING = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

# --- cleaning ---


@fuzz(texts, share=5)
def test_cleaning_is_idempotent_and_leaves_nothing_that_acts(text: str) -> None:
    line, several = clean(text), clean_text(text)
    assert not ACTING.search(line)
    assert not ACTING.search(several.replace("\n", "").replace("\t", ""))
    assert clean(line) == line
    assert clean_text(several) == several
    assert clean(several) == clean(clean(several))
    line.encode()
    several.encode()
    # What is no control comes through.
    letters = "".join(re.findall(r"[^\W_]", text))
    assert "".join(re.findall(r"[^\W_]", line)) == letters


class Terminal(io.StringIO):
    """A terminal that takes any character."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@fuzz(st.data())
def test_bytes_in_any_pieces_do_not_act_on_a_terminal(data: st.DataObject) -> None:
    body = data.draw(st.binary(max_size=30) | texts.map(lambda text: text.encode("utf-8", "surrogatepass")))
    stream = Terminal()
    console = Console(None, stream, None)
    for piece in data.draw(pieces(body)):
        console.write_bytes(piece)
    assert not ACTING.search(stream.getvalue().replace("\n", "").replace("\t", ""))


@fuzz(texts, texts)
def test_no_message_acts_on_a_terminal_or_takes_more_than_two_lines(message: str, remedy: str) -> None:
    stream = Terminal()
    console = Console(None, None, stream)
    with patch.dict(os.environ, {"NO_COLOR": "1"}):
        console.error(Failure("usage", message, remedy=remedy))
    shown = stream.getvalue()
    assert shown.count("\n") == (2 if remedy else 1)
    assert not ACTING.search(shown.replace("\n", ""))
    stream = Terminal()
    console = Console(None, None, stream)
    console.json_errors = True
    console.error(Failure("usage", message, remedy=remedy))
    assert not re.search("[\x00-\x1f\x7f-\x9f]", stream.getvalue().removesuffix("\n"))
    assert json.loads(stream.getvalue())["error"]["code"] == "usage"


names = st.sampled_from(["a", "b.c", "d"]) | texts.filter(bool)
rows = st.lists(st.dictionaries(names, loose_values, min_size=1, max_size=3), max_size=3)


@fuzz(rows, st.sampled_from(FORMATS), st.booleans(), st.none() | st.lists(names, min_size=1, max_size=2), share=2)
def test_whatever_is_printed_does_not_act_on_a_terminal(
    listed: list[Any], kind: str, indent: bool, chosen: Any
) -> None:
    fields = list(listed[0]) if listed else ["a"]
    layout = Layout(kind, chosen, fields, indent)
    for data in [Listing(listed), *(Record(row) for row in listed)]:
        text = "".join(render(data, layout))
        # JSON is data: it has no control character, but any letter.
        unsafe = re.compile("[\x00-\x1f\x7f-\x9f]") if kind.startswith("json") else ACTING
        header = kind == "csv" and any(ACTING.search(name) for name in (chosen or fields))
        is_head = kind == "table" and any(ACTING.search(name) for name in (chosen or fields))
        if not header and not is_head:  # whose names are our own, or the user's
            assert not unsafe.search(text.replace("\n", "").replace("\t", ""))
        if kind == "json":
            json.loads(text)
        elif kind == "jsonl":
            assert all(json.loads(line) is not None for line in text.split("\n") if line)


@fuzz(loose_values)
def test_json_that_is_printed_is_the_same_when_it_is_printed_again(value: Any) -> None:
    text = dump_json(value)
    text.encode()
    again = dump_json(json.loads(text))
    assert again == text or dump_json(json.loads(again)) == again


@fuzz(texts)
def test_what_a_line_editor_leaves_has_none_of_its_keys(text: str) -> None:
    left = hidden_input._edited(text)
    assert not set(left) & {"\x7f", "\x08", "\x15", "\x04"}
    assert len(left) <= len(text)
    assert hidden_input._edited(left) == left


# --- what a proxy answers ---

error_bodies = st.one_of(
    objects({"error": mostly(objects({"message": texts, "type": mostly(st.sampled_from(["auth_error", "no_db_connection"]), texts)}), texts), "detail": texts, "error_description": texts}),
    st.builds(lambda inner: {"detail": inner}, objects({"error": texts | objects({"message": texts}), "message": texts}) | loose_values),
    st.just({"error": {"message": "no Received API Key = sk-...abcd, Key Hash = 0123"}}),
).map(as_json)  # fmt: skip


@fuzz(
    damaged(error_bodies),
    st.integers(100, 999),
    objects({"retry-after": st.sampled_from(["5", "9" * 5000, "٣", "x"])}, texts),
    share=2,
)
def test_any_error_body_is_a_documented_failure(body: bytes, status: int, headers: dict[str, Any]) -> None:
    failure = failure_of(
        status, body, url="https://h", path="/p", headers=headers, hide=lambda text: text.replace("sk-", "***")
    )
    assert failure.code in ERROR_CODES
    assert failure.exit_code in {3, 4, 5}
    assert failure.remedy
    assert failure.status == status
    assert "sk-" not in failure.message
    assert "Key Hash" not in failure.message or b"Received API Key" not in body
    words, kind = words_of(body)
    assert words is None or 0 < len(words) <= 500
    assert kind is None or isinstance(kind, str)
    json.dumps(failure.as_dict())
    following = passthrough._next(body)
    assert following is None or all(isinstance(one, str) for one in following)


BASE = "https://llm.example.com"
endpoint_urls = (
    st.sampled_from(
        [
            f"{BASE}/a",
            f"{BASE}:443/b?x=y",
            "https://evil.example.com/",
            f"{BASE}@evil.example.com/",
            "//x",
            f"{BASE}\n.evil",
            "https://LLM.example.com/c",
        ]
    )
    | texts
)
documents = objects(
    {
        "contract_version": st.just(1),
        "issuer": mostly(st.just(BASE), st.sampled_from([f"{BASE}/v1/", "https://evil.example.com", "https://u:p@h"]), texts),
        "code_challenge_methods_supported": st.just(["S256"]),
        **dict.fromkeys(
            ["authorization_endpoint", "token_endpoint", "registration_endpoint", "revocation_endpoint"], mostly(st.just(f"{BASE}/a"), endpoint_urls)
        ),
        "resource": mostly(st.just(f"{BASE}/r"), endpoint_urls),
    }
)  # fmt: skip


class Client:
    base_url = BASE

    def __init__(self, body: bytes) -> None:
        self._body = body

    def get(self, _path: str) -> Answer:
        return Answer(200, {}, iter([self._body]), lambda: None, BoundAuth(BASE, "sk-fuzz-0123456789"))


@fuzz(damaged(documents.map(as_json)), share=2)
def test_a_discovery_document_names_endpoints_of_this_proxy_or_none(body: bytes) -> None:
    try:
        found = discover(Client(body))  # type: ignore[arg-type]
    except Failure as failure:
        assert failure.exit_code == 3
        assert failure.remedy
        return
    if not isinstance(found, NotOffered):
        for url in found:
            assert origin(url) == ("https", "llm.example.com", 443)
            assert "evil" not in url.split("/")[2]


# --- tokens ---


def encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


tokens = st.builds(
    lambda header, payload, signature: ".".join([encoded(header), encoded(payload), signature]),
    damaged(st.sampled_from([{"alg": "HS256"}, {"alg": "none"}, {"typ": "JWT"}, [], "alg"]).map(as_json)),
    damaged(
        objects({"exp": st.floats() | st.integers(), "key": st.sampled_from(["sk-1", "é"]), "sub": texts}).map(as_json)
    ),
    texts.map(lambda text: text.replace(".", "")),
)


@fuzz(mostly(tokens, texts), texts.map(lambda text: text.replace(".", "")), share=2)
def test_any_text_has_claims_or_none_and_no_signature_makes_a_difference(token: str, forged: str) -> None:
    claims = claims_of(token)
    if claims is None:
        return
    assert isinstance(claims, dict)
    until = expiry_of(claims)
    assert until is None or (type(until) is float and 0 < until < 2**40)
    # Nothing is verified here, so nothing may look as if it were.
    again = claims_of(f"{token.rpartition('.')[0]}.{forged}")
    assert repr(again) == repr(claims)
    try:
        found = new_token.of_text(token)
    except Failure as failure:
        assert failure.exit_code == 2
        assert token not in failure.message
    else:
        assert found.by_proxy_clock
        assert token not in repr(found)


@fuzz(
    texts
    | tokens
    | st.builds("{} {}".format, st.sampled_from(["Bearer", "authorization:", "Authorization: bearer"]), texts)
)
def test_any_text_that_is_pasted_is_a_token_for_a_header_or_refused(text: str) -> None:
    try:
        found = new_token.of_text(text)
    except Failure as failure:
        assert failure.exit_code == 2
        return
    assert found.token.isascii()
    assert found.token.isprintable()
    assert " " not in found.token
    assert new_token.of_text(found.token) == found


dates = st.one_of(
    texts,
    st.datetimes().map(lambda moment: moment.isoformat()),
    st.sampled_from(["Mon, 01 Jan 2024 00:00:00 GMT", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2024-01-01T00:00:00Z", "0" * 99]),
    st.lists(st.sampled_from(["Mon", ",", " ", "1", "Jan", "99999999999", "24:60:61", "-9999", "+0000", "(", ":", "Dec", "2024"]), max_size=9).map(" ".join),
    st.integers().map(str),
)  # fmt: skip


@fuzz(dates, share=2)
def test_any_date_is_a_moment_or_none(text: str) -> None:
    for found in (times.clock_difference(text), times.parse_time(text)):
        assert found is None or abs(found) < 2**40


# --- the line that a shell completes ---


def completes(shell: str, line: str, breaks: str) -> tuple[list[str], int]:
    variables = {"_LITELLMCTL_LINE": line, "_LITELLMCTL_WORDS": line, "_LITELLMCTL_BREAKS": breaks}
    with patch.dict(os.environ, variables):
        return protocol._typed(shell)


lines = plain_texts.map(lambda text: text.replace("\0", "")).map(lambda text: f"litellmctl {text}") | st.lists(
    st.sampled_from(["litellmctl", "models", "mcp", "call", "'", '"', "\\", " ", "a:b", "x=", "@", "\n", "--sort=", "s/t"]), max_size=8
).map(" ".join)  # fmt: skip


@fuzz(lines, st.sampled_from(["", ":=", ":=@", "\"'@><=;|&(: "]), share=2)
def test_any_line_has_words_and_a_place_to_begin(line: str, breaks: str) -> None:
    for shell in ("bash", "zsh", "fish"):
        words, start = completes(shell, line, breaks)
        assert words[0] is not None
        assert len(words) > 1
        assert 0 <= start <= len(line)


@fuzz(texts, texts, texts, st.integers(0, 5), st.booleans())
def test_a_candidate_is_one_line_of_three_fields_that_no_shell_runs(
    value: str, help_: str, before: str, start: int, partial: bool
) -> None:
    item = CompletionItem(value, help=help_, partial=partial)
    line = protocol._line(item, before, start)
    if not line:
        return
    kind, shown, meaning = line.removesuffix("\n").split("\t")
    assert kind in {"plain", "part"}
    assert shown == f"{before}{value}"[start:]
    assert not set(shown) & set(" \t\n'\"\\`$&|;<>(){}[]*?!#~^")
    assert not ACTING.search(meaning)
    assert line.count("\n") == 1
