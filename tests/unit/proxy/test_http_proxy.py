"""Which HTTP proxy is on the way: what its variable says, and what NO_PROXY exempts."""

from __future__ import annotations

import string
from base64 import b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litellmctl.errors import Unavailable
from litellmctl.proxy.http_proxy import HttpProxy, of_url

URL = "https://llm.example"


def found(value: str, monkeypatch: pytest.MonkeyPatch) -> HttpProxy:
    monkeypatch.setenv("HTTPS_PROXY", value)
    proxy = of_url(URL)
    assert proxy is not None
    return proxy


@pytest.mark.parametrize(
    ("value", "url", "signs_in"),
    [
        ("http://h:3128", "http://h:3128", None),
        ("HTTP://H:3128/", "http://h:3128", None),
        ("h:3128", "http://h:3128", None),
        ("h", "http://h", None),
        (" http://h:3128 ", "http://h:3128", None),
        ("https://h:3128", "https://h:3128", None),
        ("http://[::1]:3128", "http://[::1]:3128", None),
        ("http://u:pass@h:3128", "http://h:3128", b"u:pass"),
        ("u:pass@h:3128", "http://h:3128", b"u:pass"),
        ("http://u@h", "http://h", b"u:"),
        ("http://u:pa#ss@h:3128", "http://h:3128", b"u:pa#ss"),
        ("http://u:p/a@s?s@h:3128/", "http://h:3128", b"u:p/a@s?s"),
        ("http://u:100%@h:3128", "http://h:3128", b"u:100%"),
        ("http://u:%zz%41@h:3128", "http://h:3128", b"u:%zzA"),
        ("http://u:p%40ss%23@h:3128", "http://h:3128", b"u:p@ss#"),
        ("http://u:a:b@h:3128", "http://h:3128", b"u:a:b"),
        ("http://DOMAIN%5Cu:p\\w@h:3128", "http://h:3128", b"DOMAIN\\u:p\\w"),
        ("http://u:pässword@h:3128", "http://h:3128", "u:pässword".encode()),
        ("u:http://x@h:3128", "http://h:3128", b"u:http://x"),
    ],
)
def test_the_variable_is_read_as_people_write_it(
    value: str, url: str, signs_in: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = found(value, monkeypatch)
    assert (proxy.url, proxy.named) == (url, "HTTPS_PROXY")
    sent = None if proxy.authorization is None else b64decode(proxy.authorization.removeprefix("Basic "))
    assert sent == signs_in


@given(
    st.text(string.ascii_letters + string.digits + string.punctuation, min_size=1, max_size=20).filter(
        lambda text: "%" not in text
    )
)
def test_any_password_arrives_as_it_is_and_stands_nowhere(password: str) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        proxy = found(f"http://me:{password}@proxy.example:3128", monkeypatch)
        assert b64decode(str(proxy.authorization).removeprefix("Basic ")) == f"me:{password}".encode()
        assert proxy.url == "http://proxy.example:3128"
        assert repr(proxy) == "HttpProxy('http://proxy.example:3128', 'HTTPS_PROXY')"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("socks5://127.0.0.1:1080", "names a SOCKS proxy (socks5://127.0.0.1:1080), which is not supported"),
        ("socks5h://me:sesame-open@h:1080/x", "names a SOCKS proxy (socks5h://h:1080), which is not supported"),
        ("socks4a://h", "names a SOCKS proxy (socks4a://h), which is not supported"),
        ("ftp://h:21", "is not the address of an HTTP proxy"),
        ("http://me:sesame-open@", "is not the address of an HTTP proxy"),
        ("http://me:sesame-open@h:port", "is not the address of an HTTP proxy"),
        ("http://me:sesame-open@:3128", "is not the address of an HTTP proxy"),
        ("http://", "is not the address of an HTTP proxy"),
        ("not a url", "is not the address of an HTTP proxy"),
        ("http://a\u200bb:3128", "is not the address of an HTTP proxy"),
    ],
)
@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
def test_what_is_no_http_proxy_is_refused_by_the_name_of_its_variable(
    name: str, value: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(Unavailable) as failure:
        of_url(URL)
    assert failure.value.message == f"cannot reach {URL}: {name} {words}"
    assert "NO_PROXY=llm.example" in str(failure.value.remedy)
    assert "sesame" not in f"{failure.value.message} {failure.value.remedy}"
    assert not failure.value.may_have_acted


def test_the_variable_of_the_scheme_goes_before_the_one_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    assert of_url(URL) is None
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1080")
    assert found("http://h:3128", monkeypatch).named == "HTTPS_PROXY"
    monkeypatch.setenv("HTTP_PROXY", "http://plain:3128")
    assert str(of_url("http://llm.example")) == "HttpProxy('http://plain:3128', 'HTTP_PROXY')"


@pytest.mark.parametrize(
    ("url", "listed", "is_exempt"),
    [
        ("https://llm.example", "llm.example", True),
        ("https://llm.example", "LLM.Example.", True),
        ("https://llm.example", "other, llm.example", True),
        ("https://llm.example", "other llm.example", True),
        ("https://a.llm.example", "llm.example", True),
        ("https://a.llm.example", ".llm.example", True),
        ("https://llm.example", ".llm.example", True),
        ("https://a.llm.example", "*.llm.example", True),
        ("https://llm.example", "*.llm.example", False),
        ("https://llm.example", "*.example", True),
        ("https://badllm.example", "llm.example", False),
        ("https://llm.example.org", "llm.example", False),
        ("https://llm.example", "*", True),
        ("https://10.1.2.3", "*", True),
        ("https://llm.example", "llm.example:443", True),
        ("https://llm.example", "llm.example:8443", False),
        ("https://llm.example:8443", "llm.example:8443", True),
        ("http://llm.example", "llm.example:80", True),
        ("https://10.1.2.3", "10.1.2.3", True),
        ("https://10.1.2.3", "10.0.0.0/8", True),
        ("https://10.1.2.3", "10.1.2.9/24", True),
        ("https://10.1.2.3", "10.1.3.0/24", False),
        ("https://10.1.2.3", "10.1.*", True),
        ("https://10.1.2.3:8443", "10.1.2.3:8443", True),
        ("https://10.1.2.3", "fd00::/8", False),
        ("https://[fd00::1]", "fd00::1", True),
        ("https://[fd00::1]", "[fd00::1]", True),
        ("https://[fd00:0:0::1]", "FD00::0001", True),
        ("https://[fd00::1]", "fd00::/8", True),
        ("https://[fd00::1]", "[fd00::]/8", False),
        ("https://[fd00::1]:8443", "[fd00::1]:8443", True),
        ("https://[fd00::1]:8443", "[fd00::1]:443", False),
        ("https://[fe80::1%25eth0]", "fe80::/10", True),
        ("https://[::ffff:10.1.2.3]", "10.0.0.0/8", True),
        ("https://[fd00::1]", "10.0.0.0/8", False),
        ("https://llm.example", "", False),
        ("https://llm.example", ",, ,", False),
        ("https://llm.example", ".", False),
        ("https://llm.example", "10.0.0.0/99,[,]:,::::,[]", False),
    ],
)
@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
def test_no_proxy_exempts_names_addresses_ranges_and_patterns(
    url: str, listed: str, is_exempt: bool, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(variable, "http://h:3128")
    monkeypatch.setenv(name, listed)
    assert (of_url(url) is None) is is_exempt


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30))
def test_whatever_no_proxy_says_it_is_no_error(listed: str) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("NO_PROXY", listed)
        monkeypatch.setenv("HTTPS_PROXY", "http://h:3128")
        for url in (URL, "https://[fd00::1]"):
            assert of_url(url) in {None, HttpProxy("http://h:3128", "HTTPS_PROXY")}
