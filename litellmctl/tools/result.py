"""The result of a tool: its text, its images and files, and its structured content."""

from __future__ import annotations

import mimetypes
import re
import shlex
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from litellmctl.errors import Failure, Rejected, Unavailable
from litellmctl.foundation import files
from litellmctl.foundation.text import cut

_MAX_TYPE = 100
_MAX_LINK = 2000
_ANY_TYPE = "application/octet-stream"
# How SDKs of MCP servers begin the only text of a result that is an error.
_ERRORS = (
    *("Error executing tool {name}: ", "Error calling tool '{name}'", "Unknown tool: {name}"),
    *("MCP error -32", "Input validation error: ", "Output validation error: "),
)


class Attachment(NamedTuple):
    """A content block that is not text: `kind` is image, audio, resource ...; `data` is None if it cannot be decoded.

    `link` is the URI of a resource that is not embedded, and `label` its name. `text` is the text of an embedded
    resource, which is printed like any other text.
    """

    kind: str
    mime_type: str
    name: str
    data: bytes | None
    link: str | None = None
    label: str | None = None
    text: str | None = None

    @property
    def words(self) -> str:
        """Its kind, type and size, for people."""
        kind, mime_type = self.kind[:_MAX_TYPE], self.mime_type[:_MAX_TYPE]
        if self.link is not None:
            label = "" if self.label is None else f' "{cut(self.label, _MAX_TYPE)}"'
            return f"{kind}{label} at {cut(self.link, _MAX_LINK)}{f' ({mime_type})' if mime_type else ''}"
        size = "not readable"
        if self.data is not None:
            size = f"{len(self.data):,} byte{'' if len(self.data) == 1 else 's'}"
        return f"{kind} {mime_type}, {size}"


class Result(NamedTuple):
    """A tool's whole result object, as the proxy sent it (shapes: tests/contract/shapes/mcp_tools_call.*.json)."""

    whole: dict[str, Any]

    @property
    def is_error(self) -> bool:
        """Whether the tool reports an error."""
        return self.whole.get("isError") is True

    @property
    def _content(self) -> list[Any]:
        content = self.whole.get("content")
        return content if isinstance(content, list) else []

    @property
    def blocks(self) -> list[dict[str, Any]]:
        """The content blocks that are objects."""
        return [block for block in self._content if isinstance(block, dict)]

    @property
    def strange(self) -> int:
        """The number of content blocks that are not objects, and so not MCP's."""
        return len(self._content) - len(self.blocks)

    @property
    def structured(self) -> Any:
        """The structured content; None if there is none."""
        return self.whole.get("structuredContent")

    def pieces(self) -> Iterator[str | Attachment]:
        """Yield the content in order: texts and attachments."""
        for number, block in enumerate(self.blocks, 1):
            text = block.get("text")
            if block.get("type") == "text" and isinstance(text, str):
                yield text
            else:
                yield _attachment(block, number)


def read_result(answer: Any, where: str, name: str = "") -> Result:
    """Return the result of the tool `name`. Raises `Unavailable` if the answer is not an object with content.

    Up to LiteLLM 1.80 the answer is only the list of content blocks, which becomes the content of an object. Only its
    text then says whether the tool failed.
    """
    if isinstance(answer, list) and (not answer or any(_is_block(one) for one in answer)):
        return Result({"content": answer, "isError": _says_error(answer, name)})
    if not isinstance(answer, dict) or not ("content" in answer or "structuredContent" in answer):
        raise Unavailable(
            "bad_response",
            f"{where} did not return a tool result: the call was made, but its outcome is unknown",
            remedy="check the effect of the call before you repeat it",
        )
    return Result(answer)


def _is_block(one: Any) -> bool:
    return isinstance(one, dict) and isinstance(one.get("type"), str)


def _says_error(content: list[Any], name: str) -> bool:
    if len(content) != 1 or not _is_block(content[0]) or content[0]["type"] != "text":
        return False
    text = content[0].get("text")
    return isinstance(text, str) and text.startswith(tuple(start.replace("{name}", name) for start in _ERRORS))


def failed(path: str) -> Rejected:
    """Return the failure for a tool that reported an error."""
    return Rejected("rejected", f"{path} reported an error", remedy=f"litellmctl mcp show {shlex.quote(path)}")


def make_folder(folder: str) -> None:
    """Make the folder for attachments. Before the call, because a result cannot be requested again."""
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from None


def save(attachment: Attachment, folder: str) -> str:
    """Write an attachment to a new file in the folder, and return its path."""
    stem, dot, ending = attachment.name.rpartition(".")
    names = (attachment.name if number == 1 else f"{stem}-{number}{dot}{ending}" for number in range(1, 10_000))
    try:
        path = files.write_new(folder, names, attachment.data or b"")
    except OSError as error:
        raise _unwritable(folder, error) from None
    if path is None:
        raise Failure(
            "file",
            f"cannot save {attachment.name}: {folder} has 9,999 files of this name",
            remedy="choose another --output-dir",
        )
    return str(Path(path))


def _unwritable(folder: str, error: OSError) -> Failure:
    return Failure("file", f"cannot write to {folder}: {files.reason(error)}", remedy="choose another --output-dir")


def _attachment(block: dict[str, Any], number: int) -> Attachment:
    kind = _text(block.get("type")) or "content"
    inner = block.get("resource")
    source = inner if isinstance(inner, dict) else block
    own_type, uri, label = _text(source.get("mimeType")), source.get("uri"), _text(source.get("name"))
    encoded, text = source.get("blob", source.get("data")), source.get("text")
    name = _file_name(uri if isinstance(uri, str) else label, number, own_type or "")
    if isinstance(encoded, str):
        try:
            data = b64decode(encoded, validate=True)
        except ValueError:
            data = None
        return Attachment(kind, own_type or _ANY_TYPE, name, data)
    if isinstance(text, str):
        name = _file_name(uri if isinstance(uri, str) else label, number, own_type or "text/plain")
        shown = text if source is inner else None
        return Attachment(kind, own_type or "text/plain", name, text.encode("utf-8", "replace"), text=shown)
    if isinstance(uri, str):
        return Attachment(kind, own_type or "", name, None, uri, label or _text(source.get("title")))
    return Attachment(kind, own_type or _ANY_TYPE, name, None)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _file_name(uri: Any, number: int, mime_type: str) -> str:
    """Return a safe file name: a number, what is safe of the server's name, and an extension."""
    mime_type = mime_type.partition(";")[0].strip().lower()
    # Some machines do not know audio/wav.
    same = re.fullmatch(r"(?:image|audio|video)/(?:x-)?([a-z0-9]{1,8})", mime_type)
    ending = mimetypes.guess_extension(mime_type, strict=False) or (f".{same[1]}" if same else ".bin")
    stem = ""
    if isinstance(uri, str):
        stem = re.sub(r"[^A-Za-z0-9._-]+", "-", uri.rsplit("/", 1)[-1]).strip("-.")[:80]
        if re.search(r"\.[A-Za-z0-9]{1,8}$", stem):
            stem, _, own = stem.rpartition(".")
            ending = f".{own}"
    return f"{number:02}-{stem}{ending}" if stem else f"{number:02}{ending}"
