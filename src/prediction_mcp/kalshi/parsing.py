"""Answers into models; what doesn't fit is an error, never a guess."""

from __future__ import annotations

from typing import TypeVar

from loguru import logger
from pydantic import BaseModel, ValidationError

from prediction_mcp.net.reading import first_fault

from .answers import error_for, read_refusal
from .errors import MalformedResponseError

M = TypeVar("M", bound=BaseModel)


def parse(model: type[M], content: bytes, what: str) -> M:
    """An answer as a model. Raises MalformedResponseError with the first thing that doesn't fit."""
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        raise MalformedResponseError(
            f"The exchange's answer to {what} isn't what its API promises ({first_fault(error)}): "
            "nothing was made up from it; try again, and report it if it stays."
        ) from None


def parsed(model: type[M], content: bytes, what: str) -> M:
    """The answer to a write. An error body under a 2xx status is a refusal (seen in June 2026): nothing was done."""
    refusal = read_refusal(content)
    if refusal is not None and refusal.code:
        logger.error("a 2xx answer to {} refuses: {}", what, content[:500])
        raise error_for(400, content)
    return parse(model, content, what)
