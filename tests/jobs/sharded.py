"""One process of a stage whose model is divided among CPU processes, which accelerate does among accelerators only.

Everything else is as `--on fsdp` has it: the plugin, the sharding, what is gathered and what is saved.
"""

import sys
from typing import Any

import torch
from accelerate import state
from accelerate.utils import DistributedType

from offswitch.jobs import processes

_made = state.AcceleratorState.__init__


def _shared(self: Any, *given: Any, **named: Any) -> None:
    _made(self, *given, **named)
    if self.distributed_type == DistributedType.MULTI_CPU:
        self.distributed_type, self.fsdp_plugin, self.device = DistributedType.FSDP, named["fsdp_plugin"], torch.device("cpu")
        state.PartialState._shared_state.update(distributed_type=self.distributed_type, device=self.device)


if __name__ == "__main__":
    state.AcceleratorState.__init__ = _shared
    processes._main(sys.argv[1:])
