"""`skills list` and `show`: both stores as one list, in every format, and whatever a proxy says."""

from __future__ import annotations

import csv
import json
import re
import threading
import time
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from litellmctl.terminal.cells import width
from tests.answers import answering
from tests.conftest import Result, Run
from tests.contract.stores import (
    API,
    API_WITHOUT_DATABASE,
    GREET,
    HALF,
    HUB,
    HUB_WITHOUT_DATABASE,
    KEY,
    KEYS,
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
from tests.fake_proxy import FakeProxy
from tests.fake_proxy import error as error_of
from tests.server import nobody

STORES = {HUB: "hub", API: "api"}


def saying(words: str, _: BaseHTTPRequestHandler) -> Any:
    return {"detail": {"error": words}}


def hanging(seconds: float = 3) -> dict[str, Any]:
    return {"respond": lambda _: time.sleep(seconds)}


def names(result: Result) -> list[Any]:
    return [one["name"] for one in result.json]


def strictly(text: str) -> Any:
    """Return JSON as every reader reads it: NaN and Infinity are none."""

    def refuse(constant: str) -> Any:
        raise AssertionError(f"{constant} is not valid JSON")

    return json.loads(text, parse_constant=refuse)


# --- list ---


def test_both_stores_are_one_list_by_name(run: Run, proxy: FakeProxy) -> None:
    keeping(proxy, hub("zipped"), MINE, GREET, api("alpha"))
    result = run("skills", "list", "--json")
    assert [list(one) for one in result.json] == [KEYS] * 4
    assert names(result) == ["alpha", "greet", "My skill", "zipped"]
    assert [list(one.values()) for one in result.json[1:3]] == [
        ["greet", "id-greet", "hub", True, "1.2.0", "Says hello", GREET["source"], "2026-11-22T09:21:51Z"],
        ["My skill", "litellm_skill_0b5e", "api", True, None, "Says hi", "custom", "2026-11-22T09:21:52Z"],
    ]
    assert result.count("\n") == 6  # an element a line
    assert said(result) == ""


def test_each_store_is_asked_once_and_the_skills_api_for_its_own(run: Run, proxy: FakeProxy) -> None:
    keeping(proxy, GREET, times=1)
    run("skills", "list", "--all")
    assert sorted((request.method, request.path) for request in proxy.requests) == [("GET", HUB), ("GET", API)]
    (ours,) = proxy.requests_for(API)
    assert ours.query == {"custom_llm_provider": "litellm_proxy", "limit": "1000"}
    assert {request.headers["Authorization"] for request in proxy.requests} == {f"Bearer {KEY}"}


def test_the_other_formats(run: Run, proxy: FakeProxy) -> None:
    keeping(proxy, {**GREET, "description": "Says hello,\nand how"}, MINE)
    assert run("skills", "list", "-o", "table").splitlines() == [
        "NAME      STORE  VERSION  DESCRIPTION  SOURCE",
        "greet     hub    1.2.0    Says hello,  github:org/greet",
        "My skill  api    -        Says hi      -",
    ]
    assert run("skills", "list").splitlines() == [
        "greet\thub\t1.2.0\tSays hello, and how\tgithub:org/greet",
        "My skill\tapi\t\tSays hi\t",
    ]
    rows = list(csv.DictReader(run("skills", "list", "-o", "csv").splitlines()))
    assert [list(one) for one in rows] == [KEYS] * 2
    assert rows[1]["id"] == "litellm_skill_0b5e"
    as_json = run("skills", "list", "--json").json
    assert [json.loads(line) for line in run("skills", "list", "-o", "jsonl").splitlines()] == as_json
    assert run("skills", "list", "--json", terminal=True).json == as_json
    assert run("skills", "list", "--fields", "store,name").splitlines() == ["hub\tgreet", "api\tMy skill"]
    assert run("skills", "list", "--fields", "source.repo").splitlines() == ["org/greet", ""]


def test_an_unknown_field_is_refused_before_anything_is_asked(run: Run, proxy: FakeProxy) -> None:
    for command in (("list",), ("show", "x")):
        result = run("skills", *command, "--fields", "name,verson", "--json", exit=2)
        assert 'Did you mean "version"' in result.error["message"]
    assert proxy.requests == []


def test_a_person_sees_a_source_as_it_would_be_given(run: Run, proxy: FakeProxy) -> None:
    repository, archive = "https://example.com/r.git", "https://example.com/z.zip"
    sources: list[tuple[Any, str]] = [
        ({"source": "github", "repo": "org/greet", "ref": "v2"}, "github:org/greet@v2"),
        ({"source": "url", "url": repository}, repository),
        ({"source": "git-subdir", "url": repository, "path": "skills/deep"}, f"git+{repository}#skills/deep"),
        ({"source": "archive", "url": archive, "sha256": "0" * 64}, f"archive:{archive}"),
        ({"source": "npm", "package": "x"}, '{"source": "npm", "package": "x"}'),
        ("./plugins/x", "./plugins/x"),
        (None, "-"),
    ]
    keeping(proxy, *(hub(f"s{number}", source=source) for number, (source, _) in enumerate(sources)))
    lines = run("skills", "list", "-o", "table").splitlines()[1:]
    assert [re.split(r"  +", line)[4] for line in lines] == [text for _, text in sources]
    assert [one["source"] for one in run("skills", "list", "--json").json] == [source for source, _ in sources]


def test_the_order_is_that_of_names_whatever_is_told_first(run: Run, proxy: FakeProxy) -> None:
    rows = [hub("b"), hub("B"), hub("a"), api("b", "id-2"), api("b", "id-1"), api(None, "bb"), api("Ünï"), api("zz")]
    expected = ["id-a", "id-B", "id-1", "id-2", "id-b", "bb", "litellm_skill_zz", "litellm_skill_Ünï"]
    for some in (rows, rows[::-1]):
        keeping(proxy, *some, times=1)
        assert [one["id"] for one in run("skills", "list", "--json").json] == expected


def test_disabled_skills_are_listed_only_with_all(run: Run, proxy: FakeProxy) -> None:
    keeping(proxy, GREET, OFF, MINE)
    assert names(run("skills", "list", "--json")) == ["greet", "My skill"]
    everything = run("skills", "list", "--all", "--json").json
    assert [(one["name"], one["enabled"]) for one in everything] == [
        ("greet", True),
        ("My skill", True),
        ("review", False),
    ]
    table = run("skills", "list", "--all", "-o", "table").splitlines()
    assert [line.split()[:3] for line in (table[0], table[3])] == [
        ["NAME", "STORE", "STATE"],
        ["review", "hub", "disabled"],
    ]
    assert names(run("skills", "list", "--all", "--store", "hub", "--json")) == ["greet", "review"]


@pytest.mark.parametrize(("store", "path", "found"), [("hub", HUB, ["greet"]), ("api", API, ["My skill"])])
def test_one_store_alone_is_the_only_one_asked(
    run: Run, proxy: FakeProxy, store: str, path: str, found: list[str]
) -> None:
    keeping(proxy, GREET, MINE)
    assert names(run("skills", "list", "--store", store, "--json")) == found
    assert proxy.asked == [path]


def test_an_unknown_store_is_exit_2(run: Run, proxy: FakeProxy) -> None:
    assert run("skills", "list", "--store", "disk", "--json", exit=2).error["code"] == "usage"
    assert proxy.requests == []


def test_no_skill_at_all(run: Run, proxy: FakeProxy) -> None:
    keeping(proxy)
    assert run("skills", "list", "--json") == "[]\n"
    assert [run("skills", "list", "-o", form) for form in ("table", "tsv", "jsonl")] == [""] * 3
    assert run("skills", "list", "-o", "csv").splitlines() == [",".join(KEYS)]
    assert "No skills." in run("skills", "list", terminal=True).stderr
    assert "No skills match." in run("skills", "list", "--search", "x", terminal=True).stderr


def test_a_skill_without_a_title_is_listed_by_its_id(run: Run, proxy: FakeProxy) -> None:
    keeping(proxy, api(None, "litellm_skill_m"), hub("a"), api("", "litellm_skill_e"), hub("z"))
    result = run("skills", "list", "--json")
    assert [(one["name"], one["id"]) for one in result.json] == [
        ("a", "id-a"),
        (None, "litellm_skill_e"),
        (None, "litellm_skill_m"),
        ("z", "id-z"),
    ]
    assert run("skills", "list", "-o", "table").splitlines()[2].startswith("litellm_skill_e  ")
    assert run("skills", "list").splitlines()[1].startswith("litellm_skill_e\tapi\t")


# --- list: whatever a proxy says ---

BAD_ROWS: list[Any] = [None, 1, "x", [], {}]


def test_entries_of_the_hub_without_a_name_are_left_out_and_counted(run: Run, proxy: FakeProxy) -> None:
    nameless = [*BAD_ROWS, *(hub(name) for name in (7, None, "", True, ["x"], {"a": 1}))]
    proxy.on(HUB, plugins(*nameless, GREET)).on(API, page())
    result = run("skills", "list", "--json")
    assert names(result) == ["greet"]
    assert said(result) == "skipped 11 entries of the Skill Hub without a name or ID\n"


def test_entries_of_the_skills_api_without_an_id_are_left_out_and_counted(run: Run, proxy: FakeProxy) -> None:
    proxy.on(API, page(*BAD_ROWS, api("a", 7), api("b", ""), api("c", ["x"]), MINE)).on(HUB, plugins())
    result = run("skills", "list", "--json")
    assert names(result) == ["My skill"]
    assert said(result) == "skipped 8 entries of the Skills API without a name or ID\n"


def test_a_text_that_is_none_is_unknown(run: Run, proxy: FakeProxy) -> None:
    rows = []
    for number, value in enumerate((7, True, [], {"a": 1}, 10**400, "")):
        facts = {"description": value, "updated_at": value}
        rows += [hub(f"s{number}", id=value, version=value, **facts), api(f"s{number}", latest_version=value, **facts)]
    keeping(proxy, *rows)
    result = run("skills", "list", "--json")
    for number, (y, x) in enumerate(zip(result.json[::2], result.json[1::2], strict=True)):
        name = f"s{number}"
        assert list(x.values()) == [
            name,
            name,
            "hub",
            True,
            None,
            None,
            {"source": "github", "repo": f"org/{name}"},
            None,
        ]
        assert list(y.values()) == [name, f"litellm_skill_{name}", "api", True, None, None, "custom", None]
    assert said(result) == ""


def test_moments_are_utc(run: Run, proxy: FakeProxy) -> None:
    moments = {
        "2026-11-22T09:21:51.464000+00:00": "2026-11-22T09:21:51Z",
        "2026-11-22T00:30:00+02:00": "2026-11-21T22:30:00Z",
        "2026-11-22T09:21:51.9": "2026-11-22T09:21:51Z",
        "0001-01-01T00:00:00Z": "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00": None,
        "9999-12-31T23:59:59-12:00": None,
        "2026-02-30T00:00:00Z": None,
        "\x1b[31m": None,
    }
    rows = [make(f"{number}", updated_at=moment) for make in (hub, api) for number, moment in enumerate(moments)]
    keeping(proxy, *rows)
    shown = [one["updated_at"] for one in run("skills", "list", "--json").json]
    assert shown[::2] == shown[1::2] == list(moments.values())


def test_what_json_does_not_have_is_not_printed_as_json(run: Run, proxy: FakeProxy) -> None:
    body = json.dumps(plugins(hub("x", source={"a": [float("nan"), 1.5]}, version=float("inf")))).encode()
    assert b"NaN" in body
    proxy.on(HUB, body, times=None).on(API, page(), times=None)
    for form in ("json", "jsonl"):
        assert strictly(run("skills", "list", "-o", form, "--fields", "name,version").strip("[]\n")) == {
            "name": "x",
            "version": None,
        }
        assert strictly(run("skills", "list", "-o", form, "--fields", "source").strip("[]\n")) == {
            "source": {"a": [None, 1.5]}
        }


HOSTILE = "\x1b]0;x\x07\x1b[31mred\x9b1m\u202ebidi\u2066\r\nline\ttab\x00"


def test_control_characters_reach_no_terminal(run: Run, proxy: FakeProxy) -> None:
    rows = [
        hub(HOSTILE, id=HOSTILE, version=HOSTILE, description=HOSTILE, source={"source": HOSTILE, "url": HOSTILE}),
        hub("b", source=HOSTILE),
        api(HOSTILE, HOSTILE, description=HOSTILE, latest_version=HOSTILE, source=HOSTILE),
    ]
    keeping(proxy, *rows)
    for form in ("table", "tsv"):
        result = run("skills", "list", "--all", "-o", form)
        assert re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", result) is None
        assert len(result.splitlines()) == (4 if form == "table" else 3)
        assert "redbidi" not in result or form == "table"
    result = run("skills", "list", "--json")
    assert [one["description"] for one in result.json] == [HOSTILE, HOSTILE, None]
    assert re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", result) is None


def test_half_a_character_is_shown_as_such(run: Run, proxy: FakeProxy) -> None:
    keeping(proxy, hub("a\ud800b", description="\udfff", source={"url": "\ud800"}), api("c", "i\udc00"))
    first, second = run("skills", "list", "--json").json
    assert (first["name"], first["description"], first["source"]) == ("a\ufffdb", "\ufffd", {"url": "\ufffd"})
    assert second["id"] == "i\ufffd"
    assert run("skills", "list").startswith("a\ufffdb\t")
    assert run("skills", "list", "-o", "table").splitlines()[1].startswith("a\ufffdb ")


def test_a_description_of_a_mebibyte(run: Run, proxy: FakeProxy) -> None:
    long = "first " + "x" * 2**20
    keeping(proxy, hub("big", description=long, source=long), api("lines", description="\n\n one\n" + "y\n" * 2**19))
    table = run("skills", "list", "-o", "table").splitlines()
    assert [len(line) < 1200 for line in table] == [True] * 3
    assert "xxx…" in table[1]
    assert table[2].split()[3] == "one"
    assert run("skills", "list", "--json").json[0]["description"] == long


@pytest.mark.parametrize("form", ["table", "tsv", "csv", "json"])
def test_a_source_of_a_thousand_levels_is_no_bug_of_ours(run: Run, proxy: FakeProxy, form: str) -> None:
    for depth in (800, 900, 950, 970):  # which of them are too many depends on who calls
        deep = b"[" * depth + b"]" * depth
        proxy.on(HUB, json.dumps(plugins(hub("x", source="@"))).encode().replace(b'"@"', deep)).on(API, page())
        try:
            assert "[[[" in run("skills", "list", "-o", form)
        except AssertionError as other:
            assert "nested too deeply" in str(other) or "is not its JSON" in str(other)  # noqa: PT017


# --- list: the pages of the Skills API ---


def queries(proxy: FakeProxy) -> list[dict[str, str]]:
    """Return what the Skills API was asked, without what is the same each time."""
    return [
        {key: value for key, value in request.query.items() if key != "custom_llm_provider"}
        for request in proxy.requests_for(API)
    ]


def test_all_pages_are_read(run: Run, proxy: FakeProxy) -> None:
    proxy.on(HUB, plugins())
    proxy.on(API, page(api("a"), api("b"), next_page="p/2 &", has_more=True))
    proxy.on(API, page(api("b"), api("c"), next_page="3", has_more=True))
    proxy.on(API, page(api("d")))
    result = run("skills", "list", "--json")
    assert (names(result), said(result)) == (["a", "b", "c", "d"], "")
    assert queries(proxy) == [{"limit": "1000"}, {"limit": "1000", "page": "p/2 &"}, {"limit": "1000", "page": "3"}]
    assert {request.query["custom_llm_provider"] for request in proxy.requests_for(API)} == {"litellm_proxy"}


def test_a_proxy_that_knows_no_second_page_is_asked_for_a_larger_one(run: Run, proxy: FakeProxy) -> None:
    tokens: tuple[Any, ...] = (None, 2, "", [], True)
    for token in tokens:
        proxy.on(HUB, plugins())
        proxy.on(API, page(api("a"), next_page=token, has_more=True))
        proxy.on(API, page(api("a"), api("b"), next_page=token, has_more=True))
        proxy.on(API, page(api("a"), api("b"), api("c"), next_page=token))
        result = run("skills", "list", "--json")
        assert (names(result), said(result)) == (["a", "b", "c"], "")
    assert queries(proxy) == [{"limit": "1000"}, {"limit": "10000"}, {"limit": "100000"}] * 5


def test_a_proxy_that_always_has_more_is_asked_no_more_in_the_end(run: Run, proxy: FakeProxy) -> None:
    proxy.on(HUB, plugins()).on(API, page(api("a"), has_more=True), times=3)
    result = run("skills", "list", "--json")
    assert names(result) == ["a"]
    assert said(result) == "the Skills API has more skills than the 1 that it lists\n"


def test_tokens_that_go_in_circles_end(run: Run, proxy: FakeProxy) -> None:
    proxy.on(HUB, plugins())

    def body(handler: BaseHTTPRequestHandler) -> Any:
        here = re.search(r"page=(\d)", handler.path)
        number = int(here[1]) if here else 0
        return page(api(f"s{number}"), next_page=str(number % 3 + 1), has_more=True)

    proxy.on(API, respond=answering(body), times=None)
    result = run("skills", "list", "--json")
    assert names(result) == ["s0", "s1", "s2", "s3"]
    assert "has more skills than the 4" in said(result)
    assert len(queries(proxy)) < 20


def without_end(proxy: FakeProxy) -> FakeProxy:
    """Let the Skills API tell of another skill on each page, and always of another page."""
    count = iter(range(10**9))

    def body(_: BaseHTTPRequestHandler) -> Any:
        number = next(count)
        return page(api(f"s{number:05}"), next_page=f"t{number}", has_more=True)

    return proxy.on(API, respond=answering(body), times=None).on(HUB, plugins(GREET))


def test_pages_without_an_end_are_bounded(run: Run, proxy: FakeProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    from litellmctl.proxy import skills

    assert skills._MAX_PAGES <= 1000
    monkeypatch.setattr(skills, "_MAX_PAGES", 30)
    without_end(proxy)
    result = run("skills", "list", "--json")
    assert (len(result.json), len(queries(proxy))) == (31, 30)
    assert said(result) == "the Skills API has more skills than the 30 that it lists\n"


def test_pages_take_no_longer_than_one_request_may(run: Run, proxy: FakeProxy) -> None:
    without_end(proxy)
    start = time.monotonic()
    result = run("skills", "list", "--json", "--timeout", "0.5")
    assert time.monotonic() - start < 1.5
    assert names(result) == ["greet"]
    assert re.search("Warning: cannot list the Skills API: .*no (complete )?answer", said(result))


def test_there_is_more_only_where_it_says_so(run: Run, proxy: FakeProxy) -> None:
    more: Any
    for more in (None, 0, "", "true", 1, []):
        proxy.on(HUB, plugins()).on(API, page(api("a"), next_page="2", has_more=more))
        assert names(run("skills", "list", "--json")) == ["a"]


def test_a_later_page_that_fails_is_the_store_failing(run: Run, proxy: FakeProxy) -> None:
    proxy.on(HUB, plugins(GREET)).on(API, page(api("a"), next_page="2", has_more=True)).on(API, **failed("boom"))
    result = run("skills", "list", "--json")
    assert names(result) == ["greet"]
    assert "Warning: cannot list the Skills API" in said(result)


# --- list: a store that fails ---

FAILURES = [
    pytest.param(told(403, "not for this key"), "not for this key", id="403"),
    pytest.param({"status": 404, "body": {"detail": "Not Found"}}, "LiteLLM 1.8", id="404"),
    pytest.param(told(500, "boom"), "returned 500", id="500"),
    pytest.param({"status": 500, "body": b"Internal Server Error"}, "returned 500", id="plain 500"),
    pytest.param({**told(503, "busy"), "headers": {"Retry-After": "60"}}, "returned 503", id="503"),
    pytest.param({**told(429, "slow down"), "headers": {"Retry-After": "60"}}, "rate limit", id="429"),
    pytest.param(WEB_PAGE, "a web page", id="html"),
    pytest.param(HALF, "in the middle", id="half a body"),
    pytest.param({"body": b'{"plugins": ['}, "an unexpected answer", id="half the JSON"),
    pytest.param({"body": b"[" * 100_000}, "an unexpected answer", id="deep"),
    pytest.param({"body": {"plugins": {}, "data": None}}, "an unexpected answer", id="wrong shape"),
    pytest.param(
        {"status": 302, "body": {}, "headers": {"Location": "https://sso.example.com/"}}, "sso.example.com", id="302"
    ),
    pytest.param(hanging(), "no ", id="hanging"),
]


@pytest.mark.parametrize("path", [HUB, API])
@pytest.mark.parametrize(("reply", "words"), FAILURES)
def test_a_store_that_fails_is_a_warning_that_names_it(
    run: Run, proxy: FakeProxy, path: str, reply: dict[str, Any], words: str
) -> None:
    proxy.on(path, **reply)
    proxy.on(*((API, page(MINE)) if path == HUB else (HUB, plugins(GREET))))
    seconds = "0.4" if words == "no " else "9"
    start = time.monotonic()
    result = run("skills", "list", "--json", "--timeout", seconds)
    assert time.monotonic() - start < 2
    assert [one["store"] for one in result.json] == ["api" if path == HUB else "hub"]
    assert said(result).count("\n") == 1
    assert said(result).startswith(f"Warning: cannot list {NAMES[path]}: ")
    assert words in said(result)


def test_a_store_that_fails_for_a_moment_is_asked_again(run: Run, proxy: FakeProxy) -> None:
    proxy.on(HUB, {}, status=503, headers={"Retry-After": "0"}).on(HUB, plugins(GREET)).on(API, page(MINE))
    result = run("skills", "list", "--json")
    assert (names(result), said(result)) == (["greet", "My skill"], "")


def test_a_quiet_run_has_no_warning(run: Run, proxy: FakeProxy) -> None:
    proxy.on(HUB, **told(500, "boom")).on(API, page(MINE))
    assert run("skills", "list", "-q").stderr == ""


@pytest.mark.parametrize("path", [HUB, API])
def test_the_one_store_that_was_asked_for_failing_is_an_error(run: Run, proxy: FakeProxy, path: str) -> None:
    proxy.on(path, **told(500, "boom"))
    result = run("skills", "list", "--store", STORES[path], "--json", exit=3)
    assert (result, result.error["code"], result.error["status"]) == ("", "server_error", 500)
    assert f"returned 500 for {path}: boom" in result.error["message"]
    assert said(result).count("\n") == 1


NO_KEY = error_of(401, "Authentication Error, No api key passed in.")


@pytest.mark.parametrize(
    ("of_hub", "of_api", "exit", "code", "words"),
    [
        pytest.param(NO_KEY, NO_KEY, 4, "auth_failed", "refused the key", id="401"),
        pytest.param(told(500, "boom"), NO_KEY, 4, "auth_failed", "boom", id="500 and 401"),
        pytest.param(told(403, "no"), NO_KEY, 4, "auth_failed", "does not allow", id="403 and 401"),
        pytest.param(told(403, "no"), failed("boom"), 4, "forbidden", "boom", id="403 and 500"),
        pytest.param(told(500, "boom"), failed("bang"), 3, "server_error", "bang", id="500"),
        pytest.param(
            HUB_WITHOUT_DATABASE, API_WITHOUT_DATABASE, 3, "server_error", "has no database", id="no database"
        ),
        pytest.param(WEB_PAGE, WEB_PAGE, 3, "bad_response", "a web page", id="html"),
        pytest.param(hanging(), hanging(), 3, "timeout", "no ", id="hanging"),
    ],
)
def test_both_stores_failing_is_one_error_with_both_reasons(
    run: Run, proxy: FakeProxy, of_hub: dict[str, Any], of_api: dict[str, Any], exit: int, code: str, words: str
) -> None:
    proxy.on(HUB, times=2, **of_hub).on(API, times=2, **of_api)
    seconds = ["--timeout", "0.4" if code == "timeout" else "9"]
    plain = run("skills", "list", *seconds, exit=exit)
    assert plain == ""
    lines = said(plain).splitlines()
    assert [line.split(":")[0] for line in lines] == ["Error", "Try"]
    assert lines[0].startswith(f"Error: cannot list the skills of {proxy.url}: ")
    # A reason that both have is told once.
    assert ("the Skill Hub: " in lines[0]) == ("; the Skills API: " in lines[0])
    assert words in lines[0]
    assert words in lines[0]
    as_json = run("skills", "list", "--json", *seconds, exit=exit)
    assert (as_json, as_json.error["code"]) == ("", code)
    assert said(as_json).count("\n") == 1


def test_which_store_fails_first_changes_nothing(run: Run, proxy: FakeProxy) -> None:
    for late in (HUB, API):
        for path, status, words in ((HUB, 404, "Not Found"), (API, 500, "boom")):
            after = 0.15 if path == late else 0
            proxy.on(path, respond=answering(partial(saying, words), after=after, status=status))
        error = run("skills", "list", "--json", exit=3).error
        assert error["code"] == "server_error"
        assert re.search(r"the Skill Hub: .*LiteLLM 1.81 or newer has one.*; the Skills API: .*boom$", error["message"])


@pytest.mark.parametrize(
    ("path", "reply"),
    [pytest.param(HUB, HUB_WITHOUT_DATABASE, id="hub"), pytest.param(API, API_WITHOUT_DATABASE, id="api")],
)
def test_a_proxy_without_a_database_is_told_in_one_line(
    run: Run, proxy: FakeProxy, path: str, reply: dict[str, Any]
) -> None:
    proxy.on(path, **reply)
    result = run("skills", "list", "--store", STORES[path], "--json", exit=3)
    assert result.error["message"] == "the proxy has no database, which skills need"
    assert "administrator" in result.error["remedy"]


def test_nobody_listens(run: Run, proxy: FakeProxy) -> None:
    with nobody() as url:
        result = run("skills", "list", "--json", exit=3, LITELLM_BASE_URL=url)
    assert result.error["code"] == "unreachable"
    assert result.error["message"].count("cannot reach") == 1


def test_a_refused_key_is_renewed_once_for_both_requests(run: Run, proxy: FakeProxy, tmp_path: Path) -> None:
    count, both = tmp_path / "count", threading.Barrier(2)
    helper = f"sh -c 'echo x >> {count}; echo sk-helper-$(wc -l < {count} | tr -d \" \")'"

    def refused(_: BaseHTTPRequestHandler) -> Any:
        both.wait(5)
        return NO_KEY["body"]

    for path, body in ((HUB, plugins(GREET)), (API, page(MINE))):
        proxy.on(path, respond=answering(refused, status=401)).on(path, body)
    result = run("skills", "list", "--json", LITELLM_API_KEY=None, LITELLM_API_KEY_HELPER=helper)
    assert (names(result), said(result)) == (["greet", "My skill"], "")
    assert count.read_text() == "x\nx\n"
    sent = [(request.path, request.headers["Authorization"]) for request in proxy.requests]
    assert sorted(sent) == sorted((path, f"Bearer sk-helper-{n}") for path in (HUB, API) for n in (1, 2))


def test_the_key_is_never_shown(run: Run, proxy: FakeProxy) -> None:
    words = f"Invalid key: {KEY}. Received API Key = {KEY}"
    proxy.on(HUB, **told(500, words), times=None).on(API, page(MINE), times=2).on(API, **failed(words), times=None)
    proxy.on(f"{API}/{MINE['id']}", **failed(words))
    results = [run("skills", "list", "-v"), run("skills", "show", MINE["id"], "-v", exit=3)]
    results += [run("skills", "list", "-v", *more, exit=3) for more in ((), ("--json",))]
    text = "".join(f"{result}{said(result)}" for result in results)
    assert "Invalid key: ***" in text
    assert KEY[3:] not in text
    assert f"GET {HUB} 500 " in text


# --- list --search ---


def searching(proxy: FakeProxy, text: str, body: Any = None, times: int | None = 1, **reply: Any) -> FakeProxy:
    """Answer a search for this text."""
    return proxy.on(f"{API}?{OWN}&query={text}&top_k=20", body, times=times, **reply)


NOT_CONFIGURED = {
    "status": 400,
    "body": {
        "detail": {
            "error": "skill_search_not_configured",
            "message": "skill search needs litellm_settings.skill_search_embedding_model set to an embedding model",
        }
    },
}
FOUND_BY_TEXT = (
    GREET,
    OFF,
    hub("keyed", keywords=["Salute", 7, None]),
    hub("odd", keywords="salute"),
    hub("saluter"),
    api("other", description="Nothing"),
    api("hello", description="A SALUTE to all"),
    api(None, "litellm_skill_salute"),
)


def test_the_proxys_own_order_is_kept_and_the_hub_follows(run: Run, proxy: FakeProxy) -> None:
    rows = [api("a"), api("b"), api("c"), api("wave", description="wave"), hub("wave"), hub("other")]
    keeping(proxy, *rows)
    best = [{**rows[number], "search_score": score} for number, score in ((2, 0.9), (0, 0.4), (1, 0.1))]
    searching(proxy, "wave", page(*best))
    result = run("skills", "list", "--search", "wave", "--json")
    assert names(result) == ["c", "a", "b", "wave"]
    assert result.json[3]["store"] == "hub"
    assert said(result) == ""
    assert [list(one) for one in result.json] == [KEYS] * 4


def test_what_is_searched_for_is_one_parameter(run: Run, proxy: FakeProxy) -> None:
    keeping(proxy, MINE)
    searching(proxy, "a%26b%3D%C3%BC+%23", page({**MINE, "search_score": 0.5}))
    assert names(run("skills", "list", "--search", "a&b=ü #", "--json")) == ["My skill"]


def test_nothing_near_is_nothing(run: Run, proxy: FakeProxy) -> None:
    keeping(proxy, MINE, hub("x"))
    searching(proxy, "skill", page())
    result = run("skills", "list", "--search", "skill", "--json")
    assert (result, said(result)) == ("[]\n", "")


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(NOT_CONFIGURED, id="not configured"),
        pytest.param({"status": 422, "body": {"detail": []}}, id="422"),
        pytest.param({"body": page(*FOUND_BY_TEXT[5:])}, id="an old proxy lists all"),
    ],
)
def test_without_a_search_by_meaning_the_text_is_looked_for(run: Run, proxy: FakeProxy, reply: dict[str, Any]) -> None:
    keeping(proxy, *FOUND_BY_TEXT)
    searching(proxy, "Salute", **reply)
    result = run("skills", "list", "--search", "Salute", "--json")
    assert names(result) == ["hello", "keyed", "saluter"]
    assert said(result) == "This proxy cannot search by meaning: listing the skills that contain the text.\n"


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(failed("boom"), id="500"),
        pytest.param({**told(503, "embedding failed"), "headers": {"Retry-After": "60"}}, id="503"),
        pytest.param(told(403, "not for you"), id="403"),
        pytest.param(WEB_PAGE, id="html"),
        pytest.param({"body": {"data": 7}}, id="wrong shape"),
        pytest.param(hanging(), id="hanging"),
    ],
)
def test_a_search_that_fails_is_a_warning(run: Run, proxy: FakeProxy, reply: dict[str, Any]) -> None:
    keeping(proxy, *FOUND_BY_TEXT)
    searching(proxy, "salute", **reply)
    result = run("skills", "list", "--search", "salute", "--json", "--timeout", "0.5")
    assert names(result) == ["hello", "keyed", "saluter"]
    assert said(result).startswith("Warning: the Skills API cannot search, listing the skills that contain the text: ")
    assert said(result).count("\n") == 1


def test_hostile_results_of_a_search(run: Run, proxy: FakeProxy) -> None:
    keeping(proxy, MINE, hub("my"))
    bad = [None, 7, {}, {"id": 7, "search_score": 1}, {"id": "unheard of", "search_score": "x"}]
    searching(proxy, "my", page(*bad, {**MINE, "search_score": float("inf")}))
    assert names(run("skills", "list", "--search", "my", "--json")) == ["My skill", "my"]


def test_disabled_skills_are_found_only_with_all(run: Run, proxy: FakeProxy) -> None:
    keeping(proxy, OFF, GREET)
    assert run("skills", "list", "--search", "REVIEW", "--json") == "[]\n"
    assert names(run("skills", "list", "--search", "REVIEW", "--all", "--json")) == ["review"]


@pytest.mark.parametrize("options", [["--store", "hub"], []])
def test_the_skills_api_is_not_searched_where_it_has_nothing_to_show(
    run: Run, proxy: FakeProxy, options: list[str]
) -> None:
    proxy.on(HUB, plugins(GREET)).on(API, times=None, **failed("boom"))
    assert names(run("skills", "list", "--search", "hello", "--json", *options)) == ["greet"]
    assert all("query" not in request.query for request in proxy.requests)


def test_an_empty_search_is_exit_2(run: Run, proxy: FakeProxy) -> None:
    for text in ("", " ", "\t\n"):
        assert run("skills", "list", "--search", text, "--json", exit=2).error["code"] == "usage"
    assert proxy.requests == []


# --- switched off ---

EVERY_COMMAND = (
    ("list",),
    ("show", "x"),
    ("create", "x", "--source", "github:org/x"),
    ("create", "-"),
    ("delete", "--yes", "x"),
    ("enable", "x"),
    ("disable", "x"),
)


def test_skills_that_are_switched_off_are_exit_2(run: Run, proxy: FakeProxy) -> None:
    run("config", "set", "skills", "false")
    for command in EVERY_COMMAND:
        result = run("skills", *command, "--json", exit=2, stdin=SKILL)
        assert (result, result.error["code"]) == ("", "config")
        assert result.error["message"] == "skills are disabled: profiles.default.skills is false"
        assert result.error["remedy"] == "litellmctl config unset profiles.default.skills"
    assert proxy.requests == []
    run("config", "unset", "profiles.default.skills")
    keeping(proxy)
    assert run("skills", "list", "--json") == "[]\n"


def test_without_the_network_nothing_is_asked(run: Run, proxy: FakeProxy) -> None:
    for command in EVERY_COMMAND:
        for option, variables in ((["--offline"], {}), ([], {"LITELLM_OFFLINE": "1"})):
            result = run("skills", *command, *option, "--json", exit=3, stdin=SKILL, **variables)
            assert (result, result.error["code"]) == ("", "offline")
    assert proxy.requests == []


# --- show ---


def test_everything_is_told_of_a_skill_of_the_hub(run: Run, proxy: FakeProxy) -> None:
    keeping(proxy, GREET, MINE)
    proxy.on(f"{HUB}/greet", hub_entry(GREET, created_by="someone"), times=3)
    result = run("skills", "show", "greet", "--json")
    assert list(result.json) == SHOW_KEYS
    assert result.json == {
        **{key: GREET[key] for key in ("name", "id", "enabled", "version", "description", "source")},
        **{key: GREET[key] for key in ("author", "homepage", "keywords", "category", "domain", "namespace")},
        "store": "hub",
        "updated_at": "2026-11-22T09:21:51Z",
        "created_at": "2026-11-22T09:21:51Z",
        "created_by": "someone",
    }
    assert result.count("\n") == 1
    assert run("skills", "show", "id-greet", "--json") == result
    shown = run("skills", "show", "greet", "-o", "table")
    assert shown.startswith("greet  (hub, enabled)\n\nSays hello\n\nid ")
    for words in (
        "github:org/greet",
        "Lab <lab@example.com>",
        "hi, Welcome",
        "someone",
        "/plugin install greet@litellm",
    ):
        assert words in shown
    assert f"/plugin marketplace add {proxy.url}/claude-code/marketplace.json" in shown


def test_everything_is_told_of_a_skill_of_the_skills_api(run: Run, proxy: FakeProxy) -> None:
    keeping(proxy, GREET, MINE)
    proxy.on(f"{API}/{MINE['id']}?{OWN}", {**MINE, "description": "Newer"}, times=4)
    result = run("skills", "show", "My skill", "--json")
    assert list(result.json) == SHOW_KEYS
    assert {key: value for key, value in result.json.items() if value is not None} == {
        "name": "My skill",
        "id": MINE["id"],
        "store": "api",
        "enabled": True,
        "description": "Newer",
        "source": "custom",
        "updated_at": "2026-11-22T09:21:52Z",
        "created_at": "2026-11-22T09:21:52Z",
    }
    shown = run("skills", "show", MINE["id"], "-o", "table")
    assert shown.startswith("My skill  (api, enabled)\n\nNewer\n\nid ")
    assert "marketplace" not in shown
    assert run("skills", "show", MINE["id"]).rstrip("\n").split("\t")[:4] == ["My skill", MINE["id"], "api", "true"]
    assert run("skills", "show", MINE["id"], "--fields", "id") == f"{MINE['id']}\n"


def test_a_disabled_skill_is_shown_as_such(run: Run, proxy: FakeProxy) -> None:
    keeping(proxy, OFF)
    proxy.on(f"{HUB}/review", hub_entry(OFF), times=2)
    assert run("skills", "show", "review", "--json").json["enabled"] is False
    shown = run("skills", "show", "review", "-o", "table")
    assert shown.startswith("review  (hub, disabled)\n")
    assert "/plugin install" not in shown  # the marketplace does not have it


def test_a_skill_without_a_title_is_shown_by_its_id(run: Run, proxy: FakeProxy) -> None:
    row = api(None, "litellm_skill_0")
    keeping(proxy, row)
    proxy.on(f"{API}/litellm_skill_0", row, times=2)
    assert run("skills", "show", "litellm_skill_0", "--json").json["name"] is None
    assert run("skills", "show", "litellm_skill_0", "-o", "table").startswith("litellm_skill_0  (api, enabled)\n")


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param((api("same", "id-2"), api("same", "id-1")), id="twice in the Skills API"),
        pytest.param((api("same", "id-2"), hub("same", id="id-1")), id="in both stores"),
    ],
)
def test_a_name_of_several_is_exit_2_with_their_ids(
    run: Run, proxy: FakeProxy, rows: tuple[dict[str, Any], ...]
) -> None:
    keeping(proxy, *rows, api("other"))
    result = run("skills", "show", "same", "--json", exit=2)
    assert (result, result.error["code"], result.error["remedy"]) == ("", "usage", "use the ID")
    assert '2 skills are named "same": ' in result.error["message"]
    told = [f"{row['id']} ({'api' if 'display_title' in row else 'hub'})" for row in rows]
    assert sorted(result.error["message"].partition(": ")[2].split(", ")) == sorted(told)
    proxy.on(f"{API}/id-2", api("same", "id-2"))
    assert run("skills", "show", "id-2", "--json").json["id"] == "id-2"


def test_an_id_goes_before_a_name(run: Run, proxy: FakeProxy) -> None:
    keeping(proxy, api("litellm_skill_1", "litellm_skill_2"), api("x", "litellm_skill_1"))
    proxy.on(f"{API}/litellm_skill_1", api("x", "litellm_skill_1"))
    assert run("skills", "show", "litellm_skill_1", "--json").json["name"] == "x"


@pytest.mark.parametrize(
    ("typed", "meant"), [("gret", "greet"), ("MY SKILL", "My skill"), ("litellm_skill_0b5", "litellm_skill_0b5e")]
)
def test_an_unknown_skill_is_exit_5_and_the_nearest_is_named(
    run: Run, proxy: FakeProxy, typed: str, meant: str
) -> None:
    keeping(proxy, GREET, MINE)
    result = run("skills", "show", typed, "--json", exit=5)
    assert (result, result.error["code"]) == ("", "not_found")
    assert result.error["message"] == f'no skill "{typed}". Did you mean "{meant}"?'
    assert result.error["remedy"] == "litellmctl skills list --all"


@pytest.mark.parametrize("path", [HUB, API])
def test_what_is_not_found_may_be_in_the_store_that_failed(run: Run, proxy: FakeProxy, path: str) -> None:
    proxy.on(path, **told(500, "boom"))
    proxy.on(*((API, page(MINE)) if path == HUB else (HUB, plugins(GREET))))
    result = run("skills", "show", "other", exit=3)
    assert result == ""
    assert f"Warning: cannot list {NAMES[path]}" in said(result)
    assert "Error: " in said(result)
    assert "boom" in said(result).splitlines()[1]


def test_what_is_found_is_shown_although_a_store_failed(run: Run, proxy: FakeProxy) -> None:
    proxy.on(HUB, **told(500, "boom")).on(API, page(MINE)).on(f"{API}/{MINE['id']}", MINE)
    result = run("skills", "show", "My skill", "--json")
    assert result.json["id"] == MINE["id"]
    assert said(result).startswith("Warning: cannot list the Skill Hub")


def test_a_name_is_one_segment_of_a_path(run: Run, proxy: FakeProxy) -> None:
    keeping(proxy, *(hub(name, id=f"h-{name}") for name, _ in SEGMENTS), *(api("x", name) for name, _ in SEGMENTS))
    for name, segment in SEGMENTS:
        proxy.on(f"{HUB}/{segment}", hub_entry(hub(name))).on(f"{API}/{segment}?{OWN}", api("x", name))
        assert run("skills", "show", f"h-{name}", "--json").json["name"] == name
        assert run("skills", "show", name, "--json").json["id"] == name


def test_dots_alone_are_no_segment(run: Run, proxy: FakeProxy) -> None:
    dots = (".", "..", "...")
    keeping(proxy, *(hub(name, id=f"h{name}") for name in dots), *(api("x", name) for name in dots))
    for name in dots:
        for typed in (f"h{name}", name):
            assert run("skills", "show", typed, "--json", exit=5).error["code"] == "not_found"
    assert {*proxy.asked} == {HUB, API}


@pytest.mark.parametrize("path", [f"{HUB}/greet", f"{API}/{MINE['id']}"])
def test_an_answer_about_something_else_is_not_shown(run: Run, proxy: FakeProxy, path: str) -> None:
    keeping(proxy, GREET, MINE)
    bodies: list[Any] = [hub_entry(OFF), {**MINE, "id": "other"}, {}, [], None, "greet", {"name": 7, "id": 7}]
    for body in bodies:
        proxy.on(path, body)
        result = run("skills", "show", "greet" if "greet" in path else "My skill", "--json", exit=3)
        assert (result, result.error["code"]) == ("", "bad_response")


@pytest.mark.parametrize(
    ("path", "reply", "exit", "code"),
    [
        (f"{HUB}/greet", told(404, "Plugin 'greet' not found"), 5, "not_found"),
        (f"{HUB}/greet", told(403, "Plugin 'greet' is not granted to this key"), 4, "forbidden"),
        (f"{HUB}/greet", HUB_WITHOUT_DATABASE, 3, "server_error"),
        (f"{API}/{MINE['id']}", not_there(MINE["id"]), 5, "not_found"),
        (f"{API}/{MINE['id']}", failed("boom"), 3, "server_error"),
        (f"{API}/{MINE['id']}", WEB_PAGE, 3, "bad_response"),
    ],
)
def test_a_skill_that_cannot_be_read(
    run: Run, proxy: FakeProxy, path: str, reply: dict[str, Any], exit: int, code: str
) -> None:
    keeping(proxy, GREET, MINE).on(path, **reply)
    result = run("skills", "show", "greet" if "greet" in path else "My skill", "--json", exit=exit)
    assert (result, result.error["code"]) == ("", code)
    if reply == not_there(MINE["id"]):
        assert result.error["message"] == f"Skill not found: {MINE['id']}"


def test_hostile_facts_reach_no_terminal(run: Run, proxy: FakeProxy) -> None:
    facts = {"author": {"name": HOSTILE, "email": HOSTILE}, "homepage": HOSTILE, "keywords": [HOSTILE, 7, None, {}]}
    facts |= {"category": HOSTILE, "description": HOSTILE, "version": HOSTILE, "source": {"source": HOSTILE}}
    rows = [hub(HOSTILE, id="h", domain=HOSTILE, **facts), api(HOSTILE, "a", description=HOSTILE, source=HOSTILE)]
    keeping(proxy, *rows)
    segment = "%1B%5D0%3Bx%07%1B%5B31mred%C2%9B1m%E2%80%AEbidi%E2%81%A6%0D%0Aline%09tab%00"
    proxy.on(f"{HUB}/{segment}", hub_entry(rows[0], created_by=HOSTILE), times=2)
    proxy.on(f"{API}/a", rows[1], times=2)
    for skill_id in ("h", "a"):
        shown = run("skills", "show", skill_id, "-o", "table")
        assert re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", shown) is None, repr(shown)
        assert shown.splitlines()[0].endswith("d)")
        assert run("skills", "show", skill_id, "--json").json["description"] == HOSTILE


def test_facts_of_any_shape_are_shown(run: Run, proxy: FakeProxy) -> None:
    keeping(proxy, hub("x"))
    facts = ("author", "keywords", "homepage", "category", "source", "created_by")
    values: list[Any] = [7, float("nan"), True, [], {}, {"name": 7}, [[1], None], "x", 10**300]
    for value in values:
        proxy.on(f"{HUB}/x", hub_entry(hub("x"), **dict.fromkeys(facts, value)), times=3)
        assert run("skills", "show", "x", "-o", "table").startswith("x  (hub, enabled)\n")
        assert strictly(run("skills", "show", "x", "--json"))["name"] == "x"
        assert run("skills", "show", "x").startswith("x\tid-x\thub\t")


# --- names that agree, and tables that fit ---


def test_the_source_of_a_row_can_be_passed_to_create(run: Run, proxy: FakeProxy) -> None:
    keeping(proxy, hub("deploy", source={"source": "github", "repo": "acme/skills", "ref": "v2"}))
    source = run("skills", "list").rstrip("\n").split("\t")[-1]
    made = run("skills", "create", "other", "--source", source, "--dry-run", "--json").json
    assert (source, made["json"]["source"]) == (
        "github:acme/skills@v2",
        {"source": "github", "repo": "acme/skills", "ref": "v2"},
    )


def test_ls_is_another_name_of_list(run: Run, proxy: FakeProxy) -> None:
    keeping(proxy, GREET, MINE)
    assert run("skills", "ls", "--json") == run("skills", "list", "--json")


def test_the_table_of_skills_fits_the_terminal(run: Run, proxy: FakeProxy) -> None:
    keeping(proxy, hub("deploy", description="Deploys " * 40), OFF, api("日本語" * 20))
    for columns in (40, 80, 100, 160, 300):
        result = run("skills", "list", "--all", "-o", "table", COLUMNS=str(columns))
        assert [line for line in result.splitlines() if width(line) > columns] == []
        assert "disabled" in result
    assert "Hidden to fit: SOURCE (" in run("skills", "list", "-o", "table", COLUMNS="40").stderr


def test_a_state_is_a_word_with_a_colour(run: Run, proxy: FakeProxy) -> None:
    keeping(proxy, GREET, OFF)
    table = run("skills", "list", "--all", terminal=True, FORCE_COLOR="1")
    assert "\x1b[32menabled\x1b[0m" in table
    assert "\x1b[33mdisabled\x1b[0m" in table
    assert [line.split("\t")[2] for line in run("skills", "list", "--all").splitlines()] == ["enabled", "disabled"]
