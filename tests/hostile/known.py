"""The secrets of whoever uses the proxy, and which of them the proxy knows. Each ends in 16 characters of its own."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tests.hostile.proxy import Request

KEY = "sk-HoStile-Qz81vTbW4mXe7Rk2"
OLD, OLD_REFRESH = "litellm_login_Ov6Dn3Sa8Ul1Ci9Gp4", "llm_srefresh_Fk2Xr7Ej5Nw9Zo3Yh8"
# What the proxy gives for it (shapes.json).
NEW, NEW_REFRESH = "litellm_login_Nq7Zt4Wm9Xk2Rb8Vd5", "llm_srefresh_Jc3Hy6Pf1Gs8Lu4Te7"
VIRTUAL = "sk-HoStile-Tu9Bi5Ko2Wd7Qa4Mc"
OTHER = "sk-HoStile-Gx1Ls8Vz6Py3Rf7Jn"
POLL_SECRET = "hostile-poll-Bw5Mz2Qd9Ya6Ex3Ko"
PASSWORD, HEADER = "hostile-netrc-Ih4Ck9Tm2Uv7Sg5Dq", "hostile-header-Wp8Aj6Ne1Xb3Ot9Lz"
# What the browser brings (browser.py).
CODE = "hostile-code-Ym7Rd2Hk5Fv9Ec4Bs"
# What no test sends but behind a word of ours (Error:, Try: ...), where a line begins.
FORGED = "FORGED-LINE"
# Nothing of these may be seen, but where a command is there to print it.
SECRETS = (KEY, OLD, OLD_REFRESH, NEW, NEW_REFRESH, VIRTUAL, OTHER, POLL_SECRET, PASSWORD, HEADER, CODE)
# Whoever gave a token knows what came with it.
_WITH = {OLD: OLD_REFRESH}
_GIVEN = {"POST /token": (NEW, NEW_REFRESH), "GET /sso/cli/poll/ID": (NEW,), "POST /sso/cli/start": (POLL_SECRET,)}


def known_from(requests: Sequence[Request], *, gives: bool = True) -> list[str]:
    """Return the secrets that a proxy has after these requests: what they carried, and what it gave for them.

    `gives` says whether it gives something for the last one too.
    """
    found: dict[str, None] = {}
    for number, request in enumerate(requests, 1):
        carried = f"{request.query}\n{request.headers}\n{request.body.decode('utf-8', 'replace')}"
        for secret in SECRETS:
            if secret in carried:
                found |= dict.fromkeys([secret, *([_WITH[secret]] if secret in _WITH else [])])
        found |= dict.fromkeys(re.findall(r"code_verifier=([\w~.-]{43,128})", carried))
        if gives or number < len(requests):
            found |= dict.fromkeys(_GIVEN.get(request.endpoint, ()))
    return list(found)
