"""The program that a user wants to run."""

from __future__ import annotations

from pathlib import Path

import pytest

from litellmctl.launch import executable


@pytest.mark.parametrize(
    ("first", "found"),
    [
        ("#!/v/bin/python -E", ["/v/bin/python"]),
        ("#!/v/bin/python3.12 -sE", ["/v/bin/python3.12"]),
        ('#!"/my v/bin/python" -I', ["/my v/bin/python"]),
        ("#!/v/bin/python", []),
        ("#!/v/bin/python -s --E", []),
        ("#!/usr/bin/env -S python -E", []),
        ("#!/bin/sh -E", []),
        ("#!", []),
        ("#!'", []),
        ("\x7fELF", []),
        ("", []),
    ],
)
def test_a_script_that_ignores_pythons_path_is_started_by_its_python(
    first: str, found: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "llm"
    path.write_bytes(f"{first}\nimport sys -E\n".encode())
    assert executable.interpreter(str(path)) == found


def test_what_cannot_be_read_has_no_python(tmp_path: Path) -> None:
    assert executable.interpreter(str(tmp_path / "none")) == []
    assert executable.interpreter(str(tmp_path)) == []
    (tmp_path / "long").write_bytes(b"#!" + b"x" * 10**6)
    assert executable.interpreter(str(tmp_path / "long")) == []
