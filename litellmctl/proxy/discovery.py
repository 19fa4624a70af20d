"""Which models a proxy offers: `/model/info`, else `/v1/models`, else `/health`, passed to a collector row by row."""

from __future__ import annotations

from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from litellmctl.errors import AuthFailure, Failure, Rejected, Unavailable
from litellmctl.foundation.globs import covers
from litellmctl.foundation.text import counted
from litellmctl.foundation.threads import together
from litellmctl.proxy.answer import Answer, not_litellm
from litellmctl.proxy.client import BODY_BYTES, CATALOG_BYTES, Client
from litellmctl.proxy.error_answers import HOPELESS_TYPES, words_of
from litellmctl.proxy.json_stream import MAX_KEPT

_NO_SUCH_PATH = 404
_ELSEWHERE = frozenset({401, 403, _NO_SUCH_PATH})
_PARALLEL = 32
# JSON values that one endpoint's rows may have, those of a wildcard's models among them.
_MAX_OF_ONE = 100_000
# Comparisons of a healthy endpoint's model with the rows that have its id: usually one or two for each.
_MAX_COMPARED = 2_000_000


class Collector(Protocol):
    """Takes the rows of the proxy's answers. They are raw JSON of any shape: the collector checks them."""

    def deployment(self, row: object) -> None:
        """Take a row of `/model/info`."""

    def listed(self, entry: object, group: object) -> None:
        """Take an entry of `/v1/models`, and its row of `/model_group/info` or None."""

    def nameless(self, model: object) -> None:
        """Take a healthy endpoint of which only the underlying model's name is known."""

    def expanded(self, entry: object) -> None:
        """Take an entry of `/v1/models` that may belong to a wildcard row."""

    def skip(self, name: str, reason: str, *, failed: bool = False) -> None:
        """Remember something that is not listed, and why; `failed` says that a request failed."""

    @property
    def wildcards(self) -> list[str]:
        """The names with a wildcard, so far."""


def discover(client: Client, collector: Collector, say: Callable[[str], None]) -> str:
    """Pass the collector every model that the proxy offers to this key.

    Returns the source: `model_info`, `models_list` or `health`. `say` takes a line for each step. Raises the failure of
    the endpoint that best explains why nothing was found.
    """
    refusals: list[Failure] = []
    kinds: set[str | None] = set()
    for source, attempt in (("model_info", _from_model_info), ("models_list", _from_models_list)):
        refused = attempt(client, collector, say)
        if refused is None:
            return source
        failure, kind = refused
        refusals.append(failure)
        if failure.code == "auth_failed":
            kinds.add(kind)
    if kinds & HOPELESS_TYPES:
        say("/health: not requested, since the proxy refused the key")
        raise _most_telling(refusals)
    if any(isinstance(failure, Unavailable) and failure.status != _NO_SUCH_PATH for failure in refusals):
        say("/health: not requested, since a gateway refused the others")
        raise _most_telling(refusals)
    refused = _from_health(client, collector, say)
    if refused is None:
        return "health"
    raise _most_telling([*refusals, refused[0]])


def _most_telling(refusals: list[Failure]) -> Failure:
    return next((failure for failure in refusals if isinstance(failure, AuthFailure)), refusals[0])


_Refusal = tuple[Failure, str | None]


def _ask(client: Client, path: str, *, cap: int = CATALOG_BYTES) -> Answer | _Refusal:
    """GET a path; return a refusal that another endpoint may not share, raise any other failure."""
    answer = client.get(path, cap=cap)
    if answer.status == 200:
        return answer
    body = answer.read_error()
    answer.chunks = iter((body,))
    failure = client.failure(answer, path)
    if answer.status not in _ELSEWHERE:
        raise failure
    return failure, words_of(body)[1]


def _each(
    client: Client, path: str, answer: Answer, take: Callable[[Any], None], *, max_values: int | None = None
) -> int:
    count = 0
    for row in answer.rows(f"{client.base_url}{path}", max_values=max_values):
        take(row)
        count += 1
    return count


def _from_model_info(client: Client, collector: Collector, say: Callable[[str], None]) -> _Refusal | None:
    answer = _ask(client, "/model/info")
    if isinstance(answer, tuple):
        say(f"/model/info: {answer[0].message}")
        return answer
    count = _each(client, "/model/info", answer, collector.deployment)
    say(f"/model/info: {counted(count, 'deployment')}")
    _expand(client, collector, say)
    return None


def _expand(client: Client, collector: Collector, say: Callable[[str], None]) -> None:
    wildcards = collector.wildcards
    if not wildcards:
        return
    why, failed = "the proxy does not list its models", False
    try:
        answer = _ask(client, "/v1/models")
        if isinstance(answer, tuple):
            raise answer[0]
        count = _each(client, "/v1/models", answer, collector.expanded)
        say(f"/v1/models: {counted(count, 'name')}, to expand wildcards")
    except (Unavailable, AuthFailure, Rejected) as failure:
        client.deadline.remaining(0)  # raises where the deadline has passed, which is not a failure of /v1/models
        why, failed = f"cannot list its models: {failure.message}", True
    left = set(collector.wildcards)
    for name in wildcards:
        if name in left:
            collector.skip(name, why, failed=failed)


def _from_models_list(client: Client, collector: Collector, say: Callable[[str], None]) -> _Refusal | None:
    answer = _ask(client, "/v1/models")
    if isinstance(answer, tuple):
        say(f"/v1/models: {answer[0].message}")
        return answer
    entries: list[Any] = []
    _each(client, "/v1/models", answer, entries.append, max_values=MAX_KEPT)
    say(f"/v1/models: {counted(len(entries), 'name')}")
    groups: dict[str, Any] = {}

    def take(row: Any) -> None:
        if isinstance(row, dict) and isinstance(row.get("model_group"), str):
            groups[row["model_group"]] = row

    try:
        detail = _ask(client, "/model_group/info")
        if isinstance(detail, tuple):
            raise detail[0]
        _each(client, "/model_group/info", detail, take, max_values=MAX_KEPT)
        say(f"/model_group/info: {counted(len(groups), 'group')}")
    except (Unavailable, AuthFailure, Rejected) as failure:
        client.deadline.remaining(0)
        say(f"/model_group/info: {failure.message}; facts are unknown")
    for entry in entries:
        name = entry.get("id") if isinstance(entry, dict) else None
        collector.listed(entry, groups.get(name) if isinstance(name, str) else None)
    return None


def _from_health(client: Client, collector: Collector, say: Callable[[str], None]) -> _Refusal | None:
    answer = _ask(client, "/health", cap=BODY_BYTES)
    if isinstance(answer, tuple):
        say(f"/health: {answer[0].message}")
        return answer
    report = answer.json(f"{client.base_url}/health")
    endpoints = report.get("healthy_endpoints") if isinstance(report, dict) else None
    unhealthy = report.get("unhealthy_endpoints") if isinstance(report, dict) else None
    if not isinstance(endpoints, list):
        raise not_litellm(f"{client.base_url}/health", b"{}")
    unhealthy = unhealthy if isinstance(unhealthy, list) else []
    say(f"/health: {counted(len(endpoints), 'healthy endpoint')}, {counted(len(unhealthy), 'unhealthy one')}")
    details = _details(client, {_text(endpoint, "model_id") for endpoint in endpoints} - {None})
    told: set[tuple[str | None, str | None]] = set()
    compared = 0
    for endpoint in endpoints:
        model_id = _text(endpoint, "model_id")
        known = details.get(model_id or "", [])
        compared += len(known) * (1 + len(_text(endpoint, "model") or "") // 64)
        if compared > _MAX_COMPARED:
            collector.skip("an endpoint", "too many deployments share its id")
            continue
        for row in known:
            named = _of_wildcard(row, endpoint)
            # The models of a wildcard share one id, and a deployment may be named twice.
            if (model_id, _text(named, "model_name")) not in told:
                told.add((model_id, _text(named, "model_name")))
                collector.deployment(named)
        if not known:
            collector.nameless(_text(endpoint, "model"))
    for endpoint in unhealthy:
        collector.skip(_text(endpoint, "model") or "an endpoint", "the proxy reports it as unhealthy")
    for name in collector.wildcards:
        collector.skip(name, "the proxy does not list its models")
    return None


def _of_wildcard(row: Any, endpoint: Any) -> Any:
    """Return a wildcard's row under the name of its healthy model, if the wildcard covers that name."""
    model, name = _text(endpoint, "model"), _text(row, "model_name")
    if model and name and "*" in name and covers(name, model):
        return {**row, "model_name": model}
    return row


def _text(value: Any, key: str) -> str | None:
    text = value.get(key) if isinstance(value, dict) else None
    return text if isinstance(text, str) and text else None


def _details(client: Client, ids: set[str | None]) -> dict[str, list[Any]]:
    """Return the rows of `/model/info?litellm_model_id=` for each id that has any, requested in parallel."""
    waiting: SimpleQueue[str] = SimpleQueue()
    for model_id in ids:
        waiting.put(model_id or "")
    found: dict[str, list[Any]] = {}

    def work() -> None:
        while True:
            try:
                model_id = waiting.get_nowait()
                answer = client.get("/model/info", {"litellm_model_id": model_id})
                if answer.status == 200:
                    found[model_id] = list(answer.rows("/model/info", max_values=_MAX_OF_ONE))
                else:
                    answer.read_error()
            except Empty:
                return
            except Failure:
                continue  # the model is listed, with unknown facts

    together(*[work] * min(_PARALLEL, len(ids)))
    client.deadline.remaining(0)
    return found
