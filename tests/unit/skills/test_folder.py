from __future__ import annotations

import io
import os
import random
import re
import shutil
import socket
import stat
import struct
import subprocess
import tempfile
import threading
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litellmctl.errors import ExitCode, UsageFailure
from litellmctl.foundation.text import dump_json
from litellmctl.skills.folder import MAX_BYTES, MAX_FILES, Folder, SkillFile, pack, read_folder, slug
from tests.effort import less_than

SKILL = b"---\nname: Code Review\ndescription: Reviews a pull request.\n---\n# Review\n"
MANIFEST = ("Code Review", "Reviews a pull request.", "# Review")
MIB = 2**20
TREE = {
    "SKILL.md": SKILL,
    "README": b"",
    "a.txt": b"a\r\nb\n",
    "SKILL.md.bak": b"old",
    "scripts/run.sh": b"#!/bin/sh\n",
    "scripts/lib/deep/er/x.py": b"pass",
    "assets/logo.png": bytes(range(256)) * 40,
    "docs/größe 日本 🎉.md": "ü".encode(),
    "docs/SKILL.md": b"another",
    "-rf": b"1",
    ".hidden/.config": b"2",
    "Zoo": b"3",
}
EXECUTABLE = {"scripts/run.sh"}
JUNK = [".git", ".hg", ".svn", "__pycache__", "node_modules", ".venv", ".DS_Store", "Thumbs.db", "__MACOSX"]
COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
posix = pytest.mark.skipif(os.name == "nt", reason="files of POSIX")
# A link, an encrypted file and others that no library writes are made by changing bytes of an archive.
LOCAL, CENTRAL = b"PK\x03\x04", b"PK\x01\x02"

SEGMENT = st.text(
    st.characters(exclude_categories=["C", "Z"], exclude_characters="/\\:", include_characters=" "),
    min_size=1,
    max_size=12,
).filter(lambda name: name not in {".", "..", *JUNK})
PATHS = st.lists(SEGMENT, min_size=1, max_size=4).map("/".join)


def write(top: Path, tree: Mapping[str, bytes], executable: set[str] = EXECUTABLE) -> Path:
    for name, data in tree.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        if name in executable:
            path.chmod(0o755)
    return top


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """A skill's folder."""
    folder = tmp_path / "review"
    folder.mkdir()
    (folder / "SKILL.md").write_bytes(SKILL)
    return folder


def read(source: Path | str) -> Folder:
    return read_folder(str(source), None)


def read_data(data: bytes) -> Folder:
    return read_folder("-", io.BytesIO(data))


def archive(
    *files: tuple[str, bytes], compression: int = zipfile.ZIP_DEFLATED, kind: int = stat.S_IFREG | 0o644
) -> bytes:
    """Return a zip archive of these files, as other programs make them."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as made:
        for name, data in files:
            info = zipfile.ZipInfo(name, (2020, 5, 17, 12, 30, 0))
            info.external_attr = kind << 16 if not name.endswith("/") else 0o40755 << 16
            info.compress_type = compression
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("warnings.warn", lambda *_, **__: None)  # of names that are there twice
                made.writestr(info, data)
    return buffer.getvalue()


def refused(source: Path | str | bytes) -> UsageFailure:
    with pytest.raises(UsageFailure) as info:
        read_data(source) if isinstance(source, bytes) else read(source)
    assert (info.value.code, info.value.exit_code) == ("usage", ExitCode.USAGE)
    assert "\n" not in info.value.message
    return info.value


def outcome(read_it: Callable[[], Folder]) -> Folder | str:
    """Return what is read, or why nothing is."""
    try:
        return read_it()
    except UsageFailure as failure:
        return failure.message


def files(folder: Folder) -> dict[str, bytes]:
    return {name: entry.data for name, entry in folder.entries.items()}


def executable(folder: Folder) -> set[str]:
    return {name for name, entry in folder.entries.items() if entry.executable}


def unpacked(folder: Folder) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(pack(folder)))


# Folders


def test_a_folder_is_read_with_all_its_files(tmp_path: Path) -> None:
    found = read(write(tmp_path, TREE))
    assert files(found) == TREE
    assert executable(found) == (EXECUTABLE if os.name != "nt" else set())
    assert found.manifest == MANIFEST
    assert found.skipped == []


def test_a_folder_may_be_the_current_one(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(top, {"a/b": b"1"})
    monkeypatch.chdir(top)
    for source in (".", "./", f"../{top.name}", f"{top}/", f"{top}/a/.."):
        assert files(read(source)) == {"SKILL.md": SKILL, "a/b": b"1"}


def test_no_name_is_not_the_current_folder(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(top)
    refused("")


def test_a_skill_is_a_skill_md_alone(top: Path) -> None:
    assert read(top / "SKILL.md") == read_data(SKILL) == Folder({"SKILL.md": SkillFile(SKILL)}, read(top).manifest)
    (top / "other.md").write_bytes(SKILL)
    assert files(read(top / "other.md")) == {"SKILL.md": SKILL}


def test_stdin_may_be_an_archive(tmp_path: Path) -> None:
    packed = pack(read(write(tmp_path, TREE)))
    assert files(read_data(packed)) == TREE


@pytest.mark.parametrize("name", JUNK)
@pytest.mark.parametrize("above", ["", "docs/"])
def test_what_programs_leave_behind_is_left_out_and_named(top: Path, above: str, name: str) -> None:
    write(top, {f"{above}{name}/x": b"1", f"{above}{name}/y/z": b"2", f"{above}{name}.txt": b"3"})
    found = read(top)
    assert files(found) == {"SKILL.md": SKILL, f"{above}{name}.txt": b"3"}
    assert found.skipped == [f"{above}{name}"]
    shutil.rmtree(top / above / name)
    (top / above / name).write_bytes(b"a file of this name")
    assert read(top) == found


def test_an_empty_folder_is_nothing(top: Path) -> None:
    before = read(top)
    (top / "empty" / "er").mkdir(parents=True)
    assert read(top) == before


def test_a_folder_without_a_skill_md(tmp_path: Path) -> None:
    failure = refused(tmp_path)
    assert failure.message == f"{tmp_path} has no SKILL.md"
    assert failure.remedy == "add a SKILL.md, see https://agentskills.io"


@pytest.mark.parametrize("name", ["skill.md", "Skill.md", "SKILL.MD"])
def test_a_skill_md_that_is_spelled_otherwise_is_named(tmp_path: Path, name: str) -> None:
    write(tmp_path, {name: SKILL, "a": b"1"})
    assert refused(tmp_path).message == f"{tmp_path} has no SKILL.md (rename {name})"


def test_a_skill_md_further_down_is_named(tmp_path: Path) -> None:
    write(tmp_path, {"review/SKILL.md": SKILL, "a": b"1"})
    assert refused(tmp_path).message == f"{tmp_path} has no SKILL.md (pass the folder of review/SKILL.md)"


def test_a_skill_md_that_is_a_folder_is_none(tmp_path: Path) -> None:
    write(tmp_path, {"SKILL.md/x": SKILL})
    assert "has no SKILL.md" in refused(tmp_path).message


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"# Review", "has no front matter"),
        (b"---\ndescription: a\n---\n", "has no name in its front matter"),
        (b"---\nname: [\n---\n", ": line 2, column 8: not valid YAML: "),
        (b"---\nname: a\n---\n" + b"x" * MIB, "is larger than 1 MiB"),
        (b"\xff\xfe", "is not UTF-8 text"),
        (b"", "has no front matter"),
    ],
)
def test_a_bad_skill_md_is_named_with_its_folder(top: Path, data: bytes, message: str) -> None:
    (top / "SKILL.md").write_bytes(data)
    assert refused(top).message.startswith(f"{top}: SKILL.md{'' if message.startswith(':') else ' '}{message}")


@pytest.mark.parametrize("name", ["nothing", "x" * 300, "a/b", "SKILL.md/x", "\udcff", "a\nb"])
def test_what_is_not_there(top: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(top)
    with pytest.raises(UsageFailure) as info:
        read(name)
    assert info.value.message.startswith(f"cannot read {name}: ")
    assert "for the hub, add --source" in (info.value.remedy or "")


def test_a_name_with_a_nul_character() -> None:
    assert "NUL" in refused("a\0b").message


@posix
@pytest.mark.timeout(20)
def test_a_device_a_pipe_and_a_socket_are_no_skill(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in ("/dev/null", "/dev/zero", tmp_path / "pipe"):
        assert refused(path).message == f"{path} is neither a folder nor a file"


@pytest.mark.parametrize("data", [b"", b"\n", b" \r\n\t"])
def test_an_empty_file_is_no_skill(top: Path, data: bytes) -> None:
    assert refused(data).message == "stdin is empty"
    (top / "x").write_bytes(data)
    assert refused(top / "x").message == f"{top / 'x'} is empty"


def test_no_stdin_at_all() -> None:
    assert refused("-").message == "cannot read stdin: it is closed"


# Links and what is no file


@posix
def test_a_link_to_a_file_of_the_skill_is_that_file(top: Path) -> None:
    write(top, {"docs/a.md": b"text", "run": b"#!"}, {"run"})
    (top / "b.md").symlink_to("docs/a.md")
    (top / "docs" / "c.md").symlink_to("../b.md")
    (top / "docs" / "run").symlink_to(top / "run")
    found = read(top)
    assert files(found) == {
        "SKILL.md": SKILL,
        **dict.fromkeys(["docs/a.md", "b.md", "docs/c.md"], b"text"),
        **dict.fromkeys(["run", "docs/run"], b"#!"),
    }
    assert executable(found) == {"run", "docs/run"}
    assert not any(stat.S_ISLNK(info.external_attr >> 16) for info in unpacked(found).infolist())


@posix
def test_the_skill_itself_and_its_skill_md_may_be_links(top: Path, tmp_path: Path) -> None:
    (top / "docs").mkdir()
    (top / "SKILL.md").rename(top / "docs" / "text.md")
    (top / "SKILL.md").symlink_to("docs/text.md")
    (tmp_path / "link").symlink_to(top)
    assert read(tmp_path / "link") == read(top)
    assert read(tmp_path / "link").manifest == MANIFEST


@posix
@pytest.mark.parametrize("through", ["directly", "another link", "dots", "a name that begins alike"])
def test_a_link_that_leaves_the_folder(top: Path, tmp_path: Path, through: str) -> None:
    beside = tmp_path / "review-secrets"
    write(beside, {"key": b"secret"})
    if through == "another link":
        (tmp_path / "hop").symlink_to(beside / "key")
        (top / "inner").symlink_to(tmp_path / "hop")
    (top / "docs").mkdir()
    to = {
        "directly": "/etc/passwd",
        "another link": "../inner",
        "dots": "../../review-secrets/key",
        "a name that begins alike": str(beside / "key"),
    }
    link = top / "docs" / "a"
    link.symlink_to(to[through])
    failure = refused(top)
    assert failure.message.endswith("is a link to a file outside the skill")
    assert failure.message.startswith((str(link), str(top / "inner")))
    assert failure.remedy == "copy the file into the folder of the skill"


@posix
@pytest.mark.parametrize("to", ["docs", "/etc", ".", ".."])
def test_a_link_to_a_folder(top: Path, to: str) -> None:
    write(top, {"docs/a": b"1"})
    (top / "more").symlink_to(to)
    failure = refused(top)
    assert (failure.message, failure.remedy) == (
        f"{top / 'more'} is a link to a folder",
        "copy that folder into the folder of the skill",
    )


@posix
@pytest.mark.parametrize("to", ["nothing", "a", "docs/../../review/nothing"])
def test_a_link_to_nothing(top: Path, to: str) -> None:
    (top / "docs").mkdir()
    (top / "a").symlink_to(to)
    assert refused(top).message.startswith(f"cannot read {top / 'a'}: ")


@posix
def test_a_link_that_is_left_out_may_lead_anywhere(top: Path) -> None:
    (top / ".venv").symlink_to("/usr")
    (top / ".git").symlink_to("/nowhere")
    assert sorted(read(top).skipped) == [".git", ".venv"]


@posix
@pytest.mark.timeout(20)
def test_a_pipe_in_a_folder_is_refused_and_not_waited_for(top: Path) -> None:
    os.mkfifo(top / "pipe")
    (top / "link").symlink_to("pipe")
    for _ in range(2):
        assert "is a pipe, socket or device, not a file" in refused(top).message
        (top / "link").unlink(missing_ok=True)


@posix
@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "into", ["a pipe", "a link to a pipe", "a device", "a link outside", "a link to a folder", "nothing"]
)
@pytest.mark.parametrize("what", ["docs", "docs/a.md"])
def test_what_is_swapped_between_looking_and_opening_brings_nothing_in(
    top: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, into: str
) -> None:
    write(top, {"docs/a.md": b"text"})
    write(tmp_path / "outside", {"a.md": b"secret"})
    os.mkfifo(tmp_path / "pipe")
    places = {"a link to a pipe": tmp_path / "pipe", "a device": Path("/dev/zero"), "a link to a folder": Path("/")}
    outside = tmp_path / "outside" if what == "docs" else tmp_path / "outside" / "a.md"
    swapped = top / what
    really = os.open

    def swapping(path: Any, *rest: Any, **more: Any) -> int:
        if str(path) == swapped.name and swapped.exists() and not swapped.is_symlink():
            swapped.rename(tmp_path / "aside")
            if into == "a pipe":
                os.mkfifo(swapped)
            elif into != "nothing":
                swapped.symlink_to(places.get(into, outside))
        return really(path, *rest, **more)

    monkeypatch.setattr(os, "open", swapping)
    assert str(swapped) in refused(top).message
    assert (tmp_path / "aside").exists()


@posix
@pytest.mark.timeout(60)
def test_a_folder_that_is_swapped_for_a_link_again_and_again(top: Path, tmp_path: Path) -> None:
    names = [str(number) for number in range(20)]
    write(top, {f"docs/{name}": b"text" for name in names})
    write(tmp_path / "outside", dict.fromkeys(names, b"secret"))
    (tmp_path / "link").symlink_to(tmp_path / "outside")
    docs, aside, link, stop = top / "docs", tmp_path / "aside", tmp_path / "link", threading.Event()

    def swap() -> None:
        while not stop.is_set():
            for one, other in ((docs, aside), (link, docs), (docs, link), (aside, docs)):
                one.rename(other)

    thread = threading.Thread(target=swap, daemon=True)
    thread.start()
    try:
        found = [outcome(lambda: read(top)) for _ in range(300)]
    finally:
        stop.set()
        thread.join(10)
    for one in found:
        if isinstance(one, str):
            assert str(docs) in one
        else:
            assert set(files(one).values()) <= {SKILL, b"text"}


@posix
@pytest.mark.parametrize("to", [".git/config", "node_modules/x/README.md"])
def test_a_link_to_a_file_that_is_left_out_is_refused(top: Path, to: str) -> None:
    write(top, {to: b"text"})
    (top / "a").symlink_to(to)
    assert refused(top).message == f"{top / 'a'} is a link to a file outside the skill"


@posix
def test_links_count_as_files_and_their_bytes_as_theirs(top: Path) -> None:
    write(top, {"large": b"x" * (30 * MIB)})
    (top / "again").symlink_to("large")
    assert "larger than 50 MiB" in refused(top).message
    (top / "large").write_bytes(b"")
    for number in range(MAX_FILES - 2):
        (top / f"link-{number}").symlink_to("large")
    assert "has more than 1,000 files" in refused(top).message


@posix
def test_a_socket_in_a_folder(monkeypatch: pytest.MonkeyPatch, top: Path) -> None:
    monkeypatch.chdir(top)  # a socket's whole path must be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("s")
        assert "is a pipe, socket or device, not a file" in refused(top).message


@contextmanager
def nobody() -> Iterator[None]:
    """Be a user for whom the rights of files count, which root is not."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@posix
@pytest.mark.parametrize("what", ["a", "docs", "SKILL.md"])
def test_what_may_not_be_read_is_named(what: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        top = write(Path(name), {"SKILL.md": SKILL, "a": b"1", "docs/b": b"2"})
        top.chmod(0o755)
        (top / what).chmod(0)
        with nobody():
            assert refused(top).message == f"cannot read {top / what}: permission denied"
        (top / what).chmod(0o700)


BAD_NAMES = ["a\\b", "a:b", "C:", "a\nb", "\x1b[31m", "\x7f", "\x9b", "\u202egnp.md", "a\u200bb", "\u2028", "\ue000"]


@posix
@pytest.mark.parametrize("name", BAD_NAMES, ids=ascii)
@pytest.mark.parametrize("form", ["file", "folder", "archive"])
def test_a_name_that_not_every_system_can_have(top: Path, name: str, form: str) -> None:
    path = f"{name}/x" if form == "folder" else name
    if form == "archive":
        failure = refused(archive(("SKILL.md", SKILL), (path, b"")))
    else:
        failure = refused(write(top, {path: b""}))
    assert failure.message.endswith(f"contains a file name that is not valid on all systems: {dump_json(path)}")
    assert failure.remedy == "rename the file, or move it out of the folder"


@posix
def test_a_name_that_is_not_unicode(top: Path) -> None:
    (top / os.fsdecode(b"caf\xe9")).write_bytes(b"1")
    assert refused(top).message == f'{top} contains a file name that is not Unicode: "caf\\udce9"'


@posix
def test_folders_in_folders_in_folders(top: Path) -> None:
    write(top, {"/".join(["a"] * 50 + ["x"]): b"1"})
    assert len(read(top).entries) == 2
    write(top, {"/".join(["a"] * 60 + ["x"]): b"1"})
    assert refused(top).message.endswith("is nested too deeply")


# How much


def test_as_many_files_as_litellm_lets_agents_install(top: Path) -> None:
    for number in range(MAX_FILES - 1):
        (top / str(number)).write_bytes(b"")
    found = read(top)
    assert len(found.entries) == MAX_FILES == 1000
    packed = pack(found)
    assert read_data(packed).entries == found.entries
    (top / "one more").write_bytes(b"")
    for source in (top, archive(*files(found).items(), ("one more", b""))):
        assert "has more than 1,000 files" in refused(source).message


def test_10_000_files_are_refused_without_reading_them_all(top: Path) -> None:
    for number in range(10_000):
        os.mknod(top / str(number)) if hasattr(os, "mknod") else (top / str(number)).touch()
    with less_than(3):
        assert refused(top).message.startswith(f"{top} has more than 1,000 files")


def test_files_that_are_left_out_do_not_count(top: Path) -> None:
    for number in range(1100):
        path = top / "node_modules" / str(number)
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert files(read(top)) == {"SKILL.md": SKILL}


def test_what_a_mac_adds_to_an_archive_does_not_count() -> None:
    names = [f"review/{number}" for number in range(600)]
    made = archive(
        ("review/SKILL.md", SKILL), *((f"{above}{name}", b"") for name in names for above in ("", "__MACOSX/"))
    )
    assert len(read_data(made).entries) == 601


@pytest.mark.parametrize("size", [100 * MIB, 10 * 2**30], ids=["100 MiB", "10 GiB"])
def test_a_large_file_is_refused_without_reading_it_all(top: Path, size: int) -> None:
    with (top / "data.bin").open("wb") as file:
        file.truncate(size)  # no disk is needed for what was never written
    for source in (top, top / "data.bin"):
        with less_than(5):
            tracemalloc.start()
            failure = refused(source)
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert (
                failure.message
                == f"{source} is larger than 50 MiB, the maximum for agents that install skills from LiteLLM"
            )
            assert peak < 120 * MIB


def test_50_mib_are_not_too_much(top: Path) -> None:
    assert MAX_BYTES == 50 * MIB
    sizes = [20 * MIB, MAX_BYTES - 20 * MIB - len(SKILL)]
    for number, size in enumerate(sizes):
        with (top / str(number)).open("wb") as file:
            file.truncate(size)
    assert sum(map(len, files(read(top)).values())) == MAX_BYTES
    (top / "x").write_bytes(b"1")
    assert "is larger than 50 MiB" in refused(top).message


class Endless(io.RawIOBase):
    """A stdin that never ends."""

    def __init__(self) -> None:
        self.given = 0

    def read(self, size: int = -1) -> bytes:
        assert size > 0
        self.given += size
        return b"PK\x03\x04".ljust(size, b"x")


def test_a_stdin_that_never_ends() -> None:
    stdin = Endless()
    with pytest.raises(UsageFailure, match=r"^stdin is larger than 50 MiB"):
        read_folder("-", stdin)  # type: ignore[arg-type]
    assert stdin.given <= MAX_BYTES + MIB


# The archive that is made


def test_the_archive_holds_the_tree_below_one_folder_with_skill_md_first(tmp_path: Path) -> None:
    made = unpacked(read(write(tmp_path, TREE)))
    names = made.namelist()
    assert names[0] == "code-review/SKILL.md"
    assert names[1:] == sorted(f"code-review/{name}" for name in TREE if name != "SKILL.md")
    assert {name.removeprefix("code-review/"): made.read(name) for name in names} == TREE
    assert made.testzip() is None


def test_what_ends_in_skill_md_first_is_the_skills_own(top: Path) -> None:
    # LiteLLM takes the first name that ends so.
    write(top, {"A-SKILL.md": b"1", "0/SKILL.md": b"2", "!SKILL.md": b"3"})
    assert unpacked(read(top)).namelist()[0].endswith("/SKILL.md")
    assert unpacked(read(top)).read(unpacked(read(top)).namelist()[0]) == SKILL


@posix
def test_modes_are_those_of_files_and_of_executable_files(tmp_path: Path) -> None:
    write(tmp_path, {"SKILL.md": SKILL, "a": b"", "b": b"", "c": b"", "d": b""})
    for name, mode in (("a", 0o700), ("b", 0o4777), ("c", 0o600), ("d", 0o666)):
        (tmp_path / name).chmod(mode)
    modes = {info.filename.rpartition("/")[2]: info.external_attr >> 16 for info in unpacked(read(tmp_path)).infolist()}
    regular = dict.fromkeys(["SKILL.md", "c", "d"], stat.S_IFREG | 0o644)
    assert modes == {**regular, **dict.fromkeys("ab", stat.S_IFREG | 0o755)}


def test_no_time_and_no_name_of_a_user_is_in_it(top: Path) -> None:
    (info,) = unpacked(read(top)).infolist()
    assert info.date_time == (1980, 1, 1, 0, 0, 0)
    assert (info.extra, info.comment, info.create_system) == (b"", b"", 3)
    assert str(top.parent).encode() not in pack(read(top))


def test_the_same_files_give_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = set()
    scandir: Callable[..., Any] = os.scandir
    for seed in range(4):
        chance = random.Random(seed)

        @contextmanager
        def shuffled(path: Any, chance: random.Random = chance) -> Iterator[Any]:
            """List a folder in an order of its own, as another file system would."""
            with scandir(path) as found:
                items = sorted(found, key=lambda item: item.name)
            yield iter(chance.sample(items, len(items)))

        umask = os.umask((0o022, 0o077, 0o002, 0o000)[seed])
        try:
            tree = dict(chance.sample(list(TREE.items()), len(TREE)))
            top = write(tmp_path / f"copy {seed}", tree)
        finally:
            os.umask(umask)
        for path in (top, *top.rglob("*")):
            os.utime(path, (seed * 10**8, seed * 10**8))
        (top / "empty").mkdir()
        write(top, {".git/HEAD": b"x", "docs/.DS_Store": b"x"})
        monkeypatch.setattr(os, "scandir", shuffled)
        found = read(top)
        monkeypatch.undo()
        assert sorted(found.skipped) == [".git", "docs/.DS_Store"]
        packed |= {pack(found), pack(found)}
    assert len(packed) == 1


def test_what_is_left_out_is_told_in_one_order(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(top, dict.fromkeys([".git/x", "a/.DS_Store", "b/__pycache__/x", "node_modules/x", "z/.venv/x"], b""))
    scandir: Callable[..., Any] = os.scandir
    told = []
    for backwards in (False, True):

        @contextmanager
        def listed(path: Any, backwards: bool = backwards) -> Iterator[Any]:
            with scandir(path) as found:
                yield iter(sorted(found, key=lambda item: item.name, reverse=backwards))

        monkeypatch.setattr(os, "scandir", listed)
        told.append(read(top).skipped)
        monkeypatch.undo()
    assert told[0] == told[1]


def test_other_files_give_other_bytes(top: Path) -> None:
    seen = [pack(read(top))]
    for change in ({"a": b""}, {"a": b"1"}, {"b": b"1"}, {"SKILL.md": SKILL + b"x"}):
        write(top, change)
        seen.append(pack(read(top)))
    if os.name != "nt":
        (top / "a").chmod(0o755)
        seen.append(pack(read(top)))
    assert len(set(seen)) == len(seen)


@pytest.mark.skipif(shutil.which("unzip") is None, reason="needs unzip")
def test_another_program_unpacks_the_same_tree(tmp_path: Path) -> None:
    source = write(tmp_path / "source", TREE)
    (tmp_path / "made.zip").write_bytes(pack(read(source)))
    subprocess.run(
        ["unzip", "-q", "made.zip", "-d", "out"], cwd=tmp_path, env={**os.environ, "LC_ALL": "C.UTF-8"}, check=True
    )
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["code-review"]
    out = tmp_path / "out" / "code-review"
    assert {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()} == TREE
    assert read(out) == read(source)


@st.composite
def trees(draw: Callable[[Any], Any]) -> dict[str, SkillFile]:
    """Return the files of a skill: no name is both a file and a folder."""
    found: dict[str, SkillFile] = {"SKILL.md": SkillFile(SKILL)}
    for name in draw(st.lists(PATHS, max_size=6)):
        above = {name.rsplit("/", count)[0] for count in range(1, name.count("/") + 1)}
        if name not in found and not above & set(found) and not any(other.startswith(f"{name}/") for other in found):
            found[name] = draw(st.builds(SkillFile, st.binary(max_size=40), st.booleans()))
    return found


@given(trees())
def test_a_tree_that_is_packed_is_read_again(tree: dict[str, SkillFile]) -> None:
    packed = pack(Folder(tree, read_data(SKILL).manifest))
    found = read_data(packed)
    assert found.entries == tree
    assert pack(found) == pack(Folder(dict(reversed(tree.items())), found.manifest)) == packed


@posix
@given(trees())
def test_a_tree_on_disk_is_the_tree_in_its_archive(tree: dict[str, SkillFile]) -> None:
    with tempfile.TemporaryDirectory() as name:
        data = {path: entry.data for path, entry in tree.items()}
        found = read(write(Path(name), data, {path for path, entry in tree.items() if entry.executable}))
    assert found.entries == tree
    assert pack(found) == pack(Folder(tree, found.manifest))


# Archives


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("above", ["", "review/", "Some Folder/"])
def test_an_archive_and_the_folder_give_the_same_bytes(tmp_path: Path, compression: int, above: str) -> None:
    made = archive(*((f"{above}{name}", data) for name, data in reversed(TREE.items())), compression=compression)
    from_archive = read_data(made)
    assert files(from_archive) == TREE
    assert pack(from_archive) == pack(read(write(tmp_path, TREE, set())))


def test_what_other_programs_pack_is_the_folder(tmp_path: Path) -> None:
    source = write(tmp_path / "review", TREE)
    made = shutil.make_archive(str(tmp_path / "made"), "zip", tmp_path, "review")  # with the folders themselves
    shutil.make_archive(str(tmp_path / "flat"), "zip", source)
    for path in (made, tmp_path / "flat.zip"):
        assert read(path).entries == read(source).entries


def test_what_programs_leave_behind_is_no_part_of_an_archive() -> None:
    made = archive(
        ("review/", b""),
        ("review/SKILL.md", SKILL),
        ("__MACOSX/review/._SKILL.md", b"x"),
        ("review/.git/config", b"x"),
        ("review/docs/.DS_Store", b"x"),
        ("review/a", b"1"),
    )
    assert files(read_data(made)) == {"SKILL.md": SKILL, "a": b"1"}


def test_what_an_archive_holds_besides_is_named() -> None:
    made = archive(("review/SKILL.md", SKILL), ("review/.git/config", b"x"), ("review/docs/.DS_Store", b"x"))
    assert any(".git" in name for name in read_data(made).skipped)


def test_folders_of_an_archive_are_nothing() -> None:
    made = archive(("SKILL.md", SKILL), ("empty/", b""), ("a/", b""), ("a/b/", b""), ("a/b/c", b"1"), ("../up/", b""))
    assert files(read_data(made)) == {"SKILL.md": SKILL, "a/b/c": b"1"}


@pytest.mark.parametrize(
    ("names", "hint"),
    [
        ([], ""),
        (["__MACOSX/x"], ""),
        (["empty/"], ""),
        (["a"], ""),
        (["a", "b"], ""),
        (["skill.md", "b"], " (rename skill.md)"),
        (["skill.md"], " (rename skill.md)"),
        (["review/skill.md"], " (rename skill.md)"),
        (["a/SKILL.md", "b/x"], " (pass the folder of a/SKILL.md)"),
        (["a/b/SKILL.md"], " (pass the folder of b/SKILL.md)"),
    ],
)
def test_an_archive_without_a_skill_md(names: list[str], hint: str) -> None:
    assert refused(archive(*((name, SKILL) for name in names))).message == f"stdin has no SKILL.md{hint}"


@pytest.mark.parametrize(
    "name",
    [
        *("../x", "a/../x", "a/..", "..", "../../etc/cron.d/x", "/x", "/etc/passwd", "//server/share", "a//b", "./x"),
        *("a/./b", "C:/x", "c:x", "C:\\x", "..\\x", "a\\..\\x", "\\\\server\\x", "a/b:stream", "a/."),
    ],
)
@pytest.mark.parametrize("above", ["", "review/"])
def test_a_name_in_an_archive_that_leaves_its_folder(name: str, above: str) -> None:
    failure = refused(archive((f"{above}SKILL.md", SKILL), (f"{above}{name}", b"1")))
    assert failure.message.endswith(f"not valid on all systems: {dump_json(f'{above}{name}')}")


def test_a_name_of_an_archive_in_an_old_code_page() -> None:
    made = archive(("SKILL.md", SKILL), ("ab", b"1")).replace(b"ab", b"\x84b")
    assert files(read_data(made)) == {"SKILL.md": SKILL, "äb": b"1"}


@pytest.mark.parametrize("name", ["SKILL.md", "a", "docs/b"])
def test_a_name_that_an_archive_holds_twice(name: str) -> None:
    made = archive(("SKILL.md", SKILL), ("a", b"1"), ("docs/b", b"2"), (name, b"other"))
    assert refused(made).message == f"stdin contains {name} twice"


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK, stat.S_IFDIR])
def test_an_archive_with_a_link_or_a_device(kind: int) -> None:
    buffer = io.BytesIO(archive(("SKILL.md", SKILL)))
    with zipfile.ZipFile(buffer, "a") as made:
        info = zipfile.ZipInfo("docs/link")
        info.create_system, info.external_attr = 3, (kind | 0o777) << 16
        made.writestr(info, "/etc/passwd")
    failure = refused(buffer.getvalue())
    assert failure.message == "stdin: docs/link is a link or not a file"
    assert failure.remedy == "pack the file itself"


def test_an_archive_of_a_system_without_modes() -> None:
    made = archive(("SKILL.md", SKILL), ("a", b"1"), kind=0)
    assert read_data(made).entries == {"SKILL.md": SkillFile(SKILL), "a": SkillFile(b"1")}


def test_executable_files_of_an_archive_are_executable() -> None:
    made = archive(("SKILL.md", SKILL), ("a", b"1"), kind=stat.S_IFREG | 0o755)
    assert executable(read_data(made)) == {"SKILL.md", "a"}


def changed(data: bytes, at: int, format: str, value: int, header: bytes = CENTRAL, name: bytes = b"") -> bytes:
    """Return an archive with a number of a file's header changed (the first one, or that of the name)."""
    made = bytearray(data)
    length, offset = (28, 46) if header == CENTRAL else (26, 30)
    found = -1
    while True:
        found = made.index(header, found + 1)
        (size,) = struct.unpack_from("<H", made, found + length)
        if not name or made[found + offset : found + offset + size] == name:
            break
    struct.pack_into(format, made, found + at, value)
    return bytes(made)


def test_an_encrypted_archive() -> None:
    made = changed(changed(archive(("SKILL.md", SKILL)), 8, "<H", 1), 6, "<H", 1, LOCAL)
    assert refused(made).message == "stdin is an encrypted zip archive"


@pytest.mark.parametrize("method", [1, 6, 9, 95, 98, 99, 65535])
def test_a_compression_that_nobody_knows(method: int) -> None:
    made = changed(changed(archive(("SKILL.md", SKILL)), 10, "<H", method), 8, "<H", method, LOCAL)
    assert refused(made).message == "stdin is not a valid zip archive"


GOOD = archive(("SKILL.md", SKILL), ("a", bytes(range(256)) * 4))


@pytest.mark.parametrize(
    "data",
    [
        b"PK",
        b"PK\x03\x04",
        b"PK\x05\x06" + b"\0" * 10,
        b"PK\x03\x04" + b"\0" * 1000,
        b"PKWARE is no archive",
        GOOD[: len(GOOD) // 2],
        GOOD[:-1],
        GOOD[:-30],
        GOOD[:4] + GOOD[40:],
        changed(GOOD, 16, "<L", 5),
        changed(changed(GOOD, 24, "<L", 10), 22, "<L", 10, LOCAL),
        changed(GOOD, 42, "<L", 10**6, name=b"a"),
    ],
    ids=[
        "two letters",
        "start",
        "cut end",
        "nothing",
        "text",
        "half",
        "cut",
        "more cut",
        "hole",
        "CRC",
        "size",
        "place",
    ],
)
def test_an_archive_that_cannot_be_read(top: Path, data: bytes) -> None:
    failure = refused(data)
    assert failure.message == "stdin is not a valid zip archive"
    assert failure.remedy == "pass the skill's folder instead"
    (top / "a.zip").write_bytes(data)
    assert refused(top / "a.zip").message == f"{top / 'a.zip'} is not a valid zip archive"


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_an_archive_whose_data_are_damaged(compression: int) -> None:
    made = bytearray(archive(("SKILL.md", SKILL * 20), compression=compression))
    for place in range(60, 80):
        made[place] ^= 0xFF
    assert refused(bytes(made)).message == "stdin is not a valid zip archive"


def test_an_archive_with_a_file_without_a_name() -> None:
    made = archive(("SKILL.md", SKILL), ("a", b"1"))
    made = changed(changed(made, 30, "<H", 1, name=b"a"), 28, "<H", 0, name=b"a")
    refused(made)


def test_an_archive_with_a_name_that_is_too_long_to_be_packed_again() -> None:
    try:
        found = read_data(archive(("SKILL.md", SKILL), ("x" * 65_530, b"1")))
    except UsageFailure:
        return
    assert pack(found)


def test_an_archive_that_becomes_too_large() -> None:
    made = archive(("SKILL.md", SKILL), ("a", b"\0" * (30 * MIB)), ("b", b"\0" * (30 * MIB)))
    assert len(made) < MIB
    lying = made
    for name in (b"a", b"b"):
        lying = changed(changed(lying, 24, "<L", 10, name=name), 22, "<L", 10, LOCAL, name)
    huge = changed(made, 24, "<L", 2**32 - 2, name=b"a")
    for data, message in (
        (made, "larger than 50 MiB"),
        (lying, "not a valid zip"),
        (huge, "larger than 50 MiB"),
    ):
        tracemalloc.start()
        failure = refused(data)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert re.search(message, failure.message)
        assert peak < 150 * MIB


@given(
    st.sampled_from(COMPRESSIONS),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=4),
    st.floats(0, 1),
)
def test_any_archive_is_read_or_refused(compression: int, edits: list[tuple[float, int]], end: float) -> None:
    made = bytearray(ARCHIVES[compression])
    for place, value in edits:
        made[2 + int(place * (len(made) - 2))] = value
    for data in (bytes(made), bytes(made[: 2 + int(end * len(made))])):
        found = outcome(lambda data=data: read_data(data))  # type: ignore[misc]
        if isinstance(found, str):
            assert found.startswith("stdin")
        else:
            assert read_data(pack(found)).entries == found.entries


ARCHIVES = {
    one: archive(("s/SKILL.md", SKILL), *((f"s/{n}", bytes(range(200)) * 3) for n in range(2)), compression=one)
    for one in COMPRESSIONS
}


@pytest.mark.timeout(60)
def test_a_file_that_grows_while_it_is_read_stays_within_the_limit(top: Path) -> None:
    stop = threading.Event()

    def grow() -> None:
        with (top / "log").open("ab", buffering=0) as file:
            while not stop.wait(0.001) and file.tell() < 2 * MAX_BYTES:
                file.write(b"x" * MIB)

    thread = threading.Thread(target=grow, daemon=True)
    thread.start()
    try:
        for _ in range(3):
            found = outcome(lambda: read(top))
            if isinstance(found, str):
                assert "larger than 50 MiB" in found
            else:
                assert sum(map(len, files(found).values())) <= MAX_BYTES
    finally:
        stop.set()
        thread.join()


# Names


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("review", "review"),
        ("Code Review", "code-review"),
        ("  a__b--c  ", "a-b-c"),
        ("a/b:c", "a-b-c"),
        ("../../etc", "etc"),
        ("Größe", "gr-e"),
        ("日本", "skill"),
        ("---", "skill"),
        ("", "skill"),
        ("x" * 200, "x" * 64),
        ("-a-", "a"),
        ("v1.10", "v1-10"),
        (f"{'x' * 63} y", "x" * 63),
    ],
)
def test_a_name_as_the_hub_can_have_it(name: str, short: str) -> None:
    assert slug(name) == short


@given(st.text() | st.text("ab-", min_size=60, max_size=70))
def test_any_name_becomes_kebab_case(name: str) -> None:
    found = slug(name)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", found)
    assert len(found) <= 64
    assert slug(found) == found
