"""Intervals, tests over seeds, Pareto fronts."""
