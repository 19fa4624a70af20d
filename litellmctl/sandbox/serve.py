"""The proxy's own process: LiteLLM's server, and a thread that stops it when it is no longer needed.

A script, not a module to import: `serve.py CONFIG PORT`. It imports nothing of litellmctl, so it runs anywhere.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
import time

STAY = b"stay"
_LOOK_SECONDS = 2.0


def main(config: str, port: str) -> None:
    """Serve on loopback until this process is stopped."""
    # The pipe is moved from stdin, where the children of LiteLLM could read it.
    pipe = os.dup(0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    threading.Thread(target=_end_when_unwanted, args=[pipe, config], daemon=True).start()
    # The objects that these imports create are never garbage: without collection they take a quarter less time.
    gc.disable()
    import litellm.proxy.proxy_server  # noqa: F401
    from litellm import run_server

    gc.freeze()
    gc.enable()
    run_server(["--config", config, "--host", "127.0.0.1", "--port", port])


def _end_when_unwanted(pipe: int, config: str) -> None:
    """Exit when our parent has exited: the system closes its end of the pipe, even after a kill.

    After STAY, exit when the config file is gone: then the cache with our state file was cleared.
    """
    if os.read(pipe, len(STAY)) == STAY:
        while os.path.exists(config):
            time.sleep(_LOOK_SECONDS)
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
