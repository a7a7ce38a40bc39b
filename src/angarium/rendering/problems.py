"""Errors of templates when they are saved and rendered.

AngariumError
├── TemplateProblem    one error in one part, found at save
├── TemplateInvalid    all errors found at save
└── RenderFailed       a saved template cannot be rendered with these variables; permanent
    └── RenderTooSlow  … within the time that it was given
"""

from collections.abc import Sequence

from angarium.contracts.errors import AngariumError


class TemplateProblem(AngariumError):
    """An error in a part of a template; `line` and `column` count from 1.

    `quoted`: the faulty piece of the source if its position is unknown.
    """

    def __init__(
        self, field: str, message: str, line: int | None = None, column: int | None = None, *, quoted: str = ""
    ) -> None:
        self.field = field
        self.message = message
        self.quoted = quoted
        self.line = line
        self.column = column
        place = "" if line is None else f" (line {line}, column {column})"
        super().__init__(f"{field}: {message}{place}")

    @classmethod
    def at(cls, field: str, message: str, source: str, index: int) -> "TemplateProblem":
        """Create the error for `index` in `source`."""
        before = source[:index]
        return cls(field, message, before.count("\n") + 1, index - before.rfind("\n"))

    def placed(self, source: str) -> "TemplateProblem":
        """This error with a position in `source`: the first occurrence of the quoted text."""
        index = source.find(self.quoted) if self.line is None and self.quoted else -1
        return self if index < 0 else TemplateProblem.at(self.field, self.message, source, index)


class TemplateInvalid(AngariumError):
    """Every fault that was found in a template"""

    def __init__(self, problems: Sequence[TemplateProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))


class RenderFailed(AngariumError):
    """The template cannot be rendered with these variables"""

    def __init__(self, part: str, message: str) -> None:
        self.part = part
        self.message = message
        super().__init__(f"{part}: {message}")


class RenderTooSlow(RenderFailed):
    """The template takes longer than it was given"""
