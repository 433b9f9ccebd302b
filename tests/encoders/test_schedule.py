"""How the learning rate goes, and how the clock shortens it."""

import pytest

pytest.importorskip("torch")
pytest.importorskip("onnx")

from vitrine.encoders._torch import schedule as module
from vitrine.encoders._torch.schedule import Schedule


class Clock:
    """A second a look, or as long as a test says."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        monkeypatch.setattr(module, "perf_counter", lambda: self.now)


def test_a_constant_rate():
    schedule = Schedule(0.3, 4, one_cycle=False, max_seconds=None)
    for _ in range(9):
        assert schedule.rate == 0.3
        schedule.advance()
    assert not schedule.over


def test_one_cycle_rises_and_falls():
    schedule = Schedule(1.0, 100, one_cycle=True, max_seconds=None)
    rates = []
    for _ in range(100):
        rates.append(schedule.rate)
        schedule.advance()
    assert rates[0] == pytest.approx(0.04)
    assert rates.index(max(rates)) == 10
    assert max(rates) == pytest.approx(1.0)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[55] == pytest.approx(0.5, abs=0.01)  # half-way down the cosine
    assert rates[-1] < 1e-3


def test_enough_time_changes_nothing(monkeypatch):
    clock = Clock(monkeypatch)
    free, timed = (Schedule(1.0, 100, True, limit) for limit in (None, 1000.0))
    for _ in range(100):
        assert timed.rate == free.rate
        assert not timed.over
        clock.now += 1.0
        free.advance()
        timed.advance()


def test_short_time_shortens_the_cycle(monkeypatch):
    clock = Clock(monkeypatch)
    schedule = Schedule(1.0, 1000, one_cycle=True, max_seconds=50.0)
    rates = []
    while not schedule.over:
        rates.append(schedule.rate)
        clock.now += 1.0
        schedule.advance()
    assert 45 <= len(rates) <= 50
    assert max(rates) > 0.9
    assert rates[-1] < 0.05
