"""The tables of `templates_db`, declared by their resource."""

from angarium.services.templates.library import schema as library

SCHEMAS = (library.metadata,)
