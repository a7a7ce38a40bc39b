"""The child process that compiles drafts: `python -m angarium.services.templates.drafting.compiling_child`."""

import msgspec

from angarium.contracts.templates import TemplateVersionCreate
from angarium.platform.children.serving import Handle, Working, serve
from angarium.rendering.compile import Compiler
from angarium.rendering.problems import TemplateInvalid, TemplateProblem
from angarium.services.templates.drafting.compiling import CompileAnswer, CompileFault, CompileJob
from angarium.services.templates.drafting.making import make_draft


def handler(compiler: Compiler) -> Handle:
    """Compiles one draft at a time; the answer has the draft or its errors."""

    def handle(job: bytes, working: Working) -> bytes:
        asked = msgspec.json.decode(job, type=CompileJob)
        body = TemplateVersionCreate.model_validate(asked.body)
        try:
            draft = make_draft(compiler, asked.code, body, asked.fragments, working)
        except TemplateInvalid as invalid:
            return msgspec.json.encode(CompileAnswer(faults=[_fault(problem) for problem in invalid.problems]))
        source, compiled = draft.source.model_dump(mode="json"), draft.compiled.model_dump(mode="json")
        return msgspec.json.encode(CompileAnswer(source, compiled))

    return handle


def _fault(problem: TemplateProblem) -> CompileFault:
    return CompileFault(problem.field, problem.message, problem.line, problem.column)


if __name__ == "__main__":
    serve(handler(Compiler()))
