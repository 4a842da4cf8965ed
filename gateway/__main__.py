"""``xueji``, also as ``python -m gateway``: starts the command without a look at what has just been made.

Imports make half a million objects that stay. The collector would go through them again and again while they are made,
a fifth of the start, and with each of its full rounds later: they are set aside instead.
"""

from __future__ import annotations

import gc


def main() -> None:
    """Run the ``xueji`` command."""
    gc.disable()
    from gateway import cli  # noqa: PLC0415  the imports are what this is about

    gc.freeze()
    gc.enable()
    cli.main()


if __name__ == "__main__":
    main()
