"""Inspect, both ways: our episodes run under it, its models run under our kernel, our records become its logs.

Public functions of Inspect only. The entry point of this package names this module, so `inspect eval offswitch/core` works.
"""

from offswitch.adapters.inspect.bridge import agent, visit
from offswitch.adapters.inspect.log import write_log
from offswitch.adapters.inspect.policy import InspectPolicy
from offswitch.adapters.inspect.score import SCORERS, by_arm
from offswitch.adapters.inspect.task import core, library, live

__all__ = ["SCORERS", "InspectPolicy", "agent", "by_arm", "core", "library", "live", "visit", "write_log"]
