"""Questions that a face without the registry puts to the worker, answered under seal."""
