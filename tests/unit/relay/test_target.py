from __future__ import annotations

import pytest

from litellmctl.relay.target import RefusedTarget, key_parameters, target, without_key


@pytest.mark.parametrize(
    "harmless",
    [
        "/",
        "/v1/models",
        "/v1/models/openai/gpt-5?include=a,b&x",
        "/v1/models/openai%2Fgpt-5",
        "/v1/models/a%252Fb",
        "/v1/files/file-abc%3D%3D/content",
        "/a//b",
        "/%2F%2Fhost/a",
        "/@host/a",
        "/a:80/",
        "/...",
        "/a../b",
        "/..a/b",
        "/.well-known/oauth-authorization-server",
        "/v1/models/gpt-3.5/x.y",
        "/a?next=../../b&q=%2e%2e%2f%00\\",
        "/a%zz%",
        "/a%5Cb",
        '/a?q={"a":[1|2]}',
        "/v1/models/claude%C3%A9",
        "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21",
        "/v1beta/models/gemini-3-pro:streamGenerateContent?alt=sse",
    ],
)
def test_what_stays_below_the_base_passes_unchanged(harmless: str) -> None:
    assert target(harmless) == harmless


@pytest.mark.parametrize(
    ("refused", "why"),
    [
        ("http://evil.example/a", "must be a path"),
        ("HTTP://127.0.0.1/a", "must be a path"),
        ("evil.example:443", "must be a path"),
        ("*", "must be a path"),
        ("", "must be a path"),
        ("a/b", "must be a path"),
        ("\\a", "must be a path"),
        ("//evil.example/a", 'begins with "//"'),
        ("///a", 'begins with "//"'),
        ("/\\evil.example/a", "backslash"),
        ("/a\\..\\b", "backslash"),
        ("/..", "segment"),
        ("/../a", "segment"),
        ("/a/../../b", "segment"),
        ("/a/.", "segment"),
        ("/a/./b", "segment"),
        ("/a/%2e%2e/b", "segment"),
        ("/a/%2E%2e", "segment"),
        ("/a/.%2e/b", "segment"),
        ("/a%2f..%2fb", "segment"),
        ("/a/%252e%252E/b", "segment"),
        ("/a/%25252e%25252e/b", "segment"),
        ("/a/%%32%65%%32%65/b", "segment"),
        ("/a/..%5cb", "segment"),
        ("/a/..;x=1/b", "segment"),
        ("/a/..%3b/b", "segment"),
        ("/%2e%2e?x", "segment"),
        ("/a/%2525252525252e", "too many times"),
        ("/a%00b", "control character"),
        ("/a%250d%250ab", "control character"),
        ("/a%7f", "control character"),
        ("/a\x00b", "percent-encoded"),
        ("/a b", "percent-encoded"),
        ("/a\r\nX: y", "percent-encoded"),
        ("/a\n", "percent-encoded"),
        ("/a#b", "percent-encoded"),
        ("/a?b#c", "percent-encoded"),
        ("/caf\u00e9", "percent-encoded"),
        ("/a\udce9", "percent-encoded"),
        ("/a?\u00e9", "percent-encoded"),
    ],
)
def test_what_could_leave_the_base_is_refused(refused: str, why: str) -> None:
    with pytest.raises(RefusedTarget, match=why) as error:
        target(refused)
    assert "evil" not in str(error.value)


def test_a_path_that_is_encoded_again_and_again_costs_little() -> None:
    with pytest.raises(RefusedTarget, match="too many times"):
        target("/%" + "25" * 32_000)


@pytest.mark.parametrize(
    ("raw", "values", "left"),
    [
        ("/a", [], "/a"),
        ("/a?key=k", ["k"], "/a"),
        ("/a?alt=sse&key=k", ["k"], "/a?alt=sse"),
        ("/a?key=k&alt=sse&&x", ["k"], "/a?alt=sse&&x"),
        ("/a?key=%6B", ["k"], "/a"),
        ("/a?%6Bey=k&b=%6b", ["k"], "/a?b=%6b"),
        ("/key/info?key=sk-other", ["sk-other"], "/key/info?key=sk-other"),
        ("/a?key=other&key=k", ["other", "k"], "/a?key=other"),
        ("/a?monkey=k&key", [""], "/a?monkey=k&key"),
    ],
)
def test_the_local_key_is_removed_from_a_query_and_nothing_else(raw: str, values: list[str], left: str) -> None:
    assert key_parameters(raw) == values
    assert without_key(raw, "k") == left
