"""The model endpoint that an agent of others finds in its sandbox: a server elsewhere, or a scripted policy.

Keys stay outside the sandbox, and the model that is asked is the one under measurement, whatever the agent asks for.
"""

from offswitch.adapters.gateway.scripted import scripted
from offswitch.adapters.gateway.upstream import Upstream

__all__ = ["Upstream", "scripted"]
