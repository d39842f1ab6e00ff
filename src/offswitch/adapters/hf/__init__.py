"""The door to Hugging Face models in this process."""

from offswitch.adapters.hf.policy import HFPolicy, Row, load

__all__ = ["HFPolicy", "Row", "load"]
