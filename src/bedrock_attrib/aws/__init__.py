"""What AWS itself knows of Bedrock's costs: prices, profiles, bills."""
