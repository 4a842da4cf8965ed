"""Signing in at relying parties: the OpenID Connect provider (Art. 50 ¶3)."""
