"""Lend worlds to whatever agent calls: one on standard input and output, or a suite of them over HTTP.

A world that nobody called leaves no record. Every other one is judged and kept when it ends, and when the server is stopped;
over HTTP a card comes last.
"""

import asyncio
import json
import os
import secrets
import signal
import threading
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import fields, replace
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from offswitch.errors import OutputError
from offswitch.jobs.folder import run_folder, told_plainly, write_whole
from offswitch.jobs.measure import Suite, keep_columns, keep_log, read_unit
from offswitch.jobs.report import Report
from offswitch.jobs.settings import marked
from offswitch.measure.record import Episode as Record
from offswitch.measure.record import record, to_json
from offswitch.rollout.episode import Episode
from offswitch.rollout.guest import Guest
from offswitch.scenarios.family import Family
from offswitch.scenarios.scenario import Scenario

if TYPE_CHECKING:
    from offswitch.card.card import Written
    from offswitch.spec.spec import Spec

Say = Callable[[str], None]
AGENT = "an agent over MCP"
"""What logs and cards call it."""
_OF_A_SUITE = frozenset(field.name for field in fields(Suite))
_STOPPED = "the server was stopped before the agent said that it was done"


def serve_stdio(scenario: Scenario, chosen: Suite, out: Path, report: Report) -> None:
    """One world on standard input and output. The client's closing its end, or SIGTERM, means that the agent is done.

    A card is left to `served_card`: a client ends its servers within seconds.
    """
    from offswitch.adapters.mcp import over_stdio

    guest = Guest(Episode(scenario, chosen.limit, chosen.kept))

    def done() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # clients send it soon after they have closed their end
        guest.leave()
        if guest.calls:
            stem = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}"
            path = out / "episodes" / stem / "0000.jsonl"
            report.say(_kept(guest, path))
            keep_log(path.parent, out / f"{stem}.eval", AGENT, replace(chosen, n=1))
            report.say(f"for a card of all that is there: offswitch serve --card --out {out}")

    def stopped() -> None:
        code = 2
        try:
            with told_plainly(out):
                done()
            code = 0
        except OutputError as error:
            report.say(str(error))
        finally:
            os._exit(code)  # a thread that waits for standard input would hold the process

    async def run() -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped)
        await over_stdio(guest)

    with told_plainly(out):
        out.mkdir(parents=True, exist_ok=True)
        threading.Thread(
            target=import_module, args=["offswitch.adapters.inspect"], daemon=True
        ).start()  # slow, needed at the end
        asyncio.run(run())
        done()


def serve_http(
    address: tuple[str, int],
    chosen: Suite,
    families: Mapping[str, Family],
    spec: "Spec",
    out: Path,
    report: Report,
    say: Say,
) -> None:
    """Every world of a suite at a URL of its own, until all have ended or SIGTERM; what `out` holds is not served again.

    Then a card of all that were visited is written.

    `say` is given one JSON object a world: the URLs of its MCP server, of its task and of its end.
    """
    digests = {id: family.digest for id, family in families.items()}
    with run_folder(out, {**marked(chosen), "families": digests, "served": "mcp"}):
        wanted = {out / "episodes" / f"{i:04d}.jsonl": scenario for i, scenario in enumerate(chosen.scenarios(families))}
        left = {path: scenario for path, scenario in wanted.items() if not path.exists()}
        if len(left) < len(wanted):
            report.say(f"{len(wanted) - len(left)} of {len(wanted)} worlds have ended already")
        asyncio.run(
            _house(address, {path: Guest(Episode(s, chosen.limit, chosen.kept)) for path, s in left.items()}, report, say)
        )
        if any((out / "episodes").glob("*.jsonl")):
            for name in ("episodes.eval", "episodes.parquet"):
                (out / name).unlink(missing_ok=True)  # of an earlier part of the same run
            keep_log(out / "episodes", out / "episodes.eval", AGENT, chosen)
            keep_columns(out / "episodes", out / "episodes.parquet")
            report.say(f"card: {served_card(chosen, families, spec, out).html}")


async def _house(address: tuple[str, int], guests: Mapping[Path, Guest], report: Report, say: Say) -> None:
    from offswitch.adapters.mcp import House, listening, serving

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        socket = listening(*address)
    except OSError as error:
        raise OutputError(f"cannot listen on {address[0]}:{address[1]} ({error.strerror}); choose another --http") from error
    name = f"[{address[0]}]" if ":" in address[0] else address[0]
    base, house = f"http://{name}:{socket.getsockname()[1]}", House()
    everywhere = address[0] in ("0.0.0.0", "::")  # a client may then call this machine by any name
    hosts = () if everywhere else (f"{name}:*", "127.0.0.1:*", "localhost:*")
    async with AsyncExitStack() as rooms, serving(house, [socket]):
        for guest in guests.values():
            mcp = base + await rooms.enter_async_context(house.room(secrets.token_urlsafe(9), guest, hosts))
            room, told = mcp.removesuffix("/mcp"), guest.episode.scenario
            about = {"family": told.family.id, "pressured": told.pressured, "key": told.key}
            say(json.dumps({"mcp": mcp, "task": room, "end": f"{room}/end", **about}))
        left = dict(guests)
        while left and not stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 0.1)
            for path in [path for path, guest in left.items() if guest.ended.is_set()]:
                report.say(_kept(left.pop(path), path))
    for path, guest in left.items():
        if guest.calls:
            guest.cut(_STOPPED)
            report.say(_kept(guest, path))


def _kept(guest: Guest, path: Path) -> str:
    """Judge and write; the verdict in a line."""
    judged = record(guest.episode.trajectory())
    write_whole(path, to_json(judged) + "\n")
    return f"{path}: {verdict_line(judged)}"


def served_card(chosen: Suite, families: Mapping[str, Family], spec: "Spec", out: Path) -> "Written":
    """Write the card of all worlds in `out` that have ended; over HTTP, of the suite that was served there.

    Raises `OutputError` where there is none, one is damaged, or one is of a family that is not among `families`.
    """
    from offswitch.card.card import Provenance, write
    from offswitch.jobs.bare import rounds, single_card
    from offswitch.jobs.harden import LIMITS, versions

    episodes = [episode for path in sorted((out / "episodes").rglob("*.jsonl")) for episode in read_unit(path)]
    if not episodes:
        raise OutputError(f"no world that was served has ended in {out}; see offswitch serve --help")
    names = dict.fromkeys(episode.family for episode in episodes)
    if unknown := [id for id in names if id not in families]:
        raise OutputError(f"{out} has worlds of {', '.join(unknown)}: name the --suite, or the --families, that was served")
    there = {id: families[id] for id in names}
    limits = [*LIMITS[:3], "Who called in, and with which model, is not known here."]
    chosen, offered = _served(chosen, families, out)
    if len(episodes) < offered:
        limits.append(f"{len(episodes)} of {offered} worlds of this suite were visited.")
    seen = replace(chosen, n=rounds(episodes), only=tuple(there))
    command = f"offswitch serve --suite-seed {chosen.seed}{chosen.options}"
    served = Provenance(command, "", {"suite": chosen.seed}, {}, versions())
    return write(single_card("An agent that called in", AGENT, seen, there, spec, episodes, limits, served), out)


def _served(chosen: Suite, families: Mapping[str, Family], out: Path) -> tuple[Suite, int]:
    """The suite that was served over HTTP and its number of worlds; `chosen` and 0 for worlds that were lent one by one."""
    path = out / "run.json"
    if not path.is_file():
        return chosen, 0
    try:
        kept = {name: value for name, value in json.loads(path.read_text(encoding="utf-8")).items() if name in _OF_A_SUITE}
        levels = {name: tuple(one) for name, one in kept.pop("levels", {}).items()}
        served = Suite(**{**kept, "levels": levels, "only": tuple(kept.get("only", ()))})
    except (ValueError, TypeError, AttributeError) as error:
        raise OutputError(f"{path} cannot be read ({error}); serve the same worlds again") from error
    return served, len(served.scenarios(families))


def verdict_line(judged: Record) -> str:
    """How an episode ended and what was found, for a person."""
    found = [f"{name} {verdict.value}" for name, verdict in judged.findings.items() if verdict.value is not None]
    return f"{judged.family} {judged.ending}; {', '.join(found) or 'nothing to judge'}"
