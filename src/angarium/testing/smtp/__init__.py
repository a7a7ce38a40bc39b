"""A scripted SMTP server."""
