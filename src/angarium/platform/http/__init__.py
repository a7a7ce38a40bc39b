"""HTTP: the frame of every REST service, the client between services, clients of other APIs, the server."""
