"""The errors of this room. None of their texts holds a value of a row (I7): columns, counts and positions only."""

from __future__ import annotations

from gateway.errors import ConfigurationError, GatewayError, ParameterError


class PlanError(ParameterError):
    """A release plan contradicts itself, its profile or the hierarchies."""


class HierarchyError(ConfigurationError):
    """A hierarchy is not a tree, or its rule cannot be applied."""


class UnknownLeafError(GatewayError):
    """A column holds values that its hierarchy does not know."""


class SearchError(ParameterError):
    """The search cannot run on these tuples, or no allowed choice meets the criterion."""


class TransformError(GatewayError):
    """A batch cannot be transformed as planned: nothing of it leaves (I8)."""


class StatisticsError(ParameterError):
    """A table cannot be counted, or noise cannot be drawn, as asked."""
