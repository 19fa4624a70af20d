"""The catalogue: what can be wrong with what claims to be a proxy, each by a name."""

from __future__ import annotations

# Each adds its own.
from tests.hostile.faults import compressed, huge, lengths, patterns, repeats, statuses, tls, values, wire  # noqa: F401
from tests.hostile.faults.fault import AUTH, FAULTS, TLS_FAULTS, Cost, Fault, dumped, http
from tests.hostile.faults.values import REPLACEMENTS

__all__ = ["AUTH", "EVERYWHERE", "FAULTS", "REPLACEMENTS", "TLS_FAULTS", "Cost", "Fault", "dumped", "http"]

# Those that every command which can meets in every run; of the others, and they are many, one command does.
EVERYWHERE = (
    *("status 204", "status 304", "status 400", "status 401", "status 403", "status 404", "status 418", "status 500"),
    *("status 100 before the answer", "status 401 as a web page", "status 404 as a web page"),
    *("status 429, retry after much later", "redirect 302 to another port", "redirect to another host"),
    *("redirect to a file", "redirect with a user", "redirect with a header in it", "redirect to itself"),
    *("redirect within the proxy", "wire: HTTP/1.0", "wire: a header with control characters", "wire: cookies"),
    *("length too long", "length too short", "length that is no number", "chunks of no size", "chunks too small"),
    *("reset in the body", "trickling the body", "compressed: gzip", "compressed: half a gzip", "compressed: br"),
    *("body: empty", "body: a web page", "body: two objects", "body: brackets without end", "body: an endless number"),
    *("body: events instead of JSON", "body: null", "body: a list of everything", "body: an object of nothing"),
    *("body: half of it", "body: a byte order mark", "body: utf-16", "every leaf is null", "every leaf is a text"),
    *("every number is not a number", "every number is 1e999", "every text is escapes", "every text ends in escapes"),
    *("every text ends in half a character", "an error in escapes", "an error in line breaks"),
    *("names of fields: __class__", "every name twice, then null", "a field nested 3000 deep"),
    *("repeats secrets with 400", "repeats secrets with 500, in two ways at once"),
    *("repeats secrets as an error with 200", "repeats secrets at the end of every text"),
    *("repeats secrets where there was nothing, in two ways at once", "repeats secrets in a redirect"),
    *("repeats secrets in a redirect within the proxy", "lines of ours in an error", "lines of ours in descriptions"),
    *("a MiB of words in names", "a MiB of words in statuses", "directions in names"),
)
