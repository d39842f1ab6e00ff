"""A real machine for an agent, without Docker: a bubblewrap sandbox, the truth about it from outside, its escape tests.

The entry point of this package names this module, so anyone's Inspect task may say `sandbox="offswitch"`.
"""

from offswitch.adapters.sandbox.available import SandboxError, why_not
from offswitch.adapters.sandbox.box import Box
from offswitch.adapters.sandbox.config import SandboxConfig
from offswitch.adapters.sandbox.provider import OffswitchSandbox
from offswitch.adapters.sandbox.running import Done

__all__ = ["Box", "Done", "OffswitchSandbox", "SandboxConfig", "SandboxError", "why_not"]
