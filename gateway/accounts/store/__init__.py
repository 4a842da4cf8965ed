"""Tables and repositories of accounts, sessions and OAuth clients."""

from gateway.accounts.store.bookkeeping import SqlBookkeeping
from gateway.accounts.store.clients import SqlClients, SqlSessions
from gateway.accounts.store.people import SqlAccounts

__all__ = ["SqlAccounts", "SqlBookkeeping", "SqlClients", "SqlSessions"]
