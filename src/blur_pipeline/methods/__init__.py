"""A method is six choices: forget, retain, gradient, weighting, scope, optimizer.

Each choice is a frozen pydantic model whose fields are its hyperparameters and whose call does the work.
Nothing here knows of data sets, tracking or processes. torch is imported where it is used, so that the
command line can check parameters without paying for it.
"""
