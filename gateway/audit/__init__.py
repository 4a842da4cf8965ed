"""The tamper-evident audit trail: Merkle log, tiles, signed checkpoints, search."""
