"""From parts to compiled sources."""

import pytest

from angarium.contracts.statuses import Channel
from angarium.contracts.templates import ChannelSources, TemplateParts
from angarium.rendering.compile import Compiled, Compiler
from angarium.rendering.fragments import Fragment
from angarium.rendering.problems import TemplateInvalid


def compiled(
    translations: dict[str, TemplateParts] | None = None, own: Channel = Channel.EMAIL, /, **parts: str
) -> Compiled:
    return Compiler().compile("Welcome", "en", TemplateParts.model_validate(parts), translations or {}, channel=own)


def sources(own: Channel = Channel.EMAIL, /, **parts: str) -> ChannelSources:
    return compiled({}, own, **parts).locales["en"]


def email(**parts: str) -> dict[str, str]:
    made = sources(**parts).email
    assert made is not None
    return made


def faults(
    translations: dict[str, TemplateParts] | None = None, **parts: str
) -> list[tuple[str, str, int | None, int | None]]:
    with pytest.raises(TemplateInvalid) as caught:
        compiled(translations, **parts)
    return [(p.field, p.message, p.line, p.column) for p in caught.value.problems]


def test_content_is_the_main_part_of_the_own_channel_alone() -> None:
    parts = {"content": "Hi {{ name }}", "subject": "S"}
    email = {"subject": "S", "html": "Hi {{ name }}", "text": "Hi {{ name }}"}
    assert sources(**parts) == ChannelSources(email=email)
    assert sources(Channel.PUSH, **parts) == ChannelSources(push={"body": "Hi {{ name }}"})
    assert sources(Channel.SMS, **parts) == ChannelSources(sms={"text": "Hi {{ name }}"})


def test_a_given_text_serves_the_mail_and_the_sms_but_a_made_one_only_the_mail() -> None:
    made = sources(content="<p>h</p>", text="t")
    assert (made.email, made.sms) == ({"subject": "Welcome", "html": "<p>h</p>", "text": "t"}, {"text": "t"})
    assert sources(content="<p>h</p>").sms is None


def test_a_translated_mail_takes_no_text_from_the_phones() -> None:
    french = TemplateParts(content="<p>F</p>")
    made = compiled({"fr": french}, content="<p>E</p>", text="E", title="T", body="B").locales["fr"]
    assert made.email == {"subject": "Welcome", "html": "<p>F</p>", "text": "F"}
    assert (made.push, made.sms) == ({"body": "B", "title": "T"}, {"text": "E"})


@pytest.mark.parametrize(
    ("own", "parts", "names"),
    [
        (Channel.EMAIL, {"title": "T", "body": "B"}, "content or html or mjml"),
        (Channel.PUSH, {"subject": "S", "html": "h", "text": "t"}, "content or body"),
        (Channel.SMS, {"html": "h", "body": "b"}, "content or text"),
    ],
)
def test_a_template_without_a_part_for_its_own_channel_is_refused(
    own: Channel, parts: dict[str, str], names: str
) -> None:
    with pytest.raises(TemplateInvalid) as caught:
        compiled({}, own, **parts)
    [problem] = caught.value.problems
    assert (problem.field, problem.message) == ("content", f"required: a template for {own} needs {names}")


@pytest.mark.parametrize(
    ("own", "parts", "field"),
    [
        (Channel.EMAIL, {"subject": "S", "content": ""}, "content"),
        (Channel.EMAIL, {"html": " \n", "text": ""}, "html"),
        (Channel.PUSH, {"title": "T", "body": " "}, "body"),
        (Channel.SMS, {"content": "\t"}, "content"),
        (Channel.WEBHOOK, {"title": "T", "text": ""}, "text"),
    ],
)
def test_a_template_whose_own_part_is_blank_is_refused(own: Channel, parts: dict[str, str], field: str) -> None:
    with pytest.raises(TemplateInvalid) as caught:
        compiled({}, own, **parts)
    assert [(problem.field, problem.message) for problem in caught.value.problems] == [(field, "must not be blank")]


def test_a_mail_may_have_a_plain_part_alone() -> None:
    assert email(text="t", html="")["text"] == "t"


def test_a_content_that_a_specific_part_replaces_is_checked_all_the_same() -> None:
    assert faults(html="<p>h</p>", content="{% if %}")[0][0] == "content"


def test_specific_names_win() -> None:
    made = sources(content="c", html="<p>h</p>", text="t", body="b", title="T", image="i", link="l")
    assert made.email == {"subject": "Welcome", "html": "<p>h</p>", "text": "t"}
    assert made.push == {"body": "b", "title": "T", "image": "i", "link": "l"}
    assert made.sms == {"text": "t"}


def test_a_channel_without_a_main_part_is_absent() -> None:
    assert sources(text="t").push is None
    assert sources(html="<p>h</p>").sms is None
    assert sources(Channel.PUSH, body="b").email is None


def test_css_is_inlined_and_media_queries_stay() -> None:
    html = email(
        content="<html><head><style>p { color: {{ color }} } @media print { p { margin: 0 } }</style></head>"
        '<body {% if rtl %}dir="rtl"{% endif %}><p class="{{ c }}">{{ x | default: "<b>" }}</p></body></html>'
    )["html"]
    assert '<p class="{{ c }}" style="color: {{ color }};">{{ x | default: "<b>" }}</p>' in html
    assert "@media print" in html
    assert '{% if rtl %}dir="rtl"' in html


def test_html_without_a_style_element_stays_as_it_is() -> None:
    page = "<P class=a>1 &amp; 2<br>{{ x }}"
    assert email(content=page)["html"] == page


def test_html_that_is_not_in_order_is_not_inlined() -> None:
    page = "<style>p{color:red}</style>{% if a %}<div>{% else %}<div class=b>{% endif %}<p>x</p></div>"
    assert email(content=page)["html"] == page


def test_a_loop_over_rows_survives_inlining() -> None:
    page = "<style>td{color:red}</style><table>{% for r in rows %}<tr><td>{{ r }}</td></tr>{% endfor %}</table>"
    assert (
        '<table><tbody>{% for r in rows %}<tr><td style="color: red;">{{ r }}</td></tr>{% endfor %}</tbody></table>'
        in email(content=page)["html"]
    )


def test_the_text_part_is_made_from_the_html_with_its_liquid() -> None:
    text = email(
        content="<h1>Hi {{ name | escape }}</h1>{% if a %}<p>Go <a href='{{ url }}'>there</a></p>{% endif %}"
        "<table>{% for r in rows %}<tr><td>{{ r.n }}</td><td>{{ r.html | safe }}</td></tr>{% endfor %}</table>"
    )["text"]
    assert "Hi {{ name }}" in text
    assert "[there]({{ url }})" in text
    assert "{% for r in rows %}{{ r.n }} {{ r.html | strip_html }}\n{% endfor %}" in text
    assert "<" not in text


def test_mjml_is_compiled_with_its_liquid() -> None:
    made = email(
        mjml="<mjml><mj-head><mj-style inline='inline'>.a{color:red}</mj-style></mj-head><mj-body>{% if a %}"
        "<mj-section>"
        "<mj-column><mj-text>Hi {{ name }}</mj-text><mj-button href='{{ url }}'>go</mj-button></mj-column>"
        "</mj-section>{% endif %}</mj-body></mjml>"
    )
    assert "mj-text" not in made["html"]
    assert made["html"].index("{% if a %}") < made["html"].index("Hi {{ name }}") < made["html"].index("{% endif %}")
    assert 'href="{{ url }}"' in made["html"]
    assert "Hi {{ name }}" in made["text"]


def test_mjml_faults_name_their_place() -> None:
    assert faults(mjml="<mjml>\n<mj-body>{{ a_long_name }}\n <mj-sektion /></mj-body></mjml>") == [
        ("mjml", "unknown MJML tag <mj-sektion>", 3, 2)
    ]
    assert faults(mjml="<mjml><mj-body>{{ a_long_name }}\n <mj-section></mj-body></mjml>") == [
        ("mjml", "not valid MJML: unexpected </mj-body>, <mj-section> is open", 2, 14)
    ]


def test_mjml_in_the_wrong_place_is_refused_with_its_place() -> None:
    section = "{% if a %}<mj-section><mj-column><p>lost</p></mj-column></mj-section>{% endif %}"
    assert faults(mjml=f"<mjml><mj-body>\n  {section}</mj-body></mjml>") == [
        ("mjml", "<p> cannot stand in <mj-column>", 2, 36)
    ]
    assert faults(mjml="<mjml><mj-body><mj-text>x</mj-text></mj-body></mjml>") == [
        ("mjml", "<mj-text> cannot stand in <mj-body>", 1, 16)
    ]


def test_a_fault_that_a_tool_finds_has_a_place() -> None:
    column = "<mj-column width='{{ w }}'><mj-text>x</mj-text></mj-column>"
    assert faults(mjml=f"<mjml><mj-body><mj-section>\n{column}</mj-section></mj-body></mjml>") == [
        ("mjml", "{{ w }} cannot stand at this place", 2, 19)
    ]


def test_a_fault_of_the_whole_is_placed_where_the_author_wrote_it() -> None:
    layout = "<mjml><mj-body><mj-section>{% block content %}{% endblock %}</mj-section></mj-body></mjml>"
    own = "{% layout '_l' %}\n{% block content %}\n  <mj-column width='{{ w }}'></mj-column>{% endblock %}"
    with pytest.raises(TemplateInvalid) as refused:
        Compiler().compile(
            "n", "en", TemplateParts(mjml=own), {}, fragments={"_l": Fragment(1, "en", {"mjml": layout}, {})}
        )
    [problem] = refused.value.problems
    assert (problem.line, problem.column) == (3, 21)
    assert problem.message == "with its layout and partials: {{ w }} cannot stand at this place"


def test_liquid_in_a_preview_text_survives() -> None:
    preview = "{% if a %}{{ a }}{% endif %}"
    page = f"<mjml><mj-head><mj-preview>{preview}</mj-preview></mj-head><mj-body></mj-body></mjml>"
    assert preview in email(mjml=page)["html"]


def test_a_link_that_shows_its_address_is_written_once() -> None:
    assert email(content="<a href='{{ url }}'>{{ url }}</a>")["text"] == "{{ url }}"


def test_every_faulty_part_is_named_once_with_line_and_column() -> None:
    assert faults({"fr": TemplateParts(subject="{{ a | nope }}")}, content="a\n {% if x %}b", subject="{{ a") == [
        ("subject", "unexpected end of template, expected '}}'", 1, 1),
        ("content", "unexpected end of template, expected 'endif'", 2, 13),
        ("translations.fr.subject", "unknown filter 'nope'", 1, 8),
    ]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{% bogus %}", "unexpected tag 'bogus'"),
        ("{% endif %}", "unexpected tag 'endif'"),
        ("{{ a | replace }}", "replace: missing a required argument: 'seq'"),
        ("{{ a | upcase: 1 }}", "upcase: too many positional arguments"),
        ("{% break %}", "{% break %} outside of a loop"),
        ("{{ a b }}", "expected end of expression, found word"),
        ("{% for a in %}{% endfor %}", "expected a primitive expression, found end of expression"),
        ("{% raw %}", "unexpected end of template, expected 'endraw'"),
    ],
)
def test_bad_liquid_is_refused(source: str, message: str) -> None:
    assert [fault[:2] for fault in faults(content=source)] == [("content", message)]


def test_a_translation_takes_what_it_leaves_out_from_the_default_language() -> None:
    made = compiled({"fr": TemplateParts(subject="Bonjour")}, subject="Hello", content="<p>{{ x }}</p>").locales["fr"]
    assert made.email == {"subject": "Bonjour", "html": "<p>{{ x }}</p>", "text": "{{ x }}"}


def test_a_translated_body_replaces_every_form_of_the_default_one() -> None:
    made = compiled({"fr": TemplateParts(content="<p>F</p>")}, html="<p>E</p>", text="E").locales["fr"]
    assert made.email == {"subject": "Welcome", "html": "<p>F</p>", "text": "F"}


def test_the_templates_own_language_is_no_translation() -> None:
    assert faults({"EN": TemplateParts(subject="x")}, content="x") == [
        ("translations.EN", "is the template's own language", None, None)
    ]


def test_required_variables_are_found_in_all_parts_and_languages() -> None:
    made = compiled(
        {"fr": TemplateParts(subject="{{ nom }}")}, subject="{{ a }}", content="{{ b }}{{ c | default: 1 }}"
    )
    assert made.required_variables == ("a", "b", "nom")


def test_text_that_only_looks_like_html_stays_a_template() -> None:
    made = sources(Channel.SMS, content="5 <{{ a }}> {% if b %}<{% endif %} 7")
    assert made.sms == {"text": "5 <{{ a }}> {% if b %}<{% endif %} 7"}
