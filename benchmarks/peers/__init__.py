"""The peers: the same small task implemented with common tools, tuned as their documentation advises."""
