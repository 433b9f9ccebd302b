"""The entry point: runs a command and turns what goes wrong into one clear line."""

from __future__ import annotations

import logging
import sys

from vitrine.cli import console
from vitrine.cli.commands import app
from vitrine.errors import FilterError, OptionError, VitrineError
from vitrine.files import is_disk_full, no_room
from vitrine.progress import listen

DONE, FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130


class _Harmless(logging.Formatter):
    """Writes a log line so that names in it can do nothing to a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return console.harmless(super().format(record))


def main() -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code."""
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    handler = logging.StreamHandler()
    handler.setFormatter(_Harmless("%(message)s"))
    logging.basicConfig(handlers=[handler])
    logging.getLogger("vitrine").setLevel(logging.DEBUG if debug else logging.INFO)
    try:
        with listen(console.listener()):
            app(arguments, prog_name="vitrine")
    except SystemExit as stop:  # how Typer ends, also when all went well
        code = int(stop.code or DONE)
        if code == INTERRUPTED:
            console.complain(
                "interrupted: what was stored is kept; run the same command again to go on"
            )
        return code
    except (VitrineError, OSError, MemoryError) as error:
        if debug:
            raise
        console.complain(f"error: {_text(error)}")
        return WRONG_USAGE if isinstance(error, OptionError | FilterError) else FAILED
    except Exception as error:
        if debug:
            raise
        console.complain(
            f"error: {type(error).__name__}: {_text(error)} (this is a fault of Vitrine's: run "
            "again with --debug and report what it prints)"
        )
        return FAILED
    return DONE


def _text(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return "not enough memory; use a smaller source, or a machine with more memory"
    if isinstance(error, OSError) and is_disk_full(error):
        error = no_room(error.filename or "what was to be written")
    return " ".join(str(error).split())
