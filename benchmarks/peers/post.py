"""One SMTP connection kept open, for workers that send in threads or processes of their own."""

import smtplib
from email.message import EmailMessage


class KeptConnection:
    """Connects at the first mail and again when the server has closed. Not for concurrent use."""

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
