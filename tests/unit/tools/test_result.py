from __future__ import annotations

import os
import re
import shlex
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litellmctl.errors import ExitCode, Failure, Unavailable
from litellmctl.tools.result import Attachment, Result, failed, make_folder, read_result, save

PIXEL = b"\x89PNG\r\n\x1a\n\x00"
HOSTILE = [
    *("../../etc/passwd", "/etc/passwd", "C:\\x", "..\\..\\x", "\\\\host\\share", "file:///etc/passwd", "a/../../b"),
    *("x\x00.png", "\x00", "a\nb", "\x1b[2J", "\u202egnp.exe", "x" * 10_000, "x" * 10_000 + ".png", "é" * 10_000),
    *(".bashrc", ".", "..", "...", ". .", "-rf", "--help", "-", "CON", "con.txt", "NUL", "COM1.png", "LPT1", "aux.h"),
    *(
        "",
        " ",
        "/",
        "\\",
        "a.",
        "a ",
        "a b.txt",
        "a:b",
        "a|b",
        "a*?",
        "~",
        "~/.ssh/id_rsa",
        "$HOME",
        "`x`",
        "%2e%2e%2fx",
    ),
    *("a.tar.gz", "a.png?token=1", "a.png#x", "日本.png", "🎉", "a\ud800b.png", ".png", "x." + "y" * 300, "a..png"),
]


def result(*blocks: Any, **more: Any) -> Result:
    return read_result({"content": list(blocks), **more}, "https://llm.example.com")


def attachment(block: Any) -> Attachment:
    (piece,) = result(block).pieces()
    assert isinstance(piece, Attachment)
    return piece


def encoded(data: bytes) -> str:
    return b64encode(data).decode()


# What is a result


@pytest.mark.parametrize(
    "answer", [None, True, 5, "text", [{}], [5], ["text"], [{"type": 5}], {}, {"error": "x"}], ids=repr
)
def test_an_answer_that_is_no_result_leaves_open_what_became_of_the_call(answer: Any) -> None:
    with pytest.raises(Unavailable, match="the call was made, but its outcome is unknown") as caught:
        read_result(answer, "https://llm.example.com")
    failure = caught.value
    assert (failure.code, failure.exit_code) == ("bad_response", ExitCode.UNAVAILABLE)
    assert "https://llm.example.com" in failure.message


@pytest.mark.parametrize("answer", [{"content": []}, {"content": None}, {"structuredContent": {"a": 1}}], ids=repr)
def test_an_object_with_content_of_either_kind_is_a_result(answer: Any) -> None:
    found = read_result(answer, "")
    assert found.whole is answer
    assert (list(found.pieces()), found.structured, found.is_error) == ([], answer.get("structuredContent"), False)


@pytest.mark.parametrize(
    ("told", "is_error"),
    [(True, True), (False, False), (None, False), ("true", False), (1, False), ([True], False)],
)
def test_a_tool_failed_if_it_says_so(told: Any, is_error: bool) -> None:
    assert result(isError=told).is_error is is_error
    assert result().is_error is False


def test_a_tool_that_failed_exits_5_and_is_looked_up_by_its_name() -> None:
    failure = failed("git hub/it's")
    assert (failure.code, failure.exit_code) == ("rejected", ExitCode.REJECTED)
    assert failure.message == "git hub/it's reported an error"
    assert shlex.split(str(failure.remedy)) == ["litellmctl", "mcp", "show", "git hub/it's"]


# Pieces


def test_texts_come_as_they_are_and_in_order() -> None:
    blocks = [{"type": "text", "text": text, "annotations": None, "_meta": None} for text in ("b", "", "a\x1b[31m")]
    assert list(result(*blocks).pieces()) == ["b", "", "a\x1b[31m"]


def test_a_picture_between_texts_keeps_its_place() -> None:
    picture = {"type": "image", "data": encoded(PIXEL), "mimeType": "image/png", "annotations": None}
    first, second, third = result({"type": "text", "text": "a pixel:"}, picture, {"type": "text", "text": "!"}).pieces()
    assert (first, third) == ("a pixel:", "!")
    assert second == Attachment("image", "image/png", "02.png", PIXEL)
    assert second.words == "image image/png, 9 bytes"


@pytest.mark.parametrize("content", [None, 5, "text", {"type": "text", "text": "x"}, True], ids=repr)
def test_content_that_is_no_list_has_no_pieces(content: Any) -> None:
    assert list(read_result({"content": content}, "").pieces()) == []


def test_blocks_that_are_no_objects_are_passed_over() -> None:
    assert list(result(None, 5, "x", [], {"type": "text", "text": "kept"}, True).pieces()) == ["kept"]


@pytest.mark.parametrize(
    ("block", "kind", "mime_type", "name", "data"),
    [
        ({"type": "image", "data": encoded(b"x"), "mimeType": "image/jpeg"}, "image", "image/jpeg", "01.jpg", b"x"),
        ({"type": "image", "data": encoded(b"x"), "mimeType": "image/webp"}, "image", "image/webp", "01.webp", b"x"),
        ({"type": "image", "data": encoded(b"x"), "mimeType": "IMAGE/PNG; q=1"}, "image", "IMAGE/PNG; q=1", "01.png", b"x"),
        ({"type": "audio", "data": encoded(b"x"), "mimeType": "audio/wav"}, "audio", "audio/wav", "01.wav", b"x"),
        ({"type": "audio", "data": encoded(b"x"), "mimeType": "audio/x-flac"}, "audio", "audio/x-flac", "01.flac", b"x"),
        ({"type": "audio", "data": encoded(b"x")}, "audio", "application/octet-stream", "01.bin", b"x"),
        ({"type": "image", "data": "", "mimeType": "image/png"}, "image", "image/png", "01.png", b""),
        (
            {"type": "resource", "resource": {"uri": "file:///tmp/a.csv", "mimeType": "text/csv", "text": "a;ä"}},
            *("resource", "text/csv", "01-a.csv", "a;ä".encode()),
        ),
        (
            {"type": "resource", "resource": {"uri": "x://y/a", "mimeType": "application/pdf", "blob": encoded(b"%P")}},
            *("resource", "application/pdf", "01-a.pdf", b"%P"),
        ),
        ({"type": "resource", "resource": {"uri": "x://y/a", "text": "t"}}, "resource", "text/plain", "01-a.txt", b"t"),
        (
            {"type": "resource", "resource": {"uri": "x://y/a", "mimeType": None, "text": "t", "blob": None}},
            *("resource", "text/plain", "01-a.txt", b"t"),
        ),
        ({"type": "resource", "resource": {"text": "half \ud800"}}, "resource", "text/plain", "01.txt", b"half ?"),
        ({"type": "thinking", "text": "hm", "name": "thoughts"}, "thinking", "text/plain", "01-thoughts.txt", b"hm"),
        ({"text": "no type"}, "content", "text/plain", "01.txt", b"no type"),
        ({"type": 5, "data": encoded(b"x")}, "content", "application/octet-stream", "01.bin", b"x"),
        ({"type": "", "data": encoded(b"x")}, "content", "application/octet-stream", "01.bin", b"x"),
        ({"type": "image", "data": encoded(b"x"), "mimeType": 5}, "image", "application/octet-stream", "01.bin", b"x"),
    ],
)  # fmt: skip
def test_what_is_no_text_is_named_and_decoded(block: Any, kind: str, mime_type: str, name: str, data: bytes) -> None:
    found = attachment(block)
    inner = block.get("resource", {})
    assert found == Attachment(kind, mime_type, name, data, text=inner.get("text"))
    assert found.words == f"{kind} {mime_type}, {len(data)} {'byte' if len(data) == 1 else 'bytes'}"


@pytest.mark.parametrize(
    "block",
    [
        *({"type": "image", "mimeType": "image/png", "data": data} for data in ("@@", "aGk", "a", "aGk=\x00", "ä", "aGk_")),
        *({"type": "image", "mimeType": "image/png", "data": data} for data in (None, 5, [], {"a": 1}, True)),
        {"type": "resource", "mimeType": "image/png", "resource": {"mimeType": "image/png", "blob": "@@"}},
        {"type": "text", "mimeType": "image/png"},
        {"type": "text", "mimeType": "image/png", "text": 5},
        {"type": "text", "mimeType": "image/png", "text": None},
        {"type": "image", "mimeType": "image/png"},
        {"type": "resource", "mimeType": "image/png", "resource": None},
        {"type": "resource", "mimeType": "image/png", "resource": [5]},
    ],
    ids=ascii,
)  # fmt: skip
def test_what_cannot_be_decoded_is_named_and_has_no_data(block: Any) -> None:
    found = attachment(block)
    assert (found.mime_type, found.name, found.data) == ("image/png", "01.png", None)
    assert found.words == f"{block['type']} image/png, not readable"


def test_a_link_says_where_it_leads() -> None:
    block = {"type": "resource_link", "uri": "file:///srv/a.txt", "name": "a", "mimeType": "text/plain"}
    found = attachment(block)
    assert (found.kind, found.data, found.name) == ("resource_link", None, "01-a.txt")
    assert found.words == 'resource_link "a" at file:///srv/a.txt (text/plain)'


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, "resource_link at probe://x"),
        ({"name": "linked-doc"}, 'resource_link "linked-doc" at probe://x'),
        ({"title": "A document"}, 'resource_link "A document" at probe://x'),
        ({"name": "a", "title": "A document", "mimeType": "text/plain"}, 'resource_link "a" at probe://x (text/plain)'),
        ({"name": 5, "title": None, "mimeType": []}, "resource_link at probe://x"),
        ({"name": "x" * 10_000}, f'resource_link "{"x" * 99}…" at probe://x'),
    ],
    ids=repr,
)
def test_a_link_says_what_it_is_called(more: Any, words: str) -> None:
    found = attachment({"type": "resource_link", "uri": "probe://x", **more})
    assert (found.words, found.data, found.link) == (words, None, "probe://x")


# Results of releases up to 1.80: the content alone


TEXT = {"type": "text", "text": "hi", "annotations": None}


@pytest.mark.parametrize("content", [[], [TEXT], [TEXT, {"type": "image", "data": "", "mimeType": "image/png"}, 5]])
def test_a_bare_list_of_content_is_a_result(content: Any) -> None:
    found = read_result(content, "https://llm.example.com", "add")
    assert found.whole == {"content": content, "isError": False}


@pytest.mark.parametrize(
    ("text", "is_error"),
    [
        ("Error executing tool add: it broke", True),
        ("Error executing tool add: ", True),
        ("Error calling tool 'add'", True),
        ("Error calling tool 'add': it broke", True),
        ("Unknown tool: add", True),
        ("MCP error -32602: Invalid arguments for tool add", True),
        ("Input validation error: 'a' is a required property", True),
        ("Error executing tool add", False),
        ("Error executing tool add2: it broke", False),
        ("Error executing tool other: it broke", False),
        ("error executing tool add: it broke", False),
        ("It said: Error executing tool add: it broke", False),
        ("Error: no", False),
        ("", False),
    ],
)
def test_in_a_bare_list_a_tools_error_is_known_by_its_words(text: str, is_error: bool) -> None:
    block = {"type": "text", "text": text}
    assert read_result([block], "", "add").whole == {"content": [block], "isError": is_error}
    # A server that says itself whether it failed is believed, and a tool's error is the only block.
    assert not read_result({"content": [block], "isError": False}, "", "add").is_error
    assert not read_result([block, TEXT], "", "add").is_error


@pytest.mark.parametrize("name", ["a.b", "{name}", "{0}", "a{", "(", "a b/c", ""])
def test_a_tools_error_is_known_whatever_it_is_called(name: str) -> None:
    block = {"type": "text", "text": f"Error executing tool {name}: it broke"}
    assert read_result([block], "", name).is_error


def test_blocks_that_are_no_objects_are_counted() -> None:
    assert result(None, 5, "x", [], {"type": "text", "text": "kept"}, True).strange == 5
    assert read_result({"content": 7}, "").strange == 0


def test_the_size_of_much_data_can_be_read() -> None:
    assert attachment({"type": "image", "data": encoded(bytes(12_345_678))}).words.endswith(", 12,345,678 bytes")


@pytest.mark.parametrize("field", ["type", "mimeType", "uri"])
def test_what_an_attachment_is_takes_a_line_however_long_it_is_told(field: str) -> None:
    found = attachment({"type": "resource_link", "mimeType": "text/plain", "uri": "x://y", field: "z" * 10**6})
    assert len(found.words) < 2500


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.sampled_from(["text", "image", "resource"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "text", "data", "blob", "mimeType", "resource", "uri", "name"]), inner, max_size=6
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_no_content_is_too_odd(content: Any) -> None:
    found = read_result({"content": content}, "")
    for piece in found.pieces():
        if isinstance(piece, Attachment):
            assert piece.words
            assert_is_safe(piece.name)
        else:
            assert isinstance(piece, str)


# File names


def assert_is_safe(name: str) -> None:
    """Assert that a name is one file's, in whichever folder and on whichever system it is made."""
    assert re.fullmatch(r"[0-9]{2,}[A-Za-z0-9._-]*", name)
    assert len(name) <= 120
    assert not name.endswith((".", " "))
    assert Path(name).name == name


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text)[:30])
def test_a_file_name_is_a_file_name_whatever_the_server_calls_it(text: str) -> None:
    blocks = [
        {"type": "resource", "resource": {"uri": text, "text": "x"}},
        {"type": "resource", "resource": {"uri": f"https://host/{text}", "mimeType": text, "text": "x"}},
        {"type": "image", "data": "", "mimeType": text},
        {"type": "resource_link", "name": text, "mimeType": f"image/{text}"},
        {"type": text, "uri": None, "name": text},
    ]
    for piece in result(*blocks).pieces():
        assert isinstance(piece, Attachment)
        assert_is_safe(piece.name)


@given(
    st.text() | st.text("./\\-:% \x00ab"), st.text() | st.sampled_from(["image/png", "text/plain", "../x", "image/x"])
)
def test_every_file_name_is_safe(uri: str, mime_type: str) -> None:
    for block in (
        {"type": "x", "uri": uri, "mimeType": mime_type},
        {"type": "x", "name": uri, "mimeType": f"image/{uri}"},
    ):
        assert_is_safe(attachment(block).name)


@pytest.mark.parametrize(
    ("uri", "mime_type", "name"),
    [
        ("file:///srv/report.pdf", "application/pdf", "01-report.pdf"),
        ("file:///srv/report.pdf", "image/png", "01-report.pdf"),
        ("report", "application/pdf", "01-report.pdf"),
        ("a.tar.gz", "application/gzip", "01-a.tar.gz"),
        ("a b.PNG", "image/png", "01-a-b.PNG"),
        (".bashrc", "text/plain", "01-bashrc.txt"),
        ("../../etc/passwd", "text/plain", "01-passwd.txt"),
        ("C:\\x", "text/plain", "01-C-x.txt"),
        ("日本", "text/plain", "01.txt"),
        ("CON", "text/plain", "01-CON.txt"),
    ],
)
def test_a_file_keeps_what_is_safe_of_its_name(uri: str, mime_type: str, name: str) -> None:
    assert attachment({"type": "x", "uri": uri, "mimeType": mime_type}).name == name


def test_files_are_numbered_as_their_blocks_are() -> None:
    pieces = list(result({"type": "text", "text": "x"}, *[{"type": "image", "mimeType": "image/png"}] * 2).pieces())
    assert [piece.name for piece in pieces if isinstance(piece, Attachment)] == ["02.png", "03.png"]


# Saving


def picture(name: str = "01.png", data: bytes | None = PIXEL) -> Attachment:
    return Attachment("image", "image/png", name, data)


def test_a_file_is_saved_in_a_folder_that_is_made_for_it(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "deeper"
    make_folder(str(folder))
    make_folder(str(folder))
    path = save(picture(), str(folder))
    assert Path(path) == folder / "01.png"
    assert Path(path).read_bytes() == PIXEL


def test_no_file_is_ever_overwritten(tmp_path: Path) -> None:
    paths = [save(picture(data=bytes([number])), str(tmp_path)) for number in range(4)]
    assert [Path(path).name for path in paths] == ["01.png", "01-2.png", "01-3.png", "01-4.png"]
    assert [Path(path).read_bytes() for path in paths] == [bytes([number]) for number in range(4)]


def test_a_name_with_several_dots_gets_its_number_before_the_last(tmp_path: Path) -> None:
    names = [Path(save(picture("01-a.tar.gz"), str(tmp_path))).name for _ in range(2)]
    assert names == ["01-a.tar.gz", "01-a.tar-2.gz"]


@pytest.mark.skipif(os.name == "nt", reason="links of POSIX")
def test_a_link_is_neither_followed_nor_replaced(tmp_path: Path) -> None:
    (tmp_path / "01.png").symlink_to(tmp_path / "elsewhere")
    assert Path(save(picture(), str(tmp_path))).name == "01-2.png"
    assert not (tmp_path / "elsewhere").exists()
    (tmp_path / "folder.png").mkdir()
    assert Path(save(picture("folder.png"), str(tmp_path))).name == "folder-2.png"


@pytest.mark.parametrize("write", [make_folder, lambda folder: save(picture(), folder)], ids=["make", "save"])
@pytest.mark.parametrize("name", ["file", "file/below", "file/below/deeper"])
def test_a_folder_that_cannot_be_written_to_is_told(tmp_path: Path, name: str, write: Callable[[str], Any]) -> None:
    (tmp_path / "file").write_bytes(b"kept")
    folder = str(tmp_path / name)
    with pytest.raises(Failure, match="cannot write to") as caught:
        write(folder)
    failure = caught.value
    assert (failure.code, failure.exit_code) == ("file", ExitCode.ERROR)
    assert folder in failure.message
    assert "--output-dir" in str(failure.remedy)
    assert (tmp_path / "file").read_bytes() == b"kept"


def test_a_folder_that_went_away_is_told(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="cannot write to"):
        save(picture(), str(tmp_path / "gone"))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_folder_that_may_not_be_written_to_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(Failure, match="cannot write to"):
        save(picture(), str(tmp_path))
    tmp_path.chmod(0o700)


def test_a_folder_that_has_all_the_names_already_is_told(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"")
    (tmp_path / "x.png").hardlink_to(tmp_path / "x")
    for number in range(2, 10_000):
        os.link(tmp_path / "x", tmp_path / f"x-{number}.png")
    with pytest.raises(Failure, match="has 9,999 files of this name"):
        save(picture("x.png"), str(tmp_path))


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text)[:30])
def test_a_file_is_saved_in_the_folder_whatever_the_server_calls_it(tmp_path: Path, text: str) -> None:
    make_folder(str(tmp_path / "folder"))
    for block in ({"type": "x", "uri": text, "text": "x"}, {"type": "x", "name": text, "mimeType": text, "text": "x"}):
        path = Path(save(attachment(block), str(tmp_path / "folder")))
        assert path.parent == tmp_path / "folder"
        assert path.read_bytes() == b"x"
    assert [path.name for path in tmp_path.iterdir() if path.name != "home"] == ["folder"]
