"""What each release of LiteLLM answered (contract/shapes/releases), played on loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from tests.fake_proxy import SHAPES
from tests.server import Handler, Server


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


RELEASES = SHAPES / "releases"
VERSIONS = sorted((path.name for path in RELEASES.iterdir() if path.is_dir()), key=_numbers)
KEY = "sk-recorded-0123456789"
_FILES = {
    "/model/info": "model_info",
    "/v1/models": "v1_models",
    "/model_group/info": "group",
    "/mcp-rest/tools/list": "mcp_list",
    "/v1/mcp/server": "mcp_server",
    "/v1/skills": "skills",
    "/claude-code/plugins": "hub",
    "/key/info": "key_info",
    "/.well-known/litellm-ui-config": "uiconfig",
    "/health/readiness": "readiness",
    "/sso/cli/start": "cli_start",
}
_NOT_FOUND = {"detail": "Not Found"}


def at_least(version: str, bound: str) -> bool:
    """Say whether a release is this one or newer; `bound` may leave numbers out."""
    return _numbers(version) >= _numbers(bound)


def recorded(version: str, name: str) -> Any:
    """Return an answer of a release, as it was."""
    return json.loads((RELEASES / version / f"{name}.json").read_text("utf-8"))


class Answer(NamedTuple):
    status: int
    body: Any


def _answer(version: str, method: str, path: str, sent: Any) -> Answer:
    """Return what the release answered to its master key; what was never asked of it is a path that it has not."""
    # No call could be made of the newest: a part of it could not be installed.
    for exchange in recorded("1.108.5" if version == "1.110.2" else version, "calls"):
        request, response = exchange["request"], exchange["response"]
        if (method, path) == (request["method"], request["path"]) and _same(sent, request.get("body")):
            return Answer(response["status"], response["body"])
    if path in _FILES and method == ("POST" if path == "/sso/cli/start" else "GET"):
        body = recorded(version, _FILES[path])
        return Answer(_status(body), body)
    return Answer(404, _NOT_FOUND)


def _same(sent: Any, asked: Any) -> bool:
    """Whether a request is that of a recording; a release whose list has no ids of servers ignores one."""
    return bool(sent == asked or (sent and asked and {"server_id": sent.get("server_id"), **asked} == sent))


def _status(body: Any) -> int:
    """Return the status that a body came with, which was not recorded."""
    match body:
        case {"error": {"code": code}}:
            return int(code)
        case {"detail": {"error": _}} | "Internal Server Error":
            return 500
    return 404 if body == _NOT_FOUND else 200


@contextmanager
def played(version: str) -> Iterator[tuple[str, list[str]]]:
    """Play a release, and yield its URL and the requests that came, like "GET /model/info"; it knows KEY alone."""
    asked: list[str] = []

    class Playing(Handler):
        def _serve(self) -> None:
            path = urlsplit(self.path).path
            sent = self.body()
            asked.append(f"{self.command} {path}")
            answer = _answer(version, self.command, path, json.loads(sent) if sent else None)
            public = path.startswith(("/.well-known", "/health", "/sso"))
            if answer.status != 404 and not public and self.headers.get("Authorization") != f"Bearer {KEY}":
                answer = Answer(400, recorded(version, "wrong_info"))
            headers = {"Content-Type": "text/plain"} if isinstance(answer.body, str) and answer.status == 500 else None
            self.send(answer.status, (answer.body if headers else json.dumps(answer.body)).encode(), headers)

        do_GET = do_POST = do_PUT = do_DELETE = _serve

    server = Server(Playing)
    server.begin()
    try:
        yield server.url, asked
    finally:
        server.close()
    assert server.errors == []


class Command(NamedTuple):
    """A command, its stdin, and what it comes to: the exit code, and a pattern of what it prints on either stream."""

    words: str
    exit_code: int
    prints: str
    stdin: str = ""


def commands(version: str, key: str = KEY) -> Iterator[Command]:
    """Yield every command that reads, in the order of a day's use, as it must end for the master key of a release.

    A release without the database has a list of skills, but no skills; before 1.80 it has no list.
    """
    no_skills = (3, "(?i)database|DB not connected") if at_least(version, "1.80") else (5, "LiteLLM 1.80 or newer")
    yield Command("login --with-token", 0, "Signed in to http://127.0.0.1", stdin=f"{key}\n")
    yield Command("token", 0, "^sk-")
    yield Command("whoami", 0, "API key|api_key")
    yield Command("models", 0, r"^gpt-4o\s+128000\s")
    yield Command("models show gpt-4o --json", 0, r'"context_window": 128000,')
    yield Command("refresh", 0, "model_info")
    yield Command("models --offline --mode embedding", 0, r"^embed\s.*\sembedding$")
    yield Command("mcp servers", 0, r"sandbox\s.*ok")
    yield Command("mcp list", 0, r"(?s)sandbox/add\s.*sandbox/greet\s")
    yield Command("mcp show add", 0, r"Add two integers")
    yield Command("mcp call add a=2", 0, r"^3$")
    yield Command("mcp call sandbox/total numbers=1 numbers=2.5", 0, r"^3\.5$")
    yield Command("mcp call greet person.name=Ada person.age=36 tags=x", 0, r"^Hello Ada \(36\) #x$")
    yield Command("mcp call fail message=oh", 5, r"oh\n(?s:.)*fail reported an error")
    yield Command("mcp call nosuch", 5, "nosuch")
    yield Command("skills list", *no_skills)
    yield Command("prompt-section", *no_skills)
    yield Command("doctor", 0, r"discovery\s+ok")
    yield Command("api /health/readiness", 0, r'"status":\s*"healthy"')
    yield Command("export opencode", 0, r'"gpt-4o": ')
    yield Command("logout", 0, "")
    yield Command("models --refresh", 4, "no credential")
