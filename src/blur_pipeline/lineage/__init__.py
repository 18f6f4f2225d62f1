"""What every artefact is, what made it, and who holds it."""
