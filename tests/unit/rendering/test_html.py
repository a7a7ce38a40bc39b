"""CSS inlined: nothing of what an author wrote is lost."""

import pytest

from angarium.rendering.html import inline_css
from angarium.rendering.limits import Limits

RED = "<style>p{color:red}</style>"


def inlined(html: str) -> str:
    return inline_css(html, "content", Limits())


@pytest.mark.parametrize(
    "rule",
    [
        ".critical{background:#c00}",
        "a[href^=https]{color:red}",
        "a:hover{color:red}",
        "p::before{content:'x'}",
        "#outlook a{padding:0}",
        ".ExternalClass *{line-height:100%}",
        "@media print{p{color:blue}}",
        "@font-face{font-family:x;src:url(y)}",
    ],
)
def test_a_rule_that_a_rendering_or_a_client_decides_stays(rule: str) -> None:
    made = inlined(f'<style>{rule}</style><p class="{{{{ severity }}}}"><a href="{{{{ url }}}}">x</a></p>')
    assert rule in made


@pytest.mark.parametrize(
    "rule", ["tr:nth-child(odd)", "tr:first-child", "tr:last-child", "tr + tr", "tr~tr", "tr:only-child"]
)
def test_where_tags_decide_on_elements_their_neighbours_decide_nothing_at_save(rule: str) -> None:
    rows = "<table>{% for r in rows %}<tr><td>{{ r }}</td></tr>{% endfor %}</table>"
    made = inlined(f"<style>td{{color:red}} {rule}{{color:blue}} td{{margin:0}}</style>{rows}")
    assert f"{rule}{{color:blue}}" in made
    assert "<tr>" in made
    assert '<td style="color: red;margin: 0;">' in made
    assert "data-css-inline" not in made


def test_without_tags_neighbours_decide_at_save() -> None:
    made = inlined("<style>tr:nth-child(odd){color:blue}</style><table><tr><td>1<tr><td>2</table>")
    assert made.count('<tr style="color: blue;">') == 1


@pytest.mark.parametrize(
    "css", ["/* } */ p{color:red} tr+tr{x:y}", "p{color:red} @media print{tr+tr{x:y}}", "p{color:red;content:'}'}"]
)
def test_css_is_parted_between_its_rules(css: str) -> None:
    made = inlined(f"<style>{css}</style>{{% if a %}}<p>x</p>{{% endif %}}")
    assert "color: red" in made.partition("</head>")[2]


@pytest.mark.parametrize(
    ("html", "made"),
    [
        ("<p>a</p></div>", "a</p>"),
        ("<p><span>a</p>", "<span>a</span></p>"),
        ("<p><b><i>x</b></i></p>", "<b><i>x</i></b></p>"),
        ("<p>x</br>y</p>", "x<br>y</p>"),
        ('<p><a href="x"class="y">z</a></p>', '<a class="y" href="x">z</a></p>'),
        ('<p>x<svg viewBox="0 0 1 1"><path d="M0"/></svg></p>', "</svg></p>"),
        ("<noscript>n</noscript><p>y</p>", "y</p>"),
    ],
)
def test_html_a_little_out_of_order_is_inlined(html: str, made: str) -> None:
    assert f'<p style="color: red;">{made}' in inlined(RED + html) or (
        '<p style="color: red;">' in inlined(RED + html) and made in inlined(RED + html)
    )


@pytest.mark.parametrize("html", ["<b><p>" * 21, "<div>" * 201 + "</div>" * 201, "</b>" * 21, "<template><p>x</p>"])
def test_html_far_out_of_order_stays_as_it_is(html: str) -> None:
    assert inlined(RED + html) == RED + html


@pytest.mark.parametrize(
    "html",
    [
        "<![if !mso]><p>x</p><![endif]>",
        "<p>x<![if gte mso 9]>y<![endif]></p>",
        "<!--[if mso]><p>x</p><![endif]-->",
        "<!--[if !mso]><!--><p>x</p><!--<![endif]-->",
    ],
)
def test_conditions_for_outlook_stay_conditions(html: str) -> None:
    made = inlined(RED + html)
    assert 'style="color: red;"' in made or "[if mso]" in html
    for condition in ("<![if !mso]>", "<![if gte mso 9]>", "<![endif]>", "<!--[if mso]>", "<!--[if !mso]><!-->"):
        assert (condition in made) == (condition in html)


def test_the_charset_stays_first() -> None:
    made = inlined('<head><meta charset="utf-8"><style>@media print{p{x:y}}</style></head><p>x</p>')
    assert made.index("charset") < made.index("<style")
