from __future__ import annotations

import os
import plistlib
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from litellmctl.relay import units

ODD = ["--allow-origin", "http://a$b%c", "it's", 'say "hi"', "a\\b", "tab\there", "größe", "", " ;"]
VARIABLES = {"LITELLMCTL_CONFIG_DIR": "/home/ü/s p/$x%y\"'\\"}


def test_a_usual_unit_needs_no_quotes():
    text = units.systemd("work", ["/usr/bin/litellmctl", "serve", "--profile", "work", "--port", "20001"], {})
    assert "\nExecStart=/usr/bin/litellmctl serve --profile work --port 20001\n" in text
    assert "Environment" not in text
    assert text.startswith("[Unit]\nDescription=litellmctl relay (profile work)\n")
    assert text.endswith("\n[Install]\nWantedBy=default.target")
    assert "\nStandardOutput=null\n" in text


def test_each_profile_has_a_file_of_its_own():
    assert units.place("systemd", "default") == (
        *("~/.config/systemd/user/litellmctl.service", "systemctl --user enable --now litellmctl"),
    )
    path, command = units.place("launchd", "work")
    assert path == "~/Library/LaunchAgents/litellmctl-work.plist"
    assert command.endswith(f" {path}")


def test_what_systemd_would_replace_is_escaped():
    text = units.systemd("work", ["/opt/$x %y/litellmctl", "$HOME", "%h", "a b"], {"NAME": "$x %y"})
    assert '\nExecStart="/opt/$x %%y/litellmctl" $$HOME "%%h" "a b"\n' in text
    assert '\nEnvironment="NAME=$x %%y"\n' in text


def test_an_agent_is_read_back_as_it_was():
    words = ["/usr/bin/litellmctl", *(word for word in ODD if word.isprintable())]
    agent = plistlib.loads(units.launchd("work", words, VARIABLES, "/tmp/x.log").encode())
    assert agent["Label"] == "litellmctl.serve.work"
    assert agent["ProgramArguments"] == words
    assert agent["EnvironmentVariables"] == VARIABLES
    assert agent["RunAtLoad"] is True
    assert agent["Umask"] == 0o077
    assert "StandardOutPath" not in agent
    assert "EnvironmentVariables" not in plistlib.loads(units.launchd("work", words, {}, "/tmp/x").encode())


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
@pytest.mark.parametrize("name", ["litellmctl", "a b$c%d;e", "it's", 'a"b'])
def test_systemd_takes_the_unit(name: str, tmp_path: Path):
    program = tmp_path / name / "litellmctl"
    program.parent.mkdir(exist_ok=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)
    unit = tmp_path / "litellmctl.service"
    unit.write_text(units.systemd("work", [str(program), "serve", *ODD], VARIABLES) + "\n")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--user", str(unit)],
        env={**os.environ, "XDG_RUNTIME_DIR": str(runtime), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), shlex.join(done.args)
