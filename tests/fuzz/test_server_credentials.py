"""Credentials for MCP servers: whatever a user gives or a proxy lists is checked, and never an accident."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from litellmctl.commands.mcp_credentials import row_of
from litellmctl.errors import UsageFailure
from litellmctl.foundation.text import dump_json
from litellmctl.server_credentials import credentials, wanted
from litellmctl.server_credentials.values import value_of, variables_in
from litellmctl.tools.tool import read_offer
from tests.fuzz.strategies import fuzz, loose_values, objects, texts

_PIECES = ["A=", "export ", "'", '"', " ", "#", "\n", "\r", "B", "=", "\u2028", "x"]
_dotenv = st.lists(st.sampled_from(_PIECES) | texts, max_size=12).map("".join)
_words = st.sampled_from(["oauth2", "a", "true_passthrough", "2026-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00"])
_rows = st.lists(
    objects(
        {
            **dict.fromkeys(("server_id", "server_name", "alias", "auth_type", "oauth2_flow"), _words),
            **dict.fromkeys(("is_byok", "has_user_credential"), st.booleans()),
            **dict.fromkeys(("expires_at", "connected_at", "byok_api_key_help_url", "setup_url"), _words),
            "byok_description": st.lists(_words, max_size=2),
            "required": st.lists(objects({"name": _words, "is_set": st.booleans()}), max_size=2),
        }
    ),
    max_size=4,
)


@fuzz(texts | st.binary(max_size=20))
def test_a_value_can_stand_in_a_header_or_is_refused(given: bytes | str) -> None:
    try:
        found = value_of(given, named="it")
    except UsageFailure:
        return
    assert found == found.strip() != ""
    assert found.isascii()
    assert found.isprintable()


@fuzz(_dotenv)
def test_a_dotenv_file_is_read_or_refused(text: str) -> None:
    try:
        found, others = variables_in(text, ["A", "B"], named=".env")
    except UsageFailure as failure:
        assert failure.message.isprintable()
        return
    assert found.keys() <= {"A", "B"}
    assert others >= 0


@fuzz(_rows, _rows, _rows, loose_values)
def test_whatever_a_proxy_lists(servers: list[Any], sign_ins: list[Any], variables: list[Any], outcomes: Any) -> None:
    found = [*credentials._listed(servers, sign_ins), *credentials._with_variables(variables)]
    for one in found:
        assert one.wants in {"key", "variables", "sign-in"}
        assert one.status in {"set", "missing", "expired", None}
        json.loads(dump_json(row_of(one)))
    for server in read_offer({"tools": [], "server_outcomes": outcomes}, servers).servers:
        assert (wanted.needs(server) is None) is (wanted.remedy_of_status(server) is None)
