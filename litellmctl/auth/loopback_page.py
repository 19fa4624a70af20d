"""The page that the browser shows when a sign-in returns to this machine, without script or external files."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from html import escape
from typing import NamedTuple

from litellmctl.foundation.text import clean

_MAX_REASON = 500

_STYLE = """
:root { color-scheme: light dark; --back: #f4f5f7; --card: #fff; --line: #d9dde3; --text: #1b1f24; --soft: #57606a;
  --good: #1a7f37; --bad: #9a5b00; }
@media (prefers-color-scheme: dark) {
  :root { --back: #0f1216; --card: #181c22; --line: #30363e; --text: #e8ebee; --soft: #9ba3ad;
    --good: #4ac26b; --bad: #e0a33a; } }
* { box-sizing: border-box; margin: 0; }
body { display: grid; place-items: center; min-height: 100vh; padding: 1rem; background: var(--back);
  color: var(--text); font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main { width: 100%; max-width: 32rem; padding: 2rem; background: var(--card); border: 1px solid var(--line);
  border-radius: .75rem; overflow-wrap: anywhere; }
svg { display: block; width: 2.5rem; height: 2.5rem; margin-bottom: 1.25rem; fill: none;
  stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }
svg.good { stroke: var(--good); }
svg.bad { stroke: var(--bad); }
h1 { margin-bottom: .75rem; font-size: 1.5rem; line-height: 1.25; font-weight: 600; }
p { text-wrap: pretty; }
p + p { margin-top: .5rem; color: var(--soft); }
a { color: inherit; }
footer { margin-top: 1.5rem; padding-top: 1rem; border-top: 1px solid var(--line); color: var(--soft);
  font-size: .875rem; }
@media (max-width: 30rem) { body { place-items: start center; } main { padding: 1.5rem; } }
"""

# The hash of the style, so that nothing in the text can style, run or load anything.
_POLICY_OF_FILES = (
    f"default-src 'none'; style-src 'sha256-{b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'"
)
POLICY = _POLICY_OF_FILES.replace("base-uri", "frame-ancestors 'none'; base-uri")  # only valid in a header

_CHECK_MARK = "M7.5 12.5l3 3 6-6.5"
_EXCLAMATION_MARK = "M12 7v6M12 16.5v.01"


class Page(NamedTuple):
    """A heading, a paragraph for each line of the text, and a check mark if it is `good`, else "!"."""

    title: str
    text: str
    good: bool = True


def signed_in(url: str, user: str | None) -> Page:
    """Return the page for a token that was verified."""
    who = f" as {clean(user)}" if user else ""
    return Page(
        "Signed in", f"You are signed in to {clean(url)}{who}.\nYou can close this window and return to the terminal."
    )


def not_signed_in(reason: str) -> Page:
    """Return the page for a sign-in that failed."""
    return Page(
        "Not signed in",
        f"{clean(reason)[:_MAX_REASON]}\nYou can close this window and return to the terminal.",
        good=False,
    )


def waiting() -> Page:
    """Return the page for any other request while a sign-in is waiting."""
    return Page(
        "Not this sign-in",
        "This page does not belong to the current sign-in.\n"
        "That one is still waiting: continue in its window, or look at the terminal.",
        good=False,
    )


def look_at_terminal() -> Page:
    """Return the page for a sign-in whose result is only known in the terminal."""
    return Page(
        "Look at the terminal",
        "The terminal shows the result of this sign-in.\nYou can close this window.",
        good=False,
    )


def going_on() -> Page:
    """Return the page for a browser on its way to the link."""
    return Page("Opening the sign-in", "The sign-in page opens now.")


def another_user(other_way: str = "") -> Page:
    """Return the page for another user's browser. `other_way` are options that do without it ("": there are none)."""
    again = f"sign in again with {other_way}" if other_way else "open the link in a browser of that user"
    return Page(
        "Not your sign-in",
        "This sign-in belongs to another user of this machine. Nobody was signed in.\n"
        f"If you started it as another user, {again}.",
        good=False,
    )


def unknown_user(other_way: str = "") -> Page:
    """Return the page for a browser whose user the system does not show, with another way as `another_user` has it."""
    other = f", or with {other_way}" if other_way else ""
    return Page(
        "Not signed in",
        "The user of this browser is unknown, so nobody was signed in.\n"
        f"If it is yours, sign in again with --callback-port 8765{other}.",
        good=False,
    )


def redirect(link: str) -> bytes:
    """Return the content of a file that leads the browser to the link."""
    head = (
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY_OF_FILES)}">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f'<meta http-equiv="refresh" content="0; url={escape(link)}">\n'
    )
    return _document(going_on(), head, f'<p><a href="{escape(link)}">Open the sign-in page</a> if it does not.</p>\n')


def html(page: Page) -> bytes:
    """Return the document, to be sent with `POLICY` as its Content-Security-Policy."""
    return _document(page)


def _document(page: Page, head: str = "", more: str = "") -> bytes:
    title = escape(clean(page.title))
    paragraphs = "".join(f"<p>{escape(clean(line))}</p>\n" for line in page.text.split("\n") if line.strip())
    kind, mark = ("good", _CHECK_MARK) if page.good else ("bad", _EXCLAMATION_MARK)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
{head}<title>{title} - litellmctl</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<svg class="{kind}" viewBox="1 1 22 22" aria-hidden="true"><circle cx="12" cy="12" r="10"/><path d="{mark}"/></svg>
<h1>{title}</h1>
{paragraphs}{more}<footer>litellmctl</footer>
</main>
</body>
</html>
""".encode()
