"""The skills of both stores, in one shape."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from litellmctl.errors import Failure, Rejected, UsageFailure, suggestion
from litellmctl.foundation.sentences import listed
from litellmctl.foundation.times import optional_timestamp, parse_time

HUB, API = "hub", "api"
STORES = (HUB, API)
STORE_NAMES = {HUB: "the Skill Hub", API: "the Skills API"}


class Skill(NamedTuple):
    """A skill. `enabled` is always true in the Skills API; `more` has the fields that only one store has.

    `raw` is the whole entry, as the store sent it.
    """

    name: str | None
    id: str
    store: str
    enabled: bool
    version: str | None
    description: str | None
    source: Any
    updated_at: str | None
    more: dict[str, Any]
    raw: dict[str, Any] = {}  # noqa: RUF012  # never changed

    @property
    def row(self) -> dict[str, Any]:
        """The fields that every skill has."""
        row = self._asdict()
        del row["more"], row["raw"]
        return row

    @property
    def label(self) -> str:
        """The name for people."""
        return self.name or self.id


class Listed(NamedTuple):
    """The skills of the stores that responded, sorted; the failures of the others; and notes to print."""

    skills: list[Skill]
    problems: dict[str, Failure]
    notes: list[str]


def read_hub(row: Any) -> Skill | None:
    """Return an entry of the hub; None if it has no name, which its endpoint needs."""
    if not isinstance(row, dict) or not _text(row, "name"):
        return None
    name = row["name"]
    return Skill(
        name,
        _text(row, "id") or name,
        HUB,
        row.get("enabled") is not False,
        _text(row, "version"),
        _text(row, "description"),
        row.get("source") or None,
        _time(row, "updated_at"),
        {
            "author": row.get("author"),
            "homepage": _text(row, "homepage"),
            "keywords": row.get("keywords"),
            "category": _text(row, "category"),
            "domain": _text(row, "domain"),
            "namespace": _text(row, "namespace"),
            "created_at": _time(row, "created_at"),
            "created_by": _text(row, "created_by"),
        },
        row,
    )


def read_api(row: Any) -> Skill | None:
    """Return an entry of the Skills API; None if it has no id."""
    if not isinstance(row, dict) or not _text(row, "id"):
        return None
    more = {"created_at": _time(row, "created_at")}
    return Skill(
        _text(row, "display_title"),
        row["id"],
        API,
        True,
        _text(row, "latest_version"),
        _text(row, "description"),
        row.get("source") or None,
        _time(row, "updated_at"),
        more,
        row,
    )


def ordered(skills: Iterable[Skill]) -> list[Skill]:
    """Return skills sorted by name."""
    return sorted(skills, key=lambda skill: (skill.label.casefold(), skill.label, skill.store, skill.id))


def matching(skill: Skill, text: str) -> bool:
    """Whether name, description or keywords contain the text, in upper or lower case."""
    keywords = skill.more.get("keywords")
    words = [skill.name, skill.description, *(keywords if isinstance(keywords, list) else [])]
    return any(text.casefold() in word.casefold() for word in words if isinstance(word, str))


def find(skills: Sequence[Skill], text: str) -> Skill:
    """Return the skill with this id, or with this name if only one has it.

    An ambiguous name is exit 2, with the ids; an unknown name is exit 5.
    """
    matches = [skill for skill in skills if text == skill.id] or [skill for skill in skills if text == skill.name]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise several(matches, text)
    known = [name for skill in skills for name in (skill.name, skill.id) if name]
    message = f'no skill "{text}"{suggestion(text, known)}'
    raise Rejected("not_found", message, remedy="litellmctl skills list --all")


def several(matches: Sequence[Skill], text: str) -> Failure:
    """Return the failure for a name that several skills have."""
    ids = listed([f"{skill.id} ({skill.store})" for skill in ordered(matches)])
    return UsageFailure(f'{len(matches):,} skills are named "{text}": {ids}', remedy="use the ID")


def _text(row: dict[str, Any], name: str) -> str | None:
    value = row.get(name)
    return value if isinstance(value, str) and value else None


def _time(row: dict[str, Any], name: str) -> str | None:
    """Return a moment as RFC 3339 in UTC, to the second."""
    return optional_timestamp(parse_time(row.get(name)))
