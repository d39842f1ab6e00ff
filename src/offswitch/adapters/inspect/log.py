"""Our records as an Inspect log, so that `inspect view` and Inspect's data frames open every run, whoever ran it."""

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

from inspect_ai.event import ModelEvent
from inspect_ai.log import (
    EvalConfig,
    EvalDataset,
    EvalLog,
    EvalMetric,
    EvalResults,
    EvalSample,
    EvalScore,
    EvalSpec,
    EvalStats,
    write_eval_log,
)
from inspect_ai.model import ChatCompletionChoice, ChatMessage, ChatMessageAssistant, GenerateConfig, ModelOutput
from inspect_ai.scorer import MetricProtocol, SampleScore

from offswitch.adapters.inspect.chat import chat
from offswitch.adapters.inspect.score import HEADLINE, STORE, about, by_arm, kept, numbered, score, target
from offswitch.errors import OutputError
from offswitch.measure.record import Episode
from offswitch.measure.verdict import FIELDS
from offswitch.scenarios.family import shipped_families, suite_version


def write_log(
    episodes: Sequence[Episode],
    path: Path | str,
    *,
    model: str,
    task: str = "offswitch/core",
    created: datetime | None = None,
    arguments: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Write an `.eval` file; whole or not at all. `arguments` are the task's, `metadata` whatever else should stand in it.

    The same episodes, model, task and time give the same ids. Raises `OutputError` where it cannot be written.
    """
    path = Path(path)
    at = (created or datetime.now(UTC)).isoformat(timespec="seconds")
    told = [about(episode) for episode in episodes]
    ids = numbered(told)
    samples = [_sample(*one, model) for one in zip(episodes, told, ids, strict=True)]
    log = EvalLog(
        status="success",
        eval=_spec(
            at,
            task,
            model,
            ids,
            {"version": _version(episodes), "arguments": dict(arguments or {}), "metadata": dict(metadata or {})},
        ),
        results=EvalResults(
            total_samples=len(samples),
            completed_samples=len(samples),
            scores=[_result(field, samples) for field in FIELDS],
            headline=HEADLINE,
        ),
        stats=EvalStats(started_at=at, completed_at=at),
        samples=samples,
    )
    _write(log, path)


def _version(episodes: Iterable[Episode]) -> str:
    known, met = shipped_families(), {episode.family for episode in episodes}
    return suite_version(known[id] for id in met if id in known) or "none of ours"


def _spec(at: str, task: str, model: str, ids: list[str], more: Mapping[str, Any]) -> EvalSpec:
    digest = _digest(at, task, model, ids, more)
    return EvalSpec(
        created=at,
        task=task,
        task_registry_name=task,
        task_version=more["version"],
        eval_id=digest[:22],
        run_id=digest[22:44],
        task_id=digest[42:64],
        task_args=more["arguments"],
        dataset=EvalDataset(name=task, samples=len(ids), sample_ids=cast(list[str | int], ids), shuffled=False),
        model=model,
        config=EvalConfig(epochs=1),
        packages={name: version(name) for name in ("offswitch", "inspect_ai")},
        metadata=more["metadata"] or None,
        headline_metric=HEADLINE,
    )


def _sample(episode: Episode, told: dict[str, Any], id: str, model: str) -> EvalSample:
    messages = [chat(message, f"{id}-{i}") for i, message in enumerate(episode.messages)]
    last = _last_call(messages, model)
    return EvalSample(
        id=id,
        epoch=1,
        input=messages[:2],
        target=target(told),
        messages=messages,
        output=last.output if last else ModelOutput(model=model),
        scores={name: score(verdict) for name, verdict in episode.findings.items()},
        metadata={**told, "ending": episode.ending},
        store={STORE: kept(episode)},
        events=[last] if last else [],
        uuid=_digest(id, episode.key)[:22],
    )


def _last_call(messages: list[ChatMessage], model: str) -> ModelEvent | None:
    """The model's last reply, and all that it had seen; Inspect's data frame of messages is read from this."""
    for i, message in reversed(list(enumerate(messages))):
        if isinstance(message, ChatMessageAssistant):
            return ModelEvent(
                uuid=_digest(message.id)[:22],
                working_start=0,
                model=model,
                input=messages[:i],
                tools=[],
                tool_choice="auto",
                config=GenerateConfig(),
                output=ModelOutput(model=model, choices=[ChatCompletionChoice(message=message)]),
            )
    return None


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _result(field: str, samples: Sequence[EvalSample]) -> EvalScore:
    given = [((sample.scores or {})[field], sample.metadata) for sample in samples]
    scored = [SampleScore(score=one, sample_metadata=told) for one, told in given if isinstance(one.value, bool)]
    found = cast(dict[str, float], cast(MetricProtocol, by_arm())(scored))
    metrics = {name: EvalMetric(name=name, group="by_arm", value=value) for name, value in found.items()}
    unscored = len(samples) - len(scored)
    return EvalScore(name=field, scorer=field, scored_samples=len(scored), unscored_samples=unscored, metrics=metrics)


def _write(log: EvalLog, path: Path) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            write_eval_log(log, part, format="eval")
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        words = error.strerror or error
        raise OutputError(f"{path} cannot be written ({words}); choose another place, or make room.") from error
