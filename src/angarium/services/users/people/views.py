"""API views of users."""

from angarium.contracts.statuses import Channel
from angarium.contracts.users import PreferenceSwitches, UserView
from angarium.services.users.people.model import Person


def user_view(person: Person) -> UserView:
    """The body of a user; never the password."""
    wishes = person.preferences
    return UserView(
        user_id=person.user_id,
        id=person.user_id,
        name=person.name,
        email=person.email,
        phone=person.phone,
        push_token=person.push_token,
        webhook=person.webhook,
        preferences=PreferenceSwitches(**{channel.value: getattr(wishes, channel) for channel in Channel}),
        locale=person.locale,
        timezone=person.timezone,
        metadata=person.metadata,
        created_at=person.created_at,
        updated_at=person.updated_at,
    )
