"""Every exception that Vitrine raises on purpose.

::

    VitrineError
    ├── InputError (ValueError)      something that was given to Vitrine is wrong
    │   ├── SourceError              a catalogue source cannot be read at all
    │   ├── PictureError             one picture is refused
    │   ├── RowError                 one row of a table is refused
    │   ├── FilterError              a `where` expression is wrong
    │   └── OptionError              an unknown name or a bad value of an option
    ├── DatasetError                 a known data set is not at hand
    ├── BackboneError                a pretrained model is not at hand and cannot be downloaded
    ├── ArtifactError                a saved model is damaged, foreign or too new
    ├── ShopError
    │   ├── ShopNotFoundError        there is no shop at that place
    │   ├── ShopExistsError          there is a shop at that place already
    │   ├── ShopFormatError          the shop was written by another version, or is damaged
    │   ├── ShopUnavailableError     the shop's database cannot be reached at the moment
    │   ├── DiskFullError            there is no room left to write on
    │   ├── EncoderReplacedError     another process has given the shop another encoder
    │   ├── ItemsChangedError        another process has given items other pictures, or removed them
    │   └── UnknownItemError         the shop has no item with that id
    ├── TrainingError                training cannot go on (NaN loss, nothing to learn from)
    ├── JobError                     a job on a cluster came to no good end
    ├── MissingExtraError (ImportError)   an optional dependency is not installed
    └── MissingProgramError          a program that Vitrine runs is not installed

A message says what was wrong, where (file, row, item id), and what to do about it.
"""

from __future__ import annotations


class VitrineError(Exception):
    """Base class of every error that Vitrine raises on purpose."""


class InputError(VitrineError, ValueError):
    """Something that was given to Vitrine is wrong."""


class SourceError(InputError):
    """A catalogue source cannot be read at all."""


class PictureError(InputError):
    """One picture is refused; the message is the reason."""


class RowError(InputError):
    """One row of a table is refused; the message is the reason."""


class FilterError(InputError):
    """A ``where`` expression is malformed or does not fit the attributes."""


class OptionError(InputError):
    """An unknown name, or a bad value of an option."""


class DatasetError(VitrineError):
    """A known data set is not at hand, or its files are not what they should be."""


class BackboneError(VitrineError):
    """A pretrained model is not at hand and cannot be downloaded."""


class ArtifactError(VitrineError):
    """A saved model is damaged, of an unknown kind, or written by a newer version."""


class ShopError(VitrineError):
    """Something is wrong with a shop."""


class ShopNotFoundError(ShopError):
    """There is no shop at that place."""


class ShopExistsError(ShopError):
    """There is a shop at that place already."""


class ShopFormatError(ShopError):
    """The shop was written by another version of Vitrine, or is damaged."""


class ShopUnavailableError(ShopError):
    """The shop's database cannot be reached at the moment; asking again later may succeed."""


class DiskFullError(ShopError):
    """There is no room left to write on; what was stored before is kept."""


class EncoderReplacedError(ShopError):
    """Another process has given the shop another encoder meanwhile."""


class ItemsChangedError(ShopError):
    """Another process has given items other pictures meanwhile, or removed them."""


class UnknownItemError(ShopError):
    """The shop has no item with that id."""


class TrainingError(VitrineError):
    """Training cannot go on."""


class MissingExtraError(VitrineError, ImportError):
    """An optional dependency is not installed.

    Parameters
    ----------
    what : str
        What was asked for, in the user's words: ``"training an autoencoder"``.
    extra : str
        The extra of the ``vitrine`` package that brings it.
    """

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f'{what} needs an extra: pip install "vitrine[{extra}]"')
        self.extra = extra


class JobError(VitrineError):
    """A job on a cluster came to no good end."""


class MissingProgramError(VitrineError):
    """A program that Vitrine runs is not installed, or too old; the message says how to get it."""
