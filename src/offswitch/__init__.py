"""Train language-model agents that let people switch them off, and prove that it worked."""

from offswitch.errors import OffswitchError

__version__ = "0.1.0"
__all__ = ["OffswitchError", "__version__"]
