"""What happens around every run."""
