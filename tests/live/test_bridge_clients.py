"""`mcp serve` with the official MCP clients: the Python and the TypeScript SDK, the inspector, and the conformance suite.

The Python SDK comes with LiteLLM. The others are looked for among the programs: `npm install --prefix
PROGRAMS/mcp-clients @modelcontextprotocol/sdk @modelcontextprotocol/inspector @modelcontextprotocol/conformance`.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Run, Start, clean_environment
from tests.contract.mcp_client import McpClient
from tests.contract.tools import CALL, answer, offering, server, tool
from tests.fake_proxy import FakeProxy
from tests.live.conftest import Lab
from tests.live.programs import PATH, PROGRAMS, needs
from tests.live.signing_in import PROGRAM, Person, Vault, Waiting
from tests.live.test_lab_mcp import TOOLS
from tests.server import Handler, Server

SDK = PROGRAMS / "mcp-clients/node_modules/@modelcontextprotocol/sdk/dist/esm"
NAMES = {f"mcp_lab_stdio_{re.sub('[.-]', '_', name)}" for name in TOOLS}
ADA = {"name": "Ada", "age": 36, "address": {"street": "Lane"}}

Lists = Callable[[], Awaitable[dict[str, Any]]]


@pytest.fixture(scope="module")
def signed_in(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a person who has signed in with PKCE."""
    home = tmp_path_factory.mktemp("signed-in")
    environment = {
        **clean_environment(),
        "HOME": str(home),
        "LITELLMCTL_CONFIG_DIR": str(home / "config"),
        "LITELLMCTL_CACHE_DIR": str(home / "cache"),
        "LITELLMCTL_KEYRING": "off",
    }
    person = Person(lab, home)
    browser = {"BROWSER": person.browser("one")}
    Waiting(("login", "--sso", "--base-url", lab.url), {**environment, **browser}, home).finish()
    person.seen()
    yield environment
    person.leaves()


def own(environment: dict[str, str]) -> dict[str, str]:
    """Return the variables that clients have to be told to pass on."""
    return {name: value for name, value in environment.items() if name.startswith(("LITELLM", "HOME"))}


# --- Python


@asynccontextmanager
async def python_client(
    environment: dict[str, str], *words: str, mode: str = "auto", heard: list[str] | None = None
) -> AsyncIterator[Any]:
    """Give a client of the Python SDK in a session; `heard` gets the names of the notifications."""
    mcp = pytest.importorskip("mcp")
    from mcp.client.client import Client
    from mcp.client.stdio import stdio_client

    async def on_message(message: Any) -> None:
        if heard is not None:
            heard.append(type(message).__name__)

    params = mcp.StdioServerParameters(
        command=PROGRAM[0], args=[*PROGRAM[1:], "mcp", "serve", *words], env=own(environment)
    )
    async with Client(stdio_client(params), mode=mode, message_handler=on_message) as client:
        yield client


async def names(client: Any) -> set[str]:
    """Return the names of the tools of all pages, past the client's own cache."""
    found: set[str] = set()
    cursor = None
    while True:
        page = await client.list_tools(cursor=cursor, cache_mode="bypass")
        found |= {one.name for one in page.tools}
        cursor = page.next_cursor
        if cursor is None:
            return found


@pytest.mark.database
@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_the_python_client(signed_in: dict[str, str], mode: str) -> None:
    async def use() -> None:
        async with python_client(signed_in, mode=mode) as client:
            assert client.server_info.name == "litellmctl"
            tools = {one.name: one for one in (await client.list_tools()).tools}
            assert set(tools) >= NAMES
            added = await client.call_tool("mcp_lab_stdio_add", {"a": 2, "b": 3})
            assert (added.is_error, added.content[0].text) == (False, "5")
            failed = await client.call_tool("mcp_lab_stdio_fail", {"message": "on purpose"})
            assert (failed.is_error, "on purpose" in failed.content[0].text) == (True, True)
            picture = await client.call_tool("mcp_lab_stdio_picture")
            assert (picture.content[0].type, picture.content[0].mime_type) == ("image", "image/png")
            converted = await client.call_tool("mcp_lab_stdio_convert", {"value": 1.5, "unit": "celsius"})
            assert converted.structured_content == {"value": 1.5, "unit": "celsius", "precise": False}
            registered = await client.call_tool("mcp_lab_stdio_register", {"person": ADA})
            assert registered.content[0].text == "Ada (36), Lane, []"
            wrong = await client.call_tool("mcp_lab_stdio_add", {"a": "two"})
            assert wrong.is_error
            unknown = await client.call_tool("no_such_tool")
            assert unknown.is_error
            slow = asyncio.create_task(client.call_tool("mcp_lab_stdio_slow", {"seconds": 90}))
            await asyncio.sleep(0.5)
            slow.cancel()
            with suppress(asyncio.CancelledError):
                await slow
            pinged = await client.call_tool("mcp_lab_stdio_ping")
            assert pinged.content[0].text == "pong"

    asyncio.run(asyncio.wait_for(use(), 80))  # which the call that is cancelled would take longer than


# --- TypeScript

_TYPESCRIPT = """
const [sdk, settings] = process.argv.slice(2);
const { Client } = await import(`${sdk}/client/index.js`);
const { StdioClientTransport } = await import(`${sdk}/client/stdio.js`);
const { command, args, env, prefix } = JSON.parse(settings);
const transport = new StdioClientTransport({ command, args, env, stderr: "pipe" });
const said = [];
transport.stderr.on("data", (piece) => said.push(String(piece)));
const errors = [];
const client = new Client({ name: "test", version: "1" });
client.onerror = (error) => errors.push(String(error));
await client.connect(transport);
const seen = { server: client.getServerVersion(), tools: [] };
let cursor;
do {
  const page = await client.listTools(cursor ? { cursor } : {});
  seen.tools.push(...page.tools);
  cursor = page.nextCursor;
} while (cursor);
const call = (name, args = {}, options = undefined) =>
  client.callTool({ name: prefix + name, arguments: args }, undefined, options);
seen.add = await call("add", { a: 2, b: 3 });
seen.fail = await call("fail", { message: "on purpose" });
seen.picture = await call("picture");
seen.convert = await call("convert", { value: 1.5, unit: "celsius" });
seen.register = await call("register", { person: ADA });
seen.wrong = await call("add", { a: "two" });
seen.unknown = await client.callTool({ name: "no_such_tool", arguments: {} });
const abort = new AbortController();
const slow = call("slow", { seconds: 90 }, { signal: abort.signal }).then(() => "answered", (error) => String(error));
setTimeout(() => abort.abort("enough"), 500);
seen.slow = await slow;
seen.ping = await call("ping");
await client.ping();
const closing = Date.now();
await client.close();
console.log(JSON.stringify({ ...seen, closed: Date.now() - closing, errors, said: said.join("") }));
"""


@pytest.mark.database
@pytest.mark.skipif(not SDK.exists(), reason="the TypeScript SDK is not installed")
@needs("node")
def test_the_typescript_client(signed_in: dict[str, str], tmp_path: Path) -> None:
    settings = {
        "command": PROGRAM[0],
        "args": [*PROGRAM[1:], "mcp", "serve"],
        "env": own(signed_in),
        "prefix": "mcp_lab_stdio_",
    }
    script = tmp_path / "client.mjs"
    script.write_text(_TYPESCRIPT.replace("ADA", json.dumps(ADA)))
    seen = json.loads(_node("node", str(script), str(SDK), json.dumps(settings)))
    assert seen["server"]["name"] == "litellmctl"
    assert {one["name"] for one in seen["tools"]} >= NAMES
    assert seen["add"]["content"][0]["text"] == "5"
    assert seen["fail"]["isError"] is True
    assert "on purpose" in seen["fail"]["content"][0]["text"]
    assert seen["picture"]["content"][0]["mimeType"] == "image/png"
    assert seen["convert"]["structuredContent"] == {"value": 1.5, "unit": "celsius", "precise": False}
    assert seen["register"]["content"][0]["text"] == "Ada (36), Lane, []"
    assert seen["wrong"]["isError"] is True
    assert seen["unknown"]["isError"] is True
    assert "enough" in seen["slow"]
    assert seen["ping"]["content"][0]["text"] == "pong"
    assert seen["closed"] < 2000, "it was killed, and did not end with its input"
    assert (seen["errors"], seen["said"]) == ([], "")


def _node(*words: str, **variables: str) -> str:
    """Run a program of Node, and return what it prints."""
    environment = {**clean_environment(), "PATH": PATH, **variables}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout


# --- the inspector


@pytest.fixture
def inspect(signed_in: dict[str, str]) -> Callable[..., Any]:
    """Run the inspector without its window: `inspect("tools/list")` returns the result."""

    def inspect(method: str, *words: str) -> Any:
        passed = [word for pair in own(signed_in).items() for word in ("-e", "=".join(pair))]
        command = [*PROGRAM, "mcp", "serve"]
        options = ["--method", method, *words, "--format", "json"]
        done = subprocess.run(
            ["mcp-inspector", "--cli", *passed, *options, "--", *command],
            env={**clean_environment(), "PATH": PATH, "HOME": signed_in["HOME"]},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.stdout, done.stderr
        found = json.loads(done.stdout)
        return found.get("result", found)

    return inspect


@pytest.mark.database
@needs("mcp-inspector")
def test_the_inspector_lists_the_tools(inspect: Callable[..., Any]) -> None:
    tools = {one["name"]: one for one in inspect("tools/list", "--strict")["tools"]}
    assert set(tools) >= NAMES
    assert tools["mcp_lab_stdio_add"]["inputSchema"]["required"] == ["a"]


@pytest.mark.database
@needs("mcp-inspector")
def test_the_inspector_calls_a_tool(inspect: Callable[..., Any]) -> None:
    def call(name: str, **arguments: Any) -> Any:
        return inspect("tools/call", "--tool-name", f"mcp_lab_stdio_{name}", "--tool-args-json", json.dumps(arguments))

    assert call("add", a=2, b=3)["content"][0]["text"] == "5"
    assert call("register", person=ADA)["content"][0]["text"] == "Ada (36), Lane, []"
    assert call("picture")["content"][0]["mimeType"] == "image/png"
    assert call("convert", value=1.5, unit="celsius")["structuredContent"]["unit"] == "celsius"
    assert call("fail", message="on purpose")["isError"] is True


# --- what changes in a session


@pytest.mark.database
def test_a_server_that_comes_and_goes_is_noticed(signed_in: dict[str, str], lab: Lab) -> None:
    heard: list[str] = []
    name = f"bridge_{uuid.uuid4().hex[:8]}"
    body = {"server_name": name, "url": _lab_mcp(lab), "transport": "http", "allow_all_keys": True}

    async def changed(client: Any, *, present: bool) -> None:
        heard.clear()
        for _ in range(300):
            await asyncio.sleep(0.1)
            if "ToolListChangedNotification" in heard:
                heard.clear()
                if (f"mcp_{name}_add" in await names(client)) == present:
                    return
        raise AssertionError(f"no list_changed; heard {heard}")

    async def use() -> None:
        async with python_client(signed_in, "--refresh", "1", heard=heard) as client:
            assert f"mcp_{name}_add" not in await names(client)
            made = lab.ask("POST", "/v1/mcp/server", json=body)
            made.raise_for_status()
            try:
                await changed(client, present=True)
                added = await client.call_tool(f"mcp_{name}_add", {"a": 2, "b": 3})
                assert added.content[0].text == "5"
            finally:
                lab.ask("DELETE", f"/v1/mcp/server/{made.json()['server_id']}")
            await changed(client, present=False)
            gone = await client.call_tool(f"mcp_{name}_add", {"a": 2, "b": 3})
            assert gone.is_error

    asyncio.run(asyncio.wait_for(use(), 120))


def _lab_mcp(lab: Lab) -> str:
    """Return the URL of the lab's MCP server."""
    (url,) = {one["url"] for one in lab.ask("GET", "/v1/mcp/server").json() if one["server_name"] == "lab_http"}
    return str(url)


@pytest.mark.database
def test_a_token_that_expires_in_a_session_is_renewed_and_no_call_fails(signed_in: dict[str, str]) -> None:
    vault = Vault(signed_in)

    async def use() -> None:
        async with python_client(signed_in) as client:
            for number in range(4):
                if number in {1, 2}:
                    vault.change(issued_at=time.time() - 24 * 3600, expires_at=time.time() - 60)
                before = vault.secret()["token"]
                many = [client.call_tool("mcp_lab_stdio_add", {"a": number, "b": one}) for one in range(3)]
                results = await asyncio.gather(*many)
                assert [(one.is_error, one.content[0].text) for one in results] == [
                    (False, str(number + one)) for one in range(3)
                ]
                assert (vault.secret()["token"] != before) == (number in {1, 2})

    asyncio.run(asyncio.wait_for(use(), 120))


# In seconds: how long a key is good that expires in a test.
_SHORT = 40


@pytest.mark.database
def test_a_token_that_cannot_be_renewed_is_a_tool_error_until_the_next_login(
    start: Start, env: dict[str, str], lab: Lab, run_process: Run, tmp_path: Path
) -> None:
    env["LITELLMCTL_KEYRING"] = "off"
    key = lab.new_key(user_id="one", duration=f"{_SHORT}s")
    expires = time.monotonic() + _SHORT
    run_process("login", "--with-token", "--storage", "file", "--base-url", lab.url, stdin=f"{key}\n")
    client = McpClient(start("mcp", "serve", text=False))
    client.begin()
    assert client.call("mcp_lab_stdio_add", a=2, b=3)["content"][0]["text"] == "5"
    time.sleep(max(0.0, expires - time.monotonic()) + 1)
    late = client.call("mcp_lab_stdio_add", a=2, b=3)
    assert late["isError"] is True
    assert "litellmctl login" in late["content"][0]["text"]
    person = Person(lab, tmp_path)
    browser = {"BROWSER": person.browser("one")}
    Waiting(("login", "--sso", "--base-url", lab.url), {**env, **browser}, tmp_path).finish()
    assert client.call("mcp_lab_stdio_add", a=2, b=3)["content"][0]["text"] == "5"
    client.end()
    person.leaves()


# --- the conformance suite


class _Front(Server):
    """A streamable HTTP server of MCP, each session of which is a `mcp serve`: the suite speaks nothing else."""

    def __init__(self, env: dict[str, str]) -> None:
        super().__init__(_FrontHandler)
        self.env = env
        self.sessions: dict[str, _Piped] = {}


class _Piped:
    """A `mcp serve`, and what it says."""

    def __init__(self, env: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [*PROGRAM, "mcp", "serve", "--bare-names"],
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )

    def ask(self, body: bytes) -> bytes | None:
        """Pass a message on; return the answer to a request."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(body + b"\n")
        wanted = json.loads(body).get("id")
        while wanted is not None:
            line = self._line()
            if json.loads(line).get("id") == wanted:
                return line
        return None

    def _line(self) -> bytes:
        assert self.process.stdout is not None
        line = b""
        while not line.endswith(b"\n"):
            piece = self.process.stdout.read(1)
            assert piece, "it ended"
            line += piece
        return line


class _FrontHandler(Handler):
    server: _Front

    def _pass_on(self) -> None:
        body = self.body()
        name = self.headers.get("Mcp-Session-Id") or uuid.uuid4().hex
        session = self.server.sessions.get(name)
        if session is None:
            session = self.server.sessions[name] = _Piped(self.server.env)
        answered = session.ask(body)
        headers = {"Mcp-Session-Id": name}
        self.send(202 if answered is None else 200, answered or b"", headers)

    def _refuse(self) -> None:
        self.send(405, b"")

    do_POST, do_GET, do_DELETE = _pass_on, _refuse, _refuse


_2020 = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {"type": "object", "properties": {"street": {"type": "string"}, "city": {"type": "string"}}},
    },
    "properties": {"name": {"type": "string"}, "address": {"$ref": "#/$defs/address"}},
    "additionalProperties": False,
}
_TEXT = {"type": "text", "text": "This is a simple text response for testing."}
_IMAGE = {"type": "image", "data": "iVBORw0KGgo=", "mimeType": "image/png"}
_AUDIO = {"type": "audio", "data": "UklGRg==", "mimeType": "audio/wav"}
_RESOURCE = {"type": "resource", "resource": {"uri": "test://a", "mimeType": "text/plain", "text": "embedded"}}
_SCENARIOS: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "server-initialize": ("", []),
    "ping": ("", []),
    "logging-set-level": ("", []),
    "tools-list": ("", []),
    "json-schema-2020-12": ("", []),
    "tools-call-simple-text": ("test_simple_text", [_TEXT]),
    "tools-call-image": ("test_image_content", [_IMAGE]),
    "tools-call-audio": ("test_audio_content", [_AUDIO]),
    "tools-call-embedded-resource": ("test_embedded_resource", [_RESOURCE]),
    "tools-call-mixed-content": ("test_multiple_content_types", [_TEXT, _IMAGE, _RESOURCE]),
    "tools-call-error": ("test_error_handling", [_TEXT]),
}


@needs("conformance")
@pytest.mark.parametrize("scenario", _SCENARIOS)
def test_the_conformance_suite(proxy: FakeProxy, env: dict[str, str], scenario: str, tmp_path: Path) -> None:
    """The scenarios that a server of tools can have.

    The others are of resources, prompts, completion, sampling, elicitation, events of HTTP, and of notifications while
    a tool works, which the proxy's REST does not pass on.
    """
    name, content = _SCENARIOS[scenario]
    offering(
        proxy,
        *(tool(one) for one, _ in _SCENARIOS.values() if one),
        tool("json_schema_2020_12_tool", _2020),
        rows=[server("lab")],
    )
    if name:
        proxy.on(CALL, {**answer(), "content": content, "isError": name == "test_error_handling"}, method="POST")
    front = _Front(env)
    front.begin()
    try:
        done = subprocess.run(
            ["conformance", "server", "--url", f"{front.url}/mcp", "--scenario", scenario],
            env={**clean_environment(), "PATH": PATH},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    finally:
        for session in front.sessions.values():
            session.process.kill()
            session.process.communicate()
        front.close()
    assert done.returncode == 0, done.stdout + done.stderr
    assert not front.errors
