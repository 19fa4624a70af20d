from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import requests

from litellmctl.auth.adc import LOGIN, GoogleCredential, UnusableADC, read
from litellmctl.errors import AuthFailure, ConfigFailure, Unavailable
from litellmctl.proxy.session import make_session
from litellmctl.proxy.tls import Trust
from tests.unit.conftest import Authority, Reply, Request, Serve, Server

ADC = {"type": "authorized_user", "client_id": "id", "client_secret": "secret", "refresh_token": "refresh"}
HOST = "oauth2.googleapis.com"


@pytest.fixture
def google(serve: Serve, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Return a function that plays Google's token endpoint behind an HTTP proxy, and gives a credential and the server."""

    def play(answer: Callable[[Request], Reply]) -> tuple[GoogleCredential, Server]:
        server = serve(answer, tls=authority.server(HOST), behind_connect=True)
        monkeypatch.setenv("HTTPS_PROXY", server.url)
        trust = Trust(str(authority.file), "the test")

        def session() -> requests.Session:
            session = make_session(f"https://{HOST}", trust, loopback=False)
            sessions.append(session)
            return session

        return GoogleCredential(ADC, "LITELLM_GCLOUD_TOKEN_AUTH (file)", session), server

    sessions: list[requests.Session] = []
    yield play  # type: ignore[misc]
    for session in sessions:
        with closing(session):
            pass


def test_a_file_of_a_user_is_read_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "adc.json").write_text(json.dumps({**ADC, "quota_project_id": "p"}))
    assert read(tmp_path / "adc.json") == {**ADC, "quota_project_id": "p"}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, ": no such file or directory"),
        ("{", " is not valid JSON"),
        ("\udcff", " is not valid JSON"),
        ("[" * 100_000, " is not valid JSON"),
        ("[]", ' has type "None", but only authorized_user is supported'),
        ('"type"', ' has type "None", but only authorized_user is supported'),
        ("{}", ' has type "None", but only authorized_user is supported'),
        ('{"type": "service_account"}', ' has type "service_account", but only authorized_user is supported'),
        (json.dumps({**ADC, "client_id": "", "refresh_token": 7}), " lacks client_id, refresh_token"),
        ('{"type": "authorized_user"}', " lacks client_id, client_secret, refresh_token"),
    ],
)
def test_a_file_that_is_of_no_use_says_why(tmp_path: Path, content: str | None, reason: str) -> None:
    path = tmp_path / "adc.json"
    if content is not None:
        path.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(UnusableADC) as caught:
        read(path)
    assert str(caught.value) == f"{path}{reason}"


def numbered(seconds: int) -> Callable[[Request], Reply]:
    """Answer with another token each time, valid for so many seconds."""
    count = iter(range(1, 100))
    return lambda _: Reply(body={"access_token": f"ya29.{next(count)}", "expires_in": seconds, "token_type": "Bearer"})


def test_the_refresh_token_is_traded_for_an_access_token_which_is_kept(google: Callable[..., Any]) -> None:
    credential, server = google(numbered(3600))
    assert [credential.secret(), credential.secret()] == ["ya29.1", "ya29.1"]
    connect, post = server.requests
    assert (connect.method, connect.path) == ("CONNECT", f"{HOST}:443")
    assert (post.method, post.path) == ("POST", "/token")
    assert {name: value[0] for name, value in parse_qs(post.body.decode()).items()} == {
        "grant_type": "refresh_token",
        "client_id": "id",
        "client_secret": "secret",
        "refresh_token": "refresh",
    }


@pytest.mark.parametrize(("seconds", "kept"), [(200, False), (299, False), (302, True)])
def test_a_token_is_used_until_5_minutes_before_its_expiry(
    google: Callable[..., Any], seconds: int, kept: bool
) -> None:
    credential, _ = google(numbered(seconds))
    assert [credential.secret(), credential.secret()] == ["ya29.1", "ya29.1" if kept else "ya29.2"]


def test_its_expiry_is_known_once_there_is_a_token(google: Callable[..., Any]) -> None:
    credential, _ = google(numbered(3600))
    assert (credential.expires_at, credential.due_at) == (None, None)
    credential.secret()
    assert credential.expires_at == pytest.approx(time.time() + 3600, abs=60)
    assert credential.due_at == credential.expires_at - 300


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="Windows cannot change it for a process")
@pytest.mark.parametrize("zone", ["UTC+8", "UTC-8"])
def test_an_expiry_does_not_depend_on_where_one_lives(
    google: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        for seconds, kept in ((200, False), (3600, True)):
            credential, _ = google(numbered(seconds))
            assert (credential.secret() == credential.secret()) is kept
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()


def test_a_token_of_which_google_does_not_say_when_it_ends_is_used_once(google: Callable[..., Any]) -> None:
    count = iter(range(1, 100))
    credential, _ = google(lambda _: Reply(body={"access_token": f"ya29.{next(count)}"}))
    assert [credential.secret(), credential.secret()] == ["ya29.1", "ya29.2"]


def test_a_token_that_was_refused_is_replaced(google: Callable[..., Any]) -> None:
    credential, _ = google(numbered(3600))
    assert [credential.secret(), credential.renewed(), credential.secret()] == ["ya29.1", "ya29.2", "ya29.2"]


def test_a_login_that_google_refuses_is_an_auth_failure_with_googles_reason(google: Callable[..., Any]) -> None:
    refusal = {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}
    credential, server = google(lambda _: Reply(400, refusal))
    with pytest.raises(AuthFailure) as failure:
        credential.secret()
    assert failure.value.message == (
        "Google refused an access token for LITELLM_GCLOUD_TOKEN_AUTH (file): "
        "invalid_grant: Token has been expired or revoked."
    )
    assert (failure.value.code, failure.value.remedy) == ("auth_failed", LOGIN)
    assert len(server.requests) == 2


def test_google_out_of_reach_is_unavailable(google: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    credential, _ = google(numbered(3600))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    with pytest.raises(Unavailable, match=r"^cannot reach Google for an access token$") as failure:
        credential.secret()
    assert failure.value.code == "unreachable"
    assert "HTTPS_PROXY" in str(failure.value.remedy)


def test_what_google_repeats_of_what_was_sent_is_not_shown(
    google: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ADC, "refresh_token", "1//the-refresh-token")
    said = {"error": "invalid_grant", "error_description": "1//the-\u200brefresh-token has been revoked"}
    credential, _ = google(lambda _: Reply(400, said))
    with pytest.raises(AuthFailure) as caught:
        credential.secret()
    assert "*** has been revoked" in caught.value.message
    assert "refresh-token" not in caught.value.message


def test_a_token_that_cannot_stand_in_a_header_is_refused(google: Callable[..., Any]) -> None:
    credential, _ = google(lambda _: Reply(body={"access_token": "ya29\n", "expires_in": 3600}))
    with pytest.raises(ConfigFailure, match="the access token from Google contains a control character"):
        credential.secret()


def test_the_identity_is_the_account_and_nothing_of_it_is_shown() -> None:
    def never() -> requests.Session:
        raise AssertionError("the identity asks nobody")

    credential = GoogleCredential(ADC, "file", never)
    other = GoogleCredential({**ADC, "refresh_token": "other"}, "file", never)
    assert credential.identity() == GoogleCredential(dict(ADC), "elsewhere", never).identity() != other.identity()
    assert "refresh" not in repr(credential)
    assert "secret" not in repr(credential)
    assert credential.is_silent
