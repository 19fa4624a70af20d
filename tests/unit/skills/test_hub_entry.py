from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litellmctl.errors import ExitCode, UsageFailure
from litellmctl.skills.hub_entry import make_entry, read_source, source_text
from tests.effort import less_than

DIGEST = "0123456789abcdef" * 4
SOURCES: dict[str, dict[str, str]] = {
    "github:acme/skills": {"source": "github", "repo": "acme/skills"},
    "github:acme/skills@v1": {"source": "github", "repo": "acme/skills", "ref": "v1"},
    "github:a-c.m_e/s.k-i_ll@feature/x+y.1": {"source": "github", "repo": "a-c.m_e/s.k-i_ll", "ref": "feature/x+y.1"},
    "github:acme/skills@0c9f8e7": {"source": "github", "repo": "acme/skills", "ref": "0c9f8e7"},
    "https://git.example.com/team/skills.git": {"source": "url", "url": "https://git.example.com/team/skills.git"},
    "https://git.example.com:8443/a?b=c": {"source": "url", "url": "https://git.example.com:8443/a?b=c"},
    "https://[2001:db8::1]/a.git": {"source": "url", "url": "https://[2001:db8::1]/a.git"},
    "https://github.com/acme/skills": {"source": "url", "url": "https://github.com/acme/skills"},
    "ssh://git@git.example.com:2222/team/a.git": {"source": "url", "url": "ssh://git@git.example.com:2222/team/a.git"},
    "git@github.com:acme/skills.git": {"source": "url", "url": "git@github.com:acme/skills.git"},
    "git@git.example.com:~ada/skills": {"source": "url", "url": "git@git.example.com:~ada/skills"},
    "git+https://git.example.com/a.git#skills/review": {
        "source": "git-subdir",
        "url": "https://git.example.com/a.git",
        "path": "skills/review",
    },
    "git+ssh://git@git.example.com/a.git#x": {
        "source": "git-subdir",
        "url": "ssh://git@git.example.com/a.git",
        "path": "x",
    },
    "git+git@github.com:acme/a.git#a/b.c/d-e_f": {
        "source": "git-subdir",
        "url": "git@github.com:acme/a.git",
        "path": "a/b.c/d-e_f",
    },
    "archive:https://example.com/lint.zip": {"source": "archive", "url": "https://example.com/lint.zip"},
    "archive:https://example.com:444/a.tar.gz?x=%20#y": {
        "source": "archive",
        "url": "https://example.com:444/a.tar.gz?x=%20#y",
    },
}
WORD = st.text("abcXYZ019._-", min_size=1, max_size=8).filter(lambda word: word[0].isalnum() and ".." not in word)
URL = st.builds("https://{}.example.com/{}".format, WORD.map(lambda word: re.sub(r"[^a-z]", "x", word)), WORD)
ANY_SOURCE = (
    st.builds("github:{}/{}".format, WORD, WORD)
    | st.builds("github:{}/{}@{}".format, WORD, WORD, st.lists(WORD, min_size=1, max_size=3).map("/".join))
    | URL
    | st.builds("git+{}#{}".format, URL, st.lists(WORD, min_size=1, max_size=3).map("/".join))
    | st.builds("archive:{}".format, URL)
    | st.builds("git@{}.com:{}/{}".format, st.just("example"), WORD, WORD)
)


def refused(source: str, sha256: str | None = None, **options: bool) -> UsageFailure:
    with pytest.raises(UsageFailure) as info:
        read_source(source, sha256, **options)
    assert info.value.exit_code == ExitCode.USAGE
    assert info.value.remedy
    return info.value


# Where a skill is fetched from


@pytest.mark.parametrize("text", SOURCES)
def test_a_source_is_read_and_told_in_the_same_words(text: str) -> None:
    assert read_source(text, None) == SOURCES[text]
    assert source_text(read_source(text, None)) == text
    assert read_source(text, None, insecure=True) == SOURCES[text]


@given(ANY_SOURCE)
def test_any_source_is_told_in_the_words_that_it_was_read_from(text: str) -> None:
    found = read_source(text, None)
    assert found["source"] in {"github", "url", "git-subdir", "archive"}
    assert source_text(found) == text


def test_the_digest_of_an_archive_goes_with_it() -> None:
    for digest in (DIGEST, DIGEST.upper()):
        assert read_source("archive:https://example.com/a.zip", digest) == {
            "source": "archive",
            "url": "https://example.com/a.zip",
            "sha256": DIGEST,
        }


@pytest.mark.parametrize(
    "digest", ["", "0" * 63, "0" * 65, "g" * 64, f"{DIGEST}\n", f" {DIGEST}", f"sha256:{DIGEST}", "\u0660" * 64]
)
def test_a_digest_that_is_none(digest: str) -> None:
    failure = refused("archive:https://example.com/a.zip", digest)
    assert failure.message == "--sha256 is not 64 hexadecimal digits"
    assert "sha256sum" in (failure.remedy or "")


@pytest.mark.parametrize("text", [text for text in SOURCES if not text.startswith("archive:")])
def test_only_an_archive_has_a_digest(text: str) -> None:
    assert refused(text, DIGEST).message == "--sha256 needs an archive"


@pytest.mark.parametrize(
    "text",
    [
        *(
            "github:",
            "github",
            "github:acme",
            "github:acme/",
            "github:/skills",
            "github:acme/skills/review",
            "github:a b/c",
        ),
        *("github:acme/skills@", "github:acme/skills@-x", "github:acme/skills@a..b", "github:acme/skills@a b"),
        *(
            "github:acme/skills@v1\n",
            "github:acme/skills\n",
            "github:acme/skills#main",
            "github:https://github.com/a/b",
        ),
        *("github:ä/b", "github:acme/skills@@", "github:acme/skills@~1", "github:acme/skills@/x"),
    ],
)
def test_what_is_no_repository_of_github(text: str) -> None:
    failure = refused(text)
    assert failure.message.endswith(" is not OWNER/REPO[@REF]")
    assert failure.remedy == "write it as --source github:acme/skills@v1"


@pytest.mark.parametrize("text", ["github:../..", "github:./.", "github:acme/..", "github:../skills"])
def test_a_repository_is_not_another_path(text: str) -> None:
    refused(text)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/a",
        "a/",
        "../a",
        "a/../b",
        "a//b",
        ".claude/a",
        "a/.b",
        "a b",
        "%2e%2e/a",
        "a#b",
        "a\\b",
        "-a",
        "ä",
        "a\n",
        "~a",
    ],
)
def test_what_is_no_path_in_a_repository(path: str) -> None:
    failure = refused(f"git+https://git.example.com/a.git#{path}")
    assert failure.message.endswith(': "#" must be followed by a path in the repository')
    assert failure.remedy == "write it as --source git+https://git.example.com/team/skills.git#skills/review"


def test_a_path_is_needed_where_one_folder_is_meant() -> None:
    assert '"#" must be followed by' in refused("git+https://git.example.com/a.git").message


BAD_URLS = [
    *("ftp://example.com/a", "file:///etc/passwd", "git://example.com/a", "javascript://a", "https://", "https:///a"),
    *("https://example.com:99999/a", "https://example.com:x/a", "https://[::1/a", "https://exämple.com/a", "ssh:///a"),
    *(
        "https://example.com/a b",
        "https://example.com/a\n",
        "https://example.com/\x1b[31m",
        "https://example.com/\u202e",
    ),
    *("\udcff://example.com", "://example.com", " https://example.com", "https://example.com/\t"),
]


@pytest.mark.parametrize("url", BAD_URLS, ids=ascii)
@pytest.mark.parametrize("form", ["{}", "archive:{}", "git+{}#a"])
def test_what_is_no_url(form: str, url: str) -> None:
    failure = refused(form.format(url))
    assert " is not a valid URL (https or ssh)" in failure.message.replace("(https)", "(https or ssh)")
    assert failure.remedy == "use github:OWNER/REPO[@REF], a git URL, git+URL#PATH, or archive:URL"


@pytest.mark.parametrize(
    "url", ["ssh://git@example.com/a.zip", "git@example.com:a.zip", "", "lint.zip", "/tmp/lint.zip"]
)
def test_an_archive_is_fetched_over_https(url: str) -> None:
    assert refused(f"archive:{url}").message == f'--source archive:URL: "{url}" is not a valid URL (https)'


@pytest.mark.parametrize(
    "text",
    [
        *("git@example.com:a\x1b[31m", "git@example.com:a\u202eb", "git@example.com:größe", "git@example.com:a\u200bb"),
        *("git@example.com:\udcff", "git+git@example.com:a\x07#b"),
    ],
    ids=ascii,
)
def test_a_url_of_ssh_is_visible_ascii_too(text: str) -> None:
    refused(text)


@pytest.mark.parametrize("text", ["-oProxyCommand=x@example.com:a", "-x@example.com:a", "git@-x.example.com:a"])
def test_a_url_is_no_option_of_git(text: str) -> None:
    refused(text)


@pytest.mark.parametrize("form", ["{}", "git+{}#a"])
def test_plain_http_is_for_those_who_permit_it(form: str) -> None:
    text = form.format("http://git.example.com/a.git")
    failure = refused(text)
    assert "over plain HTTP" in failure.message
    assert failure.remedy == "use https:// or --allow-insecure-http"
    assert source_text(read_source(text, None, insecure=True)) == text


def test_an_archive_is_never_fetched_over_plain_http() -> None:
    for insecure in (False, True):
        failure = refused("archive:http://example.com/a.zip", insecure=insecure)
        assert "over plain HTTP" in failure.message
        assert failure.remedy == "use https://"


@pytest.mark.parametrize("user", ["ada:s3cret@", "ada@", ":s3cret@", "@", "token:x-oauth-basic@"])
@pytest.mark.parametrize(
    "form", ["https://{}example.com/a", "archive:https://{}example.com/a", "git+https://{}example.com/a#b"]
)
def test_a_url_with_a_key_in_it_is_not_published(form: str, user: str) -> None:
    failure = refused(form.format(user))
    assert "the URL contains a user or password" in failure.message
    assert "s3cret" not in f"{failure.message} {failure.remedy}"


def test_a_password_for_ssh_is_not_published_either() -> None:
    assert "s3cret" not in refused("ssh://git:s3cret@example.com/a").message


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("acme/skills", ' Did you mean "github:acme/skills"?'),
        ("acme/skills@v1", ' Did you mean "github:acme/skills@v1"?'),
        ("skills", ""),
        ("", ""),
        ("/srv/skills", ""),
        ("./skills/x", ""),
        ("GitHub:acme/skills", ""),
        ("//example.com/a", ""),
        ("example.com:a", ""),
    ],
)
def test_what_is_no_source(text: str, meant: str) -> None:
    failure = refused(text)
    assert failure.message == f"--source {text} is not a valid source.{meant}".removesuffix(".")


@given(st.text(max_size=30) | st.text("git+hub:/@#.-ax", max_size=30))
def test_any_text_is_a_source_or_refused(text: str) -> None:
    try:
        found = read_source(text, None)
    except UsageFailure:
        return
    assert source_text(found) == text
    assert all(part.isprintable() and part.isascii() for part in found.values())


# What the proxy tells of a source


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (None, ""),
        ("custom", "custom"),
        ("", ""),
        (5, "5"),
        (["a"], '["a"]'),
        ({}, "{}"),
        ({"source": "npm", "package": "a"}, '{"source": "npm", "package": "a"}'),
        ({"source": "github"}, '{"source": "github"}'),
        ({"source": "github", "repo": 5}, '{"source": "github", "repo": 5}'),
        ({"source": "github", "repo": "a/b", "ref": None}, "github:a/b"),
        ({"source": "url", "url": None}, '{"source": "url", "url": null}'),
        ({"source": "archive", "url": "https://a.b/c", "sha256": DIGEST}, "archive:https://a.b/c"),
        ({"source": "git-subdir", "url": "https://a.b/c"}, "git+https://a.b/c#"),
        ({"url": "https://a.b/c"}, '{"url": "https://a.b/c"}'),
        ({"source": None, "url": "a"}, '{"source": null, "url": "a"}'),
        ({"source": ["url"], "url": "a"}, '{"source": ["url"], "url": "a"}'),
        ({"source": {"source": "url"}, "url": "a"}, '{"source": {"source": "url"}, "url": "a"}'),
    ],
    ids=repr,
)
def test_any_source_is_told_as_it_is(source: Any, text: str) -> None:
    assert source_text(source) == text


# What is registered


def entry(name: str = "review", source: str = "github:acme/skills", sha256: str | None = None, **facts: Any) -> Any:
    return make_entry(name, source, sha256, facts)


def refused_entry(**given: Any) -> UsageFailure:
    with pytest.raises(UsageFailure) as info:
        entry(**given)
    return info.value


def test_what_is_given_is_registered() -> None:
    assert entry(
        version="1.10",
        description="Reviews a pull request.",
        category="code",
        homepage="https://example.com/review",
        author="Ada Lovelace <ada@example.com>",
        keywords=["git", "review"],
    ) == {
        "source": {"source": "github", "repo": "acme/skills"},
        "version": "1.10",
        "description": "Reviews a pull request.",
        "category": "code",
        "homepage": "https://example.com/review",
        "author": {"name": "Ada Lovelace", "email": "ada@example.com"},
        "keywords": ["git", "review"],
    }


def test_what_is_not_given_is_not_registered() -> None:
    bare = {"source": {"source": "github", "repo": "acme/skills"}}
    facts: dict[str, Any] = dict.fromkeys(["version", "description", "category", "homepage", "author"])
    assert entry() == entry(**facts, keywords=()) == entry(**dict.fromkeys(facts, ""), keywords=[]) == bare


def test_the_source_is_checked() -> None:
    digest = entry(source="archive:https://example.com/a.zip", sha256=DIGEST)["source"]["sha256"]
    assert digest == DIGEST
    assert "is not a valid source" in refused_entry(source="acme/skills").message
    assert "--sha256" in refused_entry(sha256=DIGEST).message
    assert make_entry("a", "http://a.b/c", None, {}, insecure=True)["source"]["url"] == "http://a.b/c"
    with pytest.raises(UsageFailure, match="over plain HTTP"):
        make_entry("a", "http://a.b/c", None, {})


@pytest.mark.parametrize("name", ["a", "review", "code-review-2", "0", "a--b", "x" * 200])
def test_a_name_for_the_hub(name: str) -> None:
    assert entry(name)["source"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("Review", "review"),
        ("code review", "code-review"),
        ("code_review", "code-review"),
        ("größe", "gr-e"),
        ("a.b", "a-b"),
        ("a/b", "a-b"),
        ("a\n", "a"),
        ("", "skill"),
        ("./review", "review"),
    ],
)
def test_a_name_that_the_hub_does_not_take(name: str, meant: str) -> None:
    failure = refused_entry(name=name)
    assert failure.message == f'"{name}" is not a valid name in the hub (use a-z, 0-9 and -)'
    assert failure.remedy == f"litellmctl skills create {meant} --source github:acme/skills"


@pytest.mark.parametrize(
    ("text", "author"),
    [
        ("Ada", {"name": "Ada"}),
        ("  Ada Lovelace  ", {"name": "Ada Lovelace"}),
        ("Ada <ada@example.com>", {"name": "Ada", "email": "ada@example.com"}),
        (" Ada   Lovelace<a@b> ", {"name": "Ada   Lovelace", "email": "a@b"}),
        ("ada@example.com", {"name": "ada@example.com"}),
        ("日本 <a@b>", {"name": "日本", "email": "a@b"}),
    ],
)
def test_an_author(text: str, author: dict[str, str]) -> None:
    assert entry(author=text)["author"] == author


@pytest.mark.parametrize(
    "text", ["<a@b>", "Ada <>", "Ada <ada>", "Ada <a@b> Lovelace", "Ada <a@b", "Ada <a b@c>", "<", "  ", ">"]
)
def test_an_author_that_is_none(text: str) -> None:
    failure = refused_entry(author=text)
    assert failure.message == "--author is not NAME or NAME <EMAIL>"
    assert failure.remedy == "write it as 'Ada <ada@example.com>'"


def test_an_author_of_many_blanks_costs_nothing() -> None:
    with less_than(2):
        refused_entry(author=f"a{' ' * 20_000}<")
        refused_entry(author=f"{' ' * 20_000}<")


@pytest.mark.parametrize(
    "url", ["example.com", "ftp://example.com", "https://", "https:// a", "https://a b", "javascript:x", "https://a\n"]
)
def test_a_home_page_that_is_no_url(url: str) -> None:
    failure = refused_entry(homepage=url)
    assert (failure.message, failure.remedy) == ("--homepage is not a URL", "start it with https://")


def test_a_home_page_may_be_plain_http() -> None:
    assert entry(homepage="http://example.com")["homepage"] == "http://example.com"


@pytest.mark.parametrize("fact", ["version", "description", "category", "homepage", "author", "keywords"])
def test_a_fact_is_unicode_of_at_most_1_mib(fact: str) -> None:
    named = f"--{fact.removesuffix('s')}"
    for text, problem in (("https://\ud800", "a lone surrogate"), (f"https://{'x' * 2**20}", "larger than 1 MiB")):
        failure = refused_entry(**{fact: [text] if fact == "keywords" else text})
        assert failure.message.startswith(named)
        assert problem in failure.message


OPTION = "-oProxyCommand=x"
OPTIONS = [
    f"ssh://{OPTION}/a",
    f"ssh://git@{OPTION}/a",
    "ssh://-l@git.example.com/a",
    f"ssh://{OPTION}@git.example.com/a",
    f"ssh://a@{OPTION}@git.example.com/a",
    f"ssh://git@{OPTION}:22/a",
    f"ssh://git.example.com/{OPTION}",
    f"ssh://git.example.com//{OPTION}",
    "ssh://git.example.com/--upload-pack=x",
    f"https://{OPTION}/a",
    f"https://git.example.com/{OPTION}",
    f"git@git.example.com:{OPTION}",
    f"git@git.example.com:/{OPTION}",
    f"git@{OPTION}:a",
    f"-l@git.example.com:{OPTION}",
]


def encoded(text: str, times: int) -> str:
    """Return a text whose leading "-" is percent-encoded, so many times."""
    return text.replace("-", "%" + "25" * (times - 1) + "2d") if times else text


@pytest.mark.parametrize("times", [0, 1, 2, 3])
@pytest.mark.parametrize("form", ["{}", "git+{}#skills/review", "archive:{}"])
@pytest.mark.parametrize("url", OPTIONS)
def test_no_part_of_a_source_can_be_an_option(url: str, form: str, times: int) -> None:
    refused(form.format(encoded(url, times)))
    refused(form.format(encoded(url, times).replace("%2d", "%2D")))
    refused(form.format(encoded(url, times)), insecure=True)


@pytest.mark.parametrize(
    "source",
    [
        *(f"github:{name}" for name in ("-a/b", "a/-b", "a/b@-x", "%2da/b", "a/b@%2dx")),
        *(f"git+https://git.example.com/a.git#{path}" for path in ("-x", "a/-x", "%2dx", "a/%2dx")),
        *("-x", "--upload-pack=x", f"ext::ssh {OPTION}", "file:///-x", "git://-x/a", "git+git://-x/a#b"),
        "ssh://git.example.com/%" + "25" * 20 + "2dx",
    ],
)
def test_nor_of_the_other_forms(source: str) -> None:
    refused(source)


@pytest.mark.parametrize(
    "source",
    [
        "https://gitlab.example.com/team/skills/-/archive/main/skills.zip",
        "https://a-b.example.com/c-d/-e.git",
        "ssh://git-x@a-b.example.com:22/c-d.git",
        "git@a-b.example.com:c-d/e-f.git",
        "https://git.example.com/a%20b.git",
    ],
)
def test_a_dash_elsewhere_is_none(source: str) -> None:
    assert read_source(source, None)["url"] == source


def test_the_refusal_says_why() -> None:
    assert 'starts with "-"' in refused(f"ssh://{OPTION}/a").message
