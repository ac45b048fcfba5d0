"""AWS's own data on Bedrock costs: prices and inference profiles."""
