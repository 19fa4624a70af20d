"""What every test has: a clean environment, the real program to run, and a fake proxy on loopback."""

from __future__ import annotations

import gc
import importlib.util
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from litellmctl.__main__ import main
from tests.fake_proxy import FakeProxy

# A shell starts a background job with Ctrl-C and SIGQUIT ignored, and nohup a command with SIGHUP: what the tests start
# would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
if sys.platform != "win32":
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)

# Whether LiteLLM is installed here, which is the sandbox extra.
HAS_SANDBOX = importlib.util.find_spec("litellm") is not None
# Where hypothesis would keep its examples, were it not told otherwise.
_HYPOTHESIS = Path(__file__).parents[1] / ".hypothesis"
_CLEARED = ("LITELLM", "LITELLMCTL", "XDG_", "GOOGLE_APPLICATION", "CLOUDSDK", "LAB_", "PYTHON")
_KEPT = ("PYTHONPATH", "PYTHONHOME")  # by which the interpreter finds what the tests import
_CLEARED_NAMES = {
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"),
    *("SSL_CERT_DIR", "CI", "NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS"),
    *("CLAUDE_CODE_SESSION_ID", "CODEX_THREAD_ID", "OPENCODE_SESSION_ID", "PI_SESSION_ID"),
}


class _Scheduler(LoadScopeScheduling):
    """Lets one process run all live tests: they share a lab, which knows only so many users."""

    def _split_scope(self, nodeid: str) -> str:
        return "live" if nodeid.startswith("tests/live/") else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _Scheduler:
    return _Scheduler(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_xdist_auto_num_workers() -> Generator[None, int, int]:
    """Give `-n auto` a process more than there are processors: the one with the live tests mostly waits for the lab."""
    return (yield) + 1


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run the live tests first, while other processes (`-n auto`) run the rest.

    Campaigns are deselected unless one is wanted. Tests marked `sandbox` are skipped without the sandbox extra.
    """
    items.sort(key=lambda item: "live" not in item.path.parts)
    if os.environ.get("LITELLMCTL_CAMPAIGN") != "1":
        long = [item for item in items if item.get_closest_marker("campaign")]
        items[:] = [item for item in items if not item.get_closest_marker("campaign")]
        config.hook.pytest_deselected(items=long)
    if not HAS_SANDBOX:
        for item in items:
            if item.get_closest_marker("sandbox"):
                item.add_marker(pytest.mark.skip(reason="the sandbox extra is not installed"))


@pytest.fixture(scope="session", autouse=True)
def _nothing_is_made_outside() -> Iterator[None]:
    """Fail if the tests made anything in the root folder (root may), in the user's own home or in the checkout.

    Only what a mistake in a test would most likely make is looked at, and not what was there before.
    """
    before = _outside()
    yield
    made = _outside() - before
    assert not made, f"a test wrote outside of its temporary folders: {sorted(made)}"


def _outside() -> set[str]:
    own = [Path.home() / name / "litellmctl" for name in (".config", ".cache", "Library/Caches", "Library/Preferences")]
    return {f"/{name}" for name in os.listdir("/")} | {str(path) for path in (*own, _HYPOTHESIS) if path.exists()}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what a process had said that failed under a test: its exception names the command and the code alone."""
    report = yield
    error = call.excinfo.value if call.excinfo else None
    if isinstance(error, subprocess.CalledProcessError | subprocess.TimeoutExpired):
        for name in ("stdout", "stderr"):
            if said := getattr(error, name):
                text = said.decode(errors="replace") if isinstance(said, bytes) else said
                report.sections.append((f"{name} of the process", text))
    return report


def clean_environment() -> dict[str, str]:
    """Return the environment without what would change how the program, or its interpreter, behaves."""
    return {
        name: value
        for name, value in os.environ.items()
        if not (name.startswith(_CLEARED) or name.upper() in _CLEARED_NAMES) or name in _KEPT
    }


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The home of the user in this test."""
    folder = tmp_path / "home"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def env(home: Path) -> dict[str, str]:
    """The environment of the program in this test: nothing of this machine's proxies, certificates and keys."""
    return {
        **clean_environment(),
        "HOME": str(home),
        "TERM": "xterm",
        "LITELLMCTL_CONFIG_DIR": str(home / "config"),
        "LITELLMCTL_CACHE_DIR": str(home / "cache"),
    }


class Result(str):
    """What a run printed to stdout, with `stderr`, `exit_code`, `json` and `error` (the JSON error's object)."""

    stderr: str
    exit_code: int

    @classmethod
    def of(cls, exit_code: int, stdout: str, stderr: str) -> Result:
        result = cls(stdout)
        result.exit_code = exit_code
        result.stderr = stderr
        return result

    @property
    def json(self) -> Any:
        return json.loads(self)

    @property
    def error(self) -> dict[str, Any]:
        error: dict[str, Any] = json.loads(self.stderr.splitlines()[-1])["error"]
        return error


class _Stream(io.TextIOWrapper):
    def __init__(self, data: bytes = b"", *, terminal: bool = False) -> None:
        super().__init__(io.BytesIO(data), encoding="utf-8", newline="", write_through=True)
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal

    def text(self) -> str:
        self.flush()
        return self.buffer.getvalue().decode("utf-8")  # type: ignore[attr-defined]


Run = Callable[..., Result]


@pytest.fixture
def run(env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the program in this process: `run("models", "--json")`. An exit code that was not announced is an error.

    `exit` is the code that is expected (None: any), `terminal` makes all three streams terminals, keywords in capitals are
    variables (None unsets one).
    """

    def run(
        *arguments: str, exit: int | None = 0, terminal: bool = False, stdin: str = "", **variables: str | None
    ) -> Result:
        with monkeypatch.context() as patch:
            environment = {**env, **variables}
            for name in set(os.environ) - set(environment):
                patch.delenv(name)
            for name, value in environment.items():
                if value is None:
                    patch.delenv(name, raising=False)
                else:
                    patch.setenv(name, value)
            streams = [_Stream(stdin.encode(), terminal=terminal), *(_Stream(terminal=terminal) for _ in range(2))]
            for name, stream in zip(("stdin", "stdout", "stderr"), streams, strict=True):
                patch.setattr(sys, name, stream)
            # Where the program is at the limit of recursion, finalizers of what earlier tests left would fail.
            gc.disable()
            try:
                code = main(list(arguments))
            finally:
                gc.enable()
        result = Result.of(code, streams[1].text(), streams[2].text())
        assert exit is None or code == exit, f"exit {code}, not {exit}\nstdout: {result}\nstderr: {result.stderr}"
        assert "Traceback" not in result.stderr, result.stderr
        return result

    return run


@pytest.fixture
def run_process(env: dict[str, str], tmp_path: Path) -> Run:
    """Run the program as a process of its own, with pipes: what `run` cannot show."""

    def run(*arguments: str, exit: int = 0, timeout: float = 60, stdin: str = "", **variables: str | None) -> Result:
        environment = {name: value for name, value in {**env, **variables}.items() if value is not None}
        done = subprocess.run(
            [sys.executable, "-m", "litellmctl", *arguments],
            env=environment,
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            timeout=timeout,
            check=False,
        )
        result = Result.of(done.returncode, done.stdout, done.stderr)
        assert done.returncode == exit, f"exit {done.returncode}, not {exit}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr, done.stderr
        return result

    return run


Start = Callable[..., "subprocess.Popen[Any]"]


@contextmanager
def _processes(env: dict[str, str], *before: str, **options: Any) -> Iterator[Start]:
    """Give a function that starts the program with pipes; what still runs in the end is killed."""
    started: list[subprocess.Popen[Any]] = []

    def start(*words: str, text: bool = True, stdin: Any = subprocess.PIPE, **variables: str | None) -> Any:
        started.append(
            subprocess.Popen(
                [sys.executable, "-m", "litellmctl", *before, *words],
                env={name: value for name, value in {**env, **variables}.items() if value is not None},
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=text,
                bufsize=-1 if text else 0,
                **options,
            )
        )
        return started[-1]

    yield start
    for one in started:
        one.kill()  # which does nothing to one that has ended
        one.wait(30)
        for stream in (one.stdin, one.stdout, one.stderr):
            if stream is not None:
                with suppress(OSError):  # there may be something left to be written
                    stream.close()


@pytest.fixture
def start(env: dict[str, str]) -> Iterator[Start]:
    """Start the program as a process of its own, and go on: `start("models")` returns its Popen.

    Keywords in capitals are variables, as for `run`. Without `text` the pipes carry bytes. What still runs after the
    test is killed.
    """
    with _processes(env) as start:
        yield start


@pytest.fixture
def user(env: dict[str, str]) -> dict[str, str]:
    """The environment of the person who starts sandboxes; modules may add to it."""
    return env


@pytest.fixture
def start_sandbox(user: dict[str, str]) -> Iterator[Start]:
    """Start `litellmctl sandbox ...` as a leader of its own process group, as a shell would. All is ended after."""
    with _processes(user, "sandbox", start_new_session=sys.platform != "win32") as start:
        yield start
    subprocess.run([sys.executable, "-m", "litellmctl", "sandbox", "down", "-q"], env=user, timeout=30, check=True)


@pytest.fixture
def proxy(env: dict[str, str]) -> Iterator[FakeProxy]:
    """A fake proxy that the environment names, with a key. Unexpected requests and unused answers fail the test."""
    fake = FakeProxy()
    env["LITELLM_BASE_URL"] = fake.url
    env["LITELLM_API_KEY"] = "sk-test-0123456789abcdef"
    yield fake
    fake.close()
    assert not fake.unexpected, f"unexpected requests: {fake.unexpected}"
    assert not fake.unused, f"answers that nobody asked for: {fake.unused}"
