"""The three REST services. None imports another."""
