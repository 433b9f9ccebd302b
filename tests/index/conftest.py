import pytest
from threadpoolctl import threadpool_limits


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    # On matrices this small, threads that wait for each other cost more than they bring.
    with threadpool_limits(1):
        yield
