"""The tables of `users_db`, each declared by its resource."""

from angarium.services.users.erasures import schema as erasures
from angarium.services.users.imports import schema as imports
from angarium.services.users.people import schema as people

SCHEMAS = (people.metadata, imports.metadata, erasures.metadata)
