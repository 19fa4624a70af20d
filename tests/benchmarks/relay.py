"""What `serve` adds to requests, beside nginx as the same kind of relay where that is installed."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import quantiles
from typing import TYPE_CHECKING, NamedTuple

from tests.benchmarks import load, upstream
from tests.benchmarks.measure import Failed, summary
from tests.benchmarks.proxy import KEY
from tests.benchmarks.suite import Benchmark, Result, Skipped

if TYPE_CHECKING:
    from tests.benchmarks.suite import Stage

# Of each kind, for each of the rounds (--runs).
_REQUESTS, _STREAMS = 200, 10
_SECONDS = 1.0
_AT_ONCE, _EVENTS, _EVERY = 200, 100, 0.05
_GIBIBYTE = 2**30
_NGINX = """\
daemon off; master_process off; pid {folder}/pid; error_log stderr error;
events {{ worker_connections 4096; }}
http {{
  access_log off; client_max_body_size 0;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  upstream proxy {{ server {address}; keepalive 256; }}
  server {{
    listen 127.0.0.1:{port} backlog=1024; keepalive_requests 1000000000;
    location / {{
      proxy_pass http://proxy; proxy_http_version 1.1; proxy_buffering off; proxy_request_buffering off;
      proxy_set_header Connection ""; proxy_set_header Authorization "Bearer {key}";
    }}
  }}
}}
"""


class Relay(NamedTuple):
    """A relay that runs, and its process."""

    target: load.Target
    pid: int

    @property
    def peak(self) -> float | None:
        """Its peak resident set so far, in MiB, where the system tells."""
        if sys.platform != "linux":
            return None
        status = Path(f"/proc/{self.pid}/status").read_text("utf-8")
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024


class _Way(NamedTuple):
    """The ways to one upstream: none between, ours, and nginx if it is installed."""

    direct: load.Target
    ours: Relay
    nginx: Relay | None

    @property
    def targets(self) -> list[load.Target]:
        return [self.direct, *(relay.target for relay in self.relays)]

    @property
    def relays(self) -> list[Relay]:
        return [self.ours, *([self.nginx] if self.nginx else [])]


@contextmanager
def _way(stage: Stage) -> Iterator[_Way]:
    with ExitStack() as stack:
        url = stack.enter_context(upstream.running())
        ours = stack.enter_context(_ours(stage, url))
        nginx = stack.enter_context(_nginx(stage, url)) if shutil.which("nginx") else None
        yield _Way(load.Target(url, KEY), ours, nginx)


@contextmanager
def _ours(stage: Stage, url: str) -> Iterator[Relay]:
    program = stage.ours("serve", "--port", "0", "--json", "-q", url=url)
    with subprocess.Popen(
        program.command, env=program.environment, cwd=program.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            line = process.stdout.readline()
            if not line:
                said = process.stderr.read().decode("utf-8", "replace")
                if "litellmctl[serve]" in said:
                    raise Skipped("no aiohttp in the measured environment")
                raise Failed(f"litellmctl serve: {said[-300:]}")
            made = json.loads(line)
            yield Relay(load.Target(made["base_url"], made["api_key"]), process.pid)
        finally:
            process.terminate()


@contextmanager
def _nginx(stage: Stage, url: str) -> Iterator[Relay]:
    folder = stage.program([]).folder / "nginx"
    folder.mkdir(exist_ok=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    file = folder / "nginx.conf"
    file.write_text(_NGINX.format(folder=folder, address=url.removeprefix("http://"), port=port, key=KEY), "utf-8")
    with subprocess.Popen(["nginx", "-p", str(folder), "-c", str(file)], cwd=folder) as process:
        try:
            target = load.Target(f"http://127.0.0.1:{port}", KEY)
            _wait_for(target)
            yield Relay(target, process.pid)
        finally:
            process.terminate()


def _wait_for(target: load.Target) -> None:
    end = time.monotonic() + 10
    while True:
        try:
            with target.connected():
                return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def _in_turns(
    stage: Stage, way: _Way, times: int, step: Callable[[socket.socket, load.Target], float]
) -> list[list[float]]:
    """Take the step on each way in turns, on a connection that stays; return the seconds for each way."""
    with ExitStack() as stack:
        open_ways = [(stack.enter_context(target.connected()), target) for target in way.targets]
        for connection, target in open_ways * 10:
            step(connection, target)
        turns = [
            [step(connection, target) for connection, target in open_ways] for _ in range(times * max(1, stage.runs))
        ]
    return [list(one) for one in zip(*turns, strict=True)]


def _added(seconds: Sequence[Sequence[float]], percent: int) -> list[float]:
    """Return for each relay the milliseconds that it added to the request before it, at this percentile."""
    direct, *relays = seconds
    pairs = [[took - base for took, base in zip(one, direct, strict=True)] for one in relays]
    return [quantiles(one, n=100, method="inclusive")[percent - 1] * 1000 for one in pairs]


def _beside(
    benchmark: Benchmark, unit: str, values: Sequence[float | None], bound: float | None, runs: int
) -> Iterator[Result]:
    """Yield the line for what was measured of ours, and of nginx if that was."""
    ours, nginx = (*values, None)[:2]
    if ours is not None:
        yield Result(benchmark.name, unit, ours, nginx, None, bound, runs)


def _latency(percent: int) -> Callable[[Benchmark, Stage], Iterator[Result]]:
    def run(benchmark: Benchmark, stage: Stage) -> Iterator[Result]:
        with _way(stage) as way:
            requests = {target: target.request for target in way.targets}
            seconds = _in_turns(stage, way, _REQUESTS, lambda one, target: load.answered(one, requests[target]))
        yield from _beside(benchmark, "ms", _added(seconds, percent), benchmark.bound, len(seconds[0]))

    return run


def _first_byte(benchmark: Benchmark, stage: Stage) -> Iterator[Result]:
    with _way(stage) as way:
        seconds = _in_turns(stage, way, _STREAMS, load.first_byte)
    yield from _beside(benchmark, "ms", _added(seconds, 50), benchmark.bound, len(seconds[0]))


def _throughput(clients: int) -> Callable[[Benchmark, Stage], Iterator[Result]]:
    def run(benchmark: Benchmark, stage: Stage) -> Iterator[Result]:
        with _way(stage) as way:
            for one in way.relays:
                load.per_second(one.target, clients, _SECONDS / 4)
            turns = [[load.per_second(one.target, clients, _SECONDS) for one in way.relays] for _ in range(stage.runs)]
        medians = [summary(one).median for one in zip(*turns, strict=True)]
        yield from _beside(benchmark, "/s", medians, benchmark.bound, stage.runs)

    return run


def _streams(benchmark: Benchmark, stage: Stage) -> Iterator[Result]:
    with _way(stage) as way:
        delays = [load.streamed(one.target, _AT_ONCE, _EVENTS, _EVERY) for one in way.relays]
        late = [quantiles(one, n=100, method="inclusive")[98] * 1000 for one in delays]
        yield from _beside(benchmark, "MiB", [one.peak for one in way.relays], benchmark.bound, 1)
        yield from _beside(benchmark, "ms", late, None, 1)


def _bulk(step: Callable[[load.Target, int], float]) -> Callable[[Benchmark, Stage], Iterator[Result]]:
    def run(benchmark: Benchmark, stage: Stage) -> Iterator[Result]:
        with _way(stage) as way:
            seconds = [step(one.target, _GIBIBYTE) for one in way.relays]
            yield from _beside(benchmark, "MiB", [one.peak for one in way.relays], benchmark.bound, 1)
            yield from _beside(benchmark, "s", seconds, None, 1)

    return run


RELAY = (
    Benchmark("relay-latency", "serve, added to a request, at the median : nginx", 3.0, _latency(50)),
    Benchmark("relay-latency-99", "serve, added to a request, at the 99th percentile : nginx", 10.0, _latency(99)),
    Benchmark("relay-first-byte", "serve, added to the first event of a stream : nginx", 3.0, _first_byte),
    *(
        Benchmark(f"relay-requests-{clients}", f"serve, requests a second, {who} : nginx", None, _throughput(clients))
        for clients, who in ((1, "1 client"), (20, "20 clients"), (200, "200 clients"))
    ),
    Benchmark(
        "relay-streams",
        "serve, 200 streams at once of 20 events a second: peak memory, and the delay of an event at the 99th"
        " percentile : nginx",
        100.0,
        _streams,
    ),
    Benchmark(
        "relay-upload", "serve, an upload of 1 GiB: peak memory, and the time : nginx", 100.0, _bulk(load.uploaded)
    ),
    Benchmark(
        "relay-download", "serve, a download of 1 GiB: peak memory, and the time : nginx", 100.0, _bulk(load.downloaded)
    ),
)
