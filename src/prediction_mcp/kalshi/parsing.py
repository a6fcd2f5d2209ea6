"""Answers into models; what doesn't fit is an error, never a guess."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from .errors import MalformedResponseError

M = TypeVar("M", bound=BaseModel)


def parse(model: type[M], content: bytes, what: str) -> M:
    """An answer as a model. Raises MalformedResponseError with the first thing that doesn't fit."""
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the body"
        raise MalformedResponseError(
            f"The exchange's answer to {what} isn't what its API promises ({where}: {first['msg']}): "
            "nothing was made up from it; try again, and report it if it stays."
        ) from None
