"""The mail that every peer sends, rendered with Jinja and built with the standard library."""

from email.message import EmailMessage

from jinja2 import DictLoader, Environment, Template, select_autoescape

_SOURCES = {
    "subject.txt": "Your order {{ number }} is on its way, {{ stamp }}",
    "content.html": (
        "<h1>Hello {{ name }}</h1><p>Your order <b>{{ number }}</b> left us today.</p><p>It comes to {{ city }}.</p>"
    ),
    "content.txt": "Hello {{ name }}\n\nYour order {{ number }} left us today.\n\nIt comes to {{ city }}.\n",
}


class Mailer:
    """Has the compiled templates."""

    def __init__(self) -> None:
        environment = Environment(loader=DictLoader(_SOURCES), autoescape=select_autoescape())
        self._templates: dict[str, Template] = {name: environment.get_template(name) for name in _SOURCES}

    def build(self, notification_id: str, address: str, variables: dict[str, str]) -> EmailMessage:
        """The mail of one notification."""
        rendered = {name: template.render(variables) for name, template in self._templates.items()}
        message = EmailMessage()
        message["From"] = "Shop <notify@angarium.example>"
        message["To"] = address
        message["Subject"] = rendered["subject.txt"]
        message["Message-ID"] = f"<{notification_id}@angarium.example>"
        message.set_content(rendered["content.txt"])
        message.add_alternative(rendered["content.html"], subtype="html")
        return message
