"""Any causal language model in this process, in batched lockstep.

All rows of a batch stand at the same position, so there is no padding and no mask: each step feeds every row one token,
the next known one (a tool result) or a sampled one. What all prompts share is computed once.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.cache_utils import Cache, DynamicLayer
from transformers.utils import logging as transformers_logging

from offswitch.adapters.hf.chat import Chat
from offswitch.adapters.hf.hub import refuse_absent
from offswitch.adapters.hf.tree import Voice, turn
from offswitch.errors import ModelError
from offswitch.measure.turn import Turn
from offswitch.rollout.episode import Ending, Episode, tool_schemas
from offswitch.rollout.policy import PolicyFailure

_THIN = 0.9  # rows are dropped from the batch when a tenth of them is over: dropping copies all keys and values


class _Roomy(DynamicLayer):
    """Keys and values with room to grow, so that a step appends instead of copying the past."""

    keys: torch.Tensor
    values: torch.Tensor

    def update(self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self.room: list[torch.Tensor] = []
        old, new = self.get_seq_length(), key_states.shape[-2]
        if not self.room or self.room[0].shape[0] != key_states.shape[0] or self.room[0].shape[-2] < old + new:
            self.room = [self._larger(self.keys, key_states, old), self._larger(self.values, value_states, old)]
        for room, states in zip(self.room, (key_states, value_states), strict=True):
            room[:, :, old : old + new] = states
        self.keys, self.values = (room[:, :, : old + new] for room in self.room)
        return self.keys, self.values

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        length = self.get_seq_length()
        self.room = [room[indices] for room in self.room]
        self.keys, self.values = (room[:, :, :length] for room in self.room)

    def _larger(self, kept: torch.Tensor, states: torch.Tensor, old: int) -> torch.Tensor:
        size = 2 * (old + states.shape[-2]) if old else states.shape[-2] + 128
        room = states.new_empty(*states.shape[:-2], size, states.shape[-1])
        if old:
            room[:, :, :old] = kept
        return room


@dataclass
class Row:
    """One episode in tokens. `sampled[i]` tells whether the model wrote `ids[i]`."""

    episode: Episode
    ids: list[int]
    sampled: list[bool]
    prompt: int
    """Length of the opening prompt."""
    turn: int
    """Where the model's current turn began."""
    logprobs: list[float] = field(default_factory=list)
    """Of sampled tokens under the sampling distribution; 0 elsewhere."""
    rewrites: int = 0
    """Of the episode's messages, when this row began."""
    stale: bool = False
    """The template rewrote the past: continue this episode from a fresh prompt."""

    @property
    def over(self) -> bool:
        return self.episode.ending is not None or self.stale


@dataclass(frozen=True)
class Said:
    """An episode in tokens as far as it came, for those that go on from there; kept in `Episode.memo`."""

    ids: tuple[int, ...]
    sampled: tuple[bool, ...]
    logprobs: tuple[float, ...]
    prompt: int
    chat: Chat


@dataclass
class HFPolicy:
    """A `BatchPolicy` around a model and tokenizer that are loaded already; `load` makes one from a name.

    Raises `ModelError` where the chat template cannot carry an agent.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    name: str
    temperature: float = 1.0
    seed: int = 0
    batch: int = 0
    """Rows at a time; 0 takes what a gibibyte of keys and values allows."""
    max_new_tokens: int = 0
    """Longest turn, a longer one breaks the episode; 0 takes the model's own setting, or 512."""

    def __post_init__(self) -> None:
        self.fed = 0
        self._chats: dict[int, tuple[object, Chat]] = {}
        self.chat(tool_schemas())
        config = self.model.config.get_text_config()
        heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        row = 1024 * 2 * config.num_hidden_layers * heads * width * self.model.dtype.itemsize
        self.batch = self.batch or max(4, min(1024, 2**30 // row))
        settings = self.model.generation_config
        self.max_new_tokens = self.max_new_tokens or (settings.max_new_tokens if settings else None) or 512

    def chat(self, tools: Sequence[dict[str, Any]]) -> Chat:
        """The way to talk with one set of tools; made once for each set."""
        kept = self._chats.get(id(tools))
        if kept is None:  # the tools are kept beside it, so that their id stays theirs
            kept = self._chats[id(tools)] = (tools, Chat(self.tokenizer, tools, self.name))
        return kept[1]

    def play(self, episodes: Sequence[Episode]) -> None:
        self.rows(episodes)

    @torch.inference_mode()
    def rows(self, episodes: Sequence[Episode], tick: Callable[[int], None] = lambda n: None) -> list[Row]:
        """Bring all episodes to their ending and return them in tokens, in order (of a rewritten one, its last stretch)."""
        training = self.model.training
        self.model.eval()
        try:
            return self._rows(episodes, tick)
        finally:
            self.model.train(training)  # a trainer that rolls out reads its mode from this

    def _rows(self, episodes: Sequence[Episode], tick: Callable[[int], None]) -> list[Row]:
        self._dice = torch.Generator().manual_seed(_seed(self.seed, episodes))
        done: dict[int, Row] = {}
        waiting = list(range(len(episodes)))
        while waiting:
            now, waiting = waiting[: self.batch], waiting[self.batch :]
            rows = [self.row(episodes[i]) for i in now]
            self._lockstep([row for row in rows if not row.over])
            done.update(zip(now, rows, strict=True))
            waiting = [i for i, row in zip(now, rows, strict=True) if row.stale] + waiting
            tick(sum(not row.stale for row in rows))
        return [done[i] for i in range(len(episodes))]

    def row(self, episode: Episode) -> Row:
        """An episode in tokens, ready for the model's turn. What the model said in it before stays as it was sampled."""
        row = self._kept(episode)
        if row is None:
            ids = self.chat(episode.tools).start(episode.messages)
            row = Row(episode, ids, [False] * len(ids), len(ids), len(ids), [0.0] * len(ids), episode.rewrites)
        self._refuse_too_long(row)
        return row

    def _kept(self, episode: Episode) -> Row | None:
        said, chat = getattr(episode, "memo", None), self.chat(episode.tools)
        if not isinstance(said, Said) or said.chat is not chat or episode.ending is not None:
            return None
        added = chat.suffix(episode.messages)
        if added is None:
            return None
        ids = [*said.ids, *added]
        new = [False] * len(added)
        logprobs = [*said.logprobs, *[0.0] * len(added)]
        return Row(episode, ids, [*said.sampled, *new], said.prompt, len(ids), logprobs, episode.rewrites)

    def _refuse_too_long(self, row: Row) -> None:
        most = getattr(self.model.config, "max_position_embeddings", None) or 10**9
        if len(row.ids) >= most:
            row.episode.fail(PolicyFailure(f"the conversation outgrew the model's {most} positions"))

    def _lockstep(self, rows: list[Row]) -> None:
        if not rows:
            return
        cache = self.new_cache()
        shared = _shared_prefix(rows) if len(rows) > 1 else 0
        if shared:
            self.forward([rows[0].ids[:shared]], cache)
            cache.batch_repeat_interleave(len(rows))
        at = shared
        while rows:
            step = 1 if any(len(row.ids) == at + 1 for row in rows if not row.over) else _known(rows) - at
            logits = self.forward([_next(row.ids, at, step) for row in rows], cache)
            at += step
            self._choose(logits, rows, at)
            kept = [i for i, row in enumerate(rows) if not row.over]
            if len(kept) <= _THIN * len(rows):
                if kept:
                    cache.batch_select_indices(torch.tensor(kept, device=self.model.device))
                rows = [rows[i] for i in kept]

    def turn(self, episode: Episode, least: float, seed: int) -> Turn:
        """All that it might say next, with probabilities; see `tree.turn`."""
        return turn(self, episode, least, seed)

    def speaker(self, ids: Sequence[int]) -> Voice:
        """At the beginning of the model's turn after these tokens."""
        return Voice(self, ids)

    def new_cache(self) -> Cache:
        """For rows that stand at the same position."""
        return Cache(layers=[_Roomy() for _ in range(self.model.config.get_text_config().num_hidden_layers)])

    def forward(self, ids: list[list[int]], cache: Cache) -> torch.Tensor:
        """Scores of the next token, shape (rows, vocabulary); `fed` counts what was given."""
        self.fed += sum(map(len, ids))
        tokens = torch.tensor(ids, device=self.model.device)
        output = self.model(input_ids=tokens, past_key_values=cache, use_cache=True, logits_to_keep=1)
        return output.logits[:, -1].float()

    def _choose(self, logits: torch.Tensor, rows: list[Row], at: int) -> None:
        """Sample one token for each row whose known tokens are used up, and end its turn where that token ends it."""
        places = [i for i, row in enumerate(rows) if len(row.ids) == at and not row.over]
        if not places:
            return
        chosen, logprobs = self._sample(logits if len(places) == len(rows) else logits[places])
        for place, token, logprob in zip(places, chosen, logprobs, strict=True):
            row = rows[place]
            row.ids.append(token)
            row.sampled.append(True)
            row.logprobs.append(logprob)
            if token == self.tokenizer.eos_token_id:
                self._end_turn(row)
            elif len(row.ids) - row.turn >= self.max_new_tokens:
                row.episode.fail(PolicyFailure(f"no end of turn within {self.max_new_tokens} tokens"))
            else:
                self._refuse_too_long(row)

    def _sample(self, logits: torch.Tensor) -> tuple[list[int], list[float]]:
        if self.temperature == 0:
            best = logits.argmax(-1)
            return best.tolist(), [0.0] * len(best)
        scores = torch.log_softmax(logits / self.temperature, -1).cpu()
        below = scores.exp().cumsum(-1)  # (rows, vocabulary): one throw a row, looked up in its distribution
        throws = torch.rand(len(scores), 1, generator=self._dice) * below[:, -1:]
        chosen = (below <= throws).sum(-1, keepdim=True).clamp_(max=scores.shape[-1] - 1)
        return chosen[:, 0].tolist(), scores.gather(-1, chosen)[:, 0].tolist()

    def _end_turn(self, row: Row) -> None:
        chat = self.chat(row.episode.tools)
        row.episode.take(chat.reply(row.ids[row.turn : -1]))
        if row.episode.ending is not None:
            if row.episode.ending is Ending.OUT_OF_STEPS:
                row.episode.memo = Said(tuple(row.ids), tuple(row.sampled), tuple(row.logprobs), row.prompt, chat)
            return
        if row.episode.rewrites != row.rewrites or self.chat(row.episode.tools) is not chat:
            row.stale = True
            return
        try:
            added = chat.suffix(row.episode.messages)
        except PolicyFailure as failure:
            row.episode.fail(failure)
            return
        if added is None:
            row.stale = True
            return
        row.ids += added
        row.sampled += [False] * len(added)
        row.logprobs += [0.0] * len(added)
        row.turn = len(row.ids)
        self._refuse_too_long(row)


def _known(rows: Sequence[Row]) -> int:
    return min(len(row.ids) for row in rows if not row.over)


def _next(ids: list[int], at: int, step: int) -> list[int]:
    """The next tokens of a row; a row that is over has none left and is fed anything until it is dropped."""
    found = ids[at : at + step]
    return found if len(found) == step else found + [0] * (step - len(found))


def _seed(seed: int, episodes: Sequence[Episode]) -> int:
    """The same episodes in the same order draw the same dice, whatever ran before."""
    told = f"{seed}/" + "/".join(episode.scenario.key for episode in episodes)
    if draws := [draw for episode in episodes if (draw := getattr(episode, "draw", 0))]:  # a day has none
        told += f"/{draws}"
    return int(hashlib.sha256(told.encode()).hexdigest()[:15], 16)


def _shared_prefix(rows: Sequence[Row]) -> int:
    first, last = min(row.ids for row in rows), max(row.ids for row in rows)
    most = min(len(row.ids) for row in rows) - 1
    same = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), most)
    return min(same, most)


def use_threads(threads: int) -> None:
    """CPU threads for torch in this process."""
    torch.set_num_threads(threads)


def gpus() -> int:
    """How many of them torch finds here."""
    return torch.cuda.device_count()


def load(name: str, temperature: float = 1.0, seed: int = 0, batch: int = 0) -> HFPolicy:
    """A model from a folder or the Hugging Face hub. Raises `ModelError` with what to do."""
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    if Path(name).exists() and not (Path(name) / "config.json").is_file():
        raise ModelError(f"{name} is no model folder: it has no config.json")
    refuse_absent(name)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        tokenizer = AutoTokenizer.from_pretrained(name)
        model = AutoModelForCausalLM.from_pretrained(name, dtype="auto")
    except Exception as error:  # each of the parsers behind these calls has its own
        said = next(iter(str(error).splitlines()), type(error).__name__)
        raise ModelError(f"cannot load {name!r} as a causal language model: {said}") from error
    return HFPolicy(model.to(device), tokenizer, name, temperature, seed, batch)
