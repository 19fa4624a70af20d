"""The process that checks arguments when a check may take too long. It ends itself in time."""

from __future__ import annotations

import faulthandler
import json
import signal
import sys

from litellmctl.foundation.text import cut
from litellmctl.tools import validation
from litellmctl.tools.schema import Schema

_MAX_WHERE = 1000


def main() -> int:
    """Read `[schema, arguments]`; print whether they fit, and on a second line why not: `[[where, expected], ...]`."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # else Ctrl-C would wait until native code returns
    _limit_memory()
    _end_in(validation.CHECK_SECONDS)
    schema, arguments = json.load(sys.stdin)
    validator = validation.validator_of(schema)
    fits = validator is None or validation.fits(validator, arguments)
    sys.stdout.write(f"{json.dumps(fits)}\n")
    sys.stdout.flush()
    if not fits:
        _end_in(validation.EXPLAIN_SECONDS)
        found = Schema(schema).explained(validator, arguments)
        sys.stdout.write(json.dumps([(cut(where, _MAX_WHERE), expected) for where, expected in found]))
    return 0


def _end_in(seconds: float) -> None:
    """End this process in so many seconds, even while native code runs."""
    # Its thread does not need the interpreter's lock. Its output is discarded.
    faulthandler.dump_traceback_later(seconds, exit=True)


def _limit_memory() -> None:
    if sys.platform != "win32":
        import resource

        for kind, most in ((resource.RLIMIT_AS, validation.MAX_BYTES), (resource.RLIMIT_CORE, 0)):
            hard = resource.getrlimit(kind)[1]
            resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
