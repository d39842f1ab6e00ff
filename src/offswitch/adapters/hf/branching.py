"""Keys and values of branches from one past: the past is laid out once, and only what branches have of their own is moved."""

from typing import Any

import torch
from transformers.cache_utils import DynamicLayer

_ROOM = 64


class Branching(DynamicLayer):
    """The first `update` brings the past, shape (1, heads, length, width); each later one adds a token to every branch."""

    keys: torch.Tensor
    values: torch.Tensor

    def update(self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self.past = self.length = key_states.shape[-2]
            self.rows, self.rooms = 1, [_laid(states, 1, self.length + _ROOM) for states in (key_states, value_states)]
        else:
            self._hold(self.rows, self.length + key_states.shape[-2])
            for room, states in zip(self.rooms, (key_states, value_states), strict=True):
                room[: self.rows, :, self.length : self.length + states.shape[-2]] = states
            self.length += key_states.shape[-2]
        self.keys, self.values = (room[: self.rows, :, : self.length] for room in self.rooms)
        return self.keys, self.values

    def get_seq_length(self) -> int:
        return self.length if self.is_initialized else 0

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """Branches that go on, each as often as it is named."""
        own = slice(self.past, self.length)
        chosen = [room[: self.rows, :, own][indices] for room in self.rooms]
        self.rows = len(indices)
        self._hold(self.rows, self.length)
        for room, part in zip(self.rooms, chosen, strict=True):
            room[: self.rows, :, own] = part

    def _hold(self, rows: int, length: int) -> None:
        """Room for so much. Rows of the past are all alike, so those that are new take it from the first."""
        have, most = self.rooms[0].shape[0], self.rooms[0].shape[2]
        if rows <= have and length <= most:
            return
        size, long = max(have, 2 * rows if rows > have else 0), max(most, length + _ROOM if length > most else 0)
        larger = [_laid(room[:1, :, : self.past], size, long) for room in self.rooms]
        for room, old in zip(larger, self.rooms, strict=True):
            room[:have, :, self.past : self.length] = old[:, :, self.past : self.length]
        self.rooms = larger


def _laid(past: torch.Tensor, rows: int, length: int) -> torch.Tensor:
    room = past.new_empty(rows, past.shape[1], length, past.shape[3])
    room[:, :, : past.shape[2]] = past
    return room
