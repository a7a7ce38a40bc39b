"""Validation of push tokens before a send."""

from collections.abc import Sequence

from msgspec.structs import replace

from angarium.contracts.push_tokens import Token, push_token
from angarium.contracts.users import Contact
from angarium.delivery.provider import Address, InvalidAddress


def check(platform: str, token: Token) -> Token:
    """Validate `token` and return the form to send to. Raises InvalidAddress."""
    try:
        return push_token(platform, token)
    except ValueError as error:
        raise InvalidAddress(str(error)) from error


def check_address(address: Address) -> Address:
    """`address` with its token in the form to send to; the default platform is FCM. Raises InvalidAddress."""
    token = check(
        address.platform or "fcm", address.subscription if address.subscription is not None else address.value
    )
    if isinstance(token, str):
        return replace(address, value=token)
    return replace(address, subscription=token)


def addresses_of(contact: Contact) -> Sequence[Address]:
    """The user's devices."""
    return [
        Address(
            device.token if isinstance(device.token, str) else "",
            contact.name,
            platform=device.platform,
            device_id=device.device_id,
            subscription=None if isinstance(device.token, str) else device.token,
        )
        for device in contact.devices
    ]
