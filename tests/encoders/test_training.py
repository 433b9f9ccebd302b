"""The training loop and its parts, against torch's own."""

import logging

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from vitrine.encoders._torch.adam import Adam, flatten_parameters
from vitrine.encoders._torch.autoencoders import PictureBatches
from vitrine.encoders._torch.gradients import DenseGradient, gradient_of
from vitrine.encoders._torch.losses import BinaryCrossEntropy
from vitrine.encoders._torch.networks import (
    ACTIVATIONS,
    conv_autoencoder,
    dense_autoencoder,
    initialise,
)
from vitrine.encoders._torch.training import Plan, threads, train
from vitrine.errors import TrainingError


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


class TestLoss:
    @pytest.mark.parametrize("scale", [0.1, 3.0, 15.0, 60.0])
    @pytest.mark.parametrize("shape", [(256, 784), (7, 13), (3, 5, 5, 3), (1, 1)])
    def test_equals_torch_in_double_precision(self, scale, shape):
        g = generator()
        logits = (torch.randn(shape, generator=g) * scale - scale / 2).requires_grad_()
        targets = torch.rand(shape, generator=g)
        loss = BinaryCrossEntropy.apply(logits, targets)
        loss.backward()
        exact = logits.detach().double().requires_grad_()
        expected = binary_cross_entropy_with_logits(exact, targets.double())
        expected.backward()
        assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
        torch.testing.assert_close(logits.grad.double(), exact.grad, rtol=1e-4, atol=1e-9)

    def test_black_and_white_targets_at_certain_logits(self):
        logits, targets = torch.tensor([-90.0, 90.0]), torch.tensor([0.0, 1.0])
        assert BinaryCrossEntropy.apply(logits, targets).item() == 0.0
        assert BinaryCrossEntropy.apply(logits, 1 - targets).item() == 90.0

    def test_the_gradient_is_scaled_with_what_follows(self):
        logits = torch.zeros(4, requires_grad=True)
        (3 * BinaryCrossEntropy.apply(logits, torch.zeros(4))).backward()
        torch.testing.assert_close(logits.grad, torch.full((4,), 3 * 0.5 / 4))

    @pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
    @pytest.mark.parametrize("target", [0.0, 0.5, 1.0])
    def test_what_is_no_number_is_not_hidden(self, bad, target):
        logits = torch.zeros(10_000)
        logits[7_000] = bad
        loss = BinaryCrossEntropy.apply(logits, torch.full((10_000,), target)).item()
        assert not np.isfinite(loss)


class TestAdam:
    def test_steps_as_torch_does(self):
        mine, its = self.network(), self.network()
        adam = Adam(mine, 1e-2)
        reference = torch.optim.Adam(its.parameters(), 1e-2, eps=1e-7)
        x = torch.randn(8, 5, generator=generator(1))
        for _ in range(20):
            mine(x).square().sum().backward()
            adam.step()
            reference.zero_grad()
            its(x).square().sum().backward()
            reference.step()
        for one, other in zip(mine.parameters(), its.parameters(), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)

    def test_parameters_are_views_of_one_buffer(self):
        network = self.network()
        before = [parameter.detach().clone() for parameter in network.parameters()]
        values, gradient = flatten_parameters(network)
        for parameter, value in zip(network.parameters(), before, strict=True):
            torch.testing.assert_close(parameter.detach(), value)
        values.zero_()
        network(torch.ones(1, 5)).sum().backward()
        assert all((parameter == 0).all() for parameter in network.parameters())
        assert gradient.abs().sum() > 0

    def network(self):
        network = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 2))
        for parameter in network.parameters():
            nn.init.uniform_(parameter, -0.5, 0.5, generator=generator())
        return network


class TestGradient:
    @pytest.mark.parametrize("activation", ACTIVATIONS)
    @pytest.mark.parametrize("hidden", [(), (20,), (30, 12)])
    @pytest.mark.parametrize("channels", [1, 3])
    def test_written_out_equals_autograd(self, activation, hidden, channels):
        g = generator()
        network = dense_autoencoder((5, 7, channels), 3, hidden, activation, activation)
        initialise(network, g)
        for parameter in network.parameters():
            parameter.data.add_(torch.randn(parameter.shape, generator=g) * 0.1)
        x = torch.rand(11, 5, 7, channels, generator=g)
        expected_loss = binary_cross_entropy_with_logits(network(x), x)
        expected_loss.backward()
        expected = torch.cat([parameter.grad.reshape(-1) for parameter in network.parameters()])
        _, gradient = flatten_parameters(network)
        compute = gradient_of(network)
        assert isinstance(compute, DenseGradient)
        compute(x[:4])  # a smaller batch before leaves nothing behind
        assert compute(x) == pytest.approx(expected_loss.item(), rel=1e-6)
        torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-7)

    def test_convolutions_use_autograd(self):
        network = conv_autoencoder((9, 10, 3), (4, 2))
        initialise(network, generator())
        x = torch.rand(3, 9, 10, 3, generator=generator(1))
        expected_loss = binary_cross_entropy_with_logits(network(x), x)
        expected_loss.backward()
        expected = torch.cat([parameter.grad.reshape(-1) for parameter in network.parameters()])
        _, gradient = flatten_parameters(network)
        loss = gradient_of(network)(x)
        assert loss == pytest.approx(expected_loss.item(), rel=1e-6)
        torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-7)


class TestNetworks:
    def test_glorot_limits_and_zero_biases(self):
        network = dense_autoencoder((28, 28, 1), 2, (), "relu", "relu")
        initialise(network, generator())
        limit = (6 / (784 + 2)) ** 0.5
        for name, parameter in network.named_parameters():
            if name.endswith("bias"):
                assert (parameter == 0).all()
            else:
                assert 0.98 * limit < parameter.abs().max() <= limit

    def test_global_random_state_is_left_alone(self):
        before = torch.get_rng_state()
        initialise(dense_autoencoder((4, 4, 1), 2, (3,), "relu", "relu"), generator())
        initialise(conv_autoencoder((8, 8, 3), (4,)), generator())
        assert torch.equal(before, torch.get_rng_state())

    @pytest.mark.parametrize(
        "shape", [(150, 150, 3), (28, 28, 1), (9, 14, 3), (8, 8, 1), (1, 1, 3)]
    )
    def test_convolutional_output_has_the_picture_s_shape(self, shape):
        network = conv_autoencoder(shape, (16, 8, 8))
        initialise(network, generator())
        assert network(torch.rand(2, *shape)).shape == (2, *shape)


class TestBatches:
    def test_pictures_by_number_from_0_to_1(self):
        pictures = np.random.default_rng(0).integers(0, 256, (9, 4, 5, 3), dtype=np.uint8)
        batches = PictureBatches(pictures, 4)
        for codes in ([8, 0, 3, 3], [1], [5, 6]):
            found = batches(torch.tensor(codes)).numpy()
            np.testing.assert_allclose(found, pictures[codes] / 255, atol=1e-7)


class Line(nn.Module):
    """One weight that should become 3."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def loss(self, codes):
        value = (self.weight - 3).square().sum()
        value.backward()
        return value.item()


class TestTrain:
    def test_every_example_is_seen_once_an_epoch_in_a_new_order(self):
        line, sizes, seen = Line(), [], []

        def loss(codes):
            sizes.append(len(codes))
            seen.extend(codes.tolist())
            return line.loss(codes)

        train(line, loss, 10, Plan(epochs=2, batch_size=4), generator())
        assert sizes == [4, 4, 2] * 2
        first, second = seen[:10], seen[10:]
        assert sorted(first) == sorted(second) == list(range(10))
        assert first != second

    def test_the_epoch_s_loss_weighs_examples_alike(self):
        line = Line()
        losses = iter([1.0, 1.0, 4.0])
        history = train(
            line, lambda codes: next(losses), 5, Plan(epochs=1, batch_size=2), generator()
        )
        assert history.loss == [pytest.approx((2 * 1 + 2 * 1 + 1 * 4) / 5)]

    def test_it_learns(self):
        line = Line()
        plan = Plan(epochs=200, batch_size=1, learning_rate=0.1)
        history = train(line, line.loss, 1, plan, generator())
        assert line.weight.item() == pytest.approx(3, abs=0.05)
        assert history.loss[-1] < history.loss[0]
        assert len(history.loss) == len(history.seconds) == 200
        assert history.val_loss == []

    def test_the_best_epoch_s_weights_are_kept(self):
        line, measured, weights = Line(), iter([0.5, 0.2, 0.9, 0.8]), []

        def validation_loss():
            weights.append(line.weight.item())
            return next(measured)

        train(line, line.loss, 1, Plan(epochs=4), generator(), validation_loss)
        assert line.weight.item() == weights[1] != weights[3]

    def test_patience(self):
        line, measured = Line(), iter([0.5, 0.2, 0.9, 0.8, 0.1])
        plan = Plan(epochs=5, patience=2)
        history = train(line, line.loss, 1, plan, generator(), lambda: next(measured))
        assert history.val_loss == [0.5, 0.2, 0.9, 0.8]

    @pytest.mark.parametrize("bad", [float("nan"), float("inf")])
    def test_a_loss_that_is_no_number(self, bad):
        line = Line()
        with pytest.raises(TrainingError, match=r"lower learning_rate.*0\.25"):
            train(line, lambda codes: bad, 3, Plan(learning_rate=0.25), generator())
        assert line.weight.item() == 0

    def test_ctrl_c_keeps_the_best_weights_so_far(self, caplog):
        line, calls, kept = Line(), 0, []

        def loss(codes):
            nonlocal calls
            calls += 1
            if calls == 3:
                kept.append(line.weight.item())
            if calls == 4:
                raise KeyboardInterrupt
            return line.loss(codes)

        with caplog.at_level(logging.WARNING):
            history = train(line, loss, 2, Plan(epochs=9, batch_size=1), generator())
        assert history.interrupted
        assert "interrupted after 1 of 9 epochs" in caplog.text
        assert line.weight.item() == kept[0]
        assert len(history.loss) == len(history.seconds) == 1

    def test_ctrl_c_in_the_first_epoch_keeps_what_was_learned(self):
        line, calls = Line(), iter([False, False, True])

        def loss(codes):
            if next(calls):
                raise KeyboardInterrupt
            return line.loss(codes)

        history = train(line, loss, 4, Plan(batch_size=1), generator())
        assert history.interrupted
        assert history.loss == []
        assert line.weight.item() > 0


def test_threads_are_given_back():
    before = torch.get_num_threads()

    def fail():
        with threads(before + 1):
            assert torch.get_num_threads() == before + 1
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert torch.get_num_threads() == before
    with threads(None):
        assert torch.get_num_threads() == before
