"""`skills` at the releases of LiteLLM: stores that are not there yet, and what replaces an entry of the hub."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from tests.answers import http
from tests.conftest import Run
from tests.contract.stores import API, HUB, api, hub, hub_entry, keeping, page, plugins, told
from tests.fake_proxy import FakeProxy

DIGEST = "a" * 64
ARCHIVE = {"source": "archive", "url": "https://example.com/lint.zip", "sha256": DIGEST}
LINT = hub(
    "lint",
    source=ARCHIVE,
    version="1.2.3",
    description="Finds mistakes",
    author={"name": "Ada", "email": None},
    homepage="https://example.com",
    keywords=["go", "python"],
    category="Quality",
    domain="Code",
    namespace="checks",
)
NEW = ("skills", "create", "lint", "--source", "archive:https://example.com/lint2.zip", "--sha256", DIGEST, "--replace")
NO_ROUTE = {"status": 404, "body": {"detail": "Not Found"}}
# The fields that the request of each release takes; it ignores all others (pydantic's default).
FIELDS = {
    "1.81": {"version", "description", "author", "homepage", "keywords", "category"},
    "1.106": {"version", "description", "author", "homepage", "keywords", "category", "domain", "namespace"},
}
FIELDS["1.108"] = FIELDS["1.106"] | {"installation_preference"}
FIELDS["1.110"] = FIELDS["1.108"] | {"expected_updated_at"}
FIELDS["9.0"] = FIELDS["1.110"] | {"review_policy"}


class Release:
    """The hub of a release with one entry, by the rules of LiteLLM's claude_code_marketplace.py of that release."""

    def __init__(self, proxy: FakeProxy, release: str, entry: dict[str, Any]) -> None:
        self._proxy, self.release, self.entry = proxy, release, dict(entry)
        self.versions = [entry["version"]]
        proxy.on(HUB, respond=self._answering(lambda _: (200, plugins(self._shown()))), times=None)
        proxy.on(API, page(), times=None)
        proxy.on(f"{HUB}/lint", respond=self._answering(self._one), times=None)
        replacing = self._no_put if release == "1.81" else self._put
        proxy.on(f"{HUB}/lint", respond=self._answering(replacing), method="PUT", times=None)
        proxy.on(HUB, respond=self._answering(self._put), method="POST", times=None)
        self.between: Callable[[], None] = lambda: None

    def _answering(self, made: Callable[[Any], tuple[int, Any]]) -> Callable[[BaseHTTPRequestHandler], None]:
        def respond(handler: BaseHTTPRequestHandler) -> None:
            body = self._proxy.requests[-1].body
            status, answer = made(json.loads(body) if body else None)
            handler.wfile.write(http(answer, "Connection: close", status=f"{status} X"))

        return respond

    def _shown(self) -> dict[str, Any]:
        later = {"installation_preference", "review_policy"} - FIELDS[self.release]
        return {name: value for name, value in self.entry.items() if name not in later}

    def _one(self, _: Any) -> tuple[int, Any]:
        answer = (200, hub_entry(self._shown()))
        self.between()
        return answer

    def _no_put(self, _: Any) -> tuple[int, Any]:
        return 405, {"detail": "Method Not Allowed"}

    def _put(self, sent: dict[str, Any]) -> tuple[int, Any]:
        version = sent.get("version")
        if self.release in {"1.110", "9.0"}:
            expected = sent.get("expected_updated_at")
            if expected is not None and expected != self.entry["updated_at"]:
                return 409, {"detail": {"error": "The published skill changed. Reload it before publishing an update"}}
            refused = self._refused(version)
            if refused:
                return refused
            version = version or self._raised(str(self.entry["version"]))
        had = self.entry
        kept = {name: sent.get(name) for name in FIELDS[self.release] - {"expected_updated_at"}}
        self.entry = {**dict.fromkeys(had), **{name: had[name] for name in ("id", "name", "enabled", "created_at")}}
        self.entry |= {"source": sent["source"], **kept, "version": version, "updated_at": "2026-11-23T10:00:00+00:00"}
        self.versions.append(version)
        return 200, {"status": "success", "action": "updated", "plugin": {}}

    def _refused(self, version: str | None) -> tuple[int, Any] | None:
        """resolve_plugin_version of litellm/repositories/plugin_publication.py (1.110.2)."""
        semantic = r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
        current = self.entry["version"]
        if version is not None and not re.fullmatch(semantic, version):
            return 400, {"detail": {"error": "Version must be a valid semantic version, for example 1.0.1"}}
        if current is None or not re.fullmatch(semantic, current):
            words = (
                "The published version is missing or is not SemVer. Supply an explicit semantic version to update it"
            )
            return (409, {"detail": {"error": words}}) if version is None else None
        if version is not None and tuple(map(int, version.split("."))) <= tuple(map(int, current.split("."))):
            return 400, {"detail": {"error": f"Version must be strictly higher than {current}"}}
        return None

    def _raised(self, version: str) -> str:
        major, minor, patch = version.split(".")
        return f"{major}.{minor}.{int(patch) + 1}"


KEPT = ("description", "author", "homepage", "keywords", "category")


@pytest.mark.parametrize("release", FIELDS)
def test_a_replacement_keeps_all_that_the_entry_had(run: Run, proxy: FakeProxy, release: str) -> None:
    had = {**LINT, "installation_preference": "required", "review_policy": {"by": ["security"]}}
    gateway = Release(proxy, release, had)
    result = run(*NEW, "--json")
    assert gateway.entry["source"] == {**ARCHIVE, "url": "https://example.com/lint2.zip"}
    names = FIELDS[release] - {"version", "expected_updated_at", "author"}
    assert {name: gateway.entry[name] for name in names} == {name: had[name] for name in names}
    assert gateway.entry["author"]["name"] == "Ada"
    assert result.json["version"] == gateway.entry["version"]


@pytest.mark.parametrize(
    ("release", "version", "becomes"),
    [
        ("1.81", "1.2.3", "1.2.3"),
        ("1.106", "1.2.3", "1.2.3"),
        ("1.108", None, None),
        ("1.108", "spring", "spring"),
        ("1.110", "1.2.3", "1.2.4"),
        ("1.110", "1.2.9", "1.2.10"),
        ("1.110", None, "1.0.0"),
        ("1.110", "v2.1", "2.1.1"),
        ("1.110", "7", "7.0.1"),
    ],
)
def test_a_version_is_kept_where_that_is_possible_and_else_rises(
    run: Run, proxy: FakeProxy, release: str, version: str | None, becomes: str | None
) -> None:
    gateway = Release(proxy, release, {**LINT, "version": version})
    result = run(*NEW, "--json")
    assert (gateway.entry["version"], result.json["version"]) == (becomes, becomes)
    assert len(gateway.versions) == 2
    said = f"raised the version from {version or 'none'} to {becomes}." in result.stderr
    assert said is (becomes != version)


@pytest.mark.parametrize("version", ["spring", "1.2.3.4", "2026-11-28", "1" * 5000, "\N{ARABIC-INDIC DIGIT ONE}.0"])
def test_a_version_that_nothing_follows_has_to_be_given(run: Run, proxy: FakeProxy, version: str) -> None:
    gateway = Release(proxy, "1.110", {**LINT, "version": version})
    error = run(*NEW, "--json", exit=5).error
    assert error["remedy"].startswith("pass a higher --version")
    assert gateway.versions == [version]
    assert run(*NEW, "--version", "3.0.0", "--json").json["version"] == "3.0.0"


@pytest.mark.parametrize("version", ["1.2.3", "1.0.0", "two"])
def test_a_version_that_is_given_is_sent_as_it_is(run: Run, proxy: FakeProxy, version: str) -> None:
    gateway = Release(proxy, "1.110", LINT)
    error = run(*NEW, "--version", version, "--json", exit=5).error
    assert "ersion must be" in error["message"]
    assert error["remedy"].startswith("pass a higher --version")
    assert gateway.versions == ["1.2.3"]


@pytest.mark.parametrize("release", FIELDS)
def test_an_entry_that_somebody_changed_after_it_was_listed_is_not_replaced(
    run: Run, proxy: FakeProxy, release: str
) -> None:
    gateway = Release(proxy, release, LINT)
    listed = iter([plugins(LINT)])

    def list_then_change(_: Any) -> tuple[int, Any]:
        answer = next(listed)
        gateway.entry |= {"description": "Theirs", "updated_at": "2026-11-23T09:00:00+00:00"}
        return 200, answer

    proxy._routes[("GET", HUB)].clear()
    proxy.on(HUB, respond=gateway._answering(list_then_change))
    error = run(*NEW, "--json", exit=5).error
    assert error["code"] == "rejected"
    assert error["message"] == 'cannot replace the skill "lint": it was changed in the Skill Hub meanwhile'
    assert error["remedy"] == "litellmctl skills show lint"
    assert gateway.entry["description"] == "Theirs"
    assert [request.method for request in proxy.requests] == ["GET", "GET"]


def test_an_entry_that_somebody_changes_just_then_is_refused_by_the_proxy(run: Run, proxy: FakeProxy) -> None:
    gateway = Release(proxy, "1.110", LINT)
    gateway.between = lambda: gateway.entry.update(description="Theirs", updated_at="2026-11-23T09:00:00+00:00")
    error = run(*NEW, "--json", exit=5).error
    assert (error["status"], gateway.entry["description"]) == (409, "Theirs")
    assert error["message"].startswith('cannot replace the skill "lint": it was changed')


def test_an_entry_that_somebody_deletes_just_then_is_not_made_again(run: Run, proxy: FakeProxy) -> None:
    keeping(proxy, LINT).on(f"{HUB}/lint", **told(404, "Plugin 'lint' not found"))
    error = run(*NEW, "--json", exit=5).error
    assert error["code"] == "not_found"
    assert error["message"] == f'no skill "lint" in the Skill Hub of {proxy.url}'


def test_a_preference_that_the_new_source_cannot_have_is_refused_with_what_it_can(run: Run, proxy: FakeProxy) -> None:
    had = {**LINT, "installation_preference": "required"}
    words = "installation_preference needs an archive source, the only plugins Claude Desktop lists"
    keeping(proxy, had).on(f"{HUB}/lint", hub_entry(had)).on(f"{HUB}/lint", method="PUT", **told(400, words))
    error = run("skills", "create", "lint", "--source", "github:org/lint", "--replace", "--json", exit=5).error
    assert words in error["message"]
    assert "--source archive:URL with --sha256" in error["remedy"]


def test_what_the_proxy_tells_and_cannot_be_sent_back_is_not_lost(run: Run, proxy: FakeProxy) -> None:
    raw = json.dumps({**hub_entry(LINT), "odd": 0}).replace('"odd": 0', '"odd": NaN').encode()
    keeping(proxy, LINT).on(f"{HUB}/lint", raw)
    error = run(*NEW, "--json", exit=3).error
    assert error["code"] == "bad_response"
    assert "cannot replace the skill" in error["message"]
    assert [request.method for request in proxy.requests] == ["GET", "GET"]


@pytest.mark.parametrize("version", [7, ["1.0.0"], {"a": 1}, True, ""])
def test_a_version_of_any_type_is_no_version(run: Run, proxy: FakeProxy, version: Any) -> None:
    odd = {**LINT, "version": version}
    keeping(proxy, odd).on(f"{HUB}/lint", hub_entry(odd)).on(f"{HUB}/lint", {"status": "success"}, method="PUT")
    proxy.on(f"{HUB}/lint", hub_entry({**LINT, "source": {**ARCHIVE, "url": "https://example.com/lint2.zip"}}))
    run(*NEW)
    assert "version" not in proxy.requests[2].json


@pytest.mark.parametrize("path", ["greet", "delete", "enable", "disable"])
def test_a_skill_that_the_hub_does_not_have_is_a_missing_skill(run: Run, proxy: FakeProxy, path: str) -> None:
    keeping(proxy, hub("greet"))
    missing = told(404, "Plugin 'greet' not found")
    if path == "greet":
        proxy.on(f"{HUB}/greet", **missing)
        command = ["show", "greet"]
    else:
        target = f"{HUB}/greet" if path == "delete" else f"{HUB}/greet/{path}"
        proxy.on(target, method="DELETE" if path == "delete" else "POST", **missing)
        command = [path, "greet", *(["--yes"] if path == "delete" else [])]
    error = run("skills", *command, "--json", exit=5).error
    assert error["code"] == "not_found"
    assert error["message"] == f'no skill "greet" in the Skill Hub of {proxy.url}'
    assert error["remedy"] == "litellmctl skills list --all"


def test_a_release_that_tells_of_no_description_took_the_skill_all_the_same(run: Run, proxy: FakeProxy) -> None:
    # LiteLLM 1.81.16: class Skill of litellm/types/llms/anthropic_skills.py has no description.
    made = {name: value for name, value in api("s", "litellm_skill_1").items() if name != "description"}
    keeping(proxy).on(API, made, method="POST").on(f"{API}/litellm_skill_1", made)
    result = run("skills", "create", "-", "--json", stdin="---\nname: s\ndescription: d\n---\nhi\n")
    assert (result.json["id"], result.json["description"]) == ("litellm_skill_1", None)


# Releases without skills


@pytest.mark.parametrize(
    "command", [["list"], ["show", "x"], ["create", "x", "--source", "github:a/b"], ["enable", "x"]]
)
def test_a_release_without_skills_says_which_has_them(run: Run, proxy: FakeProxy, command: list[str]) -> None:
    proxy.on(HUB, times=None, **NO_ROUTE).on(API, times=None, **NO_ROUTE)
    error = run("skills", *command, "--json", exit=5).error
    assert (error["code"], error["status"]) == ("not_found", 404)
    assert error["message"] in {
        f"{proxy.url} does not support skills (LiteLLM 1.80 or newer does)",
        f"{proxy.url} has no Skill Hub (LiteLLM 1.81 or newer has one)",
    }
    assert error["remedy"] == "ask the proxy's administrator to upgrade LiteLLM"


def test_a_release_without_the_hub_lists_the_other_store(run: Run, proxy: FakeProxy) -> None:
    proxy.on(HUB, **NO_ROUTE).on(API, page(api("mine")))
    result = run("skills", "list", "--json")
    assert [one["name"] for one in result.json] == ["mine"]
    assert "has no Skill Hub (LiteLLM 1.81 or newer has one)" in result.stderr


def test_the_prompt_section_of_a_release_without_skills(run: Run, proxy: FakeProxy) -> None:
    proxy.on(HUB, **NO_ROUTE).on(API, **NO_ROUTE)
    assert "does not support skills" in run("prompt-section", "--json", exit=5).error["message"]
