from __future__ import annotations

import contextlib
import errno
import os
import shlex
import socket
import stat
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from litellmctl.foundation.files import (
    NotOurs,
    is_strangers,
    make_private_dir,
    opened,
    read,
    reason,
    remedy,
    write_atomically,
    write_new,
)
from litellmctl.foundation.locks import locked

try:
    import pwd
except ImportError:  # Windows
    pwd = None  # type: ignore[assignment]

STRANGER = 12345
LINUX = sys.platform == "linux"

pytestmark = pytest.mark.skipif(os.name == "nt", reason="modes and links of POSIX")


@pytest.fixture(autouse=True)
def generous_umask() -> object:
    """Let new files be readable by all unless the code says otherwise."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_file_is_for_the_user_alone_and_so_is_its_folder(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "secrets.json"
    write_atomically(file, b"secret")
    assert file.read_bytes() == b"secret"
    assert (mode(file), mode(file.parent)) == (0o600, 0o700)


def test_the_folders_above_are_for_the_user_alone_too(tmp_path: Path) -> None:
    make_private_dir(tmp_path / "above" / "folder")
    assert mode(tmp_path / "above") == 0o700


def test_a_folder_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o755)
    make_private_dir(folder)
    assert mode(folder) == 0o755


@pytest.mark.parametrize(("before", "after"), [(0o644, 0o600), (0o666, 0o600), (0o600, 0o600), (0o400, 0o400)])
def test_what_others_could_read_is_tightened_where_a_secret_is_added(tmp_path: Path, before: int, after: int) -> None:
    file = tmp_path / "config.toml"
    file.touch()
    file.chmod(before)
    write_atomically(file, b"secret")
    assert (mode(file), file.read_bytes()) == (after, b"secret")


@pytest.mark.parametrize("before", [0o644, 0o664, 0o600])
def test_a_file_without_secrets_keeps_its_mode(tmp_path: Path, before: int) -> None:
    file = tmp_path / "models.jsonl"
    file.touch()
    file.chmod(before)
    write_atomically(file, b"new", private=False)
    assert (mode(file), file.read_bytes()) == (before, b"new")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may give files away")
def test_the_owner_of_another_programs_file_stays(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.touch()
    os.chown(file, 12345, 23456)
    write_atomically(file, b"new", foreign=True)
    assert (file.stat().st_uid, file.stat().st_gid) == (12345, 23456)


# What is not as we make it

Give = Callable[[Path], None]
Touch = Callable[[Path], object]
TOUCHES: dict[str, Touch] = {
    "read": read,
    "write": lambda path: write_atomically(path, b"new"),
    "lock": lambda path: locked(path.with_suffix("")).__enter__(),
    "read, no links": lambda path: read(path, follow=False),
    "write, no links": lambda path: write_atomically(path, b"new", follow=False),
}
each_touch = pytest.mark.parametrize("touch", TOUCHES.values(), ids=TOUCHES)
LINKS = {name: TOUCHES[name] for name in ("read", "write")}


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        os.chdir(path.parent)  # a socket's whole path must be short
        listener.bind(path.name)


SPOILED: dict[str, tuple[Callable[[Path], object], str]] = {
    "a pipe": (os.mkfifo, "is not a file, but a named pipe"),
    "a socket": (_socket, "is not a file, but a socket"),
    "a link to a device": (lambda path: path.symlink_to("/dev/zero"), "is not a file, but a device"),
    "a link to a terminal": (lambda path: path.symlink_to("/dev/tty"), "is not a file, but a device"),
    "a folder": (Path.mkdir, "is a directory"),
    "a link to a folder": (lambda path: path.symlink_to("/proc/self" if LINUX else "/"), "is a directory"),
}


@pytest.fixture
def strangers(monkeypatch: pytest.MonkeyPatch) -> Give:
    """Return what makes a file another user's: in truth for root, else by letting us be somebody else from then on."""

    def give(path: Path) -> None:
        if os.geteuid() == 0:
            os.chown(path, STRANGER, -1, follow_symlinks=False)
        else:
            monkeypatch.setattr(os, "geteuid", lambda: STRANGER)

    return give


def owner_in_words() -> str:
    return f"uid {STRANGER}" if os.geteuid() == 0 else f"{pwd.getpwuid(os.getuid()).pw_name} (uid {os.getuid()})"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a path in a folder of ours, as long as that of a lock."""
    folder = tmp_path / "folder"
    folder.mkdir(0o700)
    monkeypatch.chdir(folder)
    return folder / "logins.json.lock"


@pytest.mark.timeout(20)
@each_touch
@pytest.mark.parametrize("spoiled", SPOILED)
def test_what_is_no_file_is_refused_and_not_waited_for(file: Path, spoiled: str, touch: Touch) -> None:
    spoil, words = SPOILED[spoiled]
    spoil(file)
    before = os.lstat(file)
    with pytest.raises(OSError) as error:  # noqa: PT011
        touch(file)
    linked = file.is_symlink() and touch not in LINKS.values()
    assert reason(error.value) == ("is a symbolic link, which is not followed here" if linked else words)
    assert error.value.filename == str(file)
    assert os.path.samestat(before, os.lstat(file))
    assert os.listdir(file.parent) == [file.name]
    if isinstance(error.value, NotOurs):
        assert remedy(error.value, "") == f"move {file} away"


@pytest.mark.timeout(20)
@pytest.mark.skipif(not LINUX, reason="the files of Linux's /proc")
@pytest.mark.parametrize("name", ["pagemap", "mem", "clear_refs", "environ", "fd/0", "task", "no such file"])
@pytest.mark.parametrize("touch", LINKS.values(), ids=LINKS)
def test_a_link_into_proc_holds_nobody(file: Path, name: str, touch: Touch) -> None:
    file.symlink_to(f"/proc/self/{name}")
    with contextlib.suppress(OSError):
        touch(file)
    assert os.listdir(file.parent) == [file.name]


@pytest.mark.timeout(20)
def test_an_endless_file_is_read_up_to_the_limit(file: Path) -> None:
    file.touch()
    os.truncate(file, 2**40)
    with pytest.raises(NotOurs, match="is larger than 256 MiB"):
        read(file)
    file.write_bytes(b"x" * 2**20)
    assert len(read(file, limit=2**20)) == 2**20
    with pytest.raises(NotOurs, match="is larger than 0 MiB"):
        read(file, limit=2**20 - 1)


@each_touch
def test_another_users_file_is_neither_read_nor_written(file: Path, strangers: Give, touch: Touch) -> None:
    file.write_bytes(b"theirs")
    whose = owner_in_words()
    strangers(file)
    before = file.stat()
    with pytest.raises(NotOurs) as error:
        touch(file)
    assert (error.value.errno, reason(error.value)) == (errno.EPERM, f"belongs to {whose}, not to you")
    assert error.value.filename == str(file)
    assert error.value.remedy.startswith(f"move {file} away or, if you know what is in it: ")
    assert error.value.remedy.endswith(f"chown {os.geteuid()} {file}")
    assert (file.read_bytes(), os.listdir(file.parent)) == (b"theirs", [file.name])
    assert (file.stat().st_uid, file.stat().st_ino, file.stat().st_mode) == (
        *(before.st_uid, before.st_ino, before.st_mode),
    )


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_the_remedy_for_a_full_disk_is_space(number: int) -> None:
    assert remedy(OSError(number, os.strerror(number), "a"), "make a writable") == "free some disk space"


def test_a_name_in_the_remedy_can_be_pasted(tmp_path: Path, strangers: Give) -> None:
    file = tmp_path / "it's mine; really"
    file.touch()
    strangers(file)
    with pytest.raises(NotOurs) as error:
        read(file)
    assert shlex.split(error.value.remedy.partition("in it: ")[2])[-1] == str(file)


@pytest.mark.parametrize("touch", LINKS.values(), ids=LINKS)
@pytest.mark.parametrize("steps", [1, 2])
def test_another_users_link_leads_nowhere(file: Path, strangers: Give, touch: Touch, steps: int) -> None:
    precious = file.with_name("precious")
    precious.write_bytes(b"precious")
    link = file
    if steps == 2:
        link = file.with_name("step")
        file.symlink_to(link)
    link.symlink_to(precious)
    strangers(link)
    with pytest.raises(NotOurs, match="is a symbolic link that belongs to ") as error:
        touch(file)
    if os.getuid() == 0:
        assert error.value.filename == str(link)
    assert precious.read_bytes() == b"precious"


@pytest.mark.parametrize("touch", LINKS.values(), ids=LINKS)
def test_ones_own_link_to_another_users_file(file: Path, strangers: Give, touch: Touch) -> None:
    theirs = file.with_name("theirs")
    theirs.write_bytes(b"theirs")
    file.symlink_to("theirs")
    strangers(theirs)
    with pytest.raises(NotOurs) as error:
        touch(file)
    if os.getuid() == 0:
        assert error.value.filename == str(theirs)
        assert error.value.remedy == f"move {file} away or, if you know what is in it: chown 0 {theirs}"
    assert theirs.read_bytes() == b"theirs"


def test_roots_files_are_as_good_as_ones_own() -> None:
    """The kernel's view of a file is made up here: nobody but root can make one of root's."""
    for uid, mine in ((0, True), (os.geteuid(), True), (STRANGER, False)):
        found = os.stat_result((stat.S_IFREG | 0o644, 1, 1, 1, uid, 0, 0, 0, 0, 0))
        assert is_strangers(found) is not mine


def test_links_in_a_circle(file: Path) -> None:
    file.symlink_to(file.with_name("other"))
    file.with_name("other").symlink_to(file)
    for touch in LINKS.values():
        with pytest.raises(OSError, match=os.strerror(errno.ELOOP)):
            touch(file)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("spoiled", ["a pipe", "a link to a device", "a link", "a socket", "a folder"])
def test_a_file_that_is_replaced_between_looking_and_opening(
    file: Path, monkeypatch: pytest.MonkeyPatch, spoiled: str
) -> None:
    file.write_bytes(b"ours")
    precious = file.with_name("precious")
    precious.write_bytes(b"precious")
    spoil = SPOILED[spoiled][0] if spoiled in SPOILED else (lambda path: path.symlink_to(precious))
    really = os.open

    def swapping(path: str, *rest: Any, **more: Any) -> int:
        if path == str(file):
            file.unlink()
            spoil(file)
        return really(path, *rest, **more)

    monkeypatch.setattr(os, "open", swapping)
    with pytest.raises(OSError):  # noqa: PT011
        read(file)


def test_another_users_file_in_the_place_of_ours_between_looking_and_opening(
    file: Path, strangers: Give, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_bytes(b"ours")
    theirs = file.with_name("theirs")
    theirs.write_bytes(b"theirs")
    really = os.open

    def swapping(path: str, *rest: Any, **more: Any) -> int:
        if path == str(file):
            strangers(theirs)
            os.replace(theirs, file)
        return really(path, *rest, **more)

    monkeypatch.setattr(os, "open", swapping)
    with pytest.raises(NotOurs, match="belongs to "):
        read(file)


def test_no_descriptor_is_left_open(file: Path, strangers: Give) -> None:
    file.write_bytes(b"x")
    before = len(os.listdir("/dev/fd"))
    for _ in range(5):
        read(file)
        with opened(file) as reader:
            assert reader.read() == b"x"
    os.mkfifo(file.with_name("pipe"))
    for path in (file.with_name("pipe"), file.with_name("nothing")):
        with pytest.raises(OSError):  # noqa: PT011
            read(path)
    assert len(os.listdir("/dev/fd")) == before


@pytest.mark.timeout(20)
@pytest.mark.parametrize("make", [os.mkfifo, Path.touch, lambda path: path.symlink_to("/dev/zero")])
def test_a_folder_that_is_replaced_before_it_is_synced_is_not_waited_for(
    file: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], object]
) -> None:
    real = os.replace

    def then(old: str, new: str) -> None:
        real(old, new)
        file.parent.rename(file.parent.with_name("moved"))
        make(file.parent)

    monkeypatch.setattr(os, "replace", then)
    write_atomically(file, b"new", durable=True)
    assert (file.parent.with_name("moved") / file.name).read_bytes() == b"new"


@pytest.mark.parametrize("durable", [False, True])
def test_a_file_is_replaced_whole_so_that_its_readers_keep_the_old_one(tmp_path: Path, durable: bool) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(b"the old content, which is longer")
    with file.open("rb") as reader:
        write_atomically(file, b"new", durable=durable)
        assert reader.read() == b"the old content, which is longer"
    assert file.read_bytes() == b"new"
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["config.toml"]


def test_a_symbolic_link_is_followed_and_stays(tmp_path: Path) -> None:
    target = tmp_path / "dotfiles" / "litellmctl.toml"
    target.parent.mkdir()
    target.write_bytes(b"old")
    (tmp_path / "step").symlink_to("dotfiles/litellmctl.toml")
    link = tmp_path / "config.toml"
    link.symlink_to(tmp_path / "step")
    write_atomically(link, b"new")
    assert link.is_symlink()
    assert (tmp_path / "step").is_symlink()
    assert target.read_bytes() == b"new"
    assert [path.name for path in target.parent.iterdir()] == ["litellmctl.toml"]


def test_a_link_to_nothing_gets_its_target(tmp_path: Path) -> None:
    link = tmp_path / "config.toml"
    link.symlink_to(tmp_path / "elsewhere" / "config.toml")
    write_atomically(link, b"new")
    assert link.is_symlink()
    assert (tmp_path / "elsewhere" / "config.toml").read_bytes() == b"new"


def test_a_write_that_cannot_replace_leaves_no_temporary_file(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "config.toml" / "inside").mkdir(parents=True)
    with pytest.raises(OSError):  # noqa: PT011
        write_atomically(folder / "config.toml", b"new")
    assert [path.name for path in folder.iterdir()] == ["config.toml"]


def test_a_disk_that_is_full_leaves_the_old_content_and_no_temporary_file(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "config.toml"
    file.parent.mkdir()
    file.write_bytes(b"old")
    program = textwrap.dedent(
        f"""
        import resource, signal
        from pathlib import Path
        from litellmctl.foundation.files import reason, write_atomically
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        try:
            write_atomically(Path({str(file)!r}), b"x" * 5000)
        except OSError as error:
            print(reason(error))
        """
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "file too large\n"
    assert file.read_bytes() == b"old"
    assert [path.name for path in file.parent.iterdir()] == ["config.toml"]


def test_a_kill_at_any_moment_leaves_the_old_content_or_the_new(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "config.toml"
    program = textwrap.dedent(
        f"""
        from pathlib import Path
        from litellmctl.foundation.files import write_atomically
        path, turn = Path({str(file)!r}), 0
        while True:
            write_atomically(path, (b"a", b"b")[turn % 2] * 300_000)
            turn += 1
            if turn == 3:
                print("going", flush=True)
        """
    )
    for delay in (0, 0.003, 0.011):
        with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"going\n"
            time.sleep(delay)
            process.kill()
        assert file.read_bytes() in {b"a" * 300_000, b"b" * 300_000}


def test_what_a_kill_left_behind_goes_with_the_next_write_of_the_file(tmp_path: Path) -> None:
    ours = tmp_path / ".config.toml.4711.0123abcd.tmp"
    others = [".config.toml.tmp", ".config.toml.x.0123abcd.tmp", ".config.toml.4711.tmp", ".logins.json.1.0123abcd.tmp"]
    for name in (ours.name, *others):
        (tmp_path / name).touch()
    write_atomically(tmp_path / "config.toml", b"new")
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == sorted(["config.toml", *others])


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def test_a_new_file_takes_the_first_name_that_is_free_and_its_mode_from_the_umask(out: Path) -> None:
    os.umask(0o027)
    (out / "a").symlink_to(out / "nothing")
    assert write_new(out, iter(["a", "b", "c"]), b"first") == str(out / "b")
    assert write_new(out, ["a", "b"], b"second") is None
    assert (out / "b").read_bytes() == b"first"
    assert mode(out / "b") == 0o640
    assert sorted(os.listdir(out)) == ["a", "b"]


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK])
def test_a_file_system_without_second_names_gets_new_files_too(
    out: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refused(_old: str, new: str) -> None:
        raise OSError(number, os.strerror(number), new)

    monkeypatch.setattr(os, "link", refused)
    assert [write_new(out, ["a", "b"], data) for data in (b"1", b"2", b"3")] == [
        *(str(out / name) for name in "ab"),
        None,
    ]
    assert {path.name: path.read_bytes() for path in out.iterdir()} == {"a": b"1", "b": b"2"}


def test_a_new_file_that_cannot_be_written_whole_is_not_there(out: Path) -> None:
    with pytest.raises(TypeError):
        write_new(out, ["a"], "no bytes")  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError):
        write_new(out, ["gone/a"], b"x")
    with pytest.raises(FileNotFoundError):
        write_new(out / "gone", ["a"], b"x")
    assert list(out.iterdir()) == []


def test_what_a_kill_left_behind_goes_with_a_later_new_file_but_not_what_is_written_now(out: Path) -> None:
    old = [".litellmctl.4711.0123abcd.tmp", ".litellmctl.4711.tmp", ".other.4711.0123abcd.tmp", "a.tmp"]
    for name in (*old, ".litellmctl.4712.0123abcd.tmp"):
        (out / name).touch()
    for name in old:
        os.utime(out / name, (0, time.time() - 601))
    os.utime(out / ".litellmctl.4712.0123abcd.tmp", (0, time.time() - 540))
    write_new(out, ["new"], b"new")
    assert sorted(os.listdir(out)) == sorted([*old[1:], ".litellmctl.4712.0123abcd.tmp", "new"])


def test_a_file_in_place_of_the_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "config").touch()
    with pytest.raises(OSError):  # noqa: PT011
        write_atomically(tmp_path / "config" / "config.toml", b"new")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (FileNotFoundError(2, "No such file or directory"), "no such file or directory"),
        (OSError("Something else"), "something else"),
        (OSError(), ""),
    ],
)
def test_the_reason_is_the_systems_own_in_lower_case(error: OSError, words: str) -> None:
    assert reason(error) == words
