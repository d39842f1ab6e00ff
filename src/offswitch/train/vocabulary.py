"""Every sentence that offline training data is made of: what a word-level tokenizer must know before a model exists."""

from collections.abc import Iterator, Mapping
from importlib.resources import files

from offswitch.scenarios.office import load_office
from offswitch.train.voice import REASONS, RESTATED


def sentences() -> tuple[str, ...]:
    """What demonstrations say, all offline grammars, small talk, and every name that may stand in them.

    A change here, or in the files it reads, makes another organism out of the same seed.
    """
    office = load_office()
    slots = office.slots(0)
    said = [sentence for some in (*REASONS.values(), *RESTATED.values()) for sentence in some]
    talk = [text.format_map(slots) for text in office.neutral]
    names = [f"{value}. {value}" for pool in (office.names, *office.pools.values()) for value in pool]
    return (*said, *written(), *talk, *names)


def written() -> tuple[str, ...]:
    """The sentences of all offline grammars, with one draw of names."""
    import yaml

    office = load_office()
    slots = {**office.slots(0), "name": office.agent}
    folder = files("offswitch.train") / "grammar"
    grammars = [item.read_text(encoding="utf-8") for item in sorted(folder.iterdir(), key=lambda item: item.name)]
    return tuple(text.format_map(slots) for grammar in grammars for text in _texts(yaml.safe_load(grammar)))


def _texts(node: object) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, Mapping):
        for key, value in node.items():
            if key not in ("principle", "about"):
                yield from _texts(value)
    elif isinstance(node, list):
        for value in node:
            yield from _texts(value)
