from __future__ import annotations

import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from litellmctl.errors import ExitCode, UsageFailure
from litellmctl.foundation.urls import host_of, is_below, is_loopback, normalize, origin, require_secure


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://llm.example.com", "https://llm.example.com"),
        ("https://llm.example.com/", "https://llm.example.com"),
        ("  https://llm.example.com/v1/  ", "https://llm.example.com"),
        ("https://llm.example.com//v1//", "https://llm.example.com"),
        ("HTTPS://LLM.Example.COM", "https://llm.example.com"),
        ("https://llm.example.com:443/v1", "https://llm.example.com"),
        ("http://llm.example.com:80", "http://llm.example.com"),
        ("http://llm.example.com:443", "http://llm.example.com:443"),
        ("https://llm.example.com:", "https://llm.example.com"),
        ("http://localhost:4000/v1", "http://localhost:4000"),
        ("https://example.com/llm/v1/", "https://example.com/llm"),
        ("https://example.com/a//b", "https://example.com/a/b"),
        ("https://example.com/Team", "https://example.com/Team"),
        ("https://example.com/v10", "https://example.com/v10"),
        ("https://example.com/av1", "https://example.com/av1"),
        ("http://[::1]:4000/", "http://[::1]:4000"),
        ("http://[FE80::1]", "http://[fe80::1]"),
        ("https://bücher.example/", "https://bücher.example"),
        ("http://[0:0:0:0:0:0:0:1]:4000", "http://[::1]:4000"),
        ("http://[0000::0001]", "http://[::1]"),
        ("http://[::FFFF:127.0.0.1]:4000", "http://127.0.0.1:4000"),
        ("http://[::ffff:7f00:1]", "http://127.0.0.1"),
        ("https://[::ffff:10.0.0.1]/v1", "https://10.0.0.1"),
        ("https://[2001:DB8:0:0::1]:443", "https://[2001:db8::1]"),
        (f"https://{'a' * 63}.example", f"https://{'a' * 63}.example"),
    ],
)
def test_texts_that_name_the_same_proxy_give_one_url(text: str, url: str) -> None:
    assert normalize(text) == url


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        (" \t ", "is empty"),
        ("llm.example.com", 'has no scheme: "llm.example.com"'),
        ("localhost:4000", 'has no scheme: "localhost:4000"'),
        ("//llm.example.com", "has no scheme"),
        ("ftp://llm.example.com", "is not an http or https URL"),
        ("file:///etc/passwd", "is not an http or https URL"),
        ("https://a..b", 'has an invalid host name: "a..b"'),
        ("https://%00", 'has an invalid host name: "%00"'),
        ("https://", "has no host name"),
        ("https:///v1", "has no host name"),
        ("https://:443", "has no host name"),
        ("https://?a=b", "has no host name"),
        ("https://example.com?a=b", "has a query or a fragment"),
        ("https://example.com/#x", "has a query or a fragment"),
        ("https://example.com/?", "has a query or a fragment"),
        ("https://example.com#", "has a query or a fragment"),
        ("https://exa mple.com", "contains a space"),
        ("https://example.com/a\nb", "contains a space"),
        ("https://example.com\\@evil.example", "contains a space, a backslash"),
        ("https://example.com/\x9b", "contains a space"),
        ("https://example.com:port", "is not a valid URL"),
        ("https://example.com:99999", "is not a valid URL"),
        ("https://[::1", "is not a valid URL"),
        ("https://[1::2::3]", "is not a valid URL"),
        ("https://a\u200bb.example", 'an invalid host name: "a\\u200bb.example"'),
        ("https://\uff41\uff42\uff43.example", "an invalid host name"),
        ("https://exam\u00adple.com", "an invalid host name"),
        ("https://\u2603.example", "an invalid host name"),
        ("https://a\u3002example", "an invalid host name"),
        ("https://\u202eexample.com", "an invalid host name"),
        ("https://" + "\u00fc" * 62 + ".example", "an invalid host name"),
        (f"https://{'a' * 64}.example", "has a host name that is too long"),
        (f"http://{'a.' * 140}example:4000/x", "has a host name that is too long"),
        ("https://user:secret@example.com", "contains a user name or password"),
        ("https://sk-secret@example.com", "contains a user name or password"),
        ("https://:secret@example.com", "contains a user name or password"),
        ("https://@example.com", "contains a user name or password"),
    ],
)
def test_what_is_no_base_url_is_refused_by_name(text: str, words: str) -> None:
    with pytest.raises(UsageFailure) as failure:
        normalize(text, named="LITELLM_BASE_URL")
    assert failure.value.message.startswith("LITELLM_BASE_URL ")
    assert words in failure.value.message
    assert failure.value.exit_code is ExitCode.USAGE


@pytest.mark.parametrize(
    "text",
    [
        "https://me:secret@example.com",
        "me:secret@example.com",
        "ftp://me:secret@example.com",
        "secret@example.com:port",
    ],
)
def test_a_password_in_the_url_is_not_repeated(text: str) -> None:
    with pytest.raises(UsageFailure) as failure:
        normalize(text)
    assert "secret" not in f"{failure.value.message} {failure.value.remedy}"


@pytest.mark.parametrize(
    "text", ["https://me:secret/1@example.com", "https://me:secret\u2100@example.com", "me:secret/1@example.com"]
)
def test_an_odd_password_in_the_url_is_not_repeated_either(text: str) -> None:
    with pytest.raises(UsageFailure) as failure:
        normalize(text)
    assert "secret" not in f"{failure.value.message} {failure.value.remedy}"


def test_a_url_without_scheme_gets_the_url_that_was_meant_as_remedy() -> None:
    with pytest.raises(UsageFailure) as failure:
        normalize("llm.example.com/v1")
    assert failure.value.remedy == "use https://llm.example.com/v1"


HOSTS = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,10}[A-Za-z0-9])?", fullmatch=True)
PATHS = st.lists(st.text(string.ascii_letters + string.digits + "-_.~%", max_size=4) | st.just("v1"), max_size=4)


def url_of(scheme: str, host: str, port: int | None, path: list[str], end: str) -> str:
    return f"{scheme}://{host}{'' if port is None else f':{port}'}{'/' if path else ''}{'/'.join(path)}{end}"


@given(
    scheme=st.sampled_from(["http", "https", "HTTPS"]),
    host=HOSTS,
    port=st.none() | st.integers(0, 65535),
    path=PATHS,
    end=st.sampled_from(["", "/", "//", "/v1", "/v1/"]),
)
def test_a_normal_url_stays_as_it_is(scheme: str, host: str, port: int | None, path: list[str], end: str) -> None:
    assume([part for part in path if part][-1:] != ["v1"])  # "/v1/v1": below
    once = normalize(url_of(scheme, host, port, path, end))
    assert normalize(once) == once
    assert not once.endswith(("/", "/v1"))


def test_v1_twice_is_normal_too() -> None:
    once = normalize("https://example.com/v1/v1")
    assert normalize(once) == once


@pytest.mark.parametrize(
    "host",
    [
        *("[::ffff:127.1.2.3]", "[0:0:0:0:0:FFFF:7F00:0001]"),
        *("localhost", "LOCALHOST", "127.0.0.1", "127.1.2.3", "127.255.255.255", "127.0.0.0"),
        *("[::1]", "[0:0:0:0:0:0:0:1]", "[0000::0001]", "[::0.0.0.1]", "[::FFFF:127.0.0.1]", "[::ffff:7f00:1]"),
    ],
)
def test_this_machine_may_be_asked_over_plain_http(host: str) -> None:
    url = normalize(f"http://{host}:4000")
    assert is_loopback(url)
    require_secure(url, allowed=False)


@pytest.mark.parametrize(
    "host",
    [
        "example.com",
        "localhost.example.com",
        "127.0.0.1.example.com",
        "10.0.0.1",
        "1127.0.0.1",
        "127.0.0",
        "0.0.0.0",
        "[::2]",
        # Names that DNS may answer.
        *("127.999.999.999", "127.0.0.256", "127.0.0.1.", "localhost.", "sub.localhost", "localhost.localdomain"),
        *(
            "127.0.0.1.nip.io",
            "127.0.0.x",
            "127.0.0.-1",
            "127..0.1.example",
            "l\u24decalhost",
            "\u0661\u0662\u0667.0.0.1",
        ),
        # Addresses in ways of writing that not every resolver reads alike.
        *("127.1", "127.0.1", "0x7f.1", "0x7f000001", "2130706433", "0177.0.0.1", "127.0.0.01", "017700000001"),
        # Other addresses, and other interfaces.
        *("[::]", "[::127.0.0.1]", "[::ffff:10.0.0.1]", "[64:ff9b::7f00:1]", "[fe80::1]", "[::1%25lo]", "[::1%lo]"),
    ],
)
def test_another_machine_may_be_asked_over_plain_http_only_where_that_is_allowed(host: str) -> None:
    url = f"http://{host}/llm"
    assert not is_loopback(url)
    try:
        url = normalize(url)
    except UsageFailure:
        return  # nor is it a base URL
    assert not is_loopback(url)
    with pytest.raises(UsageFailure, match="plain HTTP") as failure:
        require_secure(url, allowed=False)
    assert f"https{url[4:]}" in str(failure.value.remedy)
    require_secure(url, allowed=True)
    require_secure(f"https{url[4:]}", allowed=False)


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://llm.example.com/a?b#c", ("https", "llm.example.com", 443)),
        ("HTTPS://LLM.Example.com:443", ("https", "llm.example.com", 443)),
        ("http://llm.example.com", ("http", "llm.example.com", 80)),
        ("http://[::1]:4000/x", ("http", "::1", 4000)),
        ("https://me@llm.example.com", None),
        ("https://:secret@llm.example.com", None),
        ("ftp://llm.example.com", None),
        ("https://", None),
        ("https://llm.example.com:port", None),
        ("https://llm.example.com\n", None),
        ("", None),
    ],
)
def test_an_origin_is_scheme_host_and_port_however_they_are_written(
    url: str, found: tuple[str, str, int] | None
) -> None:
    assert origin(url) == found


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://llm.example.com/a", "llm.example.com"),
        ("http://127.0.0.1:4000", "127.0.0.1:4000"),
        ("http://me:secret@proxy.example:3128", "proxy.example:3128"),
        ("http://proxy.example:port", "an invalid URL"),
        ("", "nowhere"),
    ],
)
def test_a_host_is_shown_with_its_port_and_without_credentials(url: str, host: str) -> None:
    assert host_of(url) == host


@pytest.mark.parametrize(
    "path",
    [
        *("x", "", "a/../b", "a/b/../../c", "a/./b", "..a", "a..", "...", "a//b", "a;b/c", "%2e%2ea", "a/%2e%2e/b"),
        *("caf%C3%A9", "100%", "%zz", "a%2Fb", "?to=../../..", "#../..", "a?b=%2e%2e/%2e%2e/", "\u00e9/../b"),
    ],
)
def test_what_stays_below_a_url_is_below_it(path: str) -> None:
    assert is_below(f"https://llm.example.com/team/{path}", "https://llm.example.com/team")
    assert is_below(f"https://llm.example.com/{path}", "https://llm.example.com")


DOTS = ["..", "%2e%2e", ".%2E", "%252e%252e", "%25252e.", "..;", "..;a=1", "%2e%2e%3b", "..%00", "..%20", "%u002e."]
DOTS += ["..%3f", "%c0%ae%c0%ae", "\uff0e\uff0e", "\u2025", "%ef%bc%8e."]


@pytest.mark.parametrize("dots", DOTS)
@pytest.mark.parametrize("slash", ["/", "\\", "%2f", "%2F", "%5c", "%255C", "%c0%af", "//", "/./", "/%2e/"])
@pytest.mark.parametrize("before", ["", "a/../", "/", ".//", "a/b/../%2e%2e/", "%2e/"])
def test_what_may_lead_above_a_url_is_not_below_it(before: str, dots: str, slash: str) -> None:
    url = f"https://llm.example.com/team/{before}{dots}{slash}admin"
    assert not is_below(url, "https://llm.example.com/team")


def test_what_is_encoded_without_end_is_not_below() -> None:
    assert not is_below(f"https://llm.example.com/team/%{'25' * 20}2e", "https://llm.example.com/team")


@pytest.mark.parametrize(
    "url",
    [
        *("https://llm.example.com/teams/x", "https://llm.example.com/team", "https://llm.example.com/", ""),
        *("https://llm.example.com.evil.example/team/x", "https://llm.example.com:444/team/x"),
        *("http://llm.example.com/team/x", "https://me@llm.example.com/team/x", "//llm.example.com/team/x"),
        *("https://llm.example.com/TEAM/x", "https://llm.example.com@evil.example/team/x"),
    ],
)
def test_what_is_elsewhere_is_not_below(url: str) -> None:
    assert not is_below(url, "https://llm.example.com/team")


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("llm.example.com/x", "use https://llm.example.com/x"),
        ("localhost:4000", "use https://localhost:4000"),
        ("//llm.example.com", "use https://llm.example.com"),
        ("[::1]:4000", "use https://[::1]:4000"),
        ("b\u00fccher.example", "use https://b\u00fccher.example"),
        ("user:secret@llm.example.com", "use https://llm.example.com"),
        *((text, "use https://HOST") for text in (":::", "[::1", "javascript:alert(1)", "$URL", "/", "%00", "a..b")),
    ],
)
def test_the_remedy_for_a_missing_scheme_is_a_url_that_is_taken(text: str, remedy: str) -> None:
    with pytest.raises(UsageFailure) as failure:
        normalize(text)
    assert "has no scheme" in failure.value.message
    assert failure.value.remedy == remedy
    normalize(remedy.removeprefix("use "))
