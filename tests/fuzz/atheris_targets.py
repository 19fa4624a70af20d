"""Coverage-guided fuzzing of what reads bytes: `python -m tests.fuzz.atheris_targets TARGET SECONDS [OPTION...]`.

Atheris is no dependency of the project: pip install atheris (Linux and macOS). Options are libFuzzer's. A target takes
any bytes, and raises where the program does not keep what it promises: its only exceptions are documented failures.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
import tomllib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from litellmctl.auth import claims, login_file, vault
from litellmctl.errors import Failure, UsageFailure
from litellmctl.foundation.hiding import Hider
from litellmctl.foundation.ignorable import without_hidden
from litellmctl.foundation.sentences import sentence
from litellmctl.foundation.text import clean_text
from litellmctl.programs import documents, jsonc
from litellmctl.programs.changes import FileChange, Set
from litellmctl.proxy import error_answers, json_stream
from litellmctl.proxy import passthrough as pages
from litellmctl.settings import config
from litellmctl.skills import folder, manifest
from litellmctl.terminal.quotation import quoted

PATH = Path("/nowhere/their.file")


def read_rows(data: bytes) -> None:
    """Split at a place that the data says, rows are what json.loads finds."""
    place, body = (data[0] % max(1, len(data)), data[1:]) if data else (0, b"")
    expected = expected_rows(body)
    found: list[Any] | None
    try:
        found = list(json_stream.rows([body[:place], body[place:]]))
    except json_stream.Malformed:
        found = None
    assert repr(found) == repr(expected), (found, expected)


def expected_rows(body: bytes) -> list[Any] | None:
    """Return what `rows` should give, by the standard library's parser; None where it should find the body malformed."""
    outermost: list[tuple[str, Any]] = []

    def hook(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        outermost[:] = pairs
        return dict(pairs)

    try:
        value = json.loads(body.decode("utf-8-sig", "replace"), object_pairs_hook=hook)
    except (ValueError, RecursionError):
        return None
    if isinstance(value, list):
        return value
    # Of a key that comes twice the first one counts, since its elements are gone by when the second one comes.
    found = next((one for key, one in outermost if key == "data"), None) if isinstance(value, dict) else None
    return found if isinstance(found, list) else None


def read_manifest(data: bytes) -> None:
    """A SKILL.md is read or refused."""
    with suppress(UsageFailure):
        found = manifest.read_manifest(data, "SKILL.md")
        assert found.name.isprintable()
        assert found.name.strip() == found.name != ""


def read_archive(data: bytes) -> None:
    """An archive is read or refused, and no name in it leaves its folder."""
    with suppress(UsageFailure):
        found = folder._of_data(b"PK" + data, "a.zip")
        assert not any(name.startswith("/") or ".." in name.split("/") for name in found.entries)


def edit_jsonc(data: bytes) -> None:
    """JSON with comments that is understood keeps its meaning but for what changes."""
    text = data.decode("utf-8", "replace")
    try:
        before = jsonc.parse(text).value
    except jsonc.NotJson:
        before = None
    if before is not None:
        with suppress(ValueError):
            assert repr(json.loads(text.removeprefix("\ufeff"))) == repr(before)
    with suppress(Failure):
        after = documents.changed(FileChange(PATH, "json", [Set(("a", "b"), "new")]), text)
        found = jsonc.parse(after).value
        assert found["a"]["b"] == "new"


def edit_toml(data: bytes) -> None:
    """TOML that is valid is changed without losing something, or refused."""
    text = data.decode("utf-8", "replace")
    with suppress(Failure):
        after = documents.changed(FileChange(PATH, "toml", [Set(("a", "b"), {"c": "new"})]), text)
        assert tomllib.loads(after.removeprefix("\ufeff"))["a"]["b"] == {"c": "new"}


def edit_yaml(data: bytes) -> None:
    """YAML is changed or refused."""
    with suppress(Failure):
        documents.changed(FileChange(PATH, "yaml", [Set(("a", "b"), {"c": "new"})]), data.decode("utf-8", "replace"))


def read_config(data: bytes) -> None:
    """The config file is read or refused."""
    with suppress(Failure):
        config.parse(data, "config.toml")


def read_error_body(data: bytes) -> None:
    """An answer with an error becomes a documented failure, whatever is in it."""
    status = 300 + (data[0] * 2 if data else 0)
    failed = error_answers.failure_of(status, data[1:], url="https://h", path="/p", headers={})
    assert failed.exit_code > 1
    assert len(failed.message) < 1000
    pages._next(data[1:])


def read_vault(data: bytes) -> None:
    """The files of logins and secrets are read or refused, and never changed by that."""
    for name, read in _STORED.items():
        path = Path(_FOLDER.name) / name
        path.write_bytes(data)
        with suppress(Failure):
            read()
        assert path.read_bytes() == data


_FOLDER = tempfile.TemporaryDirectory(prefix="litellmctl-fuzz-")
_STORED: dict[str, Callable[[], Any]] = {
    "secrets.json": lambda: vault.FileVault(_FOLDER.name).get("id"),
    "logins.json": lambda: login_file.LoginFile(_FOLDER.name).read(),
}


def read_claims(data: bytes) -> None:
    """Any text is a token with claims, or none."""
    found = claims.claims_of(data.decode("utf-8", "surrogateescape"))
    if found is not None:
        until = claims.expiry_of(found)
        assert until is None or 0 < until < 2**40


_SECRET = "sk-AbC123xYz456QwErTy789"
_HIDER = Hider([_SECRET])


def hide_secret(data: bytes) -> None:
    """No text and no JSON repeats the secret once it is hidden, and hiding it again finds nothing more."""
    text = data.decode("utf-8", "surrogateescape")
    shown = _HIDER.hidden(text)
    assert _SECRET.lower() not in re.sub("[^ -~]", "", shown).lower()
    assert _HIDER.hidden(shown) == shown
    with suppress(ValueError, RecursionError):
        value = json.loads(text)
        assert repr(_HIDER.hidden_in_json(text, value)) == repr(_HIDER.hidden_in(value))


def print_text(data: bytes) -> None:
    """Nothing that is printed of a text acts on a terminal, and cleaning it again changes nothing."""
    text = data.decode("utf-8", "surrogateescape")
    for found in (said := sentence(text), clean_text(text), quoted(text, 80), quoted(text, None)):
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", found)
    assert sentence(said) == said
    assert len(said) <= 702
    assert without_hidden(without_hidden(text)) == without_hidden(text)


# The target, and what to begin with.
TARGETS: dict[str, tuple[Callable[[bytes], None], list[bytes]]] = {
    "rows": (read_rows, [b'\x03{"x": 1e5, "data": [1, {"a": null}, "\\ud83d\\ude00", [], -0.5E+3], "y": {}}', b"\x01[1]"]),
    "skill": (read_manifest, [b'---\nname: "a"\ndescription: >-\n  b\n---\ntext', b"---\r\nname: &x a\nb: *x\n---"]),
    "archive": (read_archive, [folder.pack(folder._of_data(b"---\nname: a\n---\n", "SKILL.md"))[2:]]),
    "jsonc": (edit_jsonc, [b'{\n  // c\n  "a": {"x": [1, 2.5e3, null,],},\n}\n', b'\xef\xbb\xbf{"a": {"b": "\\u00e9"}}']),
    "toml": (edit_toml, [b'# c\na.x = 1\n[[t]]\nb = """x"""\n[u."v"]\nd = 2020-01-01T00:00:00Z\n', b"a = {b = 0xf, c = inf}\n"]),
    "yaml": (edit_yaml, [b"# c\na:\n  x: 'y'\n  b: |-\n    t\nl:\n- 1\n- {k: v}\n"]),
    "config": (read_config, [b'default_profile = "a"\n[profiles.a]\nbase_url = "https://h"\nheaders = {x = "$Y"}\n']),
    "answers": (read_error_body, [b'\x40{"error": {"message": "no", "type": "t"}}', b'\x80{"detail": {"error": "x"}}']),
    "vault": (
        read_vault,
        [
            b'{"version": 1, "secrets": {"id": {"base_url": "https://h", "token": "t", "issued_at": 1.5}}}',
            b'{"version": 1, "logins": {"x": {"base_url": "u", "id": "i", "kind": "sso", "storage": "file", "issued_at": 1}}}',
            b'{"version": 1, "urls": {"x": "https://h"}, "discarded": [["file", "y"]]}',
        ],
    ),
    "hiding": (
        hide_secret,
        [b'["s\\u006b-AbC123xYz456QwErTy789", {"%73k-AbC123xYz456QwErTy789": 1}]', b"&#115;k-Ab\x1b[1mC123xYz456QwErTy789"],
    ),
    "printed": (print_text, [b"Error: x\nTry: y", "a\u202e\u200bb \u2764\ufe0f".encode(), b"a" * 700]),
    "jwt": (read_claims, [b"eyJhbGciOiJub25lIn0.eyJleHAiOjF9.", b"eyJhbGciOiJub25lIn0.e30.x"]),
}  # fmt: skip


def main(arguments: list[str]) -> int:
    """Fuzz one target for so many seconds; libFuzzer says what it finds, and ends the process with it."""
    if len(arguments) < 2 or arguments[0] not in TARGETS or not arguments[1].isdigit():
        print(
            f"usage: python -m tests.fuzz.atheris_targets TARGET SECONDS, TARGET one of {', '.join(TARGETS)}",
            file=sys.stderr,
        )
        return 2
    try:
        import atheris
    except ImportError:
        print("atheris is not installed: pip install atheris (it is no dependency of litellmctl)", file=sys.stderr)
        return 2
    name, seconds, *options = arguments
    target, seeds = TARGETS[name]
    with tempfile.TemporaryDirectory(prefix=f"litellmctl-{name}-") as corpus:
        for number, seed in enumerate(seeds):
            (Path(corpus) / str(number)).write_bytes(seed)
        for module in ("litellmctl", "json", "tomlkit", "ruamel.yaml", "tomllib"):
            for loaded in [one for one in sys.modules if one == module or one.startswith(f"{module}.")]:
                _instrument(atheris, sys.modules[loaded])
        atheris.Setup(
            [sys.argv[0], f"-max_total_time={seconds}", "-timeout=10", "-max_len=2048", *options, corpus], target
        )
        atheris.Fuzz()
    return 0


def _instrument(atheris: Any, module: Any) -> None:
    """Have atheris see which branches the module's functions take."""
    for owner in [
        module,
        *(one for one in vars(module).values() if isinstance(one, type) and one.__module__ == module.__name__),
    ]:
        for name, one in list(vars(owner).items()):
            if getattr(one, "__module__", None) == module.__name__ and hasattr(one, "__code__"):
                with suppress(Exception):
                    setattr(owner, name, atheris.instrument_func(one))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
