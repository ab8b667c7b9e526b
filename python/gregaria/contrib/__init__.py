"""Users for other protocols and clients."""
