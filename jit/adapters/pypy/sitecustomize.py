# SPDX-License-Identifier: BSD-2-Clause
"""Run by Python at its start if this folder is in PYTHONPATH.

Under PyPy it has the JIT watched; under any Python it then runs the
sitecustomize that would have been found without this one.
"""

import sys


def _watch():
    try:
        import jithooks
        jithooks.watch()
    except Exception as e:  # whatever it is, it is not the program's trouble
        if sys.stderr is not None:
            sys.stderr.write("jithooks: not watching: %s\n"
                             % (str(e) or type(e).__name__))


def _next_sitecustomize():
    import os
    from importlib.machinery import PathFinder

    here = os.path.realpath(os.path.dirname(__file__))
    path = [p for p in sys.path if os.path.realpath(p or os.curdir) != here]
    spec = PathFinder.find_spec("sitecustomize", path)
    if spec is None or spec.loader is None:
        return
    from importlib.util import module_from_spec
    module = module_from_spec(spec)
    sys.modules["sitecustomize"] = module
    spec.loader.exec_module(module)


if sys.implementation.name == "pypy":
    _watch()
_next_sitecustomize()
