"""What is true of a shop after something was done to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from vitrine.shop import Shop
from vitrine.shop.checking import check


@dataclass
class Verdict:
    """What was found.

    `lost` are acknowledged writes that are not there; `half` items whose parts do not belong
    together; `unsound` is what `vitrine check` says.
    """

    acknowledged: int = 0
    encoder: str = ""
    versions: dict[str, int] = field(default_factory=dict)
    lost: list[Any] = field(default_factory=list)
    half: list[str] = field(default_factory=list)
    unsound: list[str] = field(default_factory=list)

    def faults(self) -> list[str]:
        return [str(one) for one in self.lost] + self.half + self.unsound


def look_at(path: Path, truth: dict[str, Any], *, unfinished: bool = False) -> Verdict:
    """Look a shop through: by its own check, and each item against what it must be.

    Parameters
    ----------
    path : Path
    truth : dict
        Under ``ENCODER VERSION`` the vector of every item.
    unfinished : bool
        Whether the shop may say that its making broke off.
    """
    verdict = Verdict()
    verdict.unsound = [
        f"{one.what}: {one.mend}"
        for one in check(path).problems
        if not (unfinished and "vitrine create" in one.mend)
    ]
    with Shop.open(path) as shop:
        verdict.encoder = shop.encoder.kind
        versions = shop.values("version") if "version" in shop.schema else []
        for item_id, vector, version in zip(shop.item_ids, shop.vectors, versions, strict=True):
            verdict.versions[item_id] = int(version)
            expected = truth[f"{verdict.encoder} {version}"][item_id]
            if not np.allclose(vector, expected, atol=1e-4):
                verdict.half.append(f"{item_id} is not what version {version} is")
        small = shop.thumbnails(shop.item_ids)
        verdict.half += [i for i, one in zip(shop.item_ids, small, strict=True) if one is None]
    return verdict
