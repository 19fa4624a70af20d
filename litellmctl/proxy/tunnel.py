"""HTTPS through an HTTP proxy: the sign-in schemes of a proxy that refuses the tunnel, which http.client drops."""

from __future__ import annotations

import http.client
import re
from contextlib import suppress
from typing import Any

from urllib3 import HTTPSConnectionPool
from urllib3.connection import HTTPSConnection

from litellmctl.proxy.http_proxy import SIGN_IN


class _Answer(http.client.HTTPResponse):
    """The answer to CONNECT, of which http.client only puts the status into an error."""

    def _read_status(self) -> Any:
        version, status, reason = super()._read_status()  # type: ignore[misc]
        if status == SIGN_IN:
            with suppress(OSError):
                # Not read: newer versions of http.client do that. The headers come with the status, or right after.
                asked = re.findall(rb"(?im)^proxy-authenticate:[ \t]*([a-z]+)", self.fp.peek())
                reason = " ".join([reason.strip(), *(scheme.decode("ascii") for scheme in asked[:10])])
        return version, status, reason


class _Connection(HTTPSConnection):
    """Adds the sign-in schemes to the error of a 407, and makes an answer that is not HTTP an error of the proxy."""

    def _tunnel(self) -> None:
        self.response_class = _Answer
        try:
            super()._tunnel()
        except http.client.HTTPException as error:
            self.close()  # or urllib3 takes it for an error of the server behind the proxy
            raise OSError("the answer to CONNECT is not HTTP") from error
        finally:
            del self.response_class


class TunnelPool(HTTPSConnectionPool):
    """Connections through one HTTP proxy; the error "Tunnel connection failed: 407 ..." names Basic, NTLM and so on."""

    ConnectionCls = _Connection
