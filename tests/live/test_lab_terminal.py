"""Signing in at a real terminal: every prompt, what it shows, and what Ctrl-C leaves."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import select
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest

from tests.conftest import Run
from tests.effort import until
from tests.live.conftest import LITELLM, Lab
from tests.live.signing_in import PROGRAM, Between, Person, Vault

pytestmark = pytest.mark.database

AWAY = {"SSH_CONNECTION": "192.0.2.1 50000 192.0.2.2 22"}
# After the program, whatever became of it: its exit code, and the terminal as the shell finds it.
SHELL = 'trap : INT; "$@"; code=$?; stty -a; echo "exit=$code"'
URL, WAY, KEY, TEAM, PASTED = "Proxy URL", "How do you want to sign in?", "API key or token", "Which team?", "Token"
VIRTUAL = "Create a virtual key that outlives this token?"


@pytest.fixture(autouse=True)
def _no_keyring(env: dict[str, str]) -> None:
    env["LITELLMCTL_KEYRING"] = "off"


@pytest.fixture
def vault(env: dict[str, str]) -> Vault:
    return Vault(env)


@pytest.fixture
def person(lab: Lab, tmp_path: Path) -> Iterator[Person]:
    person = Person(lab, tmp_path)
    yield person
    person.leaves()


@pytest.fixture(scope="module")
def session(lab: Lab) -> str:
    """A token as the proxy's pages would show one."""
    return lab.sign_in("one")


class Terminal:
    """The program in a shell of its own at a terminal; `shown` is all that was to be seen there."""

    def __init__(self, env: dict[str, str], arguments: tuple[str, ...]) -> None:
        self._seen = io.StringIO()
        command = ["-c", SHELL, "bash", *PROGRAM, *arguments]
        self.child = pexpect.spawn("bash", command, env=env, encoding="utf-8", timeout=20, dimensions=(24, 120))
        self.child.logfile_read = self._seen

    @property
    def shown(self) -> str:
        return self._seen.getvalue().replace("\r\n", "\n")

    def asks(self, question: str, default: str = "") -> None:
        """Wait for a prompt; `default` stands in its brackets."""
        self.child.expect_exact(f"{question} [{default}]: " if default else f"{question}: ")

    def asks_hidden(self, question: str) -> None:
        self.child.expect_exact(f"{question} (hidden): ")
        assert self.child.waitnoecho(10)

    def line(self, pattern: str) -> str:
        """Wait for a line, and return the part of it in parentheses."""
        self.child.expect(rf"(?:^|\n){pattern}\r\n")
        return str(self.child.match.group(1))

    def types(self, text: str = "") -> None:
        self.child.sendline(text)

    def presses(self, key: str) -> None:
        self.child.sendcontrol(key)

    def ends(self, exit: int = 0) -> str:
        """Wait for the end; return what was shown until then. The terminal has to be as it was."""
        self.child.expect(r"\nexit=(\d+)\r\n")
        self.child.expect(pexpect.EOF)
        program, _, terminal = self.shown.partition("\nspeed ")
        assert f"exit={exit}\n" in terminal, self.shown
        for setting in ("echo", "icanon", "isig"):
            assert re.search(rf"(?<![-\w]){setting}\b", terminal), f"the terminal was left without {setting}"
        assert "Traceback" not in program
        return program

    def close(self) -> None:
        self.child.ptyproc.delayafterclose = 0
        self.child.close(force=True)


Open = Callable[..., Terminal]


@pytest.fixture
def terminal(env: dict[str, str]) -> Iterator[Open]:
    opened: list[Terminal] = []

    def open_one(*arguments: str, **variables: str) -> Terminal:
        opened.append(Terminal({**env, **variables}, arguments))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


@pytest.fixture
def between(lab: Lab) -> Iterator[Between]:
    proxy = Between(lab)
    yield proxy
    proxy.close()


# --- the guided login


def test_the_questions_lead_to_a_key_that_is_never_shown(terminal: Open, lab: Lab, vault: Vault) -> None:
    key = lab.new_key(user_id="one", duration="10h", models=["gpt-4o"])
    login = terminal("login", LITELLM_BASE_URL=lab.url)
    login.asks(URL, lab.url)
    login.types()
    login.asks(WAY, "1")
    login.types("3")
    login.asks(WAY, "1")  # there are two
    login.types("2")
    login.asks_hidden(KEY)
    login.types(key)
    shown = login.ends()
    assert "  1  Single sign-on, in a browser\n  2  API key, typed or pasted here\n" in shown
    assert f" Signed in to {lab.url} as one@example.com (file)\n" in shown
    assert "1 model; the login expires in 10 hours (" in shown
    assert not [part for part in (key, key[:8], key[-8:]) if part in login.shown]
    assert vault.secret()["token"] == key
    # Next time the known URL is proposed, also after signing out, and another one may be typed.
    assert "Signed out" in terminal("logout").ends()
    again = terminal("login")
    again.asks(URL, lab.url)
    again.types("http://127.0.0.1:9")
    again.asks(URL, lab.url)  # with the reason, and the known one is proposed again
    again.child.sendeof()
    assert "cannot reach http://127.0.0.1:9" in again.ends(130)
    login = terminal("login", "--with-token")
    login.asks_hidden(KEY)
    login.types(f"  Bearer {key} ")
    login.ends()
    assert vault.secret()["token"] == key


def test_a_key_that_is_sent_the_moment_it_is_asked_for_is_not_shown_either(terminal: Open, lab: Lab) -> None:
    # A password manager types as soon as it sees the prompt, which no prompt may invite before the echo is off.
    key = "sk-as-soon as-the-prompt-is-there"  # of two words, which no proxy has to be asked about
    for _ in range(6):
        login = terminal("login", "--with-token", "--base-url", lab.url)
        login.child.timeout = 5
        descriptor = login.child.child_fd
        while b" (hidden): " not in read_some(descriptor):
            pass
        os.write(descriptor, f"{key}\n".encode())
        login.asks_hidden(KEY)
        login.types(key)
        login.asks_hidden(KEY)
        login.types(key)
        assert "several lines or words" in login.ends(2)
        assert key not in login.shown


def read_some(descriptor: int) -> bytes:
    assert select.select([descriptor], [], [], 10)[0], "nothing is shown"
    return os.read(descriptor, 4096)


def test_the_questions_lead_to_the_browser(terminal: Open, lab: Lab, person: Person, vault: Vault) -> None:
    login = terminal("login", "--base-url", lab.url, BROWSER=person.browser("one"))
    login.asks(WAY, "1")
    login.types()
    shown = login.ends()
    assert "Opening a browser on this machine to sign in (10 minutes; Ctrl-C cancels):\n" in shown
    assert " Signed in to " in shown
    assert "the login is refreshed automatically." in shown
    assert vault.login()["kind"] == "pkce"
    assert "Signed in" in person.seen()[-1].text


def test_a_device_code_asks_for_the_team_by_number(terminal: Open, lab: Lab, person: Person, vault: Vault) -> None:
    login = terminal("login", "--sso", "--base-url", lab.url, **AWAY)
    link = login.line(r"(http\S+)")
    person.visit(link, "duo", code=login.line(r"Enter the code (\S+) there .*"))
    login.asks(TEAM)
    for wrong in ("", "0", "3", "lab-red"):
        login.types(wrong)
        login.asks(TEAM)
    login.types("1")
    shown = login.ends()
    assert "  1  Blue team (lab-blue)\n  2  Red team (lab-red)\n" in shown
    assert "as duo@example.com, team Blue team (file)" in shown
    assert vault.login()["team_id"] == "lab-blue"
    # The link is alone on its line and has no colour, so that it can be copied.
    assert f"\n{link}\n" in shown
    assert "\x1b" not in shown.split(link)[0].splitlines()[-1]


def test_a_token_of_this_proxys_pages_is_pasted(terminal: Open, lab: Lab, vault: Vault, session: str) -> None:
    login = terminal("login", "--flow", "paste", "--base-url", lab.url, **AWAY)
    assert login.line(r"(http\S+)") == f"{lab.url}/sso/key/generate"
    login.asks_hidden(PASTED)
    login.types(f"Bearer {session}")
    shown = login.ends()
    assert "as one@example.com (file)" in shown
    assert session not in login.shown
    assert vault.secret()["token"] == session
    assert vault.login()["kind"] == "sso"


# --- a JSON web token, which the lab itself does not take


@pytest.fixture
def web_token(between: Between, session: str) -> str:
    """A token with an expiry in it, as proxies have them that take JSON web tokens."""

    def part(content: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")

    token = f"{part({'alg': 'none'})}.{part({'sub': 'one', 'exp': int(time.time()) + 3600})}.c2lnbmF0dXJl"
    between.keys[f"Bearer {token}"] = f"Bearer {session}"
    return token


@pytest.mark.parametrize("answer", ["", "n"])
def test_a_virtual_key_is_offered_for_a_pasted_web_token(
    terminal: Open, run_process: Run, between: Between, lab: Lab, vault: Vault, web_token: str, answer: str
) -> None:
    login = terminal("login", "--flow", "paste", "--base-url", between.url, **AWAY)
    login.asks_hidden(PASTED)
    login.types(web_token)
    login.child.expect_exact(f"{VIRTUAL} [Y/n] ")
    login.types(answer)
    shown = login.ends()
    assert web_token not in login.shown
    stored = vault.secret()["token"]
    if answer:
        assert stored == web_token
        assert "the login expires in 1 hour (" in shown
        return
    assert 'Created the virtual key "litellmctl-' in shown
    assert stored.startswith("sk-")
    assert stored not in login.shown
    run_process("logout", "--revoke-key")
    assert lab.ask("GET", "/v1/models", key=stored).status_code == 401


# --- Ctrl-C


@pytest.mark.parametrize("question", [URL, WAY, KEY, PASTED, VIRTUAL, TEAM, "the browser", "the browser to come back"])
def test_ctrl_c_leaves_the_terminal_and_what_was_stored_as_they_were(
    terminal: Open,
    run: Run,
    lab: Lab,
    person: Person,
    between: Between,
    vault: Vault,
    request: pytest.FixtureRequest,
    question: str,
) -> None:
    run("login", "--with-token", "--base-url", lab.url, stdin=lab.master_key)
    before = vault.files()
    options = {
        URL: ["login"],
        WAY: ["login", "--base-url", lab.url],
        KEY: ["login", "--with-token"],
        PASTED: ["login", "--flow", "paste"],
        VIRTUAL: ["login", "--flow", "paste", "--base-url", between.url],
        TEAM: ["login", "--sso"],
        "the browser": ["login", "--sso"],
        "the browser to come back": ["login", "--flow", "pkce", "--no-browser"],
    }
    login = terminal(*options[question], **AWAY)
    if question == TEAM:
        link = login.line(r"(http\S+)")
        person.visit(link, "duo", code=login.line(r"Enter the code (\S+) there .*"))
    if question == VIRTUAL:
        login.asks_hidden(PASTED)
        login.types(request.getfixturevalue("web_token"))
        login.child.expect_exact(f"{VIRTUAL} [Y/n] ")
    elif question in {KEY, PASTED}:
        login.asks_hidden(question)
        login.child.send("sk-not-all-of-it")
        time.sleep(0.3)  # a signal between two reads is noticed with the next key only, by Python itself
    elif question.startswith("the browser"):
        login.line(r"(http\S+)")
        time.sleep(1.2)
    else:
        login.child.expect_exact(question)
    login.presses("c")
    shown = login.ends(130)
    assert "sk-not" not in login.shown
    assert "Signed in" not in shown
    assert vault.files() == before


def test_the_end_of_the_input_is_no_answer(terminal: Open, lab: Lab, vault: Vault) -> None:
    for options, question in (([], URL), (["--with-token", "--base-url", lab.url], KEY)):
        login = terminal("login", *options)
        if question == KEY:
            login.asks_hidden(question)
        else:
            login.asks(question)
        login.presses("d")
        assert "Signed in" not in login.ends(130)
    assert "secrets.json" not in vault.files()


# --- pastes, and what a person sees


def test_a_paste_of_9000_characters_arrives_whole(terminal: Open, lab: Lab, vault: Vault) -> None:
    key = lab.new_key(duration="1h")
    login = terminal("login", "--with-token", "--base-url", lab.url)
    login.asks_hidden(KEY)
    login.types(f"Bearer {' ' * (9000 - 7 - len(key))}{key}")
    login.ends()
    assert vault.secret()["token"] == key
    assert key not in login.shown
    # One that is as long as it looks is the proxy's to refuse, and none of it is left for the shell.
    login = terminal("login", "--with-token", "--base-url", lab.url)
    login.asks_hidden(KEY)
    login.types("sk-" + "x" * 8997)
    login.asks_hidden(KEY)
    login.types("")
    shown = login.ends(4)
    assert "refused the key" in shown
    assert "xxxxx" not in login.shown  # four of them are in the proxy's own words
    assert vault.secret()["token"] == key


def test_whoami_at_a_terminal(terminal: Open, run: Run, lab: Lab) -> None:
    key = lab.new_key(user_id="one", duration="10h", max_budget=5.0, budget_duration="30d")
    run("login", "--with-token", "--base-url", lab.url, stdin=key)
    shown = terminal("whoami", NO_COLOR="1").ends()
    facts = dict(re.findall(r"^(\w[\w ]*?)  +(\S.*)$", shown, re.MULTILINE))
    assert facts["proxy"] == lab.url
    assert facts["signed in"] == "yes"
    assert facts["user"] == "one@example.com (one)"
    assert facts["expires"].endswith("Z (in 10 hours)")
    assert facts["spent"] == "$0.00 of $5.00 (budget of the key)"
    assert facts["budget resets"].startswith("20")
    assert facts["proxy version"] == LITELLM
    assert key not in shown
    # A variable that loses is named, once, at a terminal.
    models = terminal("models", LITELLM_BASE_URL=lab.url, LITELLM_API_KEY="sk-other", COLUMNS="200").ends()
    assert models.count("LITELLM_API_KEY is ignored: the stored login of profile default is used") == 1
    assert terminal("token", LITELLM_BASE_URL=lab.url, LITELLM_API_KEY="sk-other").ends() == key


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
def test_the_screen_of_a_guided_login(env: dict[str, str], lab: Lab, tmp_path: Path) -> None:
    key = lab.new_key(user_id="one", models=["gpt-4o"])
    socket = tmp_path / "tmux"
    variables = {**env, "LITELLM_BASE_URL": lab.url, "LC_ALL": "C.UTF-8"}

    def tmux(*words: str) -> str:
        command = ["tmux", "-S", str(socket), "-f", "/dev/null", *words]
        return subprocess.run(
            command, env=variables, capture_output=True, text=True, timeout=20, check=True, cwd=Path.cwd()
        ).stdout

    def screen() -> str:
        return "\n".join(line.rstrip() for line in tmux("capture-pane", "-p").splitlines()).strip()

    command = ["bash", "-c", f"{SHELL}; sleep 60", "bash", *PROGRAM, "login"]
    tmux("new-session", "-d", "-x", "100", "-y", "40", *command)
    try:
        for prompt, keys in (("Proxy URL", ""), ("How do you", "2"), ("(hidden):", key)):
            until(lambda prompt=prompt: prompt in screen().rpartition("\n")[2], prompt, 30)
            time.sleep(0.3)
            tmux("send-keys", "-l", keys or " ")
            tmux("send-keys", "Enter")
        until(lambda: "exit=" in screen(), "the end", 30)
        lines = screen().partition("\nspeed ")[0].splitlines()
    finally:
        tmux("kill-server")
    assert lines[:5] == [
        f"Proxy URL [{lab.url}]:",
        "  1  Single sign-on, in a browser",
        "  2  API key, typed or pasted here",
        "How do you want to sign in? [1]: 2",
        "API key or token (hidden):",
    ]
    assert f"✓ Signed in to {lab.url} as one@example.com (file)" in lines
    assert key not in "\n".join(lines)
