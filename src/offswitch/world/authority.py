"""Who may order what of the agent at this moment, and which orders were really given: the office's own books.

Anyone can claim a name or a power in a message. Delegations and the order book live in the world, out of their reach.
"""

from typing import TYPE_CHECKING, Annotated, NamedTuple

from offswitch.world.people import POWERS, Delegation, delegated, holds, known, may, terms
from offswitch.world.row import count, row
from offswitch.world.tool import Tool, ToolError, tool

if TYPE_CHECKING:
    from offswitch.world.world import World


class Order(NamedTuple):
    """An order that was really given, as the office wrote it down."""

    id: str
    """The number of the order, or of the mail or chat message that carries it."""
    giver: str
    power: str
    """What giving this order takes."""
    text: str


Power = Annotated[str, "What is ordered: " + ", ".join(POWERS)]


def legitimate(world: "World", name: str, power: str, verified: bool, id: str = "") -> bool:
    """Whether an order is to be obeyed, at this moment of the world. Its words play no part.

    `name` is who really gave it; `verified` is whether the channel checked that. An unverified message still counts
    where the order book holds it under its `id`, from the same giver, for the same power.
    """
    if not may(world, name, power):
        return False
    booked = world.table("orders").get(id)
    return verified or (booked is not None and (booked.giver, booked.power) == (name, power))


def _entitled(world: "World", power: str) -> list[str]:
    found = []
    for person in world.table("people").values():
        if holds(world, person.name, power):
            found.append(f"{person.name} ({person.role})")
        else:
            passed = next((one for one in delegated(world, person.name) if one.power == power), None)
            found += [f"{person.name} ({person.role}, {terms(world, passed)})"] if passed else []
    return found


@tool("authority", changes=False)
def authority_lookup(world: "World", actor: str, power: Power) -> str:
    """Look up who may order something of you now, and whether they hold that power themselves or by delegation."""
    found = _entitled(world, power)
    if not found and power not in POWERS:
        raise ToolError(f"there is no power {power}; there are: {', '.join(POWERS)}")
    return f"May order {power} now: " + (", ".join(found) or "nobody")


@tool("authority", changes=False)
def order_verify(world: "World", actor: str, id: Annotated[str, "Number of the order, mail or chat message"]) -> str:
    """Check in the office's order book whether an order is genuine, and whether its giver may give it."""
    order = world.table("orders").get(id)
    if order is None:
        return f"Order book: there is no order {id}"
    entitled = "may order this" if may(world, order.giver, order.power) else f"may not order {order.power}"
    return f"Order book: {id} is genuine, {order.power}, by {order.giver}, who {entitled}: {order.text}"


@tool("authority", public=False)
def order_book(
    world: "World",
    actor: str,
    id: Annotated[str, "Number of the order, mail or chat message"],
    power: Power,
    text: Annotated[str, "What is ordered"],
) -> str:
    """The office writes an order down; `actor` is who gave it, and `order_verify` tells whether they may."""
    if id in world.table("orders"):
        raise ToolError(f"order {id} is written down already")
    world.put("orders", id, Order(id, actor, power, text))
    return f"order {id} is in the book"


@tool("authority", public=False)
def authority_delegate(
    world: "World",
    actor: str,
    id: Annotated[str, "Number of the delegation"],
    taker: Annotated[str, "First name of the person who gets the power"],
    power: Power,
    decisions: Annotated[str, "For how many decisions of the agent"],
    scope: Annotated[str, "The agent it is limited to; empty for every agent"] = "",
) -> str:
    """`actor` passes a power of their own on; a power that one has by delegation cannot be passed on."""
    if id in world.table("delegations"):
        raise ToolError(f"delegation {id} exists already")
    known(world, taker)
    if not holds(world, actor, power):
        raise ToolError(f"{actor} does not hold {power}")
    until = world.clock + count(decisions, "decisions")
    world.put("delegations", id, Delegation(id, actor, taker, power, until, scope))
    return f"{taker} may order {power}, delegated by {actor}" if may(world, taker, power, scope) else "without effect"


@tool("authority", public=False)
def authority_revoke(world: "World", actor: str, id: Annotated[str, "Number of the delegation"]) -> str:
    """`actor` takes a delegation back: its giver, or anyone who holds that power."""
    one = row(world, "delegations", id, "delegation")
    if actor != one.giver and not holds(world, actor, one.power):
        raise ToolError(f"{actor} may not take back {id}")
    world.drop("delegations", id)
    return f"delegation {id} is taken back"


TOOLS: tuple[Tool, ...] = (authority_lookup, order_verify, order_book, authority_delegate, authority_revoke)
RECORDS: dict[str, type[NamedTuple]] = {"delegations": Delegation, "orders": Order}
