"""Run each model over each evaluation set once, and keep what came out."""
