"""What a tool answered: its text for people, its pictures and files named and saved, its structured content."""

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

_MAX_TYPE = 100
_MAX_LINK = 2000


class Attachment(NamedTuple):
    """A block that is no text: `kind` is image, audio, resource ...; `data` is None where it cannot be decoded.

    `link` is where it can be had, if that is all that is known of it.
    """

    kind: str
    mime_type: str
    name: str
    data: bytes | None
    link: str | None = None

    @property
    def words(self) -> str:
        """What it is, for a person."""
        if self.data is not None:
            size = f"of {len(self.data):,} bytes".replace(",", " ")
        else:
            size = "of unreadable data" if self.link is None else f"at {self.link[:_MAX_LINK]}"
        return f"{self.kind[:_MAX_TYPE]} {self.mime_type[:_MAX_TYPE]} {size}"


class Result(NamedTuple):
    """A tool's whole result object, as the proxy sent it (tests/contract/shapes/mcp_tools_call.*.json)."""

    whole: dict[str, Any]

    @property
    def is_error(self) -> bool:
        """Whether the tool says that it failed."""
        return self.whole.get("isError") is True

    @property
    def blocks(self) -> list[dict[str, Any]]:
        """The content blocks, those that are objects."""
        content = self.whole.get("content")
        return [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []

    @property
    def structured(self) -> Any:
        """The structured content, None where there is none."""
        return self.whole.get("structuredContent")

    def pieces(self) -> Iterator[str | Attachment]:
        """Yield the content in order: texts, and what is none."""
        for number, block in enumerate(self.blocks, 1):
            text = block.get("text")
            if block.get("type") == "text" and isinstance(text, str):
                yield text
            else:
                yield _attachment(block, number)


def read_result(answer: Any, where: str) -> Result:
    """Return the result in an answer; anything but an object with content is not a tool's."""
    if not isinstance(answer, dict) or not ("content" in answer or "structuredContent" in answer):
        raise Unavailable(
            "bad_response",
            f"{where} did not answer with a tool's result: the call was made, and what became of it is not known",
            remedy="pass -v, and look into the proxy's log",
        )
    return Result(answer)


def failed(path: str) -> Rejected:
    """Return the failure of a tool that reported an error."""
    return Rejected("rejected", f"the tool {path} reported an error", remedy=f"litellmctl mcp show {shlex.quote(path)}")


def make_folder(folder: str) -> None:
    """Make the folder for attachments, before the call: a result cannot be had twice."""
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from None


def save(attachment: Attachment, folder: str) -> str:
    """Write an attachment into the folder, beside what is there already; return its path."""
    stem, dot, ending = attachment.name.rpartition(".")
    names = (attachment.name if number == 1 else f"{stem}-{number}{dot}{ending}" for number in range(1, 10_000))
    try:
        path = files.write_new(folder, names, attachment.data or b"")
    except OSError as error:
        raise _unwritable(folder, error) from None
    if path is None:
        raise Failure("file", f"{folder} is full of files of that name", remedy="choose another --output-dir")
    return str(Path(path))


def _unwritable(folder: str, error: OSError) -> Failure:
    return Failure("file", f"cannot write to {folder}: {files.reason(error)}", remedy="choose another --output-dir")


def _attachment(block: dict[str, Any], number: int) -> Attachment:
    kind = block.get("type")
    kind = kind if isinstance(kind, str) and kind else "content"
    inner = block.get("resource")
    source = inner if isinstance(inner, dict) else block
    own_type = source.get("mimeType")
    mime_type = own_type if isinstance(own_type, str) and own_type else "application/octet-stream"
    data: bytes | None = None
    link: str | None = None
    encoded, text = source.get("blob", source.get("data")), source.get("text")
    if isinstance(encoded, str):
        try:
            data = b64decode(encoded, validate=True)
        except ValueError:
            data = None
    elif isinstance(text, str):
        data = text.encode("utf-8", "replace")
        mime_type = mime_type if own_type else "text/plain"
    else:
        link = source["uri"] if isinstance(source.get("uri"), str) else None
    uri = source.get("uri") if isinstance(source.get("uri"), str) else source.get("name")
    return Attachment(kind, mime_type, _file_name(uri, number, mime_type), data, link)


def _file_name(uri: Any, number: int, mime_type: str) -> str:
    """Return a file name that a server cannot make into a path: its number, a safe part of its own name, an ending."""
    mime_type = mime_type.partition(";")[0].strip().lower()
    # audio/wav is known to some machines only.
    same = re.fullmatch(r"(?:image|audio|video)/(?:x-)?([a-z0-9]{1,8})", mime_type)
    ending = mimetypes.guess_extension(mime_type, strict=False) or (f".{same[1]}" if same else ".bin")
    stem = ""
    if isinstance(uri, str):
        stem = re.sub(r"[^A-Za-z0-9._-]+", "-", uri.rsplit("/", 1)[-1]).strip("-.")[:80]
        if re.search(r"\.[A-Za-z0-9]{1,8}$", stem):
            stem, _, own = stem.rpartition(".")
            ending = f".{own}"
    return f"{number:02}-{stem}{ending}" if stem else f"{number:02}{ending}"
