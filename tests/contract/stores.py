"""Skills: how a proxy lists what is in its two stores, and how each of them fails."""

from __future__ import annotations

from typing import Any

from tests.fake_proxy import FakeProxy
from tests.fake_proxy import error as error_of

HUB, API = "/claude-code/plugins", "/v1/skills"


OWN = "custom_llm_provider=litellm_proxy"


KEY = "sk-test-0123456789abcdef"


KEYS = ["name", "id", "store", "enabled", "version", "description", "source", "updated_at"]


SHOW_KEYS = [
    *KEYS,
    *("created_at", "created_by", "author", "homepage", "keywords", "category", "domain", "namespace"),
]


NAMES = {HUB: "the Skill Hub", API: "the Skills API"}


def hub(name: Any, **more: Any) -> dict[str, Any]:
    """Return a row of /claude-code/plugins (shapes/plugins_get.master.json)."""
    base = {"id": f"id-{name}", "name": name, "version": "1.0.0", "description": None}
    base |= {"source": {"source": "github", "repo": f"org/{name}"}, "author": None, "homepage": None, "keywords": None}
    base |= {"category": None, "domain": None, "namespace": None, "enabled": True}
    return {
        **base,
        "created_at": "2026-11-22T09:21:51.464000+00:00",
        "updated_at": "2026-11-22T09:21:51.655000+00:00",
        **more,
    }


def hub_entry(row: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return what /claude-code/plugins/NAME tells of a row (shapes/plugin_get.one.json)."""
    told = {**row, "created_by": "default_user_id", **more}
    return {key: value for key, value in told.items() if key not in {"domain", "namespace"}}


def api(title: Any, skill_id: Any = None, **more: Any) -> dict[str, Any]:
    """Return a row of /v1/skills, and what /v1/skills/ID tells (shapes/skills_get.*.json)."""
    base = {"id": f"litellm_skill_{title}" if skill_id is None else skill_id, "display_title": title}
    base |= {"latest_version": None, "source": "custom", "type": "skill", "description": None, "search_score": None}
    return {
        **base,
        "created_at": "2026-11-22T09:21:52.051000+00:00",
        "updated_at": "2026-11-22T09:21:52.074000+00:00",
        **more,
    }


def plugins(*rows: Any) -> dict[str, Any]:
    return {"plugins": list(rows), "count": len(rows)}


def page(*rows: Any, next_page: Any = None, has_more: Any = False) -> dict[str, Any]:
    return {"data": list(rows), "next_page": next_page, "has_more": has_more}


def keeping(proxy: FakeProxy, *rows: Any, times: int | None = None) -> FakeProxy:
    """Let the proxy keep these skills, each in its store, and list them as often as it is asked."""
    ours = [row for row in rows if "display_title" in row]
    proxy.on(HUB, plugins(*(row for row in rows if row not in ours)), times=times)
    return proxy.on(API, page(*ours), times=times)


def told(status: int, words: str) -> dict[str, Any]:
    """Return keywords of `FakeProxy.on` for an error of the hub."""
    return {"status": status, "body": {"detail": {"error": words}}}


def failed(words: str) -> dict[str, Any]:
    """Return keywords of `FakeProxy.on` for an error of the Skills API (shapes/skills_get.missing.json)."""
    return error_of(500, f"litellm.APIConnectionError: APIConnectionError: {words}", "internal_server_error")


def not_there(skill_id: str) -> dict[str, Any]:
    return failed(f"Litellm_proxyException - Skill not found: {skill_id}")


HUB_WITHOUT_DATABASE = told(500, "DB not connected. See https://docs.litellm.ai/docs/proxy/virtual_keys")


API_WITHOUT_DATABASE = failed(
    "Prisma client is not initialized. Database connection required for LiteLLM skills.",
)


WEB_PAGE = {"body": b"<!DOCTYPE html><h1>Sign in</h1>", "headers": {"Content-Type": "text/html"}}


HALF = {"raw": b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"plugins": [], "data": ['}


GREET = hub(
    "greet",
    version="1.2.0",
    description="Says hello",
    source={"source": "github", "repo": "org/greet"},
    author={"name": "Lab", "email": "lab@example.com"},
    homepage="https://example.com",
    keywords=["hi", "Welcome"],
    category="fun",
    domain="Talk",
    namespace="hello",
)


MINE = api("My skill", "litellm_skill_0b5e", description="Says hi")


OFF = hub("review", enabled=False)


SKILL = "---\nname: my-skill\ndescription: Says hi\n---\n\nSay hi.\n"


SEGMENTS = [
    ("a/b", "a%2Fb"),
    ("../../key/info", "..%2F..%2Fkey%2Finfo"),
    ("a%2Fb", "a%252Fb"),
    ("%2e%2e", "%252e%252e"),
    ("a b?c#d&e", "a%20b%3Fc%23d%26e"),
    ("ünï 日", "%C3%BCn%C3%AF%20%E6%97%A5"),
    ("a\\b;c", "a%5Cb%3Bc"),
    ("..a", "..a"),
    ("\n", "%0A"),
]
