"""Runs one target under atheris, and does not return: `python -m scripts.fuzz.run TARGET`, and options of libFuzzer."""

from __future__ import annotations

import importlib
import logging
import sys
from typing import Final

from scripts.contracts.providers import PROVIDERS, package_name

INSTRUMENTED: Final = (
    *("refundry", *map(package_name, PROVIDERS)),
    *("scripts.contracts", "scripts.fuzz", "h11"),
)
"""The packages whose branches guide the search."""


def main() -> None:
    """Fuzz the target that the first argument names."""
    atheris = importlib.import_module("atheris")  # of requirements/fuzz.txt, and on no other machine
    name, *rest = sys.argv[1:]
    with atheris.instrument_imports(include=[*INSTRUMENTED]):
        targets = importlib.import_module("scripts.fuzz.targets")
        target = importlib.import_module("scripts.fuzz.target")
    chosen = targets.TARGETS[name]
    logging.disable()  # an unknown outcome is a warning, and most inputs are one
    for seed in chosen.seeds():
        target.run_fast(chosen, seed)  # modules that are imported late take the time of no input

    def once(data: bytes) -> None:
        target.run_fast(chosen, data)

    atheris.Setup([sys.argv[0], *rest], once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
