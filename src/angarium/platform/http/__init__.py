"""HTTP on both sides: the frame every REST service stands in, and the client between services."""
