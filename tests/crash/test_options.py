"""Options, variables and encodings of the interpreter: with any of them every command does what it does without."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests.crash.world import EVERY, Home

campaign = pytest.mark.campaign
_OPTIONS: list[list[str]] = [
    *(["-O"], ["-OO"], ["-I"], ["-E"], ["-s"], ["-S"], ["-P"], ["-B"], ["-u"], ["-bb"], ["-q"]),
    *(["-X", "dev"], ["-X", "utf8=0"], ["-X", "utf8=1"], ["-X", "tracemalloc=1"], ["-X", "faulthandler"]),
    *(["-W", "error"], ["-W", "always"], ["-X", "warn_default_encoding", "-W", "error"]),
    ["-I", "-S", "-OO", "-bb", "-X", "dev", "-W", "error"],
]
_ENCODINGS = ["utf-16", "utf-16:replace", "utf-16:strict", "ascii", "ascii:strict", "ascii:backslashreplace"]
_ENCODINGS += ["latin-1", "latin-1:strict", "latin-1:ignore", "utf-8:surrogateescape", ":strict", "nonsense:nonsense"]
_VARIABLES: list[dict[str, str]] = [
    *({"PYTHONIOENCODING": encoding} for encoding in _ENCODINGS if not encoding.startswith("nonsense")),
    *({"LC_ALL": name} for name in ("C", "POSIX", "C.UTF-8", "xx_YY.nonsense")),
    *({"LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": number} for number in ("0", "1")),
    *({"PYTHONOPTIMIZE": number} for number in ("1", "2")),
    *({"PYTHONMALLOC": name} for name in ("debug", "malloc", "pymalloc_debug")),
    {"PYTHONWARNINGS": "error"},
    {"PYTHONWARNINGS": "error::DeprecationWarning,always"},
    {"PYTHONDEVMODE": "1"},
    {"PYTHONUNBUFFERED": "1"},
    {"PYTHONSAFEPATH": "1", "PYTHONNOUSERSITE": "1", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0"},
    {"PYTHONIOENCODING": "utf-16", "PYTHONOPTIMIZE": "2", "PYTHONWARNINGS": "error", "PYTHONDEVMODE": "1"},
]
WAYS: dict[str, tuple[list[str], dict[str, str]]] = {
    **{" ".join(options): (options, {}) for options in _OPTIONS},
    **{" ".join(f"{name}={value}" for name, value in own.items()): ([], own) for own in _VARIABLES},
}
# As the script that is installed does it; the path is given, since some options keep the interpreter from finding it.
_PROGRAM = f"import sys; sys.path[:] = {sys.path!r}; from litellmctl.__main__ import main; sys.exit(main())"
# What differs from run to run: times, and how long something took.
_VARYING = re.compile(r"sk-local-[\w-]+|\d+(?:\.\d+)?")
TRIED: dict[str, int] = {}
Ended = tuple[int, str]


@pytest.fixture(scope="module", autouse=True)
def _tell() -> object:
    yield
    if os.environ.get("LITELLMCTL_CAMPAIGN") == "1":
        print(f"\noptions: {sum(TRIED.values())} {TRIED}")


def _ended(home: Home, name: str, options: list[str], variables: dict[str, str]) -> Ended:
    case = EVERY[name]
    home.restore()
    if case.before is not None:
        case.before(home)
    words = [word.format(url=home.server.url, home=home.path) for word in case.words]
    done = subprocess.run(
        [sys.executable, *options, "-c", _PROGRAM, *words],
        env={**home.env, **variables},
        cwd=home.path,
        input=case.stdin.encode(),
        capture_output=True,
        timeout=120,
        check=False,
    )
    stderr = done.stderr.decode()
    for sign in ("Traceback", "Exception ignored", "this is a bug", "Fatal Python", "Warning:"):
        assert sign not in stderr or sign in _OURS.get(name, ()), stderr
    home.check(others=name != "logout --all")
    return done.returncode, _VARYING.sub("0", done.stdout.decode())


# The warnings that a command gives without any option.
_OURS: dict[str, tuple[str, ...]] = {}


@pytest.fixture(scope="module")
def rights() -> dict[str, Ended]:
    """How commands end without options."""
    return {}


def _compare(home: Home, rights: dict[str, Ended], name: str, way: str) -> None:
    if name not in rights:
        rights[name] = _ended(home, name, [], {})
        assert rights[name][0] in EVERY[name].again
    options, variables = WAYS[way]
    TRIED[way] = TRIED.get(way, 0) + 1
    found, right = _ended(home, name, options, variables), rights[name]
    if name.startswith("login") and variables.get("PYTHONIOENCODING", "").startswith("utf-16"):
        right = (2, "")  # the key that comes on stdin is not in what the user says is the encoding of stdin
    if name in {"--help", "help"} and ("-OO" in options or variables.get("PYTHONOPTIMIZE") == "2"):
        right = (right[0], found[1])  # which drops the texts that help is made of
    assert found == right, f"{name}, with {way}"


@pytest.mark.parametrize("way", WAYS)
def test_an_option_changes_nothing(home: Home, rights: dict[str, Ended], way: str) -> None:
    _compare(home, rights, list(EVERY)[list(WAYS).index(way) * 5 % len(EVERY)], way)


@campaign
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("way", WAYS)
def test_an_option_changes_nothing_for_any_command(home: Home, rights: dict[str, Ended], way: str) -> None:
    for name in EVERY:
        _compare(home, rights, name, way)
