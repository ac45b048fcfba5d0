"""The botocore door: event handlers, stream and body observers, targets."""
