# SPDX-License-Identifier: BSD-2-Clause
"""Ctrl-C and its like, when they hit a hook.

A signal that comes while PyPy compiles is handled at the next bytecode in the
main thread, and that is the first one of the hook. What the handler raises,
KeyboardInterrupt or the SystemExit of a service that is told to stop, PyPy
would take for an error of the hook and swallow; in a program that compiles
much, one Ctrl-C in six was lost that way. So it is caught where PyPy reports
such errors, and raised again when the hook is over.

Only what is not an Exception is treated so: that is how Python marks what is
meant for the whole program, and no error of ours is of that kind. What a hook
of the program raises is its own, and is reported as PyPy documents it.
"""

import _signal as signal  # the enums of `signal` take 5 ms to make
import _thread
import os
import sys
import time


def _raise_later(error):
    """Has the main thread raise `error` by a signal of our own. False if it
    cannot be done from here."""

    def deliver(number, frame):
        signal.signal(signal.SIGINT, before)
        raise error

    def knock():
        time.sleep(0.001)  # until the hook is over; if not, here we are again
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    if before is None:
        return False  # not Python's, and could not be put back
    try:
        signal.signal(signal.SIGINT, deliver)
    except ValueError:
        return False  # not the main thread: no signal handler raised it
    _thread.start_new_thread(knock, ())
    return True


def install(is_ours):
    """is_ours(hook, error): is it for us to raise the error again?"""
    report = sys.unraisablehook

    def unraisablehook(unraisable):
        error = unraisable.exc_value
        if (is_ours(unraisable.object, error)
                and isinstance(error, BaseException)
                and not isinstance(error, Exception)
                and _raise_later(error.with_traceback(None))):
            return
        report(unraisable)

    sys.unraisablehook = unraisablehook
