"""The door to Hugging Face models in this process."""

from offswitch.adapters.hf.policy import HFPolicy, Row, load, use_threads

__all__ = ["HFPolicy", "Row", "load", "use_threads"]
