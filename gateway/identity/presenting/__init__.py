"""Presentations on request: OpenID4VP 1.0 from the verifier's side, under a standing grant."""
