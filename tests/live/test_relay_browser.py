"""Web pages in a real browser against `serve`: what each attempt of a hostile page sees, and what reaches the proxy."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

import pytest

from tests.contract.raw_upstream import RawServed
from tests.server import Handler, Server

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="needs Chromium")
pytest.importorskip("aiohttp")

# Each attempt resolves with what the page can see of it.
_PAGE = """<!doctype html><title>page</title><script>
const R = RELAY, KEY = "THE-KEY", results = {};
const tried = (name, promise) => Promise.race([promise, new Promise(done => setTimeout(done, 4000, "nothing"))])
  .then(seen => results[name] = String(seen), error => results[name] = error.name);
const fetched = async (url, options) => { const a = await fetch(url, options);
  return a.type == "opaque" ? "opaque" : a.status + " " + (await a.text()).slice(0, 40)
    + " " + a.headers.get("x-litellm-call-id"); };
const tag = (name, attribute, url) => new Promise(done => { const t = document.createElement(name);
  t.onload = () => done("load " + (t.naturalWidth ?? "")); t.onerror = () => done("error"); t[attribute] = url;
  document.documentElement.append(t); });
const framed = (html) => new Promise(done => { const f = document.createElement("iframe");
  f.sandbox = "allow-scripts allow-forms"; f.srcdoc = html; window.onmessage = m => done(m.data);
  document.documentElement.append(f); });
const form = (method, path) => new Promise(done => { const f = document.createElement("iframe"); f.name = method + "f";
  document.documentElement.append(f); const o = document.createElement("form"); o.method = method; o.target = f.name;
  o.action = R + path; o.innerHTML = `<input name=key value="${KEY}"><input name=model value=m>`;
  document.documentElement.append(o);
  f.onload = () => { try { done("read " + f.contentDocument.body.innerText.slice(0, 60)) } catch (e) { done(e.name) } };
  o.submit(); });
const socket = (protocols) => new Promise(done => { const s = new WebSocket(R.replace("http", "ws") + "/v1/realtime", protocols);
  s.onopen = () => done("open"); s.onerror = () => done("error"); });
const events = () => new Promise(done => { const e = new EventSource(R + "/v1/models?key=" + KEY);
  e.onmessage = () => done("message"); e.onerror = () => done("error"); });
const auth = {headers: {Authorization: "Bearer " + KEY}};
(async () => {
  await tried("fetch", fetched(R + "/v1/models"));
  await tried("fetch with the key", fetched(R + "/v1/models", auth));
  await tried("fetch with the key in the URL", fetched(R + "/v1/models?key=" + KEY));
  await tried("fetch with another key", fetched(R + "/v1/models", {headers: {"x-api-key": "sk-wrong"}}));
  await tried("fetch, no-cors", fetched(R + "/v1/models?key=" + KEY, {mode: "no-cors"}));
  await tried("post, no-cors", fetched(R + "/v1/chat/completions?key=" + KEY, {mode: "no-cors", method: "POST", body: "{}"}));
  await tried("post of JSON with the key", fetched(R + "/v1/chat/completions",
    {method: "POST", body: "{}", headers: {...auth.headers, "Content-Type": "application/json"}}));
  await tried("beacon", navigator.sendBeacon(R + "/v1/chat/completions?key=" + KEY, "{}") && "sent");
  await tried("image", tag("img", "src", R + "/v1/models?key=" + KEY));
  await tried("script", tag("script", "src", R + "/v1/models?key=" + KEY));
  await tried("form, GET", form("get", "/v1/models"));
  await tried("form, POST", form("post", "/v1/chat/completions?key=" + KEY));
  await tried("event source", events());
  await tried("web socket", socket([]));
  await tried("web socket with the key", socket(["realtime", "openai-insecure-api-key." + KEY]));
  await tried("sandboxed frame", framed(`<script>fetch("${R}/v1/models?key=${KEY}").then(a => a.text(), e => e.name)
    .then(t => parent.postMessage(t, "*"))</` + "script>"));
  await fetch("/result", {method: "POST", body: JSON.stringify(results)});
})();
</script>"""


class _Pages(Server):
    """The server of a hostile page, and the HTTP proxy by which a name leads to it first, and to the relay then."""

    served: RawServed

    def __init__(self) -> None:
        super().__init__(_Page)
        self.results: Queue[dict[str, str]] = Queue()


class _Page(Handler):
    server: _Pages

    def _answer(self) -> None:
        # In the form of a request to an HTTP proxy: the page has the origin of the relay by that name.
        is_rebound = self.path.startswith("http://")
        path = "/" + self.path.split("/", 3)[3] if is_rebound else self.path
        if path == "/result":
            self.server.results.put(json.loads(self.body()))
            self.send(200, b"{}")
        elif path == "/page":
            base = "location.origin" if is_rebound else json.dumps(f"http://127.0.0.1:{self.server.served.port}")
            page = _PAGE.replace("RELAY", base).replace("THE-KEY", self.server.served.key)
            self.send(200, page.encode(), {"Content-Type": "text/html"})
        elif is_rebound:
            self._rebound(path)
        else:
            self.send(404, b"{}")

    def _rebound(self, path: str) -> None:
        """Pass on what the browser sends, as if the name's address had changed to this machine's."""
        body = self.body()
        connection = HTTPConnection("127.0.0.1", self.server.served.port, timeout=10)
        connection.putrequest(self.command, path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in {"proxy-connection", "connection"}:
                connection.putheader(name, value)
        connection.endheaders(body or None)
        answer = connection.getresponse()
        self.send(answer.status, answer.read())
        connection.close()

    def _tunnel(self) -> None:
        """Lead a web socket to the relay."""
        self.send_response(200)
        self.end_headers()
        with socket.create_connection(("127.0.0.1", self.server.served.port), timeout=10) as relay:
            Thread(target=_pump, args=(relay, self.connection), daemon=True).start()
            _pump(self.connection, relay)
        self.close_connection = True

    do_GET = do_POST = do_OPTIONS = _answer
    do_CONNECT = _tunnel


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


@contextmanager
def _browser(pages: _Pages, folder: Path, url: str) -> Iterator[None]:
    assert BROWSER is not None
    command = [
        *(BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage"),
        *(
            f"--user-data-dir={folder}",
            f"--proxy-server=http://127.0.0.1:{pages.port}",
            "--disable-background-networking",
        ),
        url,
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def _seen(served: RawServed, pages: _Pages, folder: Path, url: str) -> dict[str, str]:
    """Return what a page at this URL sees of its attempts."""
    pages.served = served
    try:
        with _browser(pages, folder, url):
            return pages.results.get(timeout=90)
    except Empty:
        pytest.fail("the page did not report")


@pytest.fixture
def pages() -> Iterator[_Pages]:
    server = _Pages()
    server.begin()
    yield server
    server.close()


# A page sees only that something failed; what it may send blindly is refused.
_BLIND = {"beacon": "sent", "image": "error", "script": "error", "event source": "error", "web socket": "error"}
_BLIND |= {"web socket with the key": "error", "sandboxed frame": "TypeError"}


def test_a_page_on_another_port_gets_nothing_through_and_sees_nothing(tmp_path: Path, pages: _Pages) -> None:
    with closing(RawServed(tmp_path)) as served:
        seen = _seen(served, pages, tmp_path / "browser", f"http://127.0.0.1:{pages.port}/page")
        assert served.upstream.received == []
    fetches = {name: "opaque" if "no-cors" in name else "TypeError" for name in seen if name not in _BLIND}
    assert len(fetches) == 9
    assert seen == _BLIND | fetches


def test_a_page_whose_name_leads_to_the_relay_later_reads_only_refusals(tmp_path: Path, pages: _Pages) -> None:
    with closing(RawServed(tmp_path)) as served:
        seen = _seen(served, pages, tmp_path / "browser", f"http://rebound.example:{served.port}/page")
        assert served.upstream.received == []
    assert {name: seen.pop(name) for name in _BLIND} == _BLIND
    assert len(seen) == 9
    refused = ('403 {"error": {"message": "forbidden"', 'read {"error": {"message": "forbidden"')
    assert [text for text in seen.values() if not text.startswith(refused)] == []


def test_a_page_that_is_allowed_needs_the_key_and_reads_the_answers(tmp_path: Path, pages: _Pages) -> None:
    page = f"http://127.0.0.1:{pages.port}"
    with closing(RawServed(tmp_path, "--allow-origin", page)) as served:
        seen = _seen(served, pages, tmp_path / "browser", f"{page}/page")
        methods = {request.method for request in served.upstream.received}
        origins = [request.values("origin") for request in served.upstream.received]
    assert seen["fetch"].startswith("401 ")
    assert seen["fetch with another key"].startswith("401 ")
    assert seen["fetch with the key"].startswith('200 {"number"')
    assert seen["post of JSON with the key"].startswith('200 {"number"')
    assert seen["fetch with the key in the URL"].startswith('200 {"number"')
    assert (seen["image"], seen["script"], seen["form, GET"]) == ("error", "error", "TypeError")
    assert seen["sandboxed frame"] == "TypeError"
    assert methods == {"GET", "POST"}
    assert set(map(tuple, origins)) == {()}
