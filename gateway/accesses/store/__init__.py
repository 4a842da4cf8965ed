"""Rows of the questions of families."""

from gateway.accesses.store.questions import SqlQuestionBook

__all__ = ["SqlQuestionBook"]
