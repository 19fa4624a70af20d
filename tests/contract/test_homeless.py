"""A user without a home, as in a container whose user is in no user database: nothing is looked for in the current folder."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Result
from tests.fake_proxy import FakeProxy, row

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows knows the home without variables")
NOBODY = """
import pwd
def nobody(_):
    raise KeyError("getpwuid(): uid not found")
pwd.getpwuid = nobody
"""
Here = Callable[..., Result]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder of somebody else's, with all that would be ours in a home: settings that run a command, and caches."""
    folder = tmp_path / "checkout"
    theirs = f'base_url = "http://127.0.0.1:9"\napi_key = "!touch {tmp_path}/ran"\n'
    for above in (".", "relative", "~"):
        for name in (".config/litellmctl", ".config", "litellmctl", "."):
            place = folder / above / name
            place.mkdir(parents=True, exist_ok=True)
            (place / "config.toml").write_text(f"[profiles.default]\n{theirs}")
            (place / "logins.json").write_text("not JSON")
        keyring = folder / above / ".config" / "python_keyring"
        keyring.mkdir()
        (keyring / "keyringrc.cfg").write_text("[backend]\ndefault-keyring=theirs.Keyring\nkeyring-path=.\n")
    (folder / "theirs.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    return folder


@pytest.fixture(params=[None, "relative", "."])
def here(request: pytest.FixtureRequest, env: dict[str, str], checkout: Path, tmp_path: Path) -> Here:
    """Run the program in the checkout, without a home."""
    for name in ("HOME", "LITELLMCTL_CONFIG_DIR", "LITELLMCTL_CACHE_DIR"):
        del env[name]
    root = str(Path(__file__).parents[2])
    program = f"import sys; sys.path.append({root!r})\n{NOBODY}from litellmctl.__main__ import main; sys.exit(main())"

    def here(*words: str, exit: int = 0, **variables: str) -> Result:
        before = sorted(checkout.rglob("*"))
        home = {} if request.param is None else {"HOME": request.param}
        done = subprocess.run(
            [sys.executable, "-P", "-c", program, *words],
            cwd=checkout,
            env={**env, **home, **variables},
            input=b"sk-abc",
            capture_output=True,
            timeout=60,
            check=False,
        )
        result = Result.of(done.returncode, done.stdout.decode(), done.stderr.decode())
        assert result.exit_code == exit, result.stderr
        assert "Traceback" not in result.stderr
        assert sorted(checkout.rglob("*")) == before, "something was written in the current folder"
        assert not (tmp_path / "ran").exists(), "what the current folder says was run"
        return result

    return here


def test_two_variables_are_enough_and_the_key_goes_to_their_proxy(here: Here, proxy: FakeProxy) -> None:
    proxy.models(row("gpt"), times=None)
    assert here("models", "--json").json[0]["id"] == "gpt"
    assert {request.headers["Authorization"] for request in proxy.requests} == {"Bearer sk-test-0123456789abcdef"}
    assert here("token") == "sk-test-0123456789abcdef\n"
    assert "config.toml" not in here("config", "list")
    assert here("config", "list", "--profiles").startswith("default\t")
    assert here("sandbox", "status", "--json").json["status"] == "stopped"
    assert here("serve", "--status", "--json").json["pid"] is None
    assert here("serve", "--stop") == ""
    assert "ExecStart=" in here("serve", "--unit", "systemd")


def test_without_them_nothing_is_configured(here: Here) -> None:
    assert here("token", "--json", exit=4).error["code"] == "auth_required"
    assert here("models", "--json", exit=4).error["code"] == "auth_required"


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("config set base_url http://127.0.0.1:9", "LITELLMCTL_CONFIG_DIR"),
        ("config path", "LITELLMCTL_CONFIG_DIR"),
        ("token --profile work", "LITELLMCTL_CONFIG_DIR"),
        ("login --with-token --base-url URL", "LITELLMCTL_CONFIG_DIR"),
        ("login --with-token --storage keyring --base-url URL", "LITELLMCTL_CONFIG_DIR"),
        ("logout", "LITELLMCTL_CONFIG_DIR"),
        ("refresh", "LITELLMCTL_CACHE_DIR"),
        ("sandbox down", "LITELLMCTL_CACHE_DIR"),
        ("serve", "LITELLMCTL_CONFIG_DIR"),
        ("serve --background", "LITELLMCTL_CONFIG_DIR"),
        ("sandbox logs", "LITELLMCTL_CACHE_DIR"),
        ("export --list", "HOME"),
        ("export codex --undo", "LITELLMCTL_CONFIG_DIR"),
    ],
)
def test_only_what_must_read_or_write_them_is_refused_and_names_the_variables(
    here: Here, proxy: FakeProxy, words: str, name: str
) -> None:
    error = here(*words.replace("URL", proxy.url).split(), "--json", exit=2).error
    assert error["code"] == "config"
    assert "HOME" in error["message"]
    assert f"export {name}=" in error["remedy"]
    assert "export HOME=" in error["remedy"]
    assert proxy.requests == []


def test_variables_still_say_where_they_lie(here: Here, proxy: FakeProxy, tmp_path: Path) -> None:
    proxy.models(row("gpt"))
    own = {"XDG_CONFIG_HOME": str(tmp_path / "xdg"), "LITELLMCTL_CACHE_DIR": str(tmp_path / "cache")}
    here("config", "set", "mcp", "false", **own)
    assert (tmp_path / "xdg" / "litellmctl" / "config.toml").is_file()
    here("models", **own)
    here("models", **own)  # from the cache
    assert proxy.asked == ["/model/info"]


def test_a_bundle_below_a_home_is_not_looked_for_here(here: Here, checkout: Path) -> None:
    (checkout / "~" / "bundle.pem").write_text("somebody else's authorities")
    variables = {"LITELLM_BASE_URL": "https://127.0.0.1:9", "LITELLM_API_KEY": "sk-a"}
    result = here("models", exit=2, REQUESTS_CA_BUNDLE="~/bundle.pem", **variables)
    assert "cannot expand ~ in ~/bundle.pem" in result.stderr
