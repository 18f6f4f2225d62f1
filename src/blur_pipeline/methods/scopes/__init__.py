"""Which weights may move: one file a choice; ``methods/scope.py`` names them all."""
