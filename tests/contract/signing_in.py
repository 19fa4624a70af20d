"""Signing in with a key, or with a JWT: what a proxy answers to it, and what it leaves behind."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

from tests.conftest import Result, Run
from tests.fake_proxy import FakeProxy, row

KEY = "sk-first-0123456789abcdef"


SECOND = "sk-second-fedcba9876543210"


MADE = "sk-made-00112233445566778899"


DAY = 86400


HOUR = 3600


SSO = "/.well-known/litellm-ui-config"


USER = {
    "user_id": "u-1",
    "user_info": {"user_email": "ada@example.com", "user_role": "internal_user", "spend": 1.5},
    "teams": [{"team_id": "t-0", "team_alias": "Others"}, {"team_id": "t-1", "team_alias": "Analysts"}],
}


def signed_out(env: dict[str, str]) -> None:
    """Make this the environment of somebody who has never signed in, and has neither keyring nor browser here."""
    for name in ("LITELLM_BASE_URL", "LITELLM_API_KEY", "BROWSER"):
        env.pop(name, None)
    env.update({"LITELLMCTL_KEYRING": "off", "SSH_CONNECTION": "192.0.2.1 50000 192.0.2.2 22"})


def accept(fake: FakeProxy, *models: str, info: Any = None, user: Any = None) -> FakeProxy:
    """Answer, as often as asked, what a login asks once the key is good."""
    names = models or ("gpt",)
    fake.on("/v1/models", {"object": "list", "data": [{"id": name} for name in names]}, times=None)
    tell(fake, info=info, user=user)
    return fake.models(*(row(name) for name in names), times=None)


def tell(fake: FakeProxy, *, info: Any = None, user: Any = None) -> FakeProxy:
    """Answer, as often as asked, whose key it is."""
    fake.on("/key/info", {"key": "<hash>", "info": {} if info is None else info}, times=None)
    return fake.on("/user/info", {} if user is None else user, times=None)


def sign_in(run: Run, fake: FakeProxy, *arguments: str, key: str = KEY, **options: Any) -> Result:
    """Sign in with a key on stdin."""
    return run("login", "--with-token", "--base-url", fake.url, *arguments, stdin=f"{key}\n", **options)


def login_of(home: Path, profile: str = "default") -> dict[str, Any]:
    """Return what logins.json says of a profile."""
    login: dict[str, Any] = json.loads((home / "config/logins.json").read_text())["logins"][profile]
    return login


def secrets_in(home: Path) -> dict[str, Any]:
    """Return what secrets.json holds."""
    path = home / "config/secrets.json"
    secrets: dict[str, Any] = json.loads(path.read_text())["secrets"] if path.exists() else {}
    return secrets


def secret_of(home: Path, profile: str = "default") -> dict[str, Any]:
    """Return the secret of a profile's login."""
    secret: dict[str, Any] = secrets_in(home)[login_of(home, profile)["id"]]
    return secret


def kept(home: Path) -> dict[str, bytes]:
    """Return the bytes of the files that hold the logins."""
    return {path.name: path.read_bytes() for path in (home / "config").glob("*.json")}


def files_with(home: Path, text: str) -> set[str]:
    """Return the names of the files in which this text stands."""
    return {path.name for path in home.rglob("*") if path.is_file() and text.encode() in path.read_bytes()}


def unfolded(result: Result) -> str:
    """Return what stderr says, without colours and line breaks, which depend on the width of the terminal."""
    return " ".join(re.sub(r"\x1b\[[0-9;]*m", "", result.stderr).split())


def at(seconds: float) -> str:
    """Return a time as LiteLLM writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(seconds))


def make_key(fake: FakeProxy, *, works: bool = True, **answered: Any) -> FakeProxy:
    """Answer a sign-in with a JWT that makes a virtual key."""
    fake.on("/v1/models", {"data": [{"id": "gpt"}]}).on("/key/generate", method="POST", **answered)
    tell(fake.models(row("gpt"), times=None))
    return fake.on("/v1/models", {"data": [{"id": "gpt"}]}) if works else fake


def posted(fake: FakeProxy) -> list[tuple[str, str, Any]]:
    """Return path, key and body of what was posted."""
    return [
        (request.path, request.headers["Authorization"], request.json)
        for request in fake.requests
        if request.method == "POST"
    ]


def expire(home: Path) -> None:
    """Let all logins have ended a minute ago."""
    for name, table in (("logins.json", "logins"), ("secrets.json", "secrets")):
        path = home / "config" / name
        content = json.loads(path.read_text())
        for entry in content[table].values():
            entry["expires_at"] = time.time() - 60
        path.write_text(json.dumps(content))


def revokes(proxy: FakeProxy, **answer: Any) -> FakeProxy:
    """Take a refresh token back (RFC 7009), or fail to, as `answer` says."""
    return proxy.on("/revoke", method="POST", **{"body": {}, **answer})


def stored(home: Path) -> dict[str, Any]:
    """Return the only login, and its secret, the only one too, under `secret`."""
    logins = json.loads((home / "config" / "logins.json").read_text())
    assert logins["discarded"] == []
    (login,) = logins["logins"].values()
    secrets = secrets_in(home)
    assert list(secrets) == [login["id"]]
    return {**login, "secret": secrets[login["id"]]}


def assert_no_login(home: Path, *secrets: str) -> None:
    """Assert that nobody is signed in, and that none of the secrets is anywhere."""
    assert not (home / "config" / "secrets.json").exists()
    if (home / "config" / "logins.json").exists():
        assert json.loads((home / "config" / "logins.json").read_text())["logins"] == {}
    assert [secret for secret in secrets if files_with(home, secret)] == []
