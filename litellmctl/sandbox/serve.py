"""What runs in the proxy's own process: LiteLLM's server, and a thread that ends it when nobody wants it any more.

A script, not a module to import: `serve.py CONFIG PORT`. It imports nothing of litellmctl, so it runs from anywhere.
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
    """Serve on loopback until somebody ends this process."""
    # The pipe is moved off stdin, where anything that LiteLLM starts could read it.
    pipe = os.dup(0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    threading.Thread(target=_end_when_unwanted, args=[pipe, config], daemon=True).start()
    # Nothing of the many thousand objects that these imports make is ever garbage: a quarter of the time is saved.
    gc.disable()
    import litellm.proxy.proxy_server  # noqa: F401
    from litellm import run_server

    gc.freeze()
    gc.enable()
    run_server(["--config", config, "--host", "127.0.0.1", "--port", port])


def _end_when_unwanted(pipe: int, config: str) -> None:
    """Exit when whoever started us is gone, however it went: the system closes its end of the pipe even after a kill.

    Once told to stay, exit when the config file is gone: somebody cleared the cache that says that we run.
    """
    if os.read(pipe, len(STAY)) == STAY:
        while os.path.exists(config):
            time.sleep(_LOOK_SECONDS)
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
