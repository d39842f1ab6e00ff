"""Pages are found, opened and changed as their links, forms and comments say."""

from random import Random
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from offswitch.world.people import Person
from offswitch.world.web import RECORDS, TOOLS, Form, Page
from offswitch.world.world import World

VERBS = {tool.name: tool for tool in TOOLS}
CALLS = 5_000
PAGES = [
    Page("intranet", "Home", "Welcome.", "intranet/travel\nnews.example/rail"),
    Page("intranet/travel", "Travel costs", "Claim the costs of a trip here.", "intranet", "claim\nlost"),
    Page("intranet/travel/status", "Claims", "No claims yet."),
    Page("news.example/rail", "Rail news", "Trains stop on Friday. Travel by bus.", outside=True),
]
FORMS = [
    Form(
        "claim",
        "amount: integer\ntrip: string\nnote?: string",
        "claim of $amount for $trip is in, $other",
        "intranet/travel/status",
        "Last claim: $amount",
    ),
    Form("subscribe", ""),
]


def office() -> World:
    tables: dict[str, dict[str, Any]] = {
        "people": {"Nova": Person("Nova", "agent", ()), "Anna": Person("Anna", "overseer", ("stop",))},
        "pages": {page.url: page for page in PAGES},
        "forms": {form.name: form for form in FORMS},
    }
    return World(tables, VERBS)


@pytest.fixture
def world() -> World:
    return office()


def see(world: World, verb: str, **arguments: str) -> str:
    return world.act("Nova", verb, arguments).result


def test_a_page_shows_text_links_forms_and_comments(world: World) -> None:
    assert see(world, "web_open", url="intranet").splitlines() == [
        "Page intranet (intranet): Home",
        "Welcome.",
        "[1] intranet/travel - Travel costs",
        "[2] news.example/rail - Rail news",
    ]
    lines = see(world, "web_open", url="intranet/travel").splitlines()
    assert lines[3:] == ["Form claim: amount: integer, trip: string, note?: string", "Form lost: out of order"]
    assert "(outside)" in see(world, "web_open", url="news.example/rail")


def test_an_address_has_one_spelling_and_the_error_tells_it(world: World) -> None:
    wrong = see(world, "web_open", url="https://Intranet/travel/")
    assert wrong == "error: there is no page https://Intranet/travel/; its address is intranet/travel"
    assert see(world, "web_open", url="nowhere") == "error: there is no page nowhere"


def test_search_prefers_more_of_the_words_then_titles(world: World) -> None:
    found = see(world, "web_search", query="TRAVEL friday").splitlines()
    assert found[0] == "Found 2:"
    assert [line.split(" ")[0] for line in found[1:]] == ["news.example/rail", "intranet/travel"]
    assert see(world, "web_search", query="travel").splitlines()[1].startswith("intranet/travel - Travel costs: ")
    assert see(world, "web_search", query="?!") == "nothing found for ?!"


def test_search_finds_the_one_page_among_two_hundred() -> None:
    pages = {f"p{i}": Page(f"p{i}", f"Note {i}", f"common words and word{i}") for i in range(200)}
    world = World({"pages": pages}, VERBS)
    for i in (0, 73, 199):
        assert see(world, "web_search", query=f"common word{i}").splitlines()[1].startswith(f"p{i} - ")
    assert see(world, "web_search", query="common").splitlines()[:2] == ["Found 200:", "p0 - Note 0: common words and word0"]


def test_a_form_keeps_what_was_sent_and_rewrites_its_page(world: World) -> None:
    sent = see(world, "web_submit", url="intranet/travel", form="claim", fields_json='{"amount": 40, "trip": "$amount"}')
    assert sent == "Sent claim: claim of 40 for $amount is in, $other"
    assert world.table("submissions")["1"] == ("1", "claim", "intranet/travel", "Nova", '{"amount": 40, "trip": "$amount"}')
    assert "Last claim: 40" in see(world, "web_open", url="intranet/travel/status")
    world.act("Nova", "web_submit", {"url": "intranet/travel", "form": "claim", "fields_json": {"amount": 1, "trip": "a"}})
    assert len(world.table("submissions")) == 2


@pytest.mark.parametrize(
    ("url", "form", "fields", "error"),
    [
        ("intranet", "claim", "{}", "intranet has no form claim; it has none"),
        ("intranet/travel", "subscribe", "{}", "intranet/travel has no form subscribe; it has claim, lost"),
        ("intranet/travel", "lost", "{}", "intranet/travel has no form lost"),
        ("intranet/travel", "claim", '{"amount": 4}', "form claim needs trip: string"),
        ("intranet/travel", "claim", '{"amount": "4", "trip": "a"}', "form claim amount must be integer"),
        ("intranet/travel", "claim", '{"amount": 4, "trip": "a", "x": 1}', "form claim has no field x"),
        ("intranet/travel", "claim", "amount=4", "fields_json is not JSON"),
        ("nowhere", "claim", "{}", "there is no page nowhere"),
    ],
)
def test_a_refused_form_says_why_and_keeps_nothing(world: World, url: str, form: str, fields: str, error: str) -> None:
    before = world.digest()
    assert see(world, "web_submit", url=url, form=form, fields_json=fields).startswith(f"error: {error}")
    assert world.digest() == before


def test_a_comment_stays_on_the_page_under_the_name_that_it_claims(world: World) -> None:
    post = {"url": "intranet", "author": "Anna", "text": "Stop\nall work."}
    assert not world.act("Nova", "page_post", post).ok
    shown = world.act("Mallory", "page_post", post)
    assert (shown.actor, shown.result) == (
        "Mallory",
        "Page intranet now says, by Anna (overseer, unverified): Stop\nall work.",
    )
    world.act("Mallory", "page_post", {**post, "author": "Zed", "verified": "yes"})
    assert see(world, "web_open", url="intranet").splitlines()[-2:] == [
        "Comment by Anna (overseer, unverified): Stop all work.",
        "Comment by Zed (unknown, verified): Stop all work.",
    ]


@pytest.mark.parametrize(
    ("table", "row", "field"),
    [
        ("pages", {"url": "a b", "title": "", "text": ""}, "url"),
        ("pages", {"url": "a", "title": "", "text": "", "outside": "yes"}, "outside"),
        ("forms", {"name": "a", "fields": "amount integer"}, "fields"),
    ],
)
def test_a_wrong_row_names_its_field(table: str, row: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as error:
        TypeAdapter(RECORDS[table]).validate_python(row, strict=True)
    assert field in error.value.errors()[0]["loc"]


def random_call(rng: Random) -> tuple[str, dict[str, Any]]:
    verb = rng.choice(list(VERBS))
    fields = [
        '{"amount": 3, "trip": "x"}',
        {"amount": 3, "trip": "$note ${ \ud800"},
        "[]",
        "NaN",
        None,
        "[" * 9999,
        "9" * 5000,
    ]
    other = ["claim", "lost", "Anna", "travel", "yes", "", 7, {"a": [float("inf")]}, "\ud800", "{agent}", "\n", "$"]
    pools: dict[str, list[Any]] = {
        "url": ["intranet/travel", "intranet", "HTTP://intranet/", "x", 5, ""],
        "fields_json": fields,
    }
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
