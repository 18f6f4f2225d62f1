"""Edits in place of a training: one file a choice; ``methods/edit.py`` names them all."""
