"""Decoy pupils that exist only to be noticed: who proposes and confirms them, and the log followed for any use."""
