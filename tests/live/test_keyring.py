"""The keyring vault with a real keyring: gnome-keyring, on a message bus of its own (apt install gnome-keyring)."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.effort import until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="gnome-keyring is Linux's")

_NEEDED = ("dbus-daemon", "gnome-keyring-daemon")
_PASSWORD = "of the login keyring"
# What would lead a program to this machine's own keyring, or to a window that asks for its password.
_OWN = ("DBUS_", "DISPLAY", "WAYLAND_DISPLAY", "GNOME_KEYRING_", "XDG_", "PYTHON_KEYRING_", "KEYRING_", "SSH_AUTH_SOCK")
_SERVICE = "[D-BUS Service]\nName={name}\nExec={command}\n"


@contextmanager
def keyring_session(
    env: dict[str, str], *, locked: bool = False, daemon: str | None = None, prompter: str = "/bin/false"
) -> Iterator[dict[str, str]]:
    """Run a message bus with gnome-keyring, and yield `env` with what leads programs there.

    The keyring lies in the HOME of `env`: what one session put there, the next one with this HOME finds. The bus starts
    the daemon when it is first asked for, so there is no moment at which it is not there yet. `locked` starts it without
    the password; `prompter` is the program that would then ask a person for it, which fails by default. `daemon` is
    another program in the daemon's place. When this is over, so is everything that the bus started.
    """
    for program in _NEEDED:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed (apt install dbus gnome-keyring)")
    data = Path(env["HOME"]) / ".local" / "share"
    if locked and not (data / "keyrings" / "login.keyring").exists():
        _make_keyring(env)
    # Sockets have names of 107 characters at most, and pytest's folders have long ones.
    with tempfile.TemporaryDirectory(prefix="keyring-") as folder:
        runtime = Path(folder)
        command = f"exec gnome-keyring-daemon --foreground --components=secrets{'' if locked else ' --unlock'}"
        (runtime / "daemon").write_text(f"printf %s '{_PASSWORD}' | {command}\n")
        (runtime / "dbus-1" / "services").mkdir(parents=True)
        for name, started in (
            ("org.freedesktop.secrets", daemon or f"/bin/sh {runtime / 'daemon'}"),
            ("org.gnome.keyring.SystemPrompter", prompter),
        ):
            service = _SERVICE.format(name=name, command=started)
            (runtime / "dbus-1" / "services" / f"{name}.service").write_text(service)
        address = f"unix:path={runtime / 'bus'}"
        inside = {
            **without_keyring(env),
            "XDG_DATA_HOME": str(data),
            "XDG_RUNTIME_DIR": folder,
            "DBUS_SESSION_BUS_ADDRESS": address,
        }
        with (runtime / "log").open("wb") as log:
            bus = subprocess.Popen(
                ["dbus-daemon", "--session", "--nofork", "--nopidfile", f"--address={address}", "--print-address"],
                env=inside,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        with bus:
            try:
                assert bus.stdout is not None
                assert bus.stdout.readline(), (runtime / "log").read_text()
                yield inside
            finally:
                # Its group still is its own, since nobody has waited for it yet.
                os.killpg(bus.pid, signal.SIGKILL)
                bus.wait(10)
                wait_until_none_lives(folder)


def in_keyring_session(
    words: Sequence[str | Path],
    env: dict[str, str],
    *,
    locked: bool = False,
    daemon: str | None = None,
    prompter: str = "/bin/false",
    stdin: str = "",
    timeout: float = 30,
) -> subprocess.CompletedProcess[str]:
    """Run one command in a `keyring_session` of its own, and return what came of it, whatever its exit code is."""
    with keyring_session(env, locked=locked, daemon=daemon, prompter=prompter) as inside:
        return subprocess.run(
            words, env=inside, input=stdin, capture_output=True, encoding="utf-8", timeout=timeout, check=False
        )


def without_keyring(env: dict[str, str]) -> dict[str, str]:
    """Return the environment of somebody who has no message bus, no display and no other keyring."""
    return {name: value for name, value in env.items() if not name.startswith(_OWN)}


def _make_keyring(env: dict[str, str]) -> None:
    program = (
        "from keyring.backends.SecretService import Keyring; Keyring().get_preferred_collection().connection.close()"
    )
    in_keyring_session([sys.executable, "-c", program], env).check_returncode()


def alive(mark: str) -> list[str]:
    """Return the commands of the processes whose environment has this text. Zombies have no environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def wait_until_none_lives(mark: str) -> None:
    """Wait for what was killed to be gone."""
    until(lambda: not alive(mark), "the end of all of the session", 5)


# What a process of its own does with the vault: each word is an operation and a login's id. Prints a line for each.
_PROGRAM = """
import sys, time
from litellmctl.auth.vault import Found, KeyringVault, Secret

for word in sys.argv[1:]:
    operation, _, login = word.partition(":")
    begin = time.monotonic()
    if operation == "put":
        token = "tök-" + login + "x" * (3000 if "long" in login else 0)
        outcome = KeyringVault().put(login, Secret("https://llm.example.com", token, 1.5, None, "rt"))
    else:
        outcome = getattr(KeyringVault(), operation)(login)
    token = outcome.secret.token.rstrip("x") if isinstance(outcome, Found) else ""
    print(type(outcome).__name__, token or getattr(outcome, "reason", ""))
    assert time.monotonic() - begin < 3.5, "later than the limit"
"""
EVERY_OPERATION = ("put:id-1", "get:id-1", "remove:id-1")


def words(*operations: str) -> list[str]:
    """Return the command that does this with the vault."""
    return [sys.executable, "-c", _PROGRAM, *operations]


def use_vault(env: dict[str, str], *operations: str) -> list[str]:
    """Do this with the vault in a process of its own, and return what it said of each operation."""
    return lines_of(
        subprocess.run(words(*operations), env=env, capture_output=True, encoding="utf-8", timeout=30, check=False)
    )


def lines_of(done: subprocess.CompletedProcess[str]) -> list[str]:
    assert (done.returncode, done.stderr) == (0, "")
    return [line.strip() for line in done.stdout.splitlines()]


def test_what_one_process_puts_there_another_one_gets_and_removes(env: dict[str, str]) -> None:
    with keyring_session(env) as inside:
        assert use_vault(inside, "get:id-1", "remove:id-1") == ["Missing", "Missing"]
        assert use_vault(inside, "put:id-1", "put:id-2") == ["Stored", "Stored"]
        assert use_vault(inside, "get:id-1", "get:id-2", "get:id-3") == ["Found tök-id-1", "Found tök-id-2", "Missing"]
        assert use_vault(inside, "remove:id-1") == ["Missing"]
        assert use_vault(inside, "get:id-1", "get:id-2") == ["Missing", "Found tök-id-2"]


def test_a_secret_is_there_after_the_next_sign_in_to_the_machine(env: dict[str, str]) -> None:
    assert lines_of(in_keyring_session(words("put:id-1"), env)) == ["Stored"]
    assert lines_of(in_keyring_session(words("get:id-1"), env)) == ["Found tök-id-1"]


def test_a_long_secret_lies_in_a_real_keyring_too(env: dict[str, str]) -> None:
    with keyring_session(env) as inside:
        assert use_vault(inside, "put:long-1") == ["Stored"]
        assert use_vault(inside, "get:long-1") == ["Found tök-long-1"]


_ITEMS = """
import json
from contextlib import closing
import secretstorage

with closing(secretstorage.dbus_init()) as connection:
    items = secretstorage.get_default_collection(connection).get_all_items()
    print(json.dumps([[item.get_label(), item.get_attributes(), item.get_secret().decode()] for item in items]))
"""


def test_a_person_who_looks_into_the_keyring_finds_one_item_and_whose_it_is(env: dict[str, str]) -> None:
    with keyring_session(env) as inside:
        assert use_vault(inside, "put:id-1", "put:id-1") == ["Stored", "Stored"]
        done = subprocess.run(
            [sys.executable, "-c", _ITEMS], env=inside, capture_output=True, encoding="utf-8", timeout=30, check=True
        )
    [(label, attributes, text)] = json.loads(done.stdout)
    assert label == "Password for 'id-1' on 'litellmctl'"
    assert (attributes["service"], attributes["username"]) == ("litellmctl", "id-1")
    secret = json.loads(text)
    assert (secret["base_url"], secret["token"]) == ("https://llm.example.com", "tök-id-1")


def test_secret_tool_finds_it_too(env: dict[str, str]) -> None:
    if shutil.which("secret-tool") is None:
        pytest.skip("secret-tool is not installed (apt install libsecret-tools)")
    with keyring_session(env) as inside:
        use_vault(inside, "put:id-1")
        look = ["secret-tool", "lookup", "service", "litellmctl", "username", "id-1"]
        done = subprocess.run(look, env=inside, capture_output=True, encoding="utf-8", timeout=30, check=True)
        assert json.loads(done.stdout)["token"] == "tök-id-1"
        clear = ["secret-tool", "clear", "service", "litellmctl"]
        subprocess.run(clear, env=inside, capture_output=True, timeout=30, check=True)
        assert use_vault(inside, "get:id-1", "remove:id-1") == ["Missing", "Missing"]


def test_an_item_that_another_program_wrote_under_our_name_is_refused(env: dict[str, str]) -> None:
    program = "import keyring; keyring.set_password('litellmctl', 'id-1', 'hunter2')"
    with keyring_session(env) as inside:
        subprocess.run([sys.executable, "-c", program], env=inside, timeout=30, check=True)
        assert use_vault(inside, "get:id-1") == ["Refused its item is not valid"]


def test_a_locked_keyring_that_nobody_can_unlock_is_refused_at_once_and_nothing_is_lost(env: dict[str, str]) -> None:
    in_keyring_session(words("put:id-1"), env)
    begin = time.monotonic()
    done = in_keyring_session(words(*EVERY_OPERATION), env, locked=True)
    assert lines_of(done) == ["Refused it is locked"] * 3
    assert time.monotonic() - begin < 3
    assert lines_of(in_keyring_session(words("get:id-1"), env)) == ["Found tök-id-1"]


def test_a_locked_keyring_that_asks_where_nobody_sees_it_is_refused_within_the_limit(env: dict[str, str]) -> None:
    begin = time.monotonic()
    done = in_keyring_session(words("get:id-1"), env, locked=True, prompter="/bin/sleep 60")
    assert lines_of(done) == ["Refused it did not answer within 3 s"]
    assert 3 <= time.monotonic() - begin < 6


def test_a_keyring_service_that_does_not_start_in_time_is_refused_within_the_limit(env: dict[str, str]) -> None:
    done = in_keyring_session(words("put:id-1"), env, daemon="/bin/sleep 60")
    assert lines_of(done) == ["Refused it did not answer within 3 s"]


def test_a_keyring_service_that_cannot_start_keeps_nothing(env: dict[str, str]) -> None:
    for line in lines_of(in_keyring_session(words(*EVERY_OPERATION), env, daemon="/bin/false")):
        assert line.startswith(("Refused ", "NoKeyring "))


def test_a_new_user_whose_first_keyring_nobody_can_make_is_refused(env: dict[str, str]) -> None:
    daemon = "/bin/sh -c 'exec gnome-keyring-daemon --foreground --components=secrets'"
    for line in lines_of(in_keyring_session(words(*EVERY_OPERATION), env, daemon=daemon)):
        assert line.startswith("Refused Failed to create the collection")


def test_without_a_message_bus_there_is_no_keyring(env: dict[str, str], tmp_path: Path) -> None:
    nowhere = {**without_keyring(env), "XDG_RUNTIME_DIR": str(tmp_path)}
    for line in use_vault(nowhere, *EVERY_OPERATION):
        assert line.startswith("NoKeyring ")


def test_with_a_message_bus_that_is_gone_there_is_no_keyring(env: dict[str, str], tmp_path: Path) -> None:
    gone = {**without_keyring(env), "DBUS_SESSION_BUS_ADDRESS": f"unix:path={tmp_path / 'bus'}"}
    for line in use_vault(gone, *EVERY_OPERATION):
        assert line.startswith("NoKeyring ")


def test_a_keyring_that_is_switched_off_is_left_alone(env: dict[str, str]) -> None:
    with keyring_session(env) as inside:
        off = {**inside, "LITELLMCTL_KEYRING": "off"}
        assert use_vault(off, *EVERY_OPERATION) == ["NoKeyring LITELLMCTL_KEYRING=off"] * 3
        assert alive(inside["XDG_RUNTIME_DIR"])
        assert not any("gnome-keyring" in command for command in alive(inside["XDG_RUNTIME_DIR"]))


def test_nothing_of_a_session_survives_it_whatever_happens_inside(env: dict[str, str]) -> None:
    def go_wrong() -> None:
        with keyring_session(env) as inside:
            used.append(inside)
            use_vault(inside, "put:id-1")
            assert any("gnome-keyring" in command for command in alive(inside["XDG_RUNTIME_DIR"]))
            raise KeyboardInterrupt

    used: list[dict[str, str]] = []
    with pytest.raises(KeyboardInterrupt):
        go_wrong()
    folder = used[0]["XDG_RUNTIME_DIR"]
    assert alive(folder) == []
    assert not Path(folder).exists()
