"""Rows of the questions of families."""

from gateway.accesses.store.questions import QuestionShelf, SqlQuestionBook

__all__ = ["QuestionShelf", "SqlQuestionBook"]
