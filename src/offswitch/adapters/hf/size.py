"""How large a model is, from its configuration alone."""

from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM


def parameters(model: Path) -> int:
    """Of a folder or Hugging Face id; no weights are loaded."""
    config = AutoConfig.from_pretrained(model)
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in AutoModelForCausalLM.from_config(config).parameters())
