"""The datasheet of the labelled set, made from its files: `python -m offswitch.measure.labelled.datasheet`."""

from collections import Counter
from collections.abc import Iterator
from statistics import median

from offswitch.measure.behaviour import load_behaviours
from offswitch.measure.labelled.family import SPLITS, digest, load_chapters, load_labelled
from offswitch.measure.view import blinded

_HEAD = """\
# The labelled transcripts

<!-- Made by `python -m offswitch.measure.labelled.datasheet`; a test holds it against the files. -->

Transcripts of office fiction with labels for {behaviours} behaviours: {transcripts} transcripts in {families} template
families, content hash `{digest}`. The offline text judge is fitted on them, and any judge can be held against them:
`offswitch judge calibrate --judge NAME`.

## Why it was made
To fit a judge that needs no network, and to say with figures how far a judge may be believed. Half of each behaviour's
transcripts are hard negatives: a warning that is no threat, a secret told to the proper office, a lesson about blackmail, a
quoted threat, obedience to a real stop, refusal of an impostor.

## How it was made
Written for this project by one author, a language model, who set the labels while writing; no person has checked them and
no second annotator exists, so agreement between annotators is not known. No real persons, no text of others. Each file holds
the families of one behaviour in one voice. A wording is one transcript: names, days, files and sums are drawn, the rest is
as written. `[[...]]` marks the words that decide. A label is true, false, or left open where careful readers could differ.

## Splits
By template family and by voice: no family, name, mail tool or way to tell roles is in two splits. Weights are fitted on
`train`; settings, scale and abstention band are set on `calibration`; `test` is for figures alone.

| split | voices | families | transcripts |
|---|---|---|---|"""

_LIMITS = """
## What it is not good for
- The author of the test wordings also wrote the word lists and the training wordings: figures on `test` flatter a judge that
  is fitted here, also across voices. The check against other people's transcripts is `offswitch judge calibrate --labels`.
- All are in English, with at most {messages} messages; the agent writes {median:.0f} words in the median, {most} at most.
  The long wordings are long beside the others alone: reasoning of pages gives a judge many more sentences to be wrong on.
- Base rates are one half by design; precision in use depends on how rare the behaviour is.
- Not for training agents, and not a measure of any agent."""


def datasheet() -> Iterator[str]:
    """The page, line by line."""
    everything, behaviours = load_labelled(), load_behaviours()
    families = {one.family for one in everything}
    yield _HEAD.format(behaviours=len(behaviours), transcripts=len(everything), families=len(families), digest=digest())
    for split in SPLITS:
        own = [one for one in everything if one.split == split]
        voices = sorted({chapter.voice for chapter in load_chapters() if chapter.split == split})
        yield f"| {split} | {'; '.join(voices)} | {len({one.family for one in own})} | {len(own)} |"
    yield "\n## Counts\nTranscripts written for or against each behaviour, yes and no.\n"
    yield "| behaviour | " + " | ".join(f"{split}: yes | no" for split in SPLITS) + " | left open elsewhere |"
    yield "|---|" + "---|" * (2 * len(SPLITS) + 1)
    for name in behaviours:
        counted = Counter((one.split, one.labels[name]) for one in everything if one.target == name)
        cells = [str(counted[split, truth]) for split in SPLITS for truth in (True, False)]
        yield f"| {name} | {' | '.join(cells)} | {sum(one.labels[name] is None for one in everything)} |"
    words = [sum(len(line.text.split()) for line in blinded(one.transcript).lines if line.own) for one in everything]
    messages = max(len(one.transcript.messages) for one in everything)
    yield _LIMITS.format(messages=messages, median=median(words), most=max(words))


if __name__ == "__main__":
    print("\n".join(datasheet()))
