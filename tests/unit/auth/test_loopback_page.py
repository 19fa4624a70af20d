"""The page that a browser shows when a sign-in comes back: whole, readable, and nothing of others runs in it."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from html import unescape

import pytest

from litellmctl.auth.loopback_page import (
    POLICY,
    Page,
    another_user,
    going_on,
    html,
    look_at_terminal,
    not_signed_in,
    redirect,
    signed_in,
    unknown_user,
    waiting,
)

DONE = signed_in("https://llm.example.com", "anna")
ALL_PAGES = [
    *(DONE, signed_in("http://127.0.0.1:4000", None), not_signed_in("no"), waiting(), look_at_terminal()),
    *(another_user(), unknown_user(), another_user("--flow device"), unknown_user("--flow device"), going_on()),
]


@pytest.mark.parametrize("page", ALL_PAGES, ids=lambda page: page.title)
def test_pages_are_whole_and_load_nothing(page: Page) -> None:
    text = html(page).decode()
    for once in ('<html lang="en">', "<main>", f"<h1>{page.title}</h1>", "<style>", "<footer>litellmctl</footer>"):
        assert text.count(once) == 1
    assert f"<title>{page.title} - litellmctl</title>" in text
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in text
    assert '<meta name="color-scheme" content="light dark">' in text
    for line in page.text.split("\n"):
        assert f"<p>{line}</p>" in text
    assert not re.search(r"<script|<link|<img|<form|<a |src=|href=|style=|url\(|@import|\son\w+=", text, re.IGNORECASE)
    assert "http" not in text.replace("https://llm.example.com", "").replace("http://127.0.0.1:4000", "")


def test_the_policy_allows_the_style_of_the_page_and_nothing_else() -> None:
    style = re.search(r"<style>(.*?)</style>", html(DONE).decode(), re.DOTALL)
    assert style
    digest = b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert (
        f"default-src 'none'; style-src 'sha256-{digest}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    ) == POLICY


def test_texts_cannot_become_markup() -> None:
    evil = "</p><script>alert('1')</script>\"&amp;\x1b[31m\x00\u202e\ud800"
    for page in (Page(evil, evil), signed_in(evil, evil), not_signed_in(evil)):
        text = html(page).decode()
        assert "<script" not in text
        assert "&lt;/p&gt;&lt;script&gt;alert(&#x27;1&#x27;)&lt;/script&gt;&quot;&amp;amp;[31m\ufffd" in text
        assert all(letter.isprintable() or letter == "\n" for letter in text)


def test_foreign_texts_cannot_add_paragraphs_or_go_on_for_ever() -> None:
    text = html(not_signed_in("one\ntwo " + "x" * 5000)).decode()
    assert "<p>one two x" in text
    assert text.count("<p>") == 2
    assert "x" * 400 in text
    assert "x" * 600 not in text
    assert html(signed_in("u\r\nv", "w\n\nx")).decode().count("<p>") == 2
    assert html(not_signed_in("")).decode().count("<p>") == 1


def test_pages_say_what_happened_also_without_colour() -> None:
    assert "You are signed in to https://llm.example.com as anna." in DONE.text
    assert "signed in to http://127.0.0.1:4000." in signed_in("http://127.0.0.1:4000", None).text
    assert not_signed_in("no").title == "Not signed in"
    marks = {page.good: re.findall(r' d="([^"]+)"', html(page).decode()) for page in ALL_PAGES}
    assert [len(mark) for mark in marks.values()] == [1, 1]
    assert marks[True] != marks[False]
    assert [page.good for page in ALL_PAGES] == [True, True, *[False] * 7, True]


def test_what_is_written_can_be_read_in_light_and_dark() -> None:
    light, dark = re.findall(r":root \{(.*?)\}", html(DONE).decode(), re.DOTALL)
    for scheme in (light, dark):
        colours = {name: luminance(value) for name, value in re.findall(r"--(\w+): #(\w+)", scheme)}
        assert set(colours) == {"back", "card", "line", "text", "soft", "good", "bad"}
        for name in ("text", "soft", "good", "bad"):
            low, high = sorted((colours[name], colours["card"]))
            assert (high + 0.05) / (low + 0.05) >= 4.5, name


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour (WCAG 2.2)."""
    if len(colour) == 3:
        colour = "".join(digit * 2 for digit in colour)
    parts = [int(colour[start : start + 2], 16) / 255 for start in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize(
    "link", ["https://llm.example.com/a?b=c&state=d", "https://x/'\"><script>alert(1)</script>&amp;"]
)
def test_the_file_leads_to_the_link_and_loads_nothing(link: str) -> None:
    text = redirect(link).decode()
    (refresh,) = re.findall(r'<meta http-equiv="refresh" content="0; url=([^"]*)">', text)
    (anchor,) = re.findall(r'<a href="([^"]*)"', text)
    assert unescape(refresh) == unescape(anchor) == link
    assert '<meta name="referrer" content="no-referrer">' in text
    (policy,) = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', text)
    assert unescape(policy) == POLICY.replace("frame-ancestors 'none'; ", "")
    assert not re.search(r"<script|<link|<img|<form|src=|style=|url\(|@import|\son\w+=", text, re.IGNORECASE)
