"""
Who is who: Program, its sites, phases and terms; Unit, Member, ProductSet; events, their delivery and the job log.

Rows here name people and promises. Points live one floor up, in `ledger`.
"""

from .events import Delivery, Event, Notice
from .jobs import JobRun
from .members import Freeze, Member, Merge
from .product_sets import ProductSet
from .programs import (
    Phase,
    PointWorth,
    Program,
    ProgramSite,
    State,
    TermsVersion,
    Unit,
    code_validator,
    is_counted,
    validate_zone,
)
from .rewards import Reward
from .segments import Segment, SegmentCount, SegmentMember

__all__ = [
    "Delivery",
    "Event",
    "Freeze",
    "JobRun",
    "Member",
    "Merge",
    "Notice",
    "Phase",
    "PointWorth",
    "ProductSet",
    "Program",
    "ProgramSite",
    "Reward",
    "Segment",
    "SegmentCount",
    "SegmentMember",
    "State",
    "TermsVersion",
    "Unit",
    "code_validator",
    "is_counted",
    "validate_zone",
]
