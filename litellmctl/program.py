"""Our own command line, for another process to run."""

from __future__ import annotations

import sys
from pathlib import Path

import litellmctl

# -m does not do: with -P it does not find a checkout, and without -P it finds the files of the current folder first,
# which may be anybody's.
_MAIN = "import sys; sys.path.append(sys.argv.pop(1)); from litellmctl.__main__ import main; sys.exit(main())"


def command(*arguments: str) -> list[str]:
    """Return the words that run this program, from wherever it is installed, with these arguments."""
    return [sys.executable, "-P", "-c", _MAIN, str(Path(litellmctl.__file__).parent.parent), *arguments]
