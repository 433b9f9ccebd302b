import pytest

from vitrine.spark.writing import _cause

TRACE = """An exception was thrown from the Python worker. Please see the stack trace below.
Traceback (most recent call last):
  File "worker.py", line 1, in main
{raised}

\tat org.apache.spark.api.python.BasePythonRunner.handle(PythonRunner.scala:5)
Caused by: java.lang.IllegalStateException: stopped
"""


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        ("vitrine.errors.ArtifactError: it is damaged", "ArtifactError: it is damaged"),
        ("ModuleNotFoundError: No module named 'vitrine'", "PYSPARK_PYTHON names"),
    ],
)
def test_the_line_that_says_why_is_found(raised, said):
    assert said in _cause(TRACE.format(raised=raised))


def test_without_one_of_python_it_is_the_first():
    assert _cause("Job aborted.\njava.io.IOException: no space") == "Job aborted."
    assert _cause("") == "it does not say why"
