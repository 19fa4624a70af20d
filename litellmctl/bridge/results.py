"""Results of tools, made acceptable to clients: a part that a client refuses would make it lose the whole result.

What clients refuse is in the schemas of the official SDKs (types.ts of @modelcontextprotocol/sdk 1.0.1 and 1.32.2,
types.py of mcp 1.9.0 and 2.3.0): a member that is null, a content block of unknown type or without a required member,
invalid Base64. The proxy sends the first itself (`"annotations": null`), servers the rest.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from litellmctl.foundation.text import cut, dump_json

# The first versions that have these types of content.
_SINCE = {"audio": "2025-03-26", "resource_link": "2025-06-18"}
# What clients in Python take for a URL (pydantic's AnyUrl): there is a scheme, and something after it.
_URI = r"[A-Za-z][A-Za-z0-9+.-]*:\S+"
_DATE_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)"
# A larger copy of structured content as text would be for no reader.
_MAX_COPY = 2**20
_MAX_TYPE = 100
_NOT_STRUCTURED = (
    "litellmctl: this is what the tool returned. It is marked as an error because the tool's output schema promises "
    "structured content, which the tool did not return, and clients refuse that. The call was made."
)


def acceptable(result: dict[str, Any], version: str, output_schema: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return a tool's result as clients of this protocol version accept it; what they accept stays as it is.

    `output_schema` is the tool's, if it has one: clients then insist on structured content.
    """
    content = result.get("content")
    blocks = content if isinstance(content, list) else [] if content is None else [content]
    whole = {name: value for name, value in result.items() if value is not None and name not in _OUR_MEMBERS}
    if isinstance(result.get("_meta"), dict):
        whole["_meta"] = result["_meta"]
    if isinstance(result.get("isError"), bool):
        whole["isError"] = result["isError"]
    whole["content"] = [_block(block, version, number) for number, block in enumerate(blocks, 1)]
    structured = result.get("structuredContent")
    if structured is not None:
        _add_structured(whole, structured)
    if output_schema is not None and "structuredContent" not in whole and not whole.get("isError"):
        _keep_promise(whole, output_schema)
    return whole


# What is checked one by one. `resultType` is of later versions, which have no initialization.
_OUR_MEMBERS = {"content", "structuredContent", "isError", "_meta", "resultType"}


def _add_structured(whole: dict[str, Any], structured: Any) -> None:
    if isinstance(structured, dict):
        whole["structuredContent"] = structured
    if not whole["content"]:  # many clients show their model only text
        text = dump_json(structured)
        if len(text) <= _MAX_COPY or not isinstance(structured, dict):
            whole["content"] = [{"type": "text", "text": text}]


def _keep_promise(whole: dict[str, Any], schema: dict[str, Any]) -> None:
    """Add the structured content that an output schema promises, or mark the result as an error."""
    structured = _structured_in(whole["content"], schema)
    if structured is not None:
        whole["structuredContent"] = structured
        return
    # Clients raise an error instead of showing what the tool returned, unless the result is an error itself.
    whole["isError"] = True
    whole["content"] = [*whole["content"], {"type": "text", "text": _NOT_STRUCTURED}]


def _structured_in(content: list[dict[str, Any]], schema: dict[str, Any]) -> dict[str, Any] | None:
    """Return the structured content that the only text of a result is, or holds; None if neither."""
    texts = [block["text"] for block in content if block["type"] == "text"]
    if len(texts) != 1:
        return None
    try:
        value = json.loads(texts[0], parse_constant=_refused)
    except (ValueError, RecursionError):
        value = texts[0]
    required = schema.get("required")
    required = required if isinstance(required, list) else []
    if isinstance(value, dict) and all(name in value for name in required):
        return value
    # FastMCP and the SDK for Python wrap what is not an object so.
    properties = schema.get("properties")
    inner = properties.get("result") if isinstance(properties, dict) else None
    if required == ["result"] and isinstance(inner, dict):
        return {"result": texts[0] if inner.get("type") == "string" else value}
    return None


def _refused(name: str) -> Any:
    raise ValueError(name)


def _block(block: Any, version: str, number: int) -> dict[str, Any]:
    """Return a content block, or one that stands for it."""
    kind = block.get("type") if isinstance(block, dict) else None
    if not isinstance(kind, str) or kind not in _BLOCKS:
        return _as_text(block)
    if version < _SINCE.get(kind, ""):
        data = _data(block) if kind == "audio" else None
        if data is None:
            return _as_text(block)
        resource = {"uri": f"audio:{number}", "mimeType": data["mimeType"], "blob": data["data"]}
        return {"type": "resource", "resource": resource}
    return _BLOCKS[kind](block) or _as_text(block)


def _text(block: dict[str, Any]) -> dict[str, Any] | None:
    return _cleaned(block, {"text"}) if isinstance(block.get("text"), str) else None


def _data(block: dict[str, Any]) -> dict[str, Any] | None:
    data = _base64(block.get("data"))
    if data is None or not isinstance(block.get("mimeType"), str):
        return None
    return {**_cleaned(block, {"mimeType"}), "data": data}


def _link(block: dict[str, Any]) -> dict[str, Any] | None:
    if not _is_uri(block.get("uri")) or not isinstance(block.get("name"), str):
        return None
    return _cleaned(block, {"uri", "name"})


def _resource(block: dict[str, Any]) -> dict[str, Any] | None:
    inner = block.get("resource")
    if not isinstance(inner, dict) or not _is_uri(inner.get("uri")):
        return None
    blob = _base64(inner.get("blob"))
    if isinstance(inner.get("text"), str):
        contents = _cleaned(inner, {"uri", "text"})
    elif blob is not None:
        contents = {**_cleaned(inner, {"uri"}), "blob": blob}
    else:
        return None
    return {**_cleaned(block, {"resource"}), "resource": contents}


_BLOCKS: dict[str, Callable[[dict[str, Any]], dict[str, Any] | None]] = {
    "text": _text,
    "image": _data,
    "audio": _data,
    "resource_link": _link,
    "resource": _resource,
}


def _is_uri(value: Any) -> bool:
    if not isinstance(value, str) or not re.fullmatch(_URI, value):
        return False
    if not value.lower().startswith(("http:", "https:", "ws:", "wss:", "ftp:")):
        return True
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(value)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _base64(value: Any) -> str | None:
    """Return Base64 without white space and with all of its padding; None for what is not Base64."""
    if not isinstance(value, str):
        return None
    bare = "".join(value.split()) if re.search(r"\s", value) else value
    if len(bare) % 4 == 0:
        bare = bare.removesuffix("=").removesuffix("=")
    if len(bare) % 4 == 1 or not re.fullmatch("[A-Za-z0-9+/]*", bare):
        return None
    return bare + "=" * (-len(bare) % 4)


def _as_text(block: Any) -> dict[str, Any]:
    """Return a text block for what no client accepts: its JSON, or what can be said of data that nobody can decode."""
    inner = block.get("resource") if isinstance(block, dict) else None
    source = inner if isinstance(inner, dict) else block
    data = source.get("data", source.get("blob")) if isinstance(source, dict) else None
    if isinstance(data, str) and _base64(data) is None:
        mime_type = source.get("mimeType") or block.get("type")
        text = f"litellmctl: {cut(str(mime_type), _MAX_TYPE)} that is not valid Base64 ({len(data):,} characters)"
        return {"type": "text", "text": text}
    return {"type": "text", "text": dump_json(block)}


def _cleaned(block: dict[str, Any], kept: set[str]) -> dict[str, Any]:
    """Return a block without those optional members that are not as they must be."""
    return {
        name: _CLEANERS[name](value) if name in _CLEANERS else value
        for name, value in block.items()
        if name in kept or (value is not None and _CHECKS.get(name, _is_anything)(value))
    }


def _annotations(value: dict[str, Any]) -> dict[str, Any]:
    return {name: one for name, one in value.items() if _ANNOTATIONS.get(name, _is_anything)(one)}


def _is_anything(_value: Any) -> bool:
    return True


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_audience(value: Any) -> bool:
    return isinstance(value, list) and all(one in ("user", "assistant") for one in value)


def _is_priority(value: Any) -> bool:
    return _is_number(value) and 0 <= value <= 1


def _is_time(value: Any) -> bool:
    if not isinstance(value, str) or not re.fullmatch(_DATE_TIME, value, re.ASCII):
        return False
    from datetime import datetime

    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def _are_icons(value: Any) -> bool:
    return isinstance(value, list) and all(_is_icon(one) for one in value)


def _is_icon(value: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("src"), str):
        return False
    sizes, theme = value.get("sizes", []), value.get("theme", "light")
    is_listed = isinstance(sizes, list) and all(isinstance(size, str) for size in sizes)
    return is_listed and theme in ("light", "dark") and isinstance(value.get("mimeType", ""), str)


_CHECKS: dict[str, Callable[[Any], bool]] = {
    "annotations": _is_object,
    "_meta": _is_object,
    "mimeType": _is_text,
    "title": _is_text,
    "description": _is_text,
    "size": _is_number,
    "icons": _are_icons,
}
_ANNOTATIONS: dict[str, Callable[[Any], bool]] = {
    "audience": _is_audience,
    "priority": _is_priority,
    "lastModified": _is_time,
}
_CLEANERS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {"annotations": _annotations}
