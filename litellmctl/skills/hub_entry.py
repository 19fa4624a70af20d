"""Entries of the hub: the source of a skill, and its description."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from litellmctl.errors import UsageFailure
from litellmctl.foundation.text import dump_json
from litellmctl.skills.folder import slug
from litellmctl.skills.manifest import checked_text

NAME = r"[a-z0-9][a-z0-9-]*"
_REPOSITORY = r"(?![.-])[A-Za-z0-9_.-]+/(?!-|\.{1,2}(?:@|$))[A-Za-z0-9_.-]+"
_REF = r"[A-Za-z0-9_][A-Za-z0-9_./+-]*"
# The paths that the hub accepts: no "..", no leading slash, nothing encoded.
_PATH = r"[a-zA-Z0-9][a-zA-Z0-9._-]*(/[a-zA-Z0-9][a-zA-Z0-9._-]*)*"
_HOMEPAGE = r"https?://[^\s]+"
_PERSON = r"([^<>]+)(?:<([^<>\s]+@[^<>\s]+)>)?"
_SHA256 = r"[0-9a-fA-F]{64}"
_SSH = r"[A-Za-z0-9_][A-Za-z0-9_.-]*@[A-Za-z0-9][A-Za-z0-9.-]*:[!-9;-~]+"
_MAX_ENCODED = 5
_FORMS = "github:OWNER/REPO[@REF], a git URL, git+URL#PATH, or archive:URL"


def read_source(text: str, sha256: str | None, *, insecure: bool = False) -> dict[str, str]:
    """Return the hub's object for a source (shapes: tests/contract/shapes/plugins_post.*.json).

    `insecure` allows plain HTTP.
    """
    if sha256 is not None and not text.startswith("archive:"):
        raise UsageFailure("--sha256 needs an archive", remedy="remove --sha256, or pass --source archive:URL")
    if sha256 is not None and not re.fullmatch(_SHA256, sha256):
        raise UsageFailure("--sha256 is not 64 hexadecimal digits", remedy="sha256sum FILE.zip")
    kind, _, rest = text.partition(":")
    if kind == "github":
        return _github(rest)
    if kind == "archive":
        source = {"source": "archive", "url": _checked_url(rest, "archive:URL", insecure=False, ssh=False)}
        return source if sha256 is None else {**source, "sha256": sha256.lower()}
    if text.startswith("git+"):
        url, mark, path = text[4:].partition("#")
        if not mark or not re.fullmatch(_PATH, path):
            raise UsageFailure(
                f'--source {text}: "#" must be followed by a path in the repository',
                remedy="write it as --source git+https://git.example.com/team/skills.git#skills/review",
            )
        return {"source": "git-subdir", "url": _checked_url(url, "git+URL#PATH", insecure=insecure), "path": path}
    if "://" in text or re.fullmatch(_SSH, text):
        return {"source": "url", "url": _checked_url(text, "URL", insecure=insecure)}
    meant = f' Did you mean "github:{text}"?' if re.fullmatch(rf"{_REPOSITORY}(?:@{_REF})?", text) else ""
    raise UsageFailure(f"--source {text} is not a valid source.{meant}".removesuffix("."), remedy=f"use {_FORMS}")


def make_entry(
    name: str, source: str, sha256: str | None, facts: Mapping[str, Any], *, insecure: bool = False
) -> dict[str, Any]:
    """Return the checked entry to register: the source, and the facts that were given.

    `facts` are the texts version, description, category, homepage and author (`NAME <EMAIL>`), and a list of keywords.
    """
    if not re.fullmatch(NAME, name):
        raise UsageFailure(
            f'"{name}" is not a valid name in the hub (use a-z, 0-9 and -)',
            remedy=f"litellmctl skills create {slug(name)} --source {source}",
        )
    entry: dict[str, Any] = {"source": read_source(source, sha256, insecure=insecure)}
    for fact in ("version", "description", "category", "homepage"):
        if facts.get(fact):
            entry[fact] = checked_text(facts[fact], f"--{fact}")
    if not re.fullmatch(_HOMEPAGE, entry.get("homepage", "https://-")):
        raise UsageFailure("--homepage is not a URL", remedy="start it with https://")
    if facts.get("author"):
        person = re.fullmatch(_PERSON, checked_text(facts["author"], "--author").strip())
        if person is None or not person[1].strip():
            raise UsageFailure("--author is not NAME or NAME <EMAIL>", remedy="write it as 'Ada <ada@example.com>'")
        entry["author"] = {"name": person[1].strip(), **({"email": person[2]} if person[2] else {})}
    if facts.get("keywords"):
        entry["keywords"] = [checked_text(word, "--keyword") for word in facts["keywords"]]
    return entry


def source_text(source: Any) -> str:
    """Return a source as `--source` takes it, else as JSON; "" if there is none."""
    if not isinstance(source, dict):
        return source if isinstance(source, str) else "" if source is None else dump_json(source)
    kind = source.get("source")
    url = source.get("url")
    if kind == "github" and isinstance(source.get("repo"), str):
        ref = source.get("ref")
        return f"github:{source['repo']}{f'@{ref}' if isinstance(ref, str) else ''}"
    if isinstance(url, str):
        if kind == "git-subdir":
            return f"git+{url}#{source.get('path') or ''}"
        if kind in ("url", "archive"):  # not a set: a proxy may send what has no hash
            return url if kind == "url" else f"archive:{url}"
    return dump_json(source)


def _github(text: str) -> dict[str, str]:
    repository, mark, ref = text.partition("@")
    if not re.fullmatch(_REPOSITORY, repository) or (mark and not re.fullmatch(_REF, ref)) or ".." in ref:
        raise UsageFailure(
            f"--source github:{text} is not OWNER/REPO[@REF]", remedy="write it as --source github:acme/skills@v1"
        )
    return {"source": "github", "repo": repository, **({"ref": ref} if ref else {})}


def _checked_url(url: str, form: str, *, insecure: bool, ssh: bool = True) -> str:
    """Return a URL without secrets: everybody can read the marketplace, without a key."""
    if ssh and re.fullmatch(_SSH, url):
        _refuse_options(url.replace(":", "/", 1), form)
        return url
    scheme, _, rest = url.partition("://")
    user, mark, _ = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")
    if mark and (scheme.lower() != "ssh" or ":" in user):  # first, so that no other error repeats it
        raise UsageFailure(
            f"--source {form}: the URL contains a user or password, and everybody can read the hub's marketplace",
            remedy="remove it from the URL, and use a git credential helper",
        )
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port
    except ValueError:
        host = None
        parts = urlsplit("")
    schemes = {"https", *(["ssh"] if ssh else []), *(["http"] if insecure else [])}
    if parts.scheme == "http" and not insecure and host:
        more = " or --allow-insecure-http" if ssh else ""
        raise UsageFailure(f"--source {form}: agents would fetch {url} over plain HTTP", remedy=f"use https://{more}")
    if parts.scheme not in schemes or not host or not url.isascii() or not url.isprintable() or " " in url:
        raise UsageFailure(
            f"--source {form}: {dump_json(url)} is not a valid URL ({' or '.join(sorted(schemes))})",
            remedy=f"use {_FORMS}",
        )
    _refuse_options(f"{parts.netloc}/{parts.path}", form)
    return url


def _refuse_options(place: str, form: str) -> None:
    """Refuse `USER@HOST:PORT/PATH` if git or ssh would read a part of it as an option.

    ssh reads a user or a host that starts with "-" as one, and the program that git runs there a path. They may also be
    percent-encoded, once or more.
    """
    for _ in range(_MAX_ENCODED):
        host, _, path = place.partition("/")
        if any(part.startswith("-") for part in (*re.split("[@:]", host), path.lstrip("/"))):
            raise UsageFailure(
                f'--source {form}: ssh or git would read a user, host or path that starts with "-" as an option',
                remedy=f"use {_FORMS}",
            )
        before, place = place, unquote(place)
        if before == place:
            return
    raise UsageFailure(f"--source {form}: the URL is percent-encoded too many times", remedy=f"use {_FORMS}")
