"""The browser of a sign-in: finds the link behind the address that it is given, and comes back with a code at once.

It asks the proxy nothing, which may have any fault. Run as `python browser.py ADDRESS CODE`.
"""

from __future__ import annotations

import re
import sys
from html import unescape
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname


def main(address: str, code: str) -> None:
    parts, link = urlsplit(address), address
    if parts.scheme == "file":
        link = unescape(Path(url2pathname(parts.path)).read_text("utf-8"))
    elif "state=" not in address:
        link = _get(parts.netloc, parts.path).headers["Location"]
    # With regular expressions, since the beginning of the link is the proxy's.
    state, back = (re.search(rf"[?&]{name}=([\w%.~-]+)", link) for name in ("state", "redirect_uri"))
    assert state is not None
    assert back is not None
    target = urlsplit(unquote(back[1]))
    _get(target.netloc, f"{target.path}?code={code}&state={state[1]}").read()


def _get(server: str, path: str):
    connection = HTTPConnection(server, timeout=20)
    connection.request("GET", path)
    return connection.getresponse()


if __name__ == "__main__":
    main(*sys.argv[1:])
