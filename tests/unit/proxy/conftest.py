from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest
from requests.auth import AuthBase

from litellmctl.foundation.deadline import Deadline
from litellmctl.proxy.client import Client
from litellmctl.proxy.session import BoundAuth, make_session
from litellmctl.proxy.tls import Trust

Connect = Callable[..., Client]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Return a function that makes a client for a URL; `tried` of it gathers the outcomes of its requests."""
    with ExitStack() as stack:

        def make(
            url: str, auth: AuthBase | None = None, *, seconds: float | None = 10, loopback: bool = True
        ) -> Client:
            session = stack.enter_context(closing(make_session(url, Trust(), loopback=loopback)))
            return Client(url, auth or BoundAuth(url, "sk-key"), session, deadline=Deadline(seconds))

        yield make
