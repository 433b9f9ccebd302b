"""Autoencoders: a narrow code from which a network can draw the picture again.

Fitting needs the extra ``train``; a fitted one is two ONNX files that ONNX Runtime runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, get_args

from vitrine.encoders.autoencoder_base import Autoencoder, DistanceOption
from vitrine.encoders.preprocessing import Pictures, Preprocessing, has_colour, native_size
from vitrine.errors import OptionError

if TYPE_CHECKING:
    from vitrine.encoders._torch.networks import Autoencoder as Network

Activation = Literal["relu", "elu", "tanh", "sigmoid", "linear"]

_SMALL = 64
"""Pictures of at most this side are learned at their own size."""


class DenseAutoencoder(Autoencoder):
    """Pixels → code → pixels by fully connected layers: the classic.

    The defaults are Dense → ReLU code of two numbers → Dense → sigmoid, Glorot-uniform weights,
    Adam at 1e-3, binary cross-entropy, 50 epochs of shuffled batches of 256.

    Parameters
    ----------
    n_components : int
        Length of the code.
    hidden : sequence of int
        Widths of the layers between pixels and code, from the outside in; the decoder mirrors them.
    activation : {"relu", "elu", "tanh", "sigmoid", "linear"}
        After the hidden layers and, unless `code_activation` says otherwise, after the code.
    code_activation : same as `activation`, optional
        After the code.
    size : int or (int, int), optional
        Height and width, in pixels, at which pictures are learned. None: their own size where all
        share it and no side is over 64, else 64.
    colour : bool, optional
        RGB or grey. None: RGB where a look at the pictures finds colour.
    epochs, batch_size : int
    learning_rate : float
    validation_share : float
        Share of the pictures, 0 to 1, that is watched instead of learned.
    patience : int, optional
        Stop after so many epochs without a lower loss (the validation part's, if there is one).
    max_minutes : float, optional
        Time that training may take; the best weights until then are kept.
    max_pictures : int, optional
        Learn from at most so many, drawn with the seed. None: as many as 2 GiB of bytes hold.
    distance : {"auto", "euclidean", "standardized", "cosine"}
        How codes are compared. ``auto``: Euclidean for two numbers, else cosine.
    random_state : int
        Seed of the weights, of the shuffling and of the samples.

    References
    ----------
    G. E. Hinton and R. R. Salakhutdinov. Reducing the dimensionality of data with neural
    networks. Science 313, 2006.
    """

    kind: ClassVar[str] = "dense-autoencoder"

    def __init__(
        self,
        n_components: int = 2,
        hidden: tuple[int, ...] = (),
        activation: Activation = "relu",
        code_activation: Activation | None = None,
        size: int | tuple[int, int] | None = None,
        colour: bool | None = None,
        epochs: int = 50,
        batch_size: int = 256,
        learning_rate: float = 1e-3,
        validation_share: float = 0.0,
        patience: int | None = None,
        max_minutes: float | None = None,
        max_pictures: int | None = None,
        distance: DistanceOption = "auto",
        random_state: int = 0,
    ) -> None:
        self.n_components = n_components
        self.hidden = hidden
        self.activation = activation
        self.code_activation = code_activation
        self.size = size
        self.colour = colour
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.validation_share = validation_share
        self.patience = patience
        self.max_minutes = max_minutes
        self.max_pictures = max_pictures
        self.distance = distance
        self.random_state = random_state

    def _make_network(self, shape: tuple[int, int, int]) -> Network:
        from vitrine.encoders._torch.networks import dense_autoencoder

        code_activation = self.code_activation or self.activation
        return dense_autoencoder(
            shape, self.n_components, self.hidden, self.activation, code_activation
        )

    def _choose_preprocessing(self, pictures: Pictures) -> Preprocessing:
        height, width = _sides(self.size) or native_size(pictures, _SMALL, _SMALL)
        colour = has_colour(pictures) if self.colour is None else self.colour
        return Preprocessing(height, width, 3 if colour else 1)

    def _check_options(self) -> None:
        super()._check_options()
        if min((self.n_components, *self.hidden)) < 1:
            raise OptionError(
                f"n_components={self.n_components}, hidden={self.hidden}: widths start at 1"
            )
        known = get_args(Activation)
        for activation in (self.activation, self.code_activation or self.activation):
            if activation not in known:
                raise OptionError(f"activation {activation!r} is not one of {', '.join(known)}")


class ConvAutoencoder(Autoencoder):
    """Convolutions and max-pooling down to a small code, and their mirror back up.

    By default, on RGB pictures of 150×150: one pixel of zeros around, 3×3 convolutions of 16, 8
    and 8 channels with ReLU, each followed by 2×2 max-pooling, hence a code of 19×19×8 numbers;
    back by convolutions of 8, 8 and 16 channels, each followed by upsampling, a sigmoid
    convolution of 3 channels, and one pixel cropped. Adam at 1e-3, binary cross-entropy, 20 epochs
    of shuffled batches of 16.

    Parameters
    ----------
    filters : sequence of int
        Channels after each of the encoder's convolutions.
    size : int or (int, int), optional
        Height and width, in pixels, at which pictures are learned. None: their own size where all
        share it and no side is over 64, else 150.
    colour : bool
        RGB or grey.
    epochs, batch_size, learning_rate, validation_share, patience, max_minutes, max_pictures
        As in `DenseAutoencoder`.
    random_state : int
        As in `DenseAutoencoder`.
    distance : {"auto", "euclidean", "standardized", "cosine"}
        How codes are compared. ``auto``: cosine.
    """

    kind: ClassVar[str] = "conv-autoencoder"

    def __init__(
        self,
        filters: tuple[int, ...] = (16, 8, 8),
        size: int | tuple[int, int] | None = 150,
        colour: bool = True,
        epochs: int = 20,
        batch_size: int = 16,
        learning_rate: float = 1e-3,
        validation_share: float = 0.0,
        patience: int | None = None,
        max_minutes: float | None = None,
        max_pictures: int | None = None,
        distance: DistanceOption = "auto",
        random_state: int = 0,
    ) -> None:
        self.filters = filters
        self.size = size
        self.colour = colour
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.validation_share = validation_share
        self.patience = patience
        self.max_minutes = max_minutes
        self.max_pictures = max_pictures
        self.distance = distance
        self.random_state = random_state

    def _make_network(self, shape: tuple[int, int, int]) -> Network:
        from vitrine.encoders._torch.networks import conv_autoencoder

        return conv_autoencoder(shape, self.filters)

    def _choose_preprocessing(self, pictures: Pictures) -> Preprocessing:
        height, width = _sides(self.size) or native_size(pictures, _SMALL, 150)
        return Preprocessing(height, width, 3 if self.colour else 1)

    def _check_options(self) -> None:
        super()._check_options()
        if len(self.filters) == 0 or min(self.filters) < 1:
            raise OptionError(f"filters={self.filters}: one number at least, each at least 1")


def _sides(size: int | Sequence[int] | None) -> tuple[int, int] | None:
    """Return (height, width) as the option `size` says."""
    if size is None:
        return None
    if isinstance(size, int):
        return size, size
    if len(size) != 2:
        raise OptionError(f"size={size}: one number, or height and width")
    return size[0], size[1]
