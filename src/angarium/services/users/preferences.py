"""A user's wishes and how a change to them is merged in."""

from angarium.contracts.errors import Detail, ValidationFailed
from angarium.contracts.users import ChannelSwitches, Preferences, PreferencesPatch

_SWITCHES = ("email", "push", "sms")


def merged(old: Preferences, patch: PreferencesPatch, *, path: str = "") -> Preferences:
    """`old` with what `patch` names changed; categories are merged channel by channel (as RFC 7396 would).

    null takes a category's switch, the quiet hours or all categories away; a channel is on or off, never null.
    Raises ValidationFailed, whose fields begin with `path`.
    """
    named = patch.model_fields_set
    switches = {name: getattr(patch, name) for name in _SWITCHES if name in named}
    nulls = [name for name, value in switches.items() if value is None]
    if nulls:
        raise ValidationFailed(details=[Detail(f"{path}{name}", "must be true or false") for name in nulls])
    changes = dict(switches)
    if "quiet_hours" in named:
        changes["quiet_hours"] = patch.quiet_hours
    if "categories" in named:
        changes["categories"] = _merged_categories(old.categories, patch.categories)
    return old.model_copy(update=changes)


def _merged_categories(
    old: dict[str, ChannelSwitches], patch: dict[str, ChannelSwitches] | None
) -> dict[str, ChannelSwitches]:
    if patch is None:
        return {}
    merged_ = dict(old)
    for category, switches in patch.items():
        before = old.get(category, ChannelSwitches())
        after = before.model_copy(update={name: getattr(switches, name) for name in switches.model_fields_set})
        merged_[category] = after
    return {category: switches for category, switches in merged_.items() if switches.model_dump(exclude_none=True)}
