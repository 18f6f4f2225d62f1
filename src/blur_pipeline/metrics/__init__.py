"""Pure functions of the score tables: numpy, pandas and scipy, never a model."""
