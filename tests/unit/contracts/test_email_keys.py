"""Two addresses have one key exactly if they are one person's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from angarium.contracts.addresses import canonical_email, email_key

ONE = {
    "case": ("Ada@Example.COM", "ada@example.com"),
    "plain and with a subdomain's capitals": ("a@Mail.Example.com", "a@mail.example.com"),
    "Unicode and ASCII domain": ("u@straße.example", "u@xn--strae-oqa.example"),
    "capital and small letters of a Unicode domain": ("u@BÜCHER.example", "u@bücher.example"),
    "composed and decomposed domain": ("u@bücher.example", "u@bu\u0308cher.example"),
    "composed and decomposed local part": ("bücher@example.com", "bu\u0308cher@example.com"),
    "capitals of a Unicode local part": ("BÜCHER@example.com", "bücher@example.com"),
    "small letters that compose where capitals do not": ("J\u030c@example.com", "\u01f0@example.com"),
    "full-width domain": ("u@\uff45xample.com", "u@example.com"),
    "Kelvin sign": ("\u212aim@example.com", "kim@example.com"),
    "private domain": ("Ada@Mail.Local", "ada@mail.local"),
}
TWO = {
    "sharp s in the domain": ("u@straße.example", "u@strasse.example"),
    "sharp s in the local part": ("straße@example.com", "strasse@example.com"),
    "final sigma in the domain": ("u@νίκος.example", "u@νίκοσ.example"),
    "ligature in the local part": ("o\ufb03ce@example.com", "office@example.com"),
    "plus tag": ("a+x@example.com", "a@example.com"),
    "dot": ("a.b@example.com", "ab@example.com"),
    "dotless i": ("\u0131@example.com", "i@example.com"),
}


@pytest.mark.parametrize("kind", ONE)
def test_one_person(kind: str) -> None:
    first, second = ONE[kind]
    assert email_key(first) == email_key(second)


@pytest.mark.parametrize("kind", TWO)
def test_two_people(kind: str) -> None:
    first, second = TWO[kind]
    assert email_key(first) != email_key(second)


@given(
    st.text("abyzABYZßẞüÜǰ\u0131İ\u03c3ςΣ\u0308\u030c\u0307ﬃK.+-_09", min_size=1, max_size=8),
    st.sampled_from(["example.com", "straße.example", "Strasse.Example", "νίκος.example", "mail.local", "Mail.TEST"]),
)
def test_the_form_in_which_an_address_is_stored_has_its_key(local: str, domain: str) -> None:
    try:
        stored = canonical_email(f"{local}@{domain}")
    except ValueError:
        return
    key = email_key(stored)
    assert key == email_key(f"{local}@{domain}")
    assert email_key(key) == key
    assert len(key) <= 320


@pytest.mark.parametrize("text", ["", "ada", "@example.com", "ada@", "a b@example.com", "a@b", "a@-.example"])
def test_what_is_no_address_has_no_key(text: str) -> None:
    with pytest.raises(ValueError, match="is not an email address"):
        email_key(text)
