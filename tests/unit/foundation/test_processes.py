from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from litellmctl.foundation import processes

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and process groups")
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


class TestStartTime:
    @pytest.mark.parametrize("name", [b"sleep", b"a) S 1 2 3 (b", b"\xff\x00\n) Z", b") ) )"])
    def test_name_may_hold_anything(self, name: bytes):
        fields = b"S " + b" ".join(str(number).encode() for number in range(4, 53))
        assert processes.parse_proc_stat(b"123 (%s) %s\n" % (name, fields)) == "22"

    @pytest.mark.parametrize("state", [b"Z", b"X"])
    def test_zombie_has_ended(self, state: bytes):
        assert processes.parse_proc_stat(b"123 (x) %s %s" % (state, b"0 " * 49)) is None

    def test_ps(self):
        assert processes.parse_ps("Ss   Sun Nov  2 13:03:26 2026\n") == "Sun Nov 2 13:03:26 2026"
        assert processes.parse_ps("Z+   Sun Nov  2 13:03:26 2026\n") is None
        assert processes.parse_ps("") is None

    @posix
    def test_ps_of_this_process(self):
        assert processes._start_time_by_ps(os.getpid()) == processes._start_time_by_ps(os.getpid()) is not None

    def test_processes_here(self):
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        try:
            first = processes.start_time(child.pid)
            assert first is not None
            assert first == processes.start_time(child.pid)
        finally:
            child.communicate(b"\n")
        assert processes.start_time(child.pid) is None

    @posix
    def test_zombie_here(self):
        child = subprocess.Popen(["true"])
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert processes.start_time(child.pid) is None
        child.wait()

    @linux
    def test_odd_name_here(self):
        code = "import time; open('/proc/self/comm', 'wb').write(b'x) R 7 (y'); print(flush=True); time.sleep(30)"
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as child:
            before = processes.start_time(child.pid)
            assert child.stdout
            child.stdout.readline()
            assert b"x) R 7 (y" in Path(f"/proc/{child.pid}/stat").read_bytes()
            assert processes.start_time(child.pid) == before
            child.kill()


class TestBatchLine:
    """There is no cmd.exe here: these are the words that cross-spawn 7.0.6 makes, for a shim."""

    @pytest.mark.parametrize(
        ("word", "escaped"),
        [
            ("exec", r'^^^"exec^^^"'),
            ('a="b"', r'^^^"a=\^^^"b\^^^"^^^"'),
            ('{"x": "y z"}', r'^^^"{\^^^"x\^^^":^^^ \^^^"y^^^ z\^^^"}^^^"'),
            ("100%PATH%", r'^^^"100^^^%PATH^^^%^^^"'),
            ("--opt=(1)", r'^^^"--opt=^^^(1^^^)^^^"'),
        ],
    )
    def test_words_of_cross_spawn(self, word: str, escaped: str):
        assert processes.batch_line(r"C:\npm\x.cmd", [word]) == rf'cmd.exe /d /s /c "C:\npm\x.cmd {escaped}"'

    def test_a_path_with_spaces(self):
        assert processes.batch_line(r"C:\a b\x.cmd", []) == r'cmd.exe /d /s /c "C:\a^ b\x.cmd"'

    @pytest.mark.parametrize(
        ("word", "quoted"),
        [
            ('a="b"', r'"a=\"b\""'),
            ("a\\", r'"a\\"'),
            ('a\\"', r'"a\\\""'),
            ("a & del b", '"a & del b"'),
            ("100%PATH%", '"100%PATH%"'),
            ("", '""'),
        ],
    )
    def test_cmd_gives_the_word_that_was_meant(self, word: str, quoted: str):
        line = processes.batch_line("x.cmd", [word])
        escaped = line.removeprefix('cmd.exe /d /s /c "x.cmd ').removesuffix('"')
        # What cmd.exe leaves of it: it drops a caret and takes the next character as it is, twice.
        for _ in range(2):
            escaped = re.sub(r"\^(.)", r"\1", escaped)
        assert escaped == quoted
