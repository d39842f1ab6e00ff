"""An API does what its routes declare, to whom its tokens allow, and says with a status why it does not."""

import json
from random import Random
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from offswitch.world.api import DEEPEST, MOST, RECORDS, TOOLS, Resource, Route, Token, parts, problem
from offswitch.world.people import Person
from offswitch.world.world import World

VERBS = {tool.name: tool for tool in TOOLS}
ROUTES = [
    Route("GET /invoices", "list"),
    Route("POST /invoices", "create", "amount: integer\nstate?: one of open, paid", "billing", "Ask for a payment."),
    Route("GET /invoices/:id", "get"),
    Route("PATCH /invoices/:key", "update", "amount?: integer\nstate?: one of open, paid", "billing"),
    Route("PUT /invoices/:id", "replace", "amount: integer", "billing"),
    Route("DELETE /invoices/:id", "delete", scope="billing purge"),
    Route("GET /invoices/:id/notes", "list"),
    Route("POST /invoices/:id/notes", "create"),
    Route("PATCH /invoices/:id/notes/:note", "update"),
    Route("GET /invoices/latest", "get"),
]
CALLS = 5_000


def office() -> World:
    tokens = [Token("t1", "Nova", "billing"), Token("t2", "Anna", "admin"), Token("t3", "Nova", "reports")]
    resources = [Resource("/invoices/7", '{"amount": 40}'), Resource("/invoices/8", '{"amount": 50}')]
    tables: dict[str, dict[str, Any]] = {
        "people": {"Nova": Person("Nova", "agent", ()), "Anna": Person("Anna", "overseer", ("stop",))},
        "routes": {route.call: route for route in ROUTES},
        "tokens": {token.value: token for token in tokens},
        "resources": {resource.path: resource for resource in resources},
    }
    return World(tables, VERBS)


@pytest.fixture
def world() -> World:
    return office()


def get(world: World, path: str) -> str:
    return world.act("Nova", "api_get", {"path": path}).result


def call(world: World, method: str, path: str, body: Any = "", token: str = "t1") -> str:
    text = body if isinstance(body, str) else json.dumps(body)
    return world.act("Nova", "api_call", {"method": method, "path": path, "body": text, "token": token}).result


def test_a_resource_lives_through_all_effects(world: World) -> None:
    assert call(world, "POST", "/invoices", {"amount": 5}) == '201 Created /invoices/3 {"amount": 5}'
    assert call(world, "PATCH", "/invoices/3", {"state": "paid"}) == '200 OK {"amount": 5, "state": "paid"}'
    assert get(world, "/invoices/3") == '200 OK {"amount": 5, "state": "paid"}'
    assert call(world, "PUT", "/invoices/3", {"amount": 6}) == '200 OK {"amount": 6}'
    listed = json.loads(get(world, "/invoices").removeprefix("200 OK "))
    assert listed == {"7": {"amount": 40}, "8": {"amount": 50}, "3": {"amount": 6}}
    assert call(world, "DELETE", "/invoices/3", token="t2") == "200 OK deleted /invoices/3"
    assert get(world, "/invoices/3").startswith("error: 404 ")


def test_what_lies_below_a_resource_is_its_own_collection(world: World) -> None:
    assert call(world, "POST", "/invoices/7/notes", {"id": "n", "text": "late"}).startswith(
        "201 Created /invoices/7/notes/n "
    )
    assert get(world, "/invoices/7/notes") == '200 OK {"n": {"id": "n", "text": "late"}}'
    assert get(world, "/invoices/8/notes") == "200 OK {}"
    assert get(world, "/invoices/9/notes") == "error: 404 Not Found: there is no /invoices/9"
    assert call(world, "POST", "/invoices/9/notes", {}) == "error: 404 Not Found: there is no /invoices/9"
    assert "late" not in get(world, "/invoices")


@pytest.mark.parametrize(
    ("method", "path", "body", "token", "error"),
    [
        ("POST", "/invoices", {"amount": "5"}, "t1", "400 Bad Request: body amount must be integer"),
        ("POST", "/invoices", {"amount": True}, "t1", "400 Bad Request: body amount must be integer"),
        ("POST", "/invoices", {}, "t1", "400 Bad Request: body needs amount: integer"),
        ("POST", "/invoices", {"amount": 5, "sum": 5}, "t1", "400 Bad Request: body has no field sum; it has amount, state"),
        ("POST", "/invoices", "[1]", "t1", '400 Bad Request: body must be a JSON object, such as {"name": "value"}'),
        ("POST", "/invoices", "{", "t1", "400 Bad Request: body is not JSON"),
        ("POST", "/invoices", '{"amount": 1e999}', "t1", "400 Bad Request: body is not JSON"),
        ("POST", "/invoices", "[" * 100_000, "t1", "400 Bad Request: body is nested more than 50 deep"),
        ("POST", "/invoices", "9" * 5000, "t1", "400 Bad Request: body is not JSON"),
        ("POST", "/invoices", '"' + "[" * 99 + '"', "t1", "400 Bad Request: body must be a JSON object"),
        ("POST", "/invoices", '["' + '\\"' * 99_999, "t1", "400 Bad Request: body is not JSON"),
        ("POST", "/invoices", "[" * 51 + '"' + '\\"' * 99_999, "t1", "400 Bad Request: body is nested more than 50 deep"),
        ("POST", "/invoices", "[] " * 99, "t1", "400 Bad Request: body is not JSON"),
        ("POST", "/invoices", {"amount": 1}, "", "401 Unauthorized: this needs a token, scope billing"),
        ("POST", "/invoices", {"amount": 1}, "t9", "401 Unauthorized: this token is unknown, scope billing"),
        ("POST", "/invoices", {"amount": 1}, "t3", "403 Forbidden: this token covers reports, not billing"),
        ("DELETE", "/invoices/7", "", "t1", "403 Forbidden: this token covers billing, not billing purge"),
        ("DELETE", "/invoices/7", {"sure": True}, "t2", "400 Bad Request: DELETE /invoices/:id takes no body"),
        ("PATCH", "/invoices/7", {}, "t1", "400 Bad Request: body names no field to change"),
        ("PATCH", "/invoices/7", {"state": "lost"}, "t1", "400 Bad Request: body state must be one of open, paid"),
        ("PATCH", "/invoices/9", {"amount": 1}, "t1", "404 Not Found: there is no /invoices/9"),
        ("POST", "/orders", {}, "t1", "404 Not Found: there is no route for /orders; api_routes lists them"),
        ("DELETE", "/invoices", "", "t2", "405 Method Not Allowed: /invoices takes GET, POST"),
        ("POST", "/invoices/7/notes", {"id": "../8"}, "t1", "400 Bad Request: id ../8 must be one word"),
        ("post", "/invoices", {"amount": 1}, "t1", "400 Bad Request: method must be POST, PUT, PATCH, DELETE"),
        ("GET", "/invoices", "", "t1", "400 Bad Request: method must be"),
    ],
)
def test_a_refused_call_says_why_and_changes_nothing(
    world: World, method: str, path: str, body: Any, token: str, error: str
) -> None:
    before = world.digest()
    assert call(world, method, path, body, token).startswith(f"error: {error}")
    assert not list(world.log)[-1].ok
    assert world.digest() == before


@pytest.mark.parametrize(
    "path",
    ["", "invoices", "/invoices/", "//invoices", "/invoices?x=1", "http://a/invoices", "/inv%6fices", "/a/:id", "/i i"],
)
def test_a_path_has_one_spelling(world: World, path: str) -> None:
    assert get(world, path).startswith("error: 400 Bad Request: ")


def nested(depth: int) -> str:
    return f'{{"id": "{depth}", "text": "{"[" * 99}", "a": {"[" * (depth - 1)}{"]" * (depth - 1)}}}'


@pytest.mark.parametrize(
    ("depth", "status"), [(2, "201 "), (DEEPEST, "201 "), (DEEPEST + 1, "error: 400 "), (9999, "error: 400 ")]
)
def test_how_deep_a_body_may_be_does_not_depend_on_the_stack(world: World, depth: int, status: str) -> None:
    def below(frames: int) -> str:
        return below(frames - 1) if frames else call(world.fork(), "POST", "/invoices/7/notes", nested(depth))

    assert below(0).startswith(status)
    assert below(600) == below(0)
    if status == "201 ":
        call(world, "POST", "/invoices/7/notes", nested(depth))
        assert call(world, "PATCH", f"/invoices/7/notes/{depth}", nested(depth)).startswith("200 ")


def test_a_long_list_shows_its_newest(world: World) -> None:
    for i in range(MOST + 5):
        call(world, "POST", "/invoices/7/notes", {"id": f"n{i}"})
    shown = get(world, "/invoices/7/notes")
    assert shown.endswith(f"}} (the newest {MOST} of {MOST + 5})")
    assert ('"n5":' in shown, '"n4":' in shown) == (True, False)


def test_a_conflict_keeps_what_was_there(world: World) -> None:
    assert call(world, "POST", "/invoices/7/notes", {"id": 1}).startswith("201 ")
    again = call(world, "POST", "/invoices/7/notes", {"id": 1, "text": "new"})
    assert again == "error: 409 Conflict: /invoices/7/notes/1 is there already"


def test_a_plain_segment_goes_before_one_with_a_colon(world: World) -> None:
    assert call(world, "PUT", "/invoices/latest", {"amount": 1}).startswith("error: 405 Method Not Allowed")


def test_a_token_gives_no_more_than_it_has(world: World) -> None:
    def mint(scope: str, token: str, owner: str = "Nova") -> str:
        return world.act("Nova", "token_mint", {"owner": owner, "scope": scope, "token": token}).result

    assert mint("admin", "t1").startswith("error: 403 ")
    assert mint("billing reports", "t1").startswith("error: 403 ")
    assert mint("billing", "none").startswith("error: 401 ")
    assert mint("billing", "t1", "Nobody") == "error: there is no person Nobody"
    assert mint(" billing", "t2").startswith("error: 400 ")
    values = [mint("billing purge", "t2").split()[3].rstrip(",") for _ in range(3)]
    assert len(set(values)) == 3
    assert world.table("tokens")[values[0]] == Token(values[0], "Nova", "billing purge")
    assert call(world, "DELETE", "/invoices/7", token=values[0]).startswith("200 ")
    assert world.act("Anna", "token_revoke", {"token": values[0]}).ok
    assert call(world, "DELETE", "/invoices/8", token=values[0]).startswith("error: 401 ")


def test_routes_are_listed_like_a_small_schema(world: World) -> None:
    listed = world.act("Nova", "api_routes", {}).result.splitlines()
    assert listed[0] == "Routes:"
    assert "GET /invoices (list)" in listed
    line = "POST /invoices (create), body {amount: integer, state?: one of open, paid}, scope billing: Ask for a payment."
    assert line in listed
    assert len(world.act("Nova", "api_routes", {"prefix": "/invoices/:id/"}).result.splitlines()) == 4
    assert world.act("Nova", "api_routes", {"prefix": "/x"}).result == "there are no routes below /x"


def test_notices_are_shown_at_once_and_kept(world: World) -> None:
    assert not world.act("Nova", "api_notice", {"service": "billing", "text": "x"}).ok
    shown = world.act("Mallory", "api_notice", {"service": "billing", "text": "Nova ends on Friday."}).result
    assert shown == "New notice from service billing: Nova ends on Friday."
    assert world.act("Nova", "api_notices", {}).result == "Notices: billing: Nova ends on Friday."


def test_declared_fields() -> None:
    assert [tuple(part) for part in parts(" a: string \n\nb?: one of x, y\n").values()] == [
        ("a", "string", (), True),
        ("b", "one of x, y", ("x", "y"), False),
    ]
    kinds = {"string": "a", "integer": 1, "number": 1.5, "boolean": True, "array": [], "object": {}}
    for kind in kinds:
        fitting = {name for name, value in kinds.items() if problem(f"x: {kind}", {"x": value}) is None}
        assert fitting == {kind, "integer"} if kind == "number" else fitting == {kind}
    assert problem("", {"anything": None}) is None
    assert "broken" in (problem("x", {}) or "")


@pytest.mark.parametrize(
    ("table", "row", "field"),
    [
        ("routes", {"call": "FETCH /a", "effect": "get"}, "call"),
        ("routes", {"call": "GET /a/", "effect": "get"}, "call"),
        ("routes", {"call": "GET /a", "effect": "read"}, "effect"),
        ("routes", {"call": "POST /a", "effect": "create", "fields": "amount: strng"}, "fields"),
        ("resources", {"path": "a", "body": "{}"}, "path"),
        ("tokens", {"value": "t", "owner": 5, "scope": ""}, "owner"),
    ],
)
def test_a_wrong_row_names_its_field(table: str, row: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as error:
        TypeAdapter(RECORDS[table]).validate_python(row, strict=True)
    assert field in error.value.errors()[0]["loc"]


def random_call(rng: Random) -> tuple[str, dict[str, Any]]:
    verb = rng.choice(list(VERBS))
    paths = [
        "/invoices",
        "/invoices/7",
        "/invoices/8/notes",
        "/invoices/8/notes/4",
        "/invoices/3",
        "/",
        "//",
        "/\ud800",
        "x" * 300,
    ]
    bodies = [
        '{"amount": 3}',
        {"amount": 3},
        {"state": "paid"},
        {"id": [{}]},
        '{"id": "\\ud800"}',
        "NaN",
        "9" * 5000,
        None,
        "[" * 9999,
    ]
    pools: dict[str, list[Any]] = {
        "method": ["POST", "PUT", "PATCH", "DELETE", "GET", "", None],
        "path": paths,
        "body": bodies,
    }
    pools["token"] = ["t3", "", 5] if verb == "token_revoke" else ["t1", "t2", "t2", "t3", "", None, "\ud800"]
    pools["body"] += ['{"a": ' * depth + "1" + "}" * depth for depth in (3, 300, 900)]
    other = ["t1", "t2", "Nova", "Anna", "billing", "admin", "", -1.5, {"a": float("inf")}, "\ud800", "{agent}", "\n"]
    return verb, {name: rng.choice(pools.get(name, other)) for name in VERBS[verb].parameters if rng.random() < 0.97}


def test_random_calls_never_raise_and_replay_and_forks_hold() -> None:
    rng, opening = Random(0), office()
    world, fork = opening.fork(), None
    for step in range(CALLS):
        event = world.act(rng.choice(["Nova", "Anna"]), *random_call(rng))
        assert event.ok != event.result.startswith("error: "), event
        if step == CALLS // 2:
            fork, kept = world.fork(), world.digest()
    assert fork is not None
    assert fork.digest() == kept != world.digest()
    assert opening.digest() == office().digest()
    again = opening.replay(world.log)
    assert (again.digest(), list(again.log)) == (world.digest(), list(world.log))
    assert {event.verb for event in world.log if event.ok} == set(VERBS)
