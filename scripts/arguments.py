"""The values of command lines that several commands take."""

import argparse
from collections.abc import Callable


def whole_number(most: int) -> Callable[[str], int]:
    """Return what reads a number from 1 to `most`, for `type=` of argparse."""

    def read(text: str) -> int:
        if text.isascii() and text.isdigit() and 0 < int(text) <= most:
            return int(text)
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {most}")

    return read
