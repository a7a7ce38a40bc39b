"""A persistent SMTP connection, for workers that send in threads or processes."""

import smtplib
from email.message import EmailMessage


class KeptConnection:
    """Connects for the first mail, and again if the server has closed the connection. Not for concurrent use."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._smtp: smtplib.SMTP | None = None

    def send(self, message: EmailMessage) -> None:
        """Deliver `message`."""
        if self._smtp is None:
            self._smtp = smtplib.SMTP("127.0.0.1", self._port)
        try:
            self._smtp.send_message(message)
        except smtplib.SMTPServerDisconnected:
            self._smtp = smtplib.SMTP("127.0.0.1", self._port)
            self._smtp.send_message(message)
