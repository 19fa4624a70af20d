from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import ClassVar

import pytest

from litellmctl.sandbox import variables

posix = pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")


class TestEnvironments:
    USER: ClassVar = {
        "PATH": os.environ["PATH"],
        "HOME": "/home/ada",
        "LANG": "C.UTF-8",
        "OPENAI_API_KEY": "sk-1",
        "AWS_PROFILE": "prod",
        "HTTPS_PROXY": "http://proxy.example.com:8080",
        "LITELLM_API_KEY": "sk-2",
        "LITELLM_SALT_KEY": "sk-3",
        "LITELLMCTL_PROFILE": "work",
        "DATABASE_URL": "postgresql://x",
        "EDITOR": "vi",
    }

    def test_proxy_sees_nothing_of_the_user(self, tmp_path: Path):
        own = variables.of_proxy(self.USER, tmp_path, "sk-own")
        assert not {"sk-1", "sk-2", "sk-3", "prod", "work", "vi", "postgresql://x", "/home/ada"} & set(own.values())
        assert own["PATH"] == self.USER["PATH"]
        assert own["HOME"] == own["USERPROFILE"] == own["TMPDIR"] == str(tmp_path)
        assert own["LITELLM_MASTER_KEY"] == "sk-own"
        assert own["LITELLM_MODE"] == "PRODUCTION"  # else LiteLLM loads a .env from the folders above it
        assert own["HTTPS_PROXY"] == "http://127.0.0.1:9"

    def test_command_sees_the_sandbox_only(self, tmp_path: Path):
        own = variables.of_command(self.USER, "http://127.0.0.1:1", "sk-own", tmp_path)
        assert {name: value for name, value in own.items() if name.startswith("LITELLM")} == {
            "LITELLM_BASE_URL": "http://127.0.0.1:1",
            "LITELLM_API_KEY": "sk-own",
            "LITELLMCTL_CONFIG_DIR": str(tmp_path / "config"),
            "LITELLMCTL_CACHE_DIR": str(tmp_path / "cache"),
        }
        assert own["EDITOR"] == "vi"
        assert own["OPENAI_API_KEY"] == "sk-1"

    def test_command_is_told_which_key_commands_run(self, tmp_path: Path):
        user = {**self.USER, "LITELLMCTL_KEY_COMMANDS": "0123abcd"}
        own = variables.of_command(user, "http://127.0.0.1:1", "sk-own", tmp_path)
        assert own["LITELLMCTL_KEY_COMMANDS"] == "0123abcd"

    @posix
    def test_program_is_found(self, tmp_path: Path):
        path = variables.of_command({"PATH": "/nowhere"}, "", "", tmp_path)["PATH"]
        assert path.startswith("/nowhere:/")
        (tmp_path / "litellmctl").write_text("#!/bin/sh\n")
        (tmp_path / "litellmctl").chmod(0o755)
        assert variables.of_command({"PATH": str(tmp_path)}, "", "", tmp_path)["PATH"] == str(tmp_path)
