"""What the interpreter adds: its options, encodings and warnings, its own end, and a machine that gives it nothing."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import pytest

from tests.conftest import Result
from tests.contract.tools import ADD, CALL, answer, offering, tool
from tests.fake_proxy import FakeProxy, row
from tests.server import free_port

posix = pytest.mark.skipif(sys.platform == "win32", reason="descriptors and limits are others there")
COMMANDS = [
    ["--version"],
    ["--help"],
    ["models", "--help"],
    ["help", "environment"],
    ["completion", "bash"],
    ["config", "list"],
    ["config", "path", "--json"],
    ["token"],
    ["env"],
    ["models"],
    ["models", "--json"],
    ["nonsense"],
    [],
    ["config", "get", "nonsense"],
    ["--profile", "nobody", "token", "--json"],
]


@pytest.fixture(autouse=True)
def models(proxy: FakeProxy) -> None:
    proxy.models(row("gpt"), row("größe"), times=None)


def started(
    env: dict[str, str], words: Sequence[str], *options: str, before: str = "", **streams: int | IO[Any]
) -> Result:
    """Run the program; `options` are the interpreter's own, and `before` is a program that runs first."""
    program = ["-c", f"import sys; {before}\nfrom litellmctl.__main__ import main; sys.exit(main())"]
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    words = [sys.executable, *options, *(program if before else ["-m", "litellmctl"]), *words]
    process = subprocess.Popen(words, env=env, **streams)  # type: ignore[call-overload]
    try:
        said = process.communicate(timeout=60)
    finally:
        process.kill()
    texts = [(data or b"").decode("utf-8") for data in said]
    result = Result.of(process.returncode, *texts)
    # The interpreter's own module logs what it could not load, while it is imported.
    ours = re.sub(r"ERROR:root:code for hash .*?unsupported hash type \w+\n", "", result.stderr, flags=re.DOTALL)
    for sign in ("Traceback", "Exception ignored", "this is a bug", "Fatal Python"):
        assert sign not in ours, result.stderr
    return result


@pytest.fixture(params=["full", "read-only"])
def unwritable(request: pytest.FixtureRequest) -> Any:
    """A descriptor that nothing can be written to."""
    if request.param == "full":
        if not os.path.exists("/dev/full"):
            pytest.skip("/dev/full is Linux's")
        descriptor = os.open("/dev/full", os.O_WRONLY)
    else:
        descriptor = os.open(os.devnull, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_the_exit_code_is_ours_whatever_the_interpreter_thinks_at_its_end(
    env: dict[str, str], unwritable: int, words: list[str]
) -> None:
    right = started(env, words)
    assert right.exit_code in {0, 2, 5}
    # Messages are a courtesy: where nobody can read them the exit code still says how it went.
    assert started(env, words, stderr=unwritable).exit_code == right.exit_code
    lost = started(env, words, stdout=unwritable)
    assert lost.exit_code == (right.exit_code or 1)
    if right:
        assert "cannot write the output" in lost.stderr
    assert started(env, words, stdout=unwritable, stderr=unwritable).exit_code == lost.exit_code


# What imports most, prints most, and fails: each command would take minutes.
SOME = [["--help"], ["models", "--help"], ["models", "--json"], ["config", "list"], ["token"], ["nonsense"]]
OPTIONS = [
    ["-O"],
    ["-OO"],
    ["-X", "dev"],
    ["-W", "error"],
    ["-W", "always"],
    ["-X", "warn_default_encoding", "-W", "error"],
    ["-OO", "-bb", "-X", "dev", "-W", "error"],
    ["-X", "utf8=0"],
]


@pytest.mark.parametrize("words", SOME, ids=" ".join)
@pytest.mark.parametrize("options", OPTIONS, ids=" ".join)
def test_an_option_of_the_interpreter_changes_nothing(
    env: dict[str, str], options: list[str], words: list[str]
) -> None:
    right, found = started(env, words), started(env, words, *options)
    assert (found.exit_code, found.stderr) == (right.exit_code, right.stderr)
    if not ("-OO" in options and "--help" in words):  # which drops the texts that help is made of
        assert found == right


def test_an_isolated_interpreter_runs_what_is_installed(env: dict[str, str]) -> None:
    # -I searches neither the current folder nor PYTHONPATH.
    root = str(Path(__file__).parents[2])
    for words in (["--version"], ["models", "--json"], ["nonsense"]):
        right = started(env, words)
        found = started(env, words, "-I", "-X", "dev", "-W", "error", before=f"sys.path.append({root!r})")
        assert (found.exit_code, found, found.stderr) == (right.exit_code, right, right.stderr)


def test_a_warning_is_shown_to_who_looks_for_bugs(env: dict[str, str]) -> None:
    warn = "import litellmctl.terminal.render as module, warnings; old = module.render\n"
    warn += "module.render = lambda *a: (warnings.warn('old'), old(*a))[1]"
    words = ["config", "list"]
    assert "UserWarning" not in started(env, words, before=warn).stderr
    assert "UserWarning" in started({**env, "LITELLMCTL_DEBUG": "1"}, words, before=warn).stderr


ENCODINGS = ["utf-16", "utf-16-le", "utf-32", "ascii", "ascii:strict", "latin-1", "cp037", "utf-7", "idna", "punycode"]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("words", [["models", "--json"], ["nonsense"]], ids=" ".join)
def test_whatever_the_encoding_a_pipe_gets_utf_8(env: dict[str, str], encoding: str, words: list[str]) -> None:
    right, found = started(env, words), started({**env, "PYTHONIOENCODING": encoding}, words)
    assert (found.exit_code, found, found.stderr) == (right.exit_code, right, right.stderr)


@posix
@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize(("words", "code"), [(["models", "--json"], 0), (["nonsense"], 2)])
def test_whatever_the_encoding_a_terminal_gets_something(
    env: dict[str, str], encoding: str, words: list[str], code: int
) -> None:
    import pty

    ours, theirs = pty.openpty()
    try:
        done = started({**env, "PYTHONIOENCODING": encoding}, words, stdin=theirs, stdout=theirs, stderr=theirs)
        os.set_blocking(ours, False)
        shown = os.read(ours, 2**16)
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.exit_code == code
    assert shown.strip()
    for sign in (b"Traceback", b"Exception ignored", b"this is a bug"):
        assert sign not in shown.replace(b"\0", b"")


READERS = [
    ["login", "--with-token", "--base-url", "URL"],
    ["api", "-X", "POST", "/x", "--input", "-"],
    ["skills", "create", "-"],
]


@posix
@pytest.mark.parametrize("words", READERS, ids=" ".join)
def test_a_stdin_that_is_for_writing_only_is_an_error(
    env: dict[str, str], proxy: FakeProxy, tmp_path: Path, words: list[str]
) -> None:
    with (tmp_path / "written").open("wb") as stdin:
        found = started(env, [proxy.url if word == "URL" else word for word in words], stdin=stdin)
        assert (found.exit_code, found) == (1, "")
        assert found.stderr.startswith("Error: cannot read stdin: bad file descriptor\nTry:   ")
        assert started(env, ["config", "list"], stdin=stdin).exit_code == 0  # which reads nothing


@posix
@pytest.mark.parametrize("words", [["mcp", "call", "lab/add", "a=1"], ["skills", "create", "DIR", "--dry-run"]])
def test_a_stdin_that_cannot_be_read_is_no_matter_to_what_reads_none(
    env: dict[str, str], proxy: FakeProxy, tmp_path: Path, words: list[str]
) -> None:
    offering(proxy, tool("add", ADD)).on(CALL, answer("3"), method="POST", times=None)
    skill = tmp_path / "greet"
    skill.mkdir()
    (skill / "SKILL.md").write_text("---\nname: greet\ndescription: Says hi\n---\nSay hi.\n")
    words = [str(skill) if word == "DIR" else word for word in words]
    with (tmp_path / "written").open("wb") as stdin:
        found, right = started(env, words, stdin=stdin), started(env, words)
    assert right.exit_code == 0, right.stderr
    assert (found.exit_code, found) == (0, right), found.stderr


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "ascii:strict"])
def test_a_stdin_in_another_encoding_is_an_error(
    env: dict[str, str], proxy: FakeProxy, tmp_path: Path, encoding: str
) -> None:
    (tmp_path / "key").write_bytes("sk-größe".encode())
    with (tmp_path / "key").open("rb") as stdin:
        env["PYTHONIOENCODING"] = encoding
        found = started(env, ["login", "--with-token", "--base-url", proxy.url, "--json"], stdin=stdin)
    assert found.exit_code == 2
    assert found.error["message"].startswith("stdin is not valid ")
    assert found.error["remedy"] == "unset PYTHONIOENCODING"


NO_THREAD = """
import threading
left, real = [{left}], threading.Thread.start
def start(thread):
    if not left[0]:
        raise RuntimeError("can't start new thread")
    left[0] -= 1
    real(thread)
threading.Thread.start = start
"""


@pytest.mark.parametrize("left", [0, 1, 2])
@pytest.mark.parametrize(
    "words", [["models", "--refresh"], ["api", "/x"], ["doctor"], ["mcp", "list"], ["skills", "list"]]
)
def test_a_machine_that_has_no_thread_left_is_said_to_have_none(
    env: dict[str, str], left: int, words: list[str]
) -> None:
    env["LITELLM_BASE_URL"] = f"http://127.0.0.1:{free_port()}"
    found = started(env, [*words, "--json"], before=NO_THREAD.format(left=left))
    assert found.exit_code in {1, 3}
    if left == 0 or found.exit_code == 1:
        assert found.error["code"] == "system"
        assert "cannot start a thread" in found.error["message"]


NO_MORE = """
import builtins, errno, os
left = [{left}]
def hook(event, _):
    if event in ("open", "socket.__new__", "os.listdir"):
        left[0] -= 1
        if left[0] < 0:
            raise OSError({number}, os.strerror({number}), "/a/file")
sys.addaudithook(hook)
"""


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
@pytest.mark.parametrize("left", [30, 60, 80, 150, 300])
@pytest.mark.parametrize("words", [["models", "--refresh"], ["config", "set", "mcp", "true"]], ids=" ".join)
def test_a_machine_that_has_no_descriptor_left_is_said_to_have_none(
    env: dict[str, str], left: int, number: int, words: list[str]
) -> None:
    found = started(env, words, before=NO_MORE.format(left=left, number=number))
    # Which command fails where is the system's: but the reason is said, and the code is one of ours.
    assert found.exit_code in {0, 1, 2, 3}
    if found.exit_code:
        assert any(text in found.stderr for text in (os.strerror(number).lower(), "open more files")), found.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not hold the limit")
# OpenSSL 3, as `hashlib` loads it, spins for ever at some limits, 28 MiB for one.
@pytest.mark.parametrize("mebibytes", range(21, 49, 4))
def test_a_machine_that_has_no_memory_left_is_said_to_have_none(env: dict[str, str], mebibytes: int) -> None:
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({mebibytes << 20},) * 2)"
    found = started(env, ["models", "--refresh", "--json"], before=limit)
    if found.exit_code:
        assert found.exit_code == 1
        error = json.loads(found.stderr.splitlines()[-1])["error"]
        assert error["code"] == "system"
        assert "memory" in error["message"]


@pytest.mark.parametrize(("call", "frozen"), [("main()", True), ("main(['--version'])", False)])
def test_garbage_is_not_looked_for_where_the_process_ends(
    env: dict[str, str], tmp_path: Path, call: str, frozen: bool
) -> None:
    """It takes an eighth of `token`; whoever calls `main` in a program of theirs keeps their garbage collection."""
    code = f"import gc, sys; from litellmctl.__main__ import main; sys.argv[1:] = ['--version']; {call}; print(gc.get_freeze_count() > 0)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines()[-1] == str(frozen)
