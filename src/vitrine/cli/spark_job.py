"""The file to give to spark-submit: ``spark-submit … spark_job.py embed SOURCE -o OUT …``.

``vitrine spark job`` prints where it lies.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    # spark-submit puts this file's folder first, where a module could hide another of its name.
    here = Path(__file__).resolve().parent
    sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != here]

    from vitrine.cli.main import run

    sys.exit(run(["spark", *sys.argv[1:]]))
