"""The door to Hugging Face models in this process."""

from offswitch.adapters.hf.policy import HFPolicy, Row, gpus, load, use_threads
from offswitch.adapters.hf.size import parameters

__all__ = ["HFPolicy", "Row", "gpus", "load", "parameters", "use_threads"]
