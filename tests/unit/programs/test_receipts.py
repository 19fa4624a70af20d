"""Receipts of what was written into other programs' files: what cannot be one of ours is refused, and nothing is lost."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from litellmctl.errors import Failure
from litellmctl.foundation import files
from litellmctl.programs.changes import FileChange, Set
from litellmctl.programs.receipts import Receipts


def receipt(**changed: Any) -> str:
    entry = {"path": "/nowhere", "before": None, "made_folders": [], "after_sha256": sha256(b"").hexdigest(), **changed}
    return json.dumps({"files": [entry]})


@pytest.mark.parametrize(
    "content",
    ["[" * 100_000, receipt(path="a\0b"), receipt(path=""), receipt(path="\ud800"), receipt(made_folders=["a\0b"])],
    ids=["nested too deeply", "a NUL in a path", "an empty path", "a lone surrogate", "a NUL in a folder"],
)
def test_a_receipt_that_is_none_is_refused_and_stays(tmp_path: Path, content: str) -> None:
    path = tmp_path / "exports" / "pi.000001.json"
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(Failure, match=r"cannot read the receipt .*pi\.000001\.json") as caught:
        Receipts(str(tmp_path), "pi").undo()
    assert caught.value.code == "file"
    assert path.read_text() == content


@pytest.mark.parametrize("name", ["pi.old.json", "pi.000001.copy.json", "pi.000009 (copy).json"])
def test_what_somebody_keeps_beside_the_receipts_is_none(tmp_path: Path, name: str) -> None:
    receipts = Receipts(str(tmp_path), "pi")
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports" / name).write_text("mine")
    assert receipts.count == 0
    theirs = tmp_path / "theirs.json"
    receipts.write(receipts.plan([FileChange(theirs, "json", [Set(("a",), 1)])]))
    assert receipts.undo() == [(theirs, False)]
    assert not theirs.exists()


@pytest.mark.parametrize("step", ["write", "undo"])
def test_what_another_program_writes_at_the_last_moment_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    receipts = Receipts(str(tmp_path), "pi")
    theirs = tmp_path / "theirs.json"
    theirs.write_text('{"n": 1}')
    planned = receipts.plan([FileChange(theirs, "json", [Set(("a",), 1)])])
    if step == "undo":
        receipts.write(planned)
    temporary = files._temporary

    def meanwhile(folder: str, name: str) -> str:
        if name == theirs.name:
            theirs.write_text('{"n": 2}')
        return temporary(folder, name)

    with monkeypatch.context() as patch:
        patch.setattr(files, "_temporary", meanwhile)
        with pytest.raises(Failure, match="another program has just changed it"):
            receipts.write(planned) if step == "write" else receipts.undo()
    assert theirs.read_text() == '{"n": 2}'
    assert receipts.count == (step == "undo")
    assert not [one.name for one in tmp_path.iterdir() if one.name.startswith(".")]
