"""Issuing of credentials to wallets: offers, tokens, credential requests, notifications (OpenID4VCI 1.0)."""
