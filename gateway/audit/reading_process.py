"""The second process of a verification: reads batches of entries from its input until that ends."""

from __future__ import annotations

import sys

from gateway.audit.looking import serve

if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
