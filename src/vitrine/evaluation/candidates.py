"""Which encoders take part in a comparison: names with options, or all that can run here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from vitrine.encoders import Encoder, encoder_names
from vitrine.encoders.pretrained_hub import at_hand
from vitrine.encoders.registry import MODEL_PREFIXES
from vitrine.encoders.specifications import join_options, read_encoder, split_list, split_options

ALL = "all"


@dataclass
class Candidates:
    """Encoders to compare.

    Attributes
    ----------
    encoders : dict of str to Encoder
        Unfitted, by the text that describes each.
    left_out : list of str
        What was not taken though it was asked for, each with its reason.
    """

    encoders: dict[str, Encoder] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


def read_candidates(text: str, *, labels: bool = True, random_state: int = 0) -> Candidates:
    """Make the encoders of a list; ``all`` in it stands for every one that can run here.

    Among those are the pretrained networks that are on this machine, and for each network, whether
    found or named in the list, a category head on it and its union with what descriptors see.

    Parameters
    ----------
    text : str
        As `vitrine.encoders.specifications.split_list` reads it.
    labels : bool
        Whether there are labels to learn from; encoders that need them are left out otherwise.
    random_state : int
        Seed of all.

    Raises
    ------
    OptionError
        If a name or an option is unknown.
    """
    found = Candidates()
    texts = split_list(text)
    if ALL in texts:
        texts = _expanded([one for one in texts if one != ALL], found)
    for one in texts:
        encoder = read_encoder(one, random_state)
        if encoder.needs_labels and not labels:
            found.left_out.append(f"{one}: needs labels")
        else:
            found.encoders[one] = encoder
    return found


def networks_at_hand() -> tuple[list[str], list[str]]:
    """Return the known pretrained networks that are on this machine, and those that are not."""
    known = [name for name in encoder_names() if name.startswith("pretrained:")]
    here = [name for name in known if at_hand(name)]
    return here, [name for name in known if name not in here]


def _expanded(named: Sequence[str], found: Candidates) -> list[str]:
    plain = [name for name in encoder_names() if not name.startswith("pretrained:")]
    here, missing = networks_at_hand()
    if missing:
        found.left_out.append(
            f"{', '.join(missing)}: not on this machine; one that is named is downloaded"
        )
    networks = here + [text for text in named if text.partition(":")[0] in MODEL_PREFIXES]
    return [*plain, *named, *here, *(text for one in networks for text in _built_on(one))]


def _built_on(network: str) -> list[str]:
    """Return what else can be made of a pretrained network."""
    name, options = split_options(network)
    inner = f":backbone_options={','.join(options)}" if options else ""
    return [
        f"category:backbone={name}{inner}",
        f"hybrid-looks:encoders={join_options(name, options)}+looks",
    ]
