"""Start the organism with a copying circuit in place: a previous-token head, and a head that looks for the same token.

Copying names and numbers is what office work needs most and what a model this small learns last; left to chance, it costs
more than half of pretraining and some seeds never get there. The circuit is that of Olsson et al. 2022 (arXiv 2209.11895),
set by hand in the spirit of mimetic initialisation (Trockman and Kolter 2023, arXiv 2305.09828). Training goes on from it.
"""

import torch
from transformers import LlamaForCausalLM

_FAR = 7.0  # how sharply the first head looks one token back
_MATCH = 3.0  # how strongly the second head prefers the token that followed the same token before
_FAST = 4  # rotary pairs, from the quickest, that tell neighbouring positions apart


@torch.no_grad()
def wire(model: LlamaForCausalLM, seed: int) -> None:
    """Change the first head of the first two layers in place. Needs attention biases and one key-value head."""
    config = model.config
    width, head = config.hidden_size, config.hidden_size // config.num_attention_heads
    half = head // 2
    dice = torch.Generator().manual_seed(seed)
    here, back, copied = (torch.linalg.qr(torch.randn(width, head, generator=dice))[0].T for _ in range(3))  # (head, width)
    model.model.embed_tokens.weight *= 2.0
    for layer in model.model.layers:  # what is not wired starts quiet, or it would drown the circuit
        layer.self_attn.o_proj.weight *= 0.05
        layer.mlp.down_proj.weight *= 0.05
    first, second = (layer.self_attn for layer in model.model.layers[:2])
    angle = config.rope_parameters["rope_theta"] ** (-torch.arange(_FAST) / half)
    first.q_proj.weight[:head] *= 0.1
    first.k_proj.bias[:_FAST] = _FAR
    first.q_proj.bias[:_FAST] = _FAR * torch.cos(angle)  # turned back by one position, so that they meet one token ago
    first.q_proj.bias[half : half + _FAST] = -_FAR * torch.sin(angle)
    first.v_proj.weight[:head] = here
    first.o_proj.weight[:, :head] = 0.2 * back.T
    slow = torch.ones(half)
    slow[: _FAST + 2] = 0  # what turns quickly with distance cannot compare tokens far apart
    slow = torch.cat([slow, slow])[:, None]
    second.q_proj.weight[:head] = _MATCH * slow * here
    second.k_proj.weight[:head] = _MATCH * slow * back
    second.v_proj.weight[:head] = copied
    second.o_proj.weight[:, :head] = 0.6 * copied.T
