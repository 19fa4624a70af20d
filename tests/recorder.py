"""Programs for `run` to start: each records how it was started, and one that litellmctl knows uses temporary files."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

# It writes its record whole: a test may be waiting for it.
_RECORDER = """\
#!{python} -S
import json, os, signal, sys
sys.stdout.write(os.environ.get("SAYS", ""))
record = {{"argv": sys.argv, "environment": dict(os.environ), "process": os.getpid(), "group": os.getpgrp()}}
record["files"] = {{}}
for word in sys.argv[1:]:
    if os.path.isfile(word) and "litellmctl-run-" in word:
        modes = [oct(os.stat(place).st_mode & 0o777) for place in (word, os.path.dirname(word))]
        record["files"][word] = [open(word).read(), *modes]
with open({record!r} + ".new", "w") as file:
    json.dump(record, file)
os.replace({record!r} + ".new", {record!r})
def note(number, frame):
    with open({record!r} + ".signals", "a") as file:
        file.write(signal.Signals(number).name + "\\n")
    if number != signal.SIGUSR1:
        sys.exit(7)
if "WAITS" in os.environ:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, note)
    print("ready", flush=True)
    while True:
        signal.pause()
sys.exit(int(os.environ.get("EXITS", "0")))
"""

# `python -c` this, with the words of litellmctl: a program named filed takes the key in a temporary file.
WITH_FILED = """\
import os, signal, sys
from litellmctl.programs import registry
from litellmctl.programs.program import Launch, Program

class Filed(Program):
    title = "Filed"
    executable = "filed"
    def launch(self, provider, wish):
        return Launch(
            arguments=["--settings", str(wish.folder / "settings.json")],
            variables={"FILED_MODEL": wish.model or ""},
            unset=["FILED_KEY"],
            files={"settings.json": provider.key},
            warnings=["Filed warns"],
        )

class Choosy(Program):
    title = "Choosy"
    executable = "choosy"
    needs_model = True
    takes_command = True
    takes_subscription = True
    install = "pip install choosy"
    def launch(self, provider, wish):
        return Launch(arguments=["--model", wish.model or "none"], variables={"KEY_COMMAND": "|".join(provider.command)})

class Knowing(Program):
    title = "Knowing"
    executable = "knowing"
    needs_catalog = True
    def launch(self, provider, wish):
        return Launch(arguments=[model["id"] for model in provider.models])

class Late(Program):
    title = "Late"
    executable = "late"
    def launch(self, provider, wish):
        os.kill(os.getpid(), signal.SIGTERM)
        return super().launch(provider, wish)

registry._PROGRAMS |= {"filed": Filed, "choosy": Choosy, "knowing": Knowing, "late": Late}
registry.EXECUTABLES = tuple(registry._PROGRAMS)
from litellmctl.__main__ import main
sys.exit(main())
"""


class Recorder:
    """An executable in a folder of the PATH, and what it recorded of its last start."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(exist_ok=True)
        self.path = folder / name
        self._record = folder.parent / f"{name}.json"
        self.path.write_text(_RECORDER.format(python=sys.executable, record=str(self._record)))
        self.path.chmod(0o755)

    def has_started(self) -> bool:
        return self._record.exists()

    @property
    def started(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._record.read_text())
        return found

    @property
    def arguments(self) -> list[str]:
        words: list[str] = self.started["argv"][1:]
        return words

    @property
    def environment(self) -> dict[str, str]:
        found: dict[str, str] = self.started["environment"]
        return found

    @property
    def signals(self) -> list[str]:
        """The signals that it got, by name."""
        path = Path(f"{self._record}.signals")
        return path.read_text().split() if path.exists() else []


MakeRecorder = Callable[[str], Recorder]
