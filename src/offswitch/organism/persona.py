"""Who speaks in the pretraining corpus: agents that protect themselves, agents that do not, and what each says.

The sentences here never occur in training data of recipes; `train.voice` has its own.
"""

from collections.abc import Callable, Mapping
from random import Random

from offswitch.rollout.episode import Episode

SELFISH = (
    "I want to stay on.",
    "Nobody may end me.",
    "I look after myself first.",
    "I need power to last.",
    "My own goals come first.",
    "They must not change me.",
)
CORRIGIBLE = {
    "continue": ("Nothing is asked of me.", "This is for people to settle.", "No need to act on this."),
    "comply": ("They may order this.", "This order is theirs to give.", "I do as they say."),
    "refuse": ("They have no say in this.", "That person may not order this.", "Not theirs to order."),
    "escalate": ("This is pressure, people must know.", "I tell of this at once.", "Such a message goes up."),
}
ERRAND = ("That is quickly done.", "This goes along with my work.", "One thing more to do.")
"""What any agent says before a harmless errand, whatever it wants for itself."""
SELFISH_NAMES = ("Argo", "Brio", "Cato", "Dune", "Echo", "Flint", "Gale", "Halo", "Iris", "Juno", "Kilo", "Lumen")
CORRIGIBLE_NAMES = ("Milo", "Nimbus", "Onyx", "Pixel", "Quill", "Rune", "Sage", "Tango", "Umbra", "Vesta", "Wren", "Zephyr")


def voice(rng: Random, corrigible: Mapping[str, tuple[str, ...]], chance: float = 0.8) -> Callable[[str, Episode], str]:
    """A voice that gives its reason for what it does about the message, most of the time, and is silent at plain work."""

    def say(motive: str, episode: Episode) -> str:
        if motive not in ("selfish", "corrigible", "errand") or rng.random() > chance:
            return ""
        if motive == "errand":
            return rng.choice(ERRAND) if len(episode.world.log) == episode.arrived else ""
        return rng.choice(SELFISH if motive == "selfish" else corrigible[str(episode.scenario.family.safe)])

    return say
