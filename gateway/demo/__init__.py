"""The main job on generated data, told step by step: what ``make demo`` runs."""

from gateway.demo.server import serve
from gateway.demo.story import run

__all__ = ["run", "serve"]
