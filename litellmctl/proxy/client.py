"""Requests to one proxy: limits on time and size, retries for GET only, redirects only within the proxy."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import IO, TYPE_CHECKING, Any, TypeVar
from urllib.parse import urljoin

import requests
import urllib3

from litellmctl.errors import CHECK_THE_KEY, Failure, Unavailable
from litellmctl.foundation.deadline import Deadline
from litellmctl.foundation.threads import SLICE_SECONDS, in_background
from litellmctl.foundation.urls import host_of, is_below, origin
from litellmctl.proxy import client_certificate
from litellmctl.proxy.answer import Answer
from litellmctl.proxy.error_answers import failure_of, is_spent_budget
from litellmctl.proxy.http_proxy import SIGN_IN
from litellmctl.proxy.no_answer import no_answer, wants_sign_in
from litellmctl.proxy.retry_after import seconds_of

if TYPE_CHECKING:
    from litellmctl.proxy.http_proxy import HttpProxy
    from litellmctl.proxy.session import BoundAuth

T = TypeVar("T")
# The form's name of a file, and its own name, content and media type, as requests takes it.
Upload = tuple[str, tuple[str, bytes, str]]
# The query's names and values; the same name may come twice.
Params = Mapping[str, str] | Sequence[tuple[str, str]]

CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0
CATALOG_BYTES = 256 * 2**20
BODY_BYTES = 5 * 2**20

_CHUNK = 2**18
_TRIES = 3
_RETRIED_STATUS = frozenset({429, 502, 503, 504})
_MAX_RETRY_AFTER = 10.0
_LOOK = "check the base URL, or ask the proxy's administrator"
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAX_REDIRECTS = 5
_MAX_SHOWN = 500


@dataclass
class Client:
    """Requests to one proxy.

    `on_request` gets method, path, status (or error code) and seconds of each try; `refused_remedy` is the remedy for a
    refused key, `shown` our certificate. `deadline` limits all requests together, `read_seconds` is how long the proxy
    may be silent; `call` and `within` set both. Every failure is raised as a `Failure`; any status is an answer, but a
    407, which an HTTP proxy sends.
    """

    base_url: str
    auth: BoundAuth
    session: requests.Session
    on_request: Callable[[str, str, str, float], None] = lambda *_: None
    refused_remedy: str = CHECK_THE_KEY
    shown: client_certificate.Shown = client_certificate.NOTHING
    deadline: Deadline = field(default_factory=lambda: Deadline(None))
    read_seconds: float = READ_SECONDS

    def within(self, seconds: float | None, *, silence: float = READ_SECONDS) -> Client:
        """Return this client with a limit of `seconds` from now for all requests (None: no limit).

        `silence` is for how many seconds the proxy may send nothing.
        """
        return replace(self, deadline=Deadline(seconds), read_seconds=silence)

    def call(self, seconds: float | None, work: Callable[[Client], T], *, silence: float = READ_SECONDS) -> T:
        """Return what `work` returns for this client, within `seconds` whatever it waits for."""
        client = self.within(seconds, silence=silence)
        return client.deadline.run(lambda: work(client))

    def call_once(self, seconds: float, work: Callable[[Client], T]) -> T:
        """Return what `work` returns for this client, as `call`, for a request with an effect, which is never retried.

        The proxy may be silent the whole time. A failure says if the request may have taken effect.
        """
        try:
            return self.call(seconds, work, silence=seconds)
        except Unavailable as failure:
            if not failure.may_have_acted:
                raise
            raise failure.adding("the request was not retried and may have taken effect") from None

    def get(
        self,
        path: str,
        params: Params | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        cap: int | None = BODY_BYTES,
    ) -> Answer:
        """GET a path below the base URL: tried at most three times, and once more with a newer key after a 401."""
        for attempt in range(1, _TRIES + 1):
            last = attempt == _TRIES
            key = self.auth.key
            try:
                answer = self._follow(path, params, headers, cap)
            except Unavailable as failure:
                # A status is that of an HTTP proxy, which refused to connect us.
                if last or failure.code != "unreachable" or failure.status not in {None, *_RETRIED_STATUS}:
                    raise
                self._pause(attempt, None)
                continue
            if answer.status == 401:
                with self.deadline.paused():
                    renewed = self.auth.renewed(key)
                if renewed:
                    return self._follow(path, params, headers, cap)
            if last or answer.status not in _RETRIED_STATUS or _is_final(answer) or not self._pause(attempt, answer):
                return answer
        raise AssertionError("the last try returns or raises")

    def get_json(self, path: str, params: Params | None = None, *, cap: int = BODY_BYTES) -> Any:
        """GET a path and return its JSON; any status but 200 is raised as its failure."""
        answer = self.get(path, params, cap=cap)
        if answer.status != 200:
            raise self.failure(answer, path)
        return answer.json(f"{self.base_url}{path}")

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        form: Mapping[str, str] | None = None,
        files: Sequence[Upload] | None = None,
        json: Any = None,
        body: bytes | IO[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        cap: int | None = BODY_BYTES,
    ) -> Answer:
        """Send a request that may have an effect to a path below the base URL, or to a URL of the same origin.

        It is sent once and never redirected: a redirect would carry the body, with a code or a refresh token in it, to
        an unchecked address. With `files` the form is sent as multipart; a `body` that is a file is sent as it is read.
        """
        url = self.base_url + path if path.startswith("/") else path
        if origin(url) != origin(self.base_url):
            raise Unavailable("bad_response", f"{url} is not below {self.base_url}; nothing was sent", remedy=_LOOK)
        answer = self._send(
            method, url, params, cap, data=form if body is None else body, files=files, json=json, headers=headers
        )
        if answer.status in _REDIRECTS:
            answer.close()
            target = self._shown(_origin_of(_joined(url, answer.headers.get("location", ""))))
            raise Unavailable(
                "bad_response",
                f"{self._shown(url)} redirects to {target}, and only GET requests follow redirects",
                remedy=_LOOK,
                status=answer.status,
                may_have_acted=False,
            )
        return answer

    def failure(self, answer: Answer, path: str) -> Failure:
        """Return the failure that an answer's status and body mean."""
        return self._failed(answer.headers, answer.status, answer.read_error(), path)

    def _failed(self, headers: Mapping[str, str], status: int, body: bytes, path: str) -> Failure:
        page = client_certificate.page_refusal(status, body, self.base_url, self.shown)
        if page is not None:
            return page
        path = path.removeprefix(self.base_url)
        failure = failure_of(status, body, url=self.base_url, path=path, headers=headers, hide=self.auth.hidden)
        return failure.changed(remedy=self.refused_remedy) if failure.code == "auth_failed" else failure

    def _pause(self, attempt: int, answer: Answer | None) -> bool:
        """Wait before the next try; return False where it is not worth waiting."""
        seconds = 0.1 * 2**attempt
        if answer is not None:
            asked = seconds_of(answer.headers)
            seconds = seconds if asked is None else asked
            if seconds > self.deadline.remaining(_MAX_RETRY_AFTER):
                return False
            answer.close()
        time.sleep(self.deadline.remaining(seconds))
        return True

    def _follow(self, path: str, params: Params | None, headers: Mapping[str, str] | None, cap: int | None) -> Answer:
        url = self.base_url + path
        for _ in range(_MAX_REDIRECTS):
            answer = self._send("GET", url, params, cap, headers=headers)
            if answer.status not in _REDIRECTS:
                return answer
            answer.close()
            target = _joined(url, answer.headers.get("location", ""))
            if not is_below(target, self.base_url):
                raise Unavailable(
                    "bad_response",
                    f"{self.base_url}{path} redirects to {self._shown(_origin_of(target))}, "
                    "and the key is not for that URL",
                    remedy="check the base URL; a gateway in front of the proxy may require a sign-in",
                    status=answer.status,
                )
            url, params = target, None
        raise Unavailable("bad_response", f"{self.base_url}{path} redirects in a loop", remedy=_LOOK)

    def _send(self, method: str, url: str, params: Params | None, cap: int | None, **options: Any) -> Answer:
        start = time.monotonic()
        # The path of a redirect may repeat secrets.
        shown = self._shown(url.removeprefix(self.base_url).split("?")[0])
        try:
            response = self._begun(
                method,
                url,
                params=params,
                auth=self.auth,
                stream=True,
                allow_redirects=False,
                timeout=(self.deadline.remaining(CONNECT_SECONDS), self.deadline.remaining(self.read_seconds)),
                **options,
            )
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            left = partial(self.deadline.remaining, CONNECT_SECONDS)
            failure = no_answer(error, self.base_url, self._http_proxy, left, self.shown)
            if failure.code == "timeout" and self.deadline.is_over:
                # The limit for all requests is over, not only that of this wait.
                failure = self.deadline.passed().changed(may_have_acted=failure.may_have_acted)
            self.on_request(method, shown, failure.code, time.monotonic() - start)
            raise failure from None
        self.on_request(method, shown, str(response.status_code), time.monotonic() - start)
        if response.status_code == SIGN_IN and self._http_proxy is not None and url.startswith("http:"):
            response.close()
            raise wants_sign_in(self.base_url, self._http_proxy, response.headers.get("proxy-authenticate", ""))
        body, failed = self._body(response, cap), partial(self._failed, response.headers)
        return Answer(response.status_code, response.headers, body, response.close, self.auth, failed)

    @property
    def _http_proxy(self) -> HttpProxy | None:
        return getattr(self.session, "http_proxy", None)

    def _begun(self, method: str, url: str, *, data: Any = None, **options: Any) -> requests.Response:
        """Send a request, and return the response as soon as its headers are there.

        The time-out of a socket is for one read, and headers that trickle take many; without a deadline, the limit of
        silence ends that wait. It does not count while we read the body to send.
        """
        if self.deadline.seconds is not None:
            return self.session.request(method, url, data=data, **options)
        sent = _Sent(data)
        body = sent if hasattr(data, "read") else data
        pending = in_background(lambda: self.session.request(method, url, data=body, **options))
        while not pending.wait(SLICE_SECONDS):
            if time.monotonic() > sent.at + self.read_seconds:
                raise TimeoutError
        return pending.result()

    def _shown(self, text: str) -> str:
        """Return a text of the proxy for a sentence, without secrets."""
        return self.auth.hidden(text)[:_MAX_SHOWN]

    def _body(self, response: requests.Response, cap: int | None) -> Iterator[bytes]:
        encoding = response.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in {"", "identity", "gzip", "deflate"}:
            response.close()
            encoding = self._shown(encoding)[:40]
            raise Unavailable(
                "bad_response", f'{self.base_url} returned the unsupported encoding "{encoding}"', remedy=_LOOK
            )
        pieces = _pieces(response.raw, as_they_come=cap is None)
        if cap is None:  # it is read while it is printed, in a thread that cannot be abandoned
            stop = getattr(response.raw, "shutdown", response.close)
            pieces = self.deadline.watched(pieces, self.read_seconds, stop)
        size = 0
        try:
            for chunk in pieces:
                size += len(chunk)
                if cap is not None and size > cap:
                    raise Unavailable(
                        "bad_response", f"{self.base_url} returned more than {cap // 2**20} MiB", remedy=_LOOK
                    )
                self.deadline.remaining(self.read_seconds)
                yield chunk
        except urllib3.exceptions.TimeoutError:
            if self.deadline.is_over:
                raise self.deadline.passed() from None
            raise Unavailable(
                "timeout", f"{self.base_url} stopped in the middle of its answer", remedy="run it again"
            ) from None
        except (urllib3.exceptions.HTTPError, OSError, ValueError, AttributeError):
            raise Unavailable(
                "bad_response", f"{self.base_url} closed the connection in the middle of its answer", remedy=_LOOK
            ) from None
        finally:
            response.close()


class _Sent:
    """A file that is read as it is sent. `at` is the time of the last read, infinite during a read."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.at = time.monotonic()

    def read(self, size: int = -1) -> bytes:
        """Read from the file."""
        self.at = math.inf
        try:
            data: bytes = self._file.read(size)
        finally:
            self.at = time.monotonic()
        return data

    def __iter__(self) -> Iterator[bytes]:
        """Yield the rest of the file."""
        while piece := self.read(_CHUNK):
            yield piece

    def __getattr__(self, name: str) -> Any:
        """Return other attributes, by which requests finds out the size of the file."""
        return getattr(self._file, name)


def _pieces(body: Any, *, as_they_come: bool) -> Iterator[bytes]:
    """Yield the decoded body. `stream` waits until it has a whole piece, unless the body is chunked."""
    if not as_they_come or body.chunked or not hasattr(body, "read1"):
        yield from body.stream(_CHUNK, decode_content=True)
        return
    while chunk := body.read1(_CHUNK, decode_content=True):
        yield chunk


def _is_final(answer: Answer) -> bool:
    """Whether a retry is useless although the status suggests one: a budget is used up."""
    try:
        return is_spent_budget(answer.head())
    except Unavailable:
        return False


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location) if location else ""
    except ValueError:
        return ""


def _origin_of(url: str) -> str:
    return f"{url.split(':', 1)[0]}://{host_of(url)}" if "://" in url else "nowhere"
