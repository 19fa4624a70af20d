"""A proxy's two stores of skills: the Skill Hub (/claude-code/plugins) and the Skills API (/v1/skills).

Shapes: tests/contract/shapes/plugin*.json and skills_*.json. Whatever changes a store is sent once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from litellmctl.errors import AuthFailure, Failure, Rejected, Unavailable
from litellmctl.proxy.client import not_litellm
from litellmctl.proxy.json_stream import MAX_KEPT

if TYPE_CHECKING:
    from litellmctl.proxy.client import Answer, Client, Upload

T = TypeVar("T")

HUB_PATH = "/claude-code/plugins"
API_PATH = "/v1/skills"

# Without it the proxy asks Anthropic.
_OWN = {"custom_llm_provider": "litellm_proxy"}
# A description may be of 1 MiB.
_LIST_BYTES = 64 * 2**20
# LiteLLM 1.106 knows no second page, only a larger first one; it says `has_more` where the page is full.
_PAGE_SIZES = (1000, 10_000, 100_000)
_MAX_PAGES = 1000
_MAX_SKILLS = 50_000
_MAX_FOUND = 20
_WITHOUT_DATABASE = ("db not connected", "database connection required", "prisma client is not initialized")


def hub_rows(client: Client) -> list[Any]:
    """Return the hub's entries: all of them for an admin, the enabled and granted ones for others."""
    found, _ = _explaining(lambda: _rows(client, HUB_PATH, {}, "plugins"))
    return found


def api_rows(client: Client) -> tuple[list[Any], bool]:
    """Return the Skills API's entries that this key may see, of all pages, and whether these are all."""
    found: dict[str, Any] = {}
    sizes = iter(_PAGE_SIZES)
    size, page = next(sizes), ""
    pages = {""}
    for _ in range(_MAX_PAGES):
        query = {**_OWN, "limit": str(size), **({"page": page} if page else {})}
        entries, answer = _explaining(lambda: _rows(client, API_PATH, query, "data"))  # noqa: B023
        for place, row in enumerate(entries):
            has_id = isinstance(row, dict) and isinstance(row.get("id"), str)
            # What has no id is kept by its place, to be counted once.
            found.setdefault(row["id"] if has_id else f"\0{page}\0{place}", row)
        if len(found) > _MAX_SKILLS:
            break
        if answer.get("has_more") is not True:
            return list(found.values()), True
        following = answer.get("next_page")
        if isinstance(following, str) and following not in pages:
            page = following
        elif (larger := next(sizes, None)) is not None:
            size, page = larger, ""
        else:
            break
        pages.add(page)
    return list(found.values()), False


def search(client: Client, text: str) -> list[Any] | None:
    """Return the Skills API's entries nearest in meaning, best first; None where this proxy has no such search."""
    answer = client.get(API_PATH, {**_OWN, "query": text, "top_k": str(_MAX_FOUND)}, cap=_LIST_BYTES)
    if answer.status != 200:
        failure = client.failure(answer, API_PATH)
        if answer.status in {400, 422}:
            return None  # "not configured"
        raise _explained(failure)
    found, _ = _read_rows(client, answer, API_PATH, "data")
    # An older proxy does not know `query`, and lists everything.
    scored = [row for row in found if isinstance(row, dict) and row.get("search_score") is not None]
    return scored if scored or not found else None


def hub_entry(client: Client, name: str) -> dict[str, Any]:
    """Return what the hub tells of one entry."""
    path = f"{HUB_PATH}/{_segment(name)}"
    return _object(client, path, _get(client, path))


def api_entry(client: Client, skill_id: str) -> dict[str, Any]:
    """Return what the Skills API tells of one entry."""
    path = f"{API_PATH}/{_segment(skill_id)}"
    return _object(client, path, _get(client, path, _OWN))


def changing(client: Client, seconds: float, work: Callable[[Client], T]) -> T:
    """Return what a change gives, which may take so long. A failure says whether the change may have been made."""
    try:
        return client.call_once(seconds, work)
    except Unavailable as failure:
        if not failure.may_have_acted:
            raise
        raise failure.changed(remedy="litellmctl skills list --all") from None


def register(client: Client, entry: Mapping[str, Any]) -> None:
    """Add an entry to the hub, which is then enabled."""
    _change(client, "POST", HUB_PATH, json=entry)


def replace(client: Client, name: str, entry: Mapping[str, Any]) -> None:
    """Replace the whole of a hub's entry: what `entry` leaves out is lost."""
    _change(client, "PUT", f"{HUB_PATH}/{_segment(name)}", json=entry)


def switch(client: Client, name: str, *, enabled: bool) -> None:
    """Enable or disable an entry of the hub."""
    _change(client, "POST", f"{HUB_PATH}/{_segment(name)}/{'enable' if enabled else 'disable'}")


def upload(client: Client, form: Mapping[str, str], file: Upload) -> str:
    """Add a skill to the Skills API, as multipart, since it ignores JSON; return its id."""
    answer = _change(client, "POST", API_PATH, params=_OWN, form=form, files=[file])
    skill_id = answer.get("id") if isinstance(answer, dict) else None
    if not isinstance(skill_id, str) or not skill_id:
        raise not_litellm(f"{client.base_url}{API_PATH}", b"{}")
    return skill_id


def delete_from_hub(client: Client, name: str) -> None:
    """Delete an entry of the hub."""
    _change(client, "DELETE", f"{HUB_PATH}/{_segment(name)}")


def delete_from_api(client: Client, skill_id: str) -> None:
    """Delete a skill of the Skills API."""
    _change(client, "DELETE", f"{API_PATH}/{_segment(skill_id)}", params=_OWN)


def _get(client: Client, path: str, params: Mapping[str, str] | None = None) -> Any:
    return _explaining(lambda: client.get_json(path, params))


def _rows(client: Client, path: str, params: Mapping[str, str], key: str) -> tuple[list[Any], dict[str, Any]]:
    """GET a list; return its entries under `key`, and what else its object says."""
    answer = client.get(path, params, cap=_LIST_BYTES)
    if answer.status != 200:
        raise client.failure(answer, path)
    return _read_rows(client, answer, path, key)


def _read_rows(client: Client, answer: Answer, path: str, key: str) -> tuple[list[Any], dict[str, Any]]:
    rest: dict[str, Any] = {}
    where = f"{client.base_url}{path}"
    return list(answer.rows(where, key, is_bare=False, max_values=MAX_KEPT, rest=rest)), rest


def _change(
    client: Client,
    method: str,
    path: str,
    *,
    params: Mapping[str, str] | None = None,
    form: Mapping[str, str] | None = None,
    files: Sequence[Upload] | None = None,
    json: Any = None,
) -> Any:
    """Send a change, once, and return the answer's JSON."""
    key = client.auth.key
    answer = client.send(method, path, params=params, form=form, files=files, json=json)
    if answer.status in {200, 201}:
        return answer.json(f"{client.base_url}{path}")
    failure = _explained(_refusal(client, answer, method, path))
    if failure.code == "auth_failed" and failure.status == 401:
        with client.deadline.paused(), suppress(Failure):
            client.auth.renewed(key)  # for the next one
    raise failure


def _refusal(client: Client, answer: Answer, method: str, path: str) -> Failure:
    failure = client.failure(answer, path)
    # 403 for one endpoint, 401 for the other, and both mean the same.
    if isinstance(failure, AuthFailure) and "only proxy admin" in (failure.words or "").lower():
        adds = method == "PUT" or path == HUB_PATH
        other = ", or put the skill's folder into the Skills API: litellmctl skills create DIR" if adds else ""
        return AuthFailure(
            "forbidden",
            f"only administrators of {client.base_url} may change its Skill Hub",
            remedy=f"ask one of them{other}",
            status=failure.status,
            words=failure.words,
        )
    return failure


def _explaining(work: Callable[[], T]) -> T:
    try:
        return work()
    except Failure as failure:
        raise _explained(failure) from None


def _explained(failure: Failure) -> Failure:
    """Return the failure that a status of 500 stands for; LiteLLM has no other for what is not there."""
    said = failure.words or ""
    if failure.status == 500 and "skill not found" in said.lower():
        reason = said[said.lower().index("skill not found") :]  # LiteLLM's own errors stand before it
        return Rejected("not_found", reason, remedy="litellmctl skills list", status=500, words=said)
    if failure.status == 500 and any(text in said.lower() for text in _WITHOUT_DATABASE):
        return Unavailable(
            "server_error",
            "the proxy has no database, and keeps skills in one",
            remedy="ask the proxy's administrator to connect one",
            status=500,
            words=said,
            may_have_acted=False,
        )
    return failure


def _object(client: Client, path: str, answer: Any) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise not_litellm(f"{client.base_url}{path}", b"{}")
    return answer


def _segment(text: str) -> str:
    """Return a name or id as one segment of a path. Dots alone would name another path."""
    if not text.strip("."):
        raise Rejected("not_found", f'no skill "{text}"', remedy="litellmctl skills list")
    return quote(text.encode("utf-8", "replace"), safe="")
