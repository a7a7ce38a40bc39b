"""API views of devices."""

from angarium.contracts.users import DeviceView
from angarium.services.users.people.model import Device


def device_view(device: Device) -> DeviceView:
    """The body of a device."""
    return DeviceView(
        device_id=device.device_id,
        platform=device.platform,
        token=device.token,
        name=device.name,
        created_at=device.created_at,
    )
