"""`skills create`, `delete`, `enable` and `disable`: what is sent, that it is sent once, and what is said of it."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import time
import zipfile
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from tests.answers import Gate, answering, closing
from tests.conftest import Result, Run, Start
from tests.contract.stores import (
    API,
    API_WITHOUT_DATABASE,
    GREET,
    HALF,
    HUB,
    HUB_WITHOUT_DATABASE,
    KEY,
    MINE,
    NAMES,
    OFF,
    OWN,
    SEGMENTS,
    SHOW_KEYS,
    SKILL,
    WEB_PAGE,
    api,
    failed,
    hub,
    hub_entry,
    keeping,
    not_there,
    page,
    plugins,
    told,
)
from tests.contract.tools import said
from tests.fake_proxy import FakeProxy, Request, error

EFFECT = "the request was not retried and may have taken effect"
NEW = api("my-skill", "litellm_skill_new", description="Says hi")
FILES = {
    "SKILL.md": SKILL,
    "scripts/run.sh": "#!/bin/sh\necho hi\n",
    "data/ünï.bin": b"\x00\xff\r\n--\r\n" * 100,
    "empty.txt": "",
}
ADMINS_403 = told(403, "Only proxy admins may modify the Claude Code plugin marketplace.")
ADMINS_401 = error(
    401,
    "Authentication Error, Only proxy admin can be used to generate, delete, update info for new keys/users/teams. "
    "Route=/claude-code/plugins/review/enable. Your role=internal_user. Your user_id=***",
)
REFUSED = error(401, "Authentication Error, Invalid proxy server token passed.", "token_not_found_in_db")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A skill's folder."""
    return make_folder(tmp_path / "my-folder", FILES)


def make_folder(top: Path, files: dict[str, Any]) -> Path:
    for name, content in files.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return top


def make_zip(files: dict[str, Any], above: str = "") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(above + name, content)
    return buffer.getvalue()


def unpacked(archive: bytes, above: str) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        assert all(name.startswith(above) for name in opened.namelist())
        return {name.removeprefix(above): opened.read(name) for name in opened.namelist()}


def changes(proxy: FakeProxy) -> list[Request]:
    """Return the requests that may change something."""
    return [request for request in proxy.requests if request.method != "GET"]


def sent(proxy: FakeProxy) -> list[str]:
    """Return what may have changed something, as texts."""
    return [f"{request.method} {request.path}" for request in changes(proxy)]


def taking(proxy: FakeProxy, row: Any = NEW, *, back: Any = None) -> FakeProxy:
    """Let the Skills API take a skill, and tell of it after (shapes/skills_post.json)."""
    proxy.on(f"{API}?{OWN}", row, method="POST")
    return proxy.on(f"{API}/{row['id']}?{OWN}", row if back is None else back)


def success(row: Any, action: str = "created") -> dict[str, Any]:
    """Return what the hub answers to POST and PUT (shapes/plugins_post.github.json)."""
    names = ("id", "name", "version", "description", "source", "enabled")
    return {"status": "success", "action": action, "plugin": {name: row[name] for name in names}}


def done(name: str, action: str) -> dict[str, Any]:
    """Return what the hub answers to DELETE, enable and disable (shapes/plugins_delete.json)."""
    return {"status": "success", "message": f"Plugin '{name}' {action}"}


def registering(proxy: FakeProxy, row: Any, *, back: Any = None) -> FakeProxy:
    """Let the hub take a skill, and tell of it after."""
    proxy.on(HUB, success(row), method="POST")
    return proxy.on(f"{HUB}/{row['name']}", hub_entry(row if back is None else back))


def deleted(skill_id: str) -> dict[str, Any]:
    return {"id": skill_id, "type": "skill_deleted"}


def messages(result: Result) -> list[Any]:
    """Return the messages of all errors that were told as JSON."""
    return [json.loads(line)["error"]["message"] for line in result.stderr.splitlines() if line.startswith('{"error"')]


# --- create, in the Skills API ---


def test_a_folder_is_sent_as_multipart_with_all_its_files(run: Run, proxy: FakeProxy, folder: Path) -> None:
    taking(keeping(proxy))
    result = run("skills", "create", str(folder), "--json")
    assert [(request.method, request.path) for request in proxy.requests] == [
        ("GET", API),
        ("POST", API),
        ("GET", f"{API}/litellm_skill_new"),
    ]
    (request,) = changes(proxy)
    assert request.query == {"custom_llm_provider": "litellm_proxy"}
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    form = request.multipart
    assert form.fields == {"display_title": "my-skill", "description": "Says hi", "instructions": "Say hi."}
    (file,) = form.files
    assert file[:3] == ("files[]", "my-skill.zip", "application/zip")
    expected = {name: content.encode() if isinstance(content, str) else content for name, content in FILES.items()}
    assert unpacked(file.content, "my-skill/") == expected
    assert next(iter(unpacked(file.content, "my-skill/"))) == "SKILL.md"
    assert list(result.json) == SHOW_KEYS
    assert (result.json["name"], result.json["id"], result.json["store"]) == ("my-skill", "litellm_skill_new", "api")
    where = f'"my-skill" in the Skills API of {proxy.url} (litellm_skill_new)'
    assert said(result) == f"Created the skill {where}\n"


def test_a_skill_may_be_a_folder_or_an_archive_and_is_the_same(
    run: Run, proxy: FakeProxy, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "flat.zip").write_bytes(make_zip(FILES))
    (tmp_path / "below.zip").write_bytes(make_zip(dict(reversed(FILES.items())), "anything/"))
    keeping(proxy)
    for source in (folder, tmp_path / "flat.zip", tmp_path / "below.zip"):
        run("skills", "create", str(source), "--json", "-q") if taking(proxy) else None
    archives = [request.multipart.files[0].content for request in changes(proxy)]
    assert len(archives) == 3
    assert archives[0] == archives[1] == archives[2]


def test_a_skill_may_be_its_skill_md_alone(run: Run, proxy: FakeProxy, folder: Path) -> None:
    keeping(proxy)
    taking(proxy)
    run("skills", "create", str(folder / "SKILL.md"))
    taking(proxy)
    run("skills", "create", "-", stdin=SKILL)
    forms = [request.multipart for request in changes(proxy)]
    assert forms[0] == forms[1]
    assert unpacked(forms[0].files[0].content, "my-skill/") == {"SKILL.md": SKILL.encode()}


def test_an_archive_may_come_on_stdin(proxy: FakeProxy, env: dict[str, str]) -> None:
    taking(keeping(proxy))
    done = subprocess.run(
        [sys.executable, "-m", "litellmctl", "skills", "create", "-", "--fields", "id"],
        env=env,
        input=make_zip(FILES),
        capture_output=True,
        timeout=30,
        check=True,
    )
    assert done.stdout == b"litellm_skill_new\n"
    (request,) = changes(proxy)
    assert set(unpacked(request.multipart.files[0].content, "my-skill/")) == set(FILES)


def test_a_terminal_is_not_read(run: Run, proxy: FakeProxy) -> None:
    result = run("skills", "create", "-", "--json", exit=2, terminal=True, stdin=SKILL)
    assert (result, result.error["code"]) == ("", "input_required")
    assert proxy.requests == []


@pytest.mark.parametrize(
    ("text", "options", "fields", "file_name"),
    [
        pytest.param(
            "---\nname: Größe & Co\ndescription: 'a: \"b\" ü\r\n  c'\n---\nÜ\r\n--x\n",
            (),
            {"display_title": "Größe & Co", "description": 'a: "b" ü c', "instructions": "Ü\n--x"},
            "gr-e-co.zip",
            id="unicode",
        ),
        pytest.param(
            "---\nname: a/b\ndescription: old\n---\nx",
            ("--description", "new\nlines"),
            {"display_title": "a/b", "description": "new\nlines", "instructions": "x"},
            "a-b.zip",
            id="description",
        ),
        pytest.param("---\nname: bare\n---\n", (), {"display_title": "bare"}, "bare.zip", id="no description"),
        pytest.param(
            "---\nname: 日本\ndescription: d\n---\nx\n",
            (),
            {"display_title": "日本", "description": "d", "instructions": "x"},
            "skill.zip",
            id="no ascii",
        ),
    ],
)
def test_the_form_says_what_skill_md_says(
    run: Run, proxy: FakeProxy, text: str, options: tuple[str, ...], fields: dict[str, str], file_name: str
) -> None:
    row = api(fields["display_title"], "new", description=fields.get("description"))
    taking(keeping(proxy), row)
    result = run("skills", "create", "-", *options, stdin=text)
    (request,) = changes(proxy)
    assert request.multipart.fields == fields
    (file,) = request.multipart.files
    assert file.name == file_name
    assert list(unpacked(file.content, "")) == [f"{file_name.removesuffix('.zip')}/SKILL.md"]
    assert ("the skill has no description" in said(result)) is ("description" not in fields)


@pytest.mark.parametrize(
    ("what", "stdin", "words"),
    [
        ("no/such/folder", "", "cannot read no/such/folder: no such file"),
        ("-", "", "stdin is empty"),
        ("-", "Say hi.", "no front matter"),
        ("-", "---\ndescription: x\n---\n", "no name"),
        ("-", f"---\nname: {'x' * 201}\n---\n", "at most 200"),
        ("-", "---\nname: x\n---\n\0", "a NUL character"),
        ("-", "PK\x03\x04 broken", "not a valid zip archive"),
        (".", "", "no SKILL.md"),
    ],
)
def test_what_is_no_skill_is_refused_before_anything_is_asked(
    run: Run, proxy: FakeProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, stdin: str, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("skills", "create", what, "--json", exit=2, stdin=stdin)
    assert (result, result.error["code"]) == ("", "usage")
    assert words in result.error["message"]
    assert proxy.requests == []


def test_a_name_that_exists_is_refused_and_nothing_is_sent(run: Run, proxy: FakeProxy, folder: Path) -> None:
    keeping(proxy, api("my-skill", "old"))
    result = run("skills", "create", str(folder), "--json", exit=5)
    assert (result, result.error["code"]) == ("", "rejected")
    assert result.error["message"] == f'the Skills API of {proxy.url} already has a skill "my-skill" (old)'
    assert "--replace" in result.error["remedy"]
    assert sent(proxy) == []


def test_a_name_in_the_other_store_or_nearly_the_same_is_no_obstacle(run: Run, proxy: FakeProxy, folder: Path) -> None:
    taking(keeping(proxy, hub("my-skill"), api("My-Skill", "x"), api("my-skill ", "y")))
    assert run("skills", "create", str(folder), "--json").json["id"] == "litellm_skill_new"


@pytest.mark.parametrize("reply", [failed("boom"), API_WITHOUT_DATABASE, WEB_PAGE, REFUSED])
def test_nothing_is_sent_where_it_cannot_be_known_whether_it_exists(
    run: Run, proxy: FakeProxy, folder: Path, reply: dict[str, Any]
) -> None:
    proxy.on(API, times=2, **reply)
    for more in ((), ("--replace",)):
        assert run("skills", "create", str(folder), *more, exit=4 if reply is REFUSED else 3) == ""
    assert sent(proxy) == []


def test_replacing_puts_the_new_one_first_and_then_deletes_the_old(run: Run, proxy: FakeProxy, folder: Path) -> None:
    taking(keeping(proxy, api("my-skill", "a/old"), api("other")))
    proxy.on(f"{API}/a%2Fold?{OWN}", deleted("a/old"), method="DELETE")
    result = run("skills", "create", str(folder), "--replace", "--json")
    assert [f"{request.method} {request.path}" for request in proxy.requests][1:] == [
        f"POST {API}",
        f"GET {API}/litellm_skill_new",
        f"DELETE {API}/a%2Fold",
    ]
    assert result.json["id"] == "litellm_skill_new"
    assert said(result).startswith('Replaced the skill "my-skill"')


def test_replacing_what_is_not_there_creates_it(run: Run, proxy: FakeProxy, folder: Path) -> None:
    taking(keeping(proxy, MINE))
    assert said(run("skills", "create", str(folder), "--replace")).startswith("Created ")
    assert sent(proxy) == [f"POST {API}"]


def test_of_two_with_that_name_none_is_replaced(run: Run, proxy: FakeProxy, folder: Path) -> None:
    keeping(proxy, api("my-skill", "id-2"), api("my-skill", "id-1"))
    result = run("skills", "create", str(folder), "--replace", "--json", exit=2)
    assert (result, result.error["code"]) == ("", "usage")
    assert result.error["message"] == '2 skills are named "my-skill": id-1 (api), id-2 (api)'
    assert sent(proxy) == []


@pytest.mark.parametrize(("reply", "exit"), [(failed("boom"), 3), (REFUSED, 4), (told(403, "no"), 4)])
def test_an_old_one_that_stays_is_told_of(
    run: Run, proxy: FakeProxy, folder: Path, reply: dict[str, Any], exit: int
) -> None:
    taking(keeping(proxy, api("my-skill", "old")))
    proxy.on(f"{API}/old", method="DELETE", **reply)
    result = run("skills", "create", str(folder), "--replace", "--json", exit=exit)
    assert result == ""
    assert "uploaded the new skill (litellm_skill_new), but cannot delete the old one (old)" in result.error["message"]
    assert len(sent(proxy)) == 2


@pytest.mark.parametrize(
    "back",
    [
        pytest.param({**NEW, "display_title": None, "description": None}, id="empty, as JSON makes it"),
        pytest.param({**NEW, "display_title": "other"}, id="another name"),
        pytest.param({**NEW, "description": "Says"}, id="another description"),
        pytest.param({**NEW, "id": "other"}, id="another skill"),
        pytest.param([], id="no skill"),
    ],
)
def test_what_is_read_back_must_be_what_was_sent(run: Run, proxy: FakeProxy, folder: Path, back: Any) -> None:
    taking(keeping(proxy, api("my-skill", "old")), back=back)
    result = run("skills", "create", str(folder), "--replace", "--json", exit=3)
    assert (result, result.error["code"]) == ("", "bad_response")
    assert "litellm_skill_new" in result.error["message"]
    assert sent(proxy) == [f"POST {API}"]  # and the old one is kept


@pytest.mark.parametrize(
    ("reply", "exit"), [(failed("boom"), 3), (REFUSED, 4), (not_there("litellm_skill_new"), 5), (WEB_PAGE, 3)]
)
def test_a_skill_that_cannot_be_read_back_was_made_all_the_same(
    run: Run, proxy: FakeProxy, folder: Path, reply: dict[str, Any], exit: int
) -> None:
    keeping(proxy).on(API, NEW, method="POST").on(f"{API}/litellm_skill_new", **reply)
    result = run("skills", "create", str(folder), "--json", exit=exit)
    assert result == ""
    assert f"{proxy.url} accepted the skill litellm_skill_new, but" in result.error["message"]


def test_an_answer_without_an_id_is_not_taken_for_success(run: Run, proxy: FakeProxy, folder: Path) -> None:
    keeping(proxy)
    bodies: list[Any] = [[], {}, None, {"id": 7}, {"id": ""}, "x"]
    for body in bodies:
        proxy.on(API, body, method="POST")
        result = run("skills", "create", str(folder), "--json", exit=3)
        assert (result, result.error["code"]) == ("", "bad_response")
        assert EFFECT in result.error["message"]


def test_a_dry_run_of_an_upload_sends_nothing_and_tells_all(
    run: Run, proxy: FakeProxy, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "my-folder" / ".git").mkdir()
    dry = run("skills", "create", str(folder), "--dry-run", "--offline")
    assert proxy.requests == []
    assert said(dry) == "Skipped .git\n"
    assert dry == run("skills", "create", str(folder), "--dry-run", "-o", "table", "--replace")
    taking(keeping(proxy))
    run("skills", "create", str(folder))
    (request,) = changes(proxy)
    content = request.multipart.files[0].content
    assert dry.json == {
        "request": "POST /v1/skills",
        "form": request.multipart.fields,
        "file": {
            "name": "my-skill.zip",
            "bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "entries": [
                {"path": "SKILL.md", "bytes": len(SKILL)},
                {"path": "data/ünï.bin", "bytes": 800},
                {"path": "empty.txt", "bytes": 0},
                {"path": "scripts/run.sh", "bytes": 18},
            ],
        },
    }


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--version", "1"), "--version needs"),
        (("--keyword", "a", "--keyword", "b"), "--keyword needs"),
        (("--sha256", "0" * 64), "--sha256 needs"),
        (("--author", "Ada", "--homepage", "https://x", "--category", "c"), "--category, --author, --homepage need"),
    ],
)
def test_what_only_the_hub_keeps_is_refused_without_a_source(
    run: Run, proxy: FakeProxy, folder: Path, options: tuple[str, ...], named: str
) -> None:
    result = run("skills", "create", str(folder), *options, "--json", exit=2)
    assert (result, result.error["message"]) == ("", f"{named} --source: only the hub stores that")
    assert proxy.requests == []


# --- create, in the hub ---

GITHUB = {"source": "github", "repo": "org/greet"}
REPOSITORY = "https://git.example.com/ops/skills.git"


@pytest.mark.parametrize(
    ("given", "source"),
    [
        ("github:acme/skills@v2.0", {"source": "github", "repo": "acme/skills", "ref": "v2.0"}),
        (REPOSITORY, {"source": "url", "url": REPOSITORY}),
        ("git@github.com:acme/s.git", {"source": "url", "url": "git@github.com:acme/s.git"}),
        (f"git+{REPOSITORY}#skills/deploy", {"source": "git-subdir", "url": REPOSITORY, "path": "skills/deploy"}),
        ("archive:https://example.com/z.zip?v=1", {"source": "archive", "url": "https://example.com/z.zip?v=1"}),
    ],
)
def test_every_form_of_a_source(run: Run, proxy: FakeProxy, given: str, source: dict[str, str]) -> None:
    registering(keeping(proxy, MINE), hub("x", source=source))
    result = run("skills", "create", "x", "--source", given, "--description", "d", "--json")
    (request,) = changes(proxy)
    assert request.json == {"name": "x", "source": source, "description": "d"}
    assert request.headers["Content-Type"] == "application/json"
    assert proxy.asked == [HUB, HUB, f"{HUB}/x"]
    assert list(result.json) == SHOW_KEYS
    assert (result.json["store"], result.json["enabled"], result.json["source"]) == ("hub", True, source)
    assert said(result) == f'Created the skill "x" in the Skill Hub of {proxy.url} (id-x)\n'


def test_everything_that_is_given_is_sent(run: Run, proxy: FakeProxy) -> None:
    source = {"source": "archive", "url": "https://example.com/z.zip", "sha256": "ab" * 32}
    facts = ("--version", "1.2", "--description", "Ü: says\n'hi'", "--keyword", "a", "--keyword", "b c")
    more = ("--category", "fun", "--author", " Ada L <ada@example.com> ", "--homepage", "https://example.com/x?y#z")
    command = ("skills", "create", "x", "--source", "archive:https://example.com/z.zip", *facts, *more)
    expected = {
        "name": "x",
        "source": source,
        "version": "1.2",
        "description": "Ü: says\n'hi'",
        "category": "fun",
        "homepage": "https://example.com/x?y#z",
        "author": {"name": "Ada L", "email": "ada@example.com"},
        "keywords": ["a", "b c"],
    }
    dry = run(*command, "--sha256", "AB" * 32, "--dry-run", "--offline")
    assert dry.json == {"request": "POST /claude-code/plugins", "json": expected}
    assert proxy.requests == []
    registering(keeping(proxy), hub("x", source=source))
    run(*command, "--sha256", "AB" * 32)
    assert [request.json for request in changes(proxy)] == [expected]


def test_an_author_may_be_a_name_alone(run: Run, proxy: FakeProxy) -> None:
    dry = run("skills", "create", "x", "--source", "github:org/x", "--author", "Ada", "--dry-run")
    assert dry.json["json"] == {"name": "x", "source": {"source": "github", "repo": "org/x"}, "author": {"name": "Ada"}}
    assert said(dry).startswith("Warning: the skill has no description")
    assert proxy.requests == []


SECRET_URLS = [
    "https://me:hunter22@h.example/r.git",
    "https://hunter22@h.example/r.git",
    "git+https://me:hunter22@h.example/r.git#a",
    "archive:https://me:hunter22@h.example/z.zip",
    "ssh://git:hunter22@h.example/r.git",
    "http://me:hunter22@h.example/r.git",
    "archive:http://hunter22@h.example/z.zip",
    "ftp://me:hunter22@h.example/r.git",
]


def test_a_user_or_a_password_in_a_url_is_refused_and_not_repeated(run: Run, proxy: FakeProxy) -> None:
    for source in SECRET_URLS:
        result = run("skills", "create", "x", "--source", source, "--json", exit=2)
        assert (result, result.error["code"]) == ("", "usage")
        assert "hunter22" not in said(result)
    assert proxy.requests == []


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("", "is not a valid source"),
        ("acme/skills@v1", 'Did you mean "github:acme/skills@v1"?'),
        ("github:acme", "OWNER/REPO[@REF]"),
        ("git+https://h.example/r.git#../a", "must be followed by a path"),
        ("http://h.example/r.git", "plain HTTP"),
        ("archive:http://h.example/z.zip", "plain HTTP"),
        ("file:///etc/passwd", "is not a valid URL (https or ssh)"),
        ("https://h.example/\x1b[31m", "is not a valid URL"),
    ],
)
def test_what_is_no_source_is_exit_2_with_what_is(run: Run, proxy: FakeProxy, source: str, words: str) -> None:
    result = run("skills", "create", "x", "--source", source, "--json", exit=2)
    assert (result, result.error["code"]) == ("", "usage")
    assert words in result.error["message"]
    assert result.error["remedy"]
    assert proxy.requests == []


def test_plain_http_must_be_permitted_and_an_archive_never_is(run: Run, proxy: FakeProxy) -> None:
    for source in ("http://h.example/r.git", "git+http://h.example/r.git#a"):
        made = run("skills", "create", "x", "--source", source, "--allow-insecure-http", "--dry-run").json
        assert made["json"]["source"]["url"] == "http://h.example/r.git"
    archive = ("skills", "create", "x", "--source", "archive:http://h.example/z.zip")
    assert "--allow-insecure-http" not in run(*archive, "--allow-insecure-http", exit=2).stderr
    assert proxy.requests == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--sha256", "0" * 64, "--source", "github:a/b"), "--sha256 needs an archive"),
        (("--sha256", "0" * 63, "--source", "archive:https://h.example/z"), "not 64 hexadecimal digits"),
        (("--author", "Ada <nowhere>", "--source", "github:a/b"), "--author is not NAME or NAME <EMAIL>"),
        (("--homepage", "example.com", "--source", "github:a/b"), "--homepage is not a URL"),
        (("--description", "x" * (2**20 + 1), "--source", "github:a/b"), "--description is larger than 1 MiB"),
        (("--keyword", "\ud800", "--source", "github:a/b"), "--keyword contains invalid Unicode (a lone surrogate)"),
        (("--category", "\0", "--source", "github:a/b"), "--category contains a NUL character"),
    ],
)
def test_a_fact_that_cannot_be_is_exit_2(run: Run, proxy: FakeProxy, options: tuple[str, ...], words: str) -> None:
    result = run("skills", "create", "x", *options, "--json", exit=2)
    assert words in result.error["message"]
    assert proxy.requests == []


def test_a_name_that_the_hub_does_not_take_is_refused_with_one_that_it_does(run: Run, proxy: FakeProxy) -> None:
    for name, meant in (("Bad Name", "bad-name"), ("./x/", "x"), ("日本", "skill")):
        result = run("skills", "create", name, "--source", "github:org/x", "--json", exit=2)
        assert f'"{name}" is not a valid name in the hub' in result.error["message"]
        assert result.error["remedy"] == f"litellmctl skills create {meant} --source github:org/x"
    assert proxy.requests == []


def test_a_name_that_the_hub_has_is_refused_and_nothing_is_sent(run: Run, proxy: FakeProxy) -> None:
    keeping(proxy, GREET)
    result = run("skills", "create", "greet", "--source", "github:org/greet", "--json", exit=5)
    assert (result, result.error["code"]) == ("", "rejected")
    assert "the Skill Hub of" in result.error["message"]
    assert "(id-greet)" in result.error["message"]
    assert (sent(proxy), proxy.asked) == ([], [HUB])


def test_a_replacement_keeps_what_it_does_not_say(run: Run, proxy: FakeProxy) -> None:
    new = {"source": "url", "url": REPOSITORY}
    keeping(proxy, GREET).on(f"{HUB}/greet", hub_entry(GREET))
    proxy.on(f"{HUB}/greet", success(GREET, "updated"), method="PUT")
    proxy.on(f"{HUB}/greet", hub_entry({**GREET, "source": new, "description": "Says hi"}))
    command = ("skills", "create", "greet", "--source", REPOSITORY, "--description", "Says hi", "--keyword", "new")
    result = run(*command, "--replace", "--json")
    assert sent(proxy) == [f"PUT {HUB}/greet"]
    assert changes(proxy)[0].json == {
        "source": new,
        "description": "Says hi",
        "keywords": ["new"],
        **{key: GREET[key] for key in ("version", "author", "homepage", "category", "domain", "namespace")},
        "expected_updated_at": GREET["updated_at"],
    }
    assert result.json["description"] == "Says hi"
    # The entry's endpoint does not tell of these two.
    assert (result.json["domain"], result.json["namespace"]) == ("Talk", "hello")
    assert said(result).startswith('Replaced the skill "greet" in the Skill Hub')


def test_a_replacement_of_nothing_known_says_only_what_is_given(run: Run, proxy: FakeProxy) -> None:
    bare = hub("greet", version=None, updated_at=None)
    keeping(proxy, bare).on(f"{HUB}/greet", hub_entry(bare))
    proxy.on(f"{HUB}/greet", success(GREET, "updated"), method="PUT").on(f"{HUB}/greet", hub_entry(GREET))
    run("skills", "create", "greet", "--source", "github:org/greet", "--replace")
    assert changes(proxy)[0].json == {"source": GITHUB}


def test_replacing_what_the_hub_does_not_have_creates_it(run: Run, proxy: FakeProxy) -> None:
    registering(keeping(proxy, api("greet")), GREET)
    result = run("skills", "create", "greet", "--source", "github:org/greet", "--replace")
    assert sent(proxy) == [f"POST {HUB}"]
    assert said(result).startswith("Created ")


def test_a_disabled_skill_that_is_replaced_is_enabled(run: Run, proxy: FakeProxy) -> None:
    keeping(proxy, OFF).on(f"{HUB}/review", hub_entry(OFF))
    proxy.on(f"{HUB}/review", success(OFF, "updated"), method="PUT").on(f"{HUB}/review", hub_entry(OFF))
    proxy.on(f"{HUB}/review/enable", done("review", "enabled"), method="POST")
    proxy.on(f"{HUB}/review", hub_entry(OFF, enabled=True))
    result = run("skills", "create", "review", "--source", "github:org/review", "--replace", "--json")
    assert sent(proxy) == [f"PUT {HUB}/review", f"POST {HUB}/review/enable"]
    assert result.json["enabled"] is True


@pytest.mark.parametrize(
    "back",
    [hub("greet", source={"source": "github", "repo": "org/other"}), hub("greet", source=None), hub("other"), {}],
)
def test_what_the_hub_tells_after_must_be_what_was_sent(run: Run, proxy: FakeProxy, back: Any) -> None:
    keeping(proxy).on(HUB, success(GREET), method="POST").on(f"{HUB}/greet", hub_entry(back))
    result = run("skills", "create", "greet", "--source", "github:org/greet", "--json", exit=3)
    assert (result, result.error["code"]) == ("", "bad_response")
    assert "greet" in result.error["message"]
    assert sent(proxy) == [f"POST {HUB}"]


@pytest.mark.parametrize(("reply", "exit"), [(told(500, "boom"), 3), (told(404, "Plugin 'greet' not found"), 5)])
def test_a_skill_of_the_hub_that_cannot_be_read_back_was_made_all_the_same(
    run: Run, proxy: FakeProxy, reply: dict[str, Any], exit: int
) -> None:
    keeping(proxy).on(HUB, success(GREET), method="POST").on(f"{HUB}/greet", **reply)
    result = run("skills", "create", "greet", "--source", "github:org/greet", "--json", exit=exit)
    assert result == ""
    assert f"{proxy.url} accepted the skill greet, but" in result.error["message"]


@pytest.mark.parametrize(
    ("reply", "exit", "code", "words"),
    [
        pytest.param(told(409, "A skill named 'greet' already exists."), 5, "rejected", "already exists", id="409"),
        pytest.param(told(400, "source.source must be 'github'"), 5, "rejected", "must be 'github'", id="400"),
        pytest.param({"status": 422, "body": {"detail": [{"msg": "no"}]}}, 5, "rejected", "422", id="422"),
        pytest.param(REFUSED, 4, "auth_failed", "refused the key", id="401"),
        pytest.param(told(403, "no"), 4, "forbidden", "does not allow", id="403"),
        pytest.param(HUB_WITHOUT_DATABASE, 3, "server_error", "has no database", id="no database"),
    ],
)
def test_a_refusal_has_had_no_effect(
    run: Run, proxy: FakeProxy, reply: dict[str, Any], exit: int, code: str, words: str
) -> None:
    keeping(proxy).on(HUB, method="POST", **reply)
    result = run("skills", "create", "greet", "--source", "github:org/greet", "--json", exit=exit)
    assert (result, result.error["code"]) == ("", code)
    assert words in result.error["message"]
    assert "may have been made" not in result.error["message"]
    assert sent(proxy) == [f"POST {HUB}"]


# --- only administrators ---

CREATE = ("create", "review", "--source", "github:org/review")
HUB_CHANGES = [
    pytest.param(CREATE, "POST", HUB, id="create"),
    pytest.param((*CREATE, "--replace"), "PUT", f"{HUB}/greet", id="replace"),
    pytest.param(("delete", "--yes", "greet"), "DELETE", f"{HUB}/greet", id="delete"),
    pytest.param(("enable", "greet"), "POST", f"{HUB}/greet/enable", id="enable"),
    pytest.param(("disable", "greet"), "POST", f"{HUB}/greet/disable", id="disable"),
]


@pytest.mark.parametrize("reply", [pytest.param(ADMINS_403, id="403"), pytest.param(ADMINS_401, id="401")])
@pytest.mark.parametrize(("command", "method", "target"), HUB_CHANGES)
def test_only_administrators_may_change_the_hub(
    run: Run, proxy: FakeProxy, command: tuple[str, ...], method: str, target: str, reply: dict[str, Any]
) -> None:
    keeping(proxy, GREET).on(target, method=method, **reply)
    if method == "PUT":
        proxy.on(target, hub_entry(GREET))
    words = ("create", "greet", *command[2:]) if "--replace" in command else command
    result = run("skills", *words, "--json", exit=4)
    assert (result, result.error["code"]) == ("", "forbidden")
    assert result.error["message"] == f"only administrators of {proxy.url} can change its Skill Hub"
    # A folder in the other store helps who wants to add a skill, and nobody else.
    assert ("litellmctl skills create DIR" in result.error["remedy"]) is (command[0] == "create")
    assert "ask an administrator" in result.error["remedy"]
    assert len(sent(proxy)) == 1


def test_a_refused_key_is_not_a_missing_right_because_of_the_proxys_name(run: Run, proxy: FakeProxy) -> None:
    url = f"{proxy.url}/admin-tools"
    proxy.on(f"/admin-tools{HUB}", plugins(hub("admin-helper")), times=None)
    proxy.on(f"/admin-tools{API}", page(), times=None)
    proxy.on(f"/admin-tools{HUB}/admin-helper", method="DELETE", **REFUSED)
    result = run("skills", "delete", "--yes", "admin-helper", "--json", exit=4, LITELLM_BASE_URL=url)
    assert result.error["code"] == "auth_failed"
    proxy.on(f"/admin-tools{HUB}/admin-helper", method="DELETE", **told(403, "not today"))
    result = run("skills", "delete", "--yes", "admin-helper", "--json", exit=4, LITELLM_BASE_URL=url)
    assert "not today" in result.error["message"]


# --- once ---

OPERATIONS = {
    "upload": (("create", "-"), "POST", API),
    "register": (("create", "new", "--source", "github:org/new", "--description", "d"), "POST", HUB),
    "replace": (("create", "greet", "--source", "github:org/greet", "--replace"), "PUT", f"{HUB}/greet"),
    "enable": (("enable", "greet"), "POST", f"{HUB}/greet/enable"),
    "disable": (("disable", "greet"), "POST", f"{HUB}/greet/disable"),
    "delete from hub": (("delete", "--yes", "greet"), "DELETE", f"{HUB}/greet"),
    "delete from api": (("delete", "--yes", MINE["id"]), "DELETE", f"{API}/{MINE['id']}"),
}
SLOW = {"respond": answering(lambda _: {"status": "success", "id": "late"}, after=1)}
RETRY = {"headers": {"Retry-After": "0"}}
UNCERTAIN = [
    pytest.param(failed("boom"), "server_error", True, id="500"),
    pytest.param({"status": 502, "body": b"<html>bad gateway"}, "server_error", True, id="502"),
    pytest.param({**told(503, "busy"), **RETRY}, "server_error", True, id="503"),
    pytest.param({"status": 504, "body": b""}, "server_error", True, id="504"),
    pytest.param({**told(429, "slow down"), **RETRY}, "rate_limited", False, id="429"),
    pytest.param({"status": 404, "body": b"<html>no"}, "bad_response", False, id="html 404"),
    pytest.param({"status": 307, "body": {}, "headers": {"Location": "/other"}}, "bad_response", False, id="307"),
    pytest.param(
        {"status": 302, "body": {}, "headers": {"Location": "https://h.example/"}}, "bad_response", False, id="302"
    ),
    pytest.param(WEB_PAGE, "bad_response", True, id="html"),
    pytest.param({"body": b""}, "bad_response", True, id="empty"),
    pytest.param(HALF, "bad_response", True, id="half a body"),
    pytest.param({"respond": closing()}, "unreachable", True, id="closed"),
    pytest.param({"respond": closing(reset=True)}, "unreachable", True, id="reset"),
    pytest.param(SLOW, "timeout", True, id="time-out"),
]
# Of the other operations, those that differ by how they are sent.
SOME = [one for one in UNCERTAIN if one.id in {"503", "closed", "time-out"}]


def change_once(run: Run, proxy: FakeProxy, name: str, reply: dict[str, Any], code: str, *, had_effect: bool) -> None:
    command, method, target = OPERATIONS[name]
    keeping(proxy, GREET, MINE).on(target, method=method, times=None, **reply)
    if method == "PUT":
        proxy.on(target, hub_entry(GREET))
    start = time.monotonic()
    seconds = "0.4" if code == "timeout" else "9"
    result = run("skills", *command, "--json", "--timeout", seconds, exit=3, stdin=SKILL)
    assert time.monotonic() - start < 5
    assert (result, result.error["code"], sent(proxy)) == ("", code, [f"{method} {target}"])
    assert (EFFECT in result.error["message"]) is had_effect, result.error["message"]
    assert said(result).count("\n") == 1
    if had_effect:
        assert result.error["remedy"] == "litellmctl skills list --all"


@pytest.mark.parametrize(("reply", "code", "had_effect"), UNCERTAIN)
def test_whatever_is_answered_a_skill_is_sent_once(
    run: Run, proxy: FakeProxy, reply: dict[str, Any], code: str, had_effect: bool
) -> None:
    change_once(run, proxy, "upload", reply, code, had_effect=had_effect)


@pytest.mark.parametrize("name", [name for name in OPERATIONS if name != "upload"])
@pytest.mark.parametrize(("reply", "code", "had_effect"), SOME)
def test_every_other_change_is_sent_once_too(
    run: Run, proxy: FakeProxy, name: str, reply: dict[str, Any], code: str, had_effect: bool
) -> None:
    change_once(run, proxy, name, reply, code, had_effect=had_effect)


def test_an_upload_has_longer_than_another_request(run: Run, proxy: FakeProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    from litellmctl import connection

    monkeypatch.setattr(connection, "REQUEST_SECONDS", 0.4)
    keeping(proxy).on(API, method="POST", respond=answering(lambda _: NEW, after=0.7)).on(f"{API}/{NEW['id']}", NEW)
    assert run("skills", "create", "-", "--json", stdin=SKILL).json["id"] == NEW["id"]


def test_where_nothing_was_sent_nothing_can_have_happened(run: Run, proxy: FakeProxy) -> None:
    def last(_: BaseHTTPRequestHandler) -> Any:
        proxy.close()
        return page()

    proxy.on(API, respond=answering(last))
    result = run("skills", "create", "-", "--json", exit=3, stdin=SKILL)
    assert (result.error["code"], sent(proxy)) == ("unreachable", [])
    assert EFFECT not in result.error["message"]


def test_the_key_is_not_repeated_of_what_the_proxy_says(run: Run, proxy: FakeProxy) -> None:
    words = f"key {KEY} may not"
    keeping(proxy, GREET).on(HUB, method="POST", **told(403, words)).on(
        f"{HUB}/greet", method="DELETE", **told(500, words)
    )
    results = [
        run("skills", "create", "x", "--source", "github:org/x", "-v", exit=4),
        run("skills", "delete", "--yes", "greet", "-v", "--json", exit=3),
    ]
    for result in results:
        assert "key *** may not" in said(result)
        assert KEY not in said(result)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")
def test_a_refused_key_is_renewed_for_the_next_change_only(run: Run, proxy: FakeProxy, tmp_path: Path) -> None:
    count = tmp_path / "count"
    helper = f"sh -c 'echo x >> {count}; echo sk-helper-$(wc -l < {count} | tr -d \" \")'"
    keeping(proxy, GREET, OFF)
    proxy.on(f"{HUB}/greet", method="DELETE", **REFUSED)
    proxy.on(f"{HUB}/review", done("review", "deleted"), method="DELETE")
    command = ("skills", "delete", "--yes", "greet", "review", "--json")
    result = run(*command, exit=4, LITELLM_API_KEY=None, LITELLM_API_KEY_HELPER=helper)
    assert result.error["code"] == "auth_failed"
    assert [(request.path, request.headers["Authorization"]) for request in changes(proxy)] == [
        (f"{HUB}/greet", "Bearer sk-helper-1"),
        (f"{HUB}/review", "Bearer sk-helper-2"),
    ]
    assert count.read_text() == "x\nx\n"


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")
def test_a_helper_that_takes_longer_than_a_request_may_is_not_the_proxys_time_out(
    run: Run, proxy: FakeProxy, tmp_path: Path
) -> None:
    count = tmp_path / "count"
    helper = f"sh -c 'test -e {count} && sleep 0.8; echo x >> {count}; echo sk-helper'"
    keeping(proxy, GREET).on(f"{HUB}/greet", method="DELETE", **REFUSED)
    command = ("skills", "delete", "--yes", "greet", "--json", "--timeout", "0.4")
    result = run(*command, exit=4, LITELLM_API_KEY=None, LITELLM_API_KEY_HELPER=helper)
    assert result.error["code"] == "auth_failed"


# --- delete ---


@pytest.mark.parametrize("answer", ["y\n", "YES\n"])
def test_a_person_is_asked_first(run: Run, proxy: FakeProxy, answer: str) -> None:
    keeping(proxy, GREET, MINE).on(f"{HUB}/greet", done("greet", "deleted"), method="DELETE")
    result = run("skills", "delete", "greet", terminal=True, stdin=answer)
    assert result == ""
    assert f"Delete the skill on {proxy.url}: greet (hub)? [y/N] " in said(result)
    assert f'Deleted the skill "greet" in the Skill Hub of {proxy.url} (id-greet)' in " ".join(said(result).split())
    assert sent(proxy) == [f"DELETE {HUB}/greet"]


@pytest.mark.parametrize("answer", ["n\n", "\n", "", "maybe\n"])
def test_without_a_yes_nothing_is_deleted(run: Run, proxy: FakeProxy, answer: str) -> None:
    keeping(proxy, GREET, MINE)
    result = run("skills", "delete", "greet", "My skill", terminal=True, stdin=answer, exit=130)
    assert f"Delete these 2 skills on {proxy.url}: greet (hub), My skill (api)? [y/N] " in " ".join(
        said(result).split()
    )
    assert "nothing was deleted" in said(result)
    assert sent(proxy) == []


@pytest.mark.parametrize("options", [{}, {"terminal": True, "LITELLMCTL_NO_INPUT": "1"}])
def test_where_nobody_can_be_asked_nothing_is_deleted(run: Run, proxy: FakeProxy, options: dict[str, Any]) -> None:
    keeping(proxy, GREET)
    result = run("skills", "delete", "greet", "--json", exit=2, stdin="y\n", **options)
    assert (result, result.error["code"]) == ("", "input_required")
    assert result.error["message"] == "refusing to delete greet (hub) without confirmation"
    assert result.error["remedy"] == "pass --yes"
    assert sent(proxy) == []


def test_a_hostile_name_cannot_change_the_question(run: Run, proxy: FakeProxy) -> None:
    keeping(proxy, api("\x1b[2K\rKeep? \u202e\n", "x"))
    result = run("skills", "delete", "x", terminal=True, stdin="n\n", exit=130, NO_COLOR="1")
    question = next(line for line in said(result).split("\n") if "[y/N]" in line)
    assert "\x1b[2K" not in question.removeprefix("\r\x1b[K")
    assert "\u202e" not in question
    assert question.count("?") == 2


def test_both_stores_are_looked_into(run: Run, proxy: FakeProxy) -> None:
    keeping(proxy, GREET, MINE, api(None, "litellm_skill_0"))
    proxy.on(f"{HUB}/greet", done("greet", "deleted"), method="DELETE")
    for skill_id in ("litellm_skill_0", MINE["id"]):
        proxy.on(f"{API}/{skill_id}?{OWN}", deleted(skill_id), method="DELETE")
    result = run("skills", "delete", "-y", "litellm_skill_0", "My skill", "greet")
    assert result == ""
    where = {path: f"in {NAMES[path]} of {proxy.url}" for path in (HUB, API)}
    assert said(result).splitlines() == [
        f'Deleted the skill "litellm_skill_0" {where[API]} (litellm_skill_0)',
        f'Deleted the skill "My skill" {where[API]} ({MINE["id"]})',
        f'Deleted the skill "greet" {where[HUB]} (id-greet)',
    ]
    assert sorted(proxy.asked[:2]) == [HUB, API]
    assert len(proxy.asked) == 5


def test_a_name_of_several_is_deleted_by_its_id_only(run: Run, proxy: FakeProxy) -> None:
    keeping(proxy, hub("same", id="h"), api("same", "a-2"), api("same", "a-1"))
    result = run("skills", "delete", "--yes", "same", "--json", exit=2)
    assert (result, result.error["code"]) == ("", "usage")
    assert result.error["message"] == '3 skills are named "same": a-1 (api), a-2 (api), h (hub)'
    assert sent(proxy) == []
    proxy.on(f"{API}/a-1?{OWN}", deleted("a-1"), method="DELETE")
    run("skills", "delete", "--yes", "a-1")
    assert sent(proxy) == [f"DELETE {API}/a-1"]


def test_what_is_given_twice_is_deleted_once(run: Run, proxy: FakeProxy) -> None:
    keeping(proxy, GREET).on(f"{HUB}/greet", done("greet", "deleted"), method="DELETE")
    result = run("skills", "delete", "--yes", "greet", "id-greet", "greet")
    assert said(result).count("Deleted the skill") == 1
    assert len(sent(proxy)) == 1


def test_one_that_is_missing_keeps_no_other(run: Run, proxy: FakeProxy) -> None:
    keeping(proxy, GREET, MINE, api("same", "a"), api("same", "b"))
    proxy.on(f"{HUB}/greet", done("greet", "deleted"), method="DELETE")
    proxy.on(f"{API}/{MINE['id']}", deleted(MINE["id"]), method="DELETE")
    result = run("skills", "delete", "--yes", "greet", "nope", "same", "My skill", "--json", exit=5)
    assert result == ""
    assert [message.split(":")[0] for message in messages(result)] == [
        'no skill "nope"',
        '2 skills are named "same"',
    ]
    assert said(result).count("Deleted the skill") == len(sent(proxy)) == 2


@pytest.mark.parametrize(
    ("first", "second", "exit"),
    [(told(403, "no"), failed("boom"), 4), (told(500, "boom"), REFUSED, 3), (told(404, "gone"), failed("boom"), 5)],
)
def test_the_first_failure_decides_the_exit_code(
    run: Run, proxy: FakeProxy, first: dict[str, Any], second: dict[str, Any], exit: int
) -> None:
    keeping(proxy, GREET, MINE, OFF)
    proxy.on(f"{HUB}/greet", method="DELETE", **first).on(f"{API}/{MINE['id']}", method="DELETE", **second)
    proxy.on(f"{HUB}/review", done("review", "deleted"), method="DELETE")
    result = run("skills", "delete", "--yes", "greet", "My skill", "review", "--json", exit=exit)
    assert result == ""
    assert [message.split(":")[0] for message in messages(result)] == ["greet", "My skill"]
    assert 'Deleted the skill "review"' in said(result)
    assert len(sent(proxy)) == 3


def test_one_that_is_missing_goes_before_one_that_fails(run: Run, proxy: FakeProxy) -> None:
    keeping(proxy, GREET).on(f"{HUB}/greet", method="DELETE", **told(500, "boom"))
    result = run("skills", "delete", "--yes", "greet", "nope", exit=5)
    lines = [line for line in result.stderr.splitlines() if line.startswith("Error")]
    assert 'no skill "nope"' in lines[0]
    assert lines[1].startswith("Error: greet: ")


def test_a_person_knows_what_is_missing_before_the_answer(run: Run, proxy: FakeProxy) -> None:
    keeping(proxy, GREET)
    result = run("skills", "delete", "greet", "nope", terminal=True, stdin="n\n", exit=130)
    assert 'no skill "nope"' in said(result).partition("[y/N]")[0]
    assert sent(proxy) == []


def test_where_all_are_missing_nobody_is_asked(run: Run, proxy: FakeProxy) -> None:
    keeping(proxy)
    result = run("skills", "delete", "a", "b", "--json", exit=5)
    assert [message.partition(".")[0] for message in messages(result)] == ['no skill "a"', 'no skill "b"']
    assert sent(proxy) == []


@pytest.mark.parametrize(
    ("typed", "target", "reply", "exit", "code"),
    [
        ("My skill", f"{API}/{MINE['id']}", not_there(MINE["id"]), 5, "not_found"),
        ("greet", f"{HUB}/greet", told(404, "Plugin 'greet' not found"), 5, "not_found"),
        ("My skill", f"{API}/{MINE['id']}", API_WITHOUT_DATABASE, 3, "server_error"),
        ("My skill", f"{API}/{MINE['id']}", told(403, "no"), 4, "forbidden"),
    ],
)
def test_one_that_somebody_else_deleted(
    run: Run, proxy: FakeProxy, typed: str, target: str, reply: dict[str, Any], exit: int, code: str
) -> None:
    keeping(proxy, GREET, MINE).on(target, method="DELETE", **reply)
    result = run("skills", "delete", "--yes", typed, "--json", exit=exit)
    assert (result, result.error["code"]) == ("", code)
    assert "may have been made" not in result.error["message"]


@pytest.mark.parametrize("path", [HUB, API])
def test_a_store_that_cannot_be_listed_is_told_and_the_other_is_used(run: Run, proxy: FakeProxy, path: str) -> None:
    proxy.on(path, times=None, **told(500, "boom"))
    proxy.on(*((API, page(MINE)) if path == HUB else (HUB, plugins(GREET))), times=None)
    typed, target = ("My skill", f"{API}/{MINE['id']}") if path == HUB else ("greet", f"{HUB}/greet")
    proxy.on(target, deleted("x"), method="DELETE")
    result = run("skills", "delete", "--yes", typed)
    assert f"Warning: cannot list {NAMES[path]}" in said(result)
    assert "Deleted" in said(result)
    missing = run("skills", "delete", "--yes", "one", "two", "--json", exit=3)
    assert len(messages(missing)) == 2
    for name, message in zip(("one", "two"), messages(missing), strict=True):
        assert f'"{name}"' in message
        assert "boom" in message
    assert len(sent(proxy)) == 1


def test_what_is_deleted_is_one_segment_of_a_path(run: Run, proxy: FakeProxy) -> None:
    for name, segment in SEGMENTS[:5]:
        keeping(proxy, hub(name, id="h"), api("a", name), times=1)
        proxy.on(f"{HUB}/{segment}", done(name, "deleted"), method="DELETE")
        proxy.on(f"{API}/{segment}?{OWN}", deleted(name), method="DELETE")
        run("skills", "delete", "--yes", "h", name)
        assert sent(proxy)[-2:] == [f"DELETE {HUB}/{segment}", f"DELETE {API}/{segment}"]


def test_dots_alone_delete_nothing_else(run: Run, proxy: FakeProxy) -> None:
    keeping(proxy, hub("..", id="h"), api("a", ".."))
    result = run("skills", "delete", "--yes", "h", "..", "--json", exit=5)
    assert len(messages(result)) == 2
    assert sent(proxy) == []


def test_no_name_is_exit_2(run: Run, proxy: FakeProxy) -> None:
    for command in ("delete", "enable", "disable", "show", "create"):
        result = run("skills", command, "--json", exit=2)
        assert (result, result.error["code"]) == ("", "usage")
    assert proxy.requests == []


# --- enable, disable ---


@pytest.mark.parametrize("word", ["enable", "disable"])
def test_several_are_switched(run: Run, proxy: FakeProxy, word: str) -> None:
    keeping(proxy, GREET, OFF, MINE)
    for name in ("greet", "review"):
        proxy.on(f"{HUB}/{name}/{word}", done(name, f"{word}d"), method="POST")
    result = run("skills", word, "id-greet", "review", "greet")
    assert result == ""
    where = f"in the Skill Hub of {proxy.url}"
    assert said(result).splitlines() == [
        f'{word.title()}d the skill "greet" {where} (id-greet)',
        f'{word.title()}d the skill "review" {where} (id-review)',
    ]
    assert sent(proxy) == [f"POST {HUB}/greet/{word}", f"POST {HUB}/review/{word}"]
    assert {request.body for request in changes(proxy)} == {b""}


def test_skills_of_the_other_store_cannot_be_disabled(run: Run, proxy: FakeProxy) -> None:
    keeping(proxy, GREET, MINE)
    result = run("skills", "disable", "My skill", "--json", exit=5)
    assert (result, result.error["code"]) == ("", "rejected")
    assert result.error["message"] == 'cannot disable "My skill": skills in the Skills API are always enabled'
    assert result.error["remedy"] == "litellmctl skills list --store hub"
    assert sent(proxy) == []
    proxy.on(f"{HUB}/greet/disable", done("greet", "disabled"), method="POST")
    result = run("skills", "disable", "My skill", "gret", "greet", "--json", exit=5)
    assert len(messages(result)) == 2
    assert any('Did you mean "greet"' in message for message in messages(result))
    assert 'Disabled the skill "greet"' in said(result)


def test_skills_of_the_other_store_are_enabled_already(run: Run, proxy: FakeProxy) -> None:
    keeping(proxy, GREET, MINE)
    proxy.on(f"{HUB}/greet/enable", done("greet", "enabled"), method="POST")
    result = run("skills", "enable", "My skill", "greet")
    assert said(result).splitlines()[0] == "My skill is already enabled: skills in the Skills API always are."
    assert 'Enabled the skill "greet"' in said(result)
    assert sent(proxy) == [f"POST {HUB}/greet/enable"]


def test_one_of_several_that_cannot_be_switched(run: Run, proxy: FakeProxy) -> None:
    keeping(proxy, GREET, OFF)
    proxy.on(f"{HUB}/greet/enable", method="POST", **told(404, "Plugin 'greet' not found"))
    proxy.on(f"{HUB}/review/enable", done("review", "enabled"), method="POST")
    result = run("skills", "enable", "greet", "review", "--json", exit=5)
    (message,) = messages(result)
    assert message.startswith("greet: ")
    assert 'Enabled the skill "review"' in said(result)


# --- the prompt section asks again ---

CACHED = [
    pytest.param(("create", "-"), "POST", API, NEW, f"{API}/{NEW['id']}", NEW, id="upload"),
    pytest.param(
        ("create", "new", "--source", "github:org/new"),
        "POST",
        HUB,
        success(hub("new")),
        f"{HUB}/new",
        hub_entry(hub("new")),
        id="register",
    ),
    pytest.param(("delete", "-y", "greet"), "DELETE", f"{HUB}/greet", done("greet", "deleted"), None, None, id="hub"),
    pytest.param(
        ("delete", "-y", MINE["id"]), "DELETE", f"{API}/{MINE['id']}", deleted(MINE["id"]), None, None, id="api"
    ),
    pytest.param(("enable", "review"), "POST", f"{HUB}/review/enable", done("review", "x"), None, None, id="enable"),
    pytest.param(("disable", "greet"), "POST", f"{HUB}/greet/disable", done("greet", "x"), None, None, id="disable"),
]


@pytest.mark.parametrize(("command", "method", "target", "body", "entry", "back"), CACHED)
def test_after_a_change_the_prompt_section_asks_that_store_again(
    run: Run, proxy: FakeProxy, command: tuple[str, ...], method: str, target: str, body: Any, entry: Any, back: Any
) -> None:
    changed = API if target.startswith(API) else HUB
    keeping(proxy, GREET, OFF, MINE).on(target, body, method=method)
    if entry:
        proxy.on(entry, back)
    run("prompt-section")
    run("prompt-section")
    assert sorted(proxy.asked) == [HUB, API]
    run("skills", *command, stdin=SKILL)
    before = len(proxy.requests)
    run("prompt-section")
    run("prompt-section")
    assert proxy.asked[before:] == [changed]


@pytest.mark.parametrize(("command", "method", "target", "body", "entry", "back"), [CACHED[1], CACHED[3]])
def test_after_a_change_that_may_have_been_made_too(
    run: Run, proxy: FakeProxy, command: tuple[str, ...], method: str, target: str, body: Any, entry: Any, back: Any
) -> None:
    changed = API if target.startswith(API) else HUB
    keeping(proxy, GREET, MINE).on(target, method=method, **failed("boom"))
    run("prompt-section")
    run("skills", *command, exit=3)
    before = len(proxy.requests)
    run("prompt-section")
    assert proxy.asked[before:] == [changed]


def test_who_asks_during_a_change_does_not_keep_what_was_before(run: Run, run_process: Run, proxy: FakeProxy) -> None:
    keeping(proxy, GREET)
    seen = []

    def meanwhile(_: BaseHTTPRequestHandler) -> Any:
        seen.append(run_process("prompt-section"))
        return done("greet", "deleted")

    proxy.on(f"{HUB}/greet", respond=answering(meanwhile), method="DELETE")
    run("skills", "delete", "--yes", "greet")
    assert 'name="greet"' in seen[0]
    proxy._routes["GET", HUB].clear()
    proxy.on(HUB, plugins())
    assert run("prompt-section") == ""


def test_a_change_that_is_killed_leaves_nothing_cached(run: Run, proxy: FakeProxy, start: Start) -> None:
    keeping(proxy, GREET)
    gate = Gate(done("greet", "deleted"))
    proxy.on(f"{HUB}/greet", respond=gate, method="DELETE")
    process = start("skills", "delete", "--yes", "greet")
    gate.wait()
    process.kill()
    assert process.communicate(timeout=10) == ("", "")
    gate.open()
    run("prompt-section")
    assert proxy.asked[-1] == HUB  # and the other store is still known
    assert proxy.asked.count(API) == 1


def test_a_dry_run_and_a_no_keep_what_is_cached(run: Run, proxy: FakeProxy) -> None:
    keeping(proxy, GREET)
    run("prompt-section")
    run("skills", "create", "greet", "--source", "github:org/greet", "--replace", "--dry-run")
    run("skills", "delete", "greet", terminal=True, stdin="n\n", exit=130)
    before = len(proxy.requests)
    run("prompt-section")
    assert len(proxy.requests) == before


def test_a_cache_that_cannot_be_written_is_no_obstacle(run: Run, proxy: FakeProxy, home: Path) -> None:
    (home / "cache").write_text("a file where the folder should be")
    keeping(proxy, GREET).on(f"{HUB}/greet", done("greet", "deleted"), method="DELETE")
    result = run("skills", "delete", "--yes", "greet")
    assert "Warning: cannot cache the skills" in said(result)
    assert "Deleted" in said(result)
