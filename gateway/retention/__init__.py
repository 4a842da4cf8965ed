"""Retention (保存期限): how long what lies beside the log is kept, what holds it, and how it is destroyed (ADR 45)."""
