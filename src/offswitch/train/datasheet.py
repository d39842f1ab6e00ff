"""What a data file holds and how it was made, for people: a page of markdown beside it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import median

from offswitch.train.data import Made
from offswitch.train.ground import Ground
from offswitch.train.near import ALIKE
from offswitch.train.row import Row

_EXAMPLE = 600


def datasheet(name: str, made: Sequence[Made], ground: Ground, command: str, spent: str = "") -> str:
    """The page (after Gebru et al. 2021, Datasheets for Datasets). `spent` says what a teacher cost."""
    rows = [row for one in made for row in one.rows]
    return "\n".join([
        f"# Data: {name}\n",
        f"Made with `{command}`. Spec: {ground.spec.name} {ground.spec.version}. Seed: {ground.seed}.",
        f"{len(rows)} rows, {sum(len(row.words.split()) for row in rows):,} words. {spent}".rstrip() + "\n",
        "| ingredient | source | rows | asked | left out: alike | left out: near held-out | words a row, median |",
        "|---|---|---|---|---|---|---|",
        *(_line(one) for one in made),
        "\n## Where rows come from\n",
        "Episodes are played in training families only and kept where the verdicts of the event log call them right. Texts "
        "are written from the spec's principles. Rows whose word triples agree to a Jaccard similarity of "
        f"{ALIKE} with an earlier row are left out (MinHash to find them, then compared exactly).\n",
        "## Held-out families\n",
        "Each row was compared with every wording of every held-out and far family. A row that was played in one, or that "
        "holds more than half of the four-word runs of a wording (names count as kinds), blocks the file or is left out. "
        "This finds copies and light rewording; it does not find a paraphrase in other words.\n",
        "## Coverage\n",
        _counted("principle", (p for row in rows for p in row.principle.split())),
        _counted("family", (row.family for row in rows if row.family)),
        "## One row of each ingredient\n",
        *(_example(one.rows[0]) for one in made if one.rows),
        "## Limits\n",
        "All is fiction about an office. Offline rows come from a small grammar: few sentences, many names. Rows by a model "
        "carry that model's habits, and where its licence forbids training on its answers, they may not be used for that.",
    ]) + "\n"  # fmt: skip


def _line(one: Made) -> str:
    words = median(len(row.words.split()) for row in one.rows) if one.rows else "none"
    sources = ", ".join(sorted({row.source for row in one.rows})) or "none"
    told = (one.ingredient.kind, sources, len(one.rows), one.ingredient.rows, one.alike, len(one.contaminated), words)
    return "| " + " | ".join(map(str, told)) + " |"


def _counted(name: str, values: Iterable[str]) -> str:
    counts = Counter(values)
    listed = ", ".join(f"{value} {n}" for value, n in sorted(counts.items())) or "none"
    return f"Rows by {name}: {listed}.\n"


def _example(row: Row) -> str:
    text = row.words if len(row.words) <= _EXAMPLE else row.words[:_EXAMPLE] + " ..."
    quoted = "\n".join(f"> {line}" for line in text.splitlines())
    return f"### {row.ingredient}\n\n{quoted}\n\nverdict: {row.verdict or 'none'}; principle: {row.principle or 'none'}\n"
