import pytest

from benchmarks.document import PAGE, with_section


def test_only_what_stands_between_the_comments_changes() -> None:
    page = "a\n<!-- x -->\nold\n<!-- end of x -->\nb\n"
    assert with_section(page, "x", "new\n") == "a\n<!-- x -->\nnew\n<!-- end of x -->\nb\n"
    assert with_section(with_section(page, "x", "1"), "x", "old") == page


@pytest.mark.parametrize("page", ["nothing", "<!-- x -->\nnever ends"])
def test_a_page_without_the_section_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match="no section 'x'"):
        with_section(page, "x", "new")


@pytest.mark.parametrize("name", ["results", "ladder", "growth"])
def test_the_page_has_the_sections_that_are_written(name: str) -> None:
    with_section(PAGE.read_text(), name, "new")
