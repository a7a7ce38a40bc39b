"""The starter templates, compiled and rendered with examples, for tests, pictures and benchmarks."""

from collections.abc import Mapping
from importlib.resources import files
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from angarium.cli.template_checks import read_all
from angarium.contracts.statuses import Channel
from angarium.contracts.templates import CompiledTemplate
from angarium.rendering.compile import Compiler
from angarium.rendering.content import EmailContent
from angarium.rendering.fragments import Fragment
from angarium.rendering.parts import given_parts
from angarium.rendering.renderer import Renderer
from angarium.services.templates.drafting.making import make_draft

EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "verification": {
        "name": "Ada",
        "code": "482 913",
        "link": "https://shop.example/confirm?t=9f2c",
        "product": "Northwind",
        "support_url": "https://shop.example/help",
    },
    "password_reset": {
        "name": "Ada",
        "product": "Northwind",
        "device": "Firefox on Linux",
        "reset_url": "https://accounts.northwind.example/password/new?token=5b1f7e0c9d2a4c61a3c0f8e4b77d9a12",
    },
    "order_confirmation": {
        "name": "Ada",
        "product": "Northwind",
        "support_url": "https://shop.example/help",
        "order": {
            "number": "N-20418",
            "arrives": "on Thursday, 26 November",
            "items": [
                {"name": "Brass desk lamp with a green glass shade", "quantity": 1, "price": "€89.00"},
                {"name": "Linen notebook, A5", "quantity": 3, "price": "€36.00"},
                {"name": "Ink, midnight blue", "quantity": 2, "price": "€19.80"},
            ],
            "rows": [{"label": "Shipping", "amount": "€4.90"}, {"label": "VAT, 19 % included", "amount": "€23.90"}],
            "total": "€149.70",
            "url": "https://shop.example/orders/N-20418",
            "address": "Ada Lovelace\n12 St James's Square\nLondon SW1Y 4JH",
        },
    },
    "receipt": {
        "name": "Ada",
        "product": "Northwind",
        "receipt": {
            "number": "R-7731",
            "date": "on 20 November 2026",
            "method": "Visa ···· 4242",
            "items": [{"name": "Northwind Plus, yearly", "price": "€120.00"}],
            "rows": [{"label": "VAT, 19 % included", "amount": "€19.16"}],
            "total": "€120.00",
            "url": "https://shop.example/receipts/R-7731.pdf",
        },
    },
    "alert": {
        "product": "Northwind",
        "severity": "critical",
        "summary": "Payments fail: one in four is refused",
        "service": "payments-api",
        "since": "20 November 2026, 09:42 UTC",
        "details": "The share of refused payments went from 1 % to 26 % within four minutes.\n"
        "The last release was 9 minutes before.",
        "facts": [{"label": "Region", "value": "eu-central"}, {"label": "On call", "value": "Grace Hopper"}],
        "url": "https://status.northwind.example/incidents/812",
    },
}


def compiled_starters() -> Mapping[str, CompiledTemplate]:
    """The starter templates that can be sent, by code, in the form that the templates service returns."""
    bodies, problems = read_all(files("angarium.services.templates").joinpath("starters"))
    assert not problems, problems
    fragments = {code: Fragment(1, body.language, given_parts(body), {}) for code, body in bodies.items()}
    made = {}
    for code, body in bodies.items():
        draft = make_draft(Compiler(), code, body, fragments)
        source = draft.source
        made[code] = CompiledTemplate(
            template_id=uuid5(NAMESPACE_URL, code),
            tenant="default",
            code=code,
            version=1,
            language=source.language,
            required_variables=source.required_variables,
            defaults=source.defaults,
            category=source.category,
            delivery_policy=source.delivery_policy,
            retry_delays=source.retry_delays,
            locales=draft.compiled.locales,
        )
    return {code: template for code, template in made.items() if code in EXAMPLES}


def starter_mails() -> Mapping[str, EmailContent]:
    """The example of each starter template, rendered as a mail."""
    renderer, mails = Renderer(), {}
    for code, template in compiled_starters().items():
        content = renderer.render(template, Channel.EMAIL, None, EXAMPLES[code])
        assert isinstance(content, EmailContent)
        mails[code] = content
    return mails
