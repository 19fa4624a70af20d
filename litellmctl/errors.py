"""Errors as exceptions that carry their remedy, and their exit codes."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum, unique
from typing import Any, Self


@unique
class ExitCode(IntEnum):
    """The exit codes; `litellmctl help exit-codes` explains them."""

    OK = 0
    ERROR = 1
    USAGE = 2
    UNAVAILABLE = 3
    AUTH = 4
    REJECTED = 5
    NOT_RUNNABLE = 126
    NO_PROGRAM = 127
    INTERRUPTED = 130
    BROKEN_PIPE = 141


EXIT_CODE_HELP = {
    ExitCode.OK: "Success, also when there was nothing to do.",
    ExitCode.ERROR: "Any other error, including a bug in litellmctl.",
    ExitCode.USAGE: "Invalid option, argument or setting, or missing input without a terminal to ask.",
    ExitCode.UNAVAILABLE: "The proxy is unreachable, overloaded or not LiteLLM, or --offline is set.",
    ExitCode.AUTH: "The credential is missing, expired, unknown to the proxy or not allowed to do this.",
    ExitCode.REJECTED: "The proxy refused the request, something was not found, or a tool reported an error.",
    ExitCode.NOT_RUNNABLE: "run: the program cannot be started.",
    ExitCode.NO_PROGRAM: "run: the program was not found.",
    ExitCode.INTERRUPTED: 'Ctrl-C, or "no" to a confirmation.',
    ExitCode.BROKEN_PIPE: "The reader of the output closed the pipe.",
}

# The closed set of codes in JSON errors: code -> (exit code, meaning).
ERROR_CODES: dict[str, tuple[ExitCode, str]] = {
    "internal": (ExitCode.ERROR, "A bug in litellmctl."),
    "file": (ExitCode.ERROR, "A file cannot be read or written."),
    "keyring": (ExitCode.ERROR, "The keyring is locked, does not respond, or lost a secret."),
    "system": (ExitCode.ERROR, "This machine is out of threads, processes, file descriptors or memory."),
    "sandbox": (ExitCode.ERROR, "The sandbox did not start or stop."),
    "relay": (ExitCode.ERROR, "The relay did not start or stop."),
    "usage": (ExitCode.USAGE, "Invalid option or argument."),
    "config": (ExitCode.USAGE, "Invalid setting in a file or a variable."),
    "input_required": (ExitCode.USAGE, "Input is missing, and there is no terminal to ask."),
    "unreachable": (ExitCode.UNAVAILABLE, "The proxy cannot be reached."),
    "tls": (ExitCode.UNAVAILABLE, "The proxy's certificate is not trusted, or TLS failed otherwise."),
    "timeout": (ExitCode.UNAVAILABLE, "The request timed out."),
    "rate_limited": (ExitCode.UNAVAILABLE, "The proxy returned 429."),
    "server_error": (ExitCode.UNAVAILABLE, "The proxy returned 5xx."),
    "bad_response": (
        ExitCode.UNAVAILABLE,
        "The answer is not LiteLLM's: HTML, incomplete, an unknown shape, or a redirect.",
    ),
    "offline": (ExitCode.UNAVAILABLE, "This needs the network, but --offline or LITELLM_OFFLINE is set."),
    "auth_required": (ExitCode.AUTH, "There is no credential for this proxy, or for an MCP server behind it."),
    "auth_failed": (ExitCode.AUTH, "The credential is expired, blocked or unknown to the proxy."),
    "forbidden": (ExitCode.AUTH, "The credential is not allowed to do this."),
    "rejected": (ExitCode.REJECTED, "The proxy refused the request, or a tool reported an error."),
    "not_found": (ExitCode.REJECTED, "There is no model, server, tool, skill, setting or path with this name."),
    "not_runnable": (ExitCode.NOT_RUNNABLE, "The program for run is not executable, or its script is broken."),
    "no_program": (ExitCode.NO_PROGRAM, "There is no program with this name or path."),
    "interrupted": (ExitCode.INTERRUPTED, 'Ctrl-C, or "no" to a confirmation.'),
}


CHECK_THE_KEY = "check that the key is complete and belongs to this proxy"


class Failure(Exception):
    """An error for the user: a message, a remedy, a code of `ERROR_CODES`.

    `message` says what failed, on what and why, without a final period; `remedy` is a command or a sentence that fixes
    it; `status` is the HTTP status, None without one; `words` are the proxy's own, None where it gave no reason.
    `may_have_acted` is false where the request cannot have had an effect: it was never sent, was sent elsewhere, or was
    refused.

    A failure is data and is not edited: `because`, `adding` and `changed` return another one.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        remedy: str | None = None,
        status: int | None = None,
        words: str | None = None,
        may_have_acted: bool = True,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.remedy = remedy
        self.status = status
        self.words = words
        # A status of 4xx is a refusal.
        self.may_have_acted = may_have_acted and not (status is not None and 400 <= status < 500)

    def changed(self, **facts: Any) -> Self:
        """Return the same failure with other facts."""
        # Not copy.copy(): the kinds of failures are made with arguments of their own.
        other = type(self).__new__(type(self))
        other.__dict__.update(self.__dict__, **facts)
        other.args = (other.message,)
        return other

    def because(self, prefix: str) -> Self:
        """Return this failure with what failed before it: `prefix: message`."""
        return self.changed(message=f"{prefix}: {self.message}")

    def adding(self, suffix: str) -> Self:
        """Return this failure with another fact: `message; suffix`."""
        return self.changed(message=f"{self.message}; {suffix}")

    @property
    def exit_code(self) -> ExitCode:
        """The documented exit code of this failure's code."""
        return ERROR_CODES[self.code][0]

    def as_dict(self) -> dict[str, object]:
        """Return the value of `error` in a JSON error line."""
        return {
            "code": self.code,
            "message": self.message,
            "remedy": self.remedy,
            "status": self.status,
            "exit_code": int(self.exit_code),
        }


class UsageFailure(Failure):
    """A bad option, argument or setting (exit 2)."""

    def __init__(self, message: str, *, remedy: str | None = None, code: str = "usage") -> None:
        super().__init__(code, message, remedy=remedy)


class ConfigFailure(UsageFailure):
    """A bad setting in a file or a variable (exit 2)."""

    def __init__(self, message: str, *, remedy: str | None = None) -> None:
        super().__init__(message, remedy=remedy, code="config")


class Unavailable(Failure):
    """The proxy is unavailable, or the server is not LiteLLM (exit 3)."""


class AuthFailure(Failure):
    """No credential, or one that the proxy does not accept (exit 4)."""


class Rejected(Failure):
    """The proxy, or litellmctl on its behalf, refused the request (exit 5)."""


# Pairs of characters to compare for a suggestion: a second at worst.
_MAX_COMPARED = 2_000_000
# Of 1; "exit" and "export" have 0.6, which is too little.
_LEAST_LIKENESS = 0.65


def suggestion(word: str, possible: Iterable[str]) -> str:
    """Return `. Did you mean "x"?` for the nearest of `possible`, to be added to a message; "" if none is near."""
    near = nearest(word, possible)
    return "" if near is None else f'. Did you mean "{near}"?'


def nearest(word: str, possible: Iterable[str]) -> str | None:
    """Return the one of `possible` that is most like `word`, whatever its case; None if none is near."""
    from difflib import get_close_matches  # only on the way to an error

    lowered: dict[str, str] = {}
    room = _MAX_COMPARED
    for name in possible:
        # Two words take up to the product of their lengths; one with more than 7/3 of the other's is not near.
        if 3 * len(name) <= 7 * len(word) and 3 * len(word) <= 7 * len(name):
            room -= len(word) * len(name)
            if room < 0:
                break
            lowered[name.lower().lstrip("-")] = name
    # All options begin with dashes: these make no two of them alike.
    near = get_close_matches(word.lower().lstrip("-"), list(lowered), n=1, cutoff=_LEAST_LIKENESS)
    return lowered[near[0]] if near else None
