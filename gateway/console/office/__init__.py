"""Pages of the registry line: import of forms, class lists, digital identities. The only pages that enter the registry."""

from __future__ import annotations

from gateway.console.office import classes, imports

blueprints = (imports.blueprint, classes.blueprint)
