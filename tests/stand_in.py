"""A stand-in for LiteLLM, for tests of the sandbox that need a proxy that starts at once, and not the real one."""

from __future__ import annotations

from pathlib import Path

# Writes its environment into its home, and answers 200 to its key. BREAK, a file beside it, makes it fail to start.
_PROGRAM = """
import http.server, json, os, pathlib, sys

def run_server(words):
    if pathlib.Path(__file__).with_name("BREAK").exists():
        raise RuntimeError("broken \\x1b[31minstallation\\x1b[0m")
    port = int(words[words.index("--port") + 1])
    pathlib.Path("environment.json").write_text(json.dumps({**os.environ}))
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            known = self.headers["Authorization"] == "Bearer " + os.environ["LITELLM_MASTER_KEY"]
            self.send_response(200 if known else 401)
            self.end_headers()
            self.wfile.write(json.dumps(str(pathlib.Path.cwd())).encode())
    http.server.HTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""


def stand_in_for_litellm(packages: Path) -> Path:
    """Make a folder of packages, to be searched first, in which LiteLLM is a small server."""
    (packages / "litellm" / "proxy").mkdir(parents=True)
    (packages / "litellm" / "__init__.py").write_text(_PROGRAM)
    (packages / "litellm" / "proxy" / "__init__.py").touch()
    (packages / "litellm" / "proxy" / "proxy_server.py").touch()
    for name in ("uvicorn", "fastapi", "mcp"):
        (packages / f"{name}.py").touch()
    return packages
