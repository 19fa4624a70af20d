"""The recorded answers of a real proxy (shapes/README.md), each read by the function that is there for it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from ast import literal_eval
from collections.abc import Callable, Container, Iterator
from fnmatch import filter as matching
from typing import Any, NamedTuple

import pytest

from litellmctl.catalog.model import Model
from litellmctl.catalog.reduction import Reducer
from litellmctl.errors import AuthFailure, Failure
from litellmctl.proxy import account, device, mcp, mcp_credentials, pkce, skills
from litellmctl.proxy.client import Client
from litellmctl.proxy.device import Pending, Ready, Started, Team, TeamWanted
from litellmctl.proxy.discovery import discover
from litellmctl.proxy.oauth import Grant, Session
from litellmctl.proxy.session import BoundAuth, make_session
from litellmctl.proxy.tls import Trust
from litellmctl.skills.hub_entry import read_source, source_text
from litellmctl.skills.skill import read_api, read_hub
from litellmctl.tools.result import read_result
from litellmctl.tools.tool import read_offer
from tests.fake_proxy import SHAPES, FakeProxy

ONLY_A_STATUS = "nothing but its status matters; test_skills_change.py has such answers"
# Recordings without a reader, and why.
UNREAD = {
    "model_info.names": "only names, of all rows of /model/info; its other recordings are cut",
    "pkce_authorize.not_signed_in": "a redirect that the browser follows",
    "pkce_callback": "what the browser brings back; test_pkce.py plays the browser",
    "sso_cli_complete.wrong_code": "an answer to the browser",
    **dict.fromkeys(("plugins_delete", "plugins_disable", "plugins_enable"), ONLY_A_STATUS),
    **dict.fromkeys(("plugins_put", "skills_delete"), ONLY_A_STATUS),
}
KEY = "sk-recorded-0123456789"
DIGEST = hashlib.sha256(KEY.encode()).hexdigest()
GOOD, BAD = range(200, 300), range(400, 600)
EXIT_CODES = {400: 5, 401: 4, 403: 4, 404: 5, 409: 5, 412: 5, 422: 5, 429: 3, 500: 3, 502: 3}
NEVER_STARTED = Started("", "", False, 600, "login_id", "poll_secret")


class Recording(NamedTuple):
    request: dict[str, Any]
    status: int
    body: Any


def recording(name: str, url: str = "http://proxy") -> Recording:
    """Return a recording with our key and URL in place of the lab's, and without the marks where a list was cut."""
    text = (SHAPES / f"{name}.json").read_text("utf-8").replace("http://127.0.0.1:4100", url)
    for pattern, ours in ((r"<sha256 of \w+ key>", DIGEST), (r"<\w+ key>|<sk-\.\.\.>", KEY), (r"<(\w+)>", r"\1")):
        text = re.sub(pattern, ours, text)
    whole = json.loads(re.sub(r',\s*"\.\.\. \d+ more"', "", text))
    if "request" in whole:
        return Recording(whole["request"], whole["response"]["status"], whole["response"]["body"])
    # A body alone, or one row of it.
    request = recording(f"{name.partition('.')[0]}.virtual_key").request
    return Recording(request, 200, {"data": [whole]} if "model_name" in whole else whole)


NAMES = sorted({path.stem for path in SHAPES.glob("*.json")} - UNREAD.keys())
READ: set[str] = set()


def recorded(*patterns: str, status: Container[int] = GOOD) -> pytest.MarkDecorator:
    """Run a test with each recording whose name matches and whose status is one of these, as `answer`."""
    names = [name for pattern in patterns for name in matching(NAMES, pattern) if recording(name).status in status]
    assert names, patterns
    READ.update(names)
    return pytest.mark.parametrize("answer", names, indirect=True)


@pytest.fixture
def answer(request: pytest.FixtureRequest, proxy: FakeProxy) -> Recording:
    """A recording, which the proxy answers with."""
    found = recording(request.param, proxy.url)
    proxy.on(found.request["path"], found.body, status=found.status, method=found.request["method"], times=None)
    return found


@pytest.fixture
def client(proxy: FakeProxy) -> Iterator[Client]:
    with make_session(proxy.url, Trust(), loopback=True) as session:
        yield Client(proxy.url, BoundAuth(proxy.url, KEY), session)


def refuse(proxy: FakeProxy, *paths: str) -> None:
    """Refuse these paths, except where a recording answers."""
    for path in paths:
        proxy.on(path, recording("key_info.llm_api_key").body, status=403, times=None)


def taken(fields: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: fields.get(name) for name in names}


def said(body: Any) -> str | None:
    """Return the proxy's words in an error, up to what they say of the key."""
    match body:
        case {"detail": [{"loc": ["body", str(field)], "msg": str(words)}]}:
            return f"{field}: {words}"
        case {"error": {"message": str(words)}} if words.startswith("{'error': "):
            return str(literal_eval(words)["error"])
        case (
            {"error": {"message": str(words)}}
            | {"error_description": str(words)}
            | {"detail": str(words) | {"message": str(words)} | {"error": str(words)}}
        ):
            return words.partition(" Received API Key")[0]
    return None


@recorded("*", status=BAD)
def test_an_error_has_the_words_of_the_proxy_and_not_the_key(client: Client, answer: Recording) -> None:
    path = answer.request["path"]
    failure = client.failure(client.send(answer.request["method"], path), path)
    assert (failure.status, failure.exit_code) == (answer.status, EXIT_CODES[answer.status])
    assert failure.words == said(answer.body)
    assert (failure.words or path) in failure.message
    assert not [secret for secret in (KEY, DIGEST) if secret in str(failure.as_dict())]


def models_of(client: Client) -> tuple[str, dict[str, Model], list[str]]:
    """Return where the models come from, the models by name, and the names that were left out."""
    reducer = Reducer()
    source = discover(client, reducer, lambda _: None)
    models = {model["id"]: model for model in reducer.models(source)}
    return source, models, re.findall(r"(\S+): .*", "\n".join(reducer.reasons))


def common(choose: Callable[[list[Any]], Any], rows: list[dict[str, Any]], name: str, unit: float = 1) -> Any:
    values = [row.get(name) for row in rows]
    return None if None in values else pytest.approx(choose(values) * unit)


@recorded("model_info*", "model_group_info*", "v1_models*")
def test_models(proxy: FakeProxy, client: Client, answer: Recording) -> None:
    by_deployment = answer.request["path"] == "/model/info"
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in answer.body["data"]:
        name = row.get("model_name") or row.get("model_group") or row["id"]
        rows.setdefault(name, []).append(row.get("model_info", row))
    refuse(proxy, "/model/info", "/model_group/info")
    proxy.on("/v1/models", {"data": [{"id": name} for name in rows]}, times=None)
    source, models, left_out = models_of(client)
    assert source == ("model_info" if by_deployment else "models_list")
    assert ({*models, *left_out}, left_out) == ({*rows}, [name for name in rows if "*" in name])
    for name, model in models.items():
        infos = rows[name]
        providers = {one for info in infos for one in info.get("providers", [info.get("litellm_provider")]) if one}
        assert (model["mode"], model["providers"]) == (infos[0].get("mode"), sorted(providers) or None)
        assert model["deployments"] == (len(infos) if by_deployment else None)
        assert model["context_window"] == common(min, infos, "max_input_tokens")
        assert model["max_output_tokens"] == common(min, infos, "max_output_tokens")
        for side in ("input", "output"):  # test_models_of_releases.py says when a 0 is a price
            key = f"{side}_cost_per_token"
            if 0 not in [info.get(key) for info in infos]:
                assert model["cost"][side] == common(max, infos, key, 1e6)
        able = all(info.get("supports_function_calling") for info in infos)
        assert bool(model["supports"]["function_calling"]) is able


@recorded("health*")
def test_health(proxy: FakeProxy, client: Client, answer: Recording) -> None:
    names = {}
    for detail in map(recording, matching(NAMES, "model_info.one.*")):
        for model_id in detail.request.get("query", {}).values():
            proxy.on(f"/model/info?litellm_model_id={model_id}", detail.body, times=None)
            names[model_id] = detail.body["data"][0]["model_name"]
    refuse(proxy, "/model/info", "/v1/models")
    source, models, left_out = models_of(client)
    assert (source, left_out) == ("health", [one["model"] for one in answer.body["unhealthy_endpoints"]])
    assert {*models} == {names.get(one["model_id"], one["model"]) for one in answer.body["healthy_endpoints"]}
    assert models["gpt-4o"]["context_window"] == 128_000


@recorded("v1_models*", status={200, 422})
def test_a_key_is_valid_even_over_its_budget(client: Client, answer: Recording) -> None:
    models, warning, *_ = account.verify(client)
    assert models == (len(answer.body["data"]) if answer.status == 200 else None)
    assert str(said(answer.body)) in str(warning)


@recorded("key_info*", "user_info*")
def test_account(proxy: FakeProxy, client: Client, answer: Recording) -> None:
    key, user = answer.body.get("info", {}), answer.body.get("user_info", {})
    (team, *_) = [*answer.body.get("teams", []), key]
    refuse(proxy, "/key/info", "/user/info")
    assert account.account(client, team.get("team_id")) == account.Account(
        **taken(key or user, "user_id", "spend", "max_budget", "budget_reset_at"),
        **taken(team, "team_id", "team_alias"),
        **taken(key, "key_alias"),
        **taken(user, "user_email"),
        key_expires=key.get("expires"),
        role=user.get("user_role"),
        budget_scope="key" if key else "user",
        routes=tuple(key.get("allowed_routes", [])) or None,
    )


@recorded("key_generate*")
def test_a_new_key(client: Client, answer: Recording) -> None:
    assert account.make_key(client, "laptop", None) == account.VirtualKey(KEY, answer.body["expires"])


@recorded("key_delete*", status={200, 404})
def test_a_deleted_key_that_may_have_been_gone(proxy: FakeProxy, client: Client, answer: Recording) -> None:
    account.delete_key(client, KEY)
    assert proxy.requests[0].json == {"keys": [KEY]}


@recorded("mcp_tools_list*")
def test_mcp_tools(client: Client, answer: Recording) -> None:
    if answer.body["error"]:
        with pytest.raises(AuthFailure):
            mcp.tools(client)
        return
    offer = read_offer(mcp.tools(client), [])
    entries = [(entry["mcp_info"], entry) for entry in answer.body["tools"]]
    assert [(tool.path, tool.server_id, tool.description, tool.input_schema) for tool in offer.tools] == sorted(
        (f"{info['server_name']}/{entry['name']}", info["server_id"], entry["description"], entry["inputSchema"])
        for info, entry in entries
    )
    states = {info["server_name"]: "ok" for info, _ in entries}
    states |= {name: outcome["status"] for name, outcome in answer.body.get("server_outcomes", {}).items()}
    assert ({server.name: server.status for server in offer.servers}, offer.notes) == (states, [])


@recorded("mcp_servers*")
def test_mcp_servers(client: Client, answer: Recording) -> None:
    servers = read_offer({}, mcp.servers(client)).servers
    told = [(row["server_name"], row["server_id"], row["alias"], row["status"]) for row in answer.body]
    assert [(server.name, server.id, server.alias, server.status) for server in servers] == sorted(told)


@recorded("mcp_tools_call*")
def test_the_result_of_a_tool(proxy: FakeProxy, client: Client, answer: Recording) -> None:
    result = read_result(mcp.call(client, 20, *answer.request["body"].values()), "the proxy")
    assert proxy.requests[0].json == answer.request["body"]
    assert (result.is_error, result.structured) == (answer.body["isError"], answer.body["structuredContent"])
    assert [one if isinstance(one, str) else (one.kind, one.mime_type, one.data) for one in result.pieces()] == [
        block.get("text") or (block["type"], block["mimeType"], base64.b64decode(block["data"]))
        for block in answer.body["content"]
    ]


# LiteLLM answers the same for a tool that is unknown and for a server that is down.
@recorded("mcp_tools_call*", status={404, 500})
def test_an_unknown_mcp_server_or_tool(client: Client, answer: Recording) -> None:
    words = answer.body["detail"]["message"].removeprefix("An unexpected error occurred: ")
    with pytest.raises(Failure, match=f"^{client.base_url}: {re.escape(words)}$") as caught:
        mcp.call(client, 20, *answer.request["body"].values())
    assert caught.value.code == "not_found"


@recorded("mcp_user_credentials*", "mcp_user_env_vars_status*")
def test_what_is_kept_for_a_user(client: Client, answer: Recording) -> None:
    ask = mcp_credentials.sign_ins if "credentials" in answer.request["path"] else mcp_credentials.variables
    assert ask(client) == answer.body


CHANGES: dict[str, Callable[[Client, str, Any], None]] = {
    "POST user-credential": lambda client, name, body: mcp_credentials.set_key(client, name, body["credential"]),
    "DELETE user-credential": lambda client, name, _: mcp_credentials.remove_key(client, name),
    "POST user-env-vars": lambda client, name, body: mcp_credentials.set_variables(client, name, body["values"]),
    "DELETE user-env-vars": lambda client, name, _: mcp_credentials.remove_variables(client, name),
    "POST oauth-user-credential": lambda client, name, body: mcp_credentials.store_token(
        client, name, mcp_credentials.Token(**body)
    ),
    "DELETE oauth-user-credential": lambda client, name, _: mcp_credentials.remove_sign_in(client, name),
}


@recorded("mcp_user_*_set*", "mcp_user_*_delete*", "mcp_oauth_store", "mcp_oauth_delete*", status=range(600))
def test_a_change_of_what_is_kept(proxy: FakeProxy, client: Client, answer: Recording) -> None:
    method, (*_, server, what) = answer.request["method"], answer.request["path"].split("/")
    body = answer.request.get("body")
    change = CHANGES[f"{method} {what}"]
    if answer.status == 200:
        change(client, server, body)
    else:
        with pytest.raises(Failure) as caught:
            change(client, server, body)
        assert caught.value.words == said(answer.body)
    assert (proxy.requests[0].json if body else None) == body


@recorded("mcp_oauth_status*")
def test_the_status_of_a_sign_in(client: Client, answer: Recording) -> None:
    found = mcp_credentials.sign_in_status(client, answer.body["server_id"])
    assert found == (mcp_credentials.signed_in(answer.body) if answer.body["has_credential"] else None)
    assert (found is not None and found.expires_at is not None) is answer.body["has_credential"]


@recorded("mcp_oauth_register*")
def test_a_sign_in_begins(proxy: FakeProxy, client: Client, answer: Recording) -> None:
    server, body = answer.request["path"].split("/")[-2], answer.request["body"]
    attempt = mcp_credentials.begin(client, server, *body["redirect_uris"], "verifier")
    assert (attempt.client_id, attempt.server_id) == (answer.body["client_id"], server)
    assert proxy.requests[0].json == body


@recorded("mcp_oauth_token*", status=range(600))
def test_a_sign_in_ends(proxy: FakeProxy, client: Client, answer: Recording) -> None:
    form, server = answer.request["form"], answer.request["path"].split("/")[-2]
    attempt = mcp_credentials.Attempt(server, form["client_id"], form["redirect_uri"], form["code_verifier"])
    if answer.status == 200:
        token = mcp_credentials.redeem(client, attempt, form["code"])
        assert token._asdict() == taken(answer.body, *token._fields)
    else:
        with pytest.raises(Failure, match=answer.body["error_description"]):
            mcp_credentials.redeem(client, attempt, form["code"])
    assert proxy.requests[0].form == form


@recorded("plugin_get*", "plugins_get*", "skills_get*")
def test_skills(client: Client, answer: Recording) -> None:
    name = answer.request["path"].split("/")[3:]
    if answer.request["path"].startswith("/v1/skills"):
        found = [*map(read_api, [skills.api_entry(client, *name)] if name else skills.api_rows(client)[0])]
    else:
        found = [*map(read_hub, [skills.hub_entry(client, *name)] if name else skills.hub_rows(client))]
    rows = answer.body.get("plugins", answer.body.get("data", [answer.body]))
    for skill, row in zip(found, rows, strict=True):
        assert skill is not None
        read = {**skill.more, **skill.row, "display_title": skill.name, "latest_version": skill.version}
        told = {name: f"{row[name][:19]}Z" if name.endswith("_at") else row[name] for name in read if name in row}
        assert len(told) > 6
        assert taken(read, *told) == told


@recorded("skills_get.[mo]*", "skills_delete*", status={500})
def test_a_skill_that_is_not_there(client: Client, answer: Recording) -> None:
    skill_id = answer.request["path"].split("/")[-1]
    ask = skills.api_entry if answer.request["method"] == "GET" else skills.delete_from_api
    with pytest.raises(Failure, match=f"^Skill not found: {skill_id}$") as caught:
        ask(client, skill_id)
    assert caught.value.code == "not_found"


@recorded("skills_get.search", status={400})
def test_a_search_that_is_not_configured(client: Client, answer: Recording) -> None:
    assert skills.search(client, "greeting") is None


@recorded("skills_post*")
def test_a_new_skill(client: Client, answer: Recording) -> None:
    assert skills.upload(client, {}, ("files[]", ("my.zip", b"", "application/zip"))) == answer.body["id"]


@recorded("plugins_post*")
def test_a_source_of_the_hub(answer: Recording) -> None:
    source = answer.body["plugin"]["source"]
    assert read_source(source_text(source), source.get("sha256")) == source == answer.request["body"]["source"]


@recorded("plugins_post.virtual_key", "plugins_enable.virtual_key", status=BAD)
def test_a_hub_that_only_administrators_change(client: Client, answer: Recording) -> None:
    is_new = "body" in answer.request
    with pytest.raises(AuthFailure, match="administrators") as caught:
        skills.register(client, {}) if is_new else skills.switch(client, "review", enabled=True)
    assert caught.value.code == "forbidden"


@recorded("sso_cli_start*")
def test_a_device_code(client: Client, answer: Recording) -> None:
    complete = answer.body.get("verification_uri_complete")
    link = f"{client.base_url}/sso/key/generate?source=litellm-cli&key={answer.body['login_id']}"
    told = taken(answer.body, "user_code", "expires_in", "login_id", "poll_secret")
    assert device.start(client) == Started(link=complete or link, code_is_in_link=complete is not None, **told)


@recorded("sso_cli_poll*")
def test_a_sign_in_with_a_device_code(proxy: FakeProxy, client: Client, answer: Recording) -> None:
    body = answer.body
    teams = sorted((Team(team["team_id"], team["team_alias"]) for team in body.get("team_details", [])), key=str)
    found = device.poll(client, NEVER_STARTED, *answer.request.get("query", {}).values())
    assert proxy.requests[0].headers.items() >= answer.request["headers"].items()
    if "key" in body:
        assert found == Ready(Grant(body["key"], **taken(body, "user_id", "team_id")), teams)
    else:
        assert found == (TeamWanted(teams) if teams else Pending())


@recorded("sso_cli_poll*", status=BAD)
def test_a_sign_in_that_is_over_or_for_a_foreign_team(client: Client, answer: Recording) -> None:
    team = answer.request.get("query", {}).values()
    with pytest.raises(AuthFailure, match=re.escape(answer.body["detail"]) if team else None) as caught:
        device.poll(client, NEVER_STARTED, *team)
    assert caught.value.code == ("forbidden" if team else "auth_failed")


@recorded("pkce_discovery*")
def test_pkce_endpoints(client: Client, answer: Recording) -> None:
    names = ("authorization_endpoint", "token_endpoint", "registration_endpoint", "revocation_endpoint", "resource")
    assert pkce.discover(client) == pkce.Endpoints(*(answer.body[name] for name in names))


@recorded("pkce_register*")
def test_pkce_registration(proxy: FakeProxy, client: Client, answer: Recording) -> None:
    body = answer.request["body"]
    attempt = pkce.begin(client, endpoints(client), *body["redirect_uris"], "state")
    assert attempt.client_id == answer.body["client_id"]
    assert proxy.requests[0].json == {**body, "client_name": "litellmctl"}


def endpoints(client: Client) -> pkce.Endpoints:
    return pkce.Endpoints(*(f"{client.base_url}/{name}" for name in ("authorize", "token", "register", "revoke", "")))


def redeem(client: Client, form: dict[str, str]) -> Grant:
    """Exchange what was exchanged in a recording."""
    where = endpoints(client)
    if form["grant_type"] == "refresh_token":
        session = Session(form["client_id"], where.token, where.revocation, form["resource"])
        return pkce.refresh(client, session, form["refresh_token"])
    challenge = pkce.Challenge(form["code_verifier"], "")
    where = where._replace(resource=form["resource"])
    return pkce.redeem(
        client, pkce.Attempt(where, form["client_id"], form["redirect_uri"], "", challenge), form["code"]
    )


@recorded("pkce_token*")
def test_a_sign_in_with_pkce(proxy: FakeProxy, client: Client, answer: Recording) -> None:
    grant = Grant(answer.body["access_token"], **taken(answer.body, *Grant._fields[1:]))
    assert redeem(client, answer.request["form"]) == grant
    assert proxy.requests[0].form == answer.request["form"]


@recorded("pkce_token*", status=BAD)
def test_a_sign_in_with_pkce_that_is_refused(client: Client, answer: Recording) -> None:
    with pytest.raises(AuthFailure, match=answer.body["error_description"]):
        redeem(client, answer.request["form"])


@recorded("pkce_revoke*")
def test_a_revoked_sign_in(proxy: FakeProxy, client: Client, answer: Recording) -> None:
    form = answer.request["form"]
    where = endpoints(client)
    pkce.revoke(client, Session(form["client_id"], where.token, where.revocation, where.resource), form["token"])
    assert proxy.requests[0].form.items() >= form.items()


def test_each_recording_is_read() -> None:
    assert {*NAMES} - READ == set()
    assert {name for name in UNREAD if not (SHAPES / f"{name}.json").exists()} == set()
