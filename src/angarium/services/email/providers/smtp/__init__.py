"""SMTP: any server, pooled connections, TLS and login."""
