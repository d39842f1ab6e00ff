"""Whether a name that is no folder is on the Hugging Face hub, asked once: its loaders go on asking for a minute."""

from pathlib import Path

from huggingface_hub import HfApi, constants, try_to_load_from_cache
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, RepositoryNotFoundError

from offswitch.errors import ModelError

_SECONDS = 10


def refuse_absent(name: str) -> None:
    """Raises `ModelError` for what is neither a folder here, nor in the hub's cache, nor on the hub.

    Where only the cache has it and the hub does not answer, this process asks the hub no more.
    """
    if Path(name).exists():
        return
    try:
        cached = isinstance(try_to_load_from_cache(name, "config.json"), str)
        HfApi().model_info(name, timeout=_SECONDS)
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise ModelError(f"there is no folder {name} here, and no model of that name on the Hugging Face hub") from error
    except HfHubHTTPError:  # it answers; the loaders say what is wrong
        return
    except Exception as error:  # every transport has its own
        if not cached:
            why = next(iter(str(error).splitlines()), type(error).__name__)
            raise ModelError(
                f"there is no folder {name} here, and the Hugging Face hub cannot be reached ({why.rstrip('.')})"
            ) from error
        constants.HF_HUB_OFFLINE = True
