"""Typed parameters, the checks at the door, errors."""
