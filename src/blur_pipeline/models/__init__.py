"""What training and scoring share: loading, devices, anatomy, the forward pass, examples."""
