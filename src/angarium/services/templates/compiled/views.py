"""Views of compiled versions for other services."""

from angarium.contracts.templates import CompiledTemplate
from angarium.services.templates.drafting.model import Source, Sources
from angarium.services.templates.library.model import Template


def compiled_template(template: Template, version: int, source: Source, compiled: Sources) -> CompiledTemplate:
    """The body for other services."""
    return CompiledTemplate(
        template_id=template.template_id,
        tenant=template.tenant,
        code=template.code,
        version=version,
        language=source.language,
        required_variables=source.required_variables,
        defaults=source.defaults,
        category=source.category,
        delivery_policy=source.delivery_policy,
        retry_delays=source.retry_delays,
        locales=compiled.locales,
        channel_variables=compiled.required,
    )
