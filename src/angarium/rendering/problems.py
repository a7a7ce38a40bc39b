"""What can be wrong with a template, when it is saved and when it is rendered.

AngariumError
├── TemplateProblem    one fault in one part, found at save
├── TemplateInvalid    all the faults found at save
└── RenderFailed       a saved template cannot be rendered with these variables; another attempt would not help
    └── RenderTooSlow  … within the time that it was given
"""

from collections.abc import Sequence

from angarium.contracts.errors import AngariumError


class TemplateProblem(AngariumError):
    """A part of a template is faulty; `line` and `column` count from 1.

    `quoted`: the piece of the source that is at fault, where no place is known.
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
        """The fault at `index` of `source`."""
        before = source[:index]
        return cls(field, message, before.count("\n") + 1, index - before.rfind("\n"))

    def placed(self, source: str) -> "TemplateProblem":
        """This fault with a place in `source`: where what it quotes first stands."""
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
