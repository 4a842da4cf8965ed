"""HTTP API v1: parse, call one service, render."""
