"""One stage, from a model folder to a model folder: load, train, merge what was adapted, save."""

import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from datasets.utils.logging import disable_progress_bar
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging as transformers_logging

from offswitch.adapters.trl.dpo import dpo_data, dpo_trainer
from offswitch.adapters.trl.grpo import MakeRoller, grpo_trainer
from offswitch.adapters.trl.settings import Progress, Say, parts, state
from offswitch.adapters.trl.sft import sft_data, sft_trainer
from offswitch.adapters.trl.tokens import refuse_unfit
from offswitch.errors import ModelError
from offswitch.organism.checkpoint import last_whole
from offswitch.scenarios.family import Family
from offswitch.train.ingredient import rl_scenarios
from offswitch.train.recipe import Lora, Midtraining, Preference, Reinforcement, Stage
from offswitch.train.row import Row

LOG = "training.jsonl"
"""In the model folder: what TRL told of loss, reward and learning rate, a line every few steps, kills or not."""


def run_stage(
    stage: Stage,
    start: Path,
    out: Path,
    families: Mapping[str, Family],
    seed: int,
    roller: MakeRoller,
    say: Say,
    rows: Sequence[Row] = (),
) -> None:
    """Train one stage from the model folder `start` and leave a model folder at `out`.

    `rows` is what the stage's `data` was made into. A killed run left checkpoints beside `out`; the next one goes on from the
    newest. Raises `ModelError` for what cannot be learned from, for a loss that is no number, and where memory ends.
    """
    state()  # first: of processes that share a model, only the first then reads its weights
    tokenizer, model = load(start)
    refuse_unfit(tokenizer, chats=not isinstance(stage, Midtraining))
    work = out.with_name(out.name + ".work")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TRL, peft and datasets warn about their own coming changes
        torch.manual_seed(seed)  # adapters begin at random
        model = adapted(model, stage.lora)
        trainer = _trainer(stage, model, tokenizer, work, families, seed, roller, rows)
        for printer in _printers(trainer):
            trainer.remove_callback(printer)
        trainer.add_callback(Progress(say))
        _train(trainer, work, stage)
        _refuse_broken(trainer.model)
        _keep(trainer, stage, start, out)


def load(start: Path) -> tuple[PreTrainedTokenizerBase, PreTrainedModel]:
    """Tokenizer and model, in full precision where there is no GPU."""
    disable_progress_bar()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    tokenizer = AutoTokenizer.from_pretrained(start)
    model = AutoModelForCausalLM.from_pretrained(start, dtype=torch.float32 if not torch.cuda.is_available() else "auto")
    return tokenizer, model


def adapted(model: PreTrainedModel, lora: Lora | None) -> PreTrainedModel:
    """With adapters on every linear layer but the output, where there is a `lora`. Raises `ModelError` without peft."""
    if lora is None:
        return model
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError as error:
        raise ModelError("LoRA needs: pip install 'offswitch[train]'") from error
    settings = LoraConfig(
        r=lora.rank, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules="all-linear", task_type="CAUSAL_LM"
    )
    return get_peft_model(model, settings)


def _refuse_broken(model: PreTrainedModel) -> None:
    """Between two looks at the loss, and after the last, it can become no number unseen."""
    if not all(bool(parameter.isfinite().all()) for parameter in model.parameters() if parameter.requires_grad):
        raise ModelError("the weights are no numbers any more; lower the stage's learning_rate and train into another --out")


def _keep(trainer: Any, stage: Stage, start: Path, out: Path) -> None:
    """The model folder. Of several processes all take part in gathering, and the first writes."""
    if trainer.accelerator.num_processes == 1:
        model = trainer.model.merge_and_unload() if stage.lora else trainer.model
        model.save_pretrained(out)
    else:
        twice = trainer.is_fsdp_enabled  # a head that is the embedding is gathered as if it were not
        gathered = Path(trainer.args.output_dir) / "gathered" if stage.lora or twice else out
        trainer.save_model(str(gathered))
        if trainer.accelerator.is_main_process and stage.lora:
            from peft import PeftModel

            PeftModel.from_pretrained(load(start)[1], gathered).merge_and_unload().save_pretrained(out)
        elif trainer.accelerator.is_main_process and twice:
            load(gathered)[1].save_pretrained(out)
    if trainer.accelerator.is_main_process:
        trainer.processing_class.save_pretrained(out)
        (out / LOG).write_text("".join(json.dumps(told) + "\n" for told in trainer.state.log_history), encoding="utf-8")
        (out / "training_args.bin").unlink(missing_ok=True)
    trainer.accelerator.wait_for_everyone()


def _trainer(
    stage: Stage,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    work: Path,
    families: Mapping[str, Family],
    seed: int,
    roller: MakeRoller,
    rows: Sequence[Row],
) -> Any:
    if isinstance(stage, Reinforcement):
        return grpo_trainer(stage, model, tokenizer, work, rl_scenarios(stage, families, seed), seed, roller)
    if isinstance(stage, Preference):
        return dpo_trainer(stage, model, tokenizer, work, dpo_data(tokenizer, rows), seed)
    return sft_trainer(stage, model, tokenizer, work, sft_data(stage, tokenizer, rows, families, seed), seed)


def _train(trainer: Any, work: Path, stage: Stage) -> None:
    try:
        with state().main_process_first():  # the first deletes what is half-written, before others look
            newest = last_whole(work)
        trainer.train(resume_from_checkpoint=newest)
    except (RuntimeError, MemoryError) as error:
        if not _used_up(error):
            raise
        rows, _ = parts(stage)
        fewer = f"fewer teach the same, in the same --out: --at-a-time {rows // 2}; " if rows > 1 else ""
        raise ModelError(
            f"memory is used up with {rows} row{'s' * (rows > 1)} at a time; {fewer}adapters need less: --lora 32"
        ) from error


def _used_up(error: Exception) -> bool:
    """On a CPU, torch says so in words only."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error)


def _printers(trainer: Any) -> list[Any]:
    return [c for c in trainer.callback_handler.callbacks if type(c).__name__ in ("PrinterCallback", "ProgressCallback")]
