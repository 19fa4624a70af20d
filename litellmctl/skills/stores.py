"""Both stores of a proxy together: listing, finding and changing skills, and caching them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from litellmctl.errors import AuthFailure, Failure, Rejected, Unavailable
from litellmctl.foundation import files
from litellmctl.skills.cache import Known, Part, SkillCache
from litellmctl.skills.skill import API, HUB, STORE_NAMES, STORES, Listed, Skill, find, ordered, read_api, read_hub

if TYPE_CHECKING:
    from litellmctl.proxy.client import Client

T = TypeVar("T")

UPLOAD_SECONDS = 300.0


class Stores:
    """A proxy's stores of skills.

    `connect` makes the client, when a request is needed. `seconds` limits each request, so that a store that hangs does
    not delay the other; `upload_seconds` limits an upload.
    """

    def __init__(
        self,
        connect: Callable[[], Client],
        cache: SkillCache,
        warn: Callable[[str], None],
        seconds: float,
        upload_seconds: float = UPLOAD_SECONDS,
    ) -> None:
        self._connect = connect
        self._cache = cache
        self._warn = warn
        self._seconds = seconds
        self._upload_seconds = upload_seconds

    @cached_property
    def _client(self) -> Client:
        return self._connect()

    def listed(self, stores: Sequence[str] = STORES) -> Listed:
        """Return the skills of these stores. Raises only if none of them responds."""
        answers, problems = self._fetch(stores)
        if not answers:
            raise self._none_answered(problems)
        self._keep({**self._cache.read(), **_parts(answers)})
        notes = []
        for store, (skills, bad, whole) in answers.items():
            if bad:
                noun = "entry" if bad == 1 else "entries"
                notes.append(f"skipped {bad:,} {noun} of {STORE_NAMES[store]} without a name or ID")
            if not whole:
                notes.append(f"{STORE_NAMES[store]} has more skills than the {len(skills):,} that it lists")
        return Listed(ordered(skill for skills, _, _ in answers.values() for skill in skills), problems, notes)

    def searched(self, text: str) -> list[Skill] | None:
        """Return the Skills API's skills nearest in meaning, best first; None if it cannot search."""
        from litellmctl.proxy import skills as protocol

        rows = self._run(lambda client: protocol.search(client, text))
        return None if rows is None else [skill for skill in map(read_api, rows) if skill is not None]

    def read(self, skill: Skill) -> Skill:
        """Return all details of a skill."""
        from litellmctl.proxy import skills as protocol

        if skill.store == API:
            found = read_api(self._run(lambda client: protocol.api_entry(client, skill.id)))
        else:
            found = read_hub(self._run(lambda client: protocol.hub_entry(client, skill.name or "")))
        if found is None or (found.id != skill.id if skill.store == API else found.name != skill.name):
            what = f"{self._client.base_url} returned another entry for the skill {skill.label}"
            raise Unavailable("bad_response", what, remedy="litellmctl doctor")
        # One endpoint of the hub has the creator, the other one domain and namespace.
        return found._replace(more={name: found.more[name] or skill.more.get(name) for name in found.more})

    def upload(self, form: dict[str, str], name: str, archive: bytes) -> Skill:
        """Add a skill to the Skills API, and read it back."""
        from litellmctl.proxy import skills as protocol

        file = ("files[]", (name, archive, "application/zip"))
        with self._changing(API):
            skill_id = self._change(lambda client: protocol.upload(client, form, file), self._upload_seconds)
        skill = self._read_back(_blank(API, skill_id))
        # LiteLLM 1.81 returns no description.
        is_kept = "description" not in skill.raw or (skill.description or "") == form.get("description", "")
        if skill.name != form["display_title"] or not is_kept:
            raise self._not_kept(skill_id)
        return skill

    def register(self, name: str, entry: dict[str, Any], old: Skill | None = None) -> Skill:
        """Add an entry to the hub, or replace the `old` one, and read it back, enabled.

        Fields of the old entry that `entry` lacks are kept. Raises `Rejected` if somebody changed it since it was read.
        """
        from litellmctl.proxy import skills as protocol

        with self._changing(HUB):
            if old is None:
                self._change(lambda client: protocol.register(client, {"name": name, **entry}))
            else:
                now = self._run(lambda client: protocol.hub_entry(client, name))
                if protocol.is_other(old.raw, now):
                    raise protocol.changed_meanwhile(name)
                # Each endpoint has fields that the other lacks.
                before = {**protocol.kept(old.raw), **protocol.kept(now)}
                version, updated_at = before.pop("version", None), now.get("updated_at")
                entry = {**before, **entry}
                had = version if isinstance(version, str) else None
                self._change(lambda client: protocol.replace(client, name, entry, had, updated_at))
            # The endpoint of one entry does not return these two.
            blank = _blank(HUB, name)._replace(more={fact: entry.get(fact) for fact in ("domain", "namespace")})
            skill = self._read_back(blank)
            if not skill.enabled:
                self._change(lambda client: protocol.switch(client, name, enabled=True))
                skill = self._read_back(blank)
        if skill.source != entry["source"] or not skill.enabled:
            raise self._not_kept(name)
        return skill

    def delete(self, skill: Skill) -> None:
        """Delete a skill."""
        from litellmctl.proxy import skills as protocol

        with self._changing(skill.store):
            if skill.store == API:
                self._change(lambda client: protocol.delete_from_api(client, skill.id))
            else:
                self._change(lambda client: protocol.delete_from_hub(client, skill.name or ""))

    def switch(self, skill: Skill, *, enabled: bool) -> None:
        """Enable or disable a skill of the hub."""
        from litellmctl.proxy import skills as protocol

        with self._changing(HUB):
            self._change(lambda client: protocol.switch(client, skill.name or "", enabled=enabled))

    def known(self, *, offline: bool = False) -> dict[str, Part]:
        """Return the part of each store from the last minute; older ones are fetched, unless `offline`.

        If a store fails, its old part is kept for a minute, with the problem. Raises if there is no part at all.
        """
        parts = self._cache.read()
        old = [] if offline else [store for store in STORES if store not in parts or not parts[store].is_fresh]
        if not old:
            return parts
        answers, problems = self._fetch(old)
        parts.update(_parts(answers))
        if problems and not any(part.fetched_at for part in parts.values()):
            raise self._none_answered(problems)
        for store, failure in problems.items():
            last = parts.get(store) or Part([], None, 0)
            parts[store] = last._replace(tried_at=time.time(), problem=failure.message)
        self._keep(parts)
        return parts

    def _fetch(self, stores: Sequence[str]) -> tuple[dict[str, _Answer], dict[str, Failure]]:
        """Ask these stores at the same time; return the answers, and the failures of the others."""
        from litellmctl.foundation.threads import together

        self._connected()
        answers: dict[str, _Answer] = {}
        problems: dict[str, Failure] = {}

        def ask(store: str) -> None:
            try:
                answers[store] = self._run(_READERS[store])
            except Failure as failure:
                problems[store] = failure

        together(*(lambda store=store: ask(store) for store in stores))
        return (
            {store: answers[store] for store in stores if store in answers},
            {store: problems[store] for store in stores if store in problems},
        )

    def _connected(self) -> None:
        """Make the client before threads need it: that may prompt, or fail."""
        _ = self._client

    def _run(self, work: Callable[[Client], T]) -> T:
        return self._client.call(self._seconds, work, silence=self._seconds)

    def _change(self, work: Callable[[Client], T], seconds: float | None = None) -> T:
        from litellmctl.proxy import skills as protocol

        return protocol.changing(self._client, seconds or self._seconds, work)

    def _read_back(self, blank: Skill) -> Skill:
        try:
            return self.read(blank)
        except Failure as failure:
            raise failure.because(
                f"{self._client.base_url} accepted the skill {blank.id}, but it cannot be read back"
            ) from None

    @contextmanager
    def _changing(self, store: str) -> Iterator[None]:
        """Forget the cached part of the store before and after a change: another process may cache it meanwhile."""
        self._connected()
        self._forget(store)
        try:
            yield
        finally:
            self._forget(store)

    def _forget(self, store: str) -> None:
        parts = self._cache.read()
        if parts.pop(store, None) is not None and not self._keep(parts):
            self._cache.drop()

    def _keep(self, parts: dict[str, Part]) -> bool:
        try:
            self._cache.write(parts)
        except OSError as error:
            self._warn(f"cannot cache the skills: {files.sentence(error)}")
        except Failure as failure:
            self._warn(f"cannot cache the skills: {failure.message}")
        else:
            return True
        return False

    def _not_kept(self, name: str) -> Failure:
        return Unavailable(
            "bad_response",
            f"{self._client.base_url} accepted the skill {name}, but did not store what was sent",
            remedy=f"litellmctl skills show {name}",
        )

    def _none_answered(self, problems: dict[str, Failure]) -> Failure:
        """Return one failure for all stores: with their reasons, and the code of the one to fix first."""
        from litellmctl.proxy import skills as protocol

        failures = list(problems.values())
        if set(problems) == set(STORES) and all(map(protocol.is_missing, failures)):
            message = f"{self._client.base_url} does not support skills (LiteLLM 1.80 or newer does)"
            return failures[0].changed(message=message)
        worst = min(failures, key=_rank)
        if len(failures) > 1:
            reasons = {failure.message for failure in failures}
            if len(reasons) > 1:
                reasons = {"; ".join(f"{STORE_NAMES[store]}: {failure.message}" for store, failure in problems.items())}
            return worst.changed(message=f"cannot list the skills of {self._client.base_url}: {reasons.pop()}")
        return worst


def _rank(failure: Failure) -> tuple[bool, bool, bool]:
    return failure.status != 401, not isinstance(failure, AuthFailure), not isinstance(failure, Unavailable)


def chosen(listed: Listed, text: str) -> Skill:
    """Return the skill with this name or id. If it is not found, a failure of the other store explains why."""
    try:
        return find(listed.skills, text)
    except Rejected:
        for store, failure in listed.problems.items():
            raise failure.because(
                f'no skill "{text}" in the other store, and cannot list {STORE_NAMES[store]}'
            ) from None
        raise


# Skills, the number of entries that were skipped, and whether these are all.
_Answer = tuple[list[Skill], int, bool]


def _hub(client: Client) -> _Answer:
    from litellmctl.proxy import skills as protocol

    skills = [read_hub(row) for row in protocol.hub_rows(client)]
    return [skill for skill in skills if skill is not None], skills.count(None), True


def _api(client: Client) -> _Answer:
    from litellmctl.proxy import skills as protocol

    rows, whole = protocol.api_rows(client)
    skills = [read_api(row) for row in rows]
    return [skill for skill in skills if skill is not None], skills.count(None), whole


_READERS: dict[str, Callable[[Client], _Answer]] = {HUB: _hub, API: _api}


def _blank(store: str, name: str) -> Skill:
    return Skill(name if store == HUB else None, name, store, True, None, None, None, None, {})


def _parts(answers: dict[str, _Answer]) -> dict[str, Part]:
    now = time.time()
    return {
        store: Part([Known(one.store, one.id, one.name, one.enabled, one.description) for one in skills], now, now)
        for store, (skills, _, _) in answers.items()
    }
