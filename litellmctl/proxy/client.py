"""Requests to one proxy: limits on time and size, retries for GET only, redirects only within the proxy."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import IO, TYPE_CHECKING, Any, TypeVar
from urllib.parse import urljoin

import requests
import urllib3

from litellmctl.errors import CHECK_THE_KEY, Failure, Unavailable
from litellmctl.foundation.deadline import Deadline
from litellmctl.foundation.urls import host_of, origin
from litellmctl.proxy.error_answers import failure_of
from litellmctl.proxy.no_answer import no_answer

if TYPE_CHECKING:
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
_LOOK = "check the base URL, and the log of the proxy or of the gateway in front of it"
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAX_REDIRECTS = 5


@dataclass
class Answer:
    """An answer whose body has not been read yet. `chunks` yields the decoded body, no longer than the cap."""

    status: int
    headers: Mapping[str, str]
    chunks: Iterator[bytes] = field(repr=False)
    close: Callable[[], None] = field(repr=False)

    def read(self) -> bytes:
        """Return the whole body."""
        return b"".join(self.chunks)

    def read_error(self) -> bytes:
        """Return the body of an error; nothing where it is larger than any error is, or ends early."""
        body = b""
        try:
            for chunk in self.chunks:
                body += chunk
                if len(body) > BODY_BYTES:
                    self.close()
                    return b""
        except Unavailable:
            return b""  # the status says enough
        return body


@dataclass
class Client:
    """Requests to one proxy.

    `on_request` gets method, path, status (or what happened) and seconds of each try; `refused_remedy` is what helps
    where the key is refused. `deadline` is for all that is asked, `read_seconds` is how long the proxy may be silent
    meanwhile; `call` and `within` set both. Every failure is raised as a `Failure`; an answer with any status is an
    answer.
    """

    base_url: str
    auth: BoundAuth
    session: requests.Session
    on_request: Callable[[str, str, str, float], None] = lambda *_: None
    refused_remedy: str = CHECK_THE_KEY
    deadline: Deadline = field(default_factory=lambda: Deadline(None))
    read_seconds: float = READ_SECONDS

    def within(self, seconds: float | None, *, silence: float = READ_SECONDS) -> Client:
        """Return this client with `seconds` from now on for all that is asked (None: no limit).

        `silence` is for how many seconds the proxy may send nothing meanwhile.
        """
        return replace(self, deadline=Deadline(seconds), read_seconds=silence)

    def call(self, seconds: float | None, work: Callable[[Client], T], *, silence: float = READ_SECONDS) -> T:
        """Return what `work` makes of this client within `seconds`, whatever it waits for."""
        client = self.within(seconds, silence=silence)
        return client.deadline.run(lambda: work(client))

    def call_once(self, seconds: float, work: Callable[[Client], T]) -> T:
        """Return what `work` makes of this client, as `call`, for what may have an effect and is never repeated.

        The proxy may be silent all the while. A failure says where the effect may be there all the same.
        """
        try:
            return self.call(seconds, work, silence=seconds)
        except Unavailable as failure:
            if not failure.may_have_acted:
                raise
            raise failure.adding("the request was not repeated, and may have had its effect") from None

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
                if last or failure.code != "unreachable":
                    raise
                self._pause(attempt, None)
                continue
            if answer.status == 401:
                with self.deadline.paused():
                    renewed = self.auth.renewed(key)
                if renewed:
                    return self._follow(path, params, headers, cap)
            if last or answer.status not in _RETRIED_STATUS or not self._pause(attempt, answer):
                return answer
        raise AssertionError("the last try returns or raises")

    def get_json(self, path: str, params: Params | None = None, *, cap: int = BODY_BYTES) -> Any:
        """GET a path and return its JSON; any status but 200 is raised as its failure."""
        answer = self.get(path, params, cap=cap)
        if answer.status != 200:
            raise self.failure(answer, path)
        return decode(answer.read(), f"{self.base_url}{path}")

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
        """Send what may have an effect to a path below the base URL, or to a URL of the same origin.

        It is sent once and never redirected: a redirect would carry the body, with a code or a refresh token in it, to
        an address that nobody checked. With `files` the form is sent as multipart; a `body` that is a file is sent as
        it is read.
        """
        url = path if "://" in path else self.base_url + path
        if origin(url) != origin(self.base_url):
            raise Unavailable("bad_response", f"{url} is not at {self.base_url}: nothing was sent", remedy=_LOOK)
        answer = self._send(
            method, url, params, cap, data=form if body is None else body, files=files, json=json, headers=headers
        )
        if answer.status in _REDIRECTS:
            answer.close()
            target = self.auth.hidden(_origin_of(_joined(url, answer.headers.get("location", ""))))
            raise Unavailable(
                "bad_response",
                f"{url} redirects to {target}, where what was sent does not belong",
                remedy=_LOOK,
                status=answer.status,
                may_have_acted=False,
            )
        return answer

    def failure(self, answer: Answer, path: str, *secrets: str) -> Failure:
        """Return the failure that an answer's status and body mean; `secrets` were sent too, and are not shown."""
        body = answer.read_error()

        def hide(text: str) -> str:
            return self.auth.hidden(text, *secrets)

        failure = failure_of(answer.status, body, url=self.base_url, path=path, headers=answer.headers, hide=hide)
        return failure.changed(remedy=self.refused_remedy) if failure.code == "auth_failed" else failure

    def _pause(self, attempt: int, answer: Answer | None) -> bool:
        """Wait before the next try; return False where it is not worth waiting."""
        seconds = 0.1 * 2**attempt
        if answer is not None:
            asked = answer.headers.get("retry-after", "")
            if asked.isascii() and asked.isdigit():
                seconds = float(asked[:6])
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
            if not target.startswith(self.base_url + "/"):
                raise Unavailable(
                    "bad_response",
                    f"{self.base_url}{path} redirects to {self.auth.hidden(_origin_of(target))}, "
                    "which the key was not given for",
                    remedy="use the proxy's own base URL; a gateway in front of it may ask for a sign-in",
                    status=answer.status,
                )
            url, params = target, None
        raise Unavailable("bad_response", f"{self.base_url}{path} redirects in circles", remedy=_LOOK)

    def _send(self, method: str, url: str, params: Params | None, cap: int | None, **options: Any) -> Answer:
        start = time.monotonic()
        # A path out of a redirect may repeat what was sent.
        shown = self.auth.hidden(url.removeprefix(self.base_url).split("?")[0])
        try:
            response = self.session.request(
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
            http_proxy = requests.utils.select_proxy(url, self.session.proxies)
            failure = no_answer(error, self.base_url, http_proxy, lambda: self.deadline.remaining(CONNECT_SECONDS))
            if failure.code == "timeout" and self.deadline.is_over:
                # It is about all that was asked, not about this one wait.
                failure = self.deadline.passed().changed(may_have_acted=failure.may_have_acted)
            self.on_request(method, shown, failure.code, time.monotonic() - start)
            raise failure from None
        self.on_request(method, shown, str(response.status_code), time.monotonic() - start)
        return Answer(response.status_code, response.headers, self._body(response, cap), response.close)

    def _body(self, response: requests.Response, cap: int | None) -> Iterator[bytes]:
        encoding = response.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in {"", "identity", "gzip", "deflate"}:
            response.close()
            encoding = self.auth.hidden(encoding)[:40]
            raise Unavailable("bad_response", f'{self.base_url} answered with the encoding "{encoding}"', remedy=_LOOK)
        pieces = _pieces(response.raw, as_they_come=cap is None)
        if cap is None:  # it is read as it is printed, by nobody who could be abandoned
            stop = getattr(response.raw, "shutdown", response.close)
            pieces = self.deadline.watched(pieces, self.read_seconds, stop)
        size = 0
        try:
            for chunk in pieces:
                size += len(chunk)
                if cap is not None and size > cap:
                    raise Unavailable(
                        "bad_response", f"{self.base_url} sent more than {cap // 2**20} MiB", remedy=_LOOK
                    )
                self.deadline.remaining(self.read_seconds)
                yield chunk
        except urllib3.exceptions.TimeoutError:
            if self.deadline.is_over:
                raise self.deadline.passed() from None
            raise Unavailable(
                "timeout", f"{self.base_url} stopped answering in the middle", remedy="try again"
            ) from None
        except (urllib3.exceptions.HTTPError, OSError, ValueError, AttributeError):
            raise Unavailable("bad_response", f"{self.base_url} ended its answer in the middle", remedy=_LOOK) from None
        finally:
            response.close()


def _pieces(body: Any, *, as_they_come: bool) -> Iterator[bytes]:
    """Yield the decoded body. `stream` waits for as much as it was asked for, unless the body is in chunks."""
    if not as_they_come or body.chunked or not hasattr(body, "read1"):
        yield from body.stream(_CHUNK, decode_content=True)
        return
    while chunk := body.read1(_CHUNK, decode_content=True):
        yield chunk


def decode(body: bytes, where: str) -> Any:
    """Return the JSON of a body; anything else is not LiteLLM's answer."""
    import json

    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise not_litellm(where, body) from None


def not_litellm(where: str, body: bytes) -> Unavailable:
    """Return the failure for a body that is not the JSON that was asked for."""
    start = body.lstrip()[:1]
    what = "an empty body" if not body.strip() else "a web page" if start == b"<" else "something that is not its JSON"
    return Unavailable(
        "bad_response",
        f"{where} answered with {what}: not LiteLLM, or a gateway in front of it",
        remedy="check the base URL, and whether a gateway wants a sign-in or a header first",
    )


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location) if location else ""
    except ValueError:
        return ""


def _origin_of(url: str) -> str:
    return f"{url.split(':', 1)[0]}://{host_of(url)}" if "://" in url else "nowhere"
