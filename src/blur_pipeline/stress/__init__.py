"""Attacks on a model that was made to forget: one file an idea; ``stress/attack.py`` names them all."""
