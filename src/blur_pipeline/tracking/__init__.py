"""MLflow: steps, results, finished runs, registration; and the summary at the end."""
