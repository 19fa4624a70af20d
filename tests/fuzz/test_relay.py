"""The target of a request to the relay: what is passed on stays below the base URL, however often it is decoded."""

from __future__ import annotations

import posixpath
from urllib.parse import unquote

import pytest
from hypothesis import strategies as st

from litellmctl.relay.target import RefusedTarget, key_parameters, target, without_key
from tests.fuzz.strategies import fuzz

URL = pytest.importorskip("yarl").URL

_PARTS = [
    *(
        "/",
        "//",
        ".",
        "..",
        "\\",
        ";",
        "?",
        "#",
        "%",
        "25",
        "2e",
        "2f",
        "5c",
        "00",
        "%2e",
        "%2E",
        "%2f",
        "%5c",
        "%252e",
    ),
    *(
        "a",
        "v1",
        "models",
        "@",
        ":",
        "http://evil.example",
        "key",
        "=",
        "&",
        "k",
        "%6b",
        "\0",
        "\n",
        " ",
        "\u00e9",
        "+",
    ),
]
targets = st.lists(st.sampled_from(_PARTS), max_size=12).map(lambda parts: "/" + "".join(parts)) | st.text(max_size=30)


@fuzz(targets, share=0.5)
def test_a_target_that_passes_is_unchanged_and_stays_below_the_base(raw: str) -> None:
    try:
        passed = target(raw)
    except RefusedTarget as error:
        assert str(error)
        return
    assert passed == raw
    url = URL(f"http://proxy.example:1/base{passed}", encoded=True)
    assert (url.host, url.port, url.raw_path_qs.rstrip("?")) == ("proxy.example", 1, f"/base{passed}".rstrip("?"))
    path = passed.partition("?")[0]
    for _ in range(8):
        flat = path.replace("\\", "/")
        without_parameters = "/".join(segment.partition(";")[0] for segment in flat.split("/"))
        for each in (flat, without_parameters):
            resolved = posixpath.normpath(f"/base/{each.lstrip('/')}")
            assert f"{resolved}/".startswith("/base/"), (raw, each)
        path = unquote(path)


@fuzz(targets, st.sampled_from(["k", "a", "k k"]), share=0.5)
def test_removing_a_key_removes_nothing_else(raw: str, key: str) -> None:
    left = without_key(raw, key)
    assert key not in key_parameters(left)
    assert [each for each in key_parameters(raw) if each != key] == key_parameters(left)
    assert left.partition("?")[0] == raw.partition("?")[0]
    assert without_key(left, key) == left
