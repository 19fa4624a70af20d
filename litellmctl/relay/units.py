"""The files by which the system starts a relay at login: systemd's user manager, and launchd."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from litellmctl.settings.definitions import DEFAULT_PROFILE

KINDS = ("systemd", "launchd")
# A bad option and a missing sign-in: starting again does not help.
_FINAL = "2 4"
_ENV = "/usr/bin/env"


def place(kind: str, profile: str) -> tuple[str, str]:
    """Return the file in which the system looks for this kind, and the command that starts it from then on."""
    name = "litellmctl" if profile == DEFAULT_PROFILE else f"litellmctl-{profile}"
    if kind == "systemd":
        return f"~/.config/systemd/user/{name}.service", f"systemctl --user enable --now {name}"
    path = f"~/Library/LaunchAgents/{name}.plist"
    return path, f"launchctl bootstrap gui/$(id -u) {path}"


def systemd(profile: str, words: Sequence[str], variables: Mapping[str, str]) -> str:
    """Return a user unit that runs the command (systemd.service(5)), without a final newline.

    Its stdout, on which the local key is printed, does not go to the journal.
    """
    # It takes no quotes and backslashes in the path of a program, and replaces variables only in arguments.
    program, *arguments = words if words[0].isprintable() and not set(words[0]) & set("\"'\\") else [_ENV, *words]
    command = " ".join([_quoted(program), *(_quoted(word.replace("$", "$$")) for word in arguments)])
    lines = [
        "[Unit]",
        f"Description=litellmctl relay (profile {profile})",
        "",
        "[Service]",
        *(f"Environment={_quoted(f'{name}={value}', always=True)}" for name, value in variables.items()),
        f"ExecStart={command}",
        "StandardOutput=null",
        "Restart=on-failure",
        "RestartSec=10",
        f"RestartPreventExitStatus={_FINAL}",
        "",
        "[Install]",
        "WantedBy=default.target",
    ]
    return "\n".join(lines)


def launchd(profile: str, words: Sequence[str], variables: Mapping[str, str], log: str) -> str:
    """Return a user agent that runs the command (launchd.plist(5)), without a final newline. stdout goes nowhere."""
    import plistlib

    agent = {
        "Label": f"litellmctl.serve.{profile}",
        "ProgramArguments": list(words),
        **({"EnvironmentVariables": dict(variables)} if variables else {}),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": 10,
        "ProcessType": "Background",
        "StandardErrorPath": log,
        "Umask": 0o077,
    }
    return plistlib.dumps(agent, sort_keys=False).decode().rstrip("\n")


def _quoted(word: str, *, always: bool = False) -> str:
    """Return a word as systemd.syntax(7) quotes it; `%` would begin a specifier."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    escaped = "".join(one if one.isprintable() else _bytes_of(one) for one in escaped)
    is_plain = escaped == word and word and not set(word) & set(" ';")
    return escaped if is_plain and not always else f'"{escaped}"'


def _bytes_of(character: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogateescape"))
