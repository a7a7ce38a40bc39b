"""The texts of the preference page in each language, and the choice of the language."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """The texts of one language. Names in braces are values: `sender`, `address`, `title`, `titles`, `channel`."""

    language: str
    heading: str
    lead: str
    of_sender: str
    for_address: str
    off_heading: str
    off_button: str
    off_channel_button: str
    off_done: str
    off_channel_done: str
    off_again: str
    table_heading: str
    all_messages: str
    all_note: str
    always: str
    save: str
    saved: str
    gone_heading: str
    gone: str
    channels: Mapping[str, str]
    by_channel: Mapping[str, str]
    titles: Mapping[str, str]

    def title(self, category: str) -> str:
        """The category's title: a known one is translated, any other is its name as words."""
        known = self.titles.get(category.lower())
        if known is not None:
            return known
        words = " ".join(category.replace("_", " ").replace("-", " ").replace(".", " ").split())
        return words[:1].upper() + words[1:] or category


_ENGLISH = Texts(
    language="en",
    heading="Your preferences",
    lead="Choose which messages you get.",
    of_sender="Messages from {sender}",
    for_address="Sent to {address}",
    off_heading="Unsubscribe",
    off_button="Unsubscribe from {title} by {channel}",
    off_channel_button="Unsubscribe from all messages by {channel}",
    off_done="You are unsubscribed from {title} by {channel}.",
    off_channel_done="You are unsubscribed from all messages by {channel}.",
    off_again="You can turn them on again below.",
    table_heading="All settings",
    all_messages="All messages",
    all_note="A channel that is off in the first row sends nothing at all, whatever is ticked below it.",
    always="These messages are necessary, so they have no switch of their own: {titles}.",
    save="Save",
    saved="Saved.",
    gone_heading="Link not valid",
    gone="This link is not valid or has expired. Use the link in a newer message.",
    channels={"email": "Email", "push": "Push", "sms": "SMS", "webhook": "Webhook"},
    by_channel={"email": "email", "push": "push notification", "sms": "SMS", "webhook": "webhook"},
    titles={
        "account": "Account",
        "alerts": "Alerts",
        "billing": "Invoices and payments",
        "marketing": "Offers and marketing",
        "news": "News",
        "newsletter": "Newsletter",
        "orders": "Orders",
        "reminders": "Reminders",
        "security": "Security",
        "social": "Activity of others",
    },
)
_GERMAN = Texts(
    language="de",
    heading="Ihre Einstellungen",
    lead="Wählen Sie, welche Nachrichten Sie erhalten.",
    of_sender="Nachrichten von {sender}",
    for_address="Gesendet an {address}",
    off_heading="Abmelden",
    off_button="{title} per {channel} abbestellen",
    off_channel_button="Alle Nachrichten per {channel} abbestellen",
    off_done="Sie haben {title} per {channel} abbestellt.",
    off_channel_done="Sie haben alle Nachrichten per {channel} abbestellt.",
    off_again="Unten können Sie sie wieder einschalten.",
    table_heading="Alle Einstellungen",
    all_messages="Alle Nachrichten",
    all_note="Ist ein Kanal in der ersten Zeile aus, wird darüber nichts gesendet, was auch darunter angekreuzt ist.",
    always="Diese Nachrichten sind notwendig und haben daher keinen eigenen Schalter: {titles}.",
    save="Speichern",
    saved="Gespeichert.",
    gone_heading="Link ungültig",
    gone="Dieser Link ist ungültig oder abgelaufen. Nutzen Sie den Link in einer neueren Nachricht.",
    channels={"email": "E-Mail", "push": "Push", "sms": "SMS", "webhook": "Webhook"},
    by_channel={"email": "E-Mail", "push": "Push-Nachricht", "sms": "SMS", "webhook": "Webhook"},
    titles={
        "account": "Konto",
        "alerts": "Warnungen",
        "billing": "Rechnungen und Zahlungen",
        "marketing": "Angebote und Werbung",
        "news": "Neuigkeiten",
        "newsletter": "Newsletter",
        "orders": "Bestellungen",
        "reminders": "Erinnerungen",
        "security": "Sicherheit",
        "social": "Aktivitäten anderer",
    },
)
_FRENCH = Texts(
    language="fr",
    heading="Vos préférences",
    lead="Choisissez les messages que vous recevez.",
    of_sender="Messages de {sender}",
    for_address="Envoyés à {address}",
    off_heading="Se désabonner",
    off_button="Se désabonner de {title} par {channel}",
    off_channel_button="Se désabonner de tous les messages par {channel}",
    off_done="Vous êtes désabonné de {title} par {channel}.",
    off_channel_done="Vous êtes désabonné de tous les messages par {channel}.",
    off_again="Vous pouvez les réactiver ci-dessous.",
    table_heading="Tous les réglages",
    all_messages="Tous les messages",
    all_note="Un canal désactivé dans la première ligne n'envoie plus rien, même si des cases sont cochées dessous.",
    always="Ces messages sont nécessaires et n'ont donc pas de réglage propre : {titles}.",
    save="Enregistrer",
    saved="Enregistré.",
    gone_heading="Lien non valide",
    gone="Ce lien n'est pas valide ou a expiré. Utilisez le lien d'un message plus récent.",
    channels={"email": "E-mail", "push": "Push", "sms": "SMS", "webhook": "Webhook"},
    by_channel={"email": "e-mail", "push": "notification push", "sms": "SMS", "webhook": "webhook"},
    titles={
        "account": "Compte",
        "alerts": "Alertes",
        "billing": "Factures et paiements",
        "marketing": "Offres et publicité",
        "news": "Actualités",
        "newsletter": "Lettre d'information",
        "orders": "Commandes",
        "reminders": "Rappels",
        "security": "Sécurité",
        "social": "Activité des autres",
    },
)
_SPANISH = Texts(
    language="es",
    heading="Sus preferencias",
    lead="Elija qué mensajes recibe.",
    of_sender="Mensajes de {sender}",
    for_address="Enviados a {address}",
    off_heading="Darse de baja",
    off_button="Darse de baja de {title} por {channel}",
    off_channel_button="Darse de baja de todos los mensajes por {channel}",
    off_done="Se ha dado de baja de {title} por {channel}.",
    off_channel_done="Se ha dado de baja de todos los mensajes por {channel}.",
    off_again="Puede volver a activarlos más abajo.",
    table_heading="Todos los ajustes",
    all_messages="Todos los mensajes",
    all_note="Un canal desactivado en la primera fila no envía nada, aunque haya casillas marcadas debajo.",
    always="Estos mensajes son necesarios y por eso no tienen ajuste propio: {titles}.",
    save="Guardar",
    saved="Guardado.",
    gone_heading="Enlace no válido",
    gone="Este enlace no es válido o ha caducado. Use el enlace de un mensaje más reciente.",
    channels={"email": "Correo", "push": "Push", "sms": "SMS", "webhook": "Webhook"},
    by_channel={"email": "correo electrónico", "push": "notificación push", "sms": "SMS", "webhook": "webhook"},
    titles={
        "account": "Cuenta",
        "alerts": "Avisos",
        "billing": "Facturas y pagos",
        "marketing": "Ofertas y publicidad",
        "news": "Novedades",
        "newsletter": "Boletín",
        "orders": "Pedidos",
        "reminders": "Recordatorios",
        "security": "Seguridad",
        "social": "Actividad de otros",
    },
)
LANGUAGES: Mapping[str, Texts] = {texts.language: texts for texts in (_ENGLISH, _GERMAN, _FRENCH, _SPANISH)}
_MOST_READ = 20
"""Maximum languages of an Accept-Language that are considered."""


def texts_for(locale: str | None, accepted: str | None) -> Texts:
    """The texts for a user with `locale` whose browser sends `accepted` (Accept-Language); English if none matches."""
    for tag in (locale, *_preferred(accepted or "")):
        texts = LANGUAGES.get((tag or "").replace("_", "-").partition("-")[0].lower())
        if texts is not None:
            return texts
    return _ENGLISH


def _preferred(header: str) -> Iterator[str]:
    """The tags of an Accept-Language by preference (RFC 9110 §12.5.4)."""
    weighed = []
    for item in header.split(",")[:_MOST_READ]:
        tag, _, parameters = item.partition(";")
        weighed.append((_weight(parameters), tag.strip()))
    yield from (tag for weight, tag in sorted(weighed, key=lambda found: -found[0]) if weight > 0)


def _weight(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    try:
        return float(value) if name.strip().lower() == "q" else 1.0
    except ValueError:
        return 0.0
