"""Where a pretrained model's files come from: by hand, from the hub's cache, or from the hub.

Nothing that comes from there is executed: an ONNX file and a JSON file are all that is asked for.
"""

from __future__ import annotations

import hashlib
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from vitrine.encoders.pretrained_models import BACKBONES, Backbone
from vitrine.errors import BackboneError, MissingExtraError, OptionError

logger = logging.getLogger(__name__)

ENVIRONMENT = "VITRINE_MODELS"
CONFIG = "preprocessor_config.json"
_USUAL_FILES = ("onnx/model.onnx", "onnx/vision_model.onnx", "model.onnx")


@dataclass(frozen=True)
class Found:
    """A model's files on this machine.

    Attributes
    ----------
    model : Path
    config : Path or None
        Its ``preprocessor_config.json``.
    backbone : Backbone or None
        Its description, if it is a known one.
    revision : str or None
        The hub's commit it was taken from.
    """

    model: Path
    config: Path | None = None
    backbone: Backbone | None = None
    revision: str | None = None

    def read(self) -> bytes:
        """Return the model's file.

        Raises
        ------
        BackboneError
            If it cannot be read.
        """
        try:
            return self.model.read_bytes()
        except OSError as error:
            raise BackboneError(f"{self.model}: cannot be read ({error.strerror})") from error


def find(model: str) -> Found:
    """Return the files of ``pretrained:NAME``, ``onnx:PATH`` or ``hub:OWNER/MODEL[@REVISION]``.

    What is not on this machine is downloaded, which the log announces.

    Raises
    ------
    OptionError
        If the name is none of these.
    BackboneError
        If it is not at hand and cannot be downloaded.
    MissingExtraError
        If it must be downloaded and huggingface_hub is not installed.
    """
    kind, _, rest = model.partition(":")
    if kind == "onnx" and rest:
        path = Path(rest).expanduser()
        if not path.is_file():
            raise BackboneError(f"{path}: there is no such file")
        config = path.with_name(CONFIG)
        return Found(path, config if config.is_file() else None)
    if kind == "pretrained":
        return _find_known(known(rest))
    repository, _, revision = rest.partition("@")
    if kind != "hub" or repository.count("/") != 1:
        raise OptionError(
            f"model={model!r}: write pretrained:NAME, onnx:PATH or hub:OWNER/MODEL[@REVISION]"
        )
    return _find_on_hub(repository, revision or None)


def known(name: str) -> Backbone:
    """Return the description of a known network; OptionError if it is none."""
    if name not in BACKBONES:
        raise OptionError(
            f"no pretrained network is called {name!r}. It can be: {', '.join(BACKBONES)}; any "
            "other one by onnx:PATH or hub:OWNER/MODEL"
        )
    return BACKBONES[name]


def at_hand(model: str) -> bool:
    """Tell whether a model's file is on this machine; nothing is downloaded.

    Parameters
    ----------
    model : str
        As for `find`.
    """
    kind, _, rest = model.partition(":")
    if kind == "onnx":
        return Path(rest).expanduser().is_file()
    if kind == "pretrained":
        backbone = known(rest)
        if (models_folder() / f"{backbone.name}.onnx").is_file():
            return True
        wanted = [(backbone.repository, backbone.file, backbone.revision)]
    else:
        repository, _, revision = rest.partition("@")
        wanted = [(repository, file, revision or None) for file in _USUAL_FILES]
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return False
    found = [try_to_load_from_cache(name, file, revision=at) for name, file, at in wanted]
    return any(isinstance(path, str) for path in found)


def models_folder() -> Path:
    """Return where files brought by hand are looked for, as ``NAME.onnx``."""
    named = os.environ.get(ENVIRONMENT)
    return Path(named) if named else user_cache_path("vitrine") / "models"


def _find_known(backbone: Backbone) -> Found:
    by_hand = models_folder() / f"{backbone.name}.onnx"
    if by_hand.is_file():
        return Found(by_hand, backbone=backbone)
    terms = f"{backbone.megabytes} MB, licence {backbone.licence}"
    advice = f"save it as {by_hand}"
    path = _fetch(backbone.repository, backbone.file, backbone.revision, terms, advice)
    return Found(path, None, backbone, _commit(path))


def _find_on_hub(repository: str, revision: str | None) -> Found:
    advice = f"put {CONFIG} beside it, and name it with onnx:PATH"
    terms = "size and licence are on its page"
    for file in _USUAL_FILES:
        try:
            path = _fetch(repository, file, revision, terms, advice)
            break
        except FileNotFoundError:
            continue
    else:
        raise BackboneError(
            f"{repository}: holds none of {', '.join(_USUAL_FILES)}; download the ONNX file that "
            "it does hold and name it with onnx:PATH"
        )
    commit = _commit(path)
    try:
        config = _fetch(repository, CONFIG, commit or revision, "its preprocessing", advice)
    except FileNotFoundError:
        return Found(path, revision=commit)
    return Found(path, config, revision=commit)


def _fetch(repository: str, file: str, revision: str | None, terms: str, advice: str) -> Path:
    """Return a file of the hub, from its cache or downloaded now.

    Raises
    ------
    FileNotFoundError
        If the repository has no such file.
    BackboneError
        If the hub cannot be asked.
    """
    hub = _import_hub(repository)
    try:
        return Path(hub.hf_hub_download(repository, file, revision=revision, local_files_only=True))
    except hub.errors.LocalEntryNotFoundError:
        pass  # not in the cache yet
    logger.info("downloading %s of %s (%s)", file, repository, terms)
    if revision is None:
        logger.warning("%s: no revision is pinned; the newest is taken", repository)
    try:
        return Path(hub.hf_hub_download(repository, file, revision=revision))
    except hub.errors.LocalEntryNotFoundError as error:  # an EntryNotFoundError too, but offline
        raise _blocked(repository, file, revision, advice, error) from error
    except hub.errors.EntryNotFoundError as error:
        raise FileNotFoundError(file) from error
    except Exception as error:  # the hub's, its HTTP client's and the system's share no base class
        raise _blocked(repository, file, revision, advice, error) from error


def _import_hub(repository: str) -> Any:
    try:
        import huggingface_hub
        import huggingface_hub.errors
    except ImportError:
        raise MissingExtraError(f"fetching {repository} from the Hugging Face hub", "hub") from None
    return huggingface_hub


def _blocked(
    repository: str, file: str, revision: str | None, advice: str, error: Exception
) -> BackboneError:
    reason = str(error).strip().split("\n")[0]
    return BackboneError(
        f"{file} of {repository} is not in the hub's cache and cannot be downloaded ({reason}). "
        f"Without a network: elsewhere, download "
        f"https://huggingface.co/{repository}/resolve/{revision or 'main'}/{file}, bring it here, "
        f"{advice}; or copy the hub's cache and name it with HF_HOME"
    )


def _commit(path: Path) -> str | None:
    """Return the commit that a file in the hub's cache, ``…/snapshots/COMMIT/…``, is from."""
    parts = path.parts
    return parts[parts.index("snapshots") + 1] if "snapshots" in parts else None


def sha256(content: bytes) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()
