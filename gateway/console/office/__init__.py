"""Pages of the registry line: import, class lists, digital identities. No other page enters the registry."""

from __future__ import annotations

from gateway.console.office import classes, imports

blueprints = (imports.blueprint, classes.blueprint)
