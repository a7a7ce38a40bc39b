"""What the tests stand on: private servers, a proxy that misbehaves, bounded waiting."""
