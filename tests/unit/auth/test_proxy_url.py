"""Base URLs as people type them, or copy them from a browser."""

from __future__ import annotations

import pytest

from litellmctl.auth.proxy_url import typed_base_url
from litellmctl.errors import UsageFailure


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("https://llm.example.com", "https://llm.example.com"),
        ("  llm.example.com/v1/ \n", "https://llm.example.com"),
        ("LLM.Example.com:8443", "https://llm.example.com:8443"),
        ("localhost:4000", "http://localhost:4000"),
        ("127.0.0.1:4000/ui", "http://127.0.0.1:4000"),
        ("[::1]:4000/ui/", "http://[::1]:4000"),
        ("https://llm.example.com/ui", "https://llm.example.com"),
        ("https://llm.example.com/ui/login", "https://llm.example.com"),
        ("https://llm.example.com/ui/?page=api-keys", "https://llm.example.com"),
        ("https://llm.example.com/ui?userID=a&token=eyJhbGciOi", "https://llm.example.com"),
        ("https://llm.example.com/ui#models", "https://llm.example.com"),
        ("https://llm.example.com/#/Key%20management/generate_key_fn", "https://llm.example.com"),
        ("https://llm.example.com/sso/key/generate?source=cli", "https://llm.example.com"),
        ("https://llm.example.com/fallback/login", "https://llm.example.com"),
        ("https://example.com/llm/ui/login", "https://example.com/llm"),
        ("https://example.com/gui", "https://example.com/gui"),
        ("https://example.com/uis", "https://example.com/uis"),
        ("https://ui", "https://ui"),
        ("https://ui/ui", "https://ui"),
        ("https://sk-prod", "https://sk-prod"),
        ("sk-prod.example.com", "https://sk-prod.example.com"),
    ],
)
def test_what_a_person_means(typed: str, meant: str) -> None:
    assert typed_base_url(typed) == meant


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", "the URL is empty"),
        ("file:///etc/passwd", "not an http or https URL"),
        ("file:/etc/passwd", "not an http or https URL"),
        ("javascript:alert(1)", "not an http or https URL"),
        ("ftp://llm.example.com/ui", "not an http or https URL"),
        ("https://user:hunter2@llm.example.com/ui/login", "user name or password"),
        ("user:hunter2@llm.example.com", "user name or password"),
        ("https://llm.example.com/\x1b[31m", "control character"),
        ("https://llm.example.com/?x=1", "query"),
        ("https://" + "a" * 10_000, "more than 2,000 characters"),
        ("https://llm.example.com/ui/" + "a" * 10_000, "more than 2,000 characters"),
        ("sk-hunter2", "looks like an API key"),
        (" sk-hunter2_Xy\n", "looks like an API key"),
        ("eyJhbGciOi.hunter2.sig", "looks like an API key"),
    ],
)
def test_what_is_refused_is_not_repeated_where_it_may_be_secret(typed: str, words: str) -> None:
    with pytest.raises(UsageFailure, match=words) as failure:
        typed_base_url(typed)
    assert "hunter2" not in f"{failure.value.message} {failure.value.remedy}"
    assert len(failure.value.message) < 200
