"""The prices behind an estimate: us-east-1, in US dollars, without tax, free tiers and discounts.

prices.json holds each price with its source and the day when the source was read. Some AWS pages fill in their figures
by script and could not be read: those prices are as commonly quoted and have no such day. No price was checked against
a bill.
"""

from importlib.resources import files
from types import MappingProxyType
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

# Hours of a month in AWS' own calculations.
MONTH = 730


class Price(BaseModel):
    """The price of one unit.

    Attributes:
        dollars: for one `unit`.
        source: the page with the price.
        read: the day when a stored copy of that page was read (ISO 8601); None where it could not be read.
        note: conditions of the price.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dollars: Annotated[float, Field(gt=0)]
    unit: str
    source: str
    read: str | None = None
    note: str = ""

    def of(self, amount: float) -> float:
        """Return the dollars for so many units."""
        return self.dollars * amount


PRICES = MappingProxyType(
    TypeAdapter(dict[str, Price]).validate_json(files(__package__).joinpath("prices.json").read_bytes())
)


def cost(name: str, amount: float) -> float:
    """Return the dollars for `amount` units of the price with this name in prices.json.

    Raises:
        KeyError: prices.json has no such name.
    """
    return PRICES[name].of(amount)
