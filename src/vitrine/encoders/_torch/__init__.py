"""Networks, losses, the training loop and export: the only place that imports torch."""
