"""What every group of options is made of."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from mpineat import registry

Rate = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]


class Named:
    """Marks an option that holds a name of the registry: `Annotated[str, Named("strategy")]`."""

    def __init__(self, kind: str) -> None:
        """Take any name of this kind."""
        self.kind = kind

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Check the name where a configuration is validated."""
        return core_schema.no_info_after_validator_function(self._known, handler(source))

    def _known(self, name: str) -> str:
        if not registry.known(self.kind, name):
            raise ValueError(f"expected one of {', '.join(registry.names(self.kind))}, found {name!r}")
        return name


def option(default: Any, meaning: str, **limits: Any) -> Any:
    """Return a field whose meaning `mpineat check --options` prints."""
    return Field(default, description=meaning, **limits)


class Section(BaseModel):
    """A frozen group of options that refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
