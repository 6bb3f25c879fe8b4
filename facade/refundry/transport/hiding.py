"""What a traceback with variables may not show: the bytes of a request, and the credentials of a proxy."""

from __future__ import annotations

from traceback import clear_frames

from refundry.interruption import chain


def clear_variables(error: BaseException) -> None:
    """Forget the variables of every function that the error has left, those of a library and of asyncio among them.

    The functions still stand in the traceback. Those that go on running keep their variables: what handles the error,
    and all that called it. So a transport calls this where a request enters it, and holds no credential there.
    """
    for one in chain(error):
        clear_frames(one.__traceback__)
