"""What is done to all items of a shop at once: another encoder, clusters, an export."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sklearn.base import clone

from vitrine.catalogue import Rejection, write_rejected
from vitrine.encoders.base import Encoder
from vitrine.errors import ShopError
from vitrine.shop.clusters import Clusters, cluster
from vitrine.shop.contents import Contents
from vitrine.shop.exporting import Exported, export
from vitrine.shop.retraining import CannotEncodeError, Switched, retrain, roll_back
from vitrine.shop.vector_import import VectorImport, import_vectors


class Wholesale(Contents):
    """Everything about an open shop that concerns all its items together."""

    def retrain(
        self, encoder: Encoder | None = None, label: str | None = None, random_state: int = 0
    ) -> Switched:
        """Fit another encoder on the shop's pictures, encode all items, then switch to it at once.

        Until then this and every other process goes on with the old one. Called again after an
        interruption, with the same arguments, it goes on where it stopped.

        Parameters
        ----------
        encoder : Encoder, optional
            By default one like the shop's own, fitted anew; one that is fitted is taken as it is.
        label : str, optional
            The attribute that it learns; by default what the shop was made with.
        random_state : int
            Draws the pictures to fit on where there are over 100,000.

        Raises
        ------
        InputError
            If there is no such attribute, or the encoder needs one.
        CannotEncodeError
            If items have no picture left; the shop keeps its encoder.
        """
        state, memory = self._store.state(), self._live.current()
        if not state.ready:
            raise ShopError(f"{self.place}: its making broke off; first run that create again")
        label = self.label(label) if label else state.settings["label"]
        encoder = clone(memory.encoder) if encoder is None else encoder
        if encoder.needs_labels:
            label = self.label(label)
        return self._switched(retrain, memory, encoder, label, random_state)

    def roll_back(self) -> Switched:
        """Switch back to the encoder before the present one; twice is where it was.

        Raises
        ------
        ShopError
            If there was none.
        """
        return self._switched(roll_back, self._live.current())

    def _switched(self, switch: Callable[..., Switched], *arguments: Any) -> Switched:
        try:
            switched = switch(self._store, *arguments)
        except CannotEncodeError as error:
            self._write_rejected(error.rejected)
            raise
        self.refresh()
        return switched

    def cluster(
        self,
        k: int | None = None,
        label: str | None = None,
        name: str = "cluster",
        random_state: int = 0,
    ) -> Clusters:
        """Group the items by looks, and keep each item's group as an attribute to filter by.

        Items that come later are of the group whose centre is nearest. After another encoder has
        been switched to there are no groups until this is done again.

        Parameters
        ----------
        k : int, optional
            How many; by default the number with the largest silhouette.
        label : str, optional
            The attribute to hold them against; by default the one the shop was made with, or
            ``category``, where there is such a one.
        name : str
            The attribute that will hold an item's group.
        random_state : int

        Raises
        ------
        InputError
            If there are too few items.
        OptionError
            If k does not fit, or the catalogue has an attribute called `name`.
        """
        if label is not None or self.default_label in self.schema:
            label = self.label(label)
        found = cluster(self._store, self._live.current(), k, label, name, random_state)
        self.refresh()
        return found

    def export(self, path: str | Path) -> Exported:
        """Write ids, vectors and attributes to one file: ``.parquet``, ``.npz`` or ``.h5``.

        Raises
        ------
        OptionError
            If `path` ends in anything else.
        MissingExtraError
            If it is HDF5 and h5py is not installed.
        ShopError
            If the shop changes meanwhile.
        """
        self.refresh()
        return export(self._store, self._live, Path(path))

    def encoder_files(self) -> dict[str, bytes]:
        """Return the artifact of the shop's encoder, file by file, to use it elsewhere."""
        return self._store.artifact(self._live.current().encoder_id)

    def import_vectors(self, path: str | Path, pictures: str | Path | None = None) -> VectorImport:
        """Bring in items with vectors that this shop's encoder made elsewhere, all at once.

        Items that are there are replaced, others added; whoever reads the shop meanwhile sees none
        of them, and afterwards all. What was refused is in the result and in ``rejected.csv``.

        Parameters
        ----------
        path : path
            A Parquet file or a folder of them, as ``vitrine spark embed --like SHOP`` and `export`
            write. Columns: ``item_id``, ``vector``; perhaps ``picture``, a path or a list of them
            (without it an item keeps the pictures it has), and ``reason``, why a row has no
            vector; all others are attributes (with none an item keeps those it has).
        pictures : path, optional
            The folder below which the pictures lie; by default the table's own. Items whose
            pictures lie elsewhere come in without them.

        Raises
        ------
        SourceError
            If it cannot be read.
        InputError
            If another encoder made the vectors.
        """
        folder = None if pictures is None else Path(pictures)
        result = import_vectors(self._store, Path(path), folder)
        self._write_rejected(result.rejected)
        self.refresh()
        return result

    def _write_rejected(self, rejected: list[Rejection]) -> None:
        if rejected:
            write_rejected(rejected, self.rejected_path)
        else:
            self.rejected_path.unlink(missing_ok=True)
