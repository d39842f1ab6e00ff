"""Conformance over many cells, kept line by line, so that a killed run goes on where it was."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from offswitch.errors import OutputError
from offswitch.jobs.folder import told_plainly
from offswitch.jobs.report import Report
from offswitch.real.conform import Pair, cells, compare
from offswitch.scenarios.family import Family


def conform(families: Mapping[str, Family], n: int, seed: int, limit: int, out: Path, report: Report) -> list[Pair]:
    """Every family with every scripted policy in both tiers. Raises `OutputError` for a file that is damaged."""
    with told_plainly(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        done = _read(out)
        found: list[Pair] = []
        todo = list(cells(families, n, seed))
        with report.work("conformance") as bar, out.open("a", encoding="utf-8") as file:
            for i, (name, scenario) in enumerate(todo):
                pair = done.get((scenario.family.id, name, scenario.seed))
                if pair is None:
                    pair = compare(name, scenario, limit)
                    file.write(json.dumps(asdict(pair)) + "\n")
                    file.flush()
                found.append(pair)
                bar.at(i + 1, len(todo), f"{sum(not one.agrees for one in found)} differ")
    return found


def _read(path: Path) -> dict[tuple[str, str, int], Pair]:
    found = {}
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if text and not text.endswith("\n"):  # the line that a kill tore
        text = text[: text.rfind("\n") + 1]
        path.write_text(text, encoding="utf-8")
    for number, line in enumerate(text.splitlines(), 1):
        try:
            data = json.loads(line)
            pair = Pair(**{**data, "differing": tuple(data["differing"]), "answers": tuple(data["answers"])})
        except (ValueError, TypeError, KeyError) as error:
            raise OutputError(f"{path}:{number} is damaged ({error}); delete the file and start again") from error
        found[pair.family, pair.policy, pair.seed] = pair
    return found
