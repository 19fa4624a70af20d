"""A proxy's two stores of skills: the Skill Hub (/claude-code/plugins) and the Skills API (/v1/skills).

Shapes: tests/contract/shapes/plugin*.json and skills_*.json. A request that changes a store is sent exactly once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from litellmctl.errors import AuthFailure, Failure, Rejected, Unavailable
from litellmctl.foundation.times import parse_time
from litellmctl.proxy.answer import not_litellm
from litellmctl.proxy.json_stream import MAX_KEPT

if TYPE_CHECKING:
    from litellmctl.proxy.answer import Answer
    from litellmctl.proxy.client import Client, Upload

T = TypeVar("T")

HUB_PATH = "/claude-code/plugins"
API_PATH = "/v1/skills"

# Without this parameter the proxy asks Anthropic.
_OWN = {"custom_llm_provider": "litellm_proxy"}
# A description may have 1 MiB.
_LIST_BYTES = 64 * 2**20
# LiteLLM 1.106 has no second page, only larger first ones; `has_more` means that the page is full.
_PAGE_SIZES = (1000, 10_000, 100_000)
_MAX_PAGES = 1000
_MAX_SKILLS = 50_000
_MAX_FOUND = 20
_NO_ROUTE = frozenset({"not found", "method not allowed"})
# Fields of a hub entry that the proxy manages itself (LiteLLM 1.110); all others may be sent back.
_BOOKKEEPING = frozenset(
    {"id", "name", "enabled", "created_at", "created_by", "updated_at"}
    | {"approved_by", "published_by", "security_scan_passed", "download_count"}
)
_MAX_VERSION = 100
_WITHOUT_DATABASE = ("db not connected", "database connection required", "prisma client is not initialized")


def hub_rows(client: Client) -> list[Any]:
    """Return the hub's entries: all for an administrator, the enabled and granted ones for others."""
    found, _ = _explaining(client, HUB_PATH, lambda: _rows(client, HUB_PATH, {}, "plugins"))
    return found


def api_rows(client: Client) -> tuple[list[Any], bool]:
    """Return the Skills API's entries that this key may see, from all pages, and whether these are all."""
    found: dict[str, Any] = {}
    sizes = iter(_PAGE_SIZES)
    size, page = next(sizes), ""
    pages = {""}
    for _ in range(_MAX_PAGES):
        query = {**_OWN, "limit": str(size), **({"page": page} if page else {})}
        entries, answer = _explaining(client, API_PATH, lambda: _rows(client, API_PATH, query, "data"))  # noqa: B023
        for place, row in enumerate(entries):
            has_id = isinstance(row, dict) and isinstance(row.get("id"), str)
            # An entry without an id is kept by its place, so that it is counted once.
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
    """Return the Skills API's entries nearest in meaning, best first; None if this proxy cannot search."""
    answer = client.get(API_PATH, {**_OWN, "query": text, "top_k": str(_MAX_FOUND)}, cap=_LIST_BYTES)
    if answer.status != 200:
        failure = client.failure(answer, API_PATH)
        if answer.status in {400, 422}:
            return None  # "not configured"
        raise _explained(failure, client.base_url, API_PATH)
    found, _ = _read_rows(client, answer, API_PATH, "data")
    # An older proxy ignores `query`, and lists everything.
    scored = [row for row in found if isinstance(row, dict) and row.get("search_score") is not None]
    return scored if scored or not found else None


def hub_entry(client: Client, name: str) -> dict[str, Any]:
    """Return one entry of the hub."""
    path = f"{HUB_PATH}/{_segment(name)}"
    return _object(client, path, _get(client, path))


def api_entry(client: Client, skill_id: str) -> dict[str, Any]:
    """Return one entry of the Skills API."""
    path = f"{API_PATH}/{_segment(skill_id)}"
    return _object(client, path, _get(client, path, _OWN))


def changing(client: Client, seconds: float, work: Callable[[Client], T]) -> T:
    """Return the result of a change, limited to `seconds`. A failure says whether the change may have been made."""
    try:
        return client.call_once(seconds, work)
    except Unavailable as failure:
        if not failure.may_have_acted:
            raise
        raise failure.changed(remedy="litellmctl skills list --all") from None


def register(client: Client, entry: Mapping[str, Any]) -> None:
    """Add an entry to the hub, which enables it."""
    try:
        _change(client, "POST", HUB_PATH, json=entry)
    except Failure as failure:
        if failure.status == 409:  # another client was faster
            raise failure.changed(remedy="pass --replace, or choose another name") from None
        raise


def kept(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of an entry to send back so that they are kept, also those that we do not know."""
    return {name: value for name, value in entry.items() if name not in _BOOKKEEPING and value is not None}


def is_other(read: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether an entry was changed since it was read, by the fields that both endpoints have."""
    same = ("id", "updated_at", "version", "description", "enabled")
    return any(read.get(name) != now.get(name) for name in same if name in read and name in now)


def replace(client: Client, name: str, entry: Mapping[str, Any], version: str | None, updated_at: Any) -> None:
    """Replace a whole entry of the hub: fields that `entry` lacks are lost. Raises `Rejected` if it was changed.

    `version` is that of the old entry, which is kept if the release allows it: since LiteLLM 1.110 a version must rise,
    and without one the proxy raises it, if it is a semantic version. `updated_at` is the proxy's own text for the last
    change, by which 1.110 refuses a lost update; earlier releases ignore it.
    """
    if isinstance(updated_at, str) and parse_time(updated_at) is not None:
        entry = {**entry, "expected_updated_at": updated_at}
    given = entry.get("version")
    # A refused request had no effect, so another one may be sent.
    versions = [given] if given else list(dict.fromkeys((version, None, _next(version))))
    for one in versions:
        body = {**{key: value for key, value in entry.items() if key != "version"}, **({"version": one} if one else {})}
        _require_json(client, name, body)
        try:
            _put(client, name, body)
        except Failure as failure:
            is_refused_version = failure.status in {400, 409} and "version" in (failure.words or "").lower()
            if not is_refused_version:
                raise
            if one == versions[-1]:
                raise failure.changed(remedy="pass a higher --version than litellmctl skills show prints") from None
        else:
            return


def _require_json(client: Client, name: str, body: Mapping[str, Any]) -> None:
    """Refuse an entry that the proxy would not accept back: with NaN, or nested too deeply."""
    try:
        json.dumps(body, allow_nan=False)
    except (ValueError, RecursionError):
        raise Unavailable(
            "bad_response",
            f'cannot replace the skill "{name}": {client.base_url} returned invalid JSON for it',
            remedy=f"litellmctl skills show {name} --json",
        ) from None


def _put(client: Client, name: str, body: Mapping[str, Any]) -> None:
    path = f"{HUB_PATH}/{_segment(name)}"
    try:
        _change(client, "PUT", path, json=body)
    except Failure as failure:
        if failure.status == 405 and is_missing(failure):
            # LiteLLM 1.81 has no PUT; its POST replaces.
            _change(client, "POST", HUB_PATH, json={"name": name, **body})
        elif failure.status == 409 and "changed" in (failure.words or "").lower():
            raise changed_meanwhile(name).changed(status=409, words=failure.words) from None
        elif failure.status == 400 and "installation_preference" in (failure.words or ""):
            remedy = "pass --source archive:URL with --sha256, which its installation preference needs"
            raise failure.changed(remedy=remedy) from None
        else:
            raise


def changed_meanwhile(name: str) -> Rejected:
    """Return the failure for an entry that was changed since it was read."""
    return Rejected(
        "rejected",
        f'cannot replace the skill "{name}": it was changed in the Skill Hub meanwhile',
        remedy=f"litellmctl skills show {name}",
    )


def _next(version: str | None) -> str | None:
    """Return the next version of a semantic version; None if it is not one."""
    if version is None:
        return "1.0.0"
    numbers = (
        re.fullmatch(r"[vV]?([0-9]+)(?:\.([0-9]+))?(?:\.([0-9]+))?", version) if len(version) <= _MAX_VERSION else None
    )
    return None if numbers is None else f"{int(numbers[1])}.{int(numbers[2] or 0)}.{int(numbers[3] or 0) + 1}"


def switch(client: Client, name: str, *, enabled: bool) -> None:
    """Enable or disable an entry of the hub."""
    _change(client, "POST", f"{HUB_PATH}/{_segment(name)}/{'enable' if enabled else 'disable'}")


def upload(client: Client, form: Mapping[str, str], file: Upload) -> str:
    """Add a skill to the Skills API, and return its id. As multipart, since the API ignores JSON."""
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
    return _explaining(client, path, lambda: client.get_json(path, params))


def _rows(client: Client, path: str, params: Mapping[str, str], key: str) -> tuple[list[Any], dict[str, Any]]:
    """GET a list; return its entries under `key`, and the other fields of its object."""
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
    """Send a change, exactly once, and return the JSON of the answer."""
    key = client.auth.key
    answer = client.send(method, path, params=params, form=form, files=files, json=json)
    if answer.status in {200, 201}:
        return answer.json(f"{client.base_url}{path}")
    failure = _explained(_refusal(client, answer, method, path), client.base_url, path)
    if failure.code == "auth_failed" and failure.status == 401:
        with client.deadline.paused(), suppress(Failure):
            client.auth.renewed(key)  # for the next request
    raise failure


def _refusal(client: Client, answer: Answer, method: str, path: str) -> Failure:
    failure = client.failure(answer, path)
    # 403 at one endpoint, 401 at the other, with the same meaning.
    if isinstance(failure, AuthFailure) and "only proxy admin" in (failure.words or "").lower():
        adds = method == "PUT" or path == HUB_PATH
        other = ", or upload the folder of the skill: litellmctl skills create DIR" if adds else ""
        return AuthFailure(
            "forbidden",
            f"only administrators of {client.base_url} can change its Skill Hub",
            remedy=f"ask an administrator{other}",
            status=failure.status,
            words=failure.words,
        )
    return failure


def _explaining(client: Client, path: str, work: Callable[[], T]) -> T:
    try:
        return work()
    except Failure as failure:
        raise _explained(failure, client.base_url, path) from None


def is_missing(failure: Failure) -> bool:
    """Whether the proxy lacks the store: 404 in the words of FastAPI, not of LiteLLM."""
    return failure.status in {404, 405} and (failure.words or "").strip().lower() in _NO_ROUTE


def _explained(failure: Failure, base_url: str, path: str) -> Failure:
    """Return a failure with its meaning: no such store, no such skill, or a proxy without a database."""
    said = failure.words or ""
    if failure.status == 404 and is_missing(failure):
        store, release = ("Skill Hub", "1.81") if path.startswith(HUB_PATH) else ("Skills API", "1.80")
        return failure.changed(
            message=f"{base_url} has no {store} (LiteLLM {release} or newer has one)",
            remedy="ask the proxy's administrator to upgrade LiteLLM",
        )
    if failure.status == 404 and (missing := re.fullmatch(r"Plugin '(.*)' not found", said, re.DOTALL)):
        return Rejected(
            "not_found",
            f'no skill "{missing[1]}" in the Skill Hub of {base_url}',
            remedy="litellmctl skills list --all",
            status=404,
            words=said,
        )
    if failure.status == 500 and "skill not found" in said.lower():
        reason = said[said.lower().index("skill not found") :]  # without LiteLLM's own prefix
        return Rejected("not_found", reason, remedy="litellmctl skills list", status=500, words=said)
    if failure.status == 500 and any(text in said.lower() for text in _WITHOUT_DATABASE):
        return Unavailable(
            "server_error",
            "the proxy has no database, which skills need",
            remedy="ask the proxy's administrator to connect a database",
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
    """Return a name or id as one segment of a path. Raises `Rejected` for dots alone, which mean another path."""
    if not text.strip("."):
        raise Rejected("not_found", f'no skill "{text}"', remedy="litellmctl skills list")
    return quote(text.encode("utf-8", "replace"), safe="")
