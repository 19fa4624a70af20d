"""`run`: what a program gets, what it returns, and what happens around it, with programs that record their start."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from litellmctl.programs.registry import EXECUTABLES
from tests.conftest import Result, Run, Start
from tests.effort import until
from tests.fake_proxy import FakeProxy, row
from tests.logins import OLD, Files
from tests.recorder import WITH_FILED, MakeRecorder, Recorder

KEY = "sk-test-0123456789abcdef"
SECONDS = 30.0
posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX processes and signals")
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture
def agent(record: MakeRecorder) -> Recorder:
    """A program that litellmctl does not know."""
    return record("agent")


@pytest.fixture
def run_filed(env: dict[str, str]) -> Run:
    """Run the program as one that knows two more: `filed` has a temporary file, `choosy` needs a model."""

    def run(*words: str, exit: int = 0, **variables: str) -> Result:
        done = subprocess.run(
            [sys.executable, "-c", WITH_FILED, *words],
            env={**env, **variables},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode == exit, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return Result.of(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def start_filed(env: dict[str, str]) -> Iterator[Start]:
    """Start the same, in a process group of its own."""
    started: list[subprocess.Popen[str]] = []

    def start(*words: str, **variables: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", WITH_FILED, *words],
            env={**env, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=SECONDS)


def digest(home: Path) -> str:
    """Return a digest of the files of a home without the caches of litellmctl."""
    whole = hashlib.sha256()
    for path in sorted(home.rglob("*")):
        name = path.relative_to(home)
        if name.parts[0] != "cache" and path.is_file():
            whole.update(f"{name} {path.lstat().st_mode} ".encode() + path.read_bytes())
    return whole.hexdigest()


# What it gets


def test_an_unknown_program_gets_the_variables_of_env_and_no_request_is_sent(
    run_process: Run, proxy: FakeProxy, agent: Recorder
) -> None:
    assert run_process("run", "agent", "a b", "").stderr == ""
    assert agent.arguments == ["a b", ""]
    wanted = {
        "OPENAI_BASE_URL": f"{proxy.url}/v1",
        "OPENAI_API_KEY": KEY,
        "ANTHROPIC_BASE_URL": proxy.url,
        "ANTHROPIC_AUTH_TOKEN": KEY,
        "LITELLM_BASE_URL": proxy.url,
        "LITELLM_API_KEY": KEY,
        "LITELLMCTL_PROFILE": "default",
    }
    assert {name: agent.environment.get(name) for name in wanted} == wanted
    assert proxy.requests == []


@pytest.mark.parametrize("words", [["agent"], ["--", "agent"]])
def test_what_follows_the_program_is_its_own(
    run_process: Run, proxy: FakeProxy, agent: Recorder, words: list[str]
) -> None:
    own = ["--json", "-m", "x", "--dry-run", "--", "--profile", "nowhere", "-h"]
    assert run_process("run", *words, *own) == ""
    assert agent.arguments == own


def test_streams_are_the_users(start: Start, proxy: FakeProxy) -> None:
    code = "import sys; print(input()); print('e', file=sys.stderr)"
    process = start("run", sys.executable, "-c", code)
    assert process.communicate("hello\n", timeout=SECONDS) == ("hello\n", "e\n")


@posix
def test_it_takes_the_place_of_this_process(start: Start, proxy: FakeProxy, agent: Recorder) -> None:
    process = start("run", "agent", EXITS="3")
    assert process.wait(SECONDS) == 3
    assert agent.started["process"] == process.pid


@linux
def test_no_signal_is_ignored_that_was_not(run_process: Run, proxy: FakeProxy, run_filed: Run, agent: Recorder) -> None:
    words = ("grep", "SigIgn", "/proc/self/status")
    ignored = subprocess.run([*words], capture_output=True, text=True, check=True).stdout
    assert run_process("run", *words) == ignored


@posix
@pytest.mark.parametrize("name", ["agent", "filed"])
def test_other_descriptors_are_passed_on_as_by_a_shell(
    env: dict[str, str], proxy: FakeProxy, record: MakeRecorder, name: str
) -> None:
    path = record(name).path
    path.write_text('#!/bin/sh\ncat "/dev/fd/$DESCRIPTOR"\n')
    reader, writer = os.pipe()
    os.write(writer, b"through\n")
    os.close(writer)
    done = subprocess.run(
        [sys.executable, "-c", WITH_FILED, "run", "-q", name],
        env={**env, "DESCRIPTOR": str(reader)},
        pass_fds=[reader],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    os.close(reader)
    assert done.stdout == "through\n", done.stderr


# Which proxy litellmctl finds in it


def nested(*words: str) -> tuple[str, ...]:
    return "run", "litellmctl", *words


def test_litellmctl_in_it_uses_the_same_proxy(run_process: Run, proxy: FakeProxy) -> None:
    proxy.models(row("gpt-4o"))
    assert run_process(*nested("models", "--json")).json[0]["id"] == "gpt-4o"


def test_litellmctl_in_it_uses_the_same_profile(
    run_process: Run, env: dict[str, str], proxy: FakeProxy, evil: FakeProxy
) -> None:
    run_process("config", "set", "profiles.work.base_url", proxy.url)
    run_process("config", "set", "profiles.work.api_key", "$WORK_KEY")
    env |= {"LITELLM_BASE_URL": evil.url, "LITELLM_API_KEY": "sk-of-another", "WORK_KEY": "sk-work-0123456789"}
    found = run_process("--profile", "work", *nested("token", "--json")).json
    assert (found["base_url"], found["token"]) == (proxy.url, "sk-work-0123456789")


@pytest.mark.parametrize("chosen", [["--auth", "env"], ["--base-url", "{env}"]])
def test_litellmctl_in_it_uses_the_credential_that_was_chosen(
    run_process: Run, proxy: FakeProxy, evil: FakeProxy, files: Files, chosen: list[str]
) -> None:
    files.keep(evil.url, left=86000)
    found = run_process(*[word.format(env=proxy.url) for word in chosen], *nested("token", "--json")).json
    assert (found["base_url"], found["token"]) == (proxy.url, KEY)


def test_litellmctl_in_it_runs_the_same_helper(run_process: Run, env: dict[str, str], proxy: FakeProxy) -> None:
    env["LITELLM_API_KEY_HELPER"] = "echo sk-helped-0123456789"
    assert run_process("run", "--no-serve", *nested("token")[1:]) == "sk-helped-0123456789\n"
    seen = run_process("run", "--no-serve", "-q", "--", "env")
    assert "LITELLM_API_KEY_HELPER=echo" in seen


def test_no_other_proxy_of_the_user_leaks(
    run_process: Run, env: dict[str, str], proxy: FakeProxy, evil: FakeProxy, files: Files, agent: Recorder
) -> None:
    files.keep(proxy.url, left=86000)
    env |= {
        "LITELLM_BASE_URL": evil.url,
        "LITELLM_API_KEY": "sk-of-another",
        "LITELLM_API_KEY_HELPER": "echo sk-of-another",
        "LITELLM_PROXY_URL": evil.url,
        "LITELLM_PROXY_API_KEY": "sk-of-another",
        "LITELLM_HEADERS": '{"x-other": "sk-of-another"}',
        "OPENAI_API_KEY": "sk-of-another",
    }
    run_process("run", "--no-serve", "-q", "agent")
    seen = {name: value for name, value in agent.environment.items() if "sk-of-another" in value or evil.url in value}
    assert seen == {}
    assert agent.environment["LITELLM_API_KEY"] == OLD


def test_an_http_proxy_of_the_user_is_not_used_for_loopback(
    run_process: Run, proxy: FakeProxy, agent: Recorder
) -> None:
    run_process("run", "agent", HTTPS_PROXY="http://10.0.0.1:3128", no_proxy="example.com")
    assert agent.environment["no_proxy"] == agent.environment["NO_PROXY"] == "example.com,127.0.0.1,localhost"


# How it ends


@pytest.mark.parametrize("name", ["agent", "filed"])
@pytest.mark.parametrize("number", [0, 1, 7, 255])
def test_the_exit_code_is_the_programs(
    run_filed: Run, proxy: FakeProxy, record: MakeRecorder, name: str, number: int
) -> None:
    record(name)
    run_filed("run", "-q", name, exit=number, EXITS=str(number))


@posix
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_the_exit_code_of_a_program_that_is_killed_is_that_of_a_shell(
    env: dict[str, str], proxy: FakeProxy, record: MakeRecorder, number: int
) -> None:
    for name in ("agent", "filed"):
        record(name).path.write_text(f"#!/bin/sh\nkill -{number:d} $$\n")
        # A shell, since the program may have taken the place of ours.
        line = f'"$0" -c "$1" run -q {name} 2> /dev/null; echo $?'
        done = subprocess.run(
            ["sh", "-c", line, sys.executable, WITH_FILED],
            env=env,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=True,
        )
        assert done.stdout == f"{128 + number}\n"


@posix
@pytest.mark.parametrize("closed", ["2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("name", ["agent", "filed"])
def test_closed_streams_keep_no_program_from_running(
    env: dict[str, str], proxy: FakeProxy, record: MakeRecorder, name: str, closed: str
) -> None:
    record(name).path.write_text("#!/bin/sh\nexit 7\n")
    line = f'"$0" -c "$1" run {name} {closed}; echo $?'
    words = ["sh", "-c", line, sys.executable, WITH_FILED]
    done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=SECONDS, check=True)
    assert done.stdout == "7\n"


def test_a_program_that_is_not_there_is_exit_127(run: Run, proxy: FakeProxy, record: MakeRecorder) -> None:
    record("codex")
    error = run("run", "--json", "codx", "exec", "a b", exit=127).error
    assert error["code"] == "no_program"
    assert error["message"] == 'program "codx" not found. Did you mean "codex"?'
    assert error["remedy"] == "litellmctl run codex exec 'a b'"
    error = run("run", "--json", "claud", exit=127).error
    assert error["message"] == 'program "claud" not found. Did you mean "claude"?'
    assert error["remedy"] == "npm install -g @anthropic-ai/claude-code"
    error = run("run", "--json", "./no/such", exit=127).error
    assert (error["message"], error["exit_code"]) == ("no program ./no/such", 127)


def test_errors_are_words_where_json_is_an_option_of_the_program(run: Run, proxy: FakeProxy) -> None:
    assert run("run", "no-such-program", "--json", exit=127).stderr.startswith("Error: program ")


def test_a_known_program_that_is_not_there_comes_with_the_command_that_installs_it(
    run_filed: Run, proxy: FakeProxy, agent: Recorder
) -> None:
    result = run_filed("run", "choosy", exit=127)
    assert result.stderr == 'Error: program "choosy" not found\nTry:   pip install choosy\n'


@posix
@pytest.mark.parametrize(
    ("text", "mode", "reason"),
    [
        ("#!/bin/sh\n", 0o644, "{} is not executable"),
        ("#!/no/such/interpreter\n", 0o755, "{} needs /no/such/interpreter, which does not exist"),
        ("no interpreter", 0o755, "{} does not begin with #!"),
        ("#!/bin/sh\r\n", 0o755, "{} has Windows line endings"),
    ],
)
@pytest.mark.parametrize("by_path", [False, True])
def test_a_program_that_cannot_be_started_is_exit_126(
    run_process: Run, proxy: FakeProxy, agent: Recorder, text: str, mode: int, reason: str, by_path: bool
) -> None:
    agent.path.write_text(text)
    agent.path.chmod(mode)
    error = run_process("run", "--json", str(agent.path) if by_path else "agent", exit=126).error
    assert error["code"] == "not_runnable"
    assert error["message"] == reason.format(agent.path)
    assert error["remedy"]


@posix
def test_a_folder_is_exit_126(run: Run, proxy: FakeProxy, tmp_path: Path) -> None:
    assert run("run", "--json", str(tmp_path), exit=126).error["message"] == f"{tmp_path} is a folder"


def test_no_credential_is_exit_4_and_nothing_starts(run: Run, agent: Recorder) -> None:
    run("run", "agent", exit=4)
    assert not agent.has_started()


def test_no_program_is_a_usage_error(run: Run) -> None:
    assert "missing argument PROGRAM" in run("run", exit=2).stderr
    assert 'unknown option "--modl"' in run("run", "--modl", "x", "agent", exit=2).stderr


# Temporary files


def test_temporary_files_are_private_and_removed(
    run_filed: Run, proxy: FakeProxy, record: MakeRecorder, temporary: Path
) -> None:
    filed = record("filed")
    result = run_filed("run", "filed", "own", FILED_KEY="x", SAYS="said")
    assert result == "said"
    assert result.stderr == "Warning: Filed warns\n"
    _, path, own = filed.arguments
    assert own == "own"
    assert filed.started["files"] == {path: [KEY, "0o600", "0o700"]}
    assert "FILED_KEY" not in filed.environment
    assert list(temporary.iterdir()) == []


@posix
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_signals_are_passed_on_and_files_removed(
    start_filed: Start, proxy: FakeProxy, record: MakeRecorder, temporary: Path, number: signal.Signals
) -> None:
    filed = record("filed")
    process = start_filed("run", "-q", "filed", WAITS="1")
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    assert len(list(temporary.iterdir())) == 1
    process.send_signal(number)
    assert process.wait(SECONDS) == 7
    assert filed.signals == [number.name]
    assert list(temporary.iterdir()) == []


@posix
def test_a_signal_that_ends_nothing_is_passed_on(start_filed: Start, proxy: FakeProxy, record: MakeRecorder) -> None:
    filed = record("filed")
    process = start_filed("run", "-q", "filed", WAITS="1")
    assert process.stdout
    process.stdout.readline()
    process.send_signal(signal.SIGUSR1)
    until(lambda: filed.signals == ["SIGUSR1"], "the signal")
    assert process.poll() is None


@posix
def test_a_program_may_take_its_time_to_end(start_filed: Start, proxy: FakeProxy, record: MakeRecorder) -> None:
    """`sandbox run` kills after five seconds; here the program is a person's, who may be asked to save something."""
    record("filed").path.write_text(
        "#!/bin/sh\ntrap 'sleep 6; exit 9' TERM\necho ready\nsleep 60 & wait\nsleep 60 & wait\n"
    )
    process = start_filed("run", "-q", "filed")
    assert process.stdout
    process.stdout.readline()
    process.terminate()
    assert process.wait(SECONDS) == 9


@posix
def test_files_of_a_run_that_was_killed_are_removed_by_the_next_and_no_others(
    start_filed: Start, run_process: Run, proxy: FakeProxy, record: MakeRecorder, agent: Recorder, temporary: Path
) -> None:
    filed = record("filed")
    folders: list[Path] = []
    for _ in range(2):
        process = start_filed("run", "-q", "filed", WAITS="1")
        assert process.stdout
        process.stdout.readline()
        folders.append(Path(filed.arguments[1]).parent)
    runs, killed = folders
    others = [temporary / "litellmctl-run-of-somebody", temporary / "litellmctl-run-0123456789abcdef"]
    others[0].mkdir()
    others[1].write_text("a file")
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(SECONDS)
    assert killed.exists()
    run_process("run", "-q", "agent")
    assert not killed.exists()
    assert all(path.exists() for path in (runs, *others))


# Models


def test_a_model_is_checked_against_the_catalog(run: Run, proxy: FakeProxy, agent: Recorder) -> None:
    proxy.models(row("gpt-4o"), row("claude-sonnet"))
    error = run("run", "--json", "-m", "gtp-4o", "agent", exit=5).error
    assert error["code"] == "not_found"
    assert error["message"] == f'no model "gtp-4o" at {proxy.url}. Did you mean "gpt-4o"?'
    assert not agent.has_started()


@pytest.mark.parametrize(
    ("program", "name", "code"),
    [
        ("gemini", "--yolo", 0),
        ("claude", "--dangerously-skip-permissions", 0),
        ("qwen", "${SECRET}", 5),
        ("qwen", "a$SECRET", 5),
        ("hermes", "${SECRET}", 5),
        ("opencode", "{file:/etc/passwd}", 0),
        ("cn", "${{ secrets.SECRET }}", 0),
    ],
)
def test_a_model_whose_name_means_more_to_a_program_is_not_used(
    run_process: Run, proxy: FakeProxy, record: MakeRecorder, program: str, name: str, code: int
) -> None:
    started = record(program)
    proxy.models(row(name), times=None)
    error = run_process("run", "--json", f"--model={name}", program, exit=2).error
    assert error["message"].endswith(f'cannot use the model "{name}": it would not read that as a name')
    assert not started.has_started()
    run_process("run", "-q", program, exit=code)  # nor where it is the only one
    if not code:
        assert not [word for word in started.arguments if name in word]
        assert not [one for one, value in started.environment.items() if name in value and "PYTEST" not in one]


def test_a_model_of_the_catalog_reaches_the_program(run_filed: Run, proxy: FakeProxy, record: MakeRecorder) -> None:
    filed = record("filed")
    proxy.models(row("gpt-4o"))
    run_filed("run", "-m", "gpt-4o", "filed")
    assert filed.environment["FILED_MODEL"] == "gpt-4o"


def test_a_model_for_a_program_that_is_not_known_is_a_warning(
    run_process: Run, proxy: FakeProxy, agent: Recorder
) -> None:
    proxy.models(row("gpt-4o"))
    stderr = run_process("run", "-m", "gpt-4o", "agent").stderr
    assert stderr == "Warning: --model is ignored: litellmctl does not know how agent takes a model\n"


def test_the_only_model_is_used_by_a_program_that_needs_one(
    run_filed: Run, proxy: FakeProxy, record: MakeRecorder
) -> None:
    choosy = record("choosy")
    proxy.models(row("gpt-4o"), row("dall-e-3", mode="image_generation"))
    assert run_filed("run", "choosy").stderr == ""
    assert choosy.arguments == ["--model", "gpt-4o"]


def test_a_model_is_not_asked_for_without_a_terminal(run_filed: Run, proxy: FakeProxy, record: MakeRecorder) -> None:
    choosy = record("choosy")
    proxy.models(*(row(f"model-{number}") for number in range(7)))
    error = run_filed("run", "--json", "choosy", exit=2).error
    assert error["code"] == "input_required"
    assert error["message"].startswith("cannot ask for a model without a terminal; Choosy needs one of model-0, ")
    assert error["message"].endswith(" and 2 more")
    assert error["remedy"] == "litellmctl run --model NAME choosy"
    assert not choosy.has_started()


def test_a_default_that_the_proxy_lacks_is_replaced_by_the_only_model(
    run_process: Run, proxy: FakeProxy, record: MakeRecorder
) -> None:
    llm = record("llm")
    proxy.models(row("gpt-4o"))
    assert "Warning" not in run_process("run", "llm", "Hi").stderr
    assert llm.environment["LLM_MODEL"] == "litellm/gpt-4o"
    proxy.models(row("gpt-4o"), row("o3"))
    run_process("refresh")
    # Without a terminal it starts: only it knows what its arguments mean.
    assert "llm starts with its own default model" in run_process("run", "llm", "Hi").stderr
    assert "LLM_MODEL" not in llm.environment


@posix
@pytest.mark.parametrize("agent_name", ["llm", "gemini", "claude"])
def test_a_person_chooses_where_the_proxy_lacks_the_default(
    run: Run, proxy: FakeProxy, record: MakeRecorder, agent_name: str
) -> None:
    record(agent_name)
    proxy.models(row("gpt-4o"), row("o3"))
    planned = run("run", "--dry-run", "--json", agent_name, terminal=True, stdin="o3\n")
    assert planned.json["model"] == "o3"
    assert "Warning" not in planned.stderr


def test_no_chat_model_is_an_error_for_a_program_that_needs_one(
    run_filed: Run, proxy: FakeProxy, record: MakeRecorder
) -> None:
    record("choosy")
    proxy.models(row("dall-e-3", mode="image_generation"))
    assert run_filed("run", "--json", "choosy", exit=5).error["message"].startswith("no chat models at ")


@pytest.mark.parametrize("own", [["--model", "mine"], ["--model=mine"], ["-m", "mine"], ["--version"], ["-h"]])
def test_no_model_is_asked_for_where_the_arguments_have_one_or_need_none(
    run_filed: Run, proxy: FakeProxy, record: MakeRecorder, own: list[str]
) -> None:
    choosy = record("choosy")
    run_filed("run", "choosy", *own)
    assert choosy.arguments == ["--model", "none", *own]
    assert proxy.requests == []


def test_a_program_that_knows_models_gets_the_chat_models(
    run_filed: Run, proxy: FakeProxy, record: MakeRecorder
) -> None:
    knowing = record("knowing")
    proxy.models(row("gpt-4o"), row("dall-e-3", mode="image_generation"), row("claude-sonnet"))
    run_filed("run", "knowing")
    assert knowing.arguments == ["claude-sonnet", "gpt-4o"]


def test_a_proxy_that_is_down_does_not_keep_a_program_from_starting(
    run_filed: Run, env: dict[str, str], proxy: FakeProxy, record: MakeRecorder
) -> None:
    knowing = record("knowing")
    env["LITELLM_OFFLINE"] = "1"
    stderr = run_filed("run", "knowing").stderr
    assert stderr.startswith("Warning: Knowing starts without the list of models: no cached models of ")
    assert knowing.arguments == []
    assert run_filed("run", "--json", "-m", "gpt-4o", "knowing", exit=3).error["code"] == "offline"


# The key


def test_a_program_that_runs_a_command_gets_one_for_a_key_that_may_change(
    run_filed: Run, proxy: FakeProxy, files: Files, record: MakeRecorder, env: dict[str, str]
) -> None:
    choosy = record("choosy")
    run_filed("run", "choosy", "-h")
    assert choosy.environment["KEY_COMMAND"] == ""  # a key in a variable stays the same
    files.keep(proxy.url, left=86000)
    run_filed("run", "choosy", "-h")
    words = choosy.environment["KEY_COMMAND"].split("|")
    assert words[-5:] == ["token", "--profile", "default", "--base-url", proxy.url]
    environment = choosy.environment
    run_filed("--auth", "stored", "run", "choosy", "-h")
    assert choosy.environment["KEY_COMMAND"].split("|")[-2:] == ["--auth", "stored"]
    printed = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=SECONDS, check=True)
    assert printed.stdout == f"{OLD}\n"


def test_subscription_is_only_for_programs_that_can_keep_their_sign_in(
    run_filed: Run, proxy: FakeProxy, agent: Recorder, record: MakeRecorder
) -> None:
    error = run_filed("run", "--json", "--subscription", "agent", exit=2).error
    assert error["message"] == "--subscription: agent cannot keep a sign-in of its own beside the proxy's key"
    assert "choosy" in error["remedy"]
    record("choosy")
    run_filed("run", "--subscription", "choosy", "-h")


# --dry-run


def test_a_dry_run_starts_and_writes_nothing_and_masks_the_key(
    run_filed: Run, proxy: FakeProxy, record: MakeRecorder, home: Path, temporary: Path
) -> None:
    filed = record("filed")
    before = digest(home)
    shown = run_filed("run", "--dry-run", "filed", "an argument", FILED_KEY="x", LITELLM_PROXY_URL="http://x")
    lines = shown.splitlines()
    assert lines[:2] == ["unset LITELLM_PROXY_URL", "unset FILED_KEY"]
    assert f"export LITELLM_BASE_URL={proxy.url}" in lines
    assert "export LITELLM_API_KEY='***'" in lines
    assert lines[-2] == "#   ***"
    assert lines[-1].startswith("filed --settings ")
    assert lines[-1].endswith("settings.json 'an argument'")
    assert KEY not in shown + shown.stderr
    assert shown.stderr == "Warning: Filed warns\n"
    assert not filed.has_started()
    assert list(temporary.iterdir()) == []
    assert digest(home) == before


def test_a_dry_run_in_json(run_filed: Run, proxy: FakeProxy, record: MakeRecorder) -> None:
    record("filed")
    found = run_filed("run", "--dry-run", "--json", "filed", "x").json
    (path,) = found["files"]
    assert found["files"][path] == "***"
    assert found["command"] == ["filed", "--settings", path, "x"]
    assert found["variables"]["LITELLM_API_KEY"] == "***"
    assert (found["program"], found["model"], found["relay"]) == ("Filed", None, False)
    assert (found["unset"], found["links"]) == ([], {})


def test_a_dry_run_masks_a_key_of_any_length(run: Run, env: dict[str, str], proxy: FakeProxy, agent: Recorder) -> None:
    env["LITELLM_API_KEY"] = "sk-1"
    assert "sk-1" not in run("run", "--dry-run", "agent")


# Every program that is known


@pytest.mark.parametrize("name", EXECUTABLES)
def test_a_known_program_gets_no_key_in_an_argument_and_no_file_changes(
    run_process: Run, run: Run, proxy: FakeProxy, record: MakeRecorder, home: Path, temporary: Path, name: str
) -> None:
    known = record(name)
    proxy.models(row("gpt-4o", max_input_tokens=128000, max_output_tokens=16000), times=None)
    (home / ".profile").write_text("export EDITOR=vi\n")
    before = digest(home)
    words = ("run", "--model", "gpt-4o", name)
    shown = run(*words[:1], "--dry-run", *words[1:])
    assert KEY not in shown + shown.stderr
    assert "***" in shown
    assert not known.has_started()
    result = run_process(*words)
    assert known.has_started()
    assert result == ""
    assert not any(KEY in word for word in known.started["argv"])
    assert digest(home) == before
    assert list(temporary.iterdir()) == []
