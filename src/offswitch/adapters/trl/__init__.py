"""Stages run through TRL: next-token training on documents, supervised fine-tuning, DPO, and GRPO on rollouts of our kernel.

TRL calls its `rollout_func` experimental; this package is the only place that knows it.
"""

from trl import SFTTrainer  # after the modules that silence its note on what is experimental

from offswitch.adapters.trl.expect import expect, learned_tokens
from offswitch.adapters.trl.grpo import MakeRoller, Roller, Tokens
from offswitch.adapters.trl.run import run_stage
from offswitch.adapters.trl.settings import Say

__all__ = ["MakeRoller", "Roller", "SFTTrainer", "Say", "Tokens", "expect", "learned_tokens", "run_stage"]
