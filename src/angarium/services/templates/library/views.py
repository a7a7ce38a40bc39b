"""API views of templates."""

from angarium.contracts.templates import TemplateView
from angarium.rendering.locales import nearest_locale
from angarium.services.templates.library.model import Template, Version


def template_view(template: Template, version: Version, locale: str | None = None) -> TemplateView:
    """The body of one version; with `locale`, in the nearest available language."""
    source = version.source
    language = nearest_locale((source.language, *source.translations), locale, source.language)
    return TemplateView(
        code=template.code,
        name=source.name,
        description=source.description,
        channel=source.channel,
        language=language,
        version=version.version,
        status=version.status,
        required_variables=source.required_variables,
        defaults=source.defaults,
        category=source.category,
        delivery_policy=source.delivery_policy,
        retry_delays=source.retry_delays,
        translations=source.translations,
        variables=source.variables,
        includes=source.includes,
        created_at=template.created_at,
        updated_at=template.updated_at,
        **source.parts_in(language),
    )
