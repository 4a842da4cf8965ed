"""The chapters of the regulation as procedures; importing this package fills ``PROCEDURES``.

Every module here is imported, so that none can be forgotten in a list.
"""

from importlib import import_module
from pkgutil import iter_modules

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
